//! Google Cloud: the real google-auth in jobs; the token service and the service accounts are a stand-in, from the
//! documentation of their APIs.

use palisade_tests::{Python, python};
use serde_json::json;

use crate::stand_in::{Answer, StandIn};
use crate::world::World;

const PROVIDER: &str = "projects/123/locations/global/workloadIdentityPools/ci/providers/palisade";
const ACCOUNT: &str = "deploy@my-project.iam.gserviceaccount.com";
const FEDERATED: &str = "ya29.d.federated-Ohb4aip6aipheexoo0oo";
const TOKEN: &str = "ya29.c.account-Iequ4ohB3ohng6foow7o";

fn grant(server: &StandIn, more: &str) -> String {
    let url = server.url();
    format!(
        "[[grant]]\nname = 'gcp'\nprovider = 'gcp'\nworkload-identity-provider = '{PROVIDER}'\n\
         token-service = '{url}'\ncredentials-service = '{url}'\nproject = 'my-project'\n\
         allow = [{{ local = true, repository = 'acme/app' }}]\n{more}\n"
    )
}

/// Checks what it is asked as Google does, but for the token's signature.
fn google() -> StandIn {
    StandIn::start(|asked| {
        let account = format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken");
        if asked.path == "/v1/token" {
            let wanted = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
                ("audience", format!("//iam.googleapis.com/{PROVIDER}")),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt".to_owned()),
            ];
            let wrong = wanted.iter().find(|(name, value)| asked.field(name) != *value);
            if let Some((name, _)) = wrong {
                return Answer::json(400, &json!({ "error": "invalid_request", "error_description": name }));
            }
            Answer::json(
                200,
                &json!({
                    "access_token": FEDERATED, "token_type": "Bearer", "expires_in": 3600,
                    "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                }),
            )
        } else if asked.path == account.replace("generateAccessToken", "generateIdToken")
            && asked.header("authorization") == format!("Bearer {FEDERATED}")
        {
            let claims = json!({
                "aud": asked.json()["audience"], "exp": 4_102_444_800u64, "email": asked.json()["includeEmail"],
            });
            Answer::json(200, &json!({ "token": id_token(&claims) }))
        } else if asked.path == account && asked.header("authorization") == format!("Bearer {FEDERATED}") {
            Answer::json(200, &json!({ "accessToken": TOKEN, "expireTime": "2126-01-01T00:00:00Z" }))
        } else {
            let error = json!({ "code": 403, "status": "PERMISSION_DENIED", "message": "iam.serviceAccounts.getAccessToken denied" });
            Answer::json(403, &json!({ "error": error }))
        }
    })
}

/// A token that nobody has signed.
fn id_token(claims: &serde_json::Value) -> String {
    use base64::Engine;
    let part =
        |json: &serde_json::Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.c2lnbmF0dXJlLW9mLW5vYm9keQ", part(&json!({ "alg": "RS256" })), part(claims))
}

fn step(python: Option<&Python>, script: &str) -> String {
    let path = python.map_or_else(String::new, |python| {
        format!("          export PATH={}/bin:$PATH\n", python.dir.display())
    });
    let script: String = script.lines().map(|line| format!("          {line}\n")).collect();
    format!("      - env:\n          PALISADE_GRANTS: gcp\n        run: |\n{path}{script}")
}

#[test]
fn google_s_library_finds_a_token_as_on_a_machine_of_google_s() {
    let Some(python) = python() else { return };
    let google = google();
    let world = World::new();
    world.configure(Some(python), &[], &grant(&google, &format!("service-account = '{ACCOUNT}'")));
    let script = "cat > use.py <<'END'
import hashlib, google.auth, google.auth.transport.requests
credentials, project = google.auth.default()
credentials.refresh(google.auth.transport.requests.Request())
print(type(credentials).__module__, project, credentials.service_account_email)
print(hashlib.sha256(credentials.token.encode()).hexdigest(), credentials.token)
END
python3 use.py
env | grep -c ya29 || true";
    let (outcome, events) = world.events(
        &(step(Some(python), script) + "      - run: env | grep -E 'GCE|GOOGLE|CLOUDSDK' || echo nothing\n"),
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let sum = std::process::Command::new("sh")
        .args(["-c", &format!("printf %s {TOKEN} | sha256sum | cut -d' ' -f1")])
        .output();
    let sum = String::from_utf8(sum.expect("sh runs").stdout).expect("text");
    let wanted =
        format!("google.auth.compute_engine.credentials my-project {ACCOUNT}\n{} ***\n0\n", sum.trim());
    assert_eq!(events.step_log("a", 0), wanted, "{outcome}");
    assert_eq!(events.step_log("a", 1), "nothing\n");
    assert!(!outcome.stdout.contains(TOKEN) && !outcome.stdout.contains(FEDERATED));
    assert_eq!(google.asked().len(), 2);
}

#[test]
fn google_s_library_finds_id_tokens_for_the_audiences_of_the_grant() {
    let Some(python) = python() else { return };
    let google = google();
    let world = World::new();
    let keys = format!("service-account = '{ACCOUNT}'\nid-token-audiences = ['https://app.example']");
    world.configure(Some(python), &[], &grant(&google, &keys));
    let script = "cat > use.py <<'END'
import hashlib, json, base64
import google.auth.transport.requests, google.oauth2.id_token
request = google.auth.transport.requests.Request()
token = google.oauth2.id_token.fetch_id_token(request, 'https://app.example')
claims = token.split('.')[1]
print(base64.urlsafe_b64decode(claims + '=' * (-len(claims) % 4)).decode(), token)
END
python3 use.py; python3 use.py
at() { curl -s -w ' %{http_code}\n' -H 'Metadata-Flavor: Google' \"http://$GCE_METADATA_HOST/computeMetadata/v1/instance/service-accounts/default/identity$1\"; }
at '?audience=https://other.example'; at; at '?audience='; at '?audience=https://app.example&format=x'
at '?audience=https%3A%2F%2Fapp.example' | cut -c1-3";
    let (outcome, events) = world.events(&step(Some(python), script));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let claims = json!({ "aud": "https://app.example", "exp": 4_102_444_800u64, "email": true });
    assert_eq!(
        events.log("a"),
        format!(
            "{claims} ***\n{claims} ***\n`id-token-audiences` of the grant `gcp` has https://app.example alone 403\n\
             non-empty audience parameter required 400\nnon-empty audience parameter required 400\n\
             `format` is `standard` or `full` 400\neyJ\n"
        ),
        "{outcome}"
    );
    // The second one of the library is the first: it is kept as long as it is good.
    let asked: Vec<String> = google.asked().iter().map(|asked| asked.path.clone()).collect();
    assert_eq!(asked.iter().filter(|path| path.ends_with(":generateIdToken")).count(), 2, "{asked:?}");
    let issued: Vec<_> =
        events.of_kind("issued").filter(|event| event["record"]["audience"].is_string()).collect();
    assert_eq!(issued.len(), 2, "{outcome}");
    assert_eq!(issued[0]["record"]["account"], ACCOUNT);
}

#[test]
fn the_metadata_server_has_google_s_rules() {
    let google = google();
    let world = World::new();
    world.configure(None, &[], &grant(&google, &format!("service-account = '{ACCOUNT}'")));
    let script = "at() { curl -s -o /dev/null -w '%{http_code} ' \"$@\"; }
root=http://$GCE_METADATA_HOST/computeMetadata/v1
at $root/project/project-id
at -H 'Metadata-Flavor: Other' $root/instance/service-accounts/default/token
at -H 'Metadata-Flavor: Google' -H 'X-Forwarded-For: 1.2.3.4' $root/instance/service-accounts/default/token
at -H 'Metadata-Flavor: Google' -H 'X-Forwarded-For: 1.2.3.4' -H 'X-Forwarded-For: 1.2.3.4' $root/instance/service-accounts/default/token
at -H 'Metadata-Flavor: Google' -H 'Metadata-Flavor: Google' $root/instance/service-accounts/default/token
at -H 'Metadata-Flavor: google' $root/instance/service-accounts/default/token
at -H 'Metadata-Flavor: Google' $root/instance/service-accounts/default/identity?audience=https://app.example
at -H 'Metadata-Flavor: Google' -X POST $root/instance/service-accounts/default/token
at -H 'Metadata-Flavor: Google' $root/instance/service-accounts/other@x.iam.gserviceaccount.com/token
at -H 'Metadata-Flavor: Google' $root/instance/attributes/ssh-keys
curl -s -H 'Metadata-Flavor: Google' $root/instance/service-accounts/default/email
echo; echo $root > root";
    let after = "      - run: 'curl -s -o /dev/null -w \"%{http_code}\" -H \"Metadata-Flavor: Google\" $(cat root)/instance/service-accounts/default/token'\n";
    let (outcome, events) = world.events(&(step(None, script) + after));
    assert_eq!(
        events.step_log("a", 0),
        format!("403 403 403 403 403 403 404 401 404 404 {ACCOUNT}\n"),
        "{outcome}"
    );
    assert_eq!(events.step_log("a", 1).trim_end(), "401", "{outcome}");
}

#[test]
fn a_federated_token_alone_is_a_file() {
    let google = google();
    let world = World::new();
    world.configure(None, &[], &grant(&google, "delivery = 'file'\nregistries = ['europe-docker.pkg.dev']"));
    let (outcome, events) = world.events(&step(
        None,
        "cat $CLOUDSDK_AUTH_ACCESS_TOKEN_FILE; echo; wc -c < $CLOUDSDK_AUTH_ACCESS_TOKEN_FILE; grep -o '\"[a-z-]*.pkg.dev.*' $REGISTRY_AUTH_FILE",
    ));
    assert_eq!(
        events.log("a"),
        format!("***\n{}\n\"europe-docker.pkg.dev\":{{\"auth\":\"***\"}}}}}}\n", FEDERATED.len()),
        "{outcome}"
    );
    assert_eq!(google.asked().len(), 1);
}

#[test]
fn an_account_that_it_may_not_be_is_told_in_google_s_words() {
    let google = google();
    let world = World::new();
    world.configure(
        None,
        &[],
        &grant(&google, "service-account = 'root@my-project.iam.gserviceaccount.com'"),
    );
    let outcome = world.palisade(&["identity", "test", "gcp"]);
    assert_eq!(outcome.code, Some(5), "{outcome}");
    let why = "Google's service account credentials refused: HTTP status 403: PERMISSION_DENIED: \
               iam.serviceAccounts.getAccessToken denied";
    assert!(outcome.stderr.contains(why), "{outcome}");
}
