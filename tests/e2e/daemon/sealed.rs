//! Sealed secrets of a forge's jobs.

use std::fs;

use palisade_proto::forgejo::Conclusion;
use palisade_tests::GitServer;
use palisade_tests::forge::{Forge, Job};
use serde_json::json;

use crate::checkout::git;
use crate::front::Front;
use crate::host::Host;

const WORKFLOW: &str = "on: push
jobs:
  test:
    environment: production
    runs-on: host
    env: { KEY: '${{ secrets.KEY }}' }
    steps: [ { run: 'echo \"[$KEY] ${#KEY}\"' } ]
";

#[test]
fn a_job_has_what_its_repository_seals_for_it_and_a_fork_has_not() {
    let forge = Forge::start();
    let mut host = Host::new();
    let root = host.context.root().join("repositories");
    let front = Front::before(&forge, &GitServer::start(&root, "none"));
    host.register_at(&front.url, &[]).assert_code(0);
    host.configure("[environment.production]\n");
    let tree = host.context.root().join("tree");
    fs::create_dir_all(&tree).expect("a directory");
    let public = host.palisade(&["seal", "key", "init"]).run();
    host.context.write("runner.pub", public.stdout);
    let directory = tree.display().to_string();
    let seal = ["seal", "-C", &directory, "--to", "runner.pub", "--name", "KEY", "--server", &front.url];
    let rest = ["--repository", "root/demo", "--environment", "production", "--ref", "refs/heads/main"];
    let outcome = host.palisade(&seal).args(rest).input("hunter2-Zx81kQ").run();
    assert_eq!(outcome.code, Some(0), "{outcome}");
    git(&tree, &["init", "-q"]);
    git(&tree, &["add", "."]);
    git(&tree, &["commit", "-qm", "first"]);
    git(&tree, &["clone", "-q", "--bare", ".", &root.join("root/demo").display().to_string()]);
    git(&tree, &["push", "-q", &root.join("root/demo").display().to_string(), "HEAD:refs/heads/topic"]);
    host.start();
    let sha = git(&tree, &["rev-parse", "HEAD"]);
    let job = || Job::new(WORKFLOW).context("sha", sha.clone());
    let record = forge.closed(forge.enqueue(job()));
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    assert!(record.log().contains("[***] 14\n"), "{}", record.log());

    let fork = json!({ "pull_request": { "head": { "repo": { "full_name": "eve/demo" } } } });
    let pull = job().context("event_name", "pull_request").context("event", fork);
    for (job, rule) in [(pull, "`fork`: "), (job().context("ref", "refs/heads/topic"), "`refs`: ")] {
        let log = forge.closed(forge.enqueue(job)).log();
        assert!(log.contains("[] 0\n"), "{log}");
        assert!(log.contains(&format!("the sealed secret `KEY` is withheld: {rule}")), "{log}");
    }
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}
