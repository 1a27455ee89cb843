//! Faults of the disk below the queue's database, and kills at each of its writes: `strace` makes them happen.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_tests::{Need, Outcome, require};
use serde_json::Value as Json;

use super::{answers, ended, log, repository, results, runs, script, started, submit};
use crate::host::Host;

/// The database, and what SQLite keeps beside it.
const FILES: [&str; 3] = ["queue.db", "queue.db-wal", "queue.db-shm"];
/// How often a commit is handed over for something to happen that happens at some write.
const TRIES: usize = 6;
/// How many places the log of the database is cut at.
const CUTS: usize = 12;

fn files(host: &Host) -> [PathBuf; 3] {
    FILES.map(|file| host.context.state().join("palisade/queue").join(file))
}

/// What a job of these tests runs: only its output has the word.
const SCRIPT: &str = "printf 'be%s\\n' gun";

/// A host whose queue has had a run.
fn used() -> (Host, PathBuf) {
    let host = started();
    let tree = repository(&host, &script(SCRIPT));
    let number = submit(&host, &tree);
    ended(&host, number);
    host.is_idle();
    (host, tree)
}

/// strace, which lets something happen to calls on the database.
fn strace(host: &Host, call: &str, what: &str) -> Command {
    let mut command = host.context.command("strace");
    // Jobs' processes are none of its business.
    command.args(["-f", "-b", "execve", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{what}")]);
    for file in files(host) {
        command.arg("-P").arg(file);
    }
    command
}

fn try_submit(host: &Host, tree: &PathBuf) -> Outcome {
    host.palisade(&["submit", "--json"]).args([tree]).run()
}

/// The number of the run, where it was taken in.
fn taken_in(outcome: &Outcome) -> Option<i64> {
    let runs: Json = serde_json::from_str(&outcome.stdout).ok().filter(|_| outcome.code == Some(0))?;
    runs[0]["run"].as_i64()
}

/// What was taken in has one end, and has run once at most.
fn check(host: &Host, accepted: &[i64], shown: &str) {
    for number in accepted {
        let run = ended(host, *number);
        let begun = log(host, *number).lines().filter(|line| line.ends_with("begun")).count();
        match results(&run)[0].1.as_str() {
            "success" => assert_eq!(begun, 1, "{shown}: {run}"),
            "failure" => assert!(begun <= 1, "{shown}: {run}"),
            other => panic!("{shown}: `{other}`: {run}"),
        }
    }
    let unknown: Vec<_> = runs(host).into_iter().filter(|run| run["state"] != "done").collect();
    // What nobody was told of has its end as well.
    for run in unknown {
        ended(host, run["run"].as_i64().expect("a number"));
    }
}

#[test]
fn a_daemon_that_is_killed_at_any_write_of_its_queue_loses_and_repeats_none() {
    if !require(Need::Program("strace")) {
        return;
    }
    for (call, when) in [
        ("pwrite64", 1),
        ("pwrite64", 2),
        ("pwrite64", 3),
        ("pwrite64", 5),
        ("pwrite64", 8),
        ("fsync", 1),
        ("fsync", 2),
    ] {
        let shown = format!("killed at {call} {when}");
        let (mut host, tree) = used();
        host.kill();
        let mut command = strace(&host, call, &format!("signal=KILL:when={when}"));
        command.arg("-qq").arg(host.context.palisade_path()).arg("daemon");
        host.start_by(command);
        let mut accepted = Vec::new();
        let mut killed = false;
        for _ in 0..TRIES {
            let outcome = try_submit(&host, &tree);
            accepted.extend(taken_in(&outcome));
            killed = host.has_ended();
            if killed {
                break;
            }
        }
        assert!(killed, "{shown}: it didn't happen");
        host.ends();
        host.start();
        answers(&host);
        check(&host, &accepted, &shown);
        let next = submit(&host, &tree);
        assert_eq!(ended(&host, next)["result"], "success", "{shown}");
        host.is_idle();
    }
}

#[test]
fn a_disk_that_fails_below_the_queue_is_told_and_the_queue_goes_on_after_it() {
    if !require(Need::Program("strace")) {
        return;
    }
    for (call, error, said) in [
        ("pwrite64", "ENOSPC", "database or disk is full"),
        ("pwrite64", "EIO", "disk I/O error"),
        ("fsync", "EIO", "disk I/O error"),
    ] {
        // Each connection has a thread of the daemon's, whose first writes fail; that of the next go through.
        let shown = format!("{error} at {call}");
        let (mut host, tree) = used();
        let daemon = host.daemon_process().expect("a daemon runs");
        let mut command = strace(&host, call, &format!("error={error}:when=1"));
        command.arg("-p").arg(daemon.to_string()).stderr(Stdio::piped());
        let mut strace = command.spawn().expect("strace starts");
        let mut said_by_it = BufReader::new(strace.stderr.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("attached") {
            assert!(said_by_it.read_line(&mut line).expect("it can be read") > 0, "{line}");
        }
        let (mut accepted, mut refused) = (Vec::new(), 0);
        for _ in 0..TRIES {
            let outcome = try_submit(&host, &tree);
            match taken_in(&outcome) {
                Some(number) => accepted.push(number),
                None => {
                    assert_eq!(outcome.code, Some(5), "{shown}: {outcome}");
                    refused += usize::from(outcome.stderr.contains(said));
                }
            }
        }
        assert!(refused > 0, "{shown}: it didn't happen");
        assert!(!host.has_ended(), "{shown}: {}", host.log());
        kill(Pid::from_raw(strace.id() as i32), Signal::SIGTERM).expect("it can be signalled");
        strace.wait().expect("it ends");
        check(&host, &accepted, &shown);
        let next = submit(&host, &tree);
        assert_eq!(ended(&host, next)["result"], "success", "{shown}");
        host.is_idle();
    }
}

#[test]
fn a_queue_whose_last_writes_are_torn_is_one_that_they_never_reached() {
    let (mut host, tree) = used();
    let number = submit(&host, &tree);
    ended(&host, number);
    host.is_idle();
    host.kill();
    let [database, wal, index] = files(&host);
    let (kept, written) = (fs::read(&database).expect("the database"), fs::read(&wal).expect("its log"));
    assert!(!written.is_empty());
    let mut torn: Vec<Vec<u8>> =
        (0..CUTS).map(|cut| written[..written.len() * cut / CUTS].to_vec()).collect();
    // Some file systems leave zeros, and disks what they like.
    let half = written.len() / 2;
    torn.push([&written[..half], &vec![0; written.len() - half]].concat());
    torn.push([&written[..half + 100], &vec![0xa5; 5000]].concat());
    let mut before = 0;
    for (case, wal_left) in torn.iter().enumerate() {
        fs::write(&database, &kept).expect("the database");
        fs::write(&wal, wal_left).expect("its log");
        let _ = fs::remove_file(&index);
        host.start();
        answers(&host);
        let left = runs(&host);
        if case < CUTS {
            assert!(left.len() >= before, "a longer log has less: {left:?}");
            before = left.len();
        }
        for run in &left {
            ended(&host, run["run"].as_i64().expect("a number"));
        }
        let next = submit(&host, &tree);
        assert_eq!(ended(&host, next)["result"], "success", "case {case}");
        host.is_idle();
        host.kill();
    }
    assert!(before > 0);
}
