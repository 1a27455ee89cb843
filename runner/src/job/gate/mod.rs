//! What a job, or a whole run, has to pass before it starts: its concurrency group, then its environment, then a
//! place among those that run side by side.

mod environment;
mod group;
mod reference;

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::cancel::Cancel;
use super::contexts::{JobContexts, RunContexts, Standing, View};
use super::execute::Fault;
use super::schedule::Run;
use super::slots::Slot;
use crate::concurrency::{Groups, Kept};
use crate::environment::Environments;
use crate::output::Output;
use crate::output::event::{Conclusion, JobName};
use crate::state::State;
use crate::workflow::model::{Job, Work};

pub use environment::Entered;
pub use group::{Group, enter};

/// What decides whether the jobs of a run may start.
#[derive(Debug)]
pub struct Gates {
    /// What the run is called on this machine.
    run: String,
    groups: Groups,
    /// Where those can say so who have to approve.
    state: State,
    environments: Arc<Environments>,
    /// Concurrency groups of the workflows and jobs that it is part of.
    outer: Vec<String>,
    /// The one of the run itself, once it has it.
    own: OnceLock<String>,
}

impl Gates {
    /// Those of a new run of a repository.
    pub fn new(state: State, repository: String, environments: Environments) -> Gates {
        Gates {
            run: new_id(),
            groups: Groups::new(state.clone(), repository),
            state,
            environments: Arc::new(environments),
            outer: Vec::new(),
            own: OnceLock::new(),
        }
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
        Gates {
            run: self.run.clone(),
            groups: self.groups.clone(),
            state: self.state.clone(),
            environments: self.environments.clone(),
            outer,
            own: OnceLock::new(),
        }
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

/// A job or run that doesn't start.
#[derive(Debug)]
pub struct Refusal {
    /// Failure or cancelled.
    pub result: Conclusion,
    /// Why.
    pub reason: String,
    /// Whose fault it is, where that isn't the job's own.
    pub fault: Option<Fault>,
}

/// What is wrong is a failure.
impl From<String> for Refusal {
    fn from(reason: String) -> Refusal {
        Refusal { result: Conclusion::Failure, reason, fault: None }
    }
}

impl Refusal {
    /// Somebody wanted so.
    pub fn cancelled(reason: String) -> Refusal {
        Refusal { result: Conclusion::Cancelled, reason, fault: None }
    }

    /// A rule is against it.
    pub fn by_rule(reason: String) -> Refusal {
        Refusal { result: Conclusion::Failure, reason, fault: Some(Fault::Refused) }
    }
}

/// What a job has passed with.
#[derive(Debug)]
pub struct Passed {
    /// Its concurrency group, which is free again when this is dropped.
    pub group: Option<(Group, Kept)>,
    /// Its environment.
    pub environment: Option<Entered>,
    /// The run's contexts with the secrets that the configuration refers to, where it does.
    pub contexts: Option<RunContexts>,
}

impl Passed {
    /// What the job has of the run's contexts.
    pub fn contexts<'a>(&'a self, run: &'a RunContexts) -> &'a RunContexts {
        let of_environment = self.environment.as_ref().map(|entered| &entered.contexts);
        self.contexts.as_ref().or(of_environment).unwrap_or(run)
    }
}

/// Whether a job has to wait for more than a place.
pub fn stand_before(job: &Job) -> bool {
    job.concurrency.is_some() || job.environment.is_some()
}

/// Waits for all that a job needs before it starts.
pub fn pass(
    run: &Run,
    job: &Job,
    name: &JobName,
    contexts: &JobContexts,
    cancel: &Arc<Cancel>,
    output: &Output,
    place: &mut Option<Slot>,
) -> Result<Passed, Refusal> {
    let view = View::of_job(&run.contexts, contexts, Standing::FRESH);
    let group = match &job.concurrency {
        Some(concurrency) => {
            let group = Group::of(concurrency, &view)?;
            let kept = enter(&group, run, Some(name), output, cancel.asked(), cancel)?;
            Some((group, kept))
        }
        None => None,
    };
    let environment = match &job.environment {
        Some(environment) => environment::enter(environment, run, name, &view, cancel, output)?,
        None => None,
    };
    if place.is_none() && matches!(job.work, Work::Steps(_)) {
        let failed = |e| Refusal::from(format!("cannot wait for a place: {e}"));
        *place = run.slots.wait(cancel.asked()).map_err(failed)?;
        if place.is_none() {
            let why = cancel.why().unwrap_or("it was cancelled before it started");
            return Err(Refusal::cancelled(why.to_owned()));
        }
    }
    let contexts = match job.work {
        Work::Steps(_) => reference::refer(run, environment.as_ref()),
        Work::Call(_) => None,
    };
    Ok(Passed { group, environment, contexts })
}
