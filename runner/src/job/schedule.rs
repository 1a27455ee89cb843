//! The jobs of a run: what waits for what, what runs side by side, what is skipped.

use std::collections::{HashSet, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::call;
use super::cancel::{Cancel, Urgency};
use super::contexts::{JobContexts, RunContexts, Standing, View};
use super::execute::{self, Execution, Fault, Finished};
use super::gate::{self, Gates, Group, Refusal};
use super::legs::{self, Together};
use super::matrix;
use super::place::Place;
use super::plan::Plan;
use super::slots::{Slot, Slots};
use crate::action::Actions;
use crate::expr::{Object, Value};
use crate::identity::Broker;
use crate::order::{LEGS, Legs};
use crate::output::Output;
use crate::output::event::{Conclusion, Event, JobName, Masking};
use crate::store::Stores;
use crate::workflow::model::{Job, Work, Workflow};
use crate::workflow::{Called, WorkflowFile};

/// How long threads have to end their jobs after an order to stop at once, before the process ends and
/// takes the sandboxes with it.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// Everything that the jobs of a run share.
pub struct Run {
    /// What it says.
    pub workflow: Arc<Workflow>,
    /// Its file, where it is called by another workflow.
    pub file: Option<WorkflowFile>,
    /// What the workflow is called.
    pub name: String,
    /// Contexts.
    pub contexts: RunContexts,
    /// Variables for every step, besides the workflow's.
    pub extra_env: Vec<(String, String)>,
    /// Sandbox, tree and tools.
    pub place: Arc<Place>,
    /// How many jobs run side by side.
    pub slots: Arc<Slots>,
    /// The workflows that it calls, directly or not.
    pub called: Arc<Called>,
    /// Actions of other repositories.
    pub actions: Arc<Actions>,
    /// What decides whether its jobs may start.
    pub gates: Gates,
    /// What jobs pass on.
    pub stores: Arc<Stores>,
    /// What steps may have of others, and by what.
    pub identity: Arc<Broker>,
    /// What its jobs need of jobs that a forge had others run.
    pub elsewhere: Vec<Elsewhere>,
}

/// A job that ran elsewhere.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Its key under `jobs:`.
    pub id: String,
    /// Whether the job here names it; else one does that it needs.
    pub direct: bool,
    /// Its result.
    pub result: Conclusion,
    /// Its outputs.
    pub outputs: Vec<(String, String)>,
}

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

    /// Starts, skips or fails each entry whose needs have ended. Entries stand after what they need, so
    /// one pass settles all that can be settled.
    fn decide(&mut self) {
        for entry in 0..self.states.len() {
            if matches!(self.states[entry], State::Waiting)
                && self.plan.entries[entry]
                    .needs
                    .iter()
                    .all(|n| matches!(self.states[*n], State::Done { .. }))
            {
                self.decide_one(entry);
            }
        }
    }

    fn decide_one(&mut self, entry: usize) {
        let run = self.run.clone();
        let job = self.job(&run, entry);
        let base =
            JobContexts { id: job.id.value.clone(), needs: self.needs(entry), ..JobContexts::default() };
        match self.holds(&run, job, entry, &base) {
            Err(error) => return self.settle(entry, Conclusion::Failure, format!("`if`: {error}")),
            Ok(false) if self.cancelled => {
                return self.settle(entry, Conclusion::Cancelled, "the run was cancelled".into());
            }
            Ok(false) => {
                let reason = match &job.condition {
                    Some(_) => "its condition is false".to_owned(),
                    None => "a job that it needs did not succeed".to_owned(),
                };
                return self.settle(entry, Conclusion::Skipped, reason);
            }
            Ok(true) => {}
        }
        let rights =
            run.contexts.rights.of_job(job.permissions.as_deref(), run.workflow.permissions.as_deref());
        let base = match rights {
            Ok(rights) => JobContexts { rights, ..base },
            Err(error) => {
                self.fault = self.fault.max(Some(Fault::Refused));
                return self.settle(entry, Conclusion::Failure, error.to_string());
            }
        };
        let view = View::of_job(&run.contexts, &base, Standing::FRESH);
        let combinations = match (&job.strategy.matrix, self.plan.entries[entry].combinations.take()) {
            (None, _) => Ok(vec![None]),
            (Some(_), Some(known)) => Ok(known.into_iter().map(Some).collect()),
            (Some(matrix), None) => matrix::expand(&matrix.value, &view)
                .map(|all| all.into_iter().filter(|c| self.plan.fits(c)).map(Some).collect::<Vec<_>>()),
        };
        let combinations = match combinations {
            Ok(combinations) if combinations.is_empty() => {
                return self.settle(entry, Conclusion::Skipped, "its matrix has no combination left".into());
            }
            Ok(combinations) => combinations,
            Err(error) => return self.settle(entry, Conclusion::Failure, error.to_string()),
        };
        if self.plan.entries[entry].only_tells {
            return match legs::legs(&run.contexts, job, &base, combinations) {
                Ok(legs) => self.tell_legs(entry, &legs),
                Err(error) => self.settle(entry, Conclusion::Failure, error.to_string()),
            };
        }
        match self.instances(&run, job, entry, &base, combinations) {
            Ok(instances) => {
                self.states[entry] =
                    State::Started { left: instances.len(), results: Vec::new(), outputs: IndexMap::new() };
                self.ready.extend(instances);
            }
            Err(error) => self.settle(entry, Conclusion::Failure, error.to_string()),
        }
    }

    /// Ends an entry whose jobs others run: what they are is its output.
    fn tell_legs(&mut self, entry: usize, legs: &Legs) {
        let text = serde_json::to_string(legs).unwrap_or_default();
        let outputs = vec![(LEGS.to_owned(), text)];
        let (job, result) = (self.unique(self.plan.entries[entry].id.clone()), Conclusion::Success);
        self.output.emit(Event::JobFinished { job, result, milliseconds: 0, reason: None, outputs });
        self.states[entry] = State::Done { result, outputs: IndexMap::new() };
    }

    fn instances(
        &mut self,
        run: &Run,
        job: &Job,
        entry: usize,
        base: &JobContexts,
        combinations: Vec<Option<Object>>,
    ) -> Result<Vec<Instance>, crate::expr::EvalError> {
        let (first, total) = self.plan.entries[entry].place.unwrap_or((0, combinations.len()));
        let outer = View::of_job(&run.contexts, base, Standing::FRESH);
        let Together { fail_fast, max_parallel: limit } = legs::together(job, &outer, total)?;
        self.plan.entries[entry].fail_fast = fail_fast;
        self.plan.entries[entry].max_parallel = limit;
        let mut instances = Vec::with_capacity(combinations.len());
        for (index, combination) in combinations.into_iter().enumerate() {
            let strategy: Object = [
                ("fail-fast", Value::Bool(fail_fast)),
                ("job-index", Value::Number((first + index) as f64)),
                ("job-total", Value::Number(total as f64)),
                ("max-parallel", Value::Number(limit.unwrap_or(total) as f64)),
            ]
            .into_iter()
            .collect();
            let contexts = JobContexts {
                id: base.id.clone(),
                needs: base.needs.clone(),
                matrix: combination.clone().map(Value::from).unwrap_or_default(),
                strategy: Value::from(strategy),
                rights: base.rights.clone(),
            };
            let view = View::of_job(&run.contexts, &contexts, Standing::FRESH);
            let name = legs::name(job, &view, combination.as_ref())?;
            let name = self.unique(name);
            instances.push(Instance { entry, name, contexts });
        }
        Ok(instances)
    }

    /// A name that no other job of the run has: events tell jobs apart by it.
    fn unique(&mut self, name: String) -> JobName {
        let name = format!("{}{name}", self.prefix);
        let mut unique = JobName(name.as_str().into());
        let mut number = 2;
        while !self.names.insert(unique.clone()) {
            unique = JobName(format!("{name} #{number}").into());
            number += 1;
        }
        unique
    }

    /// Ends all entries of a run of which nothing runs.
    fn settle_all(&mut self, refusal: &Refusal) {
        for entry in 0..self.states.len() {
            self.settle(entry, refusal.result, refusal.reason.clone());
        }
    }

    /// Ends an entry of which nothing runs.
    fn settle(&mut self, entry: usize, result: Conclusion, reason: String) {
        let run = self.run.clone();
        let job = self.job(&run, entry);
        let shown = job.name.as_ref().and_then(|name| name.as_literal().map(str::to_owned));
        let name = self.unique(shown.unwrap_or_else(|| job.id.value.clone()));
        tell(self.output, name, result, reason);
        self.states[entry] = State::Done { result, outputs: IndexMap::new() };
    }

    /// Starts as many of the ready jobs as may run.
    fn start(&mut self) {
        let mut held_back = VecDeque::new();
        while let Some(instance) = self.ready.pop_front() {
            let limit = self.plan.entries[instance.entry].max_parallel;
            let same = self.active.iter().flatten().filter(|a| a.entry == instance.entry).count();
            if limit.is_some_and(|limit| same >= limit) {
                held_back.push_back(instance);
                continue;
            }
            let run = self.run.clone();
            let job = self.job(&run, instance.entry);
            // A call does nothing itself: its jobs take places. What waits for something takes one afterwards.
            let takes_none = matches!(job.work, Work::Call(_)) || gate::stand_before(job);
            let slot = if takes_none { None } else { self.run.slots.take(&self.wake) };
            if slot.is_none() && !takes_none {
                held_back.push_back(instance);
                break;
            }
            self.start_one(instance, slot);
        }
        held_back.append(&mut self.ready);
        self.ready = held_back;
    }

    fn start_one(&mut self, instance: Instance, place: Option<Slot>) {
        let Instance { entry, name, contexts } = instance;
        let cancel = match Cancel::new() {
            Ok(cancel) => Arc::new(cancel),
            Err(e) => return self.not_started(entry, name, &e.to_string()),
        };
        let slot = self.active.len();
        let mut report = Report {
            done: self.done.0.clone(),
            wake: self.wake.clone(),
            slot,
            finished: Some(Finished::nothing(Conclusion::Failure)),
            place,
        };
        let (run, output, order, called) =
            (self.run.clone(), self.output.clone(), cancel.clone(), name.clone());
        let thread = std::thread::Builder::new().name(format!("job {slot}")).spawn(move || {
            let Some(job) = run.workflow.jobs.get(&contexts.id) else { return };
            let passed = gate::pass(&run, job, &called, &contexts, &order, &output, &mut report.place);
            let passed = match passed {
                Ok(passed) => passed,
                Err(Refusal { result, reason, fault }) => {
                    tell(&output, called, result, reason);
                    report.finished = Some(Finished { fault, ..Finished::nothing(result) });
                    drop(report);
                    return;
                }
            };
            if let Work::Call(call) = &job.work {
                let group = passed.group.as_ref().map(|(group, _)| group);
                let (run, contexts, cancel, output) = (&*run, &contexts, &order, &output);
                let calling = call::Calling { run, call, name: called, contexts, group, cancel, output };
                report.finished = Some(call::execute(&calling));
                drop(passed);
                drop(report);
                return;
            }
            let (finished, sandbox) = execute::execute(&Execution {
                workflow: &run.workflow,
                job,
                name: called,
                run: passed.contexts(&run.contexts),
                environment: passed.environment.as_ref(),
                contexts,
                extra_env: &run.extra_env,
                place: &run.place,
                actions: &run.actions,
                stores: &run.stores,
                identity: &run.identity,
                called: run.file.as_ref(),
                cancel: &order,
                output: &output,
            });
            report.finished = Some(finished);
            drop(passed);
            drop(report);
            // Taking the namespaces down takes the kernel longer than anybody should wait for.
            drop(sandbox);
        });
        match thread {
            Ok(_) => self.active.push(Some(Active { entry, cancel })),
            Err(e) => self.not_started(entry, name, &e.to_string()),
        }
    }

    fn not_started(&mut self, entry: usize, name: JobName, why: &str) {
        tell(self.output, name, Conclusion::Failure, format!("cannot start the job: {why}"));
        self.count(entry, Finished::nothing(Conclusion::Failure));
    }

    fn ended(&mut self, Done { slot, finished }: Done) {
        let Some(Active { entry, .. }) = self.active.get_mut(slot).and_then(Option::take) else { return };
        self.fault = self.fault.max(finished.fault);
        if finished.result == Conclusion::Failure && self.plan.entries[entry].fail_fast {
            for sibling in self.active.iter().flatten().filter(|a| a.entry == entry) {
                sibling.cancel.order(Urgency::Asked);
            }
            self.drop_ready(|instance| instance.entry == entry, "another job of its matrix failed");
        }
        self.count(entry, finished);
    }

    /// Takes ready jobs out of the queue: they are cancelled.
    fn drop_ready(&mut self, which: impl Fn(&Instance) -> bool, reason: &str) {
        let (dropped, kept) = std::mem::take(&mut self.ready).into_iter().partition(which);
        self.ready = kept;
        let dropped: VecDeque<Instance> = dropped;
        for Instance { entry, name, .. } in dropped {
            tell(self.output, name, Conclusion::Cancelled, reason.to_owned());
            self.count(entry, Finished::nothing(Conclusion::Cancelled));
        }
    }

    /// Counts the end of one job of an entry.
    fn count(&mut self, entry: usize, finished: Finished) {
        let State::Started { left, results, outputs } = &mut self.states[entry] else { return };
        *left -= 1;
        results.push(finished.result);
        for (name, value) in finished.outputs {
            // Of several jobs that set an output, the last that gives it a value stands.
            if !value.is_empty() || !outputs.contains_key(&name) {
                outputs.insert(name, value);
            }
        }
        if *left == 0 {
            let result = together(results);
            let outputs = std::mem::take(outputs);
            self.states[entry] = State::Done { result, outputs };
        }
    }

    /// One order to stop the run: the first asks, a second doesn't.
    fn cancel(&mut self) -> Urgency {
        let urgency = if self.cancelled { Urgency::AtOnce } else { Urgency::Asked };
        self.cancelled = true;
        for active in self.active.iter().flatten() {
            active.cancel.order(urgency);
        }
        if urgency == Urgency::AtOnce {
            self.drop_ready(|_| true, "the run was cancelled");
        } else {
            // Those stay whose condition holds for a cancelled run too.
            let run = self.run.clone();
            let stays: Vec<bool> = (0..self.states.len())
                .map(|entry| {
                    let job = self.job(&run, entry);
                    let base = JobContexts { needs: self.needs(entry), ..JobContexts::default() };
                    matches!(self.states[entry], State::Started { .. })
                        && self.holds(&run, job, entry, &base).unwrap_or(false)
                })
                .collect();
            self.drop_ready(|instance| !stays[instance.entry], "the run was cancelled");
        }
        urgency
    }

    /// Whether a job's condition holds now.
    fn holds(
        &self,
        run: &Run,
        job: &Job,
        entry: usize,
        contexts: &JobContexts,
    ) -> Result<bool, crate::expr::EvalError> {
        let standing = self.standing(entry);
        match &job.condition {
            None => Ok(standing.success),
            Some(condition) => condition.evaluate(&View::of_job(&run.contexts, contexts, standing)),
        }
    }

    /// How everything stands that an entry needs, directly or not.
    fn standing(&self, entry: usize) -> Standing {
        let results = self.plan.ancestors(entry).into_iter().filter_map(|n| match &self.states[n] {
            State::Done { result, .. } => Some(*result),
            _ => None,
        });
        let results: Vec<Conclusion> =
            results.chain(self.run.elsewhere.iter().map(|job| job.result)).collect();
        let all_success = results.iter().all(|r| *r == Conclusion::Success);
        Standing {
            success: all_success && !self.cancelled,
            failure: results.contains(&Conclusion::Failure) && !self.cancelled,
            cancelled: self.cancelled,
        }
    }

    /// The `needs` context of an entry.
    fn needs(&self, entry: usize) -> Value {
        let needs = self.plan.entries[entry].needs.iter();
        let needs = needs.filter_map(|n| Some((self.plan.entries[*n].id.as_str(), self.result_of(*n)?)));
        let elsewhere = self.run.elsewhere.iter().filter(|job| job.direct).map(|job| {
            let outputs = job.outputs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            (job.id.as_str(), told(job.result, outputs))
        });
        Value::from(needs.chain(elsewhere).collect::<Object>())
    }

    /// Result and outputs of an entry that has ended.
    fn result_of(&self, entry: usize) -> Option<Value> {
        let State::Done { result, outputs } = &self.states[entry] else { return None };
        Some(told(*result, outputs.iter().map(|(k, v)| (k.as_str(), v.as_str()))))
    }

    fn job<'r>(&self, run: &'r Run, entry: usize) -> &'r Job {
        &run.workflow.jobs[self.plan.entries[entry].id.as_str()]
    }

    fn running(&self) -> usize {
        self.active.iter().flatten().count()
    }

    fn result(&self) -> Conclusion {
        let results = self.states.iter().map(|state| match state {
            State::Done { result, .. } => *result,
            State::Waiting | State::Started { .. } => Conclusion::Cancelled,
        });
        match together(&results.collect::<Vec<_>>()) {
            // A run of which nothing ran hasn't failed.
            Conclusion::Skipped => Conclusion::Success,
            result => result,
        }
    }
}

/// Sends a job's end, also where its thread doesn't get so far.
struct Report {
    done: Sender<Done>,
    wake: Arc<EventFd>,
    slot: usize,
    finished: Option<Finished>,
    /// Becomes free with this.
    place: Option<Slot>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(finished) = self.finished.take() {
            // A run that is over doesn't listen any more.
            let _ = self.done.send(Done { slot: self.slot, finished });
            let _ = self.wake.write(1);
        }
    }
}

/// Tells of a job that ends without having started.
fn tell(output: &Output, job: JobName, result: Conclusion, reason: String) {
    let (reason, outputs) = (Some(reason), Vec::new());
    output.emit(Event::JobFinished { job, result, milliseconds: 0, reason, outputs });
}

/// A job that has ended, as contexts tell it.
fn told<'a>(result: Conclusion, outputs: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
    let outputs: Object = outputs.collect();
    let result: Object =
        [("result", Value::from(result.as_str())), ("outputs", Value::from(outputs))].into_iter().collect();
    Value::from(result)
}

/// The result of several jobs as one.
pub fn together(results: &[Conclusion]) -> Conclusion {
    let any = |wanted| results.contains(&wanted);
    if any(Conclusion::Failure) {
        Conclusion::Failure
    } else if any(Conclusion::Cancelled) {
        Conclusion::Cancelled
    } else if any(Conclusion::Success) || results.is_empty() {
        Conclusion::Success
    } else {
        Conclusion::Skipped
    }
}
