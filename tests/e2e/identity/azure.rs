//! Microsoft Entra: the real azure-identity in a job; the authority is a stand-in, from Microsoft's documentation.

use palisade_tests::python;
use serde_json::{Value, json};

use crate::stand_in::{Answer, StandIn};
use crate::world::World;

const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const TENANT: &str = "66666666-7777-8888-9999-000000000000";
const TOKEN: &str = "eyJub3QiOiJhIHRva2VuIn0-Eihei3ooxoh4Phah";

#[test]
fn microsoft_s_library_takes_the_assertion_to_entra() {
    let Some(python) = python() else { return };
    let (entra, authority) = StandIn::encrypted("login.test", |asked| {
        let host = asked.header("host").to_owned();
        let url = |path: &str| format!("https://{host}/{TENANT}/{path}");
        if asked.path.ends_with("/openid-configuration") {
            return Answer::json(
                200,
                &json!({
                    "issuer": url("v2.0"), "authorization_endpoint": url("oauth2/v2.0/authorize"),
                    "token_endpoint": url("oauth2/v2.0/token"),
                }),
            );
        }
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if asked.field("client_id") != CLIENT
            || asked.field("client_assertion_type").replace('+', " ") != kind
        {
            return Answer::json(400, &json!({ "error": "invalid_client", "error_description": asked.body }));
        }
        Answer::json(200, &json!({ "access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600 }))
    });
    let world = World::new();
    let port = entra.address.port();
    world.context.write("authority.pem", &authority);
    world.configure(
        Some(python),
        &[("login.test", port)],
        &format!(
            "[[grant]]\nname = 'azure'\nprovider = 'azure'\nclient-id = '{CLIENT}'\ntenant-id = '{TENANT}'\n\
             authority-host = 'https://login.test:{port}'\nallow = [{{ local = true, repository = 'acme/app' }}]\n"
        ),
    );
    let steps = format!(
        "      - env:
          PALISADE_GRANTS: azure
          REQUESTS_CA_BUNDLE: authority.pem
        run: |
          export PATH={}/bin:$PATH
          cat > use.py <<'END'
          from azure.identity import WorkloadIdentityCredential
          credential = WorkloadIdentityCredential(disable_instance_discovery=True)
          print(credential.get_token('https://vault.azure.net/.default').token)
          END
          python3 use.py
          cat $AZURE_FEDERATED_TOKEN_FILE; echo
          rev $AZURE_FEDERATED_TOKEN_FILE; echo
          env | grep -c eyJ || true
      - run: env | grep AZURE || echo nothing
",
        python.dir.display()
    );
    let (outcome, events) = world.events(&steps);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.step_log("a", 0);
    // What the library gets by itself is nothing that palisade has given.
    // Where it is read to its end before it is known to be a whole, it is named for what it looks like.
    assert_eq!(log.replace("***(jwt)", "***"), format!("{TOKEN}\n***\n***\n0\n"));
    assert_eq!(events.step_log("a", 1), "nothing\n");
    let asked = entra.asked();
    let asked = asked.last().expect("it was asked");
    let assertion = asked.field("client_assertion");
    assert_eq!(
        (part(&assertion, 0)["alg"].as_str(), part(&assertion, 1)["aud"].as_str()),
        (Some("RS256"), Some("api://AzureADTokenExchange"),)
    );
    assert!(!outcome.stdout.contains(&assertion));
}

/// The header or the claims of a token.
pub fn part(token: &str, number: usize) -> Value {
    use base64::Engine;
    let part = token.split('.').nth(number).expect("a token has three parts");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}
