//! Each lint with what it finds, and with what looks similar and is fine.

use std::path::Path;

use super::{Lint, Report, Subject, all};
use crate::action::Lock;
use crate::mask::detect::{Detector, Policy};
use crate::workflow::{Diagnostics, examine};

fn lint_with(source: &str, lock: Option<&Lock>) -> Diagnostics {
    let mut examined = examine(source.as_bytes());
    let workflow = examined.value.as_ref().unwrap_or_else(|| panic!("no workflow: {source}"));
    let subject = Subject::workflow(workflow, lock);
    let detector = Detector::new(Policy::default());
    all(&subject, &detector, &mut Report::new(source, &mut examined.found));
    let diagnostics = examined.found.finish(Path::new("ci.yml"), source);
    assert!(diagnostics.iter().all(|found| found.lint.is_some()), "{diagnostics}");
    diagnostics
}

/// What is found in a workflow: each lint with what stands at its place.
fn found(source: &str) -> Vec<(Lint, String)> {
    let diagnostics = lint_with(source, None);
    let place = |found: &crate::workflow::Diagnostic| found.span.unwrap_or_default().of(source).to_owned();
    diagnostics.iter().filter_map(|found| Some((found.lint?, place(found)))).collect()
}

/// A workflow of one step, which is the last line.
fn step(on: &str, step: &str) -> String {
    format!("on: {on}\npermissions: {{}}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - {step}\n")
}

fn finds(lint: Lint, source: &str, places: &[&str]) {
    let found = found(source);
    let expected: Vec<(Lint, String)> = places.iter().map(|place| (lint, (*place).to_owned())).collect();
    assert_eq!(found, expected, "{source}");
}

fn step_finds(lint: Lint, what: &str, places: &[&str]) {
    finds(lint, &step("push", what), places);
}

#[test]
fn text_of_strangers_in_scripts() {
    let lint = Lint::ScriptInjection;
    let title = "github.event.issue.title";
    step_finds(lint, "run: 'echo ${{ github.event.issue.title }}'", &[title]);
    step_finds(
        lint,
        "run: \"a\\n${{ github.event.issue.title }} ${{ github.event.issue.title }}\"",
        &[title, title],
    );
    step_finds(lint, "{ run: 'echo $T', env: { T: '${{ github.event.issue.title }}' } }", &[]);
    step_finds(
        lint,
        "{ run: 'echo ${{ env.t }}', env: { T: '${{ github.event.issue.title }}' } }",
        &["env.t"],
    );
    step_finds(lint, "{ run: 'echo ${{ env.T }}', env: { T: 'x ${{ github.sha }}' } }", &[]);
    step_finds(lint, "run: 'echo ${{ contains(github.head_ref, 1) && 2 || 3 }}'", &[]);
    let pinned = "0123456789012345678901234567890123456789";
    step_finds(
        lint,
        &format!(
            "{{ uses: actions/github-script@{pinned}, with: {{ SCRIPT: 'f(${{{{ github.head_ref }}}})' }} }}"
        ),
        &["github.head_ref"],
    );
    step_finds(
        lint,
        &format!(
            "{{ uses: actions/github-script@{pinned}, with: {{ token: 'f(${{{{ github.head_ref }}}})' }} }}"
        ),
        &[],
    );
    finds(
        lint,
        "on: push\njobs:\n  a: &a\n    runs-on: x\n    env: { B: '${{ github.head_ref }}' }\n    steps:\n      - run: |\n          # ${{ github.sha }}\n          echo ${{ env.B }}\n",
        &["env.B"],
    );
}

#[test]
fn secrets_in_scripts_and_conditions() {
    let lint = Lint::SecretInArgument;
    step_finds(lint, "run: 'x ${{ secrets.A }} ${{ github.token }}'", &["secrets.A", "github.token"]);
    step_finds(lint, "run: \"x ${{ secrets.A != '' }}\"", &[]);
    step_finds(lint, "{ run: 'x $A', env: { A: '${{ secrets.A }}' } }", &[]);
    step_finds(Lint::SecretInCondition, "{ run: x, if: \"github.ref && secrets.A != ''\" }", &["secrets.A"]);
}

#[test]
fn versions_that_can_move() {
    let lint = Lint::UnpinnedAction;
    step_finds(lint, "uses: a/b@v1", &["a/b@v1"]);
    step_finds(lint, "uses: https://forge.example/a/b/c@main", &["https://forge.example/a/b/c@main"]);
    step_finds(lint, "uses: a/b@0123456789abcdef0123456789abcdef01234567", &[]);
    step_finds(lint, "uses: a/b@0123456", &["a/b@0123456"]);
    step_finds(lint, "uses: ./b", &[]);
    step_finds(lint, "uses: actions/checkout@v4", &[]);
    let call = "on: push\njobs: { a: { uses: a/b/.github/workflows/x.yml@v1 } }";
    finds(lint, call, &["a/b/.github/workflows/x.yml@v1"]);

    let (commit, tree) = ("0".repeat(40), "0".repeat(64));
    let lock = format!(
        "version = 1\n[[action]]\nuses = 'a/b@v1'\nsource = 'https://github.com'\ncommit = '{commit}'\ntree = 'sha256:{tree}'\n"
    );
    let lock = Lock::parse(&lock).unwrap();
    assert!(lint_with(&step("push", "uses: A/b/c@v1"), Some(&lock)).is_empty());
    assert!(!lint_with(&step("push", "uses: a/b@v2"), Some(&lock)).is_empty());
}

#[test]
fn rights_of_the_token() {
    let lint = Lint::ExcessivePermissions;
    let workflow = |permissions: &str, jobs: &[&str]| {
        let job = |(index, job): (usize, &&str)| {
            format!("  j{index}: {{ runs-on: x, steps: [{{ run: x }}]{job} }}\n")
        };
        let jobs: String = jobs.iter().enumerate().map(job).collect();
        format!("on: push\n{permissions}jobs:\n{jobs}")
    };
    finds(lint, &workflow("permissions: write-all\n", &["", ""]), &["write-all"]);
    finds(lint, &workflow("permissions: read-all\n", &[", permissions: write-all"]), &["write-all"]);
    let write = "permissions:\n  contents: read\n  id-token: write\n  pull-requests: write\n";
    finds(lint, &workflow(write, &["", ""]), &["id-token", "pull-requests"]);
    finds(lint, &workflow(write, &["", ", permissions: {}"]), &[]);
    finds(lint, &workflow("", &["", ""]), &[]);
    let token = ", env: { T: '${{ secrets.GITHUB_TOKEN }}' }";
    finds(lint, &workflow("", &["", token]), &["j1"]);
    finds(lint, &workflow("permissions: {}\n", &["", token]), &[]);
    finds(lint, &workflow("", &[&format!("{token}, permissions: {{ issues: write }}")]), &[]);
}

#[test]
fn all_secrets_for_others() {
    let call = |file: &str| format!("on: push\njobs: {{ a: {{ uses: {file}, secrets: inherit }} }}");
    let pinned = "a/b/.github/workflows/x.yml@0123456789abcdef0123456789abcdef01234567";
    finds(Lint::SecretsInherit, &call(pinned), &["inherit"]);
    finds(Lint::SecretsInherit, &call("./.github/workflows/x.yml"), &[]);
}

#[test]
fn code_of_strangers_with_all_rights() {
    let lint = Lint::PullRequestTargetCheckout;
    let head = "{ uses: actions/checkout@v4, with: { ref: '${{ github.event.pull_request.head.sha }}' } }";
    let sha = "github.event.pull_request.head.sha";
    finds(lint, &step("pull_request_target", head), &[sha]);
    finds(lint, &step("[push, pull_request_target]", head), &[sha]);
    finds(lint, &step("pull_request", head), &[]);
    finds(lint, &step("pull_request_target", "uses: actions/checkout@v4"), &[]);
    let base = "{ uses: actions/checkout@v4, with: { ref: '${{ github.event.pull_request.base.sha }}' } }";
    finds(lint, &step("pull_request_target", base), &[]);
    let pull =
        "{ uses: actions/checkout@v4, with: { ref: 'refs/pull/${{ github.event.issue.number }}/head' } }";
    finds(lint, &step("issue_comment", pull), &["refs/pull/${{ github.event.issue.number }}/head"]);
    let run = "run: x; gh pr checkout $N";
    finds(
        lint,
        &step("workflow_run: { workflows: [a] }", "run: x")
            .replace("on: workflow_run:", "on: { workflow_run:")
            .replace("[a] }", "[a] } }"),
        &[],
    );
    finds(lint, &step("pull_request_target", run), &["gh pr checkout $N"]);
    let guarded = head
        .replace("{ uses", "{ if: github.event.pull_request.head.repo.full_name == github.repository, uses");
    finds(lint, &step("pull_request_target", &guarded), &[]);
}

#[test]
fn tokens_in_artifacts() {
    let lint = Lint::PersistedCredentials;
    let pinned = "0123456789012345678901234567890123456789";
    let upload = |checkout: &str, version: &str, with: &str| {
        step(
            "push",
            &format!(
                "uses: actions/checkout@v4\n        with: {{ {checkout} }}\n      - uses: actions/upload-artifact@{version}\n        with: {{ {with} }}"
            ),
        )
    };
    let places = |source: &str| {
        found(source)
            .into_iter()
            .filter(|(found, _)| *found == lint)
            .map(|(_, place)| place)
            .collect::<Vec<_>>()
    };
    assert_eq!(places(&upload("", "v3", "path: .")), ["."]);
    assert_eq!(places(&upload("", "v4.3", "path: ./")), ["./"]);
    assert_eq!(places(&upload("", pinned, "path: ., include-hidden-files: true")), ["."]);
    for (checkout, version, with) in [
        ("persist-credentials: false", "v3", "path: ."),
        ("path: x", "v3", "path: ."),
        ("", "v3", "path: dist"),
        ("", "v4", "path: ."),
        ("", "v4.4.0", "path: ."),
    ] {
        assert!(places(&upload(checkout, version, with)).is_empty(), "{checkout} {version} {with}");
    }
}

#[test]
fn commands_of_old() {
    let lint = Lint::DeprecatedCommand;
    step_finds(
        lint,
        "run: 'echo \"::set-output name=a::b\"; echo ::add-path::/x'",
        &["::set-output", "::add-path::"],
    );
    step_finds(lint, "run: 'echo \"::notice ::set-output\"'", &[]);
    step_finds(
        lint,
        "{ run: x, env: { ACTIONS_ALLOW_UNSECURE_COMMANDS: true } }",
        &["ACTIONS_ALLOW_UNSECURE_COMMANDS"],
    );
}

#[test]
fn lists_that_are_text() {
    let lint = Lint::UnsoundContains;
    step_finds(lint, "{ run: x, if: \"contains('main dev', github.ref_name)\" }", &["github.ref_name"]);
    step_finds(
        lint,
        "{ run: x, if: \"contains('main', github.ref_name) || contains(github.ref_name, 'a b')\" }",
        &[],
    );
    step_finds(lint, "{ run: x, if: \"contains(fromJSON('[1, 2]'), github.ref_name)\" }", &[]);
}

#[test]
fn a_credential_is_told_and_not_shown() {
    // Assembled so that neither stands here.
    let (id, secret) =
        (["AKIA", "Z7QH2MX5TKWP3R6N"].concat(), ["k8Zc0Qv9x/Lm2Tz4Rj7W", "b1Yd5Gf3Hs6Np+Ua8EoX"].concat());
    let source = step("push", &format!("run: 'ID={id} KEY={secret} x ${{{{ github.head_ref }}}}'"));
    let diagnostics = lint_with(&source, None);
    let lints: Vec<_> = diagnostics.iter().filter_map(|found| found.lint).collect();
    assert_eq!(lints, [Lint::HardcodedCredential, Lint::ScriptInjection], "{diagnostics}");
    let (people, programs) = (diagnostics.to_string(), diagnostics.json_lines());
    assert!(!people.contains(&secret[..8]) && !programs.contains(&secret[..8]), "{people}");
    assert!(people.contains("KEY=****"), "{people}");

    let placeholder = "env: { TOKEN: '${{ secrets.TOKEN }}', PASSWORD: changeme }\n        run: x";
    assert!(lint_with(&step("push", placeholder), None).is_empty());
}
