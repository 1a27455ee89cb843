//! What a job, or a whole run, has to wait for before it starts: its concurrency group.

use std::os::fd::BorrowedFd;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::cancel::Cancel;
use super::execute::Resolve;
use super::schedule::Run;
use crate::concurrency::{Asked, Groups, Kept, MAX_NAME, MAX_WAITING, Wish};
use crate::expr::Scope;
use crate::output::Output;
use crate::output::event::{Conclusion, Event, JobName, Wait};
use crate::workflow::model::{Concurrency, Queue};

/// What decides whether the jobs of a run may start.
#[derive(Debug)]
pub struct Gates {
    /// What the run is called on this machine.
    run: String,
    groups: Groups,
    /// Concurrency groups of the workflows and jobs that it is part of.
    outer: Vec<String>,
    /// The one of the run itself, once it has it.
    own: OnceLock<String>,
}

impl Gates {
    /// Those of a new run.
    pub fn new(groups: Groups) -> Gates {
        Gates { run: new_id(), groups, outer: Vec::new(), own: OnceLock::new() }
    }

    /// The id of the run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Those of a run that is part of this one, within a job that has the group.
    pub fn within(&self, group: Option<&Group>) -> Gates {
        let mut outer = self.outer.clone();
        outer.extend(self.own.get().cloned());
        outer.extend(group.map(Group::key));
        Gates { run: self.run.clone(), groups: self.groups.clone(), outer, own: OnceLock::new() }
    }

    /// Takes note of the run's own group.
    pub fn have(&self, group: &Group) {
        let _ = self.own.set(group.key());
    }
}

/// Eight digits that no other run of this machine is likely to have.
fn new_id() -> String {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    let digest = Sha256::digest(format!("{} {now}", std::process::id()));
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

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

    /// In any case it is the same group.
    fn key(&self) -> String {
        self.name.to_lowercase()
    }
}

/// A job or run that doesn't start.
#[derive(Debug)]
pub struct Refusal {
    /// Failure or cancelled.
    pub result: Conclusion,
    /// Why.
    pub reason: String,
}

/// What is wrong is a failure.
impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal { result: Conclusion::Failure, reason }
    }
}

impl Refusal {
    /// Somebody wanted so.
    pub fn cancelled(reason: String) -> Refusal {
        Refusal { result: Conclusion::Cancelled, reason }
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
    let Gates { run: id, groups, outer, own } = &run.gates;
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
