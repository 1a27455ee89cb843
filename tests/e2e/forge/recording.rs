//! The scripted forge answers as the real one did: what a runner sent to that is sent to this, and the answers are
//! compared, but for the numbers and tokens, which each gives itself.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::num::NonZeroU32;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use palisade_proto::forgejo::wire::runner as wire;
use palisade_proto::forgejo::{Conclusion, Dialect, Fetch, LogRow, Server, Standing, TaskId, TaskState};
use palisade_proto::http::Settings;
use palisade_proto::{Http, Secret};
use palisade_tests::forge::{Forge, Job, REGISTRATION_TOKEN};
use prost::Message;
use serde_json::Value;

fn recording() -> Vec<Value> {
    let packed = include_bytes!("../../../proto/tests/recording.jsonl.gz");
    let lines = BufReader::new(GzDecoder::new(&packed[..])).lines();
    lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
}

fn message<M: Message + Default>(exchange: &Value, name: &str) -> M {
    let body = BASE64_STANDARD.decode(exchange[format!("{name}_b64")].as_str().unwrap()).unwrap();
    if name == "response" && exchange["response_headers"]["Content-Encoding"] == "gzip" {
        let mut plain = Vec::new();
        std::io::copy(&mut GzDecoder::new(&body[..]), &mut plain).unwrap();
        return M::decode(&plain[..]).unwrap();
    }
    M::decode(&body[..]).unwrap()
}

#[test]
fn a_stand_in_answers_as_the_real_one_did() {
    let forge = Forge::start();
    let http = Http::new(Settings::new("palisade-test")).unwrap();
    let server = Server::new(&http, &forge.url().parse().unwrap(), Dialect::Forgejo);
    let labels = vec!["host".to_owned(), "ubuntu-latest".to_owned()];
    let token = Secret::new(REGISTRATION_TOKEN.to_owned());
    let registration = palisade_proto::forgejo::Registration {
        name: "recorder",
        token: &token,
        version: "dev",
        labels: &labels,
        ephemeral: false,
    };
    let runner = server.runner(server.register(&registration).unwrap().credentials);

    // The numbers of the recording's tasks, and those that they have here.
    let mut tasks: HashMap<i64, i64> = HashMap::new();
    let mut compared = 0;
    for exchange in recording() {
        let n = exchange["n"].as_i64().unwrap();
        match exchange["path"].as_str().unwrap().rsplit('/').next().unwrap() {
            "Declare" => {
                runner.declare("dev", &labels).unwrap();
            }
            "FetchTask" => {
                let answered: wire::FetchTaskResponse = message(&exchange, "response");
                let Some(task) = answered.task else { continue };
                let payload = task.workflow_payload().to_vec();
                let here = forge.enqueue(Job::of_bytes(&payload));
                let fetch = Fetch { tasks_version: 0, capacity: NonZeroU32::MIN, request_key: None };
                let fetched = runner.fetch_task(&fetch).unwrap().tasks.remove(0);
                assert_eq!((fetched.id, &fetched.workflow), (TaskId(here), &payload));
                // What the servers put into a context has the same names.
                for field in task.context.unwrap().fields {
                    let known = fetched.context.contains_key(field.key());
                    assert!(
                        known || field.key().ends_with("token") || UNUSED.contains(&field.key()),
                        "{}",
                        field.key()
                    );
                }
                tasks.insert(task.id, here);
            }
            "UpdateTask" => {
                let asked: wire::UpdateTaskRequest = message(&exchange, "request");
                let answered: wire::UpdateTaskResponse = message(&exchange, "response");
                let told = answered.state.unwrap();
                let here = tasks[&told.id];
                if told.result() == wire::Result::Cancelled {
                    forge.cancel(here);
                }
                let outputs =
                    asked.outputs.iter().map(|e| (e.key().to_owned(), e.value().to_owned())).collect();
                let state = TaskState { task: TaskId(here), ..TaskState::from(&asked.state.unwrap()) };
                let update = runner.update_task(&state, &outputs).unwrap();
                assert_eq!(update.sent_outputs, answered.sent_outputs, "{n}");
                let ended = Conclusion::of(told.result());
                assert_eq!(update.standing, ended.map_or(Standing::Running, Standing::Ended), "{n}");
                compared += 1;
            }
            "UpdateLog" => {
                let asked: wire::UpdateLogRequest = message(&exchange, "request");
                let answered: wire::UpdateLogResponse = message(&exchange, "response");
                let row = |row: &wire::LogRow| LogRow {
                    time: row.time.as_ref().unwrap().time().unwrap(),
                    content: row.content.clone(),
                };
                let rows: Vec<_> = asked.rows.iter().map(row).collect();
                let task = TaskId(tasks[&asked.task_id]);
                let index = asked.index.try_into().unwrap();
                let acknowledged = runner.update_log(task, index, &rows, asked.no_more).unwrap();
                assert_eq!(i64::try_from(acknowledged).unwrap(), answered.ack_index, "{n}");
                compared += 1;
            }
            _ => {}
        }
    }
    assert_eq!(compared, 194);
    assert_eq!(tasks.len(), 6);
    // The recording's runner keeps the rules, but for those that it is known to break.
    let violations = forge.violations();
    let unexpected: Vec<_> =
        violations.iter().filter(|text| !KNOWN.iter().any(|known| text.contains(known))).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// Empty in every context, and left out by the stand-in.
const UNUSED: [&str; 8] = [
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "graphql_url",
    "event_path",
    "number",
];

/// Its first rows tell of the workflow, in several lines a row.
const KNOWN: [&str; 1] = ["row 2 has a line end in it"];
