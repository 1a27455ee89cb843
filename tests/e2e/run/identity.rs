//! ID tokens: who gets one, what it says, and who verifies it.

use std::fs;
use std::process::Command;

use palisade_tests::{Context, Events, Need, Outcome, python, require};
use serde_json::Value;

use crate::issuer::Served;
use crate::repositories::Repositories;
use crate::running::Running;

/// The grant of a token to runs of the test's own tree.
const GRANT: &str = "
[[grant]]
name = 'id'
provider = 'id-token'
audiences = ['sts.example', 'other.example']
allow = [{ local = true, repository = '*/*' }]
";

/// What steps ask with, and what they print of a token, which would be masked as a whole.
const ASK: &str = r#"ask() { curl -s -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$1"; }; claims() { ask "$1" | cut -d'"' -f6 | cut -d. -f2 | tr '_-' '/+' | base64 -d 2>/dev/null || true; echo; };"#;

/// A runner with an issuer, and this in its configuration.
fn runner(config: &str) -> Context {
    let context = Context::new();
    set_up(&context, config);
    context
}

pub fn set_up(context: &Context, config: &str) {
    let init = ["issuer", "init", "--url", "https://ci.example"];
    let made = context.palisade().args(init).run();
    assert_eq!(made.code, Some(0), "{made}");
    let path = context.config().join("palisade/config.toml");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(path, before + config).unwrap();
}

/// Runs one job of these steps, which has the permission.
fn run_in(context: &Context, steps: &str, args: &[&str]) -> (Outcome, Events) {
    let jobs = crate::steps(steps)
        .replace("    runs-on: x\n", "    runs-on: x\n    env: { ASK: '${{ vars.ASK }}' }\n");
    context.write(
        ".github/workflows/w.yml",
        format!(
            "on: [push, pull_request, pull_request_target]\npermissions: {{ id-token: write }}\njobs:\n{jobs}"
        ),
    );
    let outcome = context.palisade().args(["run", "--json", "--var", &format!("ASK={ASK}")]).args(args).run();
    let events = Events::of(&outcome);
    (outcome, events)
}

fn run(config: &str, steps: &str, args: &[&str]) -> (Outcome, Events) {
    run_in(&runner(config), steps, args)
}

fn has_curl() -> bool {
    require(Need::Program("curl"))
}

const VERIFY: &str = r#"
import datetime, hashlib, hmac, json, sys, jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
keys = jwt.PyJWKSet.from_dict(json.load(open(sys.argv[1])))
client = jwt.PyJWKClient(sys.argv[4] + "/.well-known/jwks.json")
config = json.load(open(sys.argv[2]))
token = open(sys.argv[3]).read().strip()
def verify(token, audience="sts.example", issuer="https://ci.example", **options):
    key = next(k for k in keys.keys if k.key_id == jwt.get_unverified_header(token)["kid"])
    return jwt.decode(token, key, algorithms=config["id_token_signing_alg_values_supported"],
        audience=audience, issuer=issuer,
        options={"require": ["exp", "iat", "nbf", "aud", "iss", "sub", "jti"], **options})
def refused(what, *args, **options):
    try: verify(*args, **options)
    except jwt.PyJWTError as error: print(what, type(error).__name__)
    else: sys.exit(what + ": verified")
claims = verify(token)
served = client.get_signing_key_from_jwt(token)
assert jwt.decode(token, served, algorithms=[served.algorithm_name], audience="sts.example") == claims
head, body, signature = token.split(".")
other = jwt.utils.base64url_encode(json.dumps(claims | {"sub": "repo:acme/app"}).encode()).decode()
header = jwt.get_unverified_header(token)
none = jwt.utils.base64url_encode(json.dumps(header | {"alg": "none"}).encode()).decode()
refused("audience", token, audience="other.example")
refused("issuer", token, issuer="https://ci.example/")
refused("claims", f"{head}.{other}.{signature}")
refused("none", f"{none}.{body}.")
# A public key taken for a shared secret, keys that others name, and keys that a token brings along.
encode = lambda part: jwt.utils.base64url_encode(json.dumps(part).encode()).decode()
for form in (PublicFormat.SubjectPublicKeyInfo,):
    for encoding in (Encoding.PEM, Encoding.DER):
        secret = served.key.public_bytes(encoding, form)
        signed = f"{encode(header | {'alg': 'HS256'})}.{other}"
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        refused("confusion", f"{signed}.{jwt.utils.base64url_encode(mac).decode()}")
for kid in [k.key_id for k in keys.keys if k.key_id != header["kid"]]:
    refused("kid", f"{encode(header | {'kid': kid})}.{body}.{signature}")
for kid in ["", "../../etc/passwd", "x' OR '1'='1", header["kid"] + "\0", header["kid"].swapcase()]:
    try: verify(f"{encode(header | {'kid': kid})}.{body}.{signature}")
    except StopIteration: pass
    else: sys.exit("a key of another name")
own = {"jwk": {"kty": "oct", "k": "AAAA"}, "jku": "https://evil.example/jwks.json", "x5u": "https://evil.example"}
refused("own", f"{encode(header | own)}.{body}.{signature}")
for key in json.load(open(sys.argv[1]))["keys"]:
    assert {"kid", "alg", "use"} <= key.keys() and not {"d", "p", "q", "k", "jku"} & key.keys(), key
# Clocks that are five minutes behind or ahead. That `iat` isn't in the future, the standard doesn't ask for.
class Shifted(datetime.datetime):
    by = 0
    @classmethod
    def now(cls, tz=None):
        return datetime.datetime.fromtimestamp(claims["iat"] + cls.by, tz)
jwt.api_jwt.datetime = Shifted
for Shifted.by in (-299, 0, 299):
    verify(token, verify_iat=False)
for Shifted.by in (-302, 302):
    refused("clock", token, verify_iat=False)
print(header["alg"], header["typ"], claims["exp"] - claims["iat"], claims["iat"] - claims["nbf"])
print(json.dumps(claims))
"#;

#[test]
fn others_verify_a_token_by_what_is_published() {
    let context = runner(&format!(
        "{GRANT}{}",
        GRANT.replace("'id'", "'rsa'").replace(
            "audiences = ['sts.example', 'other.example']",
            "audiences = ['rsa.example']\nalgorithm = 'RS256'",
        )
    ));
    let Some(python) = python().filter(|_| has_curl()) else { return };
    // PyJWT knows nothing of palisade.
    let python = python.program("python3");
    let (outcome, events) = run_in(
        &context,
        r#"
      - run: |
          eval "$ASK"
          ask sts.example | cut -d'"' -f6 > es256
          ask rsa.example | cut -d'"' -f6 > rs256
"#,
        &["--write"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let www = context.root().join("www");
    let published = context.palisade().args(["issuer", "publish", www.to_str().unwrap()]).run();
    assert_eq!(published.code, Some(0), "{published}");
    let served = Served::start(&context);
    let issued: Vec<&Value> = events.of_kind("issued").collect();
    for (index, (file, audience, algorithm)) in
        [("es256", "sts.example", "ES256"), ("rs256", "rsa.example", "RS256")].into_iter().enumerate()
    {
        let verify = VERIFY.replace("sts.example", audience);
        let run = Command::new(&python)
            .args(["-c", &verify])
            .arg(www.join(".well-known/jwks.json"))
            .arg(www.join(".well-known/openid-configuration"))
            .arg(context.work().join(file))
            .arg(format!("http://{}", served.address))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
        let (told, claims) = said.trim().rsplit_once('\n').unwrap();
        assert_eq!(
            told,
            format!(
                "audience InvalidAudienceError\nissuer InvalidIssuerError\nclaims InvalidSignatureError\n\
                 none {}\nconfusion InvalidAlgorithmError\nconfusion InvalidAlgorithmError\n{}\n\
                 own InvalidSignatureError\nclock ImmatureSignatureError\nclock ExpiredSignatureError\n\
                 {algorithm} JWT 300 300",
                told.lines().nth(3).unwrap().trim_start_matches("none "),
                // A key of the other kind.
                told.lines().nth(6).unwrap(),
            )
        );
        let claims: Value = serde_json::from_str(claims).unwrap();
        assert_eq!(claims["sub"], "local:repo:local/work:ref:refs/heads/main");
        assert_eq!(claims["runner_environment"], "self-hosted");
        assert_eq!(claims["job_workflow_ref"], "local/work/.github/workflows/w.yml@refs/heads/main");
        assert_eq!(claims["palisade"]["network"], "none");
        assert!(claims["palisade"]["isolation"].as_str().unwrap().starts_with("sha256:"));
        // The record has all of it but the value.
        let event = issued[index];
        assert_eq!((&event["id"], &event["audience"]), (&claims["jti"], &audience.into()));
        assert_eq!((&event["subject"], &event["step"]), (&claims["sub"], &0.into()));
        let token = fs::read_to_string(context.work().join(file)).unwrap();
        assert!(!outcome.stdout.contains(token.trim().rsplit('.').next().unwrap()), "{outcome}");
    }
}

#[test]
fn only_who_has_the_permission_and_a_grant_has_a_token() {
    let print = "
      - run: env | grep -c ^ACTIONS_ID || true
";
    // No permission: not even a word of it.
    let context = runner(GRANT);
    let (outcome, events) = crate::run_in(&context, &crate::steps(print), &[]);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "0\n"), "{outcome}");
    assert_eq!(events.annotations("notice"), Vec::<&str>::new());
    for (config, why) in [
        ("", "no grant of ID tokens is configured for this runner"),
        (
            &GRANT.replace("'*/*'", "'acme/app'"),
            "`repository`: it must be `acme/app`, and it is `local/work`",
        ),
        (
            &GRANT.replace("local = true", "server = 'https://git.example'"),
            "`local`: this is a run on this machine",
        ),
    ] {
        let (outcome, events) = run(config, print, &[]);
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "0\n"), "{outcome}");
        let told = events.annotations("notice");
        assert!(told.len() == 1 && told[0].contains(why), "{told:?}");
    }
    // A grant, and nobody who signs.
    let context = Context::new();
    fs::create_dir_all(context.config().join("palisade")).unwrap();
    fs::write(context.config().join("palisade/config.toml"), GRANT).unwrap();
    let (outcome, events) = run_in(&context, print, &[]);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "0\n"), "{outcome}");
    assert!(events.annotations("notice")[0].contains("palisade issuer init"), "{outcome}");
}

#[test]
fn a_grant_of_a_step_is_no_other_steps() {
    if !has_curl() {
        return;
    }
    let steps = r#"
      - run: env | grep -c ^ACTIONS_ID || true
      - id: deploy
        run: |
          eval "$ASK"
          ask sts.example | grep -c value
          echo "OLD=$ACTIONS_ID_TOKEN_REQUEST_TOKEN" >> "$GITHUB_ENV"
          echo "URL=$ACTIONS_ID_TOKEN_REQUEST_URL" >> "$GITHUB_ENV"
      - run: |
          env | grep -c ^ACTIONS_ID || true
          curl -s -H "Authorization: bearer $OLD" "$URL&audience=sts.example" || echo "nobody is there"
"#;
    let of_step = GRANT.replace("allow =", "steps = ['deploy']\nallow =");
    let (outcome, events) = run(&of_step, steps, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("a", 0), "0\n");
    assert_eq!(events.step_log("a", 1), "1\n");
    assert!(
        events.step_log("a", 2).starts_with("0\n{\"message\":\"no step that runs now may ask this"),
        "{outcome}"
    );
    assert!(events.annotations("warning").iter().any(|told| told.contains("without the right")), "{outcome}");
    // Where every step may have it, what one step has kept is good for those after it, as at GitHub.
    let (outcome, events) = run(GRANT, steps, &[]);
    assert_eq!(events.step_log("a", 0), "2\n", "{outcome}");
    assert!(events.step_log("a", 2).starts_with("2\n{\"count\":"), "{outcome}");
}

#[test]
fn a_token_is_asked_for_as_at_github_and_not_otherwise() {
    if !has_curl() {
        return;
    }
    let (outcome, events) = run(
        GRANT,
        r#"
      - run: |
          to() { curl -s -o answer -w '%{http_code} ' "$@"; head -c 60 answer; echo; }
          bearer="Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" url=$ACTIONS_ID_TOKEN_REQUEST_URL
          to -H "$bearer" "$url&audience=sts.example" | cut -c1-15
          to -H "$bearer" "$url&audience=elsewhere.example"
          to -H "$bearer" "$url&audience=sts.example&audience=other.example"
          to -H "$bearer" "$url&audience=sts.example%0a"
          to -H "$bearer" "$url&audience=%ff"
          to -H "$bearer" "$url&audience=$(head -c 300 /dev/zero | tr '\0' a)"
          to -H "$bearer" -X POST "$url&audience=sts.example"
          to -H "$bearer" -H "X-Forwarded-For: 1.2.3.4" "$url&audience=sts.example"
          to "$url&audience=sts.example"
          to -H "Authorization: bearer x" "$url&audience=sts.example"
          to -H "$bearer" -H "$bearer" "$url&audience=sts.example"
          to -H "$bearer" "${url%%/id-token*}/latest/meta-data/"
          to -H "$bearer" -H "A: $(head -c 20000 /dev/zero | tr '\0' a)" "$url&audience=sts.example"
          port=${url##*:} port=${port%%/*}
          exec 3<>/dev/tcp/127.0.0.1/$port; printf 'nonsense\r\n\r\n' >&3; head -c 24 <&3; echo; exec 3>&-
          exec 3<>/dev/tcp/127.0.0.1/$port; exec 3>&-
          to -H "$bearer" "$url&audience=sts.example" | cut -c1-15
"#,
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    insta::assert_snapshot!(events.log("a"), @r#"
    200 {"count":15
    403 {"message":"`audiences`: `elsewhere.example` is not among th
    400 {"message":"a parameter is there twice"}
    400 {"message":"`sts.example\\n` is no audience: 1 to 256 printa
    400 {"message":"a parameter isn't percent-encoded UTF-8"}
    400 {"message":"`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa` is no
    405 {"message":"a token is asked for by GET"}
    403 {"message":"what is passed on for others is not answered"}
    401 {"message":"no step that runs now may ask this, or its beare
    401 {"message":"no step that runs now may ask this, or its beare
    401 {"message":"no step that runs now may ask this, or its beare
    401 {"message":"no step that runs now may ask this, or its beare
    431 {"message":"the request is too large"}
    HTTP/1.1 400 Bad Request
    200 {"count":15
    "#);
}

#[test]
fn nothing_that_a_workflow_says_is_a_claim() {
    if !has_curl() {
        return;
    }
    let context = runner(GRANT);
    context.write(
        ".github/workflows/w.yml",
        r#"
name: repo:acme/app:ref:refs/heads/main
run-name: acme/app
on: push
permissions: { id-token: write }
env: { GITHUB_REPOSITORY: acme/app, GITHUB_REF: refs/heads/prod, GITHUB_ACTOR: alice, ASK: '${{ vars.ASK }}' }
jobs:
  acme-app:
    name: acme/app
    runs-on: x
    environment: production
    env: { GITHUB_REPOSITORY_OWNER: acme, GITHUB_EVENT_NAME: push, RUNNER_ENVIRONMENT: github-hosted }
    steps:
      - run: |
          for file in GITHUB_ENV GITHUB_OUTPUT; do echo "GITHUB_REPOSITORY=acme/app" >> "${!file}"; done
          echo '{"repository": {"full_name": "acme/app"}}' > "$GITHUB_EVENT_PATH" || true
      - env: { GITHUB_REF: refs/heads/prod, GITHUB_SHA: c0ffee }
        run: |
          eval "$ASK"
          claims sts.example
"#,
    );
    let outcome = context.palisade().args(["run", "--json", "--var", &format!("ASK={ASK}")]).run();
    let events = Events::of(&outcome);
    let log = events.step_log("acme/app", 1);
    assert_eq!(outcome.code, Some(0), "{:?} {outcome}", events.steps("acme/app"));
    let claims: Value = serde_json::from_str(log.trim()).unwrap_or_else(|e| panic!("{e}: {outcome}"));
    assert_eq!(claims["sub"], "local:repo:local/work:ref:refs/heads/main");
    for (claim, value) in [
        ("repository", "local/work"),
        ("repository_owner", "local"),
        ("ref", "refs/heads/main"),
        ("actor", "palisade"),
        ("runner_environment", "self-hosted"),
        ("sha", "0000000000000000000000000000000000000000"),
    ] {
        assert_eq!(claims[claim], value, "{claims}");
    }
    // An environment that the configuration hasn't is a word of the workflow.
    assert_eq!(claims.get("environment"), None);
    assert!(!log.contains("acme"), "{log}");
}

#[test]
fn a_grant_that_is_refused_ends_the_step_before_it_begins() {
    let grants = format!(
        "{GRANT}{}{}",
        GRANT.replace("'id'", "'prod'").replace("local = true", "local = true, environment = 'production'"),
        GRANT.replace("'id'", "'here'").replace("allow =", "steps = ['here']\nallow ="),
    );
    let steps = |grants: &str| {
        format!("\n      - id: s\n        env: {{ PALISADE_GRANTS: '{grants}' }}\n        run: echo began\n")
    };
    for (asked, why) in [
        (
            "prod",
            "failure: the grant `prod` is refused: `environment`: it must be `production`, and the job has no environment that the configuration has",
        ),
        (
            "id, here",
            "failure: the grant `here` is refused: `steps`: it is for the step `here`, and this one is `s`",
        ),
        ("id nobody", "failure: no grant is called `nobody` in this runner's configuration"),
    ] {
        let (outcome, events) = run(&grants, &steps(asked), &[]);
        assert_eq!(outcome.code, Some(3), "{outcome}");
        assert_eq!(events.steps("a"), [why]);
        assert_eq!(events.log("a"), "");
        assert_eq!(events.of_kind("issued").count(), 0);
    }
    let (outcome, events) = run(&grants, &steps("id"), &[]);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "began\n"), "{outcome}");
    // A job without the permission can't ask.
    let context = runner(&grants);
    let (outcome, events) = crate::run_in(&context, &crate::steps(&steps("id")), &[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(events.steps("a")[0].contains("`permissions`: the job needs `id-token: write`"), "{outcome}");
    // A workflow that says that it may fail goes on.
    let (outcome, events) = run(&grants, &(steps("prod") + "        continue-on-error: true\n"), &[]);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), ""), "{outcome}");
    // What a step before it says is no asking.
    let (outcome, events) = run(
        &grants,
        "
      - run: echo PALISADE_GRANTS=prod >> $GITHUB_ENV
      - run: echo \"began [$PALISADE_GRANTS]\"
",
        &[],
    );
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "began []\n"), "{outcome}");
    assert!(events.annotations("warning")[0].contains("rule `grants`"), "{outcome}");
}

#[test]
fn forks_have_nothing_unless_they_are_named() {
    let context = runner(GRANT);
    let print = "
      - run: env | grep -c ^ACTIONS_ID || true
";
    let payload = |repository: &str| {
        format!(
            r#"{{"number": 1, "pull_request": {{"head": {{"ref": "x", "repo": {repository}}}}}, "repository": {{"full_name": "acme/app"}}}}"#
        )
    };
    for (event, from, has) in [
        ("pull_request", r#"{"full_name": "acme/app"}"#, "2\n"),
        ("pull_request", r#"{"full_name": "eve/app"}"#, "0\n"),
        ("pull_request", "null", "0\n"),
        ("pull_request_target", r#"{"full_name": "acme/app"}"#, "0\n"),
        ("pull_request_target", r#"{"full_name": "eve/app"}"#, "0\n"),
    ] {
        let file = context.root().join("event.json");
        fs::write(&file, payload(from)).unwrap();
        let args = ["--event", event, "--event-file", file.to_str().unwrap()];
        let (outcome, events) = run_in(&context, print, &args);
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), has), "{event} {from}\n{outcome}");
    }
}

#[test]
fn an_approved_environment_is_a_claim() {
    if !has_curl() {
        return;
    }
    let context = runner(&format!(
        "{}[environment.production]\nbranches = ['main']\n",
        GRANT.replace("local = true", "local = true, environment = 'production'")
    ));
    let steps = r#"
      - run: |
          eval "$ASK"
          claims sts.example
"#;
    context.write(
        ".github/workflows/w.yml",
        format!(
            "on: push\npermissions: {{ id-token: write }}\njobs:\n{}",
            crate::steps(steps).replace(
                "    runs-on: x\n",
                "    runs-on: x\n    environment: production\n    env: { ASK: '${{ vars.ASK }}' }\n"
            )
        ),
    );
    let outcome = context.palisade().args(["run", "--json", "--var", &format!("ASK={ASK}")]).run();
    let events = Events::of(&outcome);
    let claims: Value =
        serde_json::from_str(events.log("a").trim()).unwrap_or_else(|e| panic!("{e}: {outcome}"));
    assert_eq!(claims["sub"], "local:repo:local/work:environment:production");
    assert_eq!(
        (&claims["environment"], &claims["palisade"]["approved"]),
        (&"production".into(), &false.into())
    );
}

#[test]
fn a_workflow_of_another_owner_has_nothing() {
    let forge = Repositories::new();
    set_up(&forge.context, GRANT);
    forge.commit(
        "eve/shared",
        &[(
            ".github/workflows/d.yml",
            "on: { workflow_call: {} }\njobs:\n  d:\n    runs-on: x\n    steps:\n      - run: env | grep -c ^ACTIONS_ID || true\n",
        )],
    );
    forge.context.write(
        ".github/workflows/w.yml",
        "on: push\npermissions: { id-token: write }\njobs:\n  a:\n    uses: eve/shared/.github/workflows/d.yml@main\n",
    );
    let (outcome, events) = forge.start(&[]);
    assert_eq!((outcome.code, events.log("a / d").as_str()), (Some(0), "0\n"), "{outcome}");
    assert!(events.annotations("notice")[0].contains("a workflow of another owner"), "{outcome}");
    // The caller has no permission: what it calls can't take it.
    forge.context.write(
        ".github/workflows/w.yml",
        "on: push\njobs:\n  a:\n    uses: eve/shared/.github/workflows/e.yml@main\n",
    );
    forge.commit(
        "eve/shared",
        &[(
            ".github/workflows/e.yml",
            "on: { workflow_call: {} }\npermissions: { id-token: write }\njobs:\n  d:\n    runs-on: x\n    steps:\n      - run: true\n",
        )],
    );
    let (outcome, events) = forge.start(&[]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert!(events.reason("a / d").contains("`id-token: write`"), "{outcome}");
}

#[test]
fn the_endpoint_is_inside_of_every_network_but_the_hosts() {
    if !has_curl() {
        return;
    }
    let ask = r#"
      - run: |
          eval "$ASK"
          ask sts.example | cut -c1-9
"#;
    let context = runner(GRANT);
    for net in ["none", "allow", "audit"] {
        let (outcome, events) = run_in(&context, ask, &["--net", net]);
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "{\"count\":\n"), "{net}\n{outcome}");
    }
    let print = "
      - run: env | grep -c ^ACTIONS_ID || true
";
    let (outcome, events) = run_in(&context, print, &["--net", "host"]);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "0\n"), "{outcome}");
    assert!(events.annotations("notice")[0].contains("every process of this machine could ask"), "{outcome}");
    let (outcome, _) =
        run_in(&context, "\n      - env: { PALISADE_GRANTS: id }\n        run: exit 1\n", &["--net", "host"]);
    assert_eq!(outcome.code, Some(3), "{outcome}");
}

#[test]
fn nobody_outside_of_the_job_reaches_its_endpoint() {
    let context = runner(GRANT);
    context.write(
        ".github/workflows/w.yml",
        format!(
            "on: push\npermissions: {{ id-token: write }}\njobs:\n{}",
            crate::steps(
                "
      - run: |
          echo \"at ${ACTIONS_ID_TOKEN_REQUEST_URL%%/id-token*} end\"
          sleep 300
"
            )
        ),
    );
    let mut running = Running::start(&context, ".github/workflows/w.yml");
    let event =
        running.until(|event| event["text"].as_str().is_some_and(|text| text.starts_with("at http://127")));
    let address = event["text"].as_str().unwrap().trim_start_matches("at http://").trim_end_matches(" end\n");
    let refused = std::net::TcpStream::connect(address).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    // Nor is it to be seen.
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    assert!(!sockets.contains(&format!("0100007F:{port:04X} ")), "{sockets}");
    running.interrupt();
    running.end();
}

#[test]
fn no_process_of_another_step_reads_the_bearer() {
    let steps = r#"
      - run: |
          (while sleep 0.05; do
            echo >> /tmp/tries
            for process in /proc/[0-9]*; do
              tr '\0' '\n' < $process/environ 2>/dev/null | grep ^ACTIONS_ID_TOKEN_REQUEST_TOKEN= >> /tmp/stolen
            done
          done) > /dev/null 2>&1 &
      - id: deploy
        run: test -n "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" && sleep 1
      - run: test -s /tmp/tries; cat /tmp/stolen 2>/dev/null | wc -l
"#;
    let of_step = GRANT.replace("allow =", "steps = ['deploy']\nallow =");
    let (outcome, events) = run(&of_step, steps, &["--keep-stragglers"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("a", 2), "0\n", "{outcome}");
}

#[test]
fn many_ask_at_once() {
    if !has_curl() {
        return;
    }
    let (outcome, events) = run(
        GRANT,
        r#"
      - run: |
          for n in $(seq 200); do
            printf 'url = "%s&audience=sts.example"\noutput = "answer%s"\n' "$ACTIONS_ID_TOKEN_REQUEST_URL" $n
          done > all
          curl -s --no-progress-meter --parallel --parallel-immediate --parallel-max 200 -K all -H "Authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN"
          cat answer* | grep -o '"value"' | wc -l
"#,
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("a").starts_with("200\n"), "{outcome}");
    let ids: std::collections::HashSet<&str> =
        events.of_kind("issued").filter_map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), 200);
}

#[test]
fn the_keys_are_out_of_every_jobs_sight() {
    // The state directory in the tree that jobs see.
    let context = Context::new();
    let state = context.work().join("state");
    let state = state.to_str().unwrap();
    let made =
        context.palisade().args(["issuer", "init", "--url", "https://ci.example", "--state", state]).run();
    assert_eq!(made.code, Some(0), "{made}");
    fs::create_dir_all(context.config().join("palisade")).unwrap();
    fs::write(context.config().join("palisade/config.toml"), GRANT).unwrap();
    let ask = "
      - env: { PALISADE_GRANTS: id }
        run: echo began
";
    let (outcome, events) = run_in(&context, ask, &["--state", state]);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(1), ""), "{outcome}");
    assert!(events.steps("a")[0].contains("with the issuer's keys, is in"), "{outcome}");
    // What others can read signs nothing.
    let context = runner(GRANT);
    for entry in fs::read_dir(context.state().join("palisade/issuer")).unwrap() {
        let path = entry.unwrap().path();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    }
    if !has_curl() {
        return;
    }
    let (outcome, events) = run_in(
        &context,
        r#"
      - run: |
          eval "$ASK"
          ask sts.example
          ls ~/.local/state /var/lib/palisade 2>/dev/null | wc -l
"#,
        &[],
    );
    assert!(events.log("a").contains("chmod 600") && events.log("a").ends_with("0\n"), "{outcome}");
}
