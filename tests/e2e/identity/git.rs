//! Tokens of a bot at a forge, for git in a step. The forge is a stand-in, written from the documentation of Forgejo's API and
//! the source of Gitea's; git is real. A real Gitea has been tried by hand.

use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use base64::Engine;
use serde_json::{Value, json};

use crate::stand_in::{Answer, Asked, StandIn};
use crate::world::World;

const TOKEN: &str = "8f0c4d1e5b6a79283746556473829100aabbccdd";
const PASSWORD: &str = "correct-horse-battery";

/// The tokens that a forge's bot has: number and name.
type Tokens = Arc<Mutex<Vec<(u64, String)>>>;

/// A forge with one user, `bot`, who has these tokens before.
fn forge(before: &[(u64, &str)]) -> (StandIn, Tokens) {
    let tokens: Tokens = Arc::default();
    tokens.lock().unwrap().extend(before.iter().map(|(id, name)| (*id, (*name).to_owned())));
    let login = base64::engine::general_purpose::STANDARD.encode(format!("bot:{PASSWORD}"));
    let kept = tokens.clone();
    let forge = StandIn::start(move |asked: &Asked| {
        let mut tokens = kept.lock().unwrap();
        if asked.header("authorization") != format!("Basic {login}") {
            return Answer::json(
                401,
                &json!({ "message": format!("user's password is invalid: {}", asked.header("authorization")) }),
            );
        }
        let below = asked.path.strip_prefix("/api/v1/users/bot/tokens").unwrap_or("elsewhere");
        match (asked.method.as_str(), below) {
            ("GET", "?limit=50") => {
                let all: Vec<Value> =
                    tokens.iter().map(|(id, name)| json!({ "id": id, "name": name, "sha1": "" })).collect();
                Answer::json(200, &json!(all))
            }
            ("POST", "") if asked.json()["scopes"] == json!(["write:repository", "read:issue"]) => {
                let (id, name) = (77, asked.json()["name"].as_str().unwrap_or_default().to_owned());
                tokens.push((id, name.clone()));
                Answer::json(
                    201,
                    &json!({ "id": id, "name": name, "sha1": TOKEN, "token_last_eight": "aabbccdd" }),
                )
            }
            ("DELETE", one) => {
                let before = tokens.len();
                tokens.retain(|(id, name)| one != format!("/{id}") && one != format!("/{name}"));
                Answer::new(if tokens.len() < before { 204 } else { 404 }, "")
            }
            _ => Answer::json(400, &json!({ "message": "invalid access token scope provided" })),
        }
    });
    (forge, tokens)
}

fn configure(world: &World, server: &str, more: &str) {
    let password = world.context.root().join("password");
    std::fs::write(&password, format!("{PASSWORD}\n")).expect("a file");
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    let grant = format!(
        "[[grant]]\nname = 'gitops'\nprovider = 'git'\nserver = '{server}'\nuser = 'bot'\n\
         password = 'secret://file{}'\nscopes = ['write:repository', 'read:issue']\n{more}\n\
         allow = [{{ local = true, repository = 'acme/app' }}]\n",
        password.display()
    );
    world.configure(None, &[], &grant);
}

fn calls(forge: &StandIn) -> Vec<String> {
    forge.asked().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
}

const ALL: [&str; 3] = [
    "GET /api/v1/users/bot/tokens?limit=50",
    "POST /api/v1/users/bot/tokens",
    "DELETE /api/v1/users/bot/tokens/77",
];

#[test]
fn git_in_a_step_has_a_token_that_is_deleted_after_it() {
    let (forge, tokens) =
        forge(&[(1, "laptop"), (2, "palisade-acme-app-1-1-0a-100"), (3, "palisade-x-9999999999")]);
    // Nobody signs ID tokens here, and none are needed.
    let world = World::new();
    std::fs::remove_dir_all(world.context.state().join("palisade/issuer")).expect("the issuer's directory");
    configure(&world, &forge.url(), "variable = 'FORGE_TOKEN'");
    let host = forge.address;
    let steps = format!(
        "      - env:
          PALISADE_GRANTS: gitops
        run: |
          printf 'protocol=http\\nhost={host}\\npath=acme/app.git\\n\\n' | git credential fill > filled
          grep -E '^(username|password)=' filled; grep ^password= filled | tr -d '\\n' | wc -c
          cmp <(grep ^password= filled | cut -d= -f2 | tr -d '\\n') $FORGE_TOKEN_FILE && echo the same
          printf 'protocol=http\\nhost={host}\\nusername=bot\\npassword=x\\n\\n' | git credential reject
          printf 'protocol=https\\nhost=other.example\\n\\n' | git credential fill 2>&1 | grep -o 'terminal prompts disabled'
          stat -c %a $FORGE_TOKEN_FILE; env | grep -c 8f0c4d || true
          rm filled
      - run: |
          printf 'protocol=http\\nhost={host}\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill 2>&1 | grep -o 'terminal prompts disabled'
          env | grep -E 'GIT_|FORGE' || ls $RUNNER_TEMP
"
    );
    let (outcome, events) = world.events(&steps);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        events.step_log("a", 0),
        "username=bot\npassword=***\n49\nthe same\nterminal prompts disabled\n400\n0\n",
        "{outcome}"
    );
    let after = events.step_log("a", 1);
    assert!(after.starts_with("terminal prompts disabled\n") && !after.contains("credentials"), "{outcome}");
    let mut wanted = ALL.to_vec();
    // What another runner has left behind long ago, and nothing of anybody else.
    wanted.insert(1, "DELETE /api/v1/users/bot/tokens/2");
    assert_eq!(calls(&forge), wanted);
    let left: Vec<u64> = tokens.lock().unwrap().iter().map(|(id, _)| *id).collect();
    assert_eq!(left, [1, 3]);
    let issued: Vec<&Value> = events.of_kind("issued").collect();
    assert_eq!(issued.len(), 1, "{outcome}");
    let record = &issued[0]["record"];
    assert_eq!(
        (&record["user"], &record["scopes"], &issued[0]["provider"]),
        (&json!("bot"), &json!("write:repository read:issue"), &json!("git"))
    );
    assert!(
        record["name"].as_str().is_some_and(|name| name.starts_with("palisade-acme-app-1-1-")),
        "{record}"
    );
    assert!(!outcome.stdout.contains(TOKEN) && !outcome.stdout.contains(PASSWORD), "{outcome}");
}

#[test]
fn a_step_that_fails_has_its_token_deleted_too() {
    let (forge, tokens) = forge(&[]);
    let world = World::new();
    configure(&world, &forge.url(), "");
    let (outcome, _) = world.events("      - { run: exit 3, env: { PALISADE_GRANTS: gitops } }");
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(calls(&forge), ALL);
    assert_eq!(tokens.lock().unwrap().len(), 0);
    let outcome = world.palisade(&["identity", "test", "gitops"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("write:repository read:issue"), "{outcome}");
    assert_eq!(tokens.lock().unwrap().len(), 0);
}

#[test]
fn what_the_forge_refuses_is_told_and_nothing_is_left() {
    let (forge, tokens) = forge(&[]);
    let world = World::new();
    let step = "      - { run: echo never, env: { PALISADE_GRANTS: gitops } }";
    configure(&world, &forge.url(), "");
    // Scopes that this forge doesn't give.
    let config = world.context.config().join("palisade/config.toml");
    let text =
        std::fs::read_to_string(&config).expect("it was written").replace("'read:issue'", "'write:user'");
    std::fs::write(&config, text).expect("a file");
    let (outcome, events) = world.events(step);
    assert_eq!((outcome.code, events.log("a").as_str()), (Some(1), ""), "{outcome}");
    let why = "the grant `gitops`: the forge refused: HTTP status 400: invalid access token scope provided";
    assert!(events.steps("a")[0].contains(why), "{outcome}");
    assert_eq!(tokens.lock().unwrap().len(), 0);
    // An error that repeats what it was sent.
    configure(&world, &forge.url(), "");
    std::fs::write(world.context.root().join("password"), "another-password").expect("a file");
    let (outcome, events) = world.events(step);
    assert!(events.steps("a")[0].contains("user's password is invalid: Basic ***"), "{outcome}");
    // A file that jobs, or others, can read.
    for (place, why) in
        [("work/password", "jobs see it: it is in"), ("password", "others can read or change it")]
    {
        let path = world.context.root().join(place);
        std::fs::write(&path, PASSWORD).expect("a file");
        let mode = if place == "password" { 0o644 } else { 0o600 };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
        let text = std::fs::read_to_string(&config).expect("it was written");
        let named = format!("secret://file{}", world.context.root().join("password").display());
        let text = text.replace(&named, &format!("secret://file{}", path.display()));
        std::fs::write(&config, text).expect("a file");
        let (outcome, events) = world.events(step);
        assert!(events.steps("a")[0].contains(why), "no `{why}` in\n{outcome}");
        configure(&world, &forge.url(), "");
    }
}
