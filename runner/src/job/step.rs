//! One step of a job: its condition, its script in the sandbox, and what it leaves for the steps after it.

use std::time::{Duration, Instant};

use palisade_sandbox::{Command, Error, StartStage, Status, Stdio};

use super::contexts::inside;
use super::execute::{Resolve, ResolveMinutes, Running, check_env, extend_env};
use super::files::{CommandFile, FileError, MAX_PASSED_ON, Rule, Said, StepFiles};
use super::process::{self, Stop, Watch};
use super::shell::Shell;
use crate::expr::{EvalError, Expr, Object, Template, Value};
use crate::output::StepLog;
use crate::output::event::{Conclusion, Event, Level};
use crate::workflow::model::{Env, Step, StepKind};
use crate::workflow::span::Spanned;

/// How a step ended, before `continue-on-error`.
struct Outcome {
    conclusion: Conclusion,
    reason: Option<String>,
}

impl Outcome {
    fn failed(reason: impl Into<String>) -> Self {
        Outcome { conclusion: Conclusion::Failure, reason: Some(reason.into()) }
    }
}

impl From<EvalError> for Outcome {
    fn from(error: EvalError) -> Self {
        Outcome::failed(error.to_string())
    }
}

/// Runs or skips a step. Every event of it is emitted here.
pub fn run(job: &mut Running<'_>, index: usize) {
    let execution = job.execution;
    let step = &execution.job.steps[index];
    let action = action(step, index);
    let start = Instant::now();
    let (name, mut said, outcome) = match begin(job, step, &action) {
        Ok(None) => {
            let name = name(job, step, None, &action);
            (name, Said::default(), Outcome { conclusion: Conclusion::Skipped, reason: None })
        }
        Ok(Some(env)) => {
            let name = name(job, step, env.as_ref(), &action);
            started(job, index, &name);
            let (said, outcome) = body(job, index, &action, env.as_ref());
            (name, said, outcome)
        }
        Err(outcome) => {
            let name = name(job, step, None, &action);
            started(job, index, &name);
            (name, Said::default(), outcome)
        }
    };
    job.look_for_cancellation();
    let mut conclusion = outcome.conclusion;
    if conclusion == Conclusion::Failure {
        let view = job.view(None, Some(&action));
        match step.continue_on_error.as_ref().map(|c| c.resolve(&view)) {
            Some(Ok(true)) => conclusion = Conclusion::Success,
            None | Some(Ok(false)) => job.fail(),
            Some(Err(error)) => {
                job.execution.annotate(Some(index), Level::Error, format!("`continue-on-error`: {error}"));
                job.fail();
            }
        }
    }
    adopt(job, index, &mut said);
    if let Some(id) = &step.id {
        let outputs: Object = said.outputs.into_iter().collect();
        let entry: Object = [
            ("outputs", Value::from(outputs)),
            ("outcome", outcome.conclusion.as_str().into()),
            ("conclusion", conclusion.as_str().into()),
        ]
        .into_iter()
        .collect();
        job.steps.steps.insert(id.as_str(), entry);
    }
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

fn started(job: &Running<'_>, index: usize, name: &str) {
    let started = Event::StepStarted { job: job.execution.name.clone(), step: index, name: name.to_owned() };
    job.execution.output.emit(started);
}

/// `github.action`: the step's id, or what GitHub calls a step that has none.
fn action(step: &Step, index: usize) -> String {
    match (&step.id, &step.kind) {
        (Some(id), _) => id.value.clone(),
        (None, StepKind::Run { .. }) if index == 0 => "__run".to_owned(),
        (None, StepKind::Run { .. }) => format!("__run_{}", index + 1),
        (None, StepKind::Checkout { .. }) => "__actions_checkout".to_owned(),
    }
}

/// What people read of a step.
fn name(job: &Running<'_>, step: &Step, env: Option<&Object>, action: &str) -> String {
    let view = job.view(env, Some(action));
    let written = step.name.as_ref().and_then(|name| name.evaluate(&view).ok()).filter(|n| !n.is_empty());
    written.unwrap_or_else(|| match &step.kind {
        StepKind::Run { script, .. } => {
            let first = script.source().lines().map(str::trim).find(|line| !line.is_empty());
            let first = first.unwrap_or_default();
            // An expression that goes on in the next line stays as it is written.
            let evaluated = Template::parse(first).ok().and_then(|line| line.evaluate(&view).ok());
            format!("Run {}", evaluated.as_deref().unwrap_or(first))
        }
        StepKind::Checkout { .. } => "Run actions/checkout".to_owned(),
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
        Some(extend_env(&job.steps.env, &step.env, &job.view(None, Some(action)))?)
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

/// Runs what the step is about; gives what it said through its files.
fn body(job: &mut Running<'_>, index: usize, action: &str, env: Option<&Object>) -> (Said, Outcome) {
    let execution = job.execution;
    let step = &execution.job.steps[index];
    match &step.kind {
        StepKind::Run { script, shell, working_directory } => {
            let exprs = exprs(&step.env).chain(script.exprs());
            job.execution.warn_of_missing(Some(index), job.execution.run.secrets.missing(exprs));
            let prepared = prepare(job, script, shell.as_ref(), working_directory.as_ref(), action, env)
                .and_then(|script| Ok((script, deadline(job, step, env, action)?)));
            match prepared {
                Ok((script, deadline)) => run_script(job, index, action, env, &script, deadline),
                Err(outcome) => (Said::default(), outcome),
            }
        }
        StepKind::Checkout { with } => (Said::default(), checkout(job, index, with, env, action)),
    }
}

fn exprs(env: &Env) -> impl Iterator<Item = &Expr> {
    env.iter().flat_map(|(_, value)| value.exprs())
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
    check_env(env.unwrap_or(&job.steps.env)).map_err(Outcome::failed)?;
    let (own, outer) = (&job.execution.job.defaults, &job.execution.workflow.defaults);
    let shell = shell.or(own.shell.as_ref()).or(outer.shell.as_ref());
    let shell = match shell.map(|shell| shell.evaluate(&view)).transpose()? {
        Some(shell) => Shell::parse(&shell).map_err(|e| Outcome::failed(e.to_string()))?,
        None => Shell::unspecified(),
    };
    let directory = directory.or(own.working_directory.as_ref()).or(outer.working_directory.as_ref());
    let workspace = &job.execution.place.workspace;
    let directory = match directory.map(|d| d.evaluate(&view)).transpose()? {
        // An absolute path replaces the workspace.
        Some(directory) => workspace.join(directory),
        None => workspace.clone(),
    };
    Ok(Script { text: script.evaluate(&view)?, shell, directory: directory.display().to_string() })
}

fn deadline(
    job: &Running<'_>,
    step: &Step,
    env: Option<&Object>,
    action: &str,
) -> Result<Option<Duration>, Outcome> {
    let view = job.view(env, Some(action));
    Ok(step.timeout_minutes.as_ref().map(|minutes| minutes.resolve_minutes(&view)).transpose()?)
}

fn run_script(
    job: &mut Running<'_>,
    index: usize,
    action: &str,
    env: Option<&Object>,
    script: &Script,
    timeout: Option<Duration>,
) -> (Said, Outcome) {
    let files = match StepFiles::create(job.dir) {
        Ok(files) => files,
        Err(e) => return (Said::default(), Outcome::failed(format!("cannot make the step's files: {e}"))),
    };
    let name = files.script_name(script.shell.extension);
    if let Err(e) = job.dir.write(&name, 0o644, script.text.as_bytes()) {
        return (Said::default(), Outcome::failed(format!("cannot write the step's script: {e}")));
    }
    let launch = Launch {
        index,
        environment: environment(job, env.unwrap_or(&job.steps.env), &files, action),
        directory: &script.directory,
        timeout,
        deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
    };
    let mut log = job.execution.output.step_log(&job.execution.name, index);
    let path = format!("{}/{name}", inside::TEMP);
    let mut outcome = Outcome::failed(format!("no program for `{}` was found", script.shell.display()));
    for words in script.shell.invocations(&path) {
        match attempt(job, &launch, &words, &mut log) {
            Attempt::NoProgram(why) => outcome = why,
            Attempt::Done(done) => {
                outcome = done;
                break;
            }
        }
    }
    let printed = log.finish();
    if let Some(reason) = printed.failure
        && outcome.conclusion == Conclusion::Success
    {
        outcome = Outcome::failed(reason);
    }
    let said = Said { outputs: printed.outputs, state: printed.state, ..Said::default() };
    let (mut said, mut errors) = files.collect(job.dir, said);
    files.remove(job.dir);
    if job.passed_on + said.size() > MAX_PASSED_ON {
        said = Said { summary: said.summary, ..Said::default() };
        errors.push(FileError::TooMuch);
    }
    job.passed_on += said.size();
    let _ = job.dir.remove(&name);
    for error in errors {
        job.execution.annotate(Some(index), Level::Error, error.to_string());
        if error.fails_step() && outcome.conclusion == Conclusion::Success {
            outcome = Outcome::failed("what it wrote for the runner was not accepted");
        }
    }
    (said, outcome)
}

/// What became of one invocation.
enum Attempt {
    /// There is no such program; another may be tried.
    NoProgram(Outcome),
    Done(Outcome),
}

/// What all attempts at a step have in common.
struct Launch<'a> {
    index: usize,
    environment: Vec<(String, String)>,
    directory: &'a str,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
}

fn attempt(job: &mut Running<'_>, launch: &Launch<'_>, words: &[String], log: &mut StepLog) -> Attempt {
    let Launch { index, environment, directory, timeout, deadline } = launch;
    let failed = |reason: String| Attempt::Done(Outcome::failed(reason));
    let Some((program, args)) = words.split_first() else { return failed("`shell` is empty".into()) };
    let pipe = process::output_pipe().and_then(|(read, write)| Ok((read, write.try_clone()?, write)));
    let (output, stdout, stderr) = match pipe {
        Ok(pipe) => pipe,
        Err(e) => return failed(format!("cannot make a pipe for the step's output: {e}")),
    };
    let mut command = Command::new(program)
        .args(args)
        .current_dir(directory)
        .stdout(Stdio::Fd(stdout))
        .stderr(Stdio::Fd(stderr));
    for (name, value) in environment {
        command = command.env(name, value);
    }
    let child = match job.sandbox.spawn(command) {
        Ok(child) => child,
        Err(error) => return failed(error.to_string()),
    };
    let watch = Watch {
        cancel: job.execution.cancel,
        already_asked: job.cancelled.is_some(),
        step_deadline: *deadline,
        job_deadline: job.deadline,
    };
    let ended = process::wait(job.sandbox, child, output, log, &watch, &mut job.buffer);
    let exit = match ended.exit {
        Ok(exit) => exit,
        Err(Error::Start { what: StartStage::Exec, errno: nix::errno::Errno::ENOENT, .. }) => {
            let reason = format!("`{program}` was not found on the job's PATH, which is its shell");
            return Attempt::NoProgram(Outcome::failed(reason));
        }
        Err(Error::Start { what: StartStage::CurrentDir, errno, .. }) => {
            return failed(format!("cannot enter working directory `{directory}`: {errno}"));
        }
        Err(error) => return failed(error.to_string()),
    };
    if exit.stragglers > 0 {
        let message = match exit.stragglers {
            1 => "left a process behind, which was killed".to_owned(),
            many => format!("left {many} processes behind, which were killed"),
        };
        job.execution.annotate(Some(*index), Level::Notice, message);
    }
    Attempt::Done(match ended.stop {
        Some(Stop::Cancelled) => {
            job.look_for_cancellation();
            Outcome { conclusion: Conclusion::Cancelled, reason: Some("the run was cancelled".into()) }
        }
        Some(Stop::StepTimeout) => {
            let minutes = timeout.unwrap_or_default().as_secs_f64() / 60.0;
            Outcome::failed(format!("exceeded its timeout of {minutes} minutes"))
        }
        Some(Stop::JobTimeout) => {
            let reason = if job.cancelled.is_some() {
                "exceeded the time that a cancelled job has left"
            } else {
                job.cancel();
                "the job exceeded its timeout"
            };
            Outcome { conclusion: Conclusion::Cancelled, reason: Some(reason.into()) }
        }
        None => match exit.status {
            Status::Code(0) => Outcome { conclusion: Conclusion::Success, reason: None },
            Status::Code(code) => Outcome::failed(format!("exit code {code}")),
            Status::Signal(signal) => Outcome::failed(format!("ended by signal {signal}")),
        },
    })
}

/// The whole environment of a step's process.
fn environment(job: &Running<'_>, env: &Object, files: &StepFiles, action: &str) -> Vec<(String, String)> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let tools = &job.execution.place.tools;
    let mut all = vec![
        own("HOME", "/home/runner"),
        own("USER", "runner"),
        own("LOGNAME", "runner"),
        own("LANG", "C.UTF-8"),
        own("CI", "true"),
    ];
    all.extend(tools.env.iter().cloned());
    all.extend(env.iter().map(|(name, value)| own(name, &value.to_display_string())));
    let base = env.get("PATH").map(|path| path.to_display_string().into_owned());
    let base = base.unwrap_or_else(|| tools.path.clone());
    let path: Vec<&str> = job.path.iter().rev().map(String::as_str).chain([base.as_str()]).collect();
    all.push(own("PATH", &path.join(":")));
    all.extend(job.variables.iter().cloned());
    all.push(own("GITHUB_ACTION", action));
    for file in CommandFile::ALL {
        all.push((file.variable().to_owned(), format!("{}/{}", inside::TEMP, files.name(file))));
    }
    all
}

/// Puts into effect what a step said for those after it.
fn adopt(job: &mut Running<'_>, index: usize, said: &mut Said) {
    for (name, value) in said.env.drain(..) {
        if let Some(rule) = Rule::of(&name) {
            let message = format!("GITHUB_ENV sets `{name}`: {}", rule.why());
            job.execution.annotate(Some(index), Level::Warning, message);
        }
        job.steps.env.insert(name, value);
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

/// `actions/checkout`: the workspace holds the tree already, so there is nothing to fetch.
fn checkout(job: &Running<'_>, index: usize, with: &Env, env: Option<&Object>, action: &str) -> Outcome {
    let view = job.view(env, Some(action));
    for (name, value) in with {
        let value = match value.evaluate(&view) {
            Ok(value) => value,
            Err(error) => return error.into(),
        };
        let own = job.execution.run.github_text("repository");
        match name.to_ascii_lowercase().as_str() {
            "repository" if !value.is_empty() && !value.eq_ignore_ascii_case(&own) => {
                return Outcome::failed(format!(
                    "cannot check out `{value}`: a local run has only the tree at hand"
                ));
            }
            "path" if !value.is_empty() && value != "." => {
                return Outcome::failed(format!(
                    "cannot check out to `{value}`: a local run has its tree at the workspace's root"
                ));
            }
            "ref" if !value.is_empty() => {
                let message = format!("`ref: {value}` has no effect: a local run works on the tree as it is");
                job.execution.annotate(Some(index), Level::Warning, message);
            }
            _ => {}
        }
    }
    let mut log = job.execution.output.step_log(&job.execution.name, index);
    log.write(b"The workspace holds the tree already; nothing is fetched.\n");
    log.finish();
    Outcome { conclusion: Conclusion::Success, reason: None }
}
