//! A bare repository whose hook submits what is pushed to it.

use std::fs;

use super::{commit, ended, git, repository, results, runs, script, started, try_git};

#[test]
fn a_push_runs_what_it_changes() {
    let host = started();
    let tree = repository(&host, &script("echo pushed ${{ github.event.before }} to ${{ github.ref_name }}"));
    let bare = host.context.work().join("app.git");
    git(&tree, &["init", "-q", "--bare", &bare.display().to_string()]);
    git(&tree, &["remote", "add", "ci", &bare.display().to_string()]);
    // The hook finds the daemon by what it was given, whatever the environment of a push is.
    let state = host.context.state().join("palisade");
    let hook = |verb: &str| {
        let options =
            if verb == "install" { vec!["--state".into(), state.clone().into_os_string()] } else { vec![] };
        host.palisade(&["hook", verb]).args([&bare]).args(options).run()
    };
    assert_eq!(hook("install").code, Some(0));
    // Again, it changes nothing.
    assert_eq!(hook("install").code, Some(0));

    let (code, said) = try_git(&tree, &["push", "ci", "main"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("remote: run 1 of ") && said.contains("palisade logs -f 1"), "{said}");
    assert_eq!(results(&ended(&host, 1)), [("test".to_owned(), "success".to_owned())]);
    let none = "0".repeat(40);
    assert!(super::log(&host, 1).contains(&format!("pushed {none} to main\n")));

    let before = git(&tree, &["rev-parse", "HEAD"]);
    commit(&tree, &script("echo again after ${{ github.event.before }}"));
    git(&tree, &["push", "-q", "ci", "main", "main:topic"]);
    ended(&host, 3);
    let logs = super::log(&host, 2) + &super::log(&host, 3);
    assert!(logs.contains(&format!("again after {before}\n")), "{logs}");

    // What can't run is told, and pushed all the same; what is deleted starts nothing.
    commit(&tree, "on: push\njobs: [\n");
    let (code, said) = try_git(&tree, &["push", "ci", "main"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("remote: palisade: refs/heads/main: ") && said.contains("ci.yml"), "{said}");
    assert_eq!(git(&bare, &["rev-parse", "main"]), git(&tree, &["rev-parse", "main"]));
    git(&tree, &["push", "-q", "ci", ":topic"]);
    assert_eq!(runs(&host).len(), 3);

    assert_eq!(hook("uninstall").code, Some(0));
    assert!(!bare.join("hooks/post-receive").exists());
    fs::write(bare.join("hooks/post-receive"), "#!/bin/sh\n").expect("a file");
    for verb in ["install", "uninstall"] {
        let other = hook(verb);
        assert_eq!(other.code, Some(2), "{other}");
        assert!(other.stderr.contains("another hook"), "{other}");
    }
}

#[test]
fn a_link_in_a_commit_shows_nothing_of_the_host() {
    let host = started();
    let tree = repository(&host, &script("true"));
    fs::write(host.context.work().join("private"), "private: words\n").expect("a file");
    fs::remove_file(tree.join(".github/workflows/ci.yml")).expect("a file");
    std::os::unix::fs::symlink("../../../private", tree.join(".github/workflows/ci.yml")).expect("a link");
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "a link"]);
    let outcome = host.palisade(&["submit"]).args([&tree]).run();
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(!outcome.stderr.contains("words"), "{outcome}");
}
