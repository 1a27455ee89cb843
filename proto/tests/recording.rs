//! A recording of a real Forgejo and its own runner (`recording.jsonl.gz`: one exchange a line, in order; its tokens
//! belong to a server that no longer exists). Compared are whole bodies, byte for byte, with the order of the entries
//! of maps as the wire has it, and of the headers those that the protocol needs.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::num::NonZeroU32;
use std::thread;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use palisade_proto::forgejo::wire::{ping, runner as wire};
use palisade_proto::forgejo::{
    Conclusion, Credentials, Declaration, Dialect, Fetch, LogRow, Registration, Server, Standing, TaskId,
    TaskState,
};
use palisade_proto::http::Settings;
use palisade_proto::{Http, Secret};
use prost::Message;
use serde::Deserialize;

/// One request and its answer.
#[derive(Clone, Deserialize)]
struct Exchange {
    n: u32,
    path: String,
    request_headers: BTreeMap<String, String>,
    request_b64: String,
    status: u16,
    response_headers: BTreeMap<String, String>,
    response_b64: String,
}

impl Exchange {
    fn method(&self) -> &str {
        self.path.rsplit('/').next().unwrap()
    }

    fn request(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(&self.request_b64).unwrap()
    }

    /// As it was sent, perhaps packed.
    fn response(&self) -> Vec<u8> {
        BASE64_STANDARD.decode(&self.response_b64).unwrap()
    }

    fn plain_response(&self) -> Vec<u8> {
        let body = self.response();
        match self.response_headers.get("Content-Encoding").map(String::as_str) {
            Some("gzip") => {
                let mut plain = Vec::new();
                GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
                plain
            }
            None => body,
            Some(other) => panic!("encoded as {other}"),
        }
    }
}

fn recording() -> Vec<Exchange> {
    let lines = BufReader::new(GzDecoder::new(&include_bytes!("recording.jsonl.gz")[..])).lines();
    let exchanges: Vec<Exchange> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    assert_eq!(exchanges.len(), 208);
    assert!(exchanges.iter().all(|exchange| exchange.status == 200));
    exchanges
}

fn decoded<M: Message + Default>(body: &[u8]) -> M {
    M::decode(body).unwrap()
}

/// Whether a body decodes and encodes to itself.
fn same<M: Message + Default>(body: &[u8]) -> bool {
    decoded::<M>(body).encode_to_vec() == body
}

#[test]
fn every_body_encodes_to_what_it_was() {
    for exchange in recording() {
        let (request, response) = (exchange.request(), exchange.plain_response());
        let (asked, answered) = match exchange.method() {
            "Ping" => (same::<ping::PingRequest>(&request), same::<ping::PingResponse>(&response)),
            "Register" => {
                (same::<wire::RegisterRequest>(&request), same::<wire::RegisterResponse>(&response))
            }
            "Declare" => (same::<wire::DeclareRequest>(&request), same::<wire::DeclareResponse>(&response)),
            "FetchTask" => {
                (same::<wire::FetchTaskRequest>(&request), same::<wire::FetchTaskResponse>(&response))
            }
            "UpdateTask" => {
                (same::<wire::UpdateTaskRequest>(&request), same::<wire::UpdateTaskResponse>(&response))
            }
            "UpdateLog" => {
                (same::<wire::UpdateLogRequest>(&request), same::<wire::UpdateLogResponse>(&response))
            }
            other => panic!("{other}"),
        };
        assert!(asked, "request {}", exchange.n);
        assert!(answered, "answer {}", exchange.n);
    }
}

/// What a request of the client was: path, headers with small names, body.
struct Received {
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// A server that takes requests one after the other and answers with what was recorded, on as many connections as
/// the client makes.
fn replay(listener: TcpListener, exchanges: Vec<Exchange>) -> Vec<Received> {
    let mut received = Vec::new();
    let mut answers = exchanges.into_iter().peekable();
    while answers.peek().is_some() {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        while answers.peek().is_some() {
            let Some(request) = read_request(&mut stream) else { break };
            let exchange = answers.next().unwrap();
            let body = exchange.response();
            let mut head = format!("HTTP/1.1 {} OK\r\nContent-Length: {}\r\n", exchange.status, body.len());
            for (name, value) in &exchange.response_headers {
                head += &format!("{name}: {value}\r\n");
            }
            let sent = [head.as_bytes(), b"\r\n", &body].concat();
            stream.get_mut().write_all(&sent).unwrap();
            received.push(request);
        }
    }
    received
}

fn read_request(stream: &mut impl BufRead) -> Option<Received> {
    let mut line = String::new();
    if stream.read_line(&mut line).unwrap() == 0 {
        return None;
    }
    let path = line.strip_prefix("POST ").unwrap().split(' ').next().unwrap().to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    Some(Received { path, headers, body })
}

#[test]
fn the_client_sends_what_was_recorded_and_understands_the_answers() {
    let exchanges = recording();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let instance = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let replayed = exchanges.clone();
    let server = thread::spawn(move || replay(listener, replayed));

    let http = Http::new(Settings::new("palisade-test")).unwrap();
    let forge = Server::new(&http, &instance, Dialect::Forgejo);
    let mut credentials = None;
    for exchange in &exchanges {
        let (request, response) = (exchange.request(), exchange.plain_response());
        let runner = || forge.runner(Option::<&Credentials>::unwrap(credentials.as_ref()).clone());
        match exchange.method() {
            "Ping" => {
                let asked: ping::PingRequest = decoded(&request);
                assert_eq!(forge.ping(&asked.data).unwrap(), format!("Hello, {}!", asked.data));
            }
            "Register" => {
                let asked: wire::RegisterRequest = decoded(&request);
                let registered = forge.register(&Registration {
                    name: &asked.name,
                    token: &Secret::new(asked.token.clone()),
                    version: &asked.version,
                    labels: &asked.labels,
                    ephemeral: asked.ephemeral,
                });
                let registered = registered.unwrap();
                assert_eq!(registered.name, asked.name);
                assert_eq!(registered.labels, asked.labels);
                assert!(!registered.ephemeral);
                credentials = Some(registered.credentials);
            }
            "Declare" => {
                let asked: wire::DeclareRequest = decoded(&request);
                let declared = runner().declare(&asked.version, &asked.labels).unwrap();
                let Declaration::Accepted { id, labels, ephemeral, capabilities, .. } = declared else {
                    panic!()
                };
                assert_eq!((id > 0, labels, ephemeral, capabilities), (true, asked.labels, false, vec![]));
            }
            "FetchTask" => {
                let asked: wire::FetchTaskRequest = decoded(&request);
                let fetch = Fetch {
                    tasks_version: asked.tasks_version,
                    capacity: NonZeroU32::MIN,
                    request_key: None,
                };
                let fetched = runner().fetch_task(&fetch).unwrap();
                let answered: wire::FetchTaskResponse = decoded(&response);
                assert_eq!(fetched.tasks_version, answered.tasks_version);
                assert_eq!(fetched.tasks.len(), usize::from(answered.task.is_some()));
                for (task, answered) in fetched.tasks.iter().zip(answered.task) {
                    check_task(task, &answered);
                }
            }
            "UpdateTask" => {
                let asked: wire::UpdateTaskRequest = decoded(&request);
                let answered: wire::UpdateTaskResponse = decoded(&response);
                let outputs =
                    asked.outputs.iter().map(|e| (e.key().to_owned(), e.value().to_owned())).collect();
                let update = runner().update_task(&TaskState::from(&asked.state.unwrap()), &outputs).unwrap();
                assert_eq!(update.sent_outputs, answered.sent_outputs);
                let ended = Conclusion::of(answered.state.unwrap().result());
                assert_eq!(update.standing, ended.map_or(Standing::Running, Standing::Ended));
            }
            "UpdateLog" => {
                let asked: wire::UpdateLogRequest = decoded(&request);
                let answered: wire::UpdateLogResponse = decoded(&response);
                let rows: Vec<_> = asked
                    .rows
                    .iter()
                    .map(|row| LogRow {
                        time: row.time.as_ref().unwrap().time().unwrap(),
                        content: row.content.clone(),
                    })
                    .collect();
                let index = asked.index.try_into().unwrap();
                let acknowledged = runner().update_log(TaskId(asked.task_id), index, &rows, asked.no_more);
                assert_eq!(acknowledged.unwrap(), u64::try_from(answered.ack_index).unwrap());
            }
            other => panic!("{other}"),
        }
    }

    let received = server.join().unwrap();
    assert_eq!(received.len(), exchanges.len());
    for (received, exchange) in received.iter().zip(&exchanges) {
        let n = exchange.n;
        assert_eq!(received.path, exchange.path, "{n}");
        assert!(received.body == exchange.request(), "the body of {n} differs");
        for (name, value) in exchange.request_headers.iter().filter(|(name, _)| *name != "User-Agent") {
            assert_eq!(received.headers.get(&name.to_ascii_lowercase()), Some(value), "{n}: {name}");
        }
        assert!(!received.headers.contains_key("accept"));
    }
}

fn check_task(task: &palisade_proto::forgejo::Task, answered: &wire::Task) {
    assert_eq!(task.id, TaskId(answered.id));
    assert_eq!(task.workflow, answered.workflow_payload());
    assert_eq!(task.context["repository"], "root1/demo");
    assert_eq!(task.context["ref_protected"], false);
    assert_eq!(task.context["event"]["repository"]["id"].to_string(), "1");
    assert_eq!(task.extra("default_actions_url").unwrap(), "http://127.0.0.1:3333");
    let job = task.tokens.job.as_ref().unwrap().expose();
    assert_eq!(task.secrets["GITHUB_TOKEN"].expose(), job);
    assert_eq!(task.secrets.len(), answered.secrets.len());
    assert!(task.tokens.runtime.is_some());
    assert_eq!(task.needs.len(), answered.needs.len());
    for need in task.needs.values() {
        assert_eq!(need.standing, Standing::Ended(Conclusion::Success));
        assert_eq!(need.outputs["v"], "42");
    }
    // No value of a secret is anywhere but where it belongs.
    let shown = format!("{task:?} {:?}", task.context);
    assert!(task.secrets.values().all(|secret| !shown.contains(secret.expose())), "{shown}");
}
