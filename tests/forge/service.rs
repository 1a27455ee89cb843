//! The methods, as a server does them.

use std::time::SystemTime;

use palisade_proto::forgejo::wire::{ping, runner as wire};
use palisade_proto::forgejo::{Dialect, LogRow, MAX_OUTPUT_KEY, MAX_OUTPUT_VALUE, TaskState};
use prost::Message;
use serde_json::{Map, Value, json};

use super::fault::Method;
use super::http::{Request, Response};
use super::state::{RunnerRecord, State, TaskRecord};
use super::{Setup, rules};

/// What a call gave.
pub(super) struct Reply {
    pub(super) response: Response,
    /// What the runner knows once it has the answer.
    pub(super) told: Option<Told>,
}

pub(super) enum Told {
    Rows { task: i64, count: usize },
    End { task: i64 },
}

/// A refusal: status, code, message.
type Refusal = (u16, &'static str, String);

const UNREGISTERED: &str = "unregistered runner";

/// Does a call.
pub(super) fn call(state: &mut State, setup: &Setup, method: Method, request: &Request) -> Reply {
    let sent: Vec<&[u8]> =
        request.other_headers().map(str::as_bytes).chain([request.body.as_slice()]).collect();
    rules::secrets(state, &format!("{method:?}"), &sent);
    let json = request.header("content-type") == Some("application/json");
    let mut told = None;
    let mut headers = Vec::new();
    let done = match method {
        Method::Ping => message(request).map(|asked: ping::PingRequest| {
            proto(&ping::PingResponse { data: format!("Hello, {}!", asked.data) })
        }),
        Method::Register => {
            message(request).and_then(|asked| register(state, setup, asked)).map(|m| proto(&m))
        }
        Method::Declare => {
            if setup.dialect == Dialect::Gitea && setup.recent {
                headers.push(("X-Gitea-Actions-Capabilities", "job-summary".to_owned()));
            }
            authenticate(state, request).and_then(|uuid| {
                let asked = message(request)?;
                declare(state, setup, &uuid, asked).map(|m| proto(&m))
            })
        }
        Method::FetchTask => authenticate(state, request).and_then(|uuid| {
            let asked = if json { fetch_of_json(request)? } else { fetch_of_proto(request)? };
            let given = fetch(state, setup, &uuid, &asked, request.header("x-runner-request-key"));
            Ok(if json { in_json(state, &given) } else { in_proto(state, &given) })
        }),
        Method::UpdateTask => authenticate(state, request).and_then(|uuid| {
            let (answer, end) = update_task(state, &uuid, message(request)?)?;
            told = end.map(|task| Told::End { task });
            Ok(proto(&answer))
        }),
        Method::UpdateLog => authenticate(state, request).and_then(|uuid| {
            let asked: wire::UpdateLogRequest = message(request)?;
            let task = asked.task_id;
            let answer = update_log(state, setup, &uuid, asked, request.body_length)?;
            told = Some(Told::Rows { task, count: answer.ack_index as usize });
            Ok(proto(&answer))
        }),
    };
    let response = match done {
        Ok(body) => {
            let content_type = if json { "application/json" } else { "application/proto" };
            let mut response = Response::new(200, content_type, body);
            response.headers.extend(headers);
            response
        }
        Err((status, code, message)) => refuse(setup, status, code, &message),
    };
    Reply { response, told }
}

/// An old Gitea wraps the text of gRPC.
fn refuse(setup: &Setup, status: u16, code: &str, message: &str) -> Response {
    if setup.dialect == Dialect::Gitea && !setup.recent && code == "unauthenticated" {
        let text = format!("rpc error: code = Unauthenticated desc = {message}");
        return Response::error(500, "unknown", &text);
    }
    Response::error(status, code, message)
}

fn message<M: Message + Default>(request: &Request) -> Result<M, Refusal> {
    M::decode(&request.body[..])
        .map_err(|error| (400, "invalid_argument", format!("unmarshal message: {error}")))
}

fn proto(message: &impl Message) -> Vec<u8> {
    message.encode_to_vec()
}

fn register(
    state: &mut State,
    setup: &Setup,
    asked: wire::RegisterRequest,
) -> Result<wire::RegisterResponse, Refusal> {
    if asked.name.is_empty() || asked.token.is_empty() {
        return Err((400, "invalid_argument", "missing runner token or name".to_owned()));
    }
    if !state.registration_tokens.contains(&asked.token) {
        return Err((400, "invalid_argument", "runner registration token not found".to_owned()));
    }
    if setup.dialect == Dialect::Forgejo && !asked.capabilities.is_empty() {
        state.violation("Register: a field that is Gitea's is sent to a Forgejo");
    }
    let record = state.new_runner(asked.name, asked.ephemeral && setup.recent);
    record.version = asked.version;
    record.labels = if asked.labels.is_empty() { asked.agent_labels } else { asked.labels };
    let runner = wire::Runner { token: record.token.clone(), ..shown(record) };
    Ok(wire::RegisterResponse { runner: Some(runner) })
}

fn shown(record: &RunnerRecord) -> wire::Runner {
    wire::Runner {
        id: record.id,
        uuid: record.uuid.clone(),
        name: record.name.clone(),
        version: record.version.clone(),
        labels: record.labels.clone(),
        ephemeral: record.ephemeral,
        ..wire::Runner::default()
    }
}

/// The identifier of the runner that calls.
fn authenticate(state: &mut State, request: &Request) -> Result<String, Refusal> {
    let (uuid, token) = (request.header("x-runner-uuid"), request.header("x-runner-token"));
    let known =
        state.runners.iter_mut().find(|r| Some(r.uuid.as_str()) == uuid && Some(r.token.as_str()) == token);
    match known {
        Some(runner) if !runner.revoked => Ok(runner.uuid.clone()),
        other => {
            if let Some(runner) = other {
                runner.calls_when_revoked += 1;
            }
            Err((401, "unauthenticated", UNREGISTERED.to_owned()))
        }
    }
}

fn declare(
    state: &mut State,
    setup: &Setup,
    uuid: &str,
    asked: wire::DeclareRequest,
) -> Result<wire::DeclareResponse, Refusal> {
    if setup.dialect == Dialect::Forgejo && !asked.capabilities.is_empty() {
        state.violation("Declare: a field that is Gitea's is sent to a Forgejo");
    }
    // It starts anew: what it knew before may be gone.
    for task in state.tasks.iter_mut().filter(|task| task.runner.as_deref() == Some(uuid)) {
        task.rows_told = 0;
        task.end_told = false;
    }
    let runner = state.runner_mut(uuid).ok_or_else(unknown)?;
    runner.version = asked.version;
    runner.labels = asked.labels;
    runner.declared += 1;
    Ok(wire::DeclareResponse { runner: Some(shown(runner)) })
}

fn unknown() -> Refusal {
    (500, "internal", "it isn't there".to_owned())
}

struct FetchAsked {
    tasks_version: i64,
    capacity: usize,
}

fn fetch_of_proto(request: &Request) -> Result<FetchAsked, Refusal> {
    let asked: wire::FetchTaskRequest = message(request)?;
    Ok(FetchAsked { tasks_version: asked.tasks_version, capacity: 1 })
}

fn fetch_of_json(request: &Request) -> Result<FetchAsked, Refusal> {
    let asked: Value = serde_json::from_slice(&request.body)
        .map_err(|error| (400, "invalid_argument", error.to_string()))?;
    let number = |name: &str| asked[name].as_str().and_then(|text| text.parse::<i64>().ok());
    let capacity = number("taskCapacity").unwrap_or(1);
    Ok(FetchAsked { tasks_version: number("tasksVersion").unwrap_or(0), capacity: capacity.max(1) as usize })
}

/// Tasks that were given, and the number to ask with next.
struct Given {
    tasks: Vec<i64>,
    tasks_version: i64,
}

fn fetch(state: &mut State, setup: &Setup, uuid: &str, asked: &FetchAsked, key: Option<&str>) -> Given {
    let key = key.filter(|_| setup.recent && setup.dialect == Dialect::Forgejo);
    if let Some(tasks) = key.and_then(|key| state.given.get(key)).cloned() {
        for id in &tasks {
            let token = state.fresh();
            if let Some(task) = state.task_mut(*id) {
                task.tokens.job = token;
                task.handed_out += 1;
            }
        }
        return Given { tasks, tasks_version: 0 };
    }
    let tasks_version = state.tasks_version;
    let Some(runner) = state.runner_mut(uuid) else { return Given { tasks: Vec::new(), tasks_version } };
    runner.fetches += 1;
    let labels = runner.labels.clone();
    // An ephemeral runner gets one task ever.
    let used = runner.ephemeral && runner.most_tasks > 0;
    let capacity = if setup.recent { asked.capacity } else { 1 };
    let capacity = if runner.ephemeral { 1 } else { capacity };
    if used || asked.tasks_version == tasks_version {
        return Given { tasks: Vec::new(), tasks_version };
    }
    let fits = |task: &TaskRecord| {
        task.runner.is_none()
            && task.conclusion().is_none()
            && !task.job.runs_on.is_empty()
            && task.job.runs_on.iter().all(|label| labels.contains(label))
    };
    let mut tasks = Vec::new();
    for task in state.tasks.iter_mut().filter(|task| fits(task)).take(capacity) {
        task.runner = Some(uuid.to_owned());
        task.handed_out += 1;
        task.handed_out_at.get_or_insert_with(SystemTime::now);
        tasks.push(task.id);
    }
    let running = state.running(uuid);
    if let Some(runner) = state.runner_mut(uuid) {
        runner.most_tasks = runner.most_tasks.max(running);
    }
    if let Some(key) = key.filter(|_| !tasks.is_empty()) {
        state.given.insert(key.to_owned(), tasks.clone());
    }
    Given { tasks, tasks_version }
}

fn in_proto(state: &State, given: &Given) -> Vec<u8> {
    let task = given.tasks.first().and_then(|id| state.task(*id)).map(|task| task_in_proto(state, task));
    proto(&wire::FetchTaskResponse { task, tasks_version: given.tasks_version })
}

pub(super) fn task_in_proto(state: &State, task: &TaskRecord) -> wire::Task {
    let entry =
        |key: &String, value: &String| wire::TextEntry { key: Some(key.clone()), value: Some(value.clone()) };
    let needs = task.job.needs.iter().map(|(job, need)| wire::NeedEntry {
        key: Some(job.clone()),
        value: Some(wire::TaskNeed {
            outputs: need.outputs.iter().map(|(key, value)| entry(key, value)).collect(),
            result: wire::Result::from(need.conclusion) as i32,
        }),
    });
    let secrets = task.job.secrets_with(&task.tokens.job);
    wire::Task {
        id: task.id,
        workflow_payload: Some(task.job.payload.clone()),
        context: Some(fields(&task.job.context_at(&state.address, task.id, &task.tokens))),
        secrets: secrets.iter().map(|(key, value)| entry(key, value)).collect(),
        machine: String::new(),
        needs: needs.collect(),
        vars: task.job.vars.iter().map(|(key, value)| entry(key, value)).collect(),
    }
}

fn fields(map: &Map<String, Value>) -> wire::Struct {
    let field = |(key, value): (&String, &Value)| wire::Field {
        key: Some(key.clone()),
        value: Some(wire::Value { kind: Some(kind(value)) }),
    };
    wire::Struct { fields: map.iter().map(field).collect() }
}

fn kind(value: &Value) -> wire::value::Kind {
    use wire::value::Kind;
    match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(bool) => Kind::BoolValue(*bool),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Object(map) => Kind::StructValue(fields(map)),
        Value::Array(values) => Kind::ListValue(wire::List {
            values: values.iter().map(|value| wire::Value { kind: Some(kind(value)) }).collect(),
        }),
    }
}

fn in_json(state: &State, given: &Given) -> Vec<u8> {
    use base64::Engine;
    let mut tasks = given.tasks.iter().filter_map(|id| state.task(*id)).map(|task| {
        let needs: Map<_, _> = task
            .job
            .needs
            .iter()
            .map(|(job, need)| {
                let name = wire::Result::from(need.conclusion).as_str_name();
                (job.clone(), json!({ "outputs": need.outputs, "result": name }))
            })
            .collect();
        json!({
            "id": task.id.to_string(),
            "workflowPayload": base64::prelude::BASE64_STANDARD.encode(&task.job.payload),
            "context": task.job.context_at(&state.address, task.id, &task.tokens),
            "secrets": task.job.secrets_with(&task.tokens.job),
            "needs": needs,
            "vars": task.job.vars,
        })
    });
    let mut answer = json!({ "tasksVersion": given.tasks_version.to_string() });
    if let Some(task) = tasks.next() {
        answer["task"] = task;
    }
    let more: Vec<_> = tasks.collect();
    if !more.is_empty() {
        answer["additionalTasks"] = more.into();
    }
    answer.to_string().into_bytes()
}

fn own_task<'a>(
    state: &'a mut State,
    call: &str,
    uuid: &str,
    id: i64,
) -> Result<&'a mut TaskRecord, Refusal> {
    if state.task(id).is_none_or(|task| task.runner.as_deref() != Some(uuid)) {
        state.violation(format!("{call}: task {id} isn't this runner's"));
        return Err((500, "internal", format!("task {id}: resource does not exist")));
    }
    if state.task(id).is_some_and(|task| task.removed) {
        return Err((500, "internal", format!("get task: task with id {id}: resource does not exist")));
    }
    state.task_mut(id).ok_or_else(unknown)
}

/// The answer, and the task if it has ended with this.
fn update_task(
    state: &mut State,
    uuid: &str,
    asked: wire::UpdateTaskRequest,
) -> Result<(wire::UpdateTaskResponse, Option<i64>), Refusal> {
    let told = asked.state.ok_or((400, "invalid_argument", "no state".to_owned()))?;
    let task = own_task(state, "UpdateTask", uuid, told.id)?;
    for entry in asked.outputs {
        let (key, value) = (entry.key.unwrap_or_default(), entry.value.unwrap_or_default());
        if key.len() <= MAX_OUTPUT_KEY && value.len() <= MAX_OUTPUT_VALUE {
            task.outputs.entry(key).or_insert(value);
        }
    }
    let next = TaskState::from(&told);
    let mut broken = match task.told() {
        None => rules::next_state(task, &next),
        // It may come again where its answer was lost, with what is sent before it.
        Some(told) if !task.end_told && next.conclusion.is_none_or(|again| again == told) => Vec::new(),
        Some(_) => vec![format!("UpdateTask of task {}: its end was told before", task.id)],
    };
    if task.told().is_none() {
        task.states.push(next);
    }
    let (ended, id) = (told.result() != wire::Result::Unspecified, task.id);
    let answer = wire::UpdateTaskResponse {
        state: Some(wire::TaskState {
            id,
            result: task.conclusion().map_or(0, |conclusion| wire::Result::from(conclusion) as i32),
            ..wire::TaskState::default()
        }),
        sent_outputs: task.outputs.keys().cloned().collect(),
    };
    if ended {
        state.forget_ephemeral(Some(uuid));
    }
    state.violations.append(&mut broken);
    Ok((answer, ended.then_some(id)))
}

fn update_log(
    state: &mut State,
    setup: &Setup,
    uuid: &str,
    asked: wire::UpdateLogRequest,
    length: u64,
) -> Result<wire::UpdateLogResponse, Refusal> {
    let task = own_task(state, "UpdateLog", uuid, asked.task_id)?;
    task.received_bytes += length;
    let mut broken = rules::rows(task, &asked);
    let (index, have) = (asked.index, task.row_count as i64);
    let new = index.saturating_add(asked.rows.len() as i64);
    let done = if asked.rows.is_empty() || index < 0 || index > have || new <= have {
        Ok(have)
    } else if task.log_closed {
        Err((409, "already_exists", "log file has been archived".to_owned()))
    } else {
        let again = (have - index) as usize;
        task.rows_again += again;
        for row in asked.rows.into_iter().skip(again) {
            task.row_count += 1;
            task.row_bytes += row.content.len() as u64;
            if setup.keep_rows {
                let time =
                    row.time.as_ref().and_then(wire::Timestamp::time).unwrap_or(SystemTime::UNIX_EPOCH);
                task.rows.push(LogRow { time, content: row.content });
            }
        }
        task.log_closed = asked.no_more;
        Ok(new)
    };
    state.violations.append(&mut broken);
    done.map(|ack_index| wire::UpdateLogResponse { ack_index })
}
