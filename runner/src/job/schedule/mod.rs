//! The jobs of a run: what waits for what, what runs side by side, what is skipped.

mod decide;
mod end;
mod run;
mod standing;
mod start;

use std::collections::{HashSet, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

pub use self::run::{Elsewhere, Run};
pub use self::standing::together;
use super::cancel::{Cancel, Urgency};
use super::contexts::JobContexts;
use super::execute::{Fault, Finished};
use super::gate::{self, Group};
use super::plan::Plan;
use crate::expr::Value;
use crate::output::Output;
use crate::output::event::{Conclusion, Event, JobName, Masking};
use crate::workflow::model::Job;

/// How long threads have to end their jobs after an order to stop at once, before the process ends and
/// takes the sandboxes with it.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct RunEnd {
    /// Success, failure or cancelled.
    pub result: Conclusion,
    /// It was interrupted.
    pub interrupted: bool,
    /// The gravest fault of a job.
    pub fault: Option<Fault>,
}

/// Why there is no run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workflow says something of it that means nothing here.
    #[error("{0}")]
    Invalid(String),
    /// The machine can't.
    #[error("cannot run the jobs: {0}")]
    Io(#[from] std::io::Error),
}

/// Where orders to stop the whole run come from: readable when there is one.
pub trait Interrupts {
    /// The descriptor.
    fn as_fd(&self) -> BorrowedFd<'_>;
    /// How many orders have come since it was last asked.
    fn take(&self) -> usize;
}

/// Where one entry of `jobs:` stands.
enum State {
    Waiting,
    /// How many of its jobs are to end yet, and what those before gave.
    Started {
        left: usize,
        results: Vec<Conclusion>,
        outputs: IndexMap<String, String>,
    },
    Done {
        result: Conclusion,
        outputs: IndexMap<String, String>,
    },
}

/// One job of the matrix of an entry.
struct Instance {
    entry: usize,
    name: JobName,
    contexts: JobContexts,
}

/// A job that runs.
struct Active {
    entry: usize,
    cancel: Arc<Cancel>,
}

struct Scheduler<'a> {
    run: &'a Arc<Run>,
    /// What stands before the names of its jobs.
    prefix: String,
    output: &'a Output,
    plan: Plan,
    states: Vec<State>,
    ready: VecDeque<Instance>,
    active: Vec<Option<Active>>,
    names: HashSet<JobName>,
    done: (Sender<Done>, Receiver<Done>),
    wake: Arc<EventFd>,
    /// There was an order to stop it.
    cancelled: bool,
    /// The user gave it.
    interrupted: bool,
    fault: Option<Fault>,
}

/// A thread's word that its job has ended.
struct Done {
    slot: usize,
    finished: Finished,
}

/// Runs a plan to its end.
pub fn run(
    run: &Arc<Run>,
    plan: Plan,
    trigger: &str,
    output: &Output,
    interrupts: &dyn Interrupts,
) -> Result<RunEnd, RunError> {
    let start = Instant::now();
    let scope = run.contexts.of_workflow();
    let name = match &run.workflow.run_name {
        Some(name) => Some(name.evaluate(&scope).map_err(|e| RunError::Invalid(format!("`run-name`: {e}")))?),
        None => None,
    };
    let group = run.workflow.concurrency.as_ref().map(|concurrency| Group::of(concurrency, &scope));
    let group = group.transpose().map_err(RunError::Invalid)?;
    let cancel = Arc::new(Cancel::new().map_err(std::io::Error::from)?);
    let mut scheduler = Scheduler::new(run, plan, String::new(), output)?;
    output.emit(Event::RunStarted {
        workflow: run.name.clone(),
        trigger: trigger.to_owned(),
        name: name.filter(|name| !name.is_empty()).map(|name| output.shortened(&name)),
        run: run.gates.run().to_owned(),
        jobs: scheduler.plan.entries.len(),
        steps: scheduler
            .plan
            .entries
            .iter()
            .map(|entry| run.workflow.jobs[entry.id.as_str()].steps().len())
            .sum(),
    });
    let entered = group.map(|group| {
        let kept = gate::enter(&group, run, None, output, interrupts.as_fd(), &cancel)?;
        run.gates.have(&group);
        Ok(kept)
    });
    let mut reason = None;
    match entered.transpose() {
        Ok(kept) => {
            scheduler.drive(interrupts, Some(&cancel))?;
            reason = cancel.why().map(str::to_owned);
            drop(kept);
        }
        Err(refusal) => {
            scheduler.interrupted = interrupts.take() > 0;
            scheduler.settle_all(&refusal);
            reason.get_or_insert(refusal.reason);
        }
    }
    let end = scheduler.end();
    let milliseconds = start.elapsed().as_millis() as u64;
    let masking = Masking::default();
    output.emit(Event::RunFinished { result: end.result, milliseconds, reason, masking });
    Ok(end)
}

/// Runs the plan of a workflow that the job `caller` calls.
pub fn run_called(
    run: &Arc<Run>,
    plan: Plan,
    caller: &JobName,
    output: &Output,
    interrupts: &dyn Interrupts,
) -> std::io::Result<Ended> {
    let mut scheduler = Scheduler::new(run, plan, format!("{} / ", caller.0), output)?;
    scheduler.drive(interrupts, None)?;
    let jobs = (0..scheduler.states.len())
        .filter_map(|entry| Some((scheduler.plan.entries[entry].id.clone(), scheduler.result_of(entry)?)));
    Ok(Ended { jobs: jobs.collect(), end: scheduler.end() })
}

/// How a run ended, with what each of its jobs gave.
pub struct Ended {
    /// The whole.
    pub end: RunEnd,
    jobs: IndexMap<String, Value>,
}

impl Ended {
    /// Result and outputs of an entry of `jobs:`, as in the `needs` and `jobs` contexts.
    pub fn job(&self, id: &str) -> Option<Value> {
        self.jobs.get(id).cloned()
    }
}

impl<'a> Scheduler<'a> {
    fn new(run: &'a Arc<Run>, plan: Plan, prefix: String, output: &'a Output) -> std::io::Result<Self> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let states = plan.entries.iter().map(|_| State::Waiting).collect();
        Ok(Scheduler {
            run,
            prefix,
            output,
            plan,
            states,
            ready: VecDeque::new(),
            active: Vec::new(),
            names: HashSet::new(),
            done: channel(),
            wake: Arc::new(wake),
            cancelled: false,
            interrupted: false,
            fault: None,
        })
    }

    fn end(&self) -> RunEnd {
        RunEnd { result: self.result(), interrupted: self.interrupted, fault: self.fault }
    }

    /// Runs everything. `cancel` is an order to stop that isn't the user's.
    fn drive(&mut self, interrupts: &dyn Interrupts, mut cancel: Option<&Cancel>) -> std::io::Result<()> {
        let mut last = None;
        loop {
            self.decide();
            self.start();
            if self.running() == 0 && self.ready.is_empty() {
                return Ok(());
            }
            let timeout = match last {
                None => PollTimeout::NONE,
                Some(until) => {
                    let left = Instant::saturating_duration_since(&until, Instant::now());
                    PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO)
                }
            };
            let watched = [Some(self.wake.as_fd()), Some(interrupts.as_fd()), cancel.map(Cancel::asked)];
            let mut fds: Vec<PollFd<'_>> =
                watched.into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
            match poll(&mut fds, timeout) {
                Ok(0) if last.is_some() => return Ok(()),
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
            let ordered = cancel.take_if(|cancel| cancel.urgency() != Urgency::None).is_some();
            if ordered && !self.cancelled {
                self.cancel();
            }
            for _ in 0..interrupts.take() {
                self.interrupted = true;
                if self.cancel() == Urgency::AtOnce {
                    last.get_or_insert(Instant::now() + LAST_GRACE);
                }
            }
            let _ = self.wake.read();
            while let Ok(done) = self.done.1.try_recv() {
                self.ended(done);
            }
        }
    }

    fn job<'r>(&self, run: &'r Run, entry: usize) -> &'r Job {
        &run.workflow.jobs[self.plan.entries[entry].id.as_str()]
    }

    fn running(&self) -> usize {
        self.active.iter().flatten().count()
    }
}

/// Tells of a job that ends without having started.
fn tell(output: &Output, job: JobName, result: Conclusion, reason: String) {
    let (reason, outputs) = (Some(reason), Vec::new());
    output.emit(Event::JobFinished { job, result, milliseconds: 0, reason, outputs });
}
