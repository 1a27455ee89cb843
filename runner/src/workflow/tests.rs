//! The parser as a whole: what it reads, what it reports, and that it is bounded.

use std::path::Path;

use proptest::prelude::*;

use super::model::{InputKind, LiteralOr, StepKind, Workflow};
use super::*;

/// Every key that has an effect, and most of those that only the forge reads.
const FULL: &str = r#"
name: Everything
run-name: Build ${{ github.ref }}
on:
  push: { branches: [main, 'v*'], tags-ignore: [x], paths: '**.rs' }
  pull_request: { types: [opened] }
  schedule: [{ cron: '30 5 * * 1' }]
  workflow_dispatch:
    inputs:
      level: { type: choice, options: [low, high], default: low, required: true }
      dry: { type: boolean, default: true }
      n: { type: number, default: 3 }
permissions: { contents: read, id-token: write }
concurrency: { group: '${{ github.ref }}', cancel-in-progress: true }
env: { A: 1, B: true, C: '${{ github.sha }}', D: }
defaults: { run: { shell: bash, working-directory: src } }
jobs:
  build:
    name: Build on ${{ matrix.os }}
    runs-on: ${{ matrix.os }}
    timeout-minutes: 5
    strategy:
      fail-fast: false
      max-parallel: 2
      matrix:
        os: [a, b]
        v: ${{ fromJSON('[1]') }}
        include: [{ os: a, extra: { k: [1, x] } }]
    outputs: { out: '${{ steps.one.outputs.x }}' }
    steps:
      - uses: actions/checkout@v4
        with: { fetch-depth: 0 }
      - id: one
        name: Say ${{ github.actor }}
        if: always() && github.ref == 'x'
        run: |
          echo "${{ env.A }}"
        shell: perl {0}
        working-directory: a
        env: { X: y }
        continue-on-error: true
        timeout-minutes: ${{ fromJSON('1') }}
  test:
    needs: build
    if: needs.build.result == 'success'
    runs-on: [self-hosted, linux]
    environment: { name: prod, url: 'https://x' }
    env: { E: f }
    continue-on-error: ${{ github.ref == 'x' }}
    steps: [{ run: echo }]
"#;

fn read(source: &str) -> Workflow {
    let parsed = parse(source.as_bytes(), Path::new("ci.yml")).unwrap_or_else(|e| panic!("{e}"));
    assert!(parsed.warnings.is_empty(), "{}", parsed.warnings);
    parsed.workflow
}

fn report(source: impl AsRef<[u8]>) -> String {
    match parse(source.as_ref(), Path::new("ci.yml")) {
        Ok(parsed) => parsed.warnings.to_string(),
        Err(diagnostics) => {
            assert!(diagnostics.count(Severity::Error) > 0);
            diagnostics.to_string()
        }
    }
}

#[test]
fn a_full_workflow_is_read() {
    let workflow = read(FULL);
    assert_eq!(workflow.name.as_deref().map(String::as_str), Some("Everything"));
    let events: Vec<&str> = workflow.on.iter().map(|trigger| trigger.event.as_str()).collect();
    assert_eq!(events, ["push", "pull_request", "schedule", "workflow_dispatch"]);
    let inputs = &workflow.on[3].inputs;
    assert_eq!(inputs["level"].kind, InputKind::Choice);
    assert!(inputs["level"].required);
    assert_eq!(inputs["dry"].default, Some(true.into()));
    assert_eq!(inputs["n"].default, Some(3.0.into()));
    let env: Vec<(&str, &str)> = workflow.env.iter().map(|(k, v)| (k.as_str(), v.source())).collect();
    assert_eq!(env, [("A", "1"), ("B", "true"), ("C", "${{ github.sha }}"), ("D", "")]);

    let build = &workflow.jobs["build"];
    assert!(matches!(build.timeout_minutes.as_deref(), Some(LiteralOr::Literal(5.0))));
    assert!(matches!(build.strategy.fail_fast, LiteralOr::Literal(false)));
    let Some(LiteralOr::Literal(matrix)) = build.strategy.matrix.as_deref() else { panic!("no matrix") };
    assert!(matches!(&matrix.axes["os"], LiteralOr::Literal(values) if values.len() == 2));
    assert!(matches!(&matrix.axes["v"], LiteralOr::Expr(_)));
    assert!(matches!(&build.steps[0].kind, StepKind::Checkout { with } if with.len() == 1));
    let StepKind::Run { script, shell, .. } = &build.steps[1].kind else { panic!("no script") };
    assert_eq!(script.source(), "echo \"${{ env.A }}\"\n");
    assert_eq!(shell.as_ref().map(|shell| shell.source()), Some("perl {0}"));
    assert!(matches!(build.steps[1].timeout_minutes.as_deref(), Some(LiteralOr::Expr(_))));

    let test = &workflow.jobs["test"];
    assert_eq!(test.needs[0].value, "build");
    assert_eq!(test.needs[0].span.of(FULL), "build");
    assert_eq!(test.runs_on.len(), 2);
}

#[test]
fn on_is_read_in_all_its_forms() {
    for on in ["push", "[push, pull_request]", "{ push: , pull_request: { branches: x } }"] {
        let workflow = read(&format!("on: {on}\njobs: {{ a: {{ runs-on: x, steps: [ {{ run: y }} ] }} }}"));
        assert_eq!(workflow.on[0].event.value, "push");
    }
}

#[test]
fn anchors_are_shared() {
    let workflow =
        read("on: push\nenv: &e { A: b }\njobs: { a: { runs-on: x, env: *e, steps: [{ run: y }] } }");
    assert_eq!(workflow.jobs["a"].env[0].1.source(), "b");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        report(bytes);
    }

    #[test]
    fn yaml_like_text_never_panics(text in r#"([-?:,\[\]{}&*!|>'"%@` \n\t\r#aé0.<=$~]|: |- |\$\{\{ |\}\}|---|\.\.\.|\n  |\u{feff}){0,80}"#) {
        report(text);
    }

    #[test]
    fn a_mutated_workflow_never_panics(
        edits in proptest::collection::vec((0..FULL.len(), 0..30usize, "[-?:,\\[\\]{}&*!|>'\"%\n\t #aé$]{0,4}"), 1..6)
    ) {
        let mut text = FULL.as_bytes().to_vec();
        for (at, length, new) in edits {
            let at = at.min(text.len());
            let end = (at + length).min(text.len());
            text.splice(at..end, new.bytes());
        }
        report(text);
    }
}
