//! Secrets: who gets them, and that nobody sees them.

use super::{run, run_in, steps};
use palisade_tests::Context;

#[test]
fn only_a_step_that_names_a_secret_gets_it_and_its_output_is_masked() {
    let (outcome, events) = run(
        &steps(
            "
      - run: env; echo ${#TOKEN}
      - { run: 'echo $TOKEN ${#TOKEN}', env: { TOKEN: '${{ secrets.TOKEN }}' } }
      - run: echo ${{ secrets.token }} > file; wc -c < file; grep -r hunter /home /tmp || true
",
        ),
        &["--secret", "TOKEN=hunter2-hunter2"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(!outcome.stdout.contains("hunter2"), "{outcome}");
    let log = events.log("a");
    assert!(log.contains("\n0\n*** 15\n16\n"), "{log}");
}

#[test]
fn a_secret_is_masked_wherever_a_step_puts_it() {
    let (outcome, _) = run(
        "  a:
    runs-on: x
    outputs: { o: '${{ steps.s.outputs.o }}' }
    env: { T: '${{ secrets.T }}' }
    steps:
      - id: s
        name: Use ${{ secrets.T }}
        run: |
          echo \"o=$T\" >> $GITHUB_OUTPUT
          echo \"$T\" >> $GITHUB_STEP_SUMMARY
          echo \"::error title=$T::$T\"
          echo \"::group::$T\"
          echo \"a=b\" > \"$GITHUB_ENV\"; echo \"$T\" >> $GITHUB_ENV
",
        &["--secret", "T=hunter2-hunter2"],
    );
    assert_eq!(outcome.code, Some(1));
    assert!(!outcome.stdout.contains("hunter2") && !outcome.stderr.contains("hunter2"), "{outcome}");
    assert!(outcome.stdout.contains("Use ***"));
}

#[test]
fn a_secret_that_nobody_gave_is_empty_and_named() {
    let (outcome, events) = run(&steps("      - run: echo \"[${{ secrets.NOPE }}]\"\n"), &[]);
    assert_eq!(outcome.code, Some(0));
    assert_eq!(events.log("a"), "[]\n");
    let expected = "secret `NOPE` was not given, so it is empty; give it with `--secret NOPE`";
    assert_eq!(events.annotations("warning"), [expected]);
}

#[test]
fn secrets_come_from_files_and_from_the_environment() {
    let context = Context::new();
    context.write("secrets.env", "A=from-a-file\nB=\"two\\nlines\"\n");
    context.write("secrets.json", r#"{"C": "from-json"}"#);
    let job = steps(
        "      - run: echo ${#A} ${#B} ${#C} ${#D}\n        env: { A: '${{ secrets.A }}', B: '${{ secrets.B }}', C: '${{ secrets.C }}', D: '${{ secrets.D }}' }\n",
    );
    context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{job}"));
    let args = ["--secret-file", "secrets.env", "--secret-file", "secrets.json", "--secret", "D"];
    let outcome = context.palisade().args(["run", "--json"]).args(args).env("D", "from-env").run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(palisade_tests::Events::of(&outcome).log("a"), "11 9 9 8\n");
}

#[test]
fn a_secret_that_cannot_be_had_is_an_error_without_its_value() {
    let context = Context::new();
    context.write("bad.env", "A=1\nhunter2 hunter2\n");
    for (args, message) in [
        (["--secret", "UNSET_HERE"], "--secret UNSET_HERE: there is no such variable in the environment"),
        (["--secret", "hunter2 hunter2=x"], "--secret: a name has only letters, digits and `_`"),
        (["--secret-file", "bad.env"], "--secret-file bad.env: line 2: expected NAME=value"),
        (["--secret-file", "none.env"], "--secret-file none.env: No such file"),
    ] {
        let (outcome, _) = run_in(&context, &steps("      - run: 'true'\n"), &args);
        assert_eq!(outcome.code, Some(2));
        assert!(outcome.stderr.contains(message), "{outcome}");
        assert!(!outcome.stderr.contains("hunter2"), "{outcome}");
    }
}
