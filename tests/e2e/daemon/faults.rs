//! Forges that misbehave, and forges that have had enough of this host.

use nix::sys::signal::kill;
use palisade_proto::forgejo::Conclusion;
use palisade_tests::forge::{Fault, Forge, Job, Method, REGISTRATION_TOKEN, Setup};

use crate::host::{Host, wait};

#[test]
fn no_wrong_answer_loses_or_repeats_a_job() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    host.says("waiting for jobs");
    let elsewhere = Fault::Redirect("http://127.0.0.1:9/".to_owned());
    let of_fetches = [
        Fault::HalfAnswer,
        Fault::ResetInRequest,
        Fault::Bomb,
        Fault::NoLength,
        Fault::Status(401),
        elsewhere.clone(),
        Fault::UnknownFields,
    ];
    let of_logs = [Fault::HalfAnswer, Fault::TruncatedMessage, Fault::Page, Fault::UnknownFields];
    let of_states = [
        Fault::HalfAnswer,
        Fault::Oversized,
        Fault::Garbage,
        Fault::Page,
        elsewhere,
        Fault::UnknownFields,
        Fault::UnknownResult,
        Fault::WrongTask,
    ];
    let cases = of_fetches.iter().map(|fault| (Method::FetchTask, fault, 1));
    let cases = cases.chain(of_logs.iter().map(|fault| (Method::UpdateLog, fault, 1)));
    // The second one is at the end of a job as short as this.
    let cases = cases.chain(of_states.iter().map(|fault| (Method::UpdateTask, fault, 2)));
    for (method, fault, times) in cases {
        let shown = format!("{method:?} {fault:?}");
        forge.fail(method, 0, times, fault.clone());
        let task = forge.enqueue(Job::script("echo hello").steps(1));
        let record = forge.closed(task);
        assert_eq!(record.told(), Some(Conclusion::Success), "{shown}: {}", record.log());
        assert_eq!(record.rows.iter().filter(|row| row.content == "hello").count(), 1, "{shown}");
        assert_eq!(forge.violations(), Vec::<String>::new(), "{shown}");
        host.is_idle();
        forge.heal();
    }
    assert!(!host.log().contains("giving a task up"), "{}", host.log());
}

#[test]
fn a_forge_that_never_answers_holds_no_job_up() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    for fault in [Fault::Hang, Fault::HangAfter, Fault::SlowLoris] {
        for method in [Method::UpdateLog, Method::UpdateTask] {
            let task = forge.enqueue(Job::script("for i in $(seq 10); do echo tick $i; sleep 0.1; done"));
            let job = host.job_process();
            forge.row(task, "tick 1");
            forge.fail(method, 0, u32::MAX, fault.clone());
            wait("the end of the job's process", || kill(job, None).is_err().then_some(()));
            forge.heal();
            let record = forge.closed(task);
            assert_eq!(record.told(), Some(Conclusion::Success), "{method:?} {fault:?}");
            let ticks = record.rows.iter().filter(|row| row.content.starts_with("tick ")).count();
            assert_eq!(ticks, 10, "{method:?} {fault:?}");
            host.is_idle();
        }
    }
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_job_that_has_ended_holds_no_place_while_its_forge_does_not_answer() {
    let (slow, quick) = (Forge::start(), Forge::start());
    let mut host = Host::at(&slow);
    host.register(&quick, &[]).assert_code(0);
    host.configure("[daemon]\ncapacity = 1\n");
    host.start();
    let first = slow.enqueue(Job::script("echo begun; sleep 0.5"));
    slow.row(first, "begun");
    slow.fail(Method::UpdateTask, 0, u32::MAX, Fault::Hang);
    let second = quick.enqueue(Job::script("echo hello"));
    assert_eq!(quick.closed(second).conclusion(), Some(Conclusion::Success));
    assert!(slow.look(|state| state.task(first).is_some_and(|task| !task.reported())));
    slow.heal();
    assert_eq!(slow.closed(first).conclusion(), Some(Conclusion::Success));
    host.is_idle();
}

#[test]
fn a_task_that_is_given_again_runs_once() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    host.start();
    let first = forge.enqueue(Job::script("echo first"));
    let told = forge.closed(first);
    host.is_idle();
    forge.fail_next(Method::FetchTask, Fault::DuplicateTask);
    host.says("the forge gave a task again: it runs once");
    let second = forge.enqueue(Job::script("echo second"));
    forge.closed(second);
    let again = forge.ended(first);
    assert_eq!((again.states.len(), again.row_count), (told.states.len(), told.row_count));
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_task_that_is_given_again_when_it_is_over_does_not_run() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    let task = forge.enqueue(Job::script("echo never"));
    forge.fail_next(Method::FetchTask, Fault::Late);
    host.start();
    forge.taken(task);
    host.kill();
    forge.time_out(task);
    forge.heal();
    forge.runner_was_killed();
    host.start();
    let next = forge.enqueue(Job::script("echo next"));
    assert_eq!(forge.closed(next).conclusion(), Some(Conclusion::Success));
    let given = forge.look(|state| state.task(task).cloned()).expect("the task");
    assert_eq!((given.handed_out, given.row_count), (2, 0), "{}", given.log());
    assert!(!host.log().contains(&format!("task={task} ")), "{}", host.log());
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_runner_that_is_revoked_stops_and_the_other_goes_on() {
    let forge = Forge::start();
    let mut host = Host::at(&forge);
    let url = forge.url();
    let other = host.palisade(&["register", "--instance", &url, "--name", "other", "--labels", "other"]);
    assert_eq!(other.input(REGISTRATION_TOKEN).run().code, Some(0));
    host.configure("[daemon]\ncapacity = 2\n");
    host.start();
    let task = forge.enqueue(Job::script("echo begun; sleep 1000"));
    forge.row(task, "begun");
    let job = host.job_process();
    let uuid = forge.taken(task).runner.expect("a runner");
    forge.revoke(&uuid);
    host.says("the forge does not know this runner any more");
    wait("the end of the job of a revoked runner", || kill(job, None).is_err().then_some(()));
    for _ in 0..3 {
        let task = forge.enqueue(Job::script("echo other").runs_on(&["other"]));
        assert_eq!(forge.closed(task).told(), Some(Conclusion::Success));
    }
    host.is_idle();
    let said = host.log().matches("the forge does not know this runner any more").count();
    assert_eq!(said, 1, "{}", host.log());
    let calls = forge.look(|state| state.runner(&uuid).map(|runner| runner.calls_when_revoked));
    assert!(calls.is_some_and(|calls| calls <= 3), "{calls:?}");
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_forge_with_a_certificate_of_its_own_authority() {
    let forge = Forge::with(Setup { tls: true, ..Setup::default() });
    let mut host = Host::new();
    let refused = host.register(&forge, &[]);
    refused.assert_code(5);
    let said = &refused.0.stderr;
    assert!(said.contains("invalid peer certificate: UnknownIssuer") && said.contains("`ca-file`"), "{said}");

    host.configure(&format!("[daemon]\nca-file = {:?}\n", forge.ca_file()));
    host.register(&forge, &[]).assert_code(0);
    host.start();
    let task = forge.enqueue(Job::script("echo hello"));
    assert_eq!(forge.closed(task).told(), Some(Conclusion::Success));
    assert_eq!(forge.violations(), Vec::<String>::new());
    host.is_idle();
}
