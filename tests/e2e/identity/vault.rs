//! Vault: what a step gets of one, and that nothing of it is alive afterwards. The Vault is a stand-in, and where the
//! machine has one (`vault` or `bao` on the path), also a real one.

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use palisade_tests::skipped;
use serde_json::{Value, json};

use crate::stand_in::{Answer, Asked, StandIn};
use crate::world::{ISSUER, World};

const TOKEN: &str = "hvs.CAESIJ0eequoo4phohmoo5aiNgeu";
const PASSWORD: &str = "Aeth4ooshoo9ahNgoo1f";

fn grant(address: &str, more: &str) -> String {
    format!(
        "[[grant]]\nname = 'app'\nprovider = 'vault'\naddress = '{address}'\nrole = 'ci'\n\
         allow = [{{ local = true, repository = 'acme/app' }}]\n{more}\n"
    )
}

fn asked_for(script: &str) -> String {
    format!("      - env:\n          PALISADE_GRANTS: app\n        run: |\n{}\n", indented(script))
}

fn indented(script: &str) -> String {
    script.lines().map(|line| format!("          {}\n", line.trim())).collect()
}

/// A stand-in for a Vault, from the documentation of its API. Its leases end in a moment, until they are renewed.
fn stand_in() -> StandIn {
    let renewed = Mutex::new(0);
    StandIn::start(move |asked| {
        let authorised = asked.header("x-vault-token") == TOKEN;
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/v1/auth/jwt/login")
                if asked.json()["jwt"].as_str().is_some_and(|jwt| jwt.starts_with("eyJ")) =>
            {
                Answer::json(
                    200,
                    &json!({
                        "request_id": "r-1",
                        "auth": {
                            "client_token": TOKEN, "accessor": "acc", "policies": ["default", "ci"],
                            "lease_duration": 3600, "renewable": true, "token_type": "service",
                        },
                    }),
                )
            }
            _ if !authorised => Answer::json(403, &json!({ "errors": ["permission denied"] })),
            ("GET", "/v1/database/creds/app") => Answer::json(
                200,
                &json!({
                    "lease_id": "database/creds/app/1", "lease_duration": 4, "renewable": true,
                    "data": { "username": "v-jwt-app-Xa1", "password": PASSWORD },
                }),
            ),
            ("POST", "/v1/auth/token/renew-self") => {
                *renewed.lock().unwrap() += 1;
                Answer::json(
                    200,
                    &json!({ "auth": { "client_token": TOKEN, "lease_duration": 3600, "renewable": true } }),
                )
            }
            ("PUT", "/v1/sys/leases/renew") => Answer::json(
                200,
                &json!({ "lease_id": asked.json()["lease_id"], "lease_duration": 3600, "renewable": true }),
            ),
            // For the step, which waits for it.
            ("GET", "/v1/renewed") => {
                Answer::json(200, &json!({ "data": { "times": *renewed.lock().unwrap() } }))
            }
            ("POST", "/v1/auth/token/revoke-self") => Answer::new(204, ""),
            _ => Answer::json(404, &json!({ "errors": [] })),
        }
    })
}

fn calls(server: &StandIn) -> Vec<String> {
    server.asked().iter().map(|Asked { method, path, .. }| format!("{method} {path}")).collect()
}

const READ: &str =
    "read.DB_USER = 'database/creds/app#username'\nread.DB_PASSWORD = 'database/creds/app#password'";

#[test]
fn a_step_has_files_that_are_leased_while_it_runs() {
    let vault = stand_in();
    let world = World::new();
    world.configure(None, &[], &grant(&vault.url(), READ));
    // The lease ends after 4 seconds; the step outlasts it.
    let script = "cat $DB_USER_FILE; echo; cat $DB_PASSWORD_FILE; echo
        wc -c < $DB_PASSWORD_FILE; stat -c %a $DB_PASSWORD_FILE
        env | grep -c $(cat $DB_PASSWORD_FILE) || true
        echo $VAULT_ADDR; sleep 6";
    let (outcome, events) = world
        .events(&(asked_for(script) + "      - run: ls $RUNNER_TEMP; env | grep -E 'DB_|VAULT' || true\n"));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.step_log("a", 0), format!("***\n***\n20\n400\n0\n{}\n", vault.url()));
    assert_eq!(events.step_log("a", 1).matches("credentials").count(), 0);
    assert!(!events.step_log("a", 1).contains("DB_"), "{outcome}");
    assert_eq!(
        calls(&vault),
        [
            "POST /v1/auth/jwt/login",
            // Both values are of one request: one lease.
            "GET /v1/database/creds/app",
            "POST /v1/auth/token/renew-self",
            "PUT /v1/sys/leases/renew",
            "POST /v1/auth/token/revoke-self",
        ]
    );
    assert!(!outcome.stdout.contains(PASSWORD) && !outcome.stdout.contains(TOKEN));
}

#[test]
fn the_command_line_tools_are_told_of_the_token_by_a_helper() {
    let vault = stand_in();
    let world = World::new();
    world.configure(None, &[], &grant(&vault.url(), "token = true"));
    // As they do: read the configuration, run what it names.
    let script = "helper=$(sed -n 's/^token_helper = \"\\(.*\\)\"$/\\1/p' $VAULT_CONFIG_PATH)
        $helper get; echo; $helper get | wc -c; echo hvs.another | $helper store; $helper erase
        cmp $VAULT_TOKEN_FILE - < $VAULT_TOKEN_FILE && test \"$($helper get)\" = \"$(cat $VAULT_TOKEN_FILE)\" && echo the same
        env | grep -c hvs || true";
    let (outcome, events) = world.events(&(asked_for(script) + "      - run: ls $RUNNER_TEMP\n"));
    assert_eq!(events.step_log("a", 0), format!("***\n{}\nthe same\n0\n", TOKEN.len()), "{outcome}");
    assert!(!events.step_log("a", 1).contains("credentials"), "{outcome}");
}

#[test]
fn a_step_that_fails_has_its_token_revoked_too() {
    let vault = stand_in();
    let world = World::new();
    world.configure(None, &[], &grant(&vault.url(), &format!("{READ}\ntoken = true\ndelivery = 'env'")));
    let (outcome, events) = world.events(&asked_for("echo \"$DB_PASSWORD $VAULT_TOKEN\"; exit 1"));
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(events.log("a"), "*** ***\n");
    assert_eq!(calls(&vault).last().map(String::as_str), Some("POST /v1/auth/token/revoke-self"));
}

#[test]
fn what_is_not_there_is_told_and_leaves_no_token() {
    for (read, why) in [
        (
            "read.A = 'secret/data/none#a'",
            "Vault refused: HTTP status 404: there is nothing at `secret/data/none`",
        ),
        (
            "read.A = 'database/creds/app#pass'",
            "`database/creds/app` has no field `pass`; it has `username`, `password`",
        ),
        (
            "read.A = 'database/creds/app#password'\nmount = 'other'",
            "Vault refused: HTTP status 403: permission denied",
        ),
    ] {
        let vault = stand_in();
        let world = World::new();
        world.configure(None, &[], &grant(&vault.url(), read));
        let outcome = world.palisade(&["identity", "test", "app"]);
        assert_eq!(outcome.code, Some(5), "{outcome}");
        assert!(outcome.stderr.contains(why), "no `{why}` in\n{outcome}");
        assert!(!outcome.stderr.contains(PASSWORD), "{outcome}");
        let revoked = calls(&vault).iter().any(|call| call.ends_with("revoke-self"));
        assert_eq!(revoked, !read.contains("other"), "{:?}", calls(&vault));
    }
}

/// A real one in memory.
struct Real {
    server: Child,
    address: String,
}

const ROOT: &str = "root-of-the-tests";

impl Real {
    fn start(program: &str) -> Real {
        let port =
            std::net::TcpListener::bind("127.0.0.2:0").and_then(|l| l.local_addr()).expect("a port").port();
        let address = format!("127.0.0.2:{port}");
        let server = Command::new(program)
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={ROOT}"))
            .arg(format!("-dev-listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let real = Real { server, address: format!("http://{address}") };
        while real.call("GET", "auth/token/lookup-self", &json!({})).0 != 200 {
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        real
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}/v1/{path}", self.address);
        let (header, body) = (format!("X-Vault-Token: {ROOT}"), body.to_string());
        let mut curl = Command::new("curl");
        curl.args(["-s", "-X", method, "-H", &header, "-w", "\n%{http_code}"]);
        if method != "GET" {
            curl.args(["-d", &body]);
        }
        let output = curl.arg(url).output().expect("curl runs");
        let said = String::from_utf8(output.stdout).expect("text");
        let (body, status) = said.rsplit_once('\n').expect("a status");
        (status.parse().expect("a status"), serde_json::from_str(body).unwrap_or_default())
    }

    fn set(&self, path: &str, body: &Value) {
        let (status, answer) = self.call("POST", path, body);
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
fn a_real_vault_takes_our_tokens_and_forgets_them_with_the_step() {
    let Some(program) = ["vault", "bao"].into_iter().find(|name| on_path(name)) else {
        skipped("there is neither `vault` nor `bao` here");
        return;
    };
    let vault = Real::start(program);
    let world = World::new();
    let published = world.context.root().join("published");
    let publish = world.palisade(&["issuer", "publish", published.to_str().expect("a path in UTF-8")]);
    assert_eq!(publish.code, Some(0), "{publish}");
    let keys = jwks(&published);
    let web = StandIn::start(move |_| Answer::new(200, keys.clone()).with("Content-Type: application/json"));
    vault.set("sys/auth/jwt", &json!({ "type": "jwt" }));
    vault.set("auth/jwt/config", &json!({
        "jwks_url": format!("{}/jwks", web.url()), "bound_issuer": ISSUER, "jwt_supported_algs": ["ES256", "RS256"],
    }));
    vault.set("auth/jwt/role/ci", &json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": [vault.address], "token_ttl": "20m",
        "bound_claims": { "repository": "acme/app", "runner_environment": "self-hosted" }, "token_policies": ["app"],
    }));
    let policy = "path \"secret/data/app\" { capabilities = [\"read\"] }\npath \"pki/issue/ci\" { capabilities = [\"update\"] }";
    vault.set("sys/policies/acl/app", &json!({ "policy": policy }));
    vault.set("sys/mounts/secret", &json!({ "type": "kv", "options": { "version": "2" } }));
    // The second version of the store sets itself up after it was mounted.
    let secret = json!({ "data": { "password": PASSWORD } });
    while vault.call("POST", "secret/data/app", &secret).0 != 200 {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    vault.set("sys/mounts/pki", &json!({ "type": "pki" }));
    vault.set("pki/root/generate/internal", &json!({ "common_name": "tests", "ttl": "24h" }));
    vault.set("pki/roles/ci", &json!({ "allow_any_name": true, "max_ttl": "1h" }));
    let read = "read.PASSWORD = 'secret/data/app#password'\n\
        read.KEY = { path = 'pki/issue/ci', field = 'private_key', with = { common_name = 'job.test' } }\n\
        read.CERTIFICATE = { path = 'pki/issue/ci', field = 'certificate', with = { common_name = 'job.test' }, secret = false }";
    world.configure(None, &[], &grant(&vault.address, read));
    let script = "wc -c < $PASSWORD_FILE; cat $PASSWORD_FILE; echo
        openssl x509 -in $CERTIFICATE_FILE -noout -subject
        cat $KEY_FILE
        test \"$(openssl x509 -in $CERTIFICATE_FILE -noout -pubkey)\" = \"$(openssl pkey -in $KEY_FILE -pubout)\" && echo they fit";
    let (outcome, events) = world.events(&asked_for(script));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.log("a");
    assert!(log.starts_with("20\n***\n") && log.contains("job.test") && log.contains("they fit"), "{log}");
    assert!(!outcome.stdout.contains(PASSWORD), "{outcome}");
    let issued = events.of_kind("issued").find(|event| event["provider"] == "vault").expect("it is told");
    let accessor = issued["record"]["accessor"].as_str().expect("an accessor").to_owned();
    let (_, answer) = vault.call("POST", "auth/token/lookup-accessor", &json!({ "accessor": accessor }));
    assert!(answer.to_string().contains("invalid accessor"), "the token is alive: {answer}");
    // What Vault itself refuses.
    let others = grant(&vault.address, read).replace("acme/app", "acme/other");
    world.configure(None, &[], &others);
    let outcome = world.palisade(&["identity", "test", "app", "--repository", "acme/other"]);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    assert!(
        outcome.stderr.contains("error validating claims: claim \"repository\" does not match"),
        "{outcome}"
    );
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

/// The key set that was published.
fn jwks(dir: &std::path::Path) -> String {
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).expect("a directory").flatten() {
            let path = entry.path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let text = std::fs::read_to_string(&path).expect("text");
                if text.contains("\"keys\"") {
                    return text;
                }
            }
        }
    }
    panic!("no key set was published")
}
