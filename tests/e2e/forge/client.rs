//! What the client does at a forge that behaves.

use std::num::NonZeroU32;

use palisade_proto::forgejo::{
    Conclusion, Declaration, Fetch, RequestKey, Runner, Standing, Task, TaskState,
};
use palisade_tests::forge::{Dialect, Fault, Forge, Job, Method, Setup, need};

use super::{end, fetch, no_outputs, register, row, runner, server};

#[test]
fn a_task_from_its_queue_to_its_end() {
    let forge = Forge::start();
    let runner = runner(&forge);
    let labels = ["host".to_owned(), "big".to_owned()];
    let (labels_told, capabilities) = (labels.to_vec(), vec![]);
    let (id, name) = (1, "test".to_owned());
    let accepted = Declaration::Accepted { id, name, labels: labels_told, ephemeral: false, capabilities };
    assert_eq!(runner.declare("2", &labels).unwrap(), accepted);

    assert!(fetch(&runner, None).unwrap().is_empty());
    forge.enqueue(Job::script("true").runs_on(&["windows"]));
    let id = forge.enqueue(Job::script("true").runs_on(&["big", "host"]));
    let task = fetch(&runner, None).unwrap().remove(0);
    assert_eq!(task.id.0, id);

    assert_eq!(runner.update_log(task.id, 0, &[row("a"), row("b")], false).unwrap(), 2);
    let mut state = TaskState { conclusion: None, stopped_at: None, ..end(task.id, 2) };
    state.steps[0].conclusion = None;
    assert_eq!(runner.update_task(&state, &no_outputs()).unwrap().standing, Standing::Running);
    assert_eq!(runner.update_log(task.id, 2, &[row("c")], true).unwrap(), 3);
    let outputs = [("v".to_owned(), "42".to_owned())].into();
    let last = TaskState { started_at: state.started_at, ..end(task.id, 3) };
    let mut last = last;
    last.steps[0].started_at = state.steps[0].started_at;
    let update = runner.update_task(&last, &outputs).unwrap();
    assert_eq!(update.standing, Standing::Ended(Conclusion::Success));
    assert_eq!(update.sent_outputs, ["v"]);

    let record = forge.closed(id);
    assert_eq!(record.log(), "a\nb\nc\n");
    assert_eq!(record.outputs["v"], "42");
    assert_eq!(record.states.len(), 2);
    assert_eq!(forge.violations(), Vec::<String>::new());
    assert_eq!(forge.look(|state| state.runners[0].most_tasks), 1);
}

#[test]
fn what_a_task_brings_is_the_same_in_both_forms() {
    let forge = Forge::start();
    let runner = runner(&forge);
    let job = || {
        Job::new("on: push\n")
            .secret("PASSWORD", "hunter2hunter2")
            .var("LEVEL", "3")
            .need("build", need(Conclusion::Failure, &[("v", "42")]))
            .context("event", serde_json::json!({ "z": [1, 2.5, null, true], "a": { "deep": "er" } }))
            .context("forgejo_actions_id_token_request_url", "https://forge/token")
            .context("forgejo_actions_id_token_request_token", "id-token-request")
    };
    let ask = |capacity| {
        let capacity = NonZeroU32::new(capacity).unwrap();
        runner.fetch_task(&Fetch { tasks_version: 0, capacity, request_key: None }).unwrap().tasks
    };
    for _ in 0..3 {
        forge.enqueue(job());
    }
    let mut tasks = ask(1);
    assert_eq!(tasks.len(), 1);
    tasks.extend(ask(5));
    assert_eq!(tasks.iter().map(|task| task.id.0).collect::<Vec<_>>(), [101, 102, 103]);
    for task in &tasks {
        assert_eq!(task.workflow, b"on: push\n");
        assert_eq!(task.secrets["PASSWORD"].expose(), "hunter2hunter2");
        assert_eq!(task.vars["LEVEL"], "3");
        assert_eq!(task.needs["build"].standing, Standing::Ended(Conclusion::Failure));
        assert_eq!(task.needs["build"].outputs["v"], "42");
        assert_eq!(task.context["event"].to_string(), r#"{"a":{"deep":"er"},"z":[1,2.5,null,true]}"#);
        assert_eq!(task.secrets["GITHUB_TOKEN"].expose(), task.tokens.job.as_ref().unwrap().expose());
        let id_token = task.tokens.id_token.as_ref().unwrap();
        assert_eq!(
            (id_token.url.as_str(), id_token.token.expose()),
            ("https://forge/token", "id-token-request")
        );
        assert!(!task.context.keys().any(|key| key.contains("token")), "{task:?}");
        assert!(!format!("{task:?}").contains("hunter2"));
    }
    let keys = |task: &Task| task.context.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&tasks[0]), keys(&tasks[1]));
}

#[test]
fn a_task_that_was_lost_with_its_answer_comes_again_with_the_same_key() {
    let forge = Forge::start();
    let runner = runner(&forge);
    let key = RequestKey::random().unwrap();
    let id = forge.enqueue(Job::script("true"));
    forge.fail_next(Method::FetchTask, Fault::ResetAfter);
    assert!(fetch(&runner, Some(&key)).unwrap_err().is_transient());
    assert!(fetch(&runner, None).unwrap().is_empty());
    let tasks = fetch(&runner, Some(&key)).unwrap();
    assert_eq!(tasks.iter().map(|task| task.id.0).collect::<Vec<_>>(), [id]);
    assert_eq!(forge.taken(id).handed_out, 2);
}

#[test]
fn a_task_that_somebody_cancels() {
    let forge = Forge::start();
    let runner = runner(&forge);
    let id = forge.enqueue(Job::script("sleep 60"));
    let task = fetch(&runner, None).unwrap().remove(0);
    forge.cancel(id);
    let mut state = TaskState { conclusion: None, stopped_at: None, ..end(task.id, 0) };
    state.steps[0].conclusion = None;
    let standing = || runner.update_task(&state, &no_outputs()).unwrap().standing;
    assert_eq!(standing(), Standing::Ended(Conclusion::Cancelled));
    assert_eq!(standing(), Standing::Ended(Conclusion::Cancelled));
}

#[test]
fn an_ephemeral_runner_is_forgotten_with_its_task() {
    let forge = Forge::start();
    let server = server(&forge, Dialect::Forgejo);
    let registered = register(&server, true).unwrap();
    assert!(registered.ephemeral);
    let runner = server.runner(registered.credentials);
    for _ in 0..2 {
        forge.enqueue(Job::script("true"));
    }
    let task = fetch(&runner, None).unwrap().remove(0);
    assert!(fetch(&runner, None).unwrap().is_empty());
    runner.update_task(&end(task.id, 0), &no_outputs()).unwrap();
    let error = fetch(&runner, None).unwrap_err();
    assert!(error.is_revoked() && !error.is_transient(), "{error}");
    assert_eq!(forge.look(|state| state.runners[0].calls_when_revoked), 1);
}

#[test]
fn servers_of_all_ages_and_both_kinds() {
    let old = Setup { recent: false, declare: false, ..Setup::default() };
    let forge = Forge::with(old);
    let server = server(&forge, Dialect::Forgejo);
    let registered = register(&server, true).unwrap();
    assert!(!registered.ephemeral);
    let runner = server.runner(registered.credentials);
    assert_eq!(runner.declare("1", &[]).unwrap(), Declaration::Unsupported);

    let revoked = |runner: &Runner, forge: &Forge| {
        let uuid = forge.look(|state| state.runners[0].uuid.clone());
        forge.revoke(&uuid);
        fetch(runner, None).unwrap_err()
    };
    for recent in [false, true] {
        let gitea = Setup { dialect: Dialect::Gitea, recent, ..Setup::default() };
        let forge = Forge::with(gitea);
        let server = super::server(&forge, Dialect::Gitea);
        let runner = server.runner(register(&server, false).unwrap().credentials);
        let Declaration::Accepted { capabilities, .. } = runner.declare("1", &[]).unwrap() else { panic!() };
        assert_eq!(capabilities, if recent { vec!["job-summary"] } else { vec![] });
        let error = revoked(&runner, &forge);
        assert!(error.is_revoked(), "{error}");
        assert!(error.to_string().contains("(unauthenticated): unregistered runner"), "{error}");
        assert_eq!(forge.violations(), Vec::<String>::new());
    }
}

#[test]
fn a_registration_that_is_refused() {
    let forge = Forge::start();
    let server = server(&forge, Dialect::Forgejo);
    let token = palisade_proto::Secret::new("wrong-token-wrong-token".to_owned());
    let registration = palisade_proto::forgejo::Registration {
        name: "test",
        token: &token,
        version: "1",
        labels: &[],
        ephemeral: false,
    };
    let error = server.register(&registration).unwrap_err();
    let url = forge.url();
    let text = format!(
        "Register at {url}: the forge refuses it (invalid_argument): runner registration token not found"
    );
    assert_eq!(error.to_string(), text);
    assert!(!error.is_transient() && !error.is_revoked());
}

#[test]
fn what_breaks_the_rules_is_noted() {
    let forge = Forge::start();
    let runner = runner(&forge);
    let id = forge.enqueue(Job::script("true").secret("PASSWORD", "hunter2hunter2"));
    let task = fetch(&runner, None).unwrap().remove(0);
    let mut broken = 0;
    let mut noted = |part: &str| {
        let violations = forge.violations();
        let fresh = &violations[broken..];
        assert!(fresh.iter().any(|text| text.contains(part)), "{part}: {fresh:#?}");
        broken = violations.len();
    };
    let log = |index, rows: &[_], no_more| runner.update_log(task.id, index, rows, no_more);
    assert_eq!(log(1, &[row("a")], false).unwrap(), 0);
    noted("rows from 1 on, but there are 0");
    log(0, &[row("a\nb"), row("the password is hunter2hunter2")], false).unwrap();
    noted("`PASSWORD` of task 101 is in the request");
    log(0, &[row("a\nb")], false).unwrap();
    noted("rows from 0 on, though 2 were acknowledged");
    log(2, &[], true).unwrap();
    noted("it closes the log without a new row");
    log(2, &[row("end")], true).unwrap();
    assert!(log(3, &[row("more")], false).unwrap_err().to_string().contains("already_exists"));
    noted("rows after the log was closed");
    let state = TaskState { stopped_at: None, steps: vec![], ..end(task.id, 0) };
    runner.update_task(&state, &no_outputs()).unwrap();
    noted("it has ended, but not when");
    runner.update_task(&end(task.id, 0), &no_outputs()).unwrap();
    noted("its end was told before");
    let error = runner.update_log(palisade_proto::forgejo::TaskId(id + 1), 0, &[], false).unwrap_err();
    assert!(error.to_string().contains("(internal)"), "{error}");
    noted("task 102 isn't this runner's");
}
