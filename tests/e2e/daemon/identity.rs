//! Identity of a forge's jobs.

use std::io::{Read, Write};
use std::net::TcpStream;

use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Forge, ID_TOKEN_REQUEST, Job};
use palisade_tests::{Need, require};
use serde_json::{Value, json};

use crate::host::Host;

const ASK: &str = r#"
        run: |
          ask() { curl -s -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$1"; }
          ask sts.example > answer || true
          echo "[$(cut -d'"' -f6 answer | cut -d. -f2 | tr '_-' '/+' | base64 -d 2>/dev/null || true)]"
          echo "runtime [${ACTIONS_RUNTIME_TOKEN:+there}]"
"#;

fn workflow(more: &str) -> String {
    format!("on: push\n{more}jobs:\n  test:\n    runs-on: host\n    steps:\n      - id: ask{ASK}")
}

fn grant(forge: &Forge, more: &str) -> String {
    let server = forge.url();
    format!(
        "[[grant]]\nname = 'id'\nprovider = 'id-token'\naudiences = ['sts.example']\n{more}\n\
         allow = [{{ server = '{}', repository = 'root/demo', ref = 'refs/heads/main' }}]\n",
        server.trim_end_matches('/')
    )
}

fn host(forge: &Forge, config: &str) -> Host {
    let host = Host::at(forge);
    host.palisade(&["issuer", "init", "--url", "https://ci.example"]).run();
    host.configure(config);
    host
}

#[test]
fn a_job_is_who_its_forge_says() {
    if !require(Need::Program("curl")) {
        return;
    }
    let forge = Forge::start();
    let mut host = host(&forge, &grant(&forge, ""));
    host.start();
    let permissions = "permissions: { id-token: write }\n";
    let task = forge.enqueue(Job::new(&workflow(permissions)));
    let record = forge.closed(task);
    assert_eq!(forge.violations(), Vec::<String>::new());
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    let log = record.log();
    let claims = log
        .lines()
        .find_map(|line| line.split_once("[{"))
        .map(|(_, rest)| format!("{{{}", rest.trim_end_matches(']')));
    let claims: Value = serde_json::from_str(&claims.unwrap_or_else(|| panic!("{log}"))).unwrap();
    assert_eq!(claims["sub"], "repo:root/demo:ref:refs/heads/main");
    assert_eq!(claims["aud"], "sts.example");
    assert_eq!(claims["iss"], "https://ci.example");
    assert_eq!(claims["job_workflow_ref"], "root/demo/ci.yml@refs/heads/main");
    assert_eq!(claims["palisade"]["source"], "forge");
    assert_eq!(claims["palisade"]["server"], forge.url().trim_end_matches('/'));
    assert!(log.contains("runtime [there]"), "{log}");
    let issued = "::notice::issued id-token of grant id for repo:root/demo:ref:refs/heads/main to sts.example, until 20";
    assert!(log.contains(issued), "{log}");

    // Neither a branch nor a fork has a word of it.
    let fork = json!({ "pull_request": { "head": { "repo": { "full_name": "eve/demo" } } } });
    let branch = Job::new(&workflow(permissions)).context("ref", "refs/heads/topic");
    let pull = Job::new(&workflow(permissions)).context("event_name", "pull_request").context("event", fork);
    for (job, why) in [(branch, "`ref`: it must be"), (pull, "`fork`: ")] {
        let record = forge.closed(forge.enqueue(job));
        let log = record.log();
        assert!(log.contains("[]") && log.contains(why) && !log.contains("[{"), "{log}");
    }
    host.is_idle();
}

#[test]
fn a_provider_that_is_gone_fails_a_step_and_not_the_daemon() {
    let forge = Forge::start();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = forge.url();
    let allow =
        format!("allow = [{{ server = '{}', repository = 'root/demo' }}]", server.trim_end_matches('/'));
    let keys = format!("address = 'http://{gone}'\nrole = 'ci'\n{allow}\n");
    let config = format!(
        "[[grant]]\nname = 'gone'\nprovider = 'vault'\ntoken = true\n{keys}[[secret]]\nname = 'GONE'\n\
         from = 'secret://vault/secret/data/app#key'\n{keys}"
    );
    let mut host = host(&forge, &config);
    host.start();
    let job = |step: &str| {
        Job::new(&format!(
            "on: push\npermissions: {{ id-token: write }}\njobs:\n  test:\n    runs-on: host\n    steps:\n      - {step}\n"
        ))
    };
    for (step, what) in [
        ("{ run: echo begun, env: { PALISADE_GRANTS: gone } }", "the grant `gone`: "),
        ("run: echo begun ${{ secrets.GONE }}", "cannot fetch the secret `GONE`: "),
    ] {
        let record = forge.closed(forge.enqueue(job(step)));
        let log = record.log();
        assert_eq!(record.conclusion(), Some(Conclusion::Failure), "{log}");
        assert!(log.contains(&format!("{what}Vault can't be reached")) && !log.contains("\nbegun"), "{log}");
    }
    let record = forge.closed(forge.enqueue(job("run: echo goes on")));
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}

#[test]
fn the_forges_own_tokens_are_asked_for_by_the_runner() {
    if !require(Need::Program("curl")) {
        return;
    }
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    // There is no issuer here: none is needed.
    host.configure(&grant(&forge, "issuer = 'forge'"));
    host.start();
    let url = "https://forge.internal/api/actions/_apis/pipelines/workflows/1/idtoken?placeholder=true";
    let offered = || {
        Job::new(&workflow("enable-openid-connect: true\n"))
            .context("forgejo_actions_id_token_request_url", url)
            .context("forgejo_actions_id_token_request_token", ID_TOKEN_REQUEST)
            .context("forgejo_runtime_token", ID_TOKEN_REQUEST)
    };
    let record = forge.closed(forge.enqueue(offered()));
    let log = record.log();
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{log}");
    assert!(
        log.contains(r#"[{"sub":"repo:root/demo:forge","aud":"sts.example","jti":"7","exp":2000000000}]"#),
        "{log}"
    );
    // What the runner asks with is no step's.
    assert!(log.contains("runtime []") && log.contains("steps don't have `ACTIONS_RUNTIME_TOKEN`"), "{log}");
    assert!(!log.contains(ID_TOKEN_REQUEST), "{log}");

    // An address that isn't the forge's own is not asked.
    let elsewhere = offered().context("forgejo_actions_id_token_request_url", "http://127.0.0.1:1/token?x=1");
    let log = forge.closed(forge.enqueue(elsewhere)).log();
    assert!(log.contains("none of its own") && log.contains("[]"), "{log}");
    // Without an offer there is nothing to pass on.
    let log = forge.closed(forge.enqueue(Job::new(&workflow("permissions: { id-token: write }\n")))).log();
    assert!(log.contains("the forge offers this job no tokens"), "{log}");
    host.is_idle();
}

#[test]
fn a_daemon_serves_what_verifies_tokens() {
    let forge = Forge::start();
    let mut host = host(&forge, "[identity]\nserve = '127.0.0.1:0'\n");
    host.start();
    host.says("serving what verifies ID tokens");
    let log = host.log();
    let (_, rest) = log.split_once("address=").unwrap();
    let mut stream = TcpStream::connect(rest.split_whitespace().next().unwrap()).unwrap();
    stream.write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"kid\""), "{answer}");
}
