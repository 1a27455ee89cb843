//! FetchTask in protobuf's form in JSON (<https://protobuf.dev/programming-guides/json/>). Forgejo's fields for more
//! than one task have no published numbers; in this form they go by their names, and older servers ignore them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::wire::runner as wire;
use super::{Fetched, Need, Standing, Task, TaskId, Tokens};
use crate::Secret;

/// The request for up to `capacity` tasks.
pub(super) fn request(tasks_version: i64, capacity: u32) -> Value {
    json!({ "tasksVersion": tasks_version.to_string(), "taskCapacity": capacity.to_string() })
}

/// The answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    #[serde(default)]
    task: Option<JsonTask>,
    #[serde(default, deserialize_with = "integer")]
    tasks_version: i64,
    #[serde(default)]
    additional_tasks: Option<Vec<JsonTask>>,
}

impl From<Answer> for Fetched {
    fn from(answer: Answer) -> Self {
        let tasks = answer.task.into_iter().chain(answer.additional_tasks.unwrap_or_default());
        Fetched { tasks: tasks.map(Task::from).collect(), tasks_version: answer.tasks_version }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct JsonTask {
    #[serde(deserialize_with = "integer")]
    id: i64,
    #[serde(deserialize_with = "bytes")]
    workflow_payload: Vec<u8>,
    context: Option<Map<String, Value>>,
    secrets: Option<BTreeMap<String, String>>,
    needs: Option<BTreeMap<String, JsonNeed>>,
    vars: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonNeed {
    outputs: Option<BTreeMap<String, String>>,
    #[serde(deserialize_with = "result")]
    result: i32,
}

impl From<JsonTask> for Task {
    fn from(task: JsonTask) -> Self {
        let secrets = task.secrets.unwrap_or_default().into_iter();
        let needs = task.needs.unwrap_or_default().into_iter().map(|(job, need)| {
            let outputs = need.outputs.unwrap_or_default();
            (job, Need { standing: Standing::of(need.result), outputs })
        });
        Task {
            id: TaskId(task.id),
            workflow: task.workflow_payload,
            context: Map::new(),
            tokens: Tokens::default(),
            secrets: secrets.map(|(name, value)| (name, Secret::new(value))).collect(),
            needs: needs.collect(),
            vars: task.vars.unwrap_or_default(),
        }
        .with_context(task.context.unwrap_or_default())
    }
}

/// 64-bit integers are written as text and may be read as numbers.
fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(0),
        Value::String(text) => text.parse().map_err(serde::de::Error::custom),
        other => other.as_i64().ok_or_else(|| serde::de::Error::custom("a number isn't a 64-bit integer")),
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    BASE64_STANDARD.decode(text).map_err(serde::de::Error::custom)
}

/// An enum's value is written by name, and by number where the server doesn't know the name.
fn result<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => 0,
        Value::String(name) => wire::Result::from_str_name(&name).map_or(i32::MAX, |result| result as i32),
        other => other.as_i64().and_then(|number| number.try_into().ok()).unwrap_or(i32::MAX),
    })
}
