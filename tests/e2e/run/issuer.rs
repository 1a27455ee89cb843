//! `palisade issuer` and `palisade identity`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use palisade_tests::{Context, Outcome};
use serde_json::Value;

/// `palisade issuer serve`, until this is dropped.
pub struct Served {
    child: Child,
    pub address: String,
}

impl Served {
    pub fn start(context: &Context) -> Served {
        let command = context.palisade().args(["issuer", "serve", "--listen", "127.0.0.1:0"]);
        let mut child = command.into_command().stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("serving on http://").unwrap().to_owned();
        Served { child, address }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn palisade(context: &Context, args: &[&str]) -> Outcome {
    context.palisade().args(args).run()
}

fn ok(context: &Context, args: &[&str]) -> String {
    let outcome = palisade(context, args);
    assert_eq!(outcome.code, Some(0), "{args:?}: {outcome}");
    outcome.stdout
}

fn refused(context: &Context, args: &[&str], code: i32, why: &str) {
    let outcome = palisade(context, args);
    assert_eq!(outcome.code, Some(code), "{args:?}: {outcome}");
    assert!(outcome.stderr.contains(why), "{args:?}: {outcome}");
}

const INIT: [&str; 6] = ["issuer", "init", "--url", "https://ci.example", "--algorithm", "ES256"];

/// What stands behind the names of keys in what `show` prints.
fn standings(said: &str) -> Vec<String> {
    let rows = said.lines().skip(2).take_while(|line| !line.is_empty());
    rows.map(|row| {
        row.split("  ").filter(|cell| !cell.is_empty()).skip(3).collect::<String>().trim().to_owned()
    })
    .collect()
}

#[test]
fn keys_are_made_published_and_rotated() {
    let context = Context::new();
    for action in ["rotate", "show"] {
        refused(&context, &["issuer", action], 2, "palisade issuer init --url");
    }
    refused(&context, &["issuer", "publish", "www"], 2, "palisade issuer init --url");
    refused(&context, &["issuer", "init", "--url", "http://ci.example"], 2, "begins with https://");
    refused(&context, &["issuer", "init", "--url", "https://ci.example/"], 2, "ends with a slash");
    refused(
        &context,
        &["issuer", "init", "--url", "https://ci.example", "--algorithm", "none"],
        2,
        "invalid value",
    );
    ok(&context, &INIT);
    refused(&context, &INIT, 2, "there is an issuer already, `https://ci.example`");
    assert_eq!(standings(&ok(&context, &["issuer", "show"])), ["signs"]);

    ok(&context, &["issuer", "publish", "www"]);
    let document = |name: &str| -> Value {
        let text = fs::read_to_string(context.work().join("www/.well-known").join(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let configuration = document("openid-configuration");
    assert_eq!(configuration["issuer"], "https://ci.example");
    assert_eq!(configuration["jwks_uri"], "https://ci.example/.well-known/jwks.json");
    assert_eq!(configuration["id_token_signing_alg_values_supported"], serde_json::json!(["ES256"]));
    let first = document("jwks.json");
    assert_eq!(first["keys"].as_array().unwrap().len(), 1);
    assert!(first["keys"][0].get("d").is_none());

    assert_eq!(standings(&ok(&context, &["issuer", "rotate"])), ["signs", "not published yet"]);
    ok(&context, &["issuer", "publish", "www"]);
    let keys = document("jwks.json")["keys"].as_array().unwrap().clone();
    assert_eq!((keys.len(), &keys[0]), (2, &first["keys"][0]));
    let standing = standings(&ok(&context, &["issuer", "show"]));
    assert!(standing[0] == "signs" && standing[1].starts_with("signs from "), "{standing:?}");
    // A new kind of key signs at once: nobody can have a copy without it that expects one.
    let standing = standings(&ok(&context, &["issuer", "rotate", "--algorithm", "RS256"]));
    assert_eq!((standing.len(), standing[2].as_str()), (3, "signs"));

    let said = ok(&context, &["issuer", "rotate", "--at-once"]);
    assert_eq!(standings(&said), ["signs", "signs"]);
    ok(&context, &["issuer", "publish", "www"]);
    let now = document("jwks.json")["keys"].as_array().unwrap().clone();
    assert!(now.len() == 2 && keys.iter().all(|old| !now.contains(old)), "{now:?}");
    let files = fs::read_dir(context.state().join("palisade/issuer")).unwrap();
    let private = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "pk8"));
    assert_eq!(private.count(), 2);
}

#[test]
fn what_verifies_tokens_is_served() {
    let context = Context::new();
    refused(&context, &["issuer", "serve", "--listen", "127.0.0.1:0"], 2, "palisade issuer init --url");
    ok(&context, &INIT);
    let Served { address, .. } = &Served::start(&context);
    let ask = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let get = |path: &str| ask(&format!("GET {path} HTTP/1.1\r\nHost: ci.example\r\n\r\n"));
    let keys = get("/.well-known/jwks.json");
    assert!(keys.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), "{keys}");
    assert!(
        keys.contains("Cache-Control: public, max-age=300\r\n") && keys.contains("\"kty\": \"EC\""),
        "{keys}"
    );
    assert!(get("/.well-known/openid-configuration?x").contains("\"issuer\": \"https://ci.example\""));
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /../issuer.json HTTP/1.1\r\n\r\n", "404"),
        ("POST /.well-known/jwks.json HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", "405"),
        ("nonsense\r\n\r\n", "400"),
    ] {
        let answer = ask(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
    }
    let head = ask("HEAD /.well-known/jwks.json HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    // A rotation shows at once, and what was shown is published.
    ok(&context, &["issuer", "rotate"]);
    assert_eq!(get("/.well-known/jwks.json").matches("\"kid\"").count(), 2);
    assert!(standings(&ok(&context, &["issuer", "show"]))[1].starts_with("signs from "));
}

#[test]
fn a_decision_is_explained() {
    let context = Context::new();
    ok(&context, &INIT);
    fs::create_dir_all(context.config().join("palisade")).unwrap();
    let config = "
[environment.production]
[[grant]]
name = 'deploy'
provider = 'id-token'
audiences = ['sts.example']
steps = ['deploy']
allow = [{ server = 'https://git.example', repository = 'acme/app', ref = 'refs/heads/main', environment = 'production' }]
";
    fs::write(context.config().join("palisade/config.toml"), config).unwrap();
    let job =
        "--server https://git.example --repository acme/app --environment production --step deploy --ref";
    let job: Vec<&str> = job.split(' ').collect();
    let with = |start: &[&str], reference: &str| {
        let args: Vec<&str> = start.iter().chain(&job).copied().chain([reference]).collect();
        palisade(&context, &args)
    };
    let claims = with(&["identity", "claims"], "refs/heads/topic");
    let (_, decision) = claims.stdout.split_once("\n}\n").unwrap();
    insta::assert_snapshot!(decision.trim_matches('\n'), @r"
    grant deploy (id-token): refused
      yes  `permissions`: the job needs `id-token: write`, and it has `id-token: write`
      yes  `steps`: it is for the step `deploy`, and this one is `deploy`
      yes  `local`: a job of a forge
      yes  `server`: it must be `https://git.example`, and it is `https://git.example`
      yes  `repository`: it must be `acme/app`, and it is `acme/app`
      no   `ref`: it must be `refs/heads/main`, and it is `refs/heads/topic`
      yes  `environment`: it must be `production`, and it is `production`
    ");
    let token = ["identity", "token", "deploy", "--audience", "sts.example"];
    let outcome = with(&token, "refs/heads/topic");
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(
        outcome.stderr.contains("the grant `deploy` is refused: `ref`: it must be `refs/heads/main`"),
        "{outcome}"
    );
    let outcome = with(&["identity", "token", "deploy", "--audience", "other"], "refs/heads/main");
    assert!(outcome.code == Some(3) && outcome.stderr.contains("`audiences`"), "{outcome}");
    let outcome = with(&["identity", "token", "nobody", "--audience", "sts.example"], "refs/heads/main");
    assert!(outcome.code == Some(2) && outcome.stderr.contains("the configuration has: deploy"), "{outcome}");
    let told = with(&token, "refs/heads/main");
    assert!(told.stdout.contains("\"sub\": \"repo:acme/app:environment:production\""), "{told}");
    let value = with(&[&token[..], &["--value"]].concat(), "refs/heads/main");
    assert_eq!((value.code, value.stdout.trim().split('.').count()), (Some(0), 3), "{value}");
    let json: Value =
        serde_json::from_str(&with(&["identity", "claims", "--json"], "refs/heads/main").stdout).unwrap();
    assert_eq!(json["grants"][0]["allowed"], true);
    refused(
        &context,
        &["identity", "claims", "--server", "https://git.example"],
        2,
        "--server needs --repository",
    );
    refused(&context, &["identity", "claims", "--approved"], 2, "--environment");
}
