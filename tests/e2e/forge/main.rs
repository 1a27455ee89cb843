//! The client of the runner protocol against the scripted forge.

mod client;
mod faults;
mod network;
mod recording;
mod register;

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::{Duration, SystemTime};

use palisade_proto::forgejo::{
    Conclusion, Fetch, LogRow, Registered, Registration, RequestKey, Runner, Server, StepState, Task, TaskId,
    TaskState,
};
use palisade_proto::http::Settings;
use palisade_proto::{Error, Http, Secret};
use palisade_tests::forge::{Dialect, Forge, REGISTRATION_TOKEN};

/// A client's settings, with little patience.
fn settings() -> Settings {
    Settings { call_timeout: Duration::from_secs(30), ..Settings::new("palisade-test") }
}

fn server(forge: &Forge, dialect: Dialect) -> Server {
    Server::new(&Http::new(settings()).unwrap(), &forge.url().parse().unwrap(), dialect)
}

/// A forge's client that trusts its certificate.
fn trusting(forge: &Forge, ca_file: Option<&Path>) -> Server {
    let settings = Settings { ca_file: ca_file.map(Into::into), ..settings() };
    Server::new(&Http::new(settings).unwrap(), &forge.url().parse().unwrap(), Dialect::Forgejo)
}

fn register(server: &Server, ephemeral: bool) -> Result<Registered, Error> {
    server.register(&Registration {
        name: "test",
        token: &Secret::new(REGISTRATION_TOKEN.to_owned()),
        version: "1",
        labels: &["host".to_owned()],
        ephemeral,
    })
}

/// A runner of a forge.
fn runner(forge: &Forge) -> Runner {
    let server = server(forge, Dialect::Forgejo);
    let registered = register(&server, false).unwrap();
    server.runner(registered.credentials)
}

fn fetch(runner: &Runner, request_key: Option<&RequestKey>) -> Result<Vec<Task>, Error> {
    let fetch = Fetch { tasks_version: 0, capacity: NonZeroU32::MIN, request_key: request_key.cloned() };
    runner.fetch_task(&fetch).map(|fetched| fetched.tasks)
}

fn row(content: &str) -> LogRow {
    LogRow { time: SystemTime::now(), content: content.to_owned() }
}

/// The end of a task of one step with these rows.
fn end(task: TaskId, rows: u64) -> TaskState {
    let now = Some(SystemTime::now());
    let step = StepState {
        step: 0,
        conclusion: Some(Conclusion::Success),
        started_at: now,
        stopped_at: now,
        log_index: 0,
        log_length: rows,
    };
    TaskState {
        task,
        conclusion: Some(Conclusion::Success),
        started_at: now,
        stopped_at: now,
        steps: vec![step],
    }
}

fn no_outputs() -> BTreeMap<String, String> {
    BTreeMap::new()
}
