//! What an administrator has decided for labels and for registrations.

use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Forge, Job, TaskRecord};

use crate::host::Host;
use crate::jobs::{TIMED, most_at_a_time};

const CONFIG: &str = "[daemon]
capacity = 2
[sandbox.limits]
open-files = 99
[[profile]]
labels = ['big']
sandbox.limits.open-files = 77
[[profile]]
labels = ['release']
actions.allow = ['acme/deploy']
network.mode = 'none'
";

/// A job of these labels with this step, as a server writes it.
fn job(labels: &str, step: &str) -> Job {
    let text = format!("on: push\njobs:\n  test:\n    runs-on: {labels}\n    steps:\n      - {step}\n");
    // There is no git beside this forge.
    Job::new(&text).steps(1).context("repository", "")
}

fn host(forge: &Forge) -> Host {
    let mut host = Host::at(forge);
    host.configure(CONFIG);
    host.start();
    host
}

fn run(forge: &Forge, job: Job) -> TaskRecord {
    forge.closed(forge.enqueue(job))
}

#[test]
fn a_job_gets_what_its_labels_have() {
    let forge = Forge::start();
    let _host = host(&forge);
    let limit = "run: echo at most $(ulimit -n) files";
    for (labels, files, told) in
        [("host", 99, false), ("big", 77, true), ("[host, big]", 77, true), ("release", 99, true)]
    {
        let record = run(&forge, job(labels, limit));
        let log = record.log();
        assert!(log.contains(&format!("at most {files} files\n")), "{labels}: {log}");
        assert_eq!(log.contains("::notice::the runner's profile of the label `"), told, "{labels}: {log}");
    }
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn what_a_profile_does_not_allow_does_not_run() {
    let forge = Forge::start();
    let _host = host(&forge);
    let record = run(&forge, job("release", "uses: acme/other@v1"));
    assert_eq!(record.conclusion(), Some(Conclusion::Failure));
    assert!(record.log().contains("`acme/other@v1` is none of the actions"), "{}", record.log());
    assert!(record.log().contains("`allow` under `[actions]`"), "{}", record.log());
    // One that is allowed is looked for, where there is none here.
    let record = run(&forge, job("release", "uses: acme/deploy@v1"));
    assert!(!record.log().contains("is none of the actions"), "{}", record.log());
    // Palisade's own is nobody else's code.
    let record = run(&forge, job("release", "uses: actions/cache@v4\n        with: { path: x, key: k }"));
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
}

#[test]
fn labels_that_can_not_be_told_get_nothing() {
    let forge = Forge::start();
    let _host = host(&forge);
    let record = run(&forge, job("${{ vars.LABEL }}", "run: echo it ran").var("LABEL", "host"));
    assert_eq!(record.conclusion(), Some(Conclusion::Failure));
    assert!(!record.log().contains("it ran"), "{}", record.log());
    assert!(record.log().contains("`[[profile]]` of the configuration can't be told"), "{}", record.log());
}

#[test]
fn a_registration_runs_no_more_jobs_than_it_may() {
    let (bounded, other) = (Forge::start(), Forge::start());
    let mut host = Host::at(&bounded);
    host.register(&other, &[]).assert_code(0);
    host.configure(
        "[daemon]\ncapacity = 3\n[registration.test]\ncapacity = 1\n[registration.nobody]\ncapacity = 1\n",
    );
    host.start();
    host.says("keys of a registration that there isn't\" registration=nobody");
    let jobs = |forge: &Forge| (0..4).map(|_| forge.enqueue(Job::script(TIMED))).collect::<Vec<_>>();
    let (few, many) = (jobs(&bounded), jobs(&other));
    assert_eq!(most_at_a_time(&bounded, &few), 1);
    assert!(most_at_a_time(&other, &many) > 1);
    let status = host.palisade(&["status"]).run();
    assert!(status.stdout.contains("runner test: forgejo at"), "{status}");
    assert!(status.stdout.contains(", at most 1 job at a time\n"), "{status}");
}
