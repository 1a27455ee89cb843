//! Workflows that call workflows of the repository.

use palisade_tests::{Context, Events, Outcome};

/// Runs these jobs beside these called workflows, each with what stands under `workflow_call` and `jobs`.
fn with(called: &[(&str, &str)], jobs: &str, args: &[&str]) -> (Outcome, Events) {
    let context = Context::new();
    for (name, content) in called {
        context.write(&format!(".github/workflows/{name}.yml"), content);
    }
    context.write(".github/workflows/w.yml", format!("on: push\nenv: {{ OUTER: seen }}\njobs:\n{jobs}"));
    let outcome = context.palisade().args(["run", ".github/workflows/w.yml", "--json"]).args(args).run();
    let events = Events::of(&outcome);
    (outcome, events)
}

const CALLED: &str = r#"
on:
  workflow_call:
    inputs:
      text: { type: string, required: true }
      flag: { type: boolean, default: true }
      count: { type: number, default: 3 }
      made: { type: string, default: "${{ github.event_name }}-${{ inputs.text }}" }
    secrets:
      key: { required: false }
    outputs:
      twice: { value: "${{ jobs.work.outputs.twice }}" }
jobs:
  work:
    runs-on: x
    outputs: { twice: "${{ steps.s.outputs.v }}" }
    steps:
      - id: s
        run: |
          echo "[${{ inputs.text }}] [${{ inputs.flag == true }}] [${{ inputs.count == 3 }}] [${{ inputs.made }}] [$OUTER]"
          echo "key:${#KEY}"
          echo "v=${{ inputs.text }}${{ inputs.text }}" >> "$GITHUB_OUTPUT"
        env: { KEY: "${{ secrets.KEY }}" }
"#;

#[test]
fn a_called_workflow_has_inputs_secrets_and_outputs() {
    let (outcome, events) = with(
        &[("called", CALLED)],
        "
  mapped:
    uses: ./.github/workflows/called.yml
    with: { text: a, flag: false }
    secrets: { key: '${{ secrets.OTHER }}' }
  inherited:
    needs: mapped
    uses: ./.github/workflows/called.yml
    with: { text: '${{ needs.mapped.outputs.twice }}', count: 4 }
    secrets: inherit
  none:
    needs: inherited
    uses: ./.github/workflows/called.yml
    with: { text: b }
  after:
    needs: [mapped, inherited, none]
    runs-on: x
    steps:
      - run: echo ${{ needs.mapped.outputs.twice }} ${{ needs.inherited.outputs.twice }} ${{ needs.none.result }}
",
        &["--secret", "OTHER=other-secret", "--secret", "KEY=the-key"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = |job: &str| format!("{job}:\n{}", events.log(job));
    let logs: String =
        ["mapped / work", "inherited / work", "none / work", "after"].into_iter().map(log).collect();
    insta::assert_snapshot!(logs, @r"
    mapped / work:
    [a] [false] [true] [push-a] []
    key:12
    inherited / work:
    [aa] [true] [false] [push-aa] []
    key:7
    none / work:
    [b] [true] [true] [push-b] []
    key:0
    after:
    aa aaaa success
    ");
}

const FAILS: &str = "
on: { workflow_call: { inputs: { n: { type: number, default: 0 } } } }
jobs:
  a: { runs-on: x, steps: [ { run: 'exit ${{ inputs.n }}' } ] }
  b: { needs: a, runs-on: x, steps: [ { run: echo b } ] }
";

#[test]
fn a_call_fails_with_what_it_calls() {
    let (outcome, events) = with(
        &[("fails", FAILS)],
        "
  one: { uses: ./.github/workflows/fails.yml, with: { n: 3 } }
  two: { needs: one, uses: ./.github/workflows/fails.yml }
  three: { needs: one, if: failure(), runs-on: x, steps: [ { run: 'echo ${{ needs.one.result }}' } ] }
",
        &[],
    );
    assert_eq!(outcome.code, Some(1), "{outcome}");
    let results = ["one / a", "one / b", "one", "two", "three"].map(|job| events.result(job));
    assert_eq!(results, ["failure", "skipped", "failure", "skipped", "success"]);
    assert_eq!(events.log("three"), "failure\n");
}

#[test]
fn calls_stand_in_matrices_and_in_what_is_called() {
    let middle = "
on: { workflow_call: { inputs: { n: { type: number } }, outputs: { o: { value: '${{ jobs.inner.outputs.twice }}' } } } }
jobs:
  inner: { uses: ./.github/workflows/called.yml, with: { text: 'n${{ inputs.n }}' } }
";
    let (outcome, events) = with(
        &[("called", CALLED), ("middle", middle)],
        "
  all:
    strategy: { matrix: { n: [1, 2] } }
    uses: ./.github/workflows/middle.yml
    with: { n: '${{ matrix.n }}' }
  last: { needs: all, runs-on: x, steps: [ { run: 'echo ${{ needs.all.outputs.o }}' } ] }
",
        &["--jobs", "1"],
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let mut jobs = events.jobs();
    jobs.sort_unstable();
    assert_eq!(
        jobs,
        [
            "all (1)",
            "all (1) / inner",
            "all (1) / inner / work",
            "all (2)",
            "all (2) / inner",
            "all (2) / inner / work",
            "last"
        ]
    );
    assert!(["n1n1\n", "n2n2\n"].contains(&events.log("last").as_str()), "{outcome}");
}

#[test]
fn what_cannot_be_called_is_told_before_anything_runs() {
    let call =
        |rest: &str| format!("  first: {{ runs-on: x, steps: [ {{ run: echo }} ] }}\n  c: {{ {rest} }}\n");
    let context = [
        ("called", CALLED),
        ("plain", "on: push\njobs: { a: { runs-on: x, steps: [ { run: echo } ] } }\n"),
        ("bad", "on: workflow_call\njobs: { a: { runs-on: x } }\n"),
        ("loop", "on: workflow_call\njobs: { a: { uses: ./.github/workflows/pool.yml } }\n"),
        ("pool", "on: workflow_call\njobs: { a: { uses: ./.github/workflows/loop.yml } }\n"),
    ];
    let mut told = String::new();
    for rest in [
        "uses: ./.github/workflows/none.yml",
        "uses: ./.github/workflows/plain.yml",
        "uses: ./.github/workflows/bad.yml",
        "uses: ./.github/workflows/loop.yml",
        "uses: ./.github/workflows/called.yml",
        "uses: ./.github/workflows/called.yml, with: { text: a, txet: b }",
        "uses: ./.github/workflows/called.yml, with: { text: a }, secrets: { other: b }",
        "uses: ./other/called.yml",
        "uses: ./.github/workflows/called.yml, with: { text: a }, runs-on: x, steps: [ { run: echo } ]",
    ] {
        let (outcome, events) = with(&context, &call(rest), &[]);
        assert_eq!(outcome.code, Some(2), "{rest}: {outcome}");
        assert!(events.jobs().is_empty(), "{outcome}");
        told += &format!("{rest}\n{}\n", outcome.stderr);
    }
    insta::assert_snapshot!(told, @r"
    uses: ./.github/workflows/none.yml
    error: .github/workflows/w.yml:5:14: the workflow `./.github/workflows/none.yml` that job `c` calls can't be read: there is no such file

    uses: ./.github/workflows/plain.yml
    error: .github/workflows/w.yml:5:14: job `c` can't call `./.github/workflows/plain.yml`: it has no `workflow_call` under `on`

    uses: ./.github/workflows/bad.yml
    error: .github/workflows/w.yml:5:14: the workflow `./.github/workflows/bad.yml` that job `c` calls can't be run:
    error: the job `a` needs the key `steps`
     --> .github/workflows/bad.yml:2:9
      |
    2 | jobs: { a: { runs-on: x } }
      |         ^



    uses: ./.github/workflows/loop.yml
    error: workflows call each other in a circle: ./.github/workflows/loop.yml → ./.github/workflows/pool.yml → ./.github/workflows/loop.yml

    uses: ./.github/workflows/called.yml
    error: .github/workflows/w.yml:5:14: job `c` can't call `./.github/workflows/called.yml`: its input `text` is required and not given in `with`

    uses: ./.github/workflows/called.yml, with: { text: a, txet: b }
    error: .github/workflows/w.yml:5:14: job `c` can't call `./.github/workflows/called.yml`: it has no input `txet`

    uses: ./.github/workflows/called.yml, with: { text: a }, secrets: { other: b }
    error: .github/workflows/w.yml:5:14: job `c` can't call `./.github/workflows/called.yml`: it has no secret `other`

    uses: ./other/called.yml
    error: `./other/called.yml` is no workflow
     --> .github/workflows/w.yml:5:14
      |
    5 |   c: { uses: ./other/called.yml }
      |              ^^^^^^^^^^^^^^^^^^
      = help: name a file in a folder of workflows: `./.github/workflows/x.yml`, or `owner/repository/.github/workflows/x.yml@version`
    error: .github/workflows/w.yml has an error; nothing was run

    uses: ./.github/workflows/called.yml, with: { text: a }, runs-on: x, steps: [ { run: echo } ]
    error: `runs-on` can't stand beside `uses` in a job
     --> .github/workflows/w.yml:5:65
      |
    5 | …orkflows/called.yml, with: { text: a }, runs-on: x, steps: [ { run: echo } ] }
      |                                          ^^^^^^^
      = help: set it in the jobs of the workflow that is called

    error: `steps` can't stand beside `uses` in a job
     --> .github/workflows/w.yml:5:77
      |
    5 | …led.yml, with: { text: a }, runs-on: x, steps: [ { run: echo } ] }
      |                                          ^^^^^
      = help: set it in the jobs of the workflow that is called
    error: .github/workflows/w.yml has 2 errors; nothing was run
    ");
}
