//! The calls.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use ureq::http::HeaderMap;
use ureq::http::header::DATE;
use zeroize::Zeroize;

use super::state::signed;
use super::wire::{ping, runner as wire};
use super::{Credentials, Dialect, LogRow, RequestKey, Standing, Task, TaskId, TaskState, json};
use crate::connect::{Answer, Call, Error, Method, Reason};
use crate::{Http, Instance, Secret};

/// Largest answer but that with a task, in bytes.
const SMALL: usize = 1 << 20;

/// Largest task, in bytes: its workflow, the event that started it, secrets and variables of 64 KiB each, outputs of
/// the jobs it needs.
const TASK: usize = 16 << 20;

const PING: Method = Method { name: "Ping", path: "/api/actions/ping.v1.PingService/Ping", limit: SMALL };
const REGISTER: Method =
    Method { name: "Register", path: "/api/actions/runner.v1.RunnerService/Register", limit: SMALL };
const DECLARE: Method =
    Method { name: "Declare", path: "/api/actions/runner.v1.RunnerService/Declare", limit: SMALL };
const FETCH_TASK: Method =
    Method { name: "FetchTask", path: "/api/actions/runner.v1.RunnerService/FetchTask", limit: TASK };
const UPDATE_TASK: Method =
    Method { name: "UpdateTask", path: "/api/actions/runner.v1.RunnerService/UpdateTask", limit: SMALL };
const UPDATE_LOG: Method =
    Method { name: "UpdateLog", path: "/api/actions/runner.v1.RunnerService/UpdateLog", limit: SMALL };

/// Where a Forgejo says its version, to whom it likes; a Gitea has nothing there.
/// Source: `routers/api/forgejo/v1/root.go` of Forgejo, since 1.18.
const VERSION: Method = Method { name: "Version", path: "/api/forgejo/v1/version", limit: SMALL };

/// What Gitea is told that this runner can: it stays with a task that is being cancelled, and reports its end.
const CAPABILITIES: [&str; 1] = ["cancelling"];

/// The header in which a Gitea names what it can.
const SERVER_CAPABILITIES: &str = "x-gitea-actions-capabilities";

/// A forge, for who isn't registered there (yet).
#[derive(Clone)]
pub struct Server {
    http: Http,
    instance: Instance,
    dialect: Dialect,
}

/// What a runner tells of itself when it registers.
pub struct Registration<'a> {
    /// Its name, for people.
    pub name: &'a str,
    /// The registration token. It decides whose jobs the runner gets.
    pub token: &'a Secret,
    /// The runner's version.
    pub version: &'a str,
    /// The labels that it takes jobs for: names only.
    pub labels: &'a [String],
    /// Whether it takes one task ever, and the forge then forgets it.
    pub ephemeral: bool,
}

/// A registration that the forge took.
#[derive(Debug)]
pub struct Registered {
    /// The runner's number at the forge.
    pub id: i64,
    /// What the runner is known by from now on.
    pub credentials: Credentials,
    /// The name that the forge kept.
    pub name: String,
    /// The labels that the forge kept.
    pub labels: Vec<String>,
    /// Whether the forge takes it for an ephemeral one; a server that doesn't know the word doesn't.
    pub ephemeral: bool,
}

/// How a forge takes a runner's declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Declaration {
    /// It knows the runner with these labels now.
    Accepted {
        /// The runner's number at the forge.
        id: i64,
        /// Its name there.
        name: String,
        /// The labels.
        labels: Vec<String>,
        /// Whether the runner is an ephemeral one.
        ephemeral: bool,
        /// What a Gitea says that it can, e.g. `cancelling`.
        capabilities: Vec<String>,
    },
    /// A server before 1.21: the labels are those of the registration.
    Unsupported,
}

/// A request for tasks.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The number of the last answer, or 0 to have the forge look in any case: first of all, after a task, and once in
    /// a while, since another runner may have been faster.
    pub tasks_version: i64,
    /// How many at most. Only a Forgejo from 15 on gives more than one.
    pub capacity: NonZeroU32,
    /// Names the attempt, so that it can be repeated.
    pub request_key: Option<RequestKey>,
}

/// What there is to do. Both forms of an answer are read into it: protobuf's own and its JSON.
#[derive(Debug, Deserialize)]
#[serde(from = "json::Answer")]
pub struct Fetched {
    /// The tasks, which are this runner's now.
    pub tasks: Vec<Task>,
    /// For the next request; 0 from servers that don't count.
    pub tasks_version: i64,
}

impl From<wire::FetchTaskResponse> for Fetched {
    fn from(answer: wire::FetchTaskResponse) -> Self {
        let tasks = answer.task.into_iter().map(Task::from).collect();
        Fetched { tasks, tasks_version: answer.tasks_version }
    }
}

/// How a forge takes the state of a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// What the task is to the forge.
    pub standing: Standing,
    /// The names of the outputs that the forge has. Those that it hasn't are to be sent again.
    pub sent_outputs: Vec<String>,
}

impl Server {
    /// The forge at this address, of the kind that it is.
    ///
    /// # Errors
    /// Where it can't be reached.
    pub fn find(http: &Http, instance: &Instance) -> Result<Server, Error> {
        let server = Server::new(http, instance, Dialect::Forgejo);
        match server.call(HeaderMap::new(), None).get::<IgnoredAny>(&VERSION, VERSION.path) {
            Err(error)
                if matches!(error.reason(), Reason::Unreachable { .. } | Reason::Misconfigured { .. }) =>
            {
                Err(error)
            }
            Err(error) if error.is_unimplemented() => Ok(Server::new(http, instance, Dialect::Gitea)),
            // It may tell its version to nobody.
            Ok(_) | Err(_) => Ok(server),
        }
    }

    /// The forge at this address.
    pub fn new(http: &Http, instance: &Instance, dialect: Dialect) -> Server {
        Server { http: http.clone(), instance: instance.clone(), dialect }
    }

    /// Its address.
    pub fn instance(&self) -> &Instance {
        &self.instance
    }

    /// Which kind of server it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Asks whether the runner service is there; it answers with a greeting of the word.
    pub fn ping(&self, word: &str) -> Result<String, Error> {
        let request = ping::PingRequest { data: word.to_owned() };
        let answer: Answer<ping::PingResponse> = self.call(HeaderMap::new(), None).proto(&PING, &request)?;
        Ok(answer.message.data)
    }

    /// What time it is there, where its answer to a ping says so: HTTP's `Date`.
    pub fn date(&self) -> Result<Option<String>, Error> {
        let request = ping::PingRequest { data: String::new() };
        let answer: Answer<ping::PingResponse> = self.call(HeaderMap::new(), None).proto(&PING, &request)?;
        Ok(answer.headers.get(DATE).and_then(|date| date.to_str().ok()).map(str::to_owned))
    }

    /// Registers a runner.
    pub fn register(&self, registration: &Registration<'_>) -> Result<Registered, Error> {
        let mut request = wire::RegisterRequest {
            name: registration.name.to_owned(),
            token: registration.token.expose().to_owned(),
            agent_labels: registration.labels.to_vec(),
            custom_labels: Vec::new(),
            version: registration.version.to_owned(),
            labels: registration.labels.to_vec(),
            ephemeral: registration.ephemeral,
            capabilities: self.capabilities(),
        };
        let call = self.call(HeaderMap::new(), None);
        let answer: Result<Answer<wire::RegisterResponse>, Error> = call.proto(&REGISTER, &request);
        request.token.zeroize();
        let malformed = |what: String| call.failed(&REGISTER, Reason::Malformed { what });
        let runner = answer?.message.runner.ok_or_else(|| malformed("it tells of no runner".to_owned()))?;
        let credentials = Credentials::new(runner.uuid, Secret::new(runner.token))
            .map_err(|error| malformed(error.to_string()))?;
        Ok(Registered {
            id: runner.id,
            credentials,
            name: runner.name,
            labels: runner.labels,
            ephemeral: runner.ephemeral,
        })
    }

    /// The forge, for a runner that is registered there.
    pub fn runner(&self, credentials: Credentials) -> Runner {
        Runner { server: self.clone(), credentials, timeout: None }
    }

    /// Forgejo may use the field's number for something else.
    fn capabilities(&self) -> Vec<String> {
        match self.dialect {
            Dialect::Forgejo => Vec::new(),
            Dialect::Gitea => CAPABILITIES.map(str::to_owned).to_vec(),
        }
    }

    fn call(&self, headers: HeaderMap, timeout: Option<Duration>) -> Call<'_> {
        Call { http: &self.http, instance: &self.instance, timeout, headers }
    }
}

/// A registered runner's side of a forge.
#[derive(Clone)]
pub struct Runner {
    server: Server,
    credentials: Credentials,
    timeout: Option<Duration>,
}

impl Runner {
    /// The forge.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The same, with calls that take no longer than this.
    pub fn within(&self, timeout: Duration) -> Runner {
        Runner { timeout: Some(timeout), ..self.clone() }
    }

    /// Says that the runner is there, at each start. The labels replace what the forge had.
    pub fn declare(&self, version: &str, labels: &[String]) -> Result<Declaration, Error> {
        let request = wire::DeclareRequest {
            version: version.to_owned(),
            labels: labels.to_vec(),
            capabilities: self.server.capabilities(),
        };
        let answer: Answer<wire::DeclareResponse> = match self.call().proto(&DECLARE, &request) {
            Err(error) if error.is_unimplemented() => return Ok(Declaration::Unsupported),
            answer => answer?,
        };
        let runner =
            answer.message.runner.ok_or_else(|| self.malformed(&DECLARE, "it tells of no runner"))?;
        let capabilities = answer.headers.get(SERVER_CAPABILITIES).and_then(|value| value.to_str().ok());
        let capabilities = capabilities.unwrap_or_default().split(',').map(str::trim);
        Ok(Declaration::Accepted {
            id: runner.id,
            name: runner.name,
            labels: runner.labels,
            ephemeral: runner.ephemeral,
            capabilities: capabilities.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    }

    /// Asks for tasks; the forge answers at once. A task that it gives is this runner's from then on.
    pub fn fetch_task(&self, fetch: &Fetch) -> Result<Fetched, Error> {
        let mut call = self.call();
        call.headers.extend(fetch.request_key.as_ref().and_then(RequestKey::header));
        let fetched: Fetched = if fetch.capacity.get() > 1 && self.server.dialect == Dialect::Forgejo {
            let request = json::request(fetch.tasks_version, fetch.capacity.get());
            call.json(&FETCH_TASK, &request)?.message
        } else {
            let request = wire::FetchTaskRequest { tasks_version: fetch.tasks_version };
            let answer: Answer<wire::FetchTaskResponse> = call.proto(&FETCH_TASK, &request)?;
            answer.message.into()
        };
        if fetched.tasks.iter().any(|task| task.id.0 <= 0) {
            return Err(self.malformed(&FETCH_TASK, "a task has no number"));
        }
        Ok(fetched)
    }

    /// Tells the state of a task, and outputs. What has a conclusion is final.
    pub fn update_task(
        &self,
        state: &TaskState,
        outputs: &BTreeMap<String, String>,
    ) -> Result<Update, Error> {
        let entry = |(key, value): (&String, &String)| wire::TextEntry {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        let request = wire::UpdateTaskRequest {
            state: Some(state.into()),
            outputs: outputs.iter().map(entry).collect(),
        };
        let answer: Answer<wire::UpdateTaskResponse> = self.call().proto(&UPDATE_TASK, &request)?;
        let answered = answer.message.state.ok_or_else(|| self.malformed(&UPDATE_TASK, "it has no state"))?;
        if answered.id != state.task.0 {
            let what = format!("it is about task {}, not {}", answered.id, state.task);
            return Err(self.malformed(&UPDATE_TASK, &what));
        }
        Ok(Update { standing: Standing::of(answered.result), sent_outputs: answer.message.sent_outputs })
    }

    /// Sends rows of a task's log, of which the first has this number, and gives how many the forge has now: what
    /// follows is to be sent from there on. Rows that it has already do no harm. `no_more` closes the log; the forge
    /// only heeds it together with a row that is new to it.
    pub fn update_log(&self, task: TaskId, index: u64, rows: &[LogRow], no_more: bool) -> Result<u64, Error> {
        let rows = rows.iter().map(Into::into).collect();
        let request = wire::UpdateLogRequest { task_id: task.0, index: signed(index), rows, no_more };
        let answer: Answer<wire::UpdateLogResponse> = self.call().proto(&UPDATE_LOG, &request)?;
        let acknowledged = answer.message.ack_index;
        u64::try_from(acknowledged)
            .map_err(|_| self.malformed(&UPDATE_LOG, &format!("it acknowledges {acknowledged} rows")))
    }

    fn call(&self) -> Call<'_> {
        self.server.call(self.credentials.headers(), self.timeout)
    }

    fn malformed(&self, method: &Method, what: &str) -> Error {
        self.call().failed(method, Reason::Malformed { what: what.to_owned() })
    }
}
