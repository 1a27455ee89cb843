//! Starts, ends and kills of the daemon and of its jobs' processes.

use std::fs::File;
use std::io::Read;

use nix::sys::signal::{Signal, kill};
use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Fault, Forge, Job, Method};

use crate::host::{Ended, Host, wait};
use crate::jobs::{TIMED, most_at_a_time};

/// A job that goes on for some seconds.
fn slow() -> Job {
    Job::script("echo begun\nfor i in $(seq 30); do echo tick $i; sleep 0.1; done\necho done")
}

#[test]
fn an_order_to_end_lets_jobs_end_first() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(slow());
    forge.row(task, "begun");
    host.signal(Signal::SIGTERM);
    host.says("taking no more jobs");
    let next = forge.enqueue(Job::script("echo next"));
    assert_eq!(host.ends(), Some(0));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    assert!(forge.look(|state| state.task(next).is_some_and(|next| next.runner.is_none())));
    assert!(host.tasks().is_empty());
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_drained_daemon_gives_jobs_all_the_time_that_they_need() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.configure("[daemon]\nshutdown-grace = \"0s\"\n");
    host.start();
    let task = forge.enqueue(slow());
    forge.row(task, "begun");
    Ended(host.palisade(&["drain"]).run()).assert_code(0);
    assert_eq!(host.ends(), Some(0));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    Ended(host.palisade(&["drain"]).run()).assert_code(5);
}

#[test]
fn a_second_order_to_end_cancels_jobs() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
    forge.row(task, "begun");
    host.signal(Signal::SIGTERM);
    host.says("taking no more jobs");
    host.signal(Signal::SIGTERM);
    assert_eq!(host.ends(), Some(0));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Cancelled));
    assert!(host.tasks().is_empty());
}

#[test]
fn a_killed_daemon_takes_its_jobs_over_when_it_is_back() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(slow());
    forge.row(task, "tick 3");
    host.kill();
    host.start();
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success), "{}", record.log());
    let ticks = record.rows.iter().filter(|row| row.content.starts_with("tick ")).count();
    assert_eq!(ticks, 30);
    assert!(host.log().contains("process=\"goes on\""), "{}", host.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}

#[test]
fn jobs_that_were_taken_over_hold_their_places() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.configure("[daemon]\ncapacity = 1\n");
    host.start();
    let first = forge.enqueue(Job::script(&TIMED.replace("0.2", "1")));
    forge.row(first, "at ");
    host.kill();
    let tasks = [first, forge.enqueue(Job::script(TIMED)), forge.enqueue(Job::script(TIMED))];
    host.start();
    assert_eq!(most_at_a_time(&forge, &tasks), 1);
    assert!(host.log().contains("process=\"goes on\""), "{}", host.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_job_that_ended_while_no_daemon_ran_is_reported_by_the_next() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(slow());
    forge.row(task, "tick 3");
    let job = host.job_process();
    host.kill();
    wait("the end of the job's process", || kill(job, None).is_err().then_some(()));
    host.start();
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success));
    assert!(record.log().contains("tick 30\ndone"), "{}", record.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}

#[test]
fn a_killed_job_is_a_failure_that_says_so() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    for daemon_too in [false, true] {
        let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
        forge.row(task, "begun");
        let job = host.job_process();
        if daemon_too {
            host.kill();
        }
        kill(job, Signal::SIGKILL).expect("the job's process can be killed");
        if daemon_too {
            wait("the end of the job's process", || kill(job, None).is_err().then_some(()));
            host.start();
        }
        let record = forge.closed(task);
        assert_eq!(record.conclusion(), Some(Conclusion::Failure));
        let why = if daemon_too { "a restart of the host" } else { "it was ended by signal 9" };
        assert!(record.log().contains(why), "{}", record.log());
        host.is_idle();
    }
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_state_directory_has_one_daemon() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    host.says("waiting for jobs");
    let second = Ended(host.palisade(&["daemon"]).run());
    second.assert_code(4);
    assert!(second.0.stderr.contains("another daemon runs"), "{}", second.0.stderr);
    let status = Ended(host.palisade(&["status"]).run());
    status.assert_code(0);
    assert!(status.0.stdout.contains("runner test: forgejo at http://127.0.0.1:"), "{}", status.0.stdout);
    host.kill();
    Ended(host.palisade(&["status"]).run()).assert_code(5);
}

#[test]
fn a_configuration_is_read_again_and_an_invalid_one_changes_nothing() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    host.says("waiting for jobs");
    host.configure("[daemon]\ncapacity = \"many\"\n");
    host.signal(Signal::SIGHUP);
    host.says("the configuration is invalid, the old one stays");
    let task = forge.enqueue(Job::script("echo by the old one"));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    host.configure("[daemon]\ncapacity = 3\nmax-job-time = \"1s\"\nmetrics = \"127.0.0.1:9\"\n");
    host.signal(Signal::SIGHUP);
    host.says("the configuration was read again");
    host.says("hold from the next start on\" keys=daemon.metrics");
    let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Cancelled));
    assert!(host.log().contains("max-job-time"), "{}", host.log());
}

#[test]
fn a_registration_is_taken_up_while_the_daemon_runs_and_given_up_when_it_is_revoked() {
    let forge = Forge::start();
    let mut host = Host::new();
    host.start();
    host.says("nothing is registered yet");
    host.register(&forge, &[]).assert_code(0);
    let task = forge.enqueue(Job::script("echo hello"));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    Ended(host.palisade(&["unregister", "test"]).run()).assert_code(0);
    host.says("its registration is gone");
    host.register(&forge, &[]).assert_code(0);
    let task = forge.enqueue(Job::script("echo again"));
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    let uuid = forge.look(|state| state.runners[1].uuid.clone());
    forge.revoke(&uuid);
    host.says("the forge does not know this runner any more");
}

#[test]
fn a_runner_for_one_job_is_forgotten_with_it() {
    let forge = Forge::start();
    let mut host = Host::new();
    host.register(&forge, &["--ephemeral"]).assert_code(0);
    let task = forge.enqueue(Job::script("echo hello"));
    let next = forge.enqueue(Job::script("echo next"));
    host.start();
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Success));
    host.says("its registration is forgotten");
    let left = Ended(host.palisade(&["registrations"]).run());
    assert!(left.0.stdout.contains("nothing is registered"), "{}", left.0.stdout);
    // It is no failure that the forge doesn't know it any more.
    assert!(!host.log().contains("does not know"), "{}", host.log());
    assert!(forge.look(|state| state.task(next).is_some_and(|next| next.runner.is_none())));
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_job_whose_runner_is_gone_with_a_cancellation_ends_by_its_grace() {
    let forge = Forge::start();
    let mut host = Host::new();
    host.register(&forge, &["--ephemeral"]).assert_code(0);
    host.start();
    let steps = "      - run: echo begun; sleep 1000\n      - run: echo tidied; sleep 1; echo all of it\n        if: always()\n";
    let task = forge.enqueue(
        Job::new(&format!("on: push\njobs:\n  test:\n    runs-on: host\n    steps:\n{steps}")).steps(2),
    );
    forge.row(task, "begun");
    let events = host.tasks()[0].join("events.jsonl");
    let kept = std::thread::spawn(move || {
        let (file, mut text) = (File::open(events).expect("the job says something"), String::new());
        wait("its last step", || {
            (&file).read_to_string(&mut text).ok()?;
            text.contains("all of it").then_some(())
        });
    });
    forge.cancel(task);
    kept.join().expect("its last step ran");
    host.says("its registration is forgotten");
    host.is_idle();
    assert!(!host.log().contains("level=error"), "{}", host.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_job_whose_run_is_removed_at_the_forge_is_given_up() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
    forge.row(task, "begun");
    let job = host.job_process();
    forge.remove(task);
    host.says("giving a task up");
    wait("the end of its process", || kill(job, None).is_err().then_some(()));
    host.is_idle();
    let next = forge.enqueue(Job::script("echo next"));
    assert_eq!(forge.closed(next).conclusion(), Some(Conclusion::Success));
    assert!(!host.log().contains("level=error"), "{}", host.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_job_that_is_on_its_way_when_the_daemon_is_to_end_is_run() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    let task = forge.enqueue(Job::script("echo hello"));
    forge.fail_next(Method::FetchTask, Fault::Late);
    host.start();
    forge.taken(task);
    host.signal(Signal::SIGTERM);
    host.says("taking no more jobs");
    forge.heal();
    assert_eq!(host.ends(), Some(0));
    assert_eq!(forge.ended(task).conclusion(), Some(Conclusion::Success));
    assert_eq!(forge.violations(), Vec::<String>::new());
}
