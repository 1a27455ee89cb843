//! Projects of the common kinds with the workflows that such projects have: they run as they are.

use palisade_tests::{Context, Events, Need, Outcome, require};
use std::path::Path;

/// Runs the workflow of a project with the tools on the caller's own path.
fn project(name: &str, tools: &[&'static str]) -> Option<(Outcome, Events)> {
    if !tools.iter().all(|tool| require(Need::Program(tool))) {
        return None;
    }
    let context = Context::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    copy(&context, &source, "");
    let mut run = context.palisade().args(["run", "--json"]);
    // The tools, and where those in a home directory keep their data; not what else the caller has set.
    for variable in ["PATH", "HOME", "RUSTUP_HOME", "PYENV_ROOT"] {
        if let Some(value) = std::env::var_os(variable) {
            run = run.env(variable, value);
        }
    }
    let outcome = run.run();
    let events = Events::of(&outcome);
    Some((outcome, events))
}

fn copy(context: &Context, from: &Path, to: &str) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let to = if to.is_empty() { name } else { format!("{to}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            copy(context, &entry.path(), &to);
        } else {
            context.write(&to, std::fs::read(entry.path()).unwrap());
        }
    }
}

#[test]
fn rust() {
    let Some((outcome, events)) = project("rust", &["cargo", "rustc", "cc"]) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("Test (shout)").contains("1 passed"));
    // The last is what the checkout has to do at the end.
    assert_eq!(events.steps("smoke"), ["success", "success", "skipped", "success"]);
}

#[test]
fn node() {
    let Some((outcome, events)) = project("node", &["node"]) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let job = "build (ubuntu-latest, true)";
    assert!(events.log(job).contains(&format!("built {}", "0".repeat(40))), "{outcome}");
    assert!(
        events.of_kind("summary").next().unwrap()["markdown"].as_str().unwrap().contains("dist/build.json")
    );
}

#[test]
fn python() {
    let Some((outcome, events)) = project("python", &["python3"]) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("test").contains("Ran 2 tests"), "{outcome}");
}

#[test]
fn go() {
    let Some((outcome, events)) = project("go", &["go"]) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("build").contains("example.org/stack/stack"), "{outcome}");
}

#[test]
fn make() {
    let Some((outcome, events)) = project("make", &["make", "cc"]) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.result("build (-O0)"), "success");
    assert_eq!(events.result("build (-O2)"), "success");
}

#[test]
fn matrix() {
    let Some((outcome, events)) = project("matrix", &["sh"]) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        events.log("linux/arm64 tar"),
        "The workspace holds the tree of this run as it is, with what is not committed; nothing is fetched.\n\
         packing demo-1.4.2-linux-arm64.tar as job 2 of 4\n"
    );
    assert_eq!(events.result("publish"), "skipped");
    assert_eq!(events.log("summary"), "package: success, publish: skipped\n");
}
