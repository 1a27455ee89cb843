//! One step, of a job or of a composite action: its condition, what it does, and what it leaves for the steps
//! after it.

use std::time::{Duration, Instant};

use super::action;
use super::command::{self, Order, What};
use super::contexts::View;
use super::execute::{Resolve, ResolveMinutes, Running, check_env, extend_env};
use super::files::{Rule, Said};
use super::identity::{self, Refused};
use super::reach;
use super::shell::Shell;
use crate::action::Uses;
use crate::expr::{EvalError, Expr, Object, Template, Value};
use crate::output::event::{Conclusion, Event, Level};
use crate::workflow::model::{Entries, Env, Step, StepKind};
use crate::workflow::span::Spanned;

/// How a step ended, before `continue-on-error`.
#[derive(Debug)]
pub struct Outcome {
    /// Success, failure, cancelled or skipped.
    pub conclusion: Conclusion,
    /// Why it didn't succeed.
    pub reason: Option<String>,
}

impl Outcome {
    /// It did what it is for.
    pub const SUCCESS: Outcome = Outcome { conclusion: Conclusion::Success, reason: None };
    /// Its condition did not hold.
    pub const SKIPPED: Outcome = Outcome { conclusion: Conclusion::Skipped, reason: None };

    /// It failed for a reason.
    pub fn failed(reason: impl Into<String>) -> Self {
        Outcome { conclusion: Conclusion::Failure, reason: Some(reason.into()) }
    }
}

impl From<EvalError> for Outcome {
    fn from(error: EvalError) -> Self {
        Outcome::failed(error.to_string())
    }
}

/// Runs or skips a step of the job. Every event of it is emitted here.
pub fn run(job: &mut Running<'_>, index: usize) {
    let start = Instant::now();
    let step = &job.execution.job.steps()[index];
    let at = At { index, number: index, nested: false };
    let Ended { name, outcome, conclusion } = perform(job, at, step);
    job.execution.output.emit(Event::StepFinished {
        job: job.execution.name.clone(),
        step: index,
        name,
        outcome: outcome.conclusion,
        conclusion,
        milliseconds: start.elapsed().as_millis() as u64,
        reason: outcome.reason,
    });
}

/// Runs or skips a step of a composite action; to events it is a part of the job's step that uses the action.
/// Tells how it ended where that isn't well.
pub fn run_nested(job: &mut Running<'_>, index: usize, number: usize, step: &Step) {
    let Ended { name, outcome, conclusion } = perform(job, At { index, number, nested: true }, step);
    if let Some(reason) = outcome.reason {
        let level = if conclusion == Conclusion::Success { Level::Warning } else { Level::Error };
        job.execution.annotate(Some(index), level, format!("{name}: {reason}"));
    }
}

/// Where a step stands.
#[derive(Clone, Copy)]
struct At {
    /// The job's step that events name.
    index: usize,
    /// Its place among the steps of its list.
    number: usize,
    /// It is of a composite action.
    nested: bool,
}

/// How a step ended.
struct Ended {
    name: String,
    outcome: Outcome,
    /// After `continue-on-error`.
    conclusion: Conclusion,
}

fn perform(job: &mut Running<'_>, at: At, step: &Step) -> Ended {
    let action = action_id(step, at.number);
    job.trail.push(at.number);
    let mut refused = false;
    let (told, fetched) = match fetch(job, at, step, &action) {
        Some((name, fetched)) => (Some(name), fetched),
        None => (None, Ok(())),
    };
    let (name, mut said, outcome) = match fetched.and_then(|()| begin(job, step, &action)) {
        Ok(None) => {
            (told.unwrap_or_else(|| name(job, step, None, &action)), Said::default(), Outcome::SKIPPED)
        }
        Ok(Some(env)) => {
            let name = told.unwrap_or_else(|| start(job, at, step, env.as_ref(), &action));
            let (said, outcome) = match enter(job, at, step, &action, env.as_ref()) {
                Ok(()) => body(job, at.index, step, &name, &action, env.as_ref()),
                Err(why) => {
                    refused = why.by_rule;
                    (Said::default(), why.outcome)
                }
            };
            if !at.nested {
                identity::leave(job, at.index);
            }
            (name, said, outcome)
        }
        Err(outcome) => {
            let name = told.unwrap_or_else(|| start(job, at, step, None, &action));
            (name, Said::default(), outcome)
        }
    };
    job.trail.pop();
    job.look_for_cancellation();
    let mut conclusion = outcome.conclusion;
    if conclusion == Conclusion::Failure {
        let view = job.view(None, Some(&action));
        match step.continue_on_error.as_ref().map(|c| c.resolve(&view)) {
            Some(Ok(true)) => conclusion = Conclusion::Success,
            None | Some(Ok(false)) => {
                job.refused |= refused;
                job.fail();
            }
            Some(Err(error)) => {
                job.execution.annotate(Some(at.index), Level::Error, format!("`continue-on-error`: {error}"));
                job.fail();
            }
        }
    }
    adopt(job, at.index, &mut said);
    if let Some(id) = &step.id {
        let outputs: Object = said.outputs.into_iter().collect();
        let entry: Object = [
            ("outputs", Value::from(outputs)),
            ("outcome", outcome.conclusion.as_str().into()),
            ("conclusion", conclusion.as_str().into()),
        ]
        .into_iter()
        .collect();
        job.frame.steps.insert(id.as_str(), entry);
    }
    Ended { name, outcome, conclusion }
}

/// Fetches the secrets that the step reads and that are kept elsewhere. The step has started by then, under the name that is
/// given; where there is nothing to fetch it starts later.
fn fetch(job: &mut Running<'_>, at: At, step: &Step, action: &str) -> Option<(String, Result<(), Outcome>)> {
    if at.nested || job.execution.run.secrets.to_fetch(exprs(step)).is_empty() || !is_due(job, step, action) {
        return None;
    }
    let name = start(job, at, step, None, action);
    Some((name, job.fetch_secrets(Some(at.index), exprs(step)).map_err(|refused| refused.outcome)))
}

/// Whether a step will run whose secrets aren't there yet, as far as that can be said without them.
fn is_due(job: &Running<'_>, step: &Step, action: &str) -> bool {
    let Some(condition) = &step.condition else { return job.standing().success };
    let secrets = &job.execution.run.secrets;
    let is_there = |text: &Spanned<Template>| secrets.to_fetch(text.exprs()).is_empty();
    let (there, missing) = match &step.env {
        Env::Entries(entries) => {
            let (there, missing): (Entries, Entries) =
                entries.iter().cloned().partition(|(_, text)| is_there(text));
            (Env::Entries(there), Some(missing))
        }
        Env::Whole(text) if is_there(text) => (step.env.clone(), Some(Entries::new())),
        // Which names it gives isn't known.
        Env::Whole(_) => (Env::default(), None),
    };
    let decides = |name: Option<&str>| {
        missing
            .as_ref()
            .is_none_or(|all| all.iter().any(|(known, _)| name.is_none_or(|name| name == known.value)))
    };
    let readings = condition.placed_exprs().flat_map(|(_, expr)| expr.readings());
    for reading in readings.filter(|reading| reading.context == "env") {
        if decides(reading.path.first().copied().flatten()) {
            return true;
        }
    }
    // What is wrong is told when the step begins.
    extend_env(&job.frame.env, &there, &job.view(None, Some(action)))
        .and_then(|env| condition.evaluate(&job.view(Some(&env), Some(action))))
        .unwrap_or(false)
}

/// All that a step reads, but for its condition, which can't read secrets.
pub fn exprs(step: &Step) -> impl Iterator<Item = &Expr> {
    let literals = [
        step.timeout_minutes.as_ref().and_then(|minutes| minutes.value.expr()),
        step.continue_on_error.as_ref().and_then(|on| on.value.expr()),
    ];
    let (templates, with) = match &step.kind {
        StepKind::Run { script, shell, working_directory } => {
            ([Some(script), shell.as_ref(), working_directory.as_ref()], None)
        }
        StepKind::Uses { with, .. } => ([None; 3], Some(with)),
    };
    let templates = step.name.as_ref().into_iter().chain(templates.into_iter().flatten());
    templates
        .flat_map(|template| template.exprs())
        .chain(step.env.exprs())
        .chain(with.into_iter().flat_map(Env::exprs))
        .chain(literals.into_iter().flatten())
}

/// Gets the step what it may have of others and reach. The steps of an action have what the step has that uses it.
fn enter(
    job: &mut Running<'_>,
    at: At,
    step: &Step,
    action: &str,
    env: Option<&Object>,
) -> Result<(), Refused> {
    if at.nested {
        return Ok(());
    }
    identity::enter(job, at.index, Some(step), env)?;
    reach::enter(job, at.index, step, action)
}

/// Tells that the step has started; gives its name.
fn start(job: &Running<'_>, at: At, step: &Step, env: Option<&Object>, action: &str) -> String {
    let name = name(job, step, env, action);
    started(job, at, &name);
    name
}

fn started(job: &Running<'_>, at: At, name: &str) {
    let execution = job.execution;
    if at.nested {
        // The title of a group without lines, so that the log shows where each step begins.
        let title = name.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        let mut log = execution.output.step_log(&execution.name, at.index);
        log.write(format!("::group::{title}\n::endgroup::\n").as_bytes());
        log.finish();
    } else {
        let name = name.to_owned();
        job.at_step.set(at.index);
        execution.output.emit(Event::StepStarted { job: execution.name.clone(), step: at.index, name });
    }
}

/// `github.action`: the step's id, or what GitHub calls a step that has none.
pub fn action_id(step: &Step, number: usize) -> String {
    let stem = match (&step.id, &step.kind) {
        (Some(id), _) => return id.value.clone(),
        (None, StepKind::Run { .. }) => "__run".to_owned(),
        (None, StepKind::Uses { action, .. }) => match &action.value {
            Uses::Local(_) => "__self".to_owned(),
            Uses::Remote(remote) => format!("__{}_{}", remote.owner, remote.name),
            Uses::Image(_) => "__image".to_owned(),
        },
    };
    match &step.kind {
        StepKind::Run { .. } if number > 0 => format!("{stem}_{}", number + 1),
        _ => stem,
    }
}

/// What people read of a step.
pub fn name(job: &Running<'_>, step: &Step, env: Option<&Object>, action: &str) -> String {
    let view = View { is_shown: true, ..job.view(env, Some(action)) };
    let written = step.name.as_ref().and_then(|name| name.evaluate(&view).ok()).filter(|n| !n.is_empty());
    written.unwrap_or_else(|| match &step.kind {
        StepKind::Run { script, .. } => {
            let first = script.source().lines().map(str::trim).find(|line| !line.is_empty());
            let first = first.unwrap_or_default();
            // An expression that goes on in the next line stays as it is written.
            let evaluated = Template::parse(first).ok().and_then(|line| line.evaluate(&view).ok());
            format!("Run {}", evaluated.as_deref().unwrap_or(first))
        }
        StepKind::Uses { action, .. } => format!("Run {}", action.value),
    })
}

/// Evaluates the step's own environment and its condition, in this order, as on GitHub. `None` where the
/// step is skipped; the environment is there where the step has one of its own.
fn begin(job: &Running<'_>, step: &Step, action: &str) -> Result<Option<Option<Object>>, Outcome> {
    // A condition that needs nothing of the step's environment is told first: no secret is evaluated in vain.
    if step.condition.is_none() && !job.standing().success {
        return Ok(None);
    }
    let env = if step.env.is_empty() {
        None
    } else {
        Some(extend_env(&job.frame.env, &step.env, &job.view(None, Some(action)))?)
    };
    if let Some(condition) = &step.condition {
        let view = job.view(env.as_ref(), Some(action));
        let holds = condition.evaluate(&view).map_err(|e| Outcome::failed(format!("`if`: {e}")))?;
        if !holds {
            return Ok(None);
        }
    }
    Ok(Some(env))
}

/// Runs what the step is about; gives what it said.
fn body(
    job: &mut Running<'_>,
    index: usize,
    step: &Step,
    name: &str,
    action: &str,
    env: Option<&Object>,
) -> (Said, Outcome) {
    let timeout = match timeout(job, step, env, action) {
        Ok(timeout) => timeout,
        Err(outcome) => return (Said::default(), outcome),
    };
    match &step.kind {
        StepKind::Run { script, shell, working_directory } => {
            let exprs = step.env.exprs().chain(script.exprs());
            job.execution.warn_of_missing(Some(index), job.execution.run.secrets.missing(exprs));
            let script = match prepare(job, script, shell.as_ref(), working_directory.as_ref(), action, env) {
                Ok(script) => script,
                Err(outcome) => return (Said::default(), outcome),
            };
            let env = env.cloned().unwrap_or_else(|| job.frame.env.clone());
            let what = What::Script { text: &script.text, shell: &script.shell };
            let directory = &script.directory;
            command::run(job, &Order { index, action, env: &env, own: Vec::new(), directory, timeout, what })
        }
        StepKind::Uses { action: uses, with } => {
            let exprs = step.env.exprs().chain(with.exprs());
            job.execution.warn_of_missing(Some(index), job.execution.run.secrets.missing(exprs));
            let env = env.cloned().unwrap_or_else(|| job.frame.env.clone());
            if let Err(reason) = check_env(&env) {
                return (Said::default(), Outcome::failed(reason));
            }
            action::run(job, &action::Use { index, name, action, env, timeout, uses, with })
        }
    }
}

/// A script with all that was to be evaluated.
struct Script {
    text: String,
    shell: Shell,
    directory: String,
}

fn prepare(
    job: &Running<'_>,
    script: &Template,
    shell: Option<&Spanned<Template>>,
    directory: Option<&Spanned<Template>>,
    action: &str,
    env: Option<&Object>,
) -> Result<Script, Outcome> {
    let view = job.view(env, Some(action));
    check_env(env.unwrap_or(&job.frame.env)).map_err(Outcome::failed)?;
    // An action's steps know nothing of the defaults of who uses it.
    let defaults = [&job.execution.job.defaults, &job.execution.workflow.defaults];
    let defaults = if job.frame.action.is_none() { &defaults[..] } else { &[] };
    if shell.is_none() && job.frame.action.is_some() {
        return Err(Outcome::failed("a `run` step of an action needs the key `shell`: it has no default"));
    }
    let shells = shell.into_iter().chain(defaults.iter().filter_map(|d| d.shell.as_ref()));
    let shell = match first_that_says(shells, &view)? {
        Some(shell) => Shell::parse(&shell).map_err(|e| Outcome::failed(e.to_string()))?,
        None => Shell::unspecified(),
    };
    let directories =
        directory.into_iter().chain(defaults.iter().filter_map(|d| d.working_directory.as_ref()));
    let workspace = &job.execution.place.workspace;
    let directory = match first_that_says(directories, &view)? {
        // An absolute path replaces the workspace.
        Some(directory) => workspace.join(directory),
        None => workspace.clone(),
    };
    Ok(Script { text: script.evaluate(&view)?, shell, directory: directory.display().to_string() })
}

/// The first text that isn't empty: one that is counts as not given, as on GitHub.
fn first_that_says<'t>(
    mut texts: impl Iterator<Item = &'t Spanned<Template>>,
    view: &View<'_>,
) -> Result<Option<String>, EvalError> {
    texts
        .by_ref()
        .map(|text| text.evaluate(view))
        .find(|text| text.as_ref().map_or(true, |t| !t.is_empty()))
        .transpose()
}

fn timeout(
    job: &Running<'_>,
    step: &Step,
    env: Option<&Object>,
    action: &str,
) -> Result<Option<Duration>, Outcome> {
    let view = job.view(env, Some(action));
    match &step.timeout_minutes {
        Some(minutes) => Ok(minutes.resolve_minutes(&view)?),
        None => Ok(None),
    }
}

/// Puts into effect what a step said for those after it.
pub fn adopt(job: &mut Running<'_>, index: usize, said: &mut Said) {
    for (name, value) in said.env.drain(..) {
        if let Some(rule) = Rule::of(&name) {
            let message = format!("GITHUB_ENV sets `{name}`: {}", rule.why());
            job.execution.annotate(Some(index), Level::Warning, message);
            if rule.leaves_out() {
                continue;
            }
        }
        for frame in &mut job.outer {
            frame.env.insert(name.as_str(), value.as_str());
        }
        job.frame.env.insert(name, value);
    }
    job.path.append(&mut said.path);
    if !said.summary.is_empty() {
        job.execution.output.emit(Event::Summary {
            job: job.execution.name.clone(),
            step: index,
            markdown: std::mem::take(&mut said.summary),
        });
    }
}
