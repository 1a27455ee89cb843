//! Jobs that need their repository, without a network of their own.

use std::fs;
use std::path::Path;
use std::process::Command;

use palisade_proto::forgejo::Conclusion;
use palisade_tests::GitServer;
use palisade_tests::forge::{Forge, Job};
use palisade_tests::{Certificate, authority};

use crate::front::Front;
use crate::host::Host;

/// A job with this commit checked out.
const WORKFLOW: &str = "on: push
jobs:
  test:
    runs-on: host
    steps:
      - uses: actions/checkout@v4
      - run: cat greeting && git log --format=%s -1 && git status --short
      - uses: ./action
        with: { whom: you }
";

const ACTION: &str = "name: greet
inputs: { whom: {} }
runs:
  using: composite
  steps:
    - run: echo \"an action greets ${{ inputs.whom }}\"
      shell: bash
";

pub fn git(directory: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "init.defaultBranch=main"])
        .args(args)
        .current_dir(directory)
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository `root/demo` in `root`, with this greeting; gives its work tree.
fn repository(host: &Host, root: &Path) -> std::path::PathBuf {
    repository_of(host, root, "sha1")
}

/// The same with objects named by this hash.
fn repository_of(host: &Host, root: &Path, hash: &str) -> std::path::PathBuf {
    let tree = host.context.root().join("tree");
    fs::create_dir_all(tree.join("action")).expect("a directory");
    fs::write(tree.join("greeting"), "hello from the repository\n").expect("a file");
    fs::write(tree.join("action/action.yml"), ACTION).expect("a file");
    git(&tree, &["init", "-q", &format!("--object-format={hash}")]);
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "first"]);
    git(&tree, &["clone", "-q", "--bare", ".", &root.join("root/demo").display().to_string()]);
    tree
}

#[test]
fn a_repository_of_the_longer_hash_is_checked_out_too() {
    let forge = Forge::start();
    let mut host = Host::new();
    let root = host.context.root().join("repositories");
    let tree = repository_of(&host, &root, "sha256");
    let front = Front::before(&forge, &GitServer::start(&root, "none"));
    host.register_at(&front.url, &[]).assert_code(0);
    host.start();
    let first = git(&tree, &["rev-parse", "HEAD"]);
    assert_eq!(first.len(), 64);
    let task = forge.enqueue(Job::new(WORKFLOW).steps(3).context("sha", first));
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    assert!(record.log().contains("hello from the repository\nfirst\n"), "{}", record.log());
}

#[test]
fn a_repository_is_checked_out_without_a_network() {
    let forge = Forge::start();
    let mut host = Host::new();
    let root = host.context.root().join("repositories");
    let tree = repository(&host, &root);
    let front = Front::before(&forge, &GitServer::start(&root, "none"));
    host.register_at(&front.url, &[]).assert_code(0);
    host.start();
    let first = git(&tree, &["rev-parse", "HEAD"]);
    let task = forge.enqueue(Job::new(WORKFLOW).steps(3).context("sha", first));
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    let log = record.log();
    assert!(log.contains("hello from the repository\nfirst\n"), "{log}");
    assert!(log.contains("an action greets you"), "{log}");
    // Git showed the job's token, and only in a header.
    let asked = front.asked();
    assert!(!asked.is_empty() && asked.iter().all(|head| head.contains("uthorization: basic ")), "{asked:?}");

    // A branch that moved on, and the head of a pull request.
    fs::write(tree.join("greeting"), "hello again\n").expect("a file");
    git(&tree, &["commit", "-qam", "second"]);
    let second = git(&tree, &["rev-parse", "HEAD"]);
    let bare = root.join("root/demo").display().to_string();
    git(&tree, &["push", "-q", &bare, "HEAD:refs/pull/7/head"]);
    let job = Job::new(WORKFLOW).steps(3).context("sha", second).context("ref", "refs/pull/7/head");
    let record = forge.closed(forge.enqueue(job));
    assert!(record.log().contains("hello again\nsecond\n"), "{}", record.log());

    let missing = Job::new(WORKFLOW).steps(3).context("sha", "0123456789012345678901234567890123456789");
    let record = forge.closed(forge.enqueue(missing));
    assert_eq!(record.conclusion(), Some(Conclusion::Failure));
    assert!(record.log().contains("cannot fetch the repository"), "{}", record.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_repository_of_a_forge_with_a_certificate_of_its_own_is_checked_out() {
    for certificate in [Certificate::Issued, Certificate::Own] {
        let mut host = Host::new();
        let root = tempfile::tempdir().unwrap();
        let tree = repository(&host, root.path());
        let forge = Forge::start();
        let authority = authority(&["localhost"], certificate);
        let front = Front::encrypted(&forge, &GitServer::start(root.path(), "dDp0"), &authority);
        let ca_file = host.context.root().join("ca.pem");
        fs::write(&ca_file, &authority.pem).unwrap();
        host.configure(&format!("[daemon]\nca-file = {ca_file:?}\n"));
        host.register_at(&front.url, &[]).assert_code(0);
        host.start();
        let job = Job::new(WORKFLOW).steps(3).context("sha", git(&tree, &["rev-parse", "HEAD"]));
        let record = forge.closed(forge.enqueue(job));
        assert_eq!(record.conclusion(), Some(Conclusion::Success), "{certificate:?}: {}", record.log());
        assert!(record.log().contains("hello from the repository\n"), "{}", record.log());
        assert!(!front.asked().is_empty());
    }
}

#[test]
fn the_packs_of_a_copy_are_put_together_where_they_are_many() {
    let forge = Forge::start();
    let mut host = Host::new();
    let root = host.context.root().join("repositories");
    let tree = repository(&host, &root);
    let front = Front::before(&forge, &GitServer::start(&root, "none"));
    host.register_at(&front.url, &[]).assert_code(0);
    host.start();
    let check_out = || {
        let job = Job::new(WORKFLOW).steps(3).context("sha", git(&tree, &["rev-parse", "HEAD"]));
        let record = forge.closed(forge.enqueue(job));
        assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    };
    check_out();
    let mirrors = host.context.state().join("palisade/mirrors");
    let mirror = fs::read_dir(mirrors).unwrap().next().unwrap().unwrap().path().join("repository.git");
    let packs = || {
        let files = fs::read_dir(mirror.join("objects/pack")).unwrap().flatten();
        files.filter(|file| file.path().extension().is_some_and(|kind| kind == "pack")).count()
    };
    let pack = "for i in $(seq 60); do echo $i | git hash-object -w --stdin | git pack-objects -q objects/pack/pack; done; git prune-packed";
    assert!(Command::new("sh").args(["-c", pack]).current_dir(&mirror).output().unwrap().status.success());
    assert!(packs() > 60, "{}", packs());
    check_out();
    assert!(packs() < 10, "{}", packs());
    // What no reference leads to is there still: a job may be at it.
    let blob = git(&mirror, &["cat-file", "blob", "d00491fd7e5bb6fa28c517a0bb32b8b506539d4d"]);
    assert_eq!(blob, "1");
    assert_eq!(forge.violations(), Vec::<String>::new());
}
