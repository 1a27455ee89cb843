//! The concurrency group of a job or of a whole run.

use std::os::fd::BorrowedFd;
use std::sync::Arc;

use super::super::cancel::Cancel;
use super::super::execute::Resolve;
use super::super::schedule::Run;
use super::{Gates, Refusal};
use crate::concurrency::{Asked, Kept, MAX_NAME, MAX_WAITING, Wish};
use crate::expr::Scope;
use crate::output::Output;
use crate::output::event::{Event, JobName, Wait};
use crate::workflow::model::{Concurrency, Queue};

/// A `concurrency:`, evaluated.
#[derive(Clone, Debug)]
pub struct Group {
    name: String,
    cancel_in_progress: bool,
    queue: Queue,
}

impl Group {
    /// Evaluates it; says what is wrong where it can't be.
    pub fn of(concurrency: &Concurrency, scope: &dyn Scope) -> Result<Group, String> {
        let wrong = |what: String| format!("cannot evaluate `concurrency`: {what}");
        let name = concurrency.group.evaluate(scope).map_err(|e| wrong(e.to_string()))?;
        let cancel_in_progress =
            concurrency.cancel_in_progress.resolve(scope).map_err(|e| wrong(e.to_string()))?;
        if name.is_empty() {
            return Err(wrong(format!("the group `{}` has no name", concurrency.group.source())));
        }
        if name.chars().nth(MAX_NAME).is_some() {
            return Err(wrong(format!("the group's name is longer than {MAX_NAME} characters")));
        }
        if cancel_in_progress && concurrency.queue == Queue::Max {
            return Err(wrong("`queue: max` and `cancel-in-progress: true` contradict each other".into()));
        }
        Ok(Group { name, cancel_in_progress, queue: concurrency.queue })
    }

    /// Whether who has it ends for one that wants it.
    pub fn cancels(&self) -> bool {
        self.cancel_in_progress
    }

    /// In any case it is the same group.
    pub fn key(&self) -> String {
        self.name.to_lowercase()
    }
}

/// Waits for a group. Afterwards `cancel` is asked when somebody wants its holder to end.
pub fn enter(
    group: &Group,
    run: &Run,
    job: Option<&JobName>,
    output: &Output,
    stop: BorrowedFd<'_>,
    cancel: &Arc<Cancel>,
) -> Result<Kept, Refusal> {
    let Gates { run: id, groups, outer, own, .. } = &run.gates;
    let name = &group.name;
    if outer.iter().chain(own.get()).any(|held| *held == group.key()) {
        return Err(Refusal::from(format!(
            "it would wait for itself: a workflow or job that it is part of has the concurrency group `{name}`"
        )));
    }
    let of_job = job.map(|job| format!(", job {}", job.0)).unwrap_or_default();
    let who = output.shortened(&format!("run {id} ({}{of_job})", run.name));
    let (cancel_in_progress, queue) = (group.cancel_in_progress, group.queue);
    let wish = Wish { group: name.clone(), cancel_in_progress, queue, who };
    let asked = groups.ask(&wish, stop, |holder| {
        let message = format!("waits for the concurrency group `{name}`, which {holder} has");
        output.emit(Event::Waiting { job: job.cloned(), reason: Wait::Group, name: name.clone(), message });
    });
    let failed = |e| Refusal::from(format!("cannot enter the concurrency group `{name}`: {e}"));
    let ticket = match asked.map_err(failed)? {
        Asked::Has(ticket) => ticket,
        Asked::Replaced { by } => {
            let reason =
                format!("{by} took its place among those that wait for the concurrency group `{name}`");
            return Err(Refusal::cancelled(reason));
        }
        Asked::Full => {
            let reason = format!("{MAX_WAITING} wait already for the concurrency group `{name}`");
            return Err(Refusal::cancelled(reason));
        }
        Asked::Stopped => {
            let why = cancel.why().unwrap_or("it was cancelled");
            let reason = format!("{why} while it waited for the concurrency group `{name}`");
            return Err(Refusal::cancelled(reason));
        }
    };
    let (cancel, name) = (cancel.clone(), name.clone());
    ticket
        .keep(move |who| {
            cancel.ask(format!("{who} cancelled it: both are of the concurrency group `{name}`"))
        })
        .map_err(failed)
}
