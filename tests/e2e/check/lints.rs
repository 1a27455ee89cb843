//! Lints: what they say, and how they are allowed and denied.

use palisade_tests::Context;

use super::{check, workflow};

const RISKY: &str = "\
on: [push, pull_request_target]
jobs:
  greet:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: { ref: '${{ github.head_ref }}' }
      - uses: example/deploy@v2
      - name: Greet
        run: |
          # A comment first.
          echo \"Hello ${{ github.event.pull_request.title }}\"
      - run: |
          curl -u \"ci:${{ secrets.PASSWORD }}\" https://example.com
        if: contains('main release', github.ref_name)
";

#[test]
fn each_finding_points_at_the_expression() {
    insta::assert_snapshot!(check(&workflow(RISKY), &[]), @r#"
    exit code: 0
    --- stdout
    --- stderr
    warning[pull-request-target-checkout]: this is code of whoever opened the pull request, and a run by `pull_request_target` has the secrets
     --> .github/workflows/ci.yml:7:27
      |
    7 |         with: { ref: '${{ github.head_ref }}' }
      |                           ^^^^^^^^^^^^^^^
      = help: check strangers' code out in a workflow of `pull_request`, which has none; or test in `if` whose it is

    warning[unpinned-action]: `example/deploy` is whatever the tag or branch `v2` points to when a job runs
     --> .github/workflows/ci.yml:8:15
      |
    8 |       - uses: example/deploy@v2
      |               ^^^^^^^^^^^^^^^^^
      = help: `palisade lock` writes its commit to .palisade/actions.lock; or name the commit here

    warning[script-injection]: `github.event.pull_request.title` may be text of a stranger, and becomes part of the script
      --> .github/workflows/ci.yml:12:27
       |
    12 |           echo "Hello ${{ github.event.pull_request.title }}"
       |                           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       = help: give it to the step in `env`, `TITLE: ${{ github.event.pull_request.title }}`, and read "$TITLE" in the script

    warning[secret-in-argument]: `secrets.PASSWORD` becomes part of the script: it is in a file, and in the arguments of what the script starts
      --> .github/workflows/ci.yml:14:27
       |
    14 |           curl -u "ci:${{ secrets.PASSWORD }}" https://example.com
       |                           ^^^^^^^^^^^^^^^^
       = help: give it to the step in `env`, `PASSWORD: ${{ secrets.PASSWORD }}`, and read "$PASSWORD" in the script

    warning[unsound-contains]: `github.ref_name` is also found where it is a part of a word
      --> .github/workflows/ci.yml:15:38
       |
    15 |         if: contains('main release', github.ref_name)
       |                                      ^^^^^^^^^^^^^^^
       = help: search a list: `fromJSON('["main", "release"]')`

    checked 1 file: 0 errors, 5 warnings
    "#);
}

#[test]
fn programs_get_a_line_for_each() {
    let outcome = check(&workflow(RISKY), &["--json"]);
    let first = outcome.stdout.lines().next().unwrap_or_default();
    insta::assert_snapshot!(first, @r#"
    {"severity":"warning","lint":"pull-request-target-checkout","message":"this is code of whoever opened the pull request, and a run by `pull_request_target` has the secrets","file":".github/workflows/ci.yml","line":7,"column":27,"end_line":7,"end_column":42,"help":"check strangers' code out in a workflow of `pull_request`, which has none; or test in `if` whose it is"}
    "#);
    let lints: Vec<serde_json::Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lints.iter().all(|found| found["severity"] == "warning" && found["lint"].is_string()));
    assert_eq!(lints.len(), 5, "{outcome}");
}

#[test]
fn options_and_configuration_decide() {
    let context = workflow(RISKY);
    let code = |args: &[&str]| check(&context, args).code;
    assert_eq!(code(&[]), Some(0));
    assert_eq!(code(&["--strict"]), Some(2));
    assert_eq!(code(&["--deny", "script-injection"]), Some(2));
    assert_eq!(code(&["--deny", "unknown-event"]), Some(0));
    let all = [
        "script-injection",
        "secret-in-argument",
        "unpinned-action",
        "unsound-contains",
        "pull-request-target-checkout",
    ];
    let allow: Vec<&str> = all.iter().flat_map(|lint| ["--allow", lint]).collect();
    let outcome = check(&context, &[&["--strict"], &allow[..]].concat());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), "checked 1 file: 0 errors, 0 warnings\n"));

    std::fs::create_dir(context.config().join("palisade")).unwrap();
    let file = context.config().join("palisade/config.toml");
    std::fs::write(file, "[check]\nstrict = true\nallow = ['unpinned-action', 'unsound-contains']\n")
        .unwrap();
    let outcome = check(&context, &["--deny", "unpinned-action"]);
    assert!(outcome.stderr.ends_with("checked 1 file: 4 errors, 0 warnings\n"), "{outcome}");
    assert_eq!(outcome.code, Some(2));

    insta::assert_snapshot!(check(&context, &["--allow", "nonsense"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: invalid value 'nonsense' for '--allow <ID>': no lint is called `nonsense`; `palisade check --lints` lists them

    For more information, try '--help'.
    ");
    insta::assert_snapshot!(check(&context, &["--allow", "always-empty", "--deny", "always-empty"]), @r"
    exit code: 2
    --- stdout
    --- stderr
    error: `always-empty` is both allowed and denied
      help: leave out --allow or --deny
    ");
}

#[test]
fn comments_allow_and_are_told_when_they_are_of_no_use() {
    let source = "\
on: push
jobs:
  # palisade: allow(secret-in-argument) none of these is secret
  a:
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ secrets.A }}
      - run: |
          echo ${{ secrets.A }}
          # palisade: allow(script-injection) on one line
          echo ${{ github.head_ref }}
          echo ${{ github.head_ref }}
  b:
    runs-on: ubuntu-latest
    steps:
      # palisade: allow(unpinned-action, unpined-action)
      - name: ours
        uses: ours/deploy@v1
      - run: echo ${{ secrets.B }} # palisade: allow(secret-in-argument, always-empty)
";
    insta::assert_snapshot!(check(&workflow(source), &[]), @r#"
    exit code: 0
    --- stdout
    --- stderr
    warning[script-injection]: `github.head_ref` may be text of a stranger, and becomes part of the script
      --> .github/workflows/ci.yml:12:20
       |
    12 |           echo ${{ github.head_ref }}
       |                    ^^^^^^^^^^^^^^^
       = help: give it to the step in `env`, `HEAD_REF: ${{ github.head_ref }}`, and read "$HEAD_REF" in the script

    warning[unknown-lint]: there is no lint `unpined-action`
      --> .github/workflows/ci.yml:16:42
       |
    16 |       # palisade: allow(unpinned-action, unpined-action)
       |                                          ^^^^^^^^^^^^^^
       = help: `palisade check --lints` lists them

    warning[unused-allow]: `always-empty` finds nothing here
      --> .github/workflows/ci.yml:19:74
       |
    19 |       - run: echo ${{ secrets.B }} # palisade: allow(secret-in-argument, always-empty)
       |                                                                          ^^^^^^^^^^^^
       = help: remove it from the comment

    checked 1 file: 0 errors, 3 warnings
    "#);
}

#[test]
fn ordinary_workflows_give_no_alarm() {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
    let mut count = 0;
    for project in std::fs::read_dir(fixtures).unwrap() {
        let project = project.unwrap().path();
        for folder in [".github/workflows", ".gitea/workflows"] {
            let Ok(files) = std::fs::read_dir(project.join(folder)) else { continue };
            for file in files {
                let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
                let outcome = check(&workflow(&source), &["--strict"]);
                assert_eq!(outcome.code, Some(0), "{outcome}");
                count += 1;
            }
        }
    }
    assert!(count >= 5);
}

#[test]
fn each_lint_is_listed() {
    let outcome = check(&Context::new(), &["--lints"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.lines().any(|line| line.starts_with("script-injection ")), "{outcome}");
}

#[test]
fn what_only_github_refuses_is_a_warning_for_other_forges() {
    let source =
        "on: push\npermissions: {}\njobs: { a: { runs-on: x, if: env.A, steps: [{ run: echo ran }] } }\n";
    for (directory, code) in [(".github", 2), (".forgejo", 0), (".gitea", 0)] {
        let context = Context::new();
        let file = format!("{directory}/workflows/ci.yml");
        context.write(&file, source);
        let checked = check(&context, &[&file]);
        assert_eq!(checked.code, Some(code), "{checked}");
        let severity = if code == 0 { "warning" } else { "error" };
        assert!(checked.stderr.contains(&format!("{severity}[unavailable-context]")), "{checked}");
        assert_eq!(check(&context, &["--allow", "unavailable-context", &file]).code, Some(0));
        let run = context.palisade().args(["run", &file]).run();
        assert_eq!(run.code, Some(code), "{run}");
        context
            .write(&file, source.replace("on: push", "# palisade: allow(unavailable-context) no\non: push"));
        let elsewhere = context.palisade().args(["run", &file]).run();
        assert_eq!(elsewhere.code, Some(code), "{elsewhere}");
        context.write(&file, source.replace("jobs:", "# palisade: allow(unavailable-context) a test\njobs:"));
        let allowed = context.palisade().args(["run", &file]).run();
        assert_eq!(allowed.code, Some(0), "{allowed}");
    }
}
