//! What becomes of a request: the answer of the service, or a fault.

use base64::Engine;
use prost::Message;

use palisade_proto::forgejo::Dialect;
use palisade_proto::forgejo::wire::runner as wire;

use super::Shared;
use super::fault::{Call, Fault, Method};
use super::http::{Request, Response};
use super::rules;
use super::service::{self, Reply, Told};
use super::state::{State, TaskRecord};

/// Larger than any answer is, in bytes.
const OVERSIZED: usize = 48 << 20;

/// How a connection goes on.
pub(super) enum Outcome {
    /// The answer, and then the next request.
    Answer(Response),
    /// Half of it, and no more.
    Half(Response),
    /// The answer, which ends with the connection.
    Last(Response),
    /// Its header a byte a time.
    Slowly(Response),
    /// Nothing until the forge is healed.
    Nothing,
    /// The answer, once the forge is healed; then the connection ends.
    Late(Response),
    /// The connection is reset.
    Reset,
}

/// What is known of a request from its head.
pub(super) struct Asked {
    pub(super) method: Option<Method>,
    pub(super) fault: Option<Fault>,
    /// How often the forge had been healed by then.
    pub(super) healed: u64,
}

/// Counts a request and decides what becomes of it.
pub(super) fn asked(shared: &Shared, request: &Request) -> Asked {
    let path = request.path.strip_prefix(shared.setup.path.as_str()).unwrap_or("");
    let method = Method::ALL.into_iter().find(|method| method.path() == path);
    let mut state = shared.lock();
    let fault = method.and_then(|method| {
        let number = state.calls.values().sum();
        *state.calls.entry(method).or_default() += 1;
        state.faults.take(Call { method, number })
    });
    let healed = state.faults.healed;
    shared.changed.notify_all();
    Asked { method, fault, healed }
}

/// Does the call.
pub(super) fn answer(shared: &Shared, asked: Asked, request: &Request) -> Outcome {
    if request.path.contains("/idtoken?") {
        return Outcome::Answer(id_token(request));
    }
    if request.method == "PUT" && request.path.ends_with("/summary") {
        return Outcome::Answer(summary(shared, request));
    }
    if request.path.ends_with("/api/forgejo/v1/version") && shared.setup.dialect == Dialect::Forgejo {
        return Outcome::Answer(Response::new(200, "application/json", br#"{"version":"15.0.0"}"#.to_vec()));
    }
    let Some(method) = asked.method.filter(|method| *method != Method::Declare || shared.setup.declare)
    else {
        return Outcome::Answer(Response::new(404, "text/plain", b"Not found.\n".to_vec()));
    };
    if request.method != "POST" {
        return Outcome::Answer(Response::new(405, "text/plain", Vec::new()));
    }
    let page = |status| Response::new(status, "text/html", b"<html>Please wait</html>".to_vec());
    match &asked.fault {
        Some(Fault::Status(status)) => return Outcome::Answer(page(*status)),
        Some(Fault::Page) => return Outcome::Answer(page(200)),
        Some(Fault::Error(code, message)) => return Outcome::Answer(Response::error(500, code, message)),
        Some(Fault::ResetBefore | Fault::ResetInRequest) => return Outcome::Reset,
        Some(Fault::Hang) => return Outcome::Nothing,
        Some(Fault::Redirect(to)) => {
            let mut response = page(307);
            response.headers.push(("Location", to.clone()));
            return Outcome::Answer(response);
        }
        _ => {}
    }
    let mut state = shared.lock();
    let Reply { response, told } = service::call(&mut state, &shared.setup, method, request);
    let outcome = match asked.fault {
        None => {
            // Before the answer is on its way: whoever has it may call again at once.
            tell(&mut state, told);
            // The servers pack what is larger, and Ping's answer always.
            Outcome::Answer(response.packed(if method == Method::Ping { 0 } else { 1024 }))
        }
        Some(fault) => distorted(&state, response, &fault),
    };
    drop(state);
    shared.changed.notify_all();
    outcome
}

/// What asks for a job's ID tokens.
pub const ID_TOKEN_REQUEST: &str = "what-the-forge-gives-id-tokens-for";

/// A token for a job, as far as a runner looks at it: nobody has signed it.
fn id_token(request: &Request) -> Response {
    let allowed = request.header("authorization") == Some(&format!("Bearer {ID_TOKEN_REQUEST}"));
    let audience = request.path.split_once("?placeholder=true&audience=").map(|(_, audience)| audience);
    let (Some(audience), true) = (audience, allowed) else {
        return Response::error(401, "unauthenticated", "missing or wrong token");
    };
    let claims = serde_json::json!({ "sub": "repo:root/demo:forge", "aud": audience, "jti": "7", "exp": 2_000_000_000 });
    let part = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let token = format!(
        "{}.{}.{}",
        part("{\"alg\":\"EdDSA\"}".into()),
        part(claims.to_string()),
        part("signature".into())
    );
    let body = serde_json::json!({ "value": token }).to_string();
    Response::new(200, "application/json;charset=utf-8", body.into_bytes())
}

/// Takes the summary of a step of a task that runs, whose job has its number.
fn summary(shared: &Shared, request: &Request) -> Response {
    let words: Vec<&str> = request.path.rsplit('/').collect();
    let [_, step, "steps", job, "jobs", _run, "workflows", ..] = words[..] else {
        return Response::new(404, "text/plain", b"Not found.\n".to_vec());
    };
    let mut state = shared.lock();
    rules::secrets(&mut state, "summary", &[&request.body]);
    let task = job.parse().ok().and_then(|id| state.task_mut(id));
    let known = |task: &&mut TaskRecord| {
        request.header("authorization") == Some(&format!("Bearer {}", task.tokens.runtime))
            && !task.reported()
    };
    let (Some(task), Ok(step)) = (task.filter(known), step.parse()) else {
        return Response::new(500, "text/plain", b"task is not running".to_vec());
    };
    if task.job.steps.is_some_and(|steps| step >= steps) {
        return Response::new(400, "text/plain", b"step_index mismatch".to_vec());
    }
    task.summaries.insert(step, String::from_utf8_lossy(&request.body).into_owned());
    shared.changed.notify_all();
    Response::new(200, "application/json", br#"{"message":"success"}"#.to_vec())
}

fn tell(state: &mut State, told: Option<Told>) {
    match told {
        Some(Told::Rows { task, count }) => {
            if let Some(task) = state.task_mut(task) {
                task.rows_told = task.rows_told.max(count);
            }
        }
        Some(Told::End { task }) => {
            if let Some(task) = state.task_mut(task) {
                task.end_told = true;
            }
        }
        None => {}
    }
}

/// An answer with a fault that comes after the call's effect.
fn distorted(state: &State, response: Response, fault: &Fault) -> Outcome {
    let proto = |body: Vec<u8>| Response::new(200, "application/proto", body);
    match fault {
        Fault::ResetAfter => Outcome::Reset,
        Fault::HangAfter => Outcome::Nothing,
        Fault::Late => Outcome::Late(response),
        Fault::HalfAnswer => Outcome::Half(response),
        Fault::SlowLoris => Outcome::Slowly(response),
        Fault::NoLength => Outcome::Last(Response { length: false, ..response }),
        Fault::Oversized => Outcome::Answer(proto(vec![0; OVERSIZED])),
        Fault::Bomb => Outcome::Answer(proto(vec![0; OVERSIZED]).packed(0)),
        Fault::Garbage => Outcome::Answer(proto(vec![0xff; 100])),
        // A field of 100 bytes that has two.
        Fault::TruncatedMessage => Outcome::Answer(proto(vec![0x0a, 100, 1, 2])),
        Fault::Clock(date) => {
            let mut response = response;
            response.headers.push(("Date", (*date).to_owned()));
            Outcome::Answer(response)
        }
        // Fields 1000 and 1001, a number and a text.
        Fault::UnknownFields => {
            Outcome::Answer(appended(response, &[0xc0, 0x3e, 0x07, 0xca, 0x3e, 0x02, b'h', b'i']))
        }
        // What comes later counts: `state { result: 99 }`.
        Fault::UnknownResult => Outcome::Answer(appended(response, &[0x0a, 0x02, 0x10, 99])),
        Fault::WrongTask => {
            let mut answer = wire::UpdateTaskResponse::decode(&response.body[..]).unwrap_or_default();
            answer.state.get_or_insert_default().id += 1000;
            Outcome::Answer(proto(answer.encode_to_vec()))
        }
        Fault::DuplicateTask => {
            let again = state.tasks.iter().rev().find(|task| task.runner.is_some());
            let task = again.map(|task| service::task_in_proto(state, task));
            let answer = wire::FetchTaskResponse { task, tasks_version: state.tasks_version };
            Outcome::Answer(proto(answer.encode_to_vec()))
        }
        _ => Outcome::Answer(response),
    }
}

fn appended(mut response: Response, fields: &[u8]) -> Response {
    response.body.extend(fields);
    response
}
