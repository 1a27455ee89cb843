//! Forges that fail.

use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Fault, Forge, Job, Method};

use crate::host::{Host, wait};

#[test]
fn a_job_goes_on_through_an_outage_and_nothing_is_lost() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let task = forge.enqueue(Job::script("for i in $(seq 20); do echo tick $i; sleep 0.1; done"));
    forge.row(task, "tick 3");
    forge.go_down();
    host.says("the forge does not answer as it should");
    let job = host.job_process();
    wait("the end of the job's process", || nix::sys::signal::kill(job, None).is_err().then_some(()));
    forge.come_back();
    let record = forge.closed(task);
    assert_eq!(record.conclusion(), Some(Conclusion::Success));
    let ticks: Vec<&str> =
        record.rows.iter().map(|row| row.content.as_str()).filter(|row| row.starts_with("tick ")).collect();
    let expected: Vec<String> = (1..=20).map(|n| format!("tick {n}")).collect();
    assert_eq!(ticks, expected);
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}

#[test]
fn a_lost_answer_changes_nothing() {
    for (method, fault) in [
        (Method::UpdateLog, Fault::ResetAfter),
        (Method::UpdateLog, Fault::ResetBefore),
        (Method::UpdateLog, Fault::Status(503)),
        (Method::UpdateTask, Fault::ResetAfter),
        (Method::UpdateTask, Fault::Garbage),
        (Method::FetchTask, Fault::Status(502)),
        (Method::FetchTask, Fault::ResetAfter),
        (Method::FetchTask, Fault::DuplicateTask),
        (Method::Declare, Fault::Status(500)),
    ] {
        let shown = format!("{method:?} {fault:?}");
        let forge = Forge::start();
        let mut host = Host::at(&forge);
        forge.fail_next(method, fault);
        let task = forge.enqueue(Job::script("echo hello"));
        host.start();
        let record = forge.closed(task);
        assert_eq!(record.conclusion(), Some(Conclusion::Success), "{shown}");
        assert_eq!(record.rows.iter().filter(|row| row.content == "hello").count(), 1, "{shown}");
        assert_eq!(forge.violations(), Vec::<String>::new(), "{shown}");
        host.is_idle();
    }
}

#[test]
fn a_forge_that_does_not_answer_keeps_no_job_from_its_end() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.configure("[daemon]\nmax-job-time = \"2s\"\n");
    host.start();
    let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
    forge.row(task, "begun");
    forge.fail(Method::UpdateTask, 0, u32::MAX, Fault::Hang);
    let events = host.tasks()[0].join("events.jsonl");
    wait("the job's end", || {
        std::fs::read_to_string(&events).ok()?.contains("\"event\":\"run_finished\"").then_some(())
    });
    // The daemon still waits for the answer to the call that it was at.
    assert!(!host.log().contains("the forge does not answer"), "{}", host.log());
    forge.heal();
    assert_eq!(forge.closed(task).conclusion(), Some(Conclusion::Cancelled));
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}
