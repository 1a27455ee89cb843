//! Jobs: what waits for what, matrices, results.

use super::run;

#[test]
fn a_job_gets_the_outputs_of_those_that_it_needs() {
    let (outcome, events) = run(
        "  a:
    runs-on: x
    outputs: { v: '${{ steps.s.outputs.v }}', empty: '${{ steps.s.outputs.none }}' }
    steps: [{ id: s, run: 'echo v=1 >> $GITHUB_OUTPUT' }]
  b:
    needs: a
    runs-on: x
    steps: [{ run: 'echo ${{ needs.a.outputs.v }} ${{ needs.a.result }} ${{ join(needs.a.outputs.*) }}' }]
",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("b"), "1 success 1\n");
    assert_eq!(events.jobs(), ["a", "b"]);
}

#[test]
fn a_condition_may_ask_for_some_of_the_jobs_that_are_needed() {
    let (outcome, events) = run(
        "  good: { runs-on: x, steps: [{ run: 'true' }] }
  bad: { runs-on: x, steps: [{ run: exit 1 }] }
  one: { needs: [good, bad], if: success('good'), runs-on: x, steps: [{ run: 'true' }] }
  both: { needs: [good, bad], if: \"success('good', 'bad')\", runs-on: x, steps: [{ run: 'true' }] }
  failed: { needs: [good, bad], if: failure('bad'), runs-on: x, steps: [{ run: 'true' }] }
  fine: { needs: [good, bad], if: failure('good'), runs-on: x, steps: [{ run: 'true' }] }
",
        &[],
    );
    assert_eq!(outcome.code, Some(1));
    let result = |job| events.result(job);
    assert_eq!(
        [result("one"), result("both"), result("failed"), result("fine")],
        ["success", "skipped", "success", "skipped"]
    );
}

#[test]
fn one_expression_may_give_the_defaults_of_a_job() {
    let (outcome, events) = run(
        r#"  a:
    runs-on: x
    env: { DEFAULTS: '{"shell": "sh -x {0}", "working-directory": "/usr"}' }
    defaults: { run: '${{ fromJSON(env.DEFAULTS) }}' }
    steps: [{ run: pwd }, { run: pwd, shell: bash, working-directory: / }]
"#,
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "+ pwd\n/usr\n/\n");
}

#[test]
fn what_an_expression_gives_wrongly_is_told_with_its_key_or_place() {
    let (outcome, _) =
        run("  a: { runs-on: x, timeout-minutes: \"${{ 'x' }}\", steps: [{ run: 'true' }] }\n", &[]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stdout.contains("`timeout-minutes`: `'x'` must be a number"), "{outcome}");
    let matrix =
        "  a: { runs-on: x, strategy: { matrix: \"${{ fromJSON('[1]') }}\" }, steps: [{ run: 'true' }] }\n";
    let (outcome, _) = run(matrix, &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("w.yml:3:3: job `a`: the matrix must be a mapping, not Array"),
        "{outcome}"
    );
}

#[test]
fn names_of_an_environment_may_be_computed_and_inserted() {
    let (outcome, events) = run(
        r#"  a:
    runs-on: x
    env:
      GIVEN: '{"ONE": 1, "TWO": "b"}'
    steps:
      - env:
          '${{ insert }}': '${{ fromJSON(env.GIVEN) }}'
          '${{ format(''N{0}'', 1) }}': three
          TWO: two
        run: echo $ONE $TWO $N1
      - env: { '${{ insert }}': '${{ env.GIVEN }}' }
        run: echo never
"#,
        &[],
    );
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert_eq!(events.log("a"), "1 two three\n");
    assert!(outcome.stdout.contains("names with their texts are wanted, not String, from"), "{outcome}");
}

#[test]
fn a_failed_job_skips_its_dependants_unless_they_ask_otherwise() {
    let (outcome, events) = run(
        "  bad: { runs-on: x, steps: [{ run: exit 1 }] }
  skipped: { needs: bad, runs-on: x, steps: [{ run: 'true' }] }
  also-skipped: { needs: skipped, runs-on: x, steps: [{ run: 'true' }] }
  on-failure: { needs: bad, if: failure(), runs-on: x, steps: [{ run: 'true' }] }
  always: { needs: [skipped, on-failure], if: '${{ always() }}', runs-on: x, steps: [{ run: 'echo ${{ needs.skipped.result }}' }] }
  never: { if: github.ref == 'x', runs-on: x, steps: [{ run: 'true' }] }
",
        &[],
    );
    assert_eq!(outcome.code, Some(1));
    let results =
        ["bad", "skipped", "also-skipped", "on-failure", "always", "never"].map(|job| events.result(job));
    assert_eq!(results, ["failure", "skipped", "skipped", "success", "success", "skipped"]);
    assert_eq!(events.log("always"), "skipped\n");
    assert_eq!(events.reason("never"), "its condition is false");
}

const MATRIX: &str = "  build:
    runs-on: x
    strategy:
      matrix:
        os: [one, two]
        v: [1, 2]
        exclude: [{ os: two, v: 1 }]
        include: [{ os: three, extra: e }]
    steps: [{ run: 'echo ${{ matrix.os }} ${{ matrix.v }} ${{ matrix.extra }} of ${{ strategy.job-total }}' }]
";

#[test]
fn a_matrix_makes_a_job_of_each_combination() {
    let (outcome, events) = run(MATRIX, &["--jobs", "1"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.jobs(), ["build (one, 1)", "build (one, 2)", "build (two, 2)", "build (three, e)"]);
    assert_eq!(events.log("build (one, 2)"), "one 2 of 4\n");
    assert_eq!(events.log("build (three, e)"), "three e of 4\n");
}

#[test]
fn a_part_of_a_matrix_can_be_asked_for() {
    let (_, events) = run(MATRIX, &["--matrix", "os:one", "--matrix", "v:2"]);
    assert_eq!(events.jobs(), ["build (one, 2)"]);
    let (outcome, _) = run(MATRIX, &["--matrix", "arch:x"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("no matrix has an axis `arch`; the axes are os, v, extra"), "{outcome}");
}

#[test]
fn one_failure_cancels_the_rest_of_its_matrix() {
    let (outcome, events) = run(
        "  a:
    runs-on: x
    strategy: { matrix: { n: [1, 2, 3] } }
    steps:
      - run: if [ ${{ matrix.n }} = 1 ]; then sleep 0.2; exit 1; else sleep 1000; fi
",
        &["--jobs", "2"],
    );
    assert_eq!(outcome.code, Some(1));
    assert_eq!(
        ["a (1)", "a (2)", "a (3)"].map(|job| events.result(job)),
        ["failure", "cancelled", "cancelled"]
    );
    assert_eq!(events.reason("a (3)"), "another job of its matrix failed");
}

#[test]
fn without_fail_fast_all_of_a_matrix_run() {
    let (outcome, events) = run(
        "  a:
    runs-on: x
    strategy: { fail-fast: false, max-parallel: 1, matrix: { n: [1, 2] } }
    steps: [{ run: 'test ${{ matrix.n }} = 2' }]
  b:
    runs-on: x
    continue-on-error: true
    steps: [{ run: exit 1 }]
  c:
    needs: b
    runs-on: x
    steps: [{ run: 'true' }]
",
        &[],
    );
    assert_eq!(outcome.code, Some(1));
    let results = ["a (1)", "a (2)", "b", "c"].map(|job| events.result(job));
    assert_eq!(results, ["failure", "success", "success", "success"]);
}

#[test]
fn a_strategy_or_an_entry_of_include_may_be_one_expression() {
    let jobs = r#"  first:
    runs-on: x
    outputs: { strategy: "${{ steps.s.outputs.s }}" }
    steps: [ { id: s, run: 'echo ''s={"matrix":{"n":[1,2]},"fail-fast":false}'' >> $GITHUB_OUTPUT' } ]
  a:
    needs: first
    runs-on: x
    name: a${{ matrix.n }}
    strategy: ${{ fromJSON(needs.first.outputs.strategy) }}
    steps: [ { run: 'echo ${{ strategy.job-total }} ${{ strategy.fail-fast }}; exit 1' } ]
  b:
    runs-on: x
    name: b${{ matrix.n }}
    strategy: { matrix: { include: [ "${{ fromJSON('{\"n\":7}') }}", { n: 8 } ] } }
    steps: [ { run: 'echo ${{ strategy.fail-fast }}' } ]
"#;
    let (outcome, events) = run(jobs, &["--jobs", "1"]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let shown =
        ["a1", "a2", "b7", "b8"].map(|job| format!("{job}: {} {}", events.result(job), events.log(job)));
    insta::assert_snapshot!(shown.concat(), @"
    a1: failure 2 false
    a2: failure 2 false
    b7: success true
    b8: success true
    ");
}

#[test]
fn a_job_that_needs_an_image_fails_and_the_others_run() {
    let jobs = "  a: { runs-on: x, steps: [ { run: echo here } ] }
  b: { runs-on: x, container: alpine, steps: [ { run: echo never } ] }
  c: { runs-on: x, services: { db: { image: postgres } }, continue-on-error: true, steps: [ { run: echo never } ] }
  d:
    runs-on: x
    strategy: { matrix: { include: [ { image: '' } ] } }
    name: d
    container: ${{ matrix.image }}
    steps: [ { run: echo there }, { uses: 'docker://alpine', continue-on-error: true }, { run: echo on } ]
  e: { needs: c, runs-on: x, steps: [ { run: echo after } ] }
";
    let (outcome, events) = run(jobs, &[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let shown = ["a", "b", "c", "d", "e"]
        .map(|job| format!("{job} {} {} {:?}\n", events.result(job), events.reason(job), events.log(job)));
    insta::assert_snapshot!(shown.concat(), @r#"
    a success  "here\n"
    b failure this version can't run in a container (`alpine`); the job runs in the host's sandbox; install what it needs in a step ""
    c success this version can't start service containers (`postgres`); start what the job needs in a step ""
    d success  "there\non\n"
    e success  "after\n"
    "#);
    assert!(events.steps("d")[1].contains("this version can't run the image `docker://alpine`"), "{outcome}");
}

#[test]
fn one_job_runs_with_what_it_needs() {
    let jobs = "  a: { runs-on: x, steps: [{ run: 'true' }] }
  b: { needs: a, runs-on: x, steps: [{ run: 'true' }] }
  c: { runs-on: x, steps: [{ run: 'true' }] }
";
    let (_, events) = run(jobs, &["--job", "b"]);
    assert_eq!(events.jobs(), ["a", "b"]);
    let (outcome, _) = run(jobs, &["--job", "nope"]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("there is no job `nope`; the jobs are a, b, c"), "{outcome}");
}

#[test]
fn a_job_without_a_name_is_called_by_its_id() {
    let jobs = "  a: { name: '${{ vars.none }}', runs-on: x, steps: [ { run: 'true' } ] }
  b: { name: '', if: false, runs-on: x, steps: [ { run: 'true' } ] }
  c: { name: '${{ vars.none }}', strategy: { matrix: { n: [1] } }, runs-on: x, steps: [ { run: 'true' } ] }
";
    let (outcome, events) = run(jobs, &["--jobs", "1"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let mut finished: Vec<_> = events.of_kind("job_finished").map(|e| e["job"].as_str().unwrap()).collect();
    finished.sort_unstable();
    assert_eq!(finished, ["a", "b", "c (1)"]);
}

#[test]
fn jobs_of_one_name_are_told_apart() {
    let (_, events) = run(
        "  a: { name: same, runs-on: x, steps: [{ run: echo a }] }
  b: { name: same, needs: a, runs-on: x, steps: [{ run: echo b }] }
",
        &[],
    );
    assert_eq!((events.log("same"), events.log("same #2")), ("a\n".into(), "b\n".into()));
}

#[test]
fn jobs_have_nothing_in_common() {
    let (outcome, events) = run(
        "  a: { runs-on: x, steps: [{ run: 'touch here ~/here /tmp/here /dev/shm/here' }] }
  b: { needs: a, runs-on: x, steps: [{ run: 'ls here ~/here /tmp/here /dev/shm/here 2>/dev/null || echo nothing' }] }
",
        &[],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("b"), "nothing\n");
}
