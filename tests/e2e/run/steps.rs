//! Steps: what they pass on, when they run, how they end.

use super::{run, steps};

#[test]
fn environment_outputs_and_path_reach_the_steps_that_follow() {
    let (outcome, events) = run(
        &steps(
            r#"
      - id: first
        run: |
          echo "A=1" >> "$GITHUB_ENV"
          echo "B<<END" >> "$GITHUB_ENV"
          echo "two" >> "$GITHUB_ENV"
          echo "lines" >> "$GITHUB_ENV"
          echo "END" >> "$GITHUB_ENV"
          echo "v=out" >> "$GITHUB_OUTPUT"
          mkdir bin
          printf '#!/bin/sh\necho tool' > bin/tool
          chmod +x bin/tool
          echo "$PWD/bin" >> "$GITHUB_PATH"
          echo "here: ${A:-nothing}"
      - run: echo "$A $B ${{ steps.first.outputs.v }} ${{ env.A }} $(tool)"
      - run: echo "own $A"
        env: { A: "${{ env.A }}+" }
"#,
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "here: nothing\n1 two\nlines out 1 tool\nown 1+\n");
}

#[test]
fn after_a_failure_only_steps_run_that_ask_for_it() {
    let (outcome, events) = run(
        &steps(
            "
      - run: exit 3
      - run: echo never
      - { if: failure(), run: 'echo failure ${{ job.status }}' }
      - { if: always(), run: echo always }
      - { if: success(), run: echo never }
      - { if: cancelled(), run: echo never }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(1));
    assert_eq!(events.log("a"), "failure failure\nalways\n");
    assert_eq!(
        events.steps("a"),
        ["failure: exit code 3", "skipped", "success", "success", "skipped", "skipped"]
    );
    assert_eq!(events.result("a"), "failure");
}

#[test]
fn an_allowed_failure_stays_visible() {
    let (outcome, events) = run(
        &steps(
            "
      - { id: x, run: exit 1, continue-on-error: true }
      - run: echo ${{ steps.x.outcome }} ${{ steps.x.conclusion }}
      - { run: exit 1, continue-on-error: '${{ github.ref != '''' }}' }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0));
    assert_eq!(events.log("a"), "failure success\n");
    let allowed = "failure as success: exit code 1";
    assert_eq!(events.steps("a"), [allowed, "success", allowed]);
}

#[test]
fn a_signal_is_told() {
    let (_, events) = run(&steps("      - run: kill -9 $$\n"), &[]);
    assert_eq!(events.steps("a"), ["failure: ended by signal 9"]);
}

#[test]
fn a_step_that_takes_too_long_is_ended_with_all_that_it_started() {
    let (outcome, events) = run(
        &steps(
            "
      - run: |
          (trap '' INT TERM; sleep 1; touch ~/alive) &
          sleep 1000
        timeout-minutes: 0.005
        continue-on-error: true
      - run: sleep 2; ls ~/alive 2>/dev/null || echo none
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.steps("a")[0], "failure as success: exceeded its timeout of 0.005 minutes");
    assert_eq!(events.log("a"), "none\n");
}

#[test]
fn a_job_that_takes_too_long_is_cancelled() {
    let (outcome, events) = run(
        "  a:
    runs-on: x
    timeout-minutes: 0.005
    steps:
      - run: sleep 1000
      - run: echo never
      - { if: always(), run: echo always }
",
        &[],
    );
    assert_eq!(outcome.code, Some(1));
    assert_eq!(events.log("a"), "always\n");
    assert_eq!(events.steps("a"), ["cancelled: the job exceeded its timeout", "skipped", "success"]);
    assert_eq!(
        (events.result("a"), events.reason("a")),
        ("cancelled", "exceeded its timeout of 0.005 minutes")
    );
}

#[test]
fn what_a_step_leaves_behind_is_killed_and_told() {
    let job = steps(
        "
      - run: |
          # Builtins only, so that it is one process all the time.
          mkfifo ~/fifo
          (read -t 0.5 <> ~/fifo || : > ~/alive) > /dev/null & echo left
      - run: sleep 1; ls ~/alive 2>/dev/null || echo none
",
    );
    let (outcome, events) = run(&job, &[]);
    assert_eq!(outcome.code, Some(0));
    assert_eq!(events.log("a"), "left\nnone\n");
    assert_eq!(events.annotations("notice"), ["left a process behind, which was killed"]);

    let (_, events) = run(&job, &["--keep-stragglers"]);
    assert_eq!(events.log("a"), "left\n/home/runner/alive\n");
}

#[test]
fn an_expression_that_fails_fails_its_step_alone() {
    let (outcome, events) = run(
        &steps(
            "
      - run: echo ${{ fromJSON('{') }}
      - { if: failure(), run: echo after }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(1));
    assert!(events.steps("a")[0].starts_with("failure: "), "{:?}", events.steps("a"));
    assert_eq!(events.log("a"), "after\n");
}

#[test]
fn checkout_finds_the_tree_in_place() {
    let (outcome, events) = run(
        &steps(
            "
      - uses: actions/checkout@v4
      - run: test -f .github/workflows/w.yml && pwd
      - { uses: actions/checkout@v4, with: { repository: other/thing }, continue-on-error: true }
      - { uses: actions/checkout@v4, with: { ref: v1 } }
",
        ),
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("a").contains("/home/runner/work/work/work\n"));
    assert!(events.steps("a")[2].contains("cannot fetch `other/thing`"));
    assert_eq!(
        events.annotations("warning"),
        ["`ref: v1` has no effect: the tree of this run is no git repository"]
    );
}

#[test]
fn workflow_commands_become_annotations_and_groups() {
    let (_, events) = run(
        &steps(
            "
      - run: |
          echo '::group::Build'
          echo inside
          echo '::endgroup::'
          echo '::error file=a.c,line=3::bad'
          echo '::warning::hm'
",
        ),
        &[],
    );
    assert_eq!(events.log("a"), "inside\n");
    assert_eq!(events.of_kind("group_started").next().unwrap()["title"], "Build");
    assert_eq!(events.annotations("error"), ["bad"]);
    assert_eq!(events.annotations("warning"), ["hm"]);
}

#[test]
fn documented_variables_are_set_and_cannot_be_changed() {
    let (outcome, events) = run(
        "  a:
    runs-on: x
    env: { GITHUB_SHA: forged, CI: 'no' }
    steps:
      - run: |
          echo \"$GITHUB_SHA $CI $GITHUB_JOB $GITHUB_EVENT_NAME $RUNNER_OS $GITHUB_REPOSITORY\"
          cat \"$GITHUB_EVENT_PATH\" | grep -o '\"full_name\":\"[a-z/]*\"' | head -n 1
",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let zeros = "0".repeat(40);
    assert_eq!(
        events.log("a"),
        format!("{zeros} no a push Linux local/work\n\"full_name\":\"local/work\"\n")
    );
}
