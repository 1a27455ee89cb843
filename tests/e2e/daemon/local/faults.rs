//! Kills, and a queue without room.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use palisade_tests::{Need, Random, require};

use super::{answers, cancel, ended, log, prints, repository, results, runs, script, started, submit};
use crate::host::{Host, wait};

const TWO: &str = "on: push\njobs:\n  a:\n    runs-on: host\n    outputs: { word: kept }\n    steps:\n      - run: |\n          \
                   for i in $(seq 40); do echo tick $i; sleep 0.1; done\n  b:\n    needs: a\n    runs-on: host\n    \
                   steps: [{ run: 'echo \"b has ${{ needs.a.outputs.word }}\"' }]\n";

#[test]
fn a_killed_daemon_loses_nothing_and_runs_nothing_twice() {
    let mut host = started();
    let tree = repository(&host, TWO);
    let number = submit(&host, &tree);
    prints(&host, number, "tick 2\n");
    // Who follows goes on through it.
    let mut follower = host.palisade(&["logs", "-f", &number.to_string()]).into_command();
    let mut follower = follower.stdout(Stdio::piped()).spawn().expect("it starts");
    let mut followed = BufReader::new(follower.stdout.take().expect("a pipe"));
    let mut seen = String::new();
    while !seen.contains("tick 2\n") {
        assert!(followed.read_line(&mut seen).expect("it can be read") > 0, "{seen}");
    }
    for _ in 0..3 {
        host.kill();
        host.start();
        answers(&host);
    }
    let run = ended(&host, number);
    let all = [("a", "success"), ("b", "success")];
    assert_eq!(results(&run), all.map(|(name, result)| (name.to_owned(), result.to_owned())));
    followed.read_to_string(&mut seen).expect("it can be read");
    assert_eq!(follower.wait().expect("it ends").code(), Some(0));
    for text in [log(&host, number), seen] {
        for tick in 1..=40 {
            let count = text.lines().filter(|line| line.ends_with(&format!("tick {tick}"))).count();
            assert_eq!(count, 1, "tick {tick}: {text}");
        }
        assert!(text.contains("b has kept"), "{text}");
    }
    host.is_idle();
}

/// `PALISADE_TEST_SEED=N` repeats the moments at which the daemon is killed.
#[test]
fn kills_at_any_moment_leave_every_job_with_one_end() {
    let seed = Random::seed();
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let mut host = started();
    let tree = repository(
        &host,
        "on: push\njobs:\n  a:\n    runs-on: host\n    outputs: { list: '[1, 2]' }\n    steps: [{ run: echo a }]\n  b:\n    needs: a\n    \
         strategy: { matrix: { n: '${{ fromJSON(needs.a.outputs.list) }}' } }\n    runs-on: host\n    steps: [{ run: sleep 0.1 }]\n",
    );
    let mut accepted = Vec::new();
    for _ in 0..8 {
        // Some are killed while they take a commit in, some while they run it.
        if random.below(2) == 0 {
            accepted.push(submit(&host, &tree));
        }
        let mut submitting = host.palisade(&["submit", "--json"]).args([&tree]).into_command();
        let submitting = submitting.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        std::thread::sleep(Duration::from_millis(random.below(250) as u64));
        host.kill();
        let output = submitting.expect("it starts").wait_with_output().expect("it ends");
        // Either it was taken in, or it was said that it wasn't.
        if output.status.success() {
            let runs: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
            accepted.push(runs[0]["run"].as_i64().expect("a number"));
        }
        host.start();
        answers(&host);
    }
    assert!(!accepted.is_empty());
    for number in &accepted {
        ended(&host, *number);
    }
    wait("the end of all runs", || runs(&host).iter().all(|run| run["state"] == "done").then_some(()));
    host.is_idle();
    for run in runs(&host) {
        // One that was killed with its daemon, before its process stood by itself, has failed.
        let jobs = results(&run);
        assert!(jobs.iter().all(|(_, result)| !result.is_empty()), "{run}");
    }
    let mut taken: Vec<String> = Vec::new();
    for line in host.log().lines().filter(|line| line.contains("msg=\"taking a task\" ")) {
        let task = line.split(" task=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a number");
        assert!(!taken.contains(&task.to_owned()), "task {task} was taken twice");
        taken.push(task.to_owned());
    }
}

#[test]
fn a_job_that_was_killed_with_the_daemon_has_failed() {
    let mut host = started();
    let tree = repository(&host, TWO);
    let number = submit(&host, &tree);
    prints(&host, number, "tick 2\n");
    let process = host.job_process();
    host.kill();
    kill(process, Signal::SIGKILL).expect("it can be killed");
    host.start();
    answers(&host);
    let run = ended(&host, number);
    let all = [("a", "failure"), ("b", "skipped")];
    assert_eq!(results(&run), all.map(|(name, result)| (name.to_owned(), result.to_owned())));
    assert!(log(&host, number).contains("the job's process ended before the job did"));
}

#[test]
fn what_waits_in_a_queue_outlives_the_daemon() {
    let mut host = Host::new();
    host.configure("[daemon]\ncapacity = 1\n");
    host.start();
    answers(&host);
    let tree = repository(&host, &script("echo begun; sleep 1000"));
    let first = submit(&host, &tree);
    prints(&host, first, "begun");
    super::commit(&tree, &script("echo second"));
    let second = submit(&host, &tree);
    host.kill();
    let none = host.palisade(&["jobs"]).run();
    assert_eq!(none.code, Some(5), "{none}");
    assert!(none.stderr.contains("palisade daemon"), "{none}");
    host.start();
    answers(&host);
    cancel(&host, first);
    assert_eq!(ended(&host, second)["result"], "success");
    assert!(log(&host, second).contains("second\n"));
}

#[test]
fn a_directory_that_is_gone_is_a_job_that_is_lost() {
    let mut host = started();
    let tree = repository(&host, &script("echo begun; sleep 1000"));
    let number = submit(&host, &tree);
    prints(&host, number, "begun");
    let (task, process) = (host.tasks().remove(0), host.job_process());
    host.kill();
    kill(process, Signal::SIGKILL).expect("it can be killed");
    std::fs::remove_dir_all(task).expect("it can be removed");
    host.start();
    answers(&host);
    let run = ended(&host, number);
    assert_eq!(run["result"], "failure");
    assert!(run["jobs"][0]["reason"].as_str().expect("a reason").contains("it was lost"), "{run}");
}

#[test]
fn a_full_queue_takes_no_more() {
    let mut host = Host::new();
    host.configure("[daemon]\ncapacity = 1\n[local]\nmax-queue = 2\n");
    host.start();
    answers(&host);
    let tree = repository(&host, &script("echo begun; sleep 1000"));
    let first = submit(&host, &tree);
    prints(&host, first, "begun");
    let waiting = [submit(&host, &tree), submit(&host, &tree)];
    let outcome = host.palisade(&["submit"]).args([&tree]).run();
    assert_eq!(outcome.code, Some(5), "{outcome}");
    assert!(outcome.stderr.contains("the queue is full: 2 jobs wait"), "{outcome}");
    assert_eq!(runs(&host).len(), 3);
    for number in waiting {
        cancel(&host, number);
    }
    let next = submit(&host, &tree);
    cancel(&host, first);
    prints(&host, next, "begun");
    cancel(&host, next);
    ended(&host, next);
}

#[test]
fn a_disk_that_is_nearly_full_takes_no_commit_in() {
    let mut host = Host::new();
    host.configure("[daemon]\nmin-free = \"900T\"\n");
    host.start();
    answers(&host);
    let tree = repository(&host, &script("true"));
    let outcome = host.palisade(&["submit"]).args([&tree]).run();
    assert_eq!(outcome.code, Some(5), "{outcome}");
    assert!(outcome.stderr.contains("too little disk space"), "{outcome}");
    assert_eq!(runs(&host).len(), 0);
}

#[test]
fn a_commit_that_is_too_large_is_refused() {
    let mut host = Host::new();
    host.configure("[local]\nmax-bundle = \"1K\"\n");
    host.start();
    answers(&host);
    if !require(Need::Path("/dev/urandom")) {
        return;
    }
    let tree = repository(&host, &script("true"));
    let mut noise = vec![0; 100_000];
    std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").expect("it opens"), &mut noise)
        .expect("noise");
    std::fs::write(tree.join("noise"), noise).expect("a file");
    super::git(&tree, &["add", "."]);
    super::git(&tree, &["commit", "-qm", "noise"]);
    let outcome = host.palisade(&["submit"]).args([&tree]).run();
    assert_eq!(outcome.code, Some(2), "{outcome}");
    assert!(outcome.stderr.contains("`local.max-bundle` is 1024"), "{outcome}");
    assert_eq!(runs(&host).len(), 0);
}
