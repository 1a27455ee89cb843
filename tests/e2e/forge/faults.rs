//! What the client makes of a forge that misbehaves.

use std::time::Duration;

use palisade_proto::forgejo::Standing;
use palisade_proto::{Code, Error, Reason, Unreachable};
use palisade_tests::forge::{Fault, Forge, Job, Method};

use super::{end, fetch, no_outputs, row, runner};

/// A word for what an error is.
fn word(error: &Error) -> String {
    match error.reason() {
        Reason::Unreachable { what, .. } => format!("{what:?}"),
        Reason::Refused { code, .. } => format!("refused {code}"),
        Reason::Status { status, .. } => format!("status {status}"),
        Reason::Redirected { status, .. } => format!("redirected {status}"),
        Reason::Malformed { .. } => "malformed".to_owned(),
        Reason::Misconfigured { .. } => "misconfigured".to_owned(),
    }
}

#[test]
fn every_fault_has_its_word() {
    let forge = Forge::start();
    let runner = runner(&forge).within(Duration::from_secs(20));
    let elsewhere = "http://elsewhere.example.org/".to_owned();
    for (fault, expected, transient) in [
        (Fault::Status(401), "status 401", true),
        (Fault::Status(413), "status 413", false),
        (Fault::Status(502), "status 502", true),
        (Fault::Status(503), "status 503", true),
        (Fault::Error("internal", "database is locked"), "refused internal", true),
        (Fault::Error("unavailable", "later"), "refused unavailable", true),
        (Fault::Error("permission_denied", "no"), "refused permission_denied", false),
        (Fault::Error("new_code", "?"), "refused unknown", true),
        (Fault::ResetBefore, "Cut", true),
        (Fault::ResetInRequest, "Cut", true),
        (Fault::ResetAfter, "Cut", true),
        (Fault::HalfAnswer, "Cut", true),
        (Fault::Oversized, "malformed", true),
        (Fault::Bomb, "malformed", true),
        (Fault::Garbage, "malformed", true),
        (Fault::TruncatedMessage, "malformed", true),
        (Fault::NoLength, "malformed", true),
        (Fault::Page, "status 200", true),
        (Fault::Redirect(elsewhere.clone()), "redirected 307", true),
    ] {
        let id = forge.enqueue(Job::script("true").runs_on(&["nobody"]));
        forge.fail_next(Method::FetchTask, fault.clone());
        let error = fetch(&runner, None).unwrap_err();
        assert_eq!(
            (word(&error).as_str(), error.is_transient()),
            (expected, transient),
            "{fault:?}: {error}"
        );
        assert!(error.to_string().starts_with(&format!("FetchTask at {}: ", forge.url())), "{error}");
        assert!(!error.is_revoked());
        assert!(fetch(&runner, None).unwrap().is_empty(), "{fault:?}");
        forge.cancel(id);
    }
    let calls = forge.look(|state| state.calls_of(Method::FetchTask));
    assert_eq!(calls, 2 * 19, "no call is repeated by itself");
}

#[test]
fn who_never_answers_is_left() {
    let forge = Forge::start();
    let patient = runner(&forge);
    let runner = patient.within(Duration::from_millis(300));
    for fault in [Fault::Hang, Fault::HangAfter, Fault::SlowLoris] {
        forge.fail_next(Method::FetchTask, fault);
        let error = fetch(&runner, None).unwrap_err();
        assert_eq!(word(&error), "Timeout", "{error}");
        forge.heal();
    }
    assert!(fetch(&patient, None).unwrap().is_empty());
}

#[test]
fn a_forge_that_is_down_is_found_again_at_its_port() {
    let forge = Forge::start();
    let runner = runner(&forge);
    for _ in 0..3 {
        forge.go_down();
        let error = fetch(&runner, None).unwrap_err();
        assert!(error.is_transient());
        assert!(matches!(
            error.reason(),
            Reason::Unreachable { what: Unreachable::Connection | Unreachable::Cut, .. }
        ));
        let error = fetch(&runner, None).unwrap_err();
        assert!(error.to_string().contains("no connection: Connection refused"), "{error}");
        forge.come_back();
        assert!(fetch(&runner, None).unwrap().is_empty());
    }
}

#[test]
fn what_nobody_knows_is_passed_over() {
    let forge = Forge::start();
    let runner = runner(&forge);
    forge.enqueue(Job::script("true"));
    forge.fail_next(Method::FetchTask, Fault::UnknownFields);
    let task = fetch(&runner, None).unwrap().remove(0);
    forge.fail_next(Method::FetchTask, Fault::DuplicateTask);
    assert_eq!(fetch(&runner, None).unwrap()[0].id, task.id);

    let mut state = end(task.id, 0);
    (state.conclusion, state.stopped_at, state.steps[0].conclusion) = (None, None, None);
    forge.fail_next(Method::UpdateTask, Fault::UnknownResult);
    assert_eq!(runner.update_task(&state, &no_outputs()).unwrap().standing, Standing::Unknown(99));
    forge.fail_next(Method::UpdateTask, Fault::WrongTask);
    let error = runner.update_task(&state, &no_outputs()).unwrap_err();
    assert!(error.to_string().contains("it is about task 1101, not 101"), "{error}");
}

#[test]
fn an_acknowledgement_that_was_lost_does_no_harm() {
    let forge = Forge::start();
    let runner = runner(&forge);
    let id = forge.enqueue(Job::script("true"));
    let task = fetch(&runner, None).unwrap().remove(0);
    let rows = [row("a"), row("b"), row("c")];
    forge.fail_next(Method::UpdateLog, Fault::ResetAfter);
    assert!(runner.update_log(task.id, 0, &rows[..2], false).unwrap_err().is_transient());
    assert_eq!(runner.update_log(task.id, 0, &rows, false).unwrap(), 3);
    forge.fail_next(Method::UpdateTask, Fault::ResetAfter);
    let last = end(task.id, 3);
    assert!(runner.update_task(&last, &no_outputs()).unwrap_err().is_transient());
    runner.update_task(&last, &no_outputs()).unwrap();
    let record = forge.ended(id);
    assert_eq!(record.log(), "a\nb\nc\n");
    assert_eq!(record.rows_again, 2);
    assert_eq!(forge.violations(), Vec::<String>::new());
}

#[test]
fn a_schedule_decides_call_by_call() {
    let forge = Forge::start();
    let runner = runner(&forge);
    forge.schedule(|call| (call.number % 2 == 0).then_some(Fault::Error("unavailable", "odd")));
    let failed = (0..10).filter(|_| fetch(&runner, None).is_err_and(|e| e.code() == Some(Code::Unavailable)));
    assert_eq!(failed.count(), 5);
}
