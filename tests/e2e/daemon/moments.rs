//! Kills and errors at each system call by which the daemon keeps a task: `strace` makes them happen.

use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Forge, Job};
use palisade_tests::{Need, require};

use crate::host::Host;

/// What is called for directories of tasks, and where: as long as they are blank, or by their tasks' names.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Blanks,
    Tasks,
}

/// What keeps a task, from the directory that is made ahead of it to its end: which call, and the how manieth of a thread.
const KEEPING: [(At, &str, usize); 9] = [
    (At::Blanks, "openat", 1),
    (At::Blanks, "write", 1),
    (At::Blanks, "fsync", 1),
    (At::Tasks, "rename", 1),
    (At::Tasks, "openat", 1),
    (At::Tasks, "pwrite64", 1),
    (At::Tasks, SYNC, 1),
    (At::Tasks, "close", 1),
    (At::Tasks, "unlink", 1),
];

/// The one for a directory that was on the disk before its task came, the other for one that wasn't.
const SYNC: &str = "fdatasync,fsync";

/// A daemon under strace, to whose calls on files of its first two tasks something happens.
fn start_with(host: &mut Host, at: At, call: &str, what: &str, when: usize) {
    let state = host.context.state().join("palisade");
    let mut command = host.context.command("strace");
    // Jobs' processes are none of its business.
    command.args(["-f", "-qq", "-b", "execve", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{what}:when={when}")]);
    for path in ["tasks", "finished"].into_iter().filter(|_| at == At::Tasks) {
        command.arg("-P").arg(state.join(path));
        for task in ["test-101", "test-102"] {
            let directory = state.join(path).join(task);
            command.arg("-P").arg(directory.join("task.json")).arg("-P").arg(directory);
        }
    }
    for blank in ["0", "1", "2"].into_iter().filter(|_| at == At::Blanks) {
        let directory = state.join("blank").join(blank);
        command.arg("-P").arg(directory.join("task.json")).arg("-P").arg(directory);
    }
    command.arg(host.context.palisade_path()).arg("daemon");
    host.start_by(command);
}

/// Every job has run once and ended once, as it says itself or by the daemon's death.
fn check(forge: &Forge, tasks: &[i64], shown: &str) {
    for task in tasks {
        let record = forge.ended(*task);
        let log = record.log();
        let ends = record.states.iter().filter(|state| state.conclusion.is_some()).count();
        assert_eq!(ends, 1, "{shown}: task {task}: {log}");
        let begun = record.rows.iter().filter(|row| row.content == "begun").count();
        assert!(begun <= 1, "{shown}: task {task} ran twice: {log}");
        match record.told() {
            Some(Conclusion::Success) => assert_eq!(begun, 1, "{shown}: task {task}: {log}"),
            Some(Conclusion::Failure) => assert!(log.contains("process ended"), "{shown}: {log}"),
            other => panic!("{shown}: task {task} ended as {other:?}: {log}"),
        }
    }
}

#[test]
fn a_daemon_that_is_killed_at_any_step_of_a_task_loses_and_repeats_none() {
    if !require(Need::Program("strace")) {
        return;
    }
    for (at, call, when) in KEEPING {
        let shown = format!("killed at {call} {when}");
        let forge = Forge::start();
        let mut host = Host::at(&forge);
        let tasks = [forge.enqueue(Job::script("echo begun")), forge.enqueue(Job::script("echo begun"))];
        start_with(&mut host, at, call, "signal=KILL", when);
        assert_eq!(host.ends(), None, "{shown}: it didn't happen");
        forge.runner_was_killed();
        host.start();
        check(&forge, &tasks, &shown);
        host.is_idle();
        assert_eq!(forge.violations(), Vec::<String>::new(), "{shown}");
    }
}

#[test]
fn an_error_of_the_disk_at_any_step_of_a_task_loses_and_repeats_none() {
    if !require(Need::Program("strace")) {
        return;
    }
    // Tasks are written down by a thread each, for each of which it happens anew.
    for (call, error, passes, said) in [
        ("pwrite64", "ENOSPC", false, "cannot begin a task"),
        (SYNC, "EIO", false, "cannot begin a task"),
        ("rename", "EIO", true, "cannot remove a task's directory"),
    ] {
        let shown = format!("{error} at {call}");
        let forge = Forge::start();
        let mut host = Host::at(&forge);
        let tasks = [forge.enqueue(Job::script("echo begun")), forge.enqueue(Job::script("echo begun"))];
        start_with(&mut host, At::Tasks, call, &format!("error={error}"), 1);
        host.says(said);
        if passes {
            check(&forge, &tasks, &shown);
        }
        // strace ends with it, and what it has left behind is the next one's to remove.
        host.daemon_ends();
        forge.runner_was_killed();
        host.start();
        host.is_idle();
        check(&forge, &tasks, &shown);
        assert_eq!(forge.violations(), Vec::<String>::new(), "{shown}");
    }
}
