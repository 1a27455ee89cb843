//! Shells: GitHub's exact invocations.

use super::{run, steps};
use palisade_tests::{Need, require};

#[test]
fn each_shell_is_invoked_as_on_github() {
    let (outcome, events) = run(
        &steps(
            r"
      - run: echo $- $(set -o | grep -c 'pipefail.*on'); false | true; echo on
      - { shell: bash, run: 'echo $- $(set -o | grep -c ''pipefail.*on'')' }
      - { shell: sh, run: 'echo $-' }
      - { shell: 'bash -u {0}', run: 'echo $-; false; echo on' }
      - { shell: 'cat {0}', run: the script itself }
      - { shell: bash, run: 'false | true; echo never', continue-on-error: true }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.log("a");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].contains('e') && lines[0].ends_with(" 0"), "{log}");
    assert_eq!(lines[1], "on");
    assert!(lines[2].contains('e') && lines[2].ends_with(" 1"), "{log}");
    assert!(lines[3].contains('e'), "{log}");
    assert!(lines[4].contains('u') && !lines[4].contains('e'), "{log}");
    assert_eq!(lines[5..], ["on", "the script itself"]);
}

#[test]
fn python_runs_a_script_too() {
    if !require(Need::Path("/usr/bin/python3")) {
        return;
    }
    let (outcome, events) = run(&steps("      - { shell: python, run: print(1 + 1) }\n"), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "2\n");
}

#[test]
fn a_shell_that_is_not_there_is_named() {
    let (_, events) = run(
        &steps(
            "
      - { shell: '${{ ''fish'' }}', run: x, continue-on-error: true }
      - { shell: 'no-such-program {0}', run: x, continue-on-error: true }
      - { run: x, working-directory: nowhere, continue-on-error: true }
      - { shell: cmd, run: x, continue-on-error: true }
      - { shell: cmd, run: x, if: false }
",
        ),
        &[],
    );
    let steps = events.steps("a");
    assert!(steps[0].contains("there is no shell `fish`"), "{steps:?}");
    assert!(steps[1].contains("`no-such-program` was not found"), "{steps:?}");
    assert!(
        steps[2].contains("cannot enter working directory `/home/runner/work/work/work/nowhere`"),
        "{steps:?}"
    );
    assert!(steps[3].contains("there is no shell `cmd`") && steps[4] == "skipped", "{steps:?}");
}

#[test]
fn defaults_hold_unless_a_step_says_otherwise() {
    let (outcome, events) = run(
        "  a:
    runs-on: x
    defaults: { run: { shell: 'cat {0}', working-directory: sub } }
    steps:
      - { shell: sh, working-directory: ., run: mkdir sub }
      - run: text
      - { shell: sh, run: 'basename $PWD' }
",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "text\nsub\n");
}

#[test]
fn node_runs_a_script_too() {
    if !require(Need::Program("node")) {
        return;
    }
    let (outcome, events) = run(&steps("      - { shell: node, run: 'console.log(1 + 1)' }\n"), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "2\n");
}

#[test]
fn an_empty_script_does_nothing() {
    let (outcome, events) = run(&steps("      - run: ''\n      - run: ''\n        shell: sh\n"), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.steps("a"), ["success", "success"]);
}

#[test]
fn what_is_given_as_nothing_is_what_it_is_by_default() {
    let jobs = r"  a:
    runs-on: x
    defaults: { run: { shell: sh, working-directory: sub } }
    steps:
      - { run: mkdir -p sub, working-directory: '.' }
      - { run: 'echo ${PWD##*/} $0', shell: '${{ vars.none }}', working-directory: '${{ vars.none }}' }
      - { run: 'echo ${PWD##*/}', working-directory: '' }
";
    let (outcome, events) = run(jobs, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.log("a");
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines[0].starts_with("sub /") && lines[1] == "sub", "{log}");
}
