//! What GitHub refuses is refused, and what it takes is taken.

use std::path::Path;

use super::{parse, parse_rewritten, read, refusal, report};
use crate::workflow::model::LiteralOr;
use crate::workflow::{Diagnostics, Parsed};

#[test]
fn the_keys_of_an_image_are_checked() {
    for (keys, wrong) in [
        ("container: { image: '' }", "`image` must not be empty"),
        ("container: { image: }", "`image` must not be empty"),
        ("services: { db: { image: '' } }", "`image` must not be empty"),
        ("container: { options: --init }", "`container` needs the key `image`"),
        (
            "container: { image: '${{ vars.x }}', ports: 80 }",
            "`ports` must be a list or one expression, not a number",
        ),
        ("container: { image: '${{ vars.x }}', volumes: [''] }", "an entry of `volumes` must not be empty"),
        (
            "container: { image: '${{ vars.x }}', credentials: { user: a } }",
            "unknown key `user` in `credentials`",
        ),
        (
            "container: { image: '${{ vars.x }}', credentials: { password: '' } }",
            "`password` must not be empty",
        ),
        (
            "services: { db: { image: '${{ vars.x }}', command: [a] } }",
            "`command` must be a string, not a list",
        ),
    ] {
        let text = format!("on: push\njobs: {{ a: {{ runs-on: x, {keys}, steps: [{{ run: y }}] }} }}");
        assert_eq!(refusal(&text), format!("error: {wrong}"), "{keys}");
    }
    let fine = "credentials: { username: '${{ vars.a }}', password: '${{ secrets.b }}' }, ports: ['80:80'], \
                volumes: '${{ fromJSON(vars.v) }}'";
    let text = format!(
        "on: push\njobs: {{ a: {{ runs-on: x, container: {{ image: x, {fine} }}, steps: [{{ run: y }}] }} }}"
    );
    assert!(parse(text.as_bytes(), Path::new("ci.yml")).is_ok(), "{}", report(&text));
}

#[test]
fn what_github_refuses_is_an_error_unless_it_is_for_another_forge_or_allowed() {
    let long = format!("echo ${{{{ github.sha }}}} {}", "x".repeat(21_000));
    for (lint, job) in [
        ("unavailable-context", "if: env.A == 'x'"),
        ("unavailable-context", "concurrency: '${{ secrets.A }}'"),
        ("unavailable-context", "name: '${{ always() }}'"),
        ("secret-in-condition", "if: secrets.A != ''"),
        ("empty-mapping", "env: "),
        ("empty-mapping", "permissions: "),
        ("twin-keys", "env: { a: x, A: y }"),
        ("long-text", &format!("env: {{ A: '{long}' }}")),
    ] {
        let text = format!("on: push\njobs:\n  a:\n    {job}\n    runs-on: x\n    steps: [{{ run: y }}]\n");
        let first = |errors: &Diagnostics| errors.to_string().lines().next().unwrap().to_owned();
        for path in ["ci.yml", ".github/workflows/ci.yml"] {
            let errors = parse(text.as_bytes(), Path::new(path)).unwrap_err();
            assert!(first(&errors).starts_with(&format!("error[{lint}]: ")), "{job}: {errors}");
        }
        let warnings = |parsed: Result<Parsed, Diagnostics>| parsed.unwrap().warnings;
        for path in [".forgejo/workflows/ci.yml", "/r/.gitea/workflows/ci.yml"] {
            let told = warnings(parse(text.as_bytes(), Path::new(path)));
            assert!(first(&told).starts_with(&format!("warning[{lint}]: ")), "{job}: {told}");
        }
        assert!(!warnings(parse_rewritten(text.as_bytes(), Path::new("ci.yml"))).is_empty());
        let allowed = text.replace("  a:", &format!("  # palisade: allow({lint}) for a test\n  a:"));
        assert!(warnings(parse(allowed.as_bytes(), Path::new("ci.yml"))).is_empty(), "{job}");
    }
    read(&format!("on: push\njobs: {{ a: {{ runs-on: x, steps: [{{ run: '{}' }}] }} }}", "x".repeat(30_000)));
}

#[test]
fn a_workflows_group_needs_a_name_only_on_github() {
    let text = "on: push\nconcurrency: { cancel-in-progress: true }\njobs: { a: { runs-on: x, steps: [{ run: y }] } }";
    assert_eq!(refusal(text), "error[unnamed-group]: `concurrency` names no `group`");
    let parsed = parse(text.as_bytes(), Path::new(".forgejo/workflows/ci.yml")).unwrap();
    let concurrency = parsed.workflow.concurrency.unwrap();
    assert!(matches!(concurrency.cancel_in_progress, LiteralOr::Literal(true)));
    assert!(concurrency.group.source().contains("github.workflow"));
    let of_job = "on: push\njobs: { a: { runs-on: x, concurrency: { cancel-in-progress: true }, steps: [{ run: y }] } }";
    assert_eq!(refusal(of_job), "error: `concurrency` needs the key `group`");
}

#[test]
fn what_github_takes_is_taken() {
    for (on, job) in [
        ("{ workflow_dispatch: { note: for people, inputs: { a: } } }", "if: true"),
        ("{ pull_request: { types: [stacked] }, issues: { types: field_added } }", "if: ''"),
        (
            "{ push: { branches: , tags: }, merge_group: { paths-ignore: [a] }, create: { types: x } }",
            "if: null",
        ),
        ("push", "timeout-minutes: .inf"),
        ("push", "timeout-minutes: 1e999"),
        ("push", "timeout-minutes: -.inf"),
        ("push", "cancel-timeout-minutes: '${{ matrix.minutes }}'"),
        ("push", "environment: ''"),
        ("push", "concurrency: { group: 'a', cancel-in-progress: '${{ github.ref }}' }"),
        ("push", "defaults: { run: '${{ fromJSON(env.DEFAULTS) }}' }"),
        ("push", "needs: b, if: \"success('b') || failure('b', 'b')\""),
    ] {
        let text = format!(
            "on: {on}\nconcurrency: ''\njobs: {{ b: {{ runs-on: x, steps: [{{ run: y }}] }}, a: {{ runs-on: x, {job}, steps: [{{ run: y }}] }} }}"
        );
        assert!(parse(text.as_bytes(), Path::new("ci.yml")).is_ok(), "{on} {job}: {}", report(&text));
    }
    for (on, job, wrong) in [
        ("{ '${{ github.ref }}': }", "if: true", "an event can't be an expression"),
        ("push", "cancel-timeout-minutes: '${{ \"x\" }}'", "bad expression: Unexpected symbol: '\"x\"'"),
        ("push", "concurrency: ''", "`concurrency` must not be empty"),
        ("push", "defaults: { run: '${{ env. }}' }", "bad expression: Unexpected end of expression: '.'"),
        ("push", "env: { '${{ env. }}': x }", "bad expression: Unexpected end of expression: '.'"),
        ("push", "env: { '${{ steps.x }}': x }", "the context `steps` is not available at `jobs.<id>.env`"),
        ("push", "if: always('b')", "bad expression: Too many parameters supplied: 'always'"),
    ] {
        let text = format!("on: {on}\njobs: {{ a: {{ runs-on: x, {job}, steps: [{{ run: y }}] }} }}");
        let told = refusal(&text);
        assert_eq!(told.split_once(": ").map(|(_, what)| what), Some(wrong), "{on} {job}");
    }
    let long = |length| {
        format!("on: push\njobs: {{ {}: {{ runs-on: x, steps: [{{ run: y }}] }} }}", "j".repeat(length))
    };
    assert!(parse(long(99).as_bytes(), Path::new("ci.yml")).is_ok());
    assert_eq!(refusal(long(100)), "error: the id of a job can't have more than 99 characters");
    let merged =
        "on: push\nenv: &a { A: 1 }\njobs: { a: { runs-on: x, env: { <<: *a }, steps: [{ run: y }] } }";
    assert_eq!(refusal(merged), "error: `<<` merges nothing: as on GitHub, there are no merge keys");
    let step = "on: push\njobs: { a: { runs-on: x, steps: [{ run: y, if: \"success('b')\" }] } }";
    assert_eq!(refusal(step), "error: a status function can name jobs only in the `if` of a job");
}
