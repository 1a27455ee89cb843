//! A task: one job of a workflow, as a forge hands it out.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::Standing;
use super::wire::runner as wire;
use crate::Secret;

/// The number of a task at its forge; every attempt has one of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job of a workflow with all that it needs.
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// A workflow of one job, in YAML, as the server has written it; empty where none was sent.
    pub workflow: Vec<u8>,
    /// The `github` context, without the credentials that the servers put in it (`tokens`). Keys are in order, the
    /// servers' own is another each time.
    pub context: Map<String, Value>,
    /// The credentials that came in the context.
    pub tokens: Tokens,
    /// The secrets by name, with the job's token under several names.
    pub secrets: BTreeMap<String, Secret>,
    /// The jobs that this one needs, by their ids.
    pub needs: BTreeMap<String, Need>,
    /// The variables (`vars`).
    pub vars: BTreeMap<String, String>,
}

/// What the job authenticates with. All of it is void once the task has ended.
#[derive(Clone, Debug, Default)]
pub struct Tokens {
    /// `github.token`
    pub job: Option<Secret>,
    /// For artifacts and caches: `ACTIONS_RUNTIME_TOKEN`.
    pub runtime: Option<Secret>,
    /// For identity tokens, where the workflow asks for them.
    pub id_token: Option<IdTokenRequest>,
}

/// Where and with what a job gets identity tokens.
#[derive(Clone, Debug)]
pub struct IdTokenRequest {
    /// `ACTIONS_ID_TOKEN_REQUEST_URL`
    pub url: String,
    /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
    pub token: Secret,
}

/// How a job ended that another one needs, and its outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// How it ended.
    pub standing: Standing,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

impl Task {
    /// What the context has under a name of its own on each server: `forgejo_NAME`, or else `gitea_NAME`.
    pub fn extra(&self, name: &str) -> Option<&Value> {
        ["forgejo", "gitea"].iter().find_map(|server| self.context.get(&format!("{server}_{name}")))
    }

    /// Brings the context in order, and takes the credentials out of it.
    pub(super) fn with_context(mut self, context: Map<String, Value>) -> Task {
        let mut context = Value::Object(context);
        context.sort_all_objects();
        if let Value::Object(context) = context {
            self.context = context;
        }
        self.tokens = Tokens::take(&mut self.context);
        self
    }
}

impl Tokens {
    fn take(context: &mut Map<String, Value>) -> Tokens {
        // All of these names go, whichever counts.
        let mut text = |names: &[&str]| {
            let mut found = None;
            for name in names {
                if let Some(Value::String(text)) = context.shift_remove(*name)
                    && !text.is_empty()
                {
                    found = found.or(Some(text));
                }
            }
            found
        };
        let job = text(&["token"]);
        let runtime = text(&["forgejo_runtime_token", "gitea_runtime_token"]);
        let token = text(&[
            "forgejo_actions_id_token_request_token",
            "gitea_actions_id_token_request_token",
            "actions_id_token_request_token",
        ]);
        let url = text(&[
            "forgejo_actions_id_token_request_url",
            "gitea_actions_id_token_request_url",
            "actions_id_token_request_url",
        ]);
        let request = url.zip(token).map(|(url, token)| IdTokenRequest { url, token: Secret::new(token) });
        Tokens { job: job.map(Secret::new), runtime: runtime.map(Secret::new), id_token: request }
    }
}

/// Only names: a context holds what others wrote, and a variable may hold what should have been a secret.
impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("id", &self.id)
            .field("workflow", &format_args!("{} bytes", self.workflow.len()))
            .field("context", &self.context.keys())
            .field("secrets", &self.secrets.keys())
            .field("needs", &self.needs.keys())
            .field("vars", &self.vars.keys())
            .finish_non_exhaustive()
    }
}

impl From<wire::Task> for Task {
    fn from(task: wire::Task) -> Self {
        let needs = task.needs.into_iter().map(|entry| {
            let wire::TaskNeed { outputs, result } = entry.value.unwrap_or_default();
            let need = Need { standing: Standing::of(result), outputs: texts(outputs).collect() };
            (entry.key.unwrap_or_default(), need)
        });
        Task {
            id: TaskId(task.id),
            workflow: task.workflow_payload.unwrap_or_default(),
            context: Map::new(),
            tokens: Tokens::default(),
            secrets: texts(task.secrets).map(|(name, value)| (name, Secret::new(value))).collect(),
            needs: needs.collect(),
            vars: texts(task.vars).collect(),
        }
        .with_context(object(task.context.unwrap_or_default()))
    }
}

fn texts(entries: Vec<wire::TextEntry>) -> impl Iterator<Item = (String, String)> {
    entries.into_iter().map(|entry| (entry.key.unwrap_or_default(), entry.value.unwrap_or_default()))
}

fn object(fields: wire::Struct) -> Map<String, Value> {
    let field = |f: wire::Field| (f.key.unwrap_or_default(), f.value.map_or(Value::Null, value));
    fields.fields.into_iter().map(field).collect()
}

/// The depth is bounded by that of a message which prost decodes.
fn value(value: wire::Value) -> Value {
    use wire::value::Kind;
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::NumberValue(number)) => self::number(number),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::BoolValue(bool)) => Value::Bool(bool),
        Some(Kind::StructValue(fields)) => Value::Object(object(fields)),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(self::value).collect()),
    }
}

/// A whole number is shown as one: `1`, not `1.0`.
fn number(number: f64) -> Value {
    const EXACT: f64 = (1_u64 << 53) as f64;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        return Value::from(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}
