//! The parser as a whole: what it reads, what it reports, and that it is bounded.

mod github;

use std::path::Path;

use proptest::prelude::*;

use super::model::{Env, InputDefault, InputKind, LiteralOr, StepKind, Workflow};
use super::permissions::{Access, Scope};
use super::span::Spanned;
use super::*;
use crate::expr::{Contexts, Value};
use crate::job::MAX_RUN_JOBS;

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
    let is = |name: &str, value: Value| matches!(&inputs[name].default, Some(InputDefault::Value(v)) if *v == value);
    assert!(is("dry", true.into()) && is("n", 3.0.into()));
    let push = &workflow.on[0].filters;
    assert!(push.branches.as_ref().is_some_and(|filter| !filter.ignores && filter.patterns.len() == 2));
    assert!(push.tags.as_ref().is_some_and(|filter| filter.ignores));
    assert_eq!(workflow.on[2].schedules[0].as_str(), "30 5 * * 1");
    let env: Vec<(&str, &str)> = workflow.env.iter().map(|(k, v)| (k.as_str(), v.source())).collect();
    assert_eq!(env, [("A", "1"), ("B", "true"), ("C", "${{ github.sha }}"), ("D", "")]);

    let build = &workflow.jobs["build"];
    assert!(matches!(build.timeout_minutes.as_deref(), Some(LiteralOr::Literal(5.0))));
    assert!(matches!(build.strategy.fail_fast, LiteralOr::Literal(false)));
    let Some(LiteralOr::Literal(matrix)) = build.strategy.matrix.as_deref() else { panic!("no matrix") };
    assert!(matches!(&matrix.axes["os"], LiteralOr::Literal(values) if values.len() == 2));
    assert!(matches!(&matrix.axes["v"], LiteralOr::Expr(_)));
    assert!(
        matches!(&build.steps()[0].kind, StepKind::Uses { action, with } if action.to_string() == "actions/checkout@v4" && with.entries().len() == 1)
    );
    let StepKind::Run { script, shell, .. } = &build.steps()[1].kind else { panic!("no script") };
    assert_eq!(script.source(), "echo \"${{ env.A }}\"\n");
    assert_eq!(shell.as_ref().map(|shell| shell.source()), Some("perl {0}"));
    assert!(matches!(build.steps()[1].timeout_minutes.as_deref(), Some(LiteralOr::Expr(_))));

    let permissions = workflow.permissions.as_ref().unwrap();
    assert_eq!(
        (permissions.of(Scope::IdToken), permissions.of(Scope::Issues)),
        (Access::Write, Access::None)
    );
    let concurrency = workflow.concurrency.as_ref().unwrap();
    assert_eq!(concurrency.group.source(), "${{ github.ref }}");
    assert!(matches!(concurrency.cancel_in_progress, LiteralOr::Literal(true)));

    let test = &workflow.jobs["test"];
    let environment = test.environment.as_ref().unwrap();
    assert_eq!(environment.name.source(), "prod");
    assert_eq!(environment.url.as_ref().map(|url| url.source()), Some("https://x"));
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
fn a_called_workflow_says_what_it_takes_and_gives() {
    let workflow = read(
        "on:
  workflow_call:
    inputs:
      a: { type: string, default: '${{ github.ref }}' }
      b: { type: number, required: true }
    secrets: { token: { required: true }, other: }
    outputs: { out: { value: '${{ jobs.a.outputs.x }}' } }
jobs: { a: { runs-on: x, steps: [{ run: y }] } }",
    );
    let call = &workflow.on[0];
    assert!(
        matches!(&call.inputs["a"].default, Some(InputDefault::Template(t)) if t.source() == "${{ github.ref }}")
    );
    assert!(call.inputs["b"].required);
    assert!(call.secrets["token"].required && !call.secrets["other"].required);
    assert_eq!(call.outputs["out"].source(), "${{ jobs.a.outputs.x }}");
}

#[test]
fn anchors_are_shared() {
    let workflow =
        read("on: push\nenv: &e { A: b }\njobs: { a: { runs-on: x, env: *e, steps: [{ run: y }] } }");
    assert_eq!(workflow.jobs["a"].env.entries()[0].1.source(), "b");
}

#[test]
fn one_expression_may_stand_for_a_mapping_of_names() {
    let workflow = read(
        "on: push
env: ${{ fromJSON(vars.env) }}
jobs: { a: { runs-on: x, env: '${{ vars.a }}', steps: [{ uses: o/r@v, with: '${{ vars.b }}' }] } }",
    );
    let shown = |env: &Env| match env {
        Env::Whole(whole) => whole.source().to_owned(),
        Env::Entries(entries) => format!("{entries:?}"),
    };
    assert_eq!(shown(&workflow.env), "${{ fromJSON(vars.env) }}");
    let job = &workflow.jobs["a"];
    assert_eq!(shown(&job.env), "${{ vars.a }}");
    let StepKind::Uses { with, .. } = &job.steps()[0].kind else { panic!("no action") };
    assert_eq!(shown(with), "${{ vars.b }}");
}

#[test]
fn a_tag_of_yaml_itself_may_be_written_out() {
    let workflow = read(
        "on: push\nenv: { A: !<tag:yaml.org,2002:int> 7, B: !!str 1.10 }\njobs: { a: { runs-on: x, steps: [{ run: y }] } }",
    );
    let values: Vec<&str> = workflow.env.texts().map(|text| text.source()).collect();
    assert_eq!(values, ["7", "1.10"]);
}

#[test]
fn a_job_needs_the_images_that_are_not_empty() {
    let refusal = |keys: &str| {
        let text = format!("on: push\njobs: {{ a: {{ runs-on: x, {keys}, steps: [{{ run: y }}] }} }}");
        let parsed = parse(text.as_bytes(), Path::new("w.yml")).unwrap();
        let scope =
            Contexts::from(serde_json::json!({"vars": {"db": "postgres", "whole": {"image": "alpine"}}}));
        parsed.workflow.jobs["a"].images.refusal(&scope).unwrap().unwrap_or_default()
    };
    for none in [
        "container: ''",
        "container: ",
        "container: '${{ vars.none }}'",
        "container: { image: '${{ vars.none }}', env: { A: '${{ secrets.x }}' } }",
        "services: { db: { image: '${{ vars.none }}', ports: [1] }, other: '' }",
    ] {
        assert_eq!(refusal(none), "", "{none}");
    }
    let in_container = "this version can't run in a container (`alpine`); the job runs in the host's sandbox; install what it needs in a step";
    for some in ["container: alpine", "container: { image: alpine }", "container: '${{ vars.whole }}'"] {
        assert_eq!(refusal(some), in_container, "{some}");
    }
    let service =
        "this version can't start service containers (`postgres`); start what the job needs in a step";
    assert_eq!(refusal("services: { a: '', db: { image: '${{ vars.db }}' } }"), service);
}

#[test]
fn a_limit_of_nothing_is_none() {
    let workflow = read(
        "on: push
name: ''
defaults: {}
jobs: { a: { runs-on: x, timeout-minutes: 0, strategy: { max-parallel: -1 }, steps: [{ run: y, timeout-minutes: -5, working-directory: '' }] } }",
    );
    let job = &workflow.jobs["a"];
    assert!(workflow.name.is_none() && job.timeout_minutes.is_none() && job.strategy.max_parallel.is_none());
    assert!(job.steps()[0].timeout_minutes.is_none());
}

#[test]
fn a_list_may_end_below_its_key() {
    let on = |text: &str| {
        parse(
            format!("on: {text}\njobs: {{ a: {{ runs-on: x, steps: [{{ run: y }}] }} }}").as_bytes(),
            Path::new("w.yml"),
        )
    };
    for text in [
        "[\n  'push',\n]",
        "[\n  \"push\"\n]",
        "[\r\n  'push',\r\n\r\n]",
        "{\n  'push': { branches: [\n    'é'\n] }\n}",
    ] {
        assert!(on(text).is_ok_and(|parsed| parsed.workflow.on[0].event.value == "push"), "{text}");
    }
    // What it would be joined to may be a comment.
    assert!(on("[\n  'push' # so\n]").is_err());
    let many = "[\n'a'\n]\n,".repeat(200);
    assert!(on(&format!("[\n{many}]")).is_err());
}

#[test]
fn what_a_server_has_made_text_of_is_read_as_it_was_meant() {
    let source = "\
\"on\": push
jobs:
  a:
    runs-on: x
    timeout-minutes: \"5\"
    strategy: { fail-fast: \"false\", max-parallel: \"0\", matrix: { n: [1] } }
    steps: [{ run: a, timeout-minutes: \"2\", continue-on-error: \"true\" }]
";
    assert!(parse(source.as_bytes(), Path::new("w.yml")).is_err());
    let workflow = parse_rewritten(source.as_bytes(), Path::new("w.yml")).unwrap().workflow;
    let job = &workflow.jobs["a"];
    let minutes = |setting: &Option<Spanned<LiteralOr<f64>>>| setting.as_ref().map(|m| m.value.clone());
    assert!(matches!(minutes(&job.timeout_minutes), Some(LiteralOr::Literal(5.0))));
    assert!(matches!(job.strategy.fail_fast, LiteralOr::Literal(false)));
    assert!(job.strategy.max_parallel.is_none());
    assert!(matches!(minutes(&job.steps()[0].timeout_minutes), Some(LiteralOr::Literal(2.0))));
    let wrong = source.replace("\"5\"", "\"soon\"");
    assert!(parse_rewritten(wrong.as_bytes(), Path::new("w.yml")).is_err());
}

#[test]
fn labels_that_a_server_has_written_beside_a_call_say_nothing() {
    let source = "\
on: push
jobs:
  a:
    runs-on: []
    uses: ./.gitea/workflows/called.yml
";
    assert!(parse(source.as_bytes(), Path::new("w.yml")).is_err());
    assert!(parse_rewritten(source.as_bytes(), Path::new("w.yml")).is_ok());
}

#[test]
fn a_job_of_a_called_workflow_comes_as_a_server_writes_it() {
    let source = "\
name: test
\"on\":
  workflow_call:
    inputs:
      count: { default: 3, type: number }
      deep: { default: \"true\", type: boolean }
      nothing: { default: null, type: boolean }
      title: { default: \"${{ secrets.TOKEN }}\", type: string }
      untyped: { default: x, type: \"\" }
jobs:
  outer.inner:
    name: inner
    needs: [outer.first]
    runs-on: linux
    steps: [{ run: \"echo ${{ needs[format('{0}.{1}', 'outer', 'first')].result }}\" }]
__metadata:
  workflow_call_parent: b5a9f46f
  namespace: b5a9f46f
";
    assert!(parse(source.as_bytes(), Path::new("w.yml")).is_err());
    let workflow = parse_rewritten(source.as_bytes(), Path::new("w.yml")).unwrap().workflow;
    assert!(workflow.jobs["outer.inner"].needs.is_empty());
    let inputs = crate::job::inputs(&workflow, "workflow_call", &[]).unwrap();
    let shown = |name: &str| inputs.get(name).unwrap().to_display_string().into_owned();
    let given = ["count", "deep", "nothing", "title", "untyped"].map(shown);
    assert_eq!(given, ["3", "true", "false", "${{ secrets.TOKEN }}", "x"]);
    for id in ["outer..inner", ".inner", "outer.", "a/b.c"] {
        let wrong = source.replace("outer.inner:", &format!("{id}:"));
        assert!(parse_rewritten(wrong.as_bytes(), Path::new("w.yml")).is_err(), "{id}");
    }
}

/// What is said of each file in tests/fixtures/bad stands beside it.
#[test]
fn bad_workflows_are_explained() {
    let directory = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/bad"));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(directory);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut count = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let text = report(std::fs::read(&path).unwrap());
            assert!(!text.is_empty(), "{name}");
            settings.bind(|| insta::assert_snapshot!(name, text));
            count += 1;
        }
    }
    assert!(count > 20);
}

/// The first line of the report on a source that must be refused.
fn refusal(source: impl AsRef<[u8]>) -> String {
    let errors = parse(source.as_ref(), Path::new("ci.yml")).unwrap_err();
    errors.to_string().lines().next().unwrap().to_owned()
}

#[test]
fn size_is_bounded() {
    let large = "#".repeat(10 << 20);
    assert_eq!(refusal(&large), "error: the file is larger than 512 KiB");
    let fits = format!(
        "{}\non: push\njobs: {{ a: {{ runs-on: x, steps: [{{ run: y }}] }} }}",
        "#".repeat(MAX_BYTES - 80)
    );
    assert_eq!(report(fits), "");
}

#[test]
fn nodes_are_bounded() {
    let many = format!("error: the file has more than {MAX_NODES} values, counting those of aliases");
    let keys: String = (0..60_000).map(|n| format!("{n:x}:\n")).collect();
    assert_eq!(refusal(keys), many);
    assert_eq!(refusal("- \n".repeat(150_000)), many);
    for marks in ["a,", "a: b,", "[],", "? : ", "!a "] {
        assert!(refusal(format!("[{}]", marks.repeat(100_000))).contains("reads as marks"), "{marks}");
    }
}

#[test]
fn aliases_count_as_what_they_name() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let below = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", "));
    }
    assert!(refusal(&bomb).starts_with("error: the file has more than"), "{}", refusal(&bomb));
    assert!(refusal(format!("[&a {}, {}]", "x".repeat(100_000), "*a, ".repeat(50))).contains("KiB of text"));
    let chain: String = (1..200).map(|n| format!("a{n}: &a{n} [*a{}]\n", n - 1)).collect();
    assert!(refusal(format!("a0: &a0 x\n{chain}")).contains("levels deep"));
}

#[test]
fn depth_is_bounded() {
    let deep = format!("error: the file is nested more than {MAX_DEPTH} levels deep");
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("[{a: ", "}]")] {
        assert_eq!(refusal(format!("{}{}", open.repeat(1000), close.repeat(1000))), deep, "{open}");
        assert_eq!(refusal(open.repeat(50_000 / open.len())), deep, "{open}");
    }
    let blocks: String = (0..1000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(refusal(&blocks), deep);
    assert_eq!(refusal("- ".repeat(100_000)), deep);
    assert_eq!(refusal("? ".repeat(50_000)), deep);
    // Strings and comments may hold whatever they like.
    let script = format!(
        "on: push\n# {0}\njobs: {{ a: {{ runs-on: x, steps: [{{ run: '{0}' }}] }} }}",
        "[{".repeat(500)
    );
    assert_eq!(report(script), "");
}

#[test]
fn reports_are_bounded() {
    let typos: String = (0..20_000).map(|n| format!("onn{n}: push\n")).collect();
    let text = report(typos);
    assert!(text.contains("… and "), "{text}");
    assert!(text.len() < 100_000);
    let ring = |length: usize| {
        let job =
            |n| format!("  j{n}: {{ needs: j{}, runs-on: x, steps: [{{ run: y }}] }}\n", (n + 1) % length);
        report(format!("on: push\njobs:\n{}", (0..length).map(job).collect::<String>()))
    };
    assert!(ring(MAX_RUN_JOBS).contains("wait for each other"));
    let more = ring(5 * MAX_RUN_JOBS);
    assert!(more.contains("at most 1000 jobs") && !more.contains("wait for each other"), "{more}");
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
