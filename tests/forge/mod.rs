//! A scripted forge: a stand-in for a Forgejo or a Gitea that speaks their runner protocol on loopback, in this
//! process. It is no Forgejo. What it does was written from the recording of a real one (`proto/tests/`) and from
//! what is known of their code; it keeps what runners sent, notes where they break the protocol's rules, and
//! misbehaves as it is told to.

mod accept;
mod answer;
mod fault;
mod http;
mod job;
mod rules;
mod service;
mod state;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use answer::ID_TOKEN_REQUEST;
pub use fault::{Call, Fault, Method};
pub use job::{Job, need};
pub use palisade_proto::forgejo::{Conclusion, Dialect, LogRow, StepState, TaskState};
pub use state::{RunnerRecord, State, TaskRecord};

use accept::Listening;

use crate::{Certificate, authority};

/// The registration token that a fresh forge takes.
pub const REGISTRATION_TOKEN: &str = "k5qtTnGoKS7wtDe0XXaX8UBvJd9s2eCdHqke7KxE";

/// After this a wait fails: nothing that is waited for takes so long, it is only there so that a test ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a forge is like.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which server it stands in for.
    pub dialect: Dialect,
    /// Whether it is reached by `https`, with a certificate of a CA of its own.
    pub tls: bool,
    /// That certificate.
    pub certificate: Certificate,
    /// A path below which it is, such as `/git`.
    pub path: String,
    /// Whether it knows ephemeral runners, several tasks per call and keys of requests, as a Forgejo from 15 on.
    pub recent: bool,
    /// Whether it knows Declare, as a server from 1.21 on.
    pub declare: bool,
    /// Whether the rows of logs are kept; otherwise they are counted.
    pub keep_rows: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            dialect: Dialect::Forgejo,
            tls: false,
            certificate: Certificate::Issued,
            path: String::new(),
            recent: true,
            declare: true,
            keep_rows: true,
        }
    }
}

/// A forge that runs until it is dropped.
pub struct Forge {
    shared: Arc<Shared>,
    listening: Listening,
    tls: Option<TlsFiles>,
}

struct TlsFiles {
    _dir: TempDir,
    ca: PathBuf,
}

/// What the threads of a forge share.
struct Shared {
    setup: Setup,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that failed an assertion has said so; the others may still look.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Forge {
    /// A Forgejo of today.
    pub fn start() -> Forge {
        Forge::with(Setup::default())
    }

    /// One that is like this.
    pub fn with(setup: Setup) -> Forge {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new()),
            changed: Condvar::new(),
            setup: setup.clone(),
        });
        let (tls, server) = match setup.tls.then(|| authority(&["localhost"], setup.certificate)) {
            None => (None, None),
            Some(authority) => {
                let dir = tempfile::tempdir().expect("a temporary directory");
                let ca = dir.path().join("ca.pem");
                std::fs::write(&ca, &authority.pem).expect("the certificate is written");
                (Some(TlsFiles { _dir: dir, ca }), Some(authority.server))
            }
        };
        let listening = Listening::start(Arc::clone(&shared), server);
        let forge = Forge { shared, listening, tls };
        let address = forge.url();
        forge.change(|state| state.address = address);
        forge
    }

    /// Its address, as a runner registers with it.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        // The name is in the certificate.
        let host = if self.tls.is_some() { "localhost" } else { "127.0.0.1" };
        format!("{scheme}://{host}:{}{}", self.listening.port(), self.shared.setup.path)
    }

    /// The certificate of the CA that its own is from, in PEM.
    pub fn ca_file(&self) -> &Path {
        &self.tls.as_ref().expect("a forge with TLS").ca
    }

    /// Puts a job into the queue.
    pub fn enqueue(&self, job: Job) -> i64 {
        self.change(|state| state.enqueue(job))
    }

    /// Has a runner have a task that it didn't ask for: one of which only its host's disk knows.
    pub fn hand_out(&self, task: i64, uuid: &str) {
        self.change(|state| {
            let task = state.task_mut(task).expect("a task with this number");
            task.runner = Some(uuid.to_owned());
            task.handed_out += 1;
        });
    }

    /// Cancels a task, as somebody does on its page.
    pub fn cancel(&self, task: i64) {
        self.change(|state| state.end_by_server(task, Conclusion::Cancelled));
    }

    /// Ends a task that was silent or ran for too long, as the server's own clean-up does.
    pub fn time_out(&self, task: i64) {
        self.change(|state| state.end_by_server(task, Conclusion::Failure));
    }

    /// Forgets a task, as with its run or its repository.
    pub fn remove(&self, task: i64) {
        self.change(|state| state.task_mut(task).expect("a task with this number").removed = true);
    }

    /// Makes a runner, as an administrator does on the forge's page of runners; gives its UUID and token.
    pub fn make_runner(&self, name: &str, ephemeral: bool) -> (String, String) {
        self.change(|state| {
            let runner = state.new_runner(name.to_owned(), ephemeral);
            (runner.uuid.clone(), runner.token.clone())
        })
    }

    /// Forgets a runner: its calls are answered with `unauthenticated`.
    pub fn revoke(&self, uuid: &str) {
        self.change(|state| state.runner_mut(uuid).expect("a runner with this identifier").revoked = true);
    }

    /// Answers the next call of this kind with a fault.
    pub fn fail_next(&self, method: Method, fault: Fault) {
        self.fail(method, 0, 1, fault);
    }

    /// Lets `skip` calls of this kind pass, and answers `times` after them with a fault.
    pub fn fail(&self, method: Method, skip: u32, times: u32, fault: Fault) {
        self.change(|state| state.faults.add(method, skip, times, fault));
    }

    /// Asks the schedule at every call that no other fault is for.
    pub fn schedule(&self, schedule: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.change(|state| state.faults.schedule = Some(Box::new(schedule)));
    }

    /// Ends all faults, also those that keep a call waiting.
    pub fn heal(&self) {
        self.change(|state| state.faults.heal());
    }

    /// Refuses connections, and cuts those that are there. Its port stays its own.
    pub fn go_down(&self) {
        self.listening.stop();
        // An answer may have been on its way.
        self.change(State::forget_told);
    }

    /// Takes connections again.
    pub fn come_back(&self) {
        self.listening.resume();
    }

    /// Takes note that a runner was killed: it may not know what it was answered, and say it again.
    pub fn runner_was_killed(&self) {
        self.change(State::forget_told);
    }

    /// Looks at everything.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.lock())
    }

    /// Waits until there is something.
    pub fn wait<T>(&self, what: &str, look: impl Fn(&State) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        loop {
            if let Some(found) = look(&state) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{what}: it never came\n{}", state.summary());
            state = self
                .shared
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(|poisoned| poisoned.into_inner())
                .0;
        }
    }

    /// Waits for the end of a task, and gives what there is of it.
    pub fn ended(&self, task: i64) -> TaskRecord {
        self.wait(&format!("the end of task {task}"), |state| {
            state.task(task).filter(|task| task.conclusion().is_some() && task.reported()).cloned()
        })
    }

    /// Waits for the end of a task and of its log.
    pub fn closed(&self, task: i64) -> TaskRecord {
        self.wait(&format!("the end of the log of task {task}"), |state| {
            state.task(task).filter(|task| task.conclusion().is_some() && task.log_closed).cloned()
        })
    }

    /// Waits until a runner has taken a task.
    pub fn taken(&self, task: i64) -> TaskRecord {
        self.wait(&format!("that task {task} is taken"), |state| {
            state.task(task).filter(|task| task.runner.is_some()).cloned()
        })
    }

    /// Waits for a row of a task's log that contains a text.
    pub fn row(&self, task: i64, text: &str) {
        self.wait(&format!("`{text}` in the log of task {task}"), |state| {
            state.task(task)?.rows.iter().find(|row| row.content.contains(text)).map(|_| ())
        });
    }

    /// The rules of the protocol that runners have broken, in order.
    pub fn violations(&self) -> Vec<String> {
        self.look(|state| state.violations.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.shared.lock());
        self.shared.changed.notify_all();
        changed
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.heal();
        self.listening.stop();
    }
}
