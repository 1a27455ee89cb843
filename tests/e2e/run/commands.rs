//! Workflow commands: lines by which a step talks to the runner.

use super::{run, steps};

#[test]
fn printed_outputs_are_outputs_of_the_step() {
    let job = steps(
        "
      - id: old
        run: |
          echo '::set-output name=a::1%0A2'
          echo '::set-output name=b::printed'
          echo b=written >> $GITHUB_OUTPUT
      - env: { A: '${{ steps.old.outputs.a }}' }
        run: echo \"$A ${{ steps.old.outputs.b }}\"
",
    );
    let (_, events) = run(&job, &[]);
    assert_eq!(events.log("a"), "1\n2 written\n");
    assert_eq!(
        events.annotations("warning"),
        ["the command `set-output` is deprecated; write to the file $GITHUB_OUTPUT"]
    );
}

#[test]
fn commands_that_change_later_steps_are_refused() {
    for command in ["set-env name=X::evil", "add-path::/evil"] {
        let job = steps(&format!(
            "
      - run: echo '::{command}'
      - if: always()
        run: echo \"X=$X $PATH\"
"
        ));
        let (outcome, events) = run(&job, &[]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        let name = &command[..command.find([' ', ':']).unwrap()];
        assert_eq!(
            events.steps("a"),
            [format!("failure: the command `{name}` was not carried out"), "success".into()]
        );
        assert!(events.annotations("error")[0].contains("(rule `unsecure-command`)"), "{outcome}");
        assert!(events.log("a").starts_with("X= ") && !events.log("a").contains("evil"), "{outcome}");
    }
}

#[test]
fn commands_that_change_later_steps_are_for_steps_whose_environment_allows_them() {
    let job = steps(
        "
      - env: { ACTIONS_ALLOW_UNSECURE_COMMANDS: 'true' }
        run: |
          echo '::set-env name=X::printed%0Atwice'
          echo '::set-env name=Y::printed'
          echo '::add-path::/printed'
          echo Y=written >> $GITHUB_ENV
          echo /written >> $GITHUB_PATH
          echo \"now $X\"
      - run: echo \"$X $Y ${PATH%%printed*}\"
      - env: { ACTIONS_ALLOW_UNSECURE_COMMANDS: 'true' }
        run: echo '::set-env name=BASH_ENV::/evil'
      - if: always()
        run: echo '::set-env name=X::evil'
      - if: always()
        run: echo \"$X [$BASH_ENV]\"
",
    );
    let (outcome, events) = run(&job, &[]);
    assert_eq!(events.log("a"), "now \nprinted\ntwice written /written:/\nprinted\ntwice []\n");
    assert!(events.annotations("warning").iter().all(|text| text.contains("is deprecated")), "{outcome}");
    insta::assert_snapshot!(events.steps("a").join("\n"), @r"
    success
    success
    failure: what it wrote for the runner was not accepted
    failure: the command `set-env` was not carried out
    success
    ");
}

#[test]
fn stopped_commands_have_no_effect() {
    let job = steps(
        "
      - id: s
        run: |
          echo '::stop-commands::t0ken'
          echo '::set-output name=a::1'
          echo '::t0ken::'
          echo '::set-output name=b::2'
      - run: echo '[${{ steps.s.outputs.a }}${{ steps.s.outputs.b }}]'
",
    );
    let (_, events) = run(&job, &[]);
    assert_eq!(events.log("a"), "::set-output name=a::1\n[2]\n");
}

#[test]
fn debug_messages_show_when_asked_for() {
    let job = steps("      - run: echo '::debug::d'\n");
    for (args, shown) in [
        (&[][..], false),
        (&["--verbose"], true),
        (&["--var", "ACTIONS_STEP_DEBUG=true"], true),
        (&["--secret", "ACTIONS_STEP_DEBUG=true"], true),
        (&["--secret", "ACTIONS_STEP_DEBUG=false", "--var", "ACTIONS_STEP_DEBUG=true"], false),
    ] {
        let (_, events) = run(&job, args);
        assert_eq!(events.annotations("debug"), if shown { vec!["d"] } else { vec![] }, "{args:?}");
    }
}

#[test]
fn a_summary_is_shown_as_it_was_written() {
    let context = palisade_tests::Context::new();
    let job = steps("      - run: printf '## Title\\n| a |\\n' >> $GITHUB_STEP_SUMMARY\n");
    context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{job}"));
    let outcome = context.palisade().args(["run"]).run();
    assert!(outcome.stdout.contains("==> summary\n## Title\n| a |\n"), "{outcome}");
}
