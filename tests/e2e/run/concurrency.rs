//! Concurrency groups: of the runs and jobs of one, one at a time.

use palisade_tests::{Context, Events};

use super::run_in;
use super::running::Running;

/// Workflows of these names, each of which goes on until it is interrupted, with this `concurrency`.
fn endless(workflows: &[(&str, &str)]) -> Context {
    let context = Context::new();
    for (name, concurrency) in workflows {
        let workflow = format!(
            "name: {name}
on: push
concurrency: {concurrency}
jobs:
  a:
    runs-on: x
    steps:
      - run: |
          trap 'echo interrupted; exit 0' INT
          echo ready
          sleep 1000 & wait
      - {{ if: cancelled(), run: echo cleaned }}
"
        );
        context.write(&format!(".github/workflows/{name}.yml"), workflow);
    }
    context
}

fn run_reason(events: &Events) -> String {
    events.of_kind("run_finished").next().unwrap()["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_run_waits_until_its_group_is_free() {
    let context = endless(&[("one", "Deploy"), ("two", "${{ 'deploy' }}")]);
    let mut one = Running::start(&context, "one");
    let first = one.id();
    one.until_printed("ready");
    let mut two = Running::start(&context, "two");
    let message = two.until_it_waits();
    assert_eq!(message, format!("waits for the concurrency group `deploy`, which run {first} (one) has"));
    one.interrupt();
    assert_eq!(one.end().0.code, Some(130));
    two.until_printed("ready");
    two.interrupt();
    assert_eq!(two.end().0.code, Some(130));
    let groups = context.state().join("palisade/concurrency");
    assert_eq!(std::fs::read_dir(groups).unwrap().count(), 0);
}

#[test]
fn of_those_that_wait_the_last_stays() {
    let context = endless(&[("one", "g"), ("two", "g"), ("three", "g")]);
    let mut one = Running::start(&context, "one");
    one.until_printed("ready");
    let mut two = Running::start(&context, "two");
    two.until_it_waits();
    let mut three = Running::start(&context, "three");
    let third = three.id();
    three.until_it_waits();
    let (outcome, events) = two.end();
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let reason =
        format!("run {third} (three) took its place among those that wait for the concurrency group `g`");
    assert_eq!(
        (events.result("a"), events.reason("a"), run_reason(&events)),
        ("cancelled", &*reason, reason.clone())
    );
    // Ctrl-C ends one that waits.
    three.interrupt();
    let (outcome, events) = three.end();
    assert_eq!((outcome.code, events.result("a")), (Some(130), "cancelled"), "{outcome}");
    one.interrupt();
    one.end();
}

#[test]
fn who_cancels_what_is_in_progress_gets_its_place() {
    let both = "{ group: '${{ github.ref }}', cancel-in-progress: \"${{ github.workflow == 'two' }}\" }";
    let context = endless(&[("one", both), ("two", both)]);
    let mut one = Running::start(&context, "one");
    one.until_printed("ready");
    let mut two = Running::start(&context, "two");
    let second = two.id();
    let (outcome, events) = one.end();
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(events.log("a"), "ready\ninterrupted\ncleaned\n");
    assert_eq!(events.result("a"), "cancelled");
    let reason =
        format!("run {second} (two) cancelled it: both are of the concurrency group `refs/heads/main`");
    assert_eq!(run_reason(&events), reason);
    two.until_printed("ready");
    two.interrupt();
    two.end();
}

#[test]
fn a_killed_run_leaves_its_group_free() {
    let context = endless(&[("one", "g"), ("two", "g")]);
    let mut one = Running::start(&context, "one");
    one.until_printed("ready");
    let mut two = Running::start(&context, "two");
    two.until_it_waits();
    one.child.kill().unwrap();
    one.child.wait().unwrap();
    two.until_printed("ready");
    two.interrupt();
    assert_eq!(two.end().0.code, Some(130));
}

#[test]
fn jobs_of_a_group_run_one_after_another() {
    let (outcome, events) = run_in(
        &Context::new(),
        "  a:
    runs-on: x
    strategy: { matrix: { n: [1, 2, 3, 4] } }
    concurrency: { group: 'g-${{ matrix.n > 0 }}', queue: max }
    steps: [ { run: echo begin; sleep 0.05; echo end } ]
",
        &["--jobs", "4"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let said: Vec<&str> = events.of_kind("log").map(|event| event["text"].as_str().unwrap()).collect();
    assert_eq!(said.concat(), "begin\nend\n".repeat(4));
}

#[test]
fn a_job_ends_for_another_of_its_group() {
    let context = Context::new();
    let job = |name: &str, cancel: bool| {
        format!(
            "name: {name}
on: push
jobs:
  a:
    runs-on: x
    concurrency: {{ group: g, cancel-in-progress: {cancel} }}
    steps: [ {{ run: \"trap 'exit 0' INT; echo ready; sleep 1000 & wait\" }} ]
  b: {{ runs-on: x, steps: [ {{ run: echo b }} ] }}
"
        )
    };
    context.write(".github/workflows/one.yml", job("one", false));
    context.write(".github/workflows/two.yml", job("two", true));
    let mut one = Running::start(&context, "one");
    one.until_printed("ready");
    let mut two = Running::start(&context, "two");
    let second = two.id();
    let (outcome, events) = one.end();
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(["a", "b"].map(|job| events.result(job)), ["cancelled", "success"]);
    let reason = format!("run {second} (two, job a) cancelled it: both are of the concurrency group `g`");
    assert_eq!(events.reason("a"), reason);
    two.until_printed("ready");
    two.interrupt();
    two.end();
}

#[test]
fn nothing_waits_for_itself() {
    let context = Context::new();
    context.write(
        ".github/workflows/called.yml",
        "on: workflow_call
concurrency: own
jobs:
  outer: { runs-on: x, concurrency: Whole, steps: [ { run: echo never } ] }
  caller: { runs-on: x, concurrency: call, steps: [ { run: echo never } ] }
  itself: { runs-on: x, concurrency: own, steps: [ { run: echo never } ] }
  other: { runs-on: x, concurrency: other, steps: [ { run: echo other } ] }
",
    );
    context.write(
        ".github/workflows/w.yml",
        "on: push
concurrency: whole
jobs: { a: { uses: ./.github/workflows/called.yml, concurrency: call } }
",
    );
    let outcome = context.palisade().args(["run", "--json", "w.yml"]).run();
    let events = Events::of(&outcome);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    for (job, group) in [("outer", "Whole"), ("caller", "call"), ("itself", "own")] {
        let reason = format!(
            "it would wait for itself: a workflow or job that it is part of has the concurrency group `{group}`"
        );
        assert_eq!(events.reason(&format!("a / {job}")), reason);
    }
    assert_eq!(events.log("a / other"), "other\n");
}

#[test]
fn a_group_that_means_nothing_is_told() {
    let long = "x".repeat(500_000);
    let jobs = format!(
        "  long: {{ runs-on: x, concurrency: {long}, steps: [ {{ run: echo never }} ] }}
  empty: {{ runs-on: x, concurrency: '${{{{ matrix.none }}}}', steps: [ {{ run: echo never }} ] }}
  broken: {{ runs-on: x, concurrency: '${{{{ fromJSON(github.ref) }}}}', steps: [ {{ run: echo never }} ] }}
  odd: {{ runs-on: x, concurrency: \"../\\e[31m/\\a\", steps: [ {{ run: echo odd }} ] }}
"
    );
    let (outcome, events) = run_in(&Context::new(), &jobs, &[]);
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let reasons = ["long", "empty", "broken", "odd"].map(|job| events.reason(job));
    insta::assert_snapshot!(reasons.join("\n"), @"
    cannot evaluate `concurrency`: the group's name is longer than 400 characters
    cannot evaluate `concurrency`: the group `${{ matrix.none }}` has no name
    cannot evaluate `concurrency`: Error parsing JSON when evaluating fromJson: expected value at line 1 column 1. Located within expression: fromJSON(github.ref)
    ");
    assert_eq!(events.log("odd"), "odd\n");
    let context = Context::new();
    context.write(".github/workflows/w.yml", "on: push\nconcurrency: '${{ github.none }}'\njobs: { a: { runs-on: x, steps: [ { run: 'true' } ] } }\n");
    let outcome = context.palisade().args(["run"]).run();
    insta::assert_snapshot!(outcome, @"
    exit code: 2
    --- stdout
    --- stderr
    error: .github/workflows/w.yml: cannot evaluate `concurrency`: the group `${{ github.none }}` has no name
    ");
}
