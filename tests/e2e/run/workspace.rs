//! The tree that jobs work on.

use super::{run_in, steps};
use palisade_tests::{Context, Identity, Need, require};

#[test]
fn a_job_works_on_a_copy_without_what_git_ignores() {
    let context = Context::new();
    context
        .write(".gitignore", "*.env\ntarget/\n")
        .write("a", "one")
        .write("b.env", "x")
        .write("target/c", "x");
    let job = steps("      - run: cat a; ls -A; echo two > a; touch new; mkdir target; rm .gitignore\n");
    let (outcome, events) = run_in(&context, &job, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(events.log("a"), "one.github\n.gitignore\na\n");
    let work = context.work();
    assert_eq!(std::fs::read_to_string(work.join("a")).unwrap(), "one");
    assert!(!work.join("new").exists() && work.join(".gitignore").exists() && work.join("target/c").exists());
}

#[test]
fn the_tree_itself_is_changed_where_that_is_asked_for() {
    let context = Context::new();
    context.write("a", "one");
    let (outcome, _) = run_in(&context, &steps("      - run: echo two > a; echo new > b\n"), &["--write"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(std::fs::read_to_string(context.work().join("a")).unwrap(), "two\n");
    assert_eq!(std::fs::read_to_string(context.work().join("b")).unwrap(), "new\n");
}

#[test]
fn credentials_in_the_git_configuration_are_not_shown() {
    let context = Context::new();
    let config =
        "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://me:hunter2@git.example.org/team/tool\n";
    context.write(".git/HEAD", "ref: refs/heads/topic\n").write(".git/config", config);
    let job = steps("      - run: cat .git/config; echo ${{ github.repository }} ${{ github.ref_name }}\n");
    let (outcome, events) = run_in(&context, &job, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("a").contains("url = https://git.example.org/team/tool\n"), "{outcome}");
    assert!(events.log("a").ends_with("team/tool topic\n"));
    assert!(!outcome.stdout.contains("hunter2"));
    assert_eq!(std::fs::read_to_string(context.work().join(".git/config")).unwrap(), config);
}

#[test]
fn an_ordinary_user_can_do_all_this_too() {
    if !require(Need::Root) {
        return;
    }
    let context = Context::of(Identity::Nobody);
    context.write(".gitignore", "*.env\n").write("a", "one").write("b.env", "x");
    let job = steps("      - uses: actions/checkout@v4\n      - run: id -un; cat a; ls -A; touch new\n");
    let (outcome, events) = run_in(&context, &job, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(events.log("a").ends_with("runner\none.github\n.gitignore\na\n"), "{outcome}");
    assert!(!context.work().join("new").exists());
    let (outcome, _) = run_in(&context, &steps("      - run: echo new > b\n"), &["--write"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(context.work().join("b").exists());
}

#[test]
fn the_repository_around_is_the_tree() {
    let context = Context::new();
    context.write("sub/x", "");
    context.write(".github/workflows/w.yml", format!("on: push\njobs:\n{}", steps("      - run: ls\n")));
    let outcome = context.palisade().args(["run"]).current_dir("sub").run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("\nsub\n"), "{outcome}");
}
