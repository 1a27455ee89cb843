//! What a forge is to the daemon: it hands jobs out and is told how they go. One adapter is one module.
//!
//! A new forge is a type with [`Forge`], made in `cli/forges.rs`. It knows no job engine and no sandbox; what a job is made
//! of it puts into an [`Order`].

pub mod forgejo;
mod keys;
pub mod local;
pub mod summaries;

use std::fmt;
use std::time::SystemTime;

use crate::order::Order;
use crate::output::event::Conclusion;

/// A registered runner's side of a forge. Calls block, and each ends within about half a minute.
pub trait Forge: Send + Sync {
    /// Says that the runner is there and what it takes, at each start.
    fn announce(&self) -> Result<(), ForgeError>;

    /// Asks for a job. `afresh` has the forge look in any case; else it may answer from what it told last.
    fn fetch(&self, afresh: bool) -> Result<Option<Assigned>, ForgeError>;

    /// Whether it tells by itself of jobs that there weren't at the last fetch ([`has_news`](Self::has_news)), so that it
    /// needn't be asked now and then.
    fn tells_news(&self) -> bool {
        false
    }

    /// Whether there may be a job that there wasn't at the last fetch: what a forge tells that doesn't wait to be asked.
    fn has_news(&self) -> bool {
        false
    }

    /// What waits there to be run, where it can tell.
    fn waiting(&self) -> Option<Waiting> {
        None
    }

    /// Says that a job is written down on this host: it needn't be given again.
    fn begun(&self, _task: TaskId) {}

    /// Says that it couldn't be written down: the next fetches give it again, where the forge can.
    fn again(&self, _task: TaskId) {}

    /// Whether a fetch can give the next job before the last one has begun.
    fn gives_next(&self) -> bool {
        true
    }

    /// Says, at each start, which of its jobs this host goes on with, and which have ended here of late; others that it began
    /// are lost.
    fn resumed(&self, _tasks: &[TaskId], _ended: &[TaskId]) {}

    /// Whether it shows the states of steps; where it doesn't, the log itself tells when steps begin and end.
    fn shows_steps(&self) -> bool {
        true
    }

    /// Appends rows to a job's log, of which the first has the number `from`; gives how many the forge has now. What it
    /// had before stays as it is. `last` closes the log. Without rows it only tells.
    fn append(&self, task: TaskId, from: u64, rows: &[Row], last: bool) -> Result<u64, ForgeError>;

    /// Tells how a job goes. With an end, that is the forge's last word on it: the log is to be complete by then.
    fn report(&self, task: TaskId, progress: &Progress<'_>) -> Result<Standing, ForgeError>;
}

/// Jobs that wait to be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Waiting {
    /// How many.
    pub jobs: u64,
    /// Since when the oldest does.
    pub since: Option<SystemTime>,
}

/// A job by the number that its forge gives it; no other of the forge's jobs ever has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub struct TaskId(pub i64);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job that is this runner's from now on.
#[derive(Debug)]
pub struct Assigned {
    /// Its number.
    pub task: TaskId,
    /// What is to be done.
    pub order: Order,
    /// Since when it could have run, where the forge tells.
    pub since: Option<SystemTime>,
}

/// A row of a job's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it was written.
    pub time: SystemTime,
    /// Without a line end; of at most 60 KiB.
    pub text: String,
    /// It is palisade's word, not what a step has printed.
    pub own: bool,
}

/// Where a step stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepState {
    /// When it began; none for one that was skipped.
    pub started: Option<SystemTime>,
    /// When it ended.
    pub stopped: Option<SystemTime>,
    /// How it ended, before `continue-on-error`.
    pub result: Option<Conclusion>,
    /// The row that it begins at.
    pub log_index: u64,
    /// How many rows it has.
    pub log_length: u64,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its result.
    pub result: Conclusion,
    /// Its outputs.
    pub outputs: Vec<(String, String)>,
    /// When.
    pub at: SystemTime,
}

/// How a job goes.
#[derive(Debug)]
pub struct Progress<'a> {
    /// When it began.
    pub started: SystemTime,
    /// Its steps, in their order.
    pub steps: &'a [StepState],
    /// How it ended, if it did and its log is complete.
    pub ended: Option<&'a Ended>,
}

/// What a job is to its forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is to go on.
    Running,
    /// It is over: cancelled by somebody, or given up.
    Over,
}

/// Why a forge did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ForgeError {
    /// It may do so the next time.
    #[error("{0}")]
    Transient(String),
    /// It doesn't know this runner any more.
    #[error("{0}")]
    Revoked(String),
    /// It doesn't know the job any more.
    #[error("{0}")]
    Gone(String),
    /// The job's log is closed: what it has is all that it takes.
    #[error("{0}")]
    LogClosed(String),
    /// It takes less at a time.
    #[error("{0}")]
    TooLarge(String),
    /// It never will.
    #[error("{0}")]
    Refused(String),
}
