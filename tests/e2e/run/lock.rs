//! `palisade lock`, and runs that hold to what it wrote.

use palisade_tests::Outcome;

use crate::repositories::{Repositories, composite};

fn lock(directory: &Repositories, args: &[&str]) -> Outcome {
    directory.context.palisade().args(["lock"]).args(args).run()
}

fn code(outcome: &Outcome, code: i32) -> &Outcome {
    assert_eq!(outcome.code, Some(code), "{outcome}");
    outcome
}

/// A tool that says its version, an action that uses it, a workflow that uses both, and one that nobody uses.
fn prepared() -> (Repositories, String) {
    let directory = Repositories::new();
    let first = directory.commit("o/tool", &[("action.yml", &composite("echo first"))]);
    directory.git("o/tool", &["tag", "v1"]);
    directory
        .commit("o/outer", &[("action.yml", "runs:\n  using: composite\n  steps:\n    - uses: o/tool@v1\n")]);
    directory.commit(
        "o/flows",
        &[(
            ".github/workflows/x.yml",
            "on: workflow_call\njobs: { a: { runs-on: x, steps: [ { uses: o/outer@main } ] } }\n",
        )],
    );
    directory.context.write(
        ".github/workflows/w.yml",
        "on: push\njobs:\n  a: { runs-on: x, steps: [ { uses: actions/checkout@v4 }, { uses: O/Outer@main } ] }\n",
    );
    directory.context.write(
        ".github/workflows/call.yml",
        "on: release\njobs: { c: { uses: o/flows/.github/workflows/x.yml@main } }\n",
    );
    (directory, first)
}

#[test]
fn a_moved_tag_changes_nothing_until_the_lock_moves_on() {
    let (directory, first) = prepared();
    let told = lock(&directory, &[]);
    assert!(code(&told, 0).stdout.ends_with("3 repositories used, 3 added\n"), "{told}");
    let written = std::fs::read_to_string(directory.context.work().join(".palisade/actions.lock")).unwrap();
    assert!(written.contains(&first) && !written.contains("actions/checkout"), "{written}");
    assert!(code(&lock(&directory, &["--check"]), 0).stdout.ends_with("3 repositories used, no change\n"));
    let (outcome, events) = directory.start(&["w.yml"]);
    code(&outcome, 0);
    assert!(events.log("a").ends_with("\nfirst\n"), "{}", events.log("a"));
    assert!(outcome.stdout.contains("\"pinned\":true"), "{outcome}");

    // Somebody moves the tag.
    let second = directory.commit("o/tool", &[("action.yml", &composite("echo second"))]);
    directory.git("o/tool", &["tag", "-f", "v1"]);
    let (_, events) = directory.start(&["w.yml"]);
    assert!(events.log("a").ends_with("\nfirst\n"), "{}", events.log("a"));
    let told = lock(&directory, &["--check"]);
    assert!(code(&told, 3).stdout.contains(&format!("moved    o/tool@v1  {first} → {second}\n")), "{told}");
    // A plain lock keeps what it has; an update of something else too.
    assert!(code(&lock(&directory, &[]), 0).stdout.contains("no change"));
    assert!(code(&lock(&directory, &["--update", "o/outer"]), 0).stdout.contains("no change"));
    assert!(code(&lock(&directory, &["--update", "none/such"]), 2).stderr.contains("has no `none/such`"));
    let told = lock(&directory, &["--update"]);
    assert!(code(&told, 0).stdout.contains(&format!("{first} → {second}")), "{told}");
    let (_, events) = directory.start(&["w.yml"]);
    assert!(events.log("a").ends_with("\nsecond\n"), "{}", events.log("a"));
}

#[test]
fn what_is_not_locked_is_told_or_refused() {
    let (directory, _) = prepared();
    code(&lock(&directory, &[]), 0);
    directory.commit("o/new", &[("action.yml", &composite("echo new"))]);
    let (outcome, events) = directory.run("      - uses: o/new@main\n", &["w.yml"]);
    code(&outcome, 0);
    assert_eq!(events.log("a"), "new\n");
    assert!(outcome.stdout.contains("`o/new@main` is not in `.palisade/actions.lock`"), "{outcome}");
    let told = lock(&directory, &["--check"]);
    assert!(code(&told, 3).stdout.contains("missing  o/new@main"), "{told}");
    directory.config(&format!("sources = ['{}']\nrequire-lock = true\n", directory.directory()));
    let (outcome, _) = directory.start(&["w.yml"]);
    assert!(code(&outcome, 3).stdout.contains("`require-lock`"), "{outcome}");
    std::fs::remove_file(directory.context.work().join(".github/workflows/call.yml")).unwrap();
    let told = lock(&directory, &[]);
    assert!(code(&told, 0).stdout.contains("1 added, 3 dropped"), "{told}");
    code(&directory.start(&["w.yml"]).0, 0);
}

#[test]
fn files_with_another_digest_are_refused_with_both() {
    let (directory, _) = prepared();
    code(&lock(&directory, &[]), 0);
    let path = directory.context.work().join(".palisade/actions.lock");
    let written = std::fs::read_to_string(&path).unwrap();
    let digest = written.split("sha256:").nth(1).unwrap().get(..64).unwrap();
    std::fs::write(&path, written.replace(digest, &"0".repeat(64))).unwrap();
    let (outcome, events) = directory.start(&["--event", "release"]);
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    code(&outcome, 3);
    assert!(text.contains(digest) && text.contains(&"0".repeat(64)), "{outcome}");
    assert!(events.jobs().is_empty(), "{outcome}");
    let told = lock(&directory, &[]);
    assert!(code(&told, 3).stderr.contains(digest), "{told}");
}

#[test]
fn a_lock_that_is_none_is_told() {
    let (directory, _) = prepared();
    for (text, why) in [
        ("version = 9\n", "its version is 9"),
        ("nonsense", "is no lock"),
        ("version = 1\n[[action]]\nuses = 'o/t@v1'\nsource = ''\ncommit = 'x'\ntree = ''\n", "is no commit"),
    ] {
        directory.context.write(".palisade/actions.lock", text);
        assert!(code(&lock(&directory, &["--check"]), 2).stderr.contains(why));
        assert!(code(&directory.start(&["w.yml"]).0, 2).stderr.contains(why));
    }
}

#[test]
fn where_nothing_is_to_be_locked_that_is_told() {
    let directory = Repositories::new();
    assert!(code(&lock(&directory, &[]), 2).stderr.contains("there are no workflows"));
    directory.write_steps("      - run: echo\n");
    assert!(code(&lock(&directory, &["--check"]), 0).stdout.contains("0 repositories used, no change"));
    directory.write_steps("      - uses: o/none@v1\n");
    assert!(code(&lock(&directory, &[]), 5).stderr.contains("has no repository `o/none`"));
}

#[test]
fn a_lock_that_is_broken_is_told_without_what_steers_a_terminal() {
    let (directory, _) = prepared();
    directory.context.write(".palisade/actions.lock", "version = 1\n\n[[action]\nuses = \u{1b}[2J\"o\n");
    let told = lock(&directory, &[]);
    assert!(code(&told, 2).stderr.contains("unclosed array table"), "{told}");
    assert!(!told.stderr.contains('\u{1b}'), "{told}");
}
