//! Palisade's own queue, for a host without any forge: commits that people of this host hand over, which the daemon
//! runs as it runs the jobs of forges.
//!
//! `submission` is what is handed over: whoever submits has read the workflows and says which jobs there are, so that
//! the daemon needn't. `store` keeps runs and jobs in SQLite, `advance` says what becomes of them when something has
//! happened, `log` keeps what jobs print. `serve` is the socket, `wire` what is said over it, `client` the other side.
//! `forge/local.rs` is how the daemon sees all this.

mod advance;
pub mod client;
mod job;
mod log;
mod run;
mod serve;
mod store;
mod submission;
#[cfg(test)]
mod tests;
pub mod wire;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode};

use crate::config::Local;
use crate::forge::{TaskId, Waiting};
use crate::state::State;

pub use run::{Job, Run};
pub use serve::{ServeError, spawn as serve};
pub use submission::{Entry, Planned, Submission};

use log::Log;

/// The queue's own directory, in the state directory.
const DIRECTORY: &str = "queue";

/// What an administrator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[local]`
    pub local: Local,
    /// Bytes of free space that taking a commit in has to leave.
    pub min_free: u64,
}

/// Why the queue did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The database.
    #[error("the queue's database: {0}")]
    Store(#[from] rusqlite::Error),
    /// A file of the queue's.
    #[error("the queue's files: {0}")]
    Io(#[from] io::Error),
    /// What stands in the database can't be.
    #[error("the queue's database is damaged: {0}")]
    Damaged(String),
    /// What was handed over is no submission.
    #[error("{0}")]
    Invalid(String),
    /// There is no room.
    #[error("the queue is full: {waiting} jobs wait, and `local.max-queue` is {most}")]
    Full {
        /// How many there are.
        waiting: usize,
        /// How many there may be.
        most: usize,
    },
    /// There is no room on the disk.
    #[error(
        "too little disk space: {free} bytes are free, the commit takes {size}, and `daemon.min-free` is {least}"
    )]
    NoSpace {
        /// How much there is, in bytes.
        free: u64,
        /// How much it would take.
        size: u64,
        /// How much has to be left.
        least: u64,
    },
    /// Nothing has the number.
    #[error("there is no run or job {0}; `palisade jobs` lists those that there are")]
    Unknown(wire::Id),
}

impl QueueError {
    /// Whether the database itself is at fault, and not the disk that it is on.
    pub fn is_damage(&self) -> bool {
        let code = |error: &rusqlite::Error| error.sqlite_error_code();
        match self {
            QueueError::Damaged(_) => true,
            QueueError::Store(error) => {
                matches!(code(error), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            }
            _ => false,
        }
    }
}

impl From<serde_json::Error> for QueueError {
    fn from(error: serde_json::Error) -> QueueError {
        QueueError::Damaged(error.to_string())
    }
}

/// The queue, shared by the daemon's threads.
pub struct Queue {
    directory: PathBuf,
    settings: RwLock<Settings>,
    store: Mutex<Connection>,
    logs: Mutex<HashMap<TaskId, Log>>,
    /// The step that runs, and how many there are, of jobs that run.
    steps: Mutex<HashMap<TaskId, (Option<usize>, usize)>>,
    /// There may be a job to run.
    news: AtomicBool,
    /// Called when there may be.
    wake: Box<dyn Fn() + Send + Sync>,
    changes: Mutex<u64>,
    changed: Condvar,
    /// What waited when so much had changed.
    waiting: Mutex<Option<(u64, Waiting)>>,
}

impl Queue {
    /// Opens it. `wake` is called, from any thread, when there may be a job to run.
    pub fn open(
        state: &State,
        settings: Settings,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Queue, QueueError> {
        let directory = state.dir(DIRECTORY)?;
        for name in [log::DIRECTORY, submission::BUNDLES] {
            fs::create_dir_all(directory.join(name))?;
        }
        let store = store::open(&directory)?;
        let queue = Queue {
            directory,
            settings: RwLock::new(settings),
            store: Mutex::new(store),
            logs: Mutex::default(),
            steps: Mutex::default(),
            news: AtomicBool::new(true),
            wake: Box::new(wake),
            changes: Mutex::default(),
            changed: Condvar::new(),
            waiting: Mutex::default(),
        };
        queue.sweep()?;
        Ok(queue)
    }

    /// Changes what an administrator decides.
    pub fn set(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// What an administrator has decided.
    pub fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there may be a job to run.
    pub fn has_news(&self) -> bool {
        self.news.load(Ordering::SeqCst)
    }

    /// The socket by which the daemon's own user and root reach it.
    pub fn socket(state: &State) -> Option<PathBuf> {
        state.root().map(|root| root.join(DIRECTORY).join(serve::SOCKET))
    }

    fn told(&self, news: bool) {
        if news {
            self.news.store(true, Ordering::SeqCst);
            (self.wake)();
        }
        *lock(&self.changes) += 1;
        self.changed.notify_all();
    }

    /// What waits to be run, what depends on other jobs included.
    pub fn waiting(&self) -> Result<Waiting, QueueError> {
        let changes = *lock(&self.changes);
        let mut known = lock(&self.waiting);
        if let Some((_, waiting)) = known.filter(|(then, _)| *then == changes) {
            return Ok(waiting);
        }
        let waiting = store::waiting(&lock(&self.store))?;
        *known = Some((changes, waiting));
        Ok(waiting)
    }

    /// Waits until something has changed since, but not for longer than this; gives what to compare the next time.
    fn wait(&self, since: u64, time: Duration) -> u64 {
        let changes = lock(&self.changes);
        let same = |changes: &mut u64| *changes == since;
        *self.changed.wait_timeout_while(changes, time, same).unwrap_or_else(PoisonError::into_inner).0
    }

    fn bundles(&self) -> PathBuf {
        self.directory.join(submission::BUNDLES)
    }

    fn log_path(&self, task: TaskId) -> PathBuf {
        log::path(&self.directory, task)
    }

    /// Removes files that no run has: what a killed daemon was about to keep, or to remove.
    fn sweep(&self) -> Result<(), QueueError> {
        let (bundles, jobs) = store::files(&lock(&self.store))?;
        let remove = |directory: &Path, is_kept: &dyn Fn(&str) -> bool| -> io::Result<()> {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                if !entry.file_name().to_str().is_some_and(is_kept) {
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(())
        };
        remove(&self.bundles(), &|name| bundles.contains(name))?;
        remove(&self.directory.join(log::DIRECTORY), &|name| {
            name.parse().is_ok_and(|id: i64| jobs.contains(&id))
        })?;
        Ok(())
    }
}

/// Milliseconds since 1970, as the database has times.
fn millis(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// A thread that panicked has left a whole value behind: what it had begun to write is rolled back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
