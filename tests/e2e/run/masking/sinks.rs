//! The ways out that aren't the log: names, annotations, summaries, outputs, errors, and values that a step
//! registers itself.

use palisade_tests::{Context, Events, Oracle, Random, samples};

use super::super::{bad_input, run_in, steps};

fn token(seed: u64) -> String {
    samples::tokens(&mut Random::new(Random::seed() ^ seed), 1).remove(0)
}

/// Forms of `$T` that a step puts somewhere.
const FORMS: [&str; 6] = [
    "$T",
    "$(base64 -w0 <<<\"user:$T\")",
    "$(od -An -v -tx1 <<<\"$T\" | tr -d '\\n')",
    "$(rev <<<\"$T\")",
    "$(sed 's/./& /g' <<<\"$T\")",
    "${T:3:30}",
];

#[test]
fn annotations_groups_summaries_and_commands_hold_no_form_of_a_secret() {
    let token = token(0x0401);
    let script: String = FORMS
        .iter()
        .map(|form| {
            format!(
                "          f={form}
          echo \"::error title=$f,file=$f,line=1::$f\"
          echo \"::warning::$f\"
          echo \"::notice file=$f::x\"
          echo \"::group::$f\"
          echo \"::endgroup::\"
          echo \"::debug::$f\"
          echo \"::unknown-command $f::$f\"
          echo \"::set-output name=x::$f\"
          echo \"## $f\" >> $GITHUB_STEP_SUMMARY
"
            )
        })
        .collect();
    let job = steps(&format!(
        "
      - name: Use ${{{{ secrets.T }}}}
        env: {{ T: '${{{{ secrets.T }}}}' }}
        run: |
{script}
      - {{ name: 'Again ${{{{ format(''{{0}}'', secrets.T) }}}}', run: 'true' }}
      - run: echo ${{{{ secrets.T }}}}
      - run: echo ${{{{ toJSON(secrets) }}}}
"
    ));
    let context = Context::new();
    let args = ["--log-dir", "logs", "--secret", &format!("T={token}")];
    let (outcome, events) = run_in(&context, &job, &args);
    let oracle = Oracle::new([&token]);
    let logs = super::files(&context.work().join("logs"));
    assert_eq!(oracle.leak(outcome.stdout.as_bytes()), None, "{outcome}");
    assert_eq!(oracle.leak(outcome.stderr.as_bytes()), None, "{outcome}");
    assert_eq!(oracle.leak(&logs), None, "{}", String::from_utf8_lossy(&logs));
    // All of them did arrive.
    for level in ["error", "warning", "notice"] {
        assert!(events.annotations(level).len() >= FORMS.len(), "{outcome}");
    }
    assert!(events.of_kind("summary").next().is_some(), "{outcome}");
    assert!(outcome.stdout.contains("Use ***"), "{outcome}");
}

#[test]
fn errors_hold_no_form_of_a_secret() {
    let token = token(0x0402);
    let job = steps(
        "
      - { run: 'true', working-directory: '${{ secrets.T }}', continue-on-error: true }
      - { run: 'true', shell: '${{ secrets.T }} {0}', continue-on-error: true }
      - { run: 'echo ${{ fromJSON(secrets.T) }}', continue-on-error: true }
      - { run: 'echo ${{ fromJSON(format(''{0}{1}'', ''{'', secrets.T)) }}', continue-on-error: true }
      - { run: 'echo $T > $GITHUB_ENV', env: { T: '${{ secrets.T }}' }, continue-on-error: true }
      - { run: 'echo $T > $GITHUB_OUTPUT', env: { T: '${{ secrets.T }}' }, continue-on-error: true }
      - { run: 'echo \"GITHUB_$T=1\" > $GITHUB_ENV', env: { T: '${{ secrets.T }}' }, continue-on-error: true }
      - { run: 'echo /nowhere/$T > $GITHUB_PATH', env: { T: '${{ secrets.T }}' }, continue-on-error: true }
      - { run: '$T', env: { T: '${{ secrets.T }}' }, continue-on-error: true }
      - { uses: 'actions/checkout@v4', with: { repository: 'x/${{ secrets.T }}' }, continue-on-error: true }
",
    );
    let context = Context::new();
    let args = ["--log-dir", "logs", "--secret", &format!("T={token}")];
    let (outcome, _) = run_in(&context, &job, &args);
    let oracle = Oracle::new([&token]);
    assert_eq!(oracle.leak(outcome.stdout.as_bytes()), None, "{outcome}");
    assert_eq!(oracle.leak(outcome.stderr.as_bytes()), None, "{outcome}");
    assert_eq!(oracle.leak(&super::files(&context.work().join("logs"))), None);
    assert!(outcome.stdout.contains("***"), "{outcome}");
}

#[test]
fn a_value_that_a_step_registers_is_masked_in_all_forms_from_then_on() {
    let token = token(0x0404);
    let (left, right) = token.split_at(9);
    let job = steps(&format!(
        "
      - name: Make a value
        run: |
          T={left}; T=${{T}}{right}
          echo \"::add-mask::$T\"
          {}
          echo \"T=$T\" >> $GITHUB_ENV
      - run: |
          {}
          echo \"::warning::$(xxd -p <<<\"$T\")\"
",
        FORMS.map(|form| format!("echo {form}")).join("\n          "),
        FORMS.map(|form| format!("echo {form}")).join("\n          "),
    ));
    let (outcome, events) = run_in(&Context::new(), &job, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(Oracle::new([&token]).leak(outcome.stdout.as_bytes()), None, "{outcome}");
    assert!(events.log("a").contains("***"), "{outcome}");
}

#[test]
fn a_value_in_lines_is_masked_whole_and_by_line() {
    let mut r = Random::new(Random::seed() ^ 0x0405);
    let [first, second] = [(); 2].map(|()| samples::tokens(&mut r, 1).remove(0));
    let job = steps(&format!(
        "
      - run: |
          A={}; B={}
          echo \"::add-mask::$(echo $A | rev)%0A$(echo $B | rev)\"
          echo $A | rev; echo $B | rev; echo $A | rev | base64; echo $B | rev | od -c
",
        first.chars().rev().collect::<String>(),
        second.chars().rev().collect::<String>(),
    ));
    let (outcome, _) = run_in(&Context::new(), &job, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    // Only the log: the script itself stands in the step's name, reversed.
    let log = Events::of(&outcome).log("a");
    assert_eq!(Oracle::new([&first, &second]).leak(log.as_bytes()), None, "{log}");
}

#[test]
fn masks_without_end_are_refused_in_bounded_memory() {
    // As many as fit must stay masked, and what is refused is told.
    let script =
        "awk 'BEGIN { for (i = 0; i < 30000; i++) print \"::add-mask::value-number-\" i \"-of-many\" }'";
    let job = steps(&format!(
        "      - run: |\n          {script}\n          echo value-number-7-of-many\n          echo ${{{{ secrets.T }}}} | rev\n"
    ));
    let token = token(0x0406);
    let (outcome, events) = run_in(&Context::new(), &job, &["--secret", &format!("T={token}")]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.log("a");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert_eq!(Oracle::new([&token[..], "value-number-7-of-many"]).leak(log.as_bytes()), None, "{log}");
    let told = |level: &str| {
        events.annotations(level).iter().any(|m| m.contains("not masked") && m.contains("too many"))
    };
    assert!(told("warning") || told("error"), "{:?}", events.annotations("warning"));
    // Told once or a few times, not for each.
    assert!(events.annotations("warning").len() + events.annotations("error").len() < 20);
    let (code, _, peak) = bad_input::measured(script);
    assert_eq!(code, Some(0));
    assert!(peak > 0 && peak < 192 << 10, "{peak} KiB");
}

#[test]
fn secrets_that_cannot_be_masked_are_told_by_name() {
    let job = steps("      - run: echo ok\n");
    let args = [
        "--secret",
        "FLAG=true",
        "--secret",
        "PORT=8080",
        "--secret",
        "PIN=abc",
        "--secret",
        "FINE=long-enough",
    ];
    let (outcome, events) = run_in(&Context::new(), &job, &args);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let told = [events.annotations("warning").join("\n"), outcome.stderr.clone()].join("\n");
    for name in ["FLAG", "PORT", "PIN"] {
        assert!(told.contains(&format!("`{name}` is not masked")), "{name}: {told}");
    }
    assert!(!told.contains("FINE") && !told.contains("8080") && !told.contains("abc"), "{told}");
}
#[test]
fn an_output_that_holds_a_secret_is_withheld_and_named() {
    let token = token(0x0403);
    let (outcome, events) = run_in(
        &Context::new(),
        "  a:
    runs-on: x
    outputs:
      plain: '${{ steps.s.outputs.plain }}'
      clear: '${{ steps.s.outputs.clear }}'
      encoded: '${{ steps.s.outputs.encoded }}'
      inside: '${{ steps.s.outputs.inside }}'
    steps:
      - id: s
        env: { T: '${{ secrets.T }}' }
        run: |
          echo plain=of-no-interest >> $GITHUB_OUTPUT
          echo \"clear=$T\" >> $GITHUB_OUTPUT
          echo \"encoded=$(base64 -w0 <<<\"$T\")\" >> $GITHUB_OUTPUT
          echo \"inside=https://user:$T@example.com/\" >> $GITHUB_OUTPUT
      # Within the job it passes.
      - run: test \"${{ steps.s.outputs.clear }}\" = \"${{ secrets.T }}\" && echo the same
  b:
    needs: a
    runs-on: x
    steps: [{ run: 'echo [${{ needs.a.outputs.plain }}] [${{ needs.a.outputs.clear }}] [${{ needs.a.outputs.encoded }}] [${{ needs.a.outputs.inside }}]' }]
",
        &["--secret", &format!("T={token}")],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "the same\n");
    assert_eq!(events.log("b"), "[of-no-interest] [] [] []\n", "{outcome}");
    let warnings = events.annotations("warning");
    for name in ["clear", "encoded", "inside"] {
        let named = format!("`{name}`");
        assert!(warnings.iter().any(|w| w.contains(&named)), "{name}: {warnings:?}");
    }
    assert!(!warnings.iter().any(|w| w.contains("`plain`")), "{warnings:?}");
    assert_eq!(Oracle::new([&token]).leak(outcome.stdout.as_bytes()), None, "{outcome}");
}
