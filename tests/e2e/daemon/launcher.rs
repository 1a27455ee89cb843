//! Jobs that a launcher starts, as the service has it.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Forge, Job};
use palisade_tests::{Identity, Need, require};

use crate::host::{Host, wait};

/// A host with a launcher and a daemon that uses it.
fn host(forge: &Forge) -> Host {
    let mut host = Host::at(forge);
    host.launch();
    host.start();
    host
}

/// A job that goes on for some seconds.
fn slow() -> Job {
    Job::script("echo begun\nfor i in $(seq 30); do echo tick $i; sleep 0.1; done\necho done")
}

fn endless() -> Job {
    Job::script("echo begun; sleep 1000")
}

/// The process that has started another.
fn parent(process: Pid) -> u32 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.and_then(|number| number.trim().parse().ok()).expect("a number")
}

/// What a request looks like that passes nothing.
fn request(kind: &[u8]) -> Vec<u8> {
    [kind, &[0; 24]].concat()
}

/// What the launcher answers to these bytes.
fn answer(host: &Host, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(host.launcher_socket()).expect("it listens");
    // It may have closed the connection already.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    said
}

#[test]
fn a_job_outlives_a_killed_daemon_and_is_taken_over() {
    let forge = Forge::start();
    let mut host = host(&forge);
    let task = forge.enqueue(slow());
    forge.row(task, "tick 3");
    assert_eq!(parent(host.job_process()), host.launcher().id());
    host.kill();
    host.start();
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    let ticks = record.rows.iter().filter(|row| row.content.starts_with("tick ")).count();
    assert_eq!(ticks, 30, "{}", record.log());
    assert!(host.log().contains("process=\"goes on\""), "{}", host.log());
    let next = forge.enqueue(Job::script("echo next"));
    assert_eq!(forge.closed(next).conclusion(), Some(Conclusion::Success));
    host.is_idle();
    host.signal(Signal::SIGTERM);
    assert_eq!(host.ends(), Some(0));
    assert_eq!(forge.violations(), Vec::<String>::new());
    assert!(!host.log().contains("level=error"), "{}", host.log());
}

#[test]
fn the_end_of_a_job_s_process_is_told() {
    let forge = Forge::start();
    let host = host(&forge);
    let task = forge.enqueue(endless());
    forge.row(task, "begun");
    kill(host.job_process(), Signal::SIGKILL).expect("the job's process can be killed");
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Failure));
    assert!(record.log().contains("it was ended by signal 9"), "{}", record.log());
    let task = forge.enqueue(endless());
    forge.row(task, "begun");
    forge.cancel(task);
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Cancelled));
}

#[test]
fn a_launcher_that_ends_takes_its_jobs_with_it_and_the_next_goes_on() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    // Also where nobody looks for the next process ahead.
    host.configure("[daemon]\nspare = false\n");
    host.launch();
    host.start();
    let task = forge.enqueue(endless());
    forge.row(task, "begun");
    let job = host.job_process();
    kill(Pid::from_raw(host.launcher().id() as i32), Signal::SIGTERM).expect("it can be signalled");
    assert!(host.launcher().wait().expect("it can be waited for").success());
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Failure));
    assert!(record.log().contains("together with the launcher"), "{}", record.log());
    assert!(kill(job, None).is_err(), "it runs on");
    let lost = forge.enqueue(Job::script("echo lost"));
    let record = forge.closed(lost);
    assert!(record.log().contains("cannot start it: no launcher answers at"), "{}", record.log());
    host.says("no job can be started");
    wait("it in the status", || {
        let status = host.palisade(&["status"]).run();
        status.stdout.contains("no launcher (`palisade launcher`) answers: no job is taken").then_some(())
    });
    let next = forge.enqueue(Job::script("echo next"));
    host.launch();
    host.says("jobs can be started again");
    assert_eq!(forge.closed(next).conclusion(), Some(Conclusion::Success));
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_job_whose_launcher_was_killed_alone_is_still_held() {
    let forge = Forge::start();
    let mut host = host(&forge);
    let task = forge.enqueue(slow());
    forge.row(task, "begun");
    host.launcher().kill().expect("it can be killed");
    host.launcher().wait().expect("it can be waited for");
    host.launch();
    let next = forge.enqueue(Job::script("echo next"));
    for task in [task, next] {
        let record = forge.closed(task);
        assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    }
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn what_is_no_request_starts_nothing() {
    let forge = Forge::start();
    let mut host = host(&forge);
    for bytes in [&b"job1"[..], &request(b"job1"), &request(b"job2"), &[0xff; 100_000]] {
        let said = answer(&host, bytes);
        assert!(said.ends_with(b"this is no request"), "{said:?}");
    }
    assert_eq!(answer(&host, b""), b"");
    let task = forge.enqueue(Job::script("echo hello"));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    assert!(host.launcher().try_wait().expect("it can be waited for").is_none());
}

#[test]
fn another_user_is_refused() {
    if !require(Need::Root) {
        return;
    }
    let mut host = Host::of(Identity::Nobody);
    host.launch();
    let said = answer(&host, &request(b"job1"));
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.ends_with("rule launcher-peer: uid 0 is not the daemon's user (uid 65534)"), "{said}");
    host.says("rule launcher-peer");
}

#[test]
fn a_launcher_of_an_earlier_palisade_ends_once_nothing_runs() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    let palisade = host.context.root().join("palisade");
    let (built, new) = (host.context.palisade_path(), palisade.with_extension("new"));
    let install = || {
        fs::copy(&built, &new).expect("it can be copied");
        fs::rename(&new, &palisade).expect("it can be put in place");
    };
    let start = |host: &mut Host| {
        let mut daemon = host.context.command(&palisade);
        daemon.arg("daemon").arg("--launcher").arg(host.launcher_socket());
        host.start_by(daemon);
    };
    install();
    host.configure("[daemon]\ncapacity = 2\n");
    host.launch_by(&palisade);
    start(&mut host);
    let task = forge.enqueue(endless());
    forge.row(task, "begun");
    install();
    // Two of a kind go on.
    let second = forge.enqueue(Job::script("echo second"));
    assert_eq!(forge.closed(second).conclusion(), Some(Conclusion::Success));
    host.kill();
    start(&mut host);
    host.says("it is of the palisade before this one");
    assert!(host.launcher().try_wait().expect("it can be waited for").is_none());
    forge.cancel(task);
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Cancelled));
    let ended = wait("the launcher's end", || host.launcher().try_wait().expect("it can be waited for"));
    assert!(ended.success());
    host.launch_by(&palisade);
    host.says("jobs can be started again");
    let next = forge.enqueue(Job::script("echo next"));
    assert_eq!(forge.closed(next).conclusion(), Some(Conclusion::Success));
    // A daemon that is still of the one before waits to be started again.
    install();
    host.launcher().kill().expect("it can be killed");
    host.launcher().wait().expect("it can be waited for");
    host.launch_by(&palisade);
    // By the process that was ready, if there was one; then there is none for the next.
    forge.closed(forge.enqueue(Job::script("echo last")));
    host.says("it is of another palisade than the daemon");
    assert!(host.launcher().try_wait().expect("it can be waited for").is_none());
    assert_eq!(forge.violations(), Vec::<String>::new());
}
