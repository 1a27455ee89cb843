//! A token service by RFC 8693: a stand-in, from the RFC.

use serde_json::json;

use crate::stand_in::{Answer, StandIn};
use crate::world::World;

const TOKEN: &str = "oiph4Aiquoh9chiuquie";

fn grant(server: &StandIn, more: &str) -> String {
    format!(
        "[[grant]]\nname = 'api'\nprovider = 'oidc'\ntoken-endpoint = '{}/oauth/token'\naudience = 'tokens.example.org'\n\
         target-audience = 'api.example.org'\nscope = 'deploy'\nvariable = 'API_TOKEN'\n\
         allow = [{{ local = true, repository = 'acme/app' }}]\n{more}\n",
        server.url()
    )
}

const STEP: &str = "      - env:\n          PALISADE_GRANTS: api\n        run: ";

#[test]
fn a_token_is_a_file_or_a_variable() {
    let server = StandIn::start(|asked| {
        let fields = ["grant_type", "subject_token_type", "audience", "scope"].map(|name| asked.field(name));
        let wanted = [
            "urn:ietf:params:oauth:grant-type:token-exchange",
            "urn:ietf:params:oauth:token-type:jwt",
            "api.example.org",
            "deploy",
        ];
        if asked.path != "/oauth/token" || fields != wanted {
            return Answer::json(400, &json!({ "error": "invalid_request" }));
        }
        Answer::json(
            200,
            &json!({
                "access_token": TOKEN, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
                "token_type": "Bearer", "expires_in": 60, "scope": "deploy",
            }),
        )
    });
    let world = World::new();
    for (more, script, said) in [
        (
            "",
            "'cat $API_TOKEN_FILE; echo; wc -c < $API_TOKEN_FILE; env | grep -c oiph || true'",
            "***\n20\n0\n",
        ),
        ("delivery = 'env'", "echo $API_TOKEN", "***\n"),
    ] {
        world.configure(None, &[], &grant(&server, more));
        let (outcome, events) = world.events(&format!("{STEP}{script}\n"));
        assert_eq!(events.log("a"), said, "{outcome}");
    }
}

#[test]
fn what_is_no_token_is_none() {
    let token = |kind: &str, token: &str| json!({ "access_token": token, "token_type": kind });
    for (answer, why) in [
        (token("DPoP", TOKEN), "the token is a `DPoP`, and no bearer"),
        (token("Bearer", ""), "its `access_token` is none"),
        (token("Bearer", "a\nb"), "its `access_token` is none"),
        (json!({ "token_type": "Bearer" }), "it isn't the JSON that was asked for"),
        (token("Bearer", "ab"), "what can't be masked"),
    ] {
        let server = StandIn::in_order(vec![Answer::json(200, &answer)]);
        let world = World::new();
        world.configure(None, &[], &grant(&server, ""));
        let outcome = world.palisade(&["identity", "test", "api"]);
        assert!(matches!(outcome.code, Some(2 | 5)), "{outcome}");
        assert!(outcome.stderr.contains(why), "no `{why}` in\n{outcome}");
        let (outcome, events) = world.events(&format!("{STEP}echo never\n"));
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert!(!events.log("a").contains("never"), "{outcome}");
    }
}
