//! `palisade doctor` on the machine that runs the tests, which the other tests need to be fit for palisade.

use palisade_tests::{Context, Identity, Need, Outcome, require};

const IDS: [&str; 26] = [
    "config",
    "kernel",
    "user-namespaces",
    "apparmor",
    "landlock",
    "seccomp",
    "cgroup",
    "core-pattern",
    "layer.user",
    "layer.mount",
    "layer.pid",
    "layer.ipc",
    "layer.uts",
    "layer.cgroup",
    "layer.net",
    "layer.capabilities",
    "layer.landlock",
    "layer.seccomp",
    "layer.limits",
    "overlay",
    "tool.bash",
    "tool.sh",
    "tool.git",
    "tool.python3",
    "tool.node",
    "state",
];

/// Each finding's id and verdict. Whatever isn't well says what to do.
fn findings(outcome: &Outcome) -> Vec<(String, String)> {
    let text = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let read = |line: &str| {
        let finding: serde_json::Value = serde_json::from_str(line).expect("a JSON object a line");
        let verdict = text(&finding, "verdict");
        assert!(!text(&finding, "found").is_empty(), "{line}");
        assert_eq!(verdict == "ok", finding["remedy"].is_null(), "{line}");
        (text(&finding, "id"), verdict)
    };
    outcome.stdout.lines().map(read).collect()
}

fn examine(context: &Context) {
    let outcome = context.palisade().args(["doctor", "--json"]).run();
    let found = findings(&outcome);
    assert_eq!(found.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), IDS);
    assert!(found.iter().all(|(_, verdict)| verdict != "fail"), "{outcome}");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let left = std::fs::read_dir(context.tmp()).expect("own directory").count();
    assert_eq!(left, 0, "doctor left something behind");

    let people = context.palisade().args(["doctor"]).run();
    assert_eq!(people.stdout.lines().filter(|line| !line.starts_with(' ')).count(), IDS.len() + 1);
    assert!(!people.stdout.contains('\x1b'), "{people}");
}

#[test]
fn the_machine_is_fit() {
    examine(&Context::new());
}

#[test]
fn the_machine_is_fit_for_an_ordinary_user() {
    if require(Need::Root) {
        examine(&Context::of(Identity::Nobody));
    }
}

#[test]
fn a_configuration_that_is_not_valid_fails_and_the_rest_is_told() {
    let context = Context::new();
    context.write("config.toml", "[sandbox]\ntools = 7\n");
    let outcome = context.palisade().args(["doctor", "--json", "--config", "config.toml"]).run();
    assert_eq!(outcome.code, Some(4), "{outcome}");
    let failed: Vec<_> = findings(&outcome).into_iter().filter(|(_, verdict)| verdict == "fail").collect();
    assert_eq!(failed, [("config".to_owned(), "fail".to_owned())]);
}
