//! Command files in the hands of a hostile step.

use super::{run, steps};

fn attempt(script: &str) -> (Vec<String>, Vec<String>, String) {
    let job = format!(
        "      - run: |\n          {}\n        continue-on-error: true\n      - run: echo \"X=$X ${{LD_PRELOAD}}\"\n",
        script.replace('\n', "\n          ")
    );
    let (_, events) = run(&steps(&job), &[]);
    let errors = events.annotations("error").into_iter().map(str::to_owned).collect();
    (events.steps("a"), errors, events.log("a"))
}

#[test]
fn what_is_no_plain_file_is_refused() {
    for script in [
        "rm $GITHUB_ENV; ln -s /etc/passwd $GITHUB_ENV",
        "rm $GITHUB_ENV; mkfifo $GITHUB_ENV",
        "rm $GITHUB_ENV; mkdir $GITHUB_ENV",
        "rm $GITHUB_ENV; ln -s $GITHUB_OUTPUT $GITHUB_ENV",
    ] {
        let (steps, errors, log) = attempt(script);
        assert_eq!(steps[0], "failure as success: what it wrote for the runner was not accepted", "{script}");
        assert!(errors.len() == 1 && errors[0].starts_with("cannot read GITHUB_ENV"), "{script}: {errors:?}");
        assert_eq!(log, "X= \n");
    }
}

#[test]
fn a_step_may_remove_them() {
    let (steps, errors, _) =
        attempt("rm $GITHUB_ENV $GITHUB_OUTPUT $GITHUB_PATH $GITHUB_STEP_SUMMARY $GITHUB_STATE");
    assert_eq!(steps, ["success", "success"]);
    assert!(errors.is_empty());
}

#[test]
fn a_file_over_its_limit_is_refused() {
    let (_, errors, _) = attempt("head -c 2000000 /dev/zero | tr '\\0' x >> $GITHUB_OUTPUT");
    assert_eq!(errors, ["cannot read GITHUB_OUTPUT: it is larger than 1048576 bytes (rule `size`)"]);
}

#[test]
fn a_hundred_thousand_outputs_are_refused_with_the_line() {
    let (steps, errors, _) = attempt("seq 100000 | sed 's/$/=x/' >> $GITHUB_OUTPUT");
    assert!(steps[0].starts_with("failure"), "{steps:?}");
    assert_eq!(errors, ["GITHUB_OUTPUT, line 10001: there are more than 10,000 entries (rule `entries`)"]);
}

#[test]
fn what_is_no_command_is_refused_with_its_line() {
    let (_, errors, _) = attempt("echo A=1 >> $GITHUB_ENV\necho nonsense >> $GITHUB_ENV");
    assert!(errors[0].starts_with("GITHUB_ENV, line 2: invalid format `nonsense`"), "{errors:?}");
}

#[test]
fn variables_that_make_later_steps_run_foreign_code_are_refused() {
    for name in ["LD_PRELOAD", "BASH_ENV", "NODE_OPTIONS"] {
        let (steps, errors, log) =
            attempt(&format!("echo X=1 >> $GITHUB_ENV; echo {name}=/x >> $GITHUB_ENV"));
        assert!(steps[0].starts_with("failure"), "{steps:?}");
        assert!(errors[0].starts_with(&format!("GITHUB_ENV: `{name}` can't be set")), "{errors:?}");
        assert_eq!(log, "X=1 \n", "the others count, as on GitHub");
    }
}

#[test]
fn the_runners_own_variables_stay_what_they_are() {
    let job = steps(
        "
      - run: |
          echo GITHUB_SHA=x >> $GITHUB_ENV
          echo RUNNER_TEMP=x >> $GITHUB_ENV
          echo GITHUB_TOKEN=t >> $GITHUB_ENV
          echo CI=no >> $GITHUB_ENV
      - run: test $GITHUB_SHA != x && test $RUNNER_TEMP != x && echo $GITHUB_TOKEN $CI
",
    );
    let (_, events) = run(&job, &[]);
    assert_eq!(events.steps("a"), ["success", "success"]);
    assert_eq!(events.log("a"), "t no\n");
    let warnings = events.annotations("warning");
    assert!(warnings.len() == 2 && warnings[0].contains("(rule `reserved`)"), "{warnings:?}");
}

#[test]
fn what_comes_before_a_mistake_counts() {
    let (_, errors, log) = attempt("printf 'X=1\\nnonsense\\n' >> $GITHUB_ENV");
    assert!(errors[0].starts_with("GITHUB_ENV, line 2"), "{errors:?}");
    assert_eq!(log, "X=1 \n");
}

#[test]
fn a_summary_that_is_too_large_is_not_kept_and_fails_nothing() {
    let (steps, errors, _) = attempt("head -c 2000000 /dev/zero | tr '\\0' x >> $GITHUB_STEP_SUMMARY");
    assert_eq!(steps, ["success", "success"]);
    assert_eq!(errors, ["cannot read GITHUB_STEP_SUMMARY: it is larger than 1048576 bytes (rule `size`)"]);
}

#[test]
fn a_summary_is_an_event_of_its_step() {
    let (_, events) = run(&steps("      - run: echo '# Title' >> $GITHUB_STEP_SUMMARY\n"), &[]);
    assert_eq!(events.of_kind("summary").next().unwrap()["markdown"], "# Title\n");
}

#[test]
fn what_steps_pass_on_together_is_bounded() {
    let step = "      - run: head -c 1000000 /dev/zero | tr '\\0' x | sed 's/^/a=/' >> $GITHUB_OUTPUT\n        continue-on-error: true\n";
    let (outcome, events) = run(&steps(&step.repeat(18)), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let refused = "the steps of this job have passed on more than 16777216 bytes (rule `passed-on`); nothing of this step is kept";
    assert_eq!(events.annotations("error"), [refused, refused]);
    assert!(events.steps("a")[..16].iter().all(|step| step == "success"));
}
