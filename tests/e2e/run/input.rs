//! What people type: files, events, inputs, and what they get for a mistake.

use super::{run, run_in, steps};
use palisade_tests::Context;

#[test]
fn where_there_is_no_workflow_the_example_runs() {
    let context = Context::new();
    let outcome = context.palisade().args(["run"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stderr.contains("no workflow in [WORK]: running the built-in example"), "{outcome}");
    assert!(outcome.stdout.contains("the token is ***"), "{outcome}");
    assert!(outcome.stdout.contains("impossible: unshare --user true"), "{outcome}");
    assert!(!outcome.stdout.contains("possible:   "), "{outcome}");
}

#[test]
fn an_event_decides_what_the_workflow_sees() {
    let job = steps(
        "      - run: echo ${{ github.event_name }} ${{ github.base_ref }} ${{ github.event.action }}${{ github.event.x }}\n",
    );
    let (_, events) = run(&job, &["--event", "pull_request"]);
    assert_eq!(events.log("a"), "pull_request main opened\n");
    let context = Context::new();
    context.write("event.json", r#"{"x": 7}"#);
    let (_, events) = run_in(&context, &job, &["--event-file", "event.json"]);
    assert_eq!(events.log("a"), "push 7\n");
}

#[test]
fn inputs_and_variables_reach_the_workflow() {
    let context = Context::new();
    context.write(
        ".github/workflows/w.yml",
        "on: { workflow_dispatch: { inputs: { level: { default: low }, dry: { type: boolean } } } }
jobs: { a: { runs-on: x, steps: [{ run: 'echo ${{ inputs.level }} ${{ inputs.dry == true }} ${{ vars.V }} $E' }] } }
",
    );
    let args = ["--input", "dry=true", "--var", "V=v", "--env", "E=e"];
    let outcome = context.palisade().args(["run"]).args(args).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("\nlow true v e\n"), "{outcome}");
}

#[test]
fn a_payload_brings_its_inputs() {
    let context = Context::new();
    context.write(
        "w.yml",
        "on: { workflow_dispatch: { inputs: { a: { required: true }, b: { default: low }, n: { type: number } } } }
jobs:
  j:
    runs-on: x
    steps: [{ run: 'echo ${{ inputs.a }} ${{ inputs.b }} ${{ inputs.n == 4 }} ${{ github.event.inputs.a }}' }]
",
    );
    context.write("event.json", r#"{"inputs": {"a": "one", "b": null, "n": 4}}"#);
    let dispatch = ["run", "w.yml", "--event", "workflow_dispatch", "--event-file"];
    for (more, shown) in [(&[][..], "\none low true one\n"), (&["--input", "a=two"], "\ntwo low true two\n")]
    {
        let outcome = context.palisade().args(dispatch).args(["event.json"]).args(more).run();
        assert_eq!(outcome.code, Some(0), "{outcome}");
        assert!(outcome.stdout.contains(shown), "{outcome}");
    }
    for (payload, message) in [
        (r#"{"inputs": {"a": []}}"#, "the event's payload: input `a` is a list or an object"),
        (r#"{"inputs": {"a": "x", "n": "y"}}"#, "input `n`: `y` is not a number"),
        (r#"{"inputs": {"c": "x"}}"#, "the workflow has no input `c`"),
    ] {
        context.write("bad.json", payload);
        let outcome = context.palisade().args(dispatch).args(["bad.json"]).run();
        assert_eq!(outcome.code, Some(2), "{outcome}");
        assert!(outcome.stderr.contains(message), "{outcome}");
    }
}

#[test]
fn a_mistake_is_told_before_anything_runs() {
    let context = Context::new();
    context.write("bad.json", "[1]").write("bad.toml", "[sandbox]\nspeed = 1\n");
    context.write("big.json", format!("{{\"a\": \"{}\"}}", "x".repeat(2 << 20)));
    for (args, message) in [
        (&["--event", "release"][..], "is not triggered by `release`"),
        (&["--event-file", "bad.json"], "--event-file bad.json: the payload must be a JSON object"),
        (&["--event-file", "big.json"], "--event-file big.json: larger than 1048576 bytes"),
        (&["--event-file", "none.json"], "--event-file none.json: No such file"),
        (&["--input", "x=1"], "the workflow has no input `x`"),
        (&["-C", "nowhere"], "-C nowhere: No such file"),
        (&["-C", "bad.json"], "not a directory"),
        (&["nothing.yml"], "there is no workflow file `nothing.yml`"),
        (&["--config", "bad.toml"], "unknown field `speed`"),
        (&["--config", "none.toml"], "cannot read configuration `none.toml`"),
        (&["--jobs", "0"], "0 is not in 1..=1024"),
        (&["--env", "x"], "expected KEY=VALUE"),
        (&["--matrix", "x"], "expected AXIS:VALUE"),
        (&["--net", "some"], "invalid value 'some'"),
        (&["--log-dir", "bad.json/x"], "--log-dir bad.json/x"),
    ] {
        let (outcome, _) = run_in(&context, &steps("      - run: 'true'\n"), args);
        assert_eq!(outcome.code, Some(2), "{args:?}: {outcome}");
        assert!(outcome.stderr.contains(message), "{args:?}: {outcome}");
        assert_eq!(outcome.stdout, "", "{args:?}");
    }
}

#[test]
fn a_workflow_with_errors_is_not_run() {
    let context = Context::new();
    context.write(".github/workflows/w.yml", "on: push\njobs: { a: { runs-on: x, stepz: [] } }\n");
    let outcome = context.palisade().args(["run"]).run();
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("did you mean `steps`?"), "{outcome}");
    assert!(outcome.stderr.contains("nothing was run"), "{outcome}");
}

#[test]
fn logs_go_to_a_directory_too() {
    let context = Context::new();
    let (outcome, _) = run_in(&context, &steps("      - run: echo hello\n"), &["--log-dir", "logs"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let events = std::fs::read_to_string(context.work().join("logs/events.jsonl")).unwrap();
    assert!(events.contains("hello"));
    assert_eq!(std::fs::read_dir(context.work().join("logs")).unwrap().count(), 2);
}

#[test]
fn help_has_examples() {
    let outcome = Context::new().palisade().args(["run", "--help"]).run();
    assert_eq!(outcome.code, Some(0));
    assert!(outcome.stdout.contains("EXAMPLES:") && outcome.stdout.contains("EXIT CODES:"));
}

#[test]
fn a_layer_that_cannot_hold_in_full_stops_the_job_unless_that_is_accepted() {
    let context = Context::new();
    context.write("strict.toml", "[sandbox]\nallow-degraded = []\n");
    let job = steps("      - run: echo ran\n");
    let (outcome, events) = run_in(&context, &job, &["--config", "strict.toml"]);
    let degraded =
        |e: &serde_json::Value| e["layers"].as_array().unwrap().iter().any(|l| l["state"] == "degraded");
    if outcome.code == Some(0) {
        assert!(!events.of_kind("layers").any(degraded), "{outcome}");
        return;
    }
    assert_eq!(outcome.code, Some(4), "{outcome}");
    assert_eq!((events.result("a"), events.log("a")), ("failure", String::new()));
    assert!(events.reason("a").starts_with("isolation layer `"), "{outcome}");
    let (outcome, events) = run_in(&context, &job, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.of_kind("layers").any(degraded), "{outcome}");
}
