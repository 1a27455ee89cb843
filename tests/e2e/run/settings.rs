//! What a workflow says of the whole of a run or a job: `run-name` and `permissions`.

use palisade_tests::{Context, Events, Outcome};

fn run(workflow: &str, args: &[&str]) -> (Outcome, Events) {
    let context = Context::new();
    context.write(".github/workflows/w.yml", workflow);
    let outcome = context.palisade().args(["run", "--json"]).args(args).run();
    let events = Events::of(&outcome);
    (outcome, events)
}

fn name(events: &Events) -> String {
    events.of_kind("run_started").next().unwrap()["name"].to_string()
}

const JOBS: &str = "jobs: { a: { runs-on: x, steps: [ { run: 'true' } ] } }";

#[test]
fn a_run_is_called_what_its_workflow_says() {
    let named = |name: &str| {
        format!("run-name: {name}\non: {{ push: , workflow_dispatch: {{ inputs: {{ level: }} }} }}\n{JOBS}")
    };
    let said = named("\"${{ github.event_name }} ${{ inputs.level }} ${{ vars.PLACE }}\"");
    let args = ["--event", "workflow_dispatch", "--input", "level=high", "--var", "PLACE=here"];
    assert_eq!(name(&run(&said, &args).1), "\"workflow_dispatch high here\"");
    assert_eq!(name(&run(&named("\"${{ vars.none }}\""), &[]).1), "null");
    // A secret that reaches it by another way is masked before it is cut.
    let long = format!("'{}${{{{ vars.PLACE }}}}'", "x".repeat(195));
    let args = ["--var", "PLACE=the-secret", "--secret", "S=the-secret"];
    let shown = name(&run(&named(&long), &args).1);
    assert_eq!(shown, format!("\"{}***\"", "x".repeat(195)));
    let context = Context::new();
    context.write(".github/workflows/w.yml", named("\"two\\nlines \\e[31mred ${{ github.ref_name }}\""));
    let shown = context.palisade().args(["run"]).run().stdout;
    assert_eq!(shown.lines().next(), Some("==> .github/workflows/w.yml on push: two lines red main"));
}

#[test]
fn a_name_that_cannot_be_evaluated_ends_it_before_anything_runs() {
    let workflow = format!("run-name: \"${{{{ fromJSON('[') }}}}\"\non: push\n{JOBS}");
    let (outcome, events) = run(&workflow, &[]);
    assert_eq!((outcome.code, events.of_kind("run_started").count()), (Some(2), 0));
    assert!(outcome.stderr.contains("w.yml: `run-name`: "), "{outcome}");
    let large = format!("run-name: {}\non: push\n{JOBS}", "x".repeat(500_000));
    assert!(name(&run(&large, &[]).1).len() < 210);
}

/// The permissions of a job, as its event has them.
fn permissions(events: &Events, job: &str) -> String {
    events
        .of_kind("job_started")
        .find(|e| e["job"] == job)
        .map_or_else(String::new, |e| e["permissions"].to_string())
}

#[test]
fn the_nearest_permissions_count() {
    let job = "runs-on: x, steps: [ { run: 'true' } ]";
    let jobs = format!(
        "jobs:
  none: {{ permissions: {{}}, {job} }}
  own: {{ permissions: {{ id-token: write, contents: none, issues: read }}, {job} }}
  all: {{ permissions: read-all, {job} }}
  workflow: {{ {job} }}
"
    );
    let (_, events) = run(&format!("on: push\npermissions: {{ statuses: write }}\n{jobs}"), &[]);
    let shown = ["none", "own", "all", "workflow"].map(|job| format!("{job}: {}", permissions(&events, job)));
    insta::assert_snapshot!(shown.join("\n"), @r#"
    none: {}
    own: {"id-token":"write","issues":"read"}
    all: {"actions":"read","artifact-metadata":"read","attestations":"read","checks":"read","contents":"read","copilot-requests":"read","deployments":"read","discussions":"read","issues":"read","models":"read","packages":"read","pages":"read","pull-requests":"read","repository-projects":"read","security-events":"read","statuses":"read","vulnerability-alerts":"read"}
    workflow: {"statuses":"write"}
    "#);
    let (_, events) = run(&format!("on: push\n{jobs}"), &[]);
    assert_eq!(permissions(&events, "workflow"), r#"{"contents":"read","packages":"read"}"#);
}

#[test]
fn a_called_workflow_asks_for_no_more_than_its_caller_has() {
    let context = Context::new();
    context.write(
        ".github/workflows/called.yml",
        "on: workflow_call
jobs:
  same: { runs-on: x, steps: [ { run: 'true' } ] }
  less: { runs-on: x, permissions: { contents: read }, steps: [ { run: 'true' } ] }
  more: { runs-on: x, permissions: { id-token: write }, steps: [ { run: 'true' } ] }
",
    );
    context.write(
        ".github/workflows/w.yml",
        "on: push
jobs:
  a: { uses: ./.github/workflows/called.yml, permissions: { contents: write } }
  b: { uses: ./.github/workflows/called.yml }
",
    );
    let outcome = context.palisade().args(["run", "--json", "w.yml"]).run();
    let events = Events::of(&outcome);
    assert_eq!(outcome.code, Some(3), "{outcome}");
    assert_eq!(permissions(&events, "a / same"), r#"{"contents":"write"}"#);
    assert_eq!(permissions(&events, "a / less"), r#"{"contents":"read"}"#);
    assert_eq!(
        events.reason("a / more"),
        "it asks for the permission `id-token: write`, and the job that calls its workflow has `id-token: none`"
    );
    // Where the caller says nothing, a workflow of the same repository gets what it says.
    assert_eq!(permissions(&events, "b / more"), r#"{"id-token":"write"}"#);
}

#[test]
fn a_permission_that_is_none_is_told_with_what_was_meant() {
    let (outcome, _) = run(
        &format!("on: push\npermissions: {{ content: read, id-token: read, issues: admin }}\n{JOBS}"),
        &[],
    );
    insta::assert_snapshot!(outcome, @"
    exit code: 2
    --- stdout
    --- stderr
    error: unknown key `content` in `permissions`
     --> .github/workflows/w.yml:2:16
      |
    2 | permissions: { content: read, id-token: read, issues: admin }
      |                ^^^^^^^
      = help: did you mean `contents`?

    error: the permission `id-token` can't be `read`
     --> .github/workflows/w.yml:2:41
      |
    2 | permissions: { content: read, id-token: read, issues: admin }
      |                                         ^^^^
      = help: known here: write, none

    error: the permission `issues` can't be `admin`
     --> .github/workflows/w.yml:2:55
      |
    2 | permissions: { content: read, id-token: read, issues: admin }
      |                                                       ^^^^^
      = help: known here: read, write, none
    error: .github/workflows/w.yml has 3 errors; nothing was run
    ");
    let (outcome, _) = run(&format!("on: push\npermissions: read\n{JOBS}"), &[]);
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("`permissions` can't be `read`"), "{outcome}");
}

#[test]
fn one_expression_may_give_all_variables() {
    let workflow = r#"
on: push
env: ${{ fromJSON(vars.ENV) }}
jobs:
  a:
    runs-on: x
    env: ${{ matrix.env }}
    strategy: { matrix: { env: [ { B: job, N: 1.50, T: true, E: null } ] } }
    steps:
      - run: echo "$A-$B-$N-$T-$E-$C"
        env: ${{ fromJSON('{"C":"step"}') }}
      - uses: ./act
        with: ${{ fromJSON('{"word":"given"}') }}
      - { run: 'true', env: "${{ fromJSON('[1]') }}", continue-on-error: true }
      - { run: 'true', env: "${{ fromJSON('{\"A\":{}}') }}", continue-on-error: true }
"#;
    let context = Context::new();
    context.write(".github/workflows/w.yml", workflow);
    context.write(
        "act/action.yml",
        "inputs: { word: { required: true } }\nruns: { using: composite, steps: [ { run: 'echo ${{ inputs.word }}', shell: sh } ] }",
    );
    let outcome = context.palisade().args(["run", "--json", "--var", r#"ENV={"A":"top","B":"top"}"#]).run();
    let events = Events::of(&outcome);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let log = events.of_kind("log").map(|e| e["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(log, ["top-job-1.5-true--step\n", "given\n"]);
    let steps = events.steps(events.of_kind("job_started").next().unwrap()["job"].as_str().unwrap());
    assert!(steps[2].contains("names with their texts are wanted, not Array"), "{steps:?}");
    assert!(steps[3].contains("`A` must be text, not Object"), "{steps:?}");
}

#[test]
fn contexts_tell_the_steps_files_the_directory_around_and_the_file_of_the_job() {
    let context = Context::new();
    context.write(
        ".github/workflows/w.yml",
        "\
on: push
jobs:
  a:
    runs-on: x
    steps:
      - run: |
          echo A=1 >> ${{ github.env }}
          echo o=2 >> ${{ github.output }}
          test ${{ github.path }} = $GITHUB_PATH && test ${{ github.step_summary }} = $GITHUB_STEP_SUMMARY
        id: s
      - run: |
          echo $A ${{ steps.s.outputs.o }} ${{ job.workflow_ref }} ${{ job.workflow_repository }}
          test ${{ job.workflow_sha }} = $GITHUB_SHA && test \"${{ runner.debug }}\" = \"\"
          mkdir ${{ runner.workspace }}/build && ls $RUNNER_WORKSPACE
  b: { uses: ./.github/workflows/called.yml }
",
    );
    context.write(
        ".github/workflows/called.yml",
        "on: workflow_call\njobs: { c: { runs-on: x, steps: [ { run: 'echo ${{ job.workflow_file_path }} ${{ runner.debug }}$RUNNER_DEBUG' } ] } }\n",
    );
    let outcome = context.palisade().args(["run", "--json"]).run();
    let events = Events::of(&outcome);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let file = "local/work/.github/workflows/w.yml@refs/heads/main";
    assert_eq!(events.log("a"), format!("1 2 {file} local/work\nbuild\nwork\n"));
    assert_eq!(events.log("b / c"), ".github/workflows/called.yml\n");
    let outcome = context.palisade().args(["run", "--json", "-v", "--job", "b"]).run();
    assert_eq!(Events::of(&outcome).log("b / c"), ".github/workflows/called.yml 11\n");
}

#[test]
fn what_is_written_for_a_forgejo_finds_its_names() {
    let steps = "\
on: push
jobs:
  a:
    runs-on: x
    env: { EVENT: '${{ forgejo.event_name }}' }
    steps:
      - { id: s, run: 'echo A=1 >> $FORGEJO_ENV; echo o=2 >> $FORGEJO_OUTPUT' }
      - run: echo $A ${{ steps.s.outputs.o }} $EVENT ${{ forge.ref_name }} ${{ env.FORGEJO_REF_TYPE }} ${{ gitea.job }} $GITEA_JOB
      - { if: \"env.FORGEJO_EVENT_NAME == 'push' && forgejo.actor == github.actor\", run: echo so }
";
    let context = Context::new();
    context.write(".forgejo/workflows/w.yml", steps);
    let outcome = context.palisade().args(["run", "--json"]).run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(Events::of(&outcome).log("a"), "1 2 push main branch a a\nso\n");
    // GitHub's workflows have only what GitHub has, unless they name another's.
    let (outcome, events) = run(&format!("on: push\n{}", JOBS.replace("'true'", "env")), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(!events.log("a").contains("FORGEJO_") && !events.log("a").contains("GITEA_"), "{outcome}");
    let (_, events) = run(&format!("on: push\n{}", JOBS.replace("'true'", "'echo $FORGEJO_JOB'")), &[]);
    assert_eq!(events.log("a"), "a\n");
}
