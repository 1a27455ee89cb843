//! A job that calls another workflow: what it gives, the run of that workflow, and what comes back.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::cancel::{Cancel, Urgency};
use super::contexts::{JobContexts, Standing, View};
use super::execute::{self, Finished};
use super::gate::{self, Group, Refusal};
use super::origin::Origin;
use super::plan::{Plan, Selection};
use super::reach;
use super::schedule::{self, Ended, Interrupts, Run};
use super::secrets::Secrets;
use super::slots::MAX_CALLS;
use crate::egress::narrow::VARIABLE;
use crate::expr::{Contexts, EvalError, Object, Value};
use crate::mask::Secret;
use crate::output::Output;
use crate::output::event::{Conclusion, Event, JobName};
use crate::workflow::model::{Call, DispatchInput, InputDefault, PassedSecrets, Trigger, Workflow};

/// The secret that every called workflow has, as on GitHub.
const TOKEN: &str = "GITHUB_TOKEN";

/// A call that is to be made.
pub struct Calling<'a> {
    /// The run that the job is of.
    pub run: &'a Run,
    /// What it calls, and with what.
    pub call: &'a Call,
    /// What it is called in events.
    pub name: JobName,
    /// The job's contexts.
    pub contexts: &'a JobContexts,
    /// The concurrency group that the job has.
    pub group: Option<&'a Group>,
    /// Orders to stop.
    pub cancel: &'a Arc<Cancel>,
    /// Where everything that is said goes.
    pub output: &'a Output,
}

/// Runs what is called to its end. The first and the last event of the job are emitted here.
pub fn execute(calling: &Calling<'_>) -> Finished {
    let start = Instant::now();
    let Calling { name, output, .. } = calling;
    let permissions = calling.contexts.rights.granted.clone();
    output.emit(Event::JobStarted { job: name.clone(), permissions });
    let (finished, reason) = match run(calling) {
        Ok(finished) => {
            let cancelled = finished.result == Conclusion::Cancelled;
            (finished, calling.cancel.why().filter(|_| cancelled).map(str::to_owned))
        }
        Err(Refusal { result, reason, fault }) => {
            (Finished { fault, ..Finished::nothing(result) }, Some(reason))
        }
    };
    output.emit(Event::JobFinished {
        job: name.clone(),
        result: finished.result,
        milliseconds: start.elapsed().as_millis() as u64,
        reason,
        outputs: finished.outputs.clone(),
    });
    finished
}

fn run(calling: &Calling<'_>) -> Result<Finished, Refusal> {
    let Calling { run, call, name, contexts, group, cancel, output } = calling;
    let file = call.workflow.called_by(run.file.as_ref());
    let callee = run.called.get(&file).ok_or_else(|| format!("the workflow `{file}` was not read"))?;
    let workflow = &callee.workflow;
    if let Some(obtained) = &callee.obtained {
        execute::tell(std::slice::from_ref(obtained), &run.actions, name, output);
    }
    if !run.slots.count_call() {
        return Err(format!("more than {MAX_CALLS} workflows were called in this run").into());
    }
    let trigger = workflow.call().ok_or_else(|| format!("`{file}` has no `workflow_call` under `on`"))?;
    let view = View::of_job(&run.contexts, contexts, Standing::FRESH);
    let inputs = inputs(call, trigger, &view, run).map_err(|e| format!("cannot evaluate its inputs: {e}"))?;
    let secrets = secrets(call, &view, run).map_err(|e| format!("cannot evaluate its secrets: {e}"))?;
    let rights = match &callee.obtained {
        Some(_) => contexts.rights.clone().elsewhere(),
        None => contexts.rights.clone(),
    };
    let mut of_called = run.contexts.of_called(inputs, secrets, rights);
    of_called.called = Some(Origin::of_called(&file, callee, &run.contexts.github));
    let told = |e: String| format!("cannot call `{file}`: {e}");
    if let Some(text) = run.workflow.env.get(VARIABLE, &view).map_err(|e| told(e.to_string()))? {
        of_called.narrowed.push(reach::of_caller(&text, &run.place.network).map_err(told)?);
    }
    let called = Run {
        workflow: workflow.clone(),
        file: Some(file.clone()),
        name: run.name.clone(),
        contexts: of_called,
        extra_env: run.extra_env.clone(),
        place: run.place.clone(),
        slots: run.slots.clone(),
        called: run.called.clone(),
        actions: run.actions.clone(),
        gates: run.gates.within(*group),
        stores: run.stores.clone(),
        identity: run.identity.clone(),
        elsewhere: Vec::new(),
    };
    let called = Arc::new(called);
    let plan = Plan::new(workflow, &called.contexts, &Selection::default()).map_err(|e| e.to_string())?;
    let _kept = match &workflow.concurrency {
        Some(concurrency) => {
            let group = Group::of(concurrency, &called.contexts.of_workflow())?;
            let kept = gate::enter(&group, &called, Some(name), output, cancel.asked(), cancel)?;
            called.gates.have(&group);
            Some(kept)
        }
        None => None,
    };
    let interrupts = Orders::of(cancel).map_err(|e| format!("cannot wait for it: {e}"))?;
    let ended = schedule::run_called(&called, plan, name, output, &interrupts)
        .map_err(|e| format!("cannot run it: {e}"))?;
    let outputs = outputs(workflow, trigger, &called, &ended)
        .map_err(|e| format!("cannot evaluate the outputs of `{file}`: {e}"))?;
    Ok(Finished { result: ended.end.result, outputs, url: None, fault: ended.end.fault })
}

/// The inputs as the called workflow sees them.
fn inputs(call: &Call, trigger: &Trigger, view: &View<'_>, run: &Run) -> Result<Object, EvalError> {
    let mut inputs = Object::new();
    for (name, input) in &trigger.inputs {
        let given = call.with.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        let value = match (given, &input.default) {
            (Some((_, template)), _) => typed(name, input, &template.evaluate(view)?)?,
            (None, Some(InputDefault::Value(value))) => value.clone(),
            (None, Some(InputDefault::Template(template))) => {
                let mut contexts: Object = run.contexts.objects().into_iter().collect();
                contexts.insert("inputs", inputs.clone());
                typed(name, input, &template.evaluate(&Contexts::new(contexts))?)?
            }
            (None, None) => typed(name, input, "")?,
        };
        inputs.insert(name.as_str(), value);
    }
    Ok(inputs)
}

/// A text as a value of the input's type.
fn typed(name: &str, input: &DispatchInput, text: &str) -> Result<Value, EvalError> {
    input
        .kind
        .value(text)
        .ok_or_else(|| EvalError::new(format!("input `{name}` must be {}, not `{text}`", input.kind.what())))
}

fn secrets(call: &Call, view: &View<'_>, run: &Run) -> Result<Secrets, EvalError> {
    let given = match &call.secrets {
        PassedSecrets::Inherit(_) => return Ok(run.contexts.secrets.clone()),
        PassedSecrets::Given(given) => given,
    };
    let mut secrets = Secrets::default();
    for (name, secret) in run.contexts.secrets.iter().filter(|(name, _)| *name == TOKEN) {
        secrets.insert(name, secret.clone());
    }
    for (name, template) in given {
        secrets.insert(name, Secret::new(template.evaluate(view)?));
    }
    Ok(secrets)
}

/// What the workflow gives to who called it. Its jobs' outputs hold no secret: those were withheld.
fn outputs(
    workflow: &Workflow,
    trigger: &Trigger,
    run: &Run,
    ended: &Ended,
) -> Result<Vec<(String, String)>, EvalError> {
    let jobs = workflow.jobs.keys().filter_map(|id| Some((id.as_str(), ended.job(id)?)));
    let mut contexts: Object = run.contexts.objects().into_iter().collect();
    contexts.insert("jobs", jobs.collect::<Object>());
    let scope = Contexts::new(contexts);
    trigger.outputs.iter().map(|(name, value)| Ok((name.clone(), value.evaluate(&scope)?))).collect()
}

/// The orders to one job as those to a whole run.
struct Orders<'a> {
    cancel: &'a Cancel,
    /// How urgent the last order was that was told.
    told: Cell<Urgency>,
    /// Never readable: after the last order there is nothing to wait for.
    quiet: EventFd,
}

impl<'a> Orders<'a> {
    fn of(cancel: &'a Cancel) -> nix::Result<Self> {
        let quiet = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Orders { cancel, told: Cell::new(Urgency::None), quiet })
    }
}

impl Interrupts for Orders<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self.told.get() {
            Urgency::None => self.cancel.asked(),
            Urgency::Asked => self.cancel.at_once(),
            Urgency::AtOnce => self.quiet.as_fd(),
        }
    }

    fn take(&self) -> usize {
        let urgency = self.cancel.urgency();
        let before = self.told.replace(urgency);
        usize::from(urgency as u8).saturating_sub(usize::from(before as u8))
    }
}
