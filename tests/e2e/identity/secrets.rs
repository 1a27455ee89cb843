//! `[[secret]]` with providers: fetched for the step that first reads it, and for nobody else. AWS is moto's server; Vault,
//! Google and Azure are stand-ins, from the documentation of their APIs.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use palisade_tests::{Events, Outcome, python};
use serde_json::{Value, json};

use crate::moto::Moto;
use crate::stand_in::{Answer, Asked, StandIn};
use crate::world::World;

const VALUE: &str = "Aeth4ooshoo9ahNgoo1f";
const OBJECT: &str = "{\"number\": 20, \"key\": \"Ohgh4ahshaew9sie\"}";
const TOKEN: &str = "hvs.CAESIeip4ooquo4phohmoo5aiNgeu";
const MAIN: &str = "allow = [{ local = true, repository = 'acme/app', ref = 'refs/heads/main' }]";

/// A stand-in for a Vault. One of its paths has a lease.
fn vault() -> StandIn {
    StandIn::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/v1/auth/jwt/login") if asked.json()["role"] == "ci" => Answer::json(
            200,
            &json!({
                "request_id": "r-1",
                "auth": {
                    "client_token": TOKEN, "accessor": "acc", "policies": ["ci"], "lease_duration": 600,
                    "renewable": true, "token_type": "service",
                },
            }),
        ),
        _ if asked.header("x-vault-token") != TOKEN => {
            Answer::json(403, &json!({ "errors": ["permission denied"] }))
        }
        ("GET", "/v1/secret/data/app") => Answer::json(
            200,
            &json!({ "data": { "data": { "key": VALUE, "empty": "", "object": OBJECT }, "metadata": { "version": 1 } } }),
        ),
        ("GET", "/v1/database/creds/app") => Answer::json(
            200,
            &json!({
                "lease_id": "database/creds/app/1", "lease_duration": 600, "renewable": true,
                "data": { "username": "v-jwt-app-Xa1", "password": VALUE },
            }),
        ),
        ("POST", "/v1/auth/token/revoke-self") => Answer::new(204, ""),
        _ => Answer::json(404, &json!({ "errors": [] })),
    })
}

fn of_vault(address: &str, name: &str, place: &str, allow: &str) -> String {
    format!(
        "[[secret]]\nname = '{name}'\nfrom = 'secret://vault/{place}'\naddress = '{address}'\nrole = 'ci'\n{allow}\n"
    )
}

fn calls(server: &StandIn) -> Vec<String> {
    server.asked().iter().map(|Asked { method, path, .. }| format!("{method} {path}")).collect()
}

/// Runs a workflow of one job that has no permission at all.
fn run(world: &World, job: &str) -> (Outcome, Events) {
    world.context.write(
        ".github/workflows/w.yml",
        format!("on: push\npermissions: {{}}\njobs:\n  a:\n    runs-on: x\n{job}"),
    );
    let outcome = world.palisade(&["run", "--json"]);
    let events = Events::of(&outcome);
    (outcome, events)
}

/// Kinds of events that say when something was fetched, with their steps.
fn order(events: &Events) -> Vec<String> {
    let told = |event: &&Value| {
        let kind = event["event"].as_str().unwrap_or_default();
        ["step_started", "step_finished"].contains(&kind)
            || (kind == "issued" && event["secret"].is_string() && event["provider"] != "id-token")
    };
    let name = |event: &Value| format!("{} {}", event["event"].as_str().unwrap_or_default(), event["step"]);
    events.all().filter(told).map(name).collect()
}

#[test]
fn a_secret_is_fetched_when_a_step_first_reads_it_and_once() {
    let vault = vault();
    let world = World::new();
    let address = vault.url();
    let other = of_vault(&address, "OTHER", "secret/data/app#key", MAIN);
    world.configure(None, &[], &(of_vault(&address, "KEY", "secret/data/app#key", MAIN) + &other));
    let (outcome, events) = run(
        &world,
        "    steps:
      - run: echo nothing is read
      - { if: false, run: 'echo ${{ secrets.KEY }}' }
      - { run: 'echo $K ${#K}; env | grep -c hvs || true', env: { K: '${{ secrets.key }}' } }
      - run: echo ${{ secrets.KEY }} | rev
      - run: echo ${{ secrets.OTHER }}
",
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "nothing is read\n*** 20\n0\n***\n***\n", "{outcome}");
    assert_eq!(
        order(&events),
        [
            "step_started 0",
            "step_finished 0",
            "step_finished 1",
            "step_started 2",
            "issued 2",
            "step_finished 2",
            "step_started 3",
            "step_finished 3",
            "step_started 4",
            "issued 4",
            "step_finished 4",
        ]
    );
    // It is not kept longer than it is needed that by which it was read.
    let read = ["POST /v1/auth/jwt/login", "GET /v1/secret/data/app", "POST /v1/auth/token/revoke-self"];
    assert_eq!(calls(&vault), [read, read].concat());
    let issued: Vec<&Value> = events.of_kind("issued").collect();
    assert_eq!(issued.len(), 4, "{outcome}");
    // The token says who, the secret by which token.
    assert_eq!((&issued[0]["provider"], &issued[0]["secret"]), (&json!("id-token"), &json!("KEY")));
    assert_eq!(issued[0]["record"]["repository"], "acme/app");
    assert_eq!((&issued[1]["provider"], &issued[1]["id"]), (&json!("vault"), &issued[0]["id"]));
    assert_eq!(issued[1]["record"]["read"], "secret/data/app");
    assert_eq!(issued[1]["record"]["request"], "r-1");
    // A step is named before the secret is there.
    let names: Vec<&Value> = events.of_kind("step_started").map(|event| &event["name"]).collect();
    assert_eq!((names[2], names[3]), (&json!("Run echo *** | rev"), &json!("Run echo ***")), "{outcome}");
    for shown in [VALUE, TOKEN] {
        assert!(!outcome.stdout.contains(shown) && !outcome.stderr.contains(shown), "{outcome}");
    }
}

#[test]
fn all_places_that_read_secrets_have_them() {
    let vault = vault();
    let world = World::new();
    let object = of_vault(&vault.url(), "OBJECT", "secret/data/app#object", MAIN);
    world.configure(None, &[], &(of_vault(&vault.url(), "KEY", "secret/data/app#key", MAIN) + &object));
    let steps = |steps: &str| format!("    steps:\n{steps}\n");
    for job in [
        // The settings of a job, and of the whole.
        "    env: { K: '${{ secrets.KEY }}' }\n    steps:\n      - run: echo ${#K}\n".to_owned(),
        steps("      - run: echo ${{ secrets.KEY != '' && 20 }}"),
        steps("      - run: echo ${{ fromJSON(toJSON(secrets)).KEY != '' && 20 }}"),
        steps("      - { run: 'echo ${#K}', env: { K: \"${{ secrets[format('K{0}', 'EY')] }}\" } }"),
        steps("      - { run: 'echo ${#K}', if: env.K, env: { K: '${{ secrets.KEY }}' } }"),
        steps("      - { run: 'echo ${#K}', if: \"env.K != ''\", env: { K: '${{ secrets.KEY }}' } }"),
        steps("      - { run: 'echo ${#K}', if: always(), env: { K: '${{ secrets.KEY }}' } }"),
        steps("      - { run: echo $N, if: always(), env: { N: '${{ fromJSON(secrets.OBJECT).number }}' } }"),
        steps(
            "      - { run: exit 3, continue-on-error: \"${{ secrets.KEY != '' }}\" }\n      - run: echo 20",
        ),
        steps("      - uses: ./act\n        with: { key: '${{ secrets.KEY }}' }"),
    ] {
        world.context.write(
            "act/action.yml",
            "inputs: { key: {} }\nruns:\n  using: composite\n  steps:\n    - { shell: bash, run: 'echo ${#K}', env: { K: '${{ inputs.key }}' } }\n",
        );
        let (outcome, events) = run(&world, &job);
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "20\n"), "{job}\n{outcome}");
        assert!(!outcome.stdout.contains(VALUE), "{outcome}");
    }
    // Only the outputs of a job read it: they are withheld, since it is one.
    let (outcome, events) =
        run(&world, "    outputs: { k: '${{ secrets.KEY }}' }\n    steps:\n      - run: 'true'\n");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.annotations("warning")[0].contains("output `k` was withheld"), "{outcome}");
}

#[test]
fn a_job_that_may_not_have_it_asks_nobody() {
    let vault = vault();
    let world = World::new();
    let other = MAIN.replace("heads/main", "heads/other");
    world.configure(None, &[], &of_vault(&vault.url(), "KEY", "secret/data/app#key", &other));
    let (outcome, events) = run(&world, "    steps:\n      - run: echo \"[${{ secrets.KEY }}]\"\n");
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(0), "[]\n"), "{outcome}");
    let told = "secret `KEY` is withheld, so it is empty: `ref`: ";
    assert!(events.annotations("warning").iter().any(|text| text.starts_with(told)), "{outcome}");
    assert_eq!(calls(&vault), [""; 0]);
}

#[test]
fn what_is_leased_is_taken_back_when_the_job_has_ended() {
    let vault = vault();
    let world = World::new();
    world.configure(None, &[], &of_vault(&vault.url(), "PASSWORD", "database/creds/app#password", MAIN));
    let (outcome, events) = run(
        &world,
        "    steps:
      - run: echo ${{ secrets.PASSWORD }}
      - run: echo ${{ secrets.PASSWORD }}; exit 3
",
    );
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(1), "***\n***\n"), "{outcome}");
    let read = ["POST /v1/auth/jwt/login", "GET /v1/database/creds/app", "POST /v1/auth/token/revoke-self"];
    assert_eq!(calls(&vault), read);
}

#[test]
fn a_provider_that_fails_fails_the_step() {
    let vault = vault();
    let closed = StandIn::start(|_| Answer::json(503, &json!({ "errors": ["Vault is sealed"] })));
    let world = World::new();
    for (address, place, why) in [
        (
            &vault,
            "secret/data/app#none",
            "`secret/data/app` has no field `none`; it has `key`, `empty`, `object`",
        ),
        (&vault, "secret/data/none#key", "HTTP status 404: there is nothing at `secret/data/none`"),
        (&vault, "secret/data/app#empty", "the value is empty"),
        (&closed, "secret/data/app#key", "Vault refused: HTTP status 503: Vault is sealed"),
    ] {
        world.configure(None, &[], &of_vault(&address.url(), "KEY", place, MAIN));
        let (outcome, events) = run(
            &world,
            "    steps:
      - { id: first, run: 'echo ${{ secrets.KEY }} is never run', continue-on-error: true }
      - run: echo first ${{ steps.first.outcome }}
      - { env: { K: '${{ secrets.KEY }}' }, run: echo never }
      - { if: always(), run: echo always }
",
        );
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert_eq!(events.log("a"), "first failure\nalways\n", "{outcome}");
        for step in [0, 2] {
            let said = &events.steps("a")[step];
            assert!(
                said.contains("cannot fetch the secret `KEY`: ") && said.contains(why),
                "{said}\n{outcome}"
            );
        }
    }
}

#[test]
fn an_administrator_tries_a_secret_without_seeing_it() {
    let vault = vault();
    let world = World::new();
    let other = of_vault(&vault.url(), "OTHER", "secret/data/app#key", &MAIN.replace("/main", "/other"));
    let config = of_vault(&vault.url(), "KEY", "secret/data/app#key", MAIN) + &other;
    let file = world.context.root().join("kept");
    std::fs::write(&file, VALUE).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    let here = format!("[[secret]]\nname = 'HERE'\nfrom = 'secret://file{}'\n{MAIN}\n", file.display());
    world.configure(None, &[], &(config + &here));
    let claims = world.palisade(&["identity", "claims"]);
    for told in
        ["secret KEY (vault): allowed", "secret OTHER (vault): refused", "secret HERE (file): allowed"]
    {
        assert!(claims.stdout.contains(told), "no `{told}` in\n{claims}");
    }
    assert_eq!(calls(&vault), [""; 0]);
    let tried = world.palisade(&["identity", "test", "key"]);
    assert_eq!(tried.code, Some(0), "{tried}");
    assert!(tried.stdout.starts_with("secret key (vault): allowed\n"), "{tried}");
    assert!(tried.stdout.contains("  read      secret/data/app\n"), "{tried}");
    let read = ["POST /v1/auth/jwt/login", "GET /v1/secret/data/app", "POST /v1/auth/token/revoke-self"];
    assert_eq!(calls(&vault), read);
    let as_json = world.palisade(&["identity", "test", "HERE", "--json"]);
    let said: Value = serde_json::from_str(&as_json.stdout).expect("JSON");
    assert_eq!((&said["secret"], &said["provider"]), (&json!("HERE"), &json!("file")));
    let refused = world.palisade(&["identity", "test", "OTHER"]);
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(
        refused.stderr.contains("the secret `OTHER` is refused: `ref`: it must be `refs/heads/other`"),
        "{refused}"
    );
    for shown in [claims, tried, as_json, refused] {
        assert!(!shown.stdout.contains(VALUE) && !shown.stderr.contains(VALUE), "{shown}");
    }
    let unknown = world.palisade(&["identity", "test", "NONE"]);
    assert_eq!(unknown.code, Some(2), "{unknown}");
}

#[test]
fn a_run_that_is_cancelled_does_not_wait_for_an_answer() {
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let silent = StandIn::start(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        Answer::silence()
    });
    let world = World::new();
    let grant = format!(
        "[[grant]]\nname = 'g'\nprovider = 'vault'\naddress = '{}'\nrole = 'ci'\ntoken = true\n{MAIN}\n",
        silent.url()
    );
    world.configure(None, &[], &(of_vault(&silent.url(), "KEY", "secret/data/app#key", MAIN) + &grant));
    for step in ["run: 'echo ${{ secrets.KEY }}'", "{ run: echo never, env: { PALISADE_GRANTS: g } }"] {
        asked.store(0, Ordering::SeqCst);
        world.workflow(&format!("      - {step}\n      - {{ if: cancelled(), run: echo last }}\n"));
        let mut command = world.context.palisade().args(["run", "--json"]).into_command();
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("palisade starts");
        while asked.load(Ordering::SeqCst) == 0 {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let pid = nix::unistd::Pid::from_raw(child.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).expect("it lives");
        let mut stdout = String::new();
        for line in BufReader::new(child.stdout.take().expect("it is a pipe")).lines() {
            stdout.push_str(&line.expect("text"));
            stdout.push('\n');
        }
        let code = child.wait().expect("palisade ends").code();
        let outcome = Outcome { code, signal: None, stdout, stderr: String::new() };
        let events = Events::of(&outcome);
        assert_eq!((outcome.code, events.log("a").as_str()), (Some(130), "last\n"), "{outcome}");
        // One that had waited would have failed instead: no answer ever comes.
        let ended: Vec<&Value> = events.of_kind("step_finished").map(|event| &event["outcome"]).collect();
        assert_eq!(ended, [&json!("cancelled"), &json!("success")], "{outcome}");
    }
}

#[test]
fn aws_gives_secrets_and_parameters() {
    let Some(python) = python() else { return };
    let moto = Moto::start(python);
    let url = format!("http://127.0.0.2:{}", moto.port);
    let make = format!(
        "import boto3
secrets, ssm = boto3.client('secretsmanager'), boto3.client('ssm')
secrets.create_secret(Name='prod/db', SecretString='{{\"password\": \"{VALUE}\"}}')
ssm.put_parameter(Name='/app/token', Value='eeShei9ahqu5ieLo', Type='SecureString')
ssm.put_parameter(Name='plain', Value='Thaed9ooPhoh3aeTh', Type='SecureString')
"
    );
    let made = std::process::Command::new(python.program("python3"))
        .args(["-c", &make])
        .env("AWS_ENDPOINT_URL", &url)
        .env("AWS_ACCESS_KEY_ID", "a")
        .env("AWS_SECRET_ACCESS_KEY", "b")
        .env("AWS_DEFAULT_REGION", "eu-central-1")
        .status();
    assert!(made.expect("python runs").success());
    let world = World::new();
    let secret = |name: &str, from: &str| {
        format!(
            "[[secret]]\nname = '{name}'\nfrom = 'secret://{from}'\nrole = '{}'\nregion = 'eu-central-1'\n\
             endpoint = '{url}'\nendpoints = {{ secretsmanager = '{url}', ssm = '{url}' }}\n{MAIN}\n",
            crate::aws::ROLE
        )
    };
    let config = secret("A", "aws-sm/prod/db#password")
        + &secret("B", "aws-ssm/app/token")
        + &secret("C", "aws-ssm/plain")
        + &secret("NONE", "aws-sm/prod/none");
    world.configure(None, &[], &config);
    let (outcome, events) = run(
        &world,
        "    steps:
      - run: 'echo $A ${#A} ${#B} ${#C}; env | grep -c AWS || true'
        env: { A: '${{ secrets.A }}', B: '${{ secrets.B }}', C: '${{ secrets.C }}' }
      - run: echo ${{ secrets.NONE }} never
",
    );
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(events.log("a"), "*** 20 16 17\n0\n", "{outcome}");
    let why = "cannot fetch the secret `NONE`: AWS Secrets Manager refused: HTTP status 404: \
               `secretsmanager:prod/none`: ResourceNotFoundException";
    assert!(events.steps("a")[1].contains(why), "{outcome}");
    let issued: Vec<&Value> =
        events.of_kind("issued").filter(|event| event["provider"] == "aws-ssm").collect();
    assert_eq!(issued[0]["record"]["read"], "ssm:/app/token", "{outcome}");
    assert!(issued[0]["record"]["request"].is_string(), "{outcome}");
}

#[test]
fn google_cloud_gives_secrets() {
    let google = StandIn::start(|asked| match asked.path.as_str() {
        "/v1/token" => Answer::json(
            200,
            &json!({ "access_token": "ya29.d.Ohb4aip6aipheexoo0oo", "token_type": "Bearer", "expires_in": 3600 }),
        ),
        _ if asked.header("authorization") != "Bearer ya29.d.Ohb4aip6aipheexoo0oo" => {
            Answer::json(401, &json!({ "error": { "code": 401, "status": "UNAUTHENTICATED" } }))
        }
        "/v1/projects/app/secrets/key/versions/latest:access" => {
            let data = base64::engine::general_purpose::STANDARD.encode(format!("{{\"key\": \"{VALUE}\"}}"));
            Answer::json(
                200,
                &json!({ "name": "projects/1/secrets/key/versions/4", "payload": { "data": data } }),
            )
        }
        _ => Answer::json(
            404,
            &json!({ "error": { "code": 404, "status": "NOT_FOUND", "message": "Secret not found" } }),
        ),
    });
    let world = World::new();
    let url = google.url();
    let secret = |name: &str, place: &str| {
        format!(
            "[[secret]]\nname = '{name}'\nfrom = 'secret://gcp-sm/{place}'\ntoken-service = '{url}'\n\
             secrets-service = '{url}'\nworkload-identity-provider = \
             'projects/1/locations/global/workloadIdentityPools/ci/providers/palisade'\n{MAIN}\n"
        )
    };
    world.configure(None, &[], &(secret("KEY", "app/key#key") + &secret("NONE", "app/none/7")));
    gives(
        &world,
        "cannot fetch the secret `NONE`: Google's Secret Manager refused: HTTP status 404: NOT_FOUND: Secret not found",
        "projects/1/secrets/key/versions/4",
    );
}

#[test]
fn azure_gives_secrets() {
    let azure = StandIn::start(|asked| {
        if asked.path == "/acme.example/oauth2/v2.0/token" {
            let is_good = asked.field("scope") == "https://vault.azure.net/.default"
                && asked.field("client_assertion").starts_with("eyJ")
                && asked.field("grant_type") == "client_credentials";
            return match is_good {
                true => Answer::json(
                    200,
                    &json!({ "access_token": "eyJ0.Eihei3ooxoh4Phah", "token_type": "Bearer", "expires_in": 3600 }),
                ),
                false => Answer::json(400, &json!({ "error": "invalid_client" })),
            };
        }
        match (asked.path.as_str(), asked.header("authorization")) {
            ("/secrets/key?api-version=7.4", "Bearer eyJ0.Eihei3ooxoh4Phah") => Answer::json(
                200,
                &json!({ "value": VALUE, "id": "https://app.vault.azure.net/secrets/key/0a" }),
            )
            .with("x-ms-request-id: r-7"),
            _ => Answer::json(
                404,
                &json!({ "error": { "code": "SecretNotFound", "message": "A secret with this name was not found" } }),
            ),
        }
    });
    let world = World::new();
    let url = azure.url();
    let secret = |name: &str, place: &str| {
        format!(
            "[[secret]]\nname = '{name}'\nfrom = 'secret://azure-kv/{place}'\nvault-address = '{url}'\n\
             authority-host = '{url}'\nclient-id = '11111111-2222-3333-4444-555555555555'\n\
             tenant-id = 'acme.example'\n{MAIN}\n"
        )
    };
    world.configure(None, &[], &(secret("KEY", "app/key") + &secret("NONE", "app/none")));
    gives(
        &world,
        "cannot fetch the secret `NONE`: Azure Key Vault refused: HTTP status 404: SecretNotFound: A secret with this name was not found",
        "https://app.vault.azure.net/secrets/key/0a",
    );
}

/// The world's `KEY` is given and recorded, and `NONE` isn't, for this reason.
fn gives(world: &World, why: &str, read: &str) {
    let (outcome, events) = run(
        world,
        "    steps:
      - { run: 'echo $K ${#K}', env: { K: '${{ secrets.KEY }}' } }
      - run: echo ${{ secrets.NONE }} never
",
    );
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(1), "*** 20\n"), "{outcome}");
    assert!(events.steps("a")[1].contains(why), "no `{why}` in\n{outcome}");
    let issued = events.of_kind("issued").find(|event| event["provider"] != "id-token").expect("an event");
    assert_eq!(issued["record"]["read"], read, "{outcome}");
    assert!(!outcome.stdout.contains(VALUE), "{outcome}");
}
