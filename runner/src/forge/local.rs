//! Palisade's own queue, as a forge of this host.

use std::sync::Arc;

use super::{Assigned, Forge, ForgeError, Progress, Row, Standing, TaskId, Waiting};
use crate::queue::{Queue, QueueError};

/// What the runner that serves the queue is called on this host.
pub const RUNNER: &str = "local";

/// The queue.
pub struct Local(Arc<Queue>);

impl Local {
    /// The daemon's side of it.
    pub fn new(queue: Arc<Queue>) -> Local {
        Local(queue)
    }
}

impl Forge for Local {
    fn announce(&self) -> Result<(), ForgeError> {
        Ok(())
    }

    fn fetch(&self, afresh: bool) -> Result<Option<Assigned>, ForgeError> {
        if !afresh && !self.0.has_news() {
            return Ok(None);
        }
        Ok(self.0.give()?)
    }

    fn tells_news(&self) -> bool {
        true
    }

    fn has_news(&self) -> bool {
        self.0.has_news()
    }

    fn waiting(&self) -> Option<Waiting> {
        self.0.waiting().ok()
    }

    fn begun(&self, task: TaskId) {
        // It is given again, and then known as one that has begun.
        let _ = self.0.begun(task);
    }

    fn gives_next(&self) -> bool {
        // It gives the same one again.
        false
    }

    fn resumed(&self, tasks: &[TaskId], ended: &[TaskId]) {
        // The next start tells them to be lost.
        let _ = self.0.resumed(tasks, ended);
    }

    fn shows_steps(&self) -> bool {
        false
    }

    fn append(&self, task: TaskId, from: u64, rows: &[Row], last: bool) -> Result<u64, ForgeError> {
        Ok(self.0.append(task, from, rows, last)?)
    }

    fn report(&self, task: TaskId, progress: &Progress<'_>) -> Result<Standing, ForgeError> {
        if let Some(ended) = progress.ended {
            self.0.end(task, ended, None)?;
            return Ok(Standing::Over);
        }
        let step = progress.steps.iter().position(|step| step.started.is_some() && step.result.is_none());
        Ok(match self.0.progress(task, step, progress.steps.len())? {
            true => Standing::Running,
            false => Standing::Over,
        })
    }
}

impl From<QueueError> for ForgeError {
    fn from(error: QueueError) -> ForgeError {
        let text = error.to_string();
        match error {
            QueueError::Store(_) | QueueError::Io(_) => ForgeError::Transient(text),
            QueueError::Damaged(_)
            | QueueError::Invalid(_)
            | QueueError::Full { .. }
            | QueueError::NoSpace { .. }
            | QueueError::Unknown(_) => ForgeError::Refused(text),
        }
    }
}
