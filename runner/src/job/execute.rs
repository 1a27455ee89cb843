//! One job from its sandbox to its outputs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_sandbox::{Bind, Sandbox, SharedDir};

use super::cancel::{Cancel, Urgency};
use super::contexts::{Frame, JobContexts, RunContexts, Standing, View, inside, runner_variables};
use super::files::StepFiles;
use super::gate::Entered;
use super::identity::{self, Identity, Refused};
use super::network::{AtStep, Egress};
use super::place::Place;
use super::post::{self, Post};
use super::{pre, reach, step};
use crate::action::needed::{Needed, Search};
use crate::action::{Actions, ObtainError, Obtained, lock};
use crate::egress::GatewayError;
use crate::egress::narrow::{Narrowing, VARIABLE};
use crate::expr::{EvalError, Expr, Object, Scope, Template, Value};
use crate::identity::Broker;
use crate::output::event::{ActionLine, Annotation, Conclusion, DeploymentState, Event, JobName, Level};
use crate::output::{Matchers, Output, clock};
use crate::store::Stores;
use crate::workflow::WorkflowFile;
use crate::workflow::model::{Env, Job, LiteralOr, Workflow};
use crate::workflow::span::Spanned;

/// How long a job may take that doesn't say, as on GitHub.
const DEFAULT_TIMEOUT: Duration = Duration::from_mins(360);
/// Most bytes of a job's outputs, as on GitHub.
const MAX_OUTPUTS: usize = 1 << 20;
/// Longest `url` of an environment.
const MAX_URL: usize = 2048;
/// How long the last steps of a cancelled job may take, as on GitHub.
const AFTER_CANCEL: Duration = Duration::from_mins(5);

/// All that one job needs to run.
pub struct Execution<'a> {
    /// The workflow that it is of.
    pub workflow: &'a Workflow,
    /// What it says.
    pub job: &'a Job,
    /// What it is called in events.
    pub name: JobName,
    /// The run's contexts.
    pub run: &'a RunContexts,
    /// The environment that it has.
    pub environment: Option<&'a Entered>,
    /// The job's contexts.
    pub contexts: JobContexts,
    /// Variables for every step, besides the workflow's.
    pub extra_env: &'a [(String, String)],
    /// Sandbox, tree and tools.
    pub place: &'a Place,
    /// Actions of other repositories.
    pub actions: &'a Actions,
    /// What jobs pass on.
    pub stores: &'a Arc<Stores>,
    /// What its steps may have of others, and by what.
    pub identity: &'a Arc<Broker>,
    /// The file of its workflow, where another calls that.
    pub called: Option<&'a WorkflowFile>,
    /// Orders to stop.
    pub cancel: &'a Arc<Cancel>,
    /// Where everything that is said goes.
    pub output: &'a Output,
}

/// How a job ended.
#[derive(Debug)]
pub struct Finished {
    /// Its result, after `continue-on-error`.
    pub result: Conclusion,
    /// Its outputs.
    pub outputs: Vec<(String, String)>,
    /// Where what it has deployed can be seen.
    pub url: Option<String>,
    /// Why it could not be done, where that isn't the job's own failure.
    pub fault: Option<Fault>,
}

impl Finished {
    /// A job that gave nothing.
    pub fn nothing(result: Conclusion) -> Finished {
        Finished { result, outputs: Vec::new(), url: None, fault: None }
    }
}

/// Why a job could not be done; the graver comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A policy is against it.
    Refused,
    /// Its sandbox could not be set up.
    NoIsolation,
}

/// A job while its steps run.
pub struct Running<'a> {
    /// What it was asked to do.
    pub execution: &'a Execution<'a>,
    /// Its sandbox.
    pub sandbox: &'a Sandbox,
    /// The actions of other repositories that it uses.
    pub needed: &'a Needed,
    /// The directory that it shares with its steps.
    pub dir: &'a SharedDir,
    /// The next command's files there.
    pub files: StepFiles,
    /// The steps that run: its own, or those of the composite action that is at work.
    pub frame: Frame,
    /// The steps that wait for the composite action that runs within one of them; its own are the first.
    pub outer: Vec<Frame>,
    /// `job.status`
    pub status: &'static str,
    /// The step that runs: its place among the job's, and within it those of nested actions.
    pub trail: Vec<usize>,
    /// What the stages of an action have saved for those that follow, by the step's trail.
    pub saved: HashMap<Vec<usize>, Vec<(String, String)>>,
    /// How many stages of actions ran as steps of their own.
    pub stages: usize,
    /// What actions have to do at its end; the last is the first.
    pub posts: Vec<Post>,
    /// The major version of Node.js, once it was asked for; `None` within where there is none.
    pub node: Option<Option<u32>>,
    /// Problem matchers that its steps have added.
    pub matchers: Matchers,
    /// Directories in front of `PATH`, from `GITHUB_PATH`; the last is the first.
    pub path: Vec<String>,
    /// How many bytes steps have passed on so far.
    pub passed_on: usize,
    /// The runner's own variables.
    pub variables: Vec<(String, String)>,
    /// When the job was seen to be cancelled.
    pub cancelled: Option<Instant>,
    /// When it ends at the latest.
    pub deadline: Option<Instant>,
    /// Tells the gateway's record which of the job's own steps runs.
    pub at_step: AtStep,
    /// What the workflow leaves of its network.
    pub reach: Vec<Narrowing>,
    /// What its steps have of others.
    pub identity: Identity,
    /// A rule was against a step of its own.
    pub refused: bool,
    /// Scratch space for output.
    pub buffer: Vec<u8>,
}

/// Why a job can't go on.
struct Broken {
    reason: String,
    result: Conclusion,
    fault: Option<Fault>,
}

impl Broken {
    fn of_isolation(error: &palisade_sandbox::Error) -> Self {
        let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        Broken {
            reason: format!("{error}{remedy}"),
            result: Conclusion::Failure,
            fault: Some(Fault::NoIsolation),
        }
    }

    fn of_gateway(error: GatewayError) -> Self {
        let (result, fault) = (Conclusion::Failure, Some(Fault::NoIsolation));
        Broken { reason: error.to_string(), result, fault }
    }
}

impl From<ObtainError> for Broken {
    fn from(error: ObtainError) -> Self {
        let (result, fault) = match error {
            ObtainError::Refused(_) => (Conclusion::Failure, Some(Fault::Refused)),
            ObtainError::Failed(_) => (Conclusion::Failure, None),
            ObtainError::Stopped => (Conclusion::Cancelled, None),
        };
        Broken { reason: error.to_string(), result, fault }
    }
}

impl From<Refused> for Broken {
    fn from(Refused { outcome, by_rule }: Refused) -> Self {
        let fault = by_rule.then_some(Fault::Refused);
        Broken { reason: outcome.reason.unwrap_or_default(), result: outcome.conclusion, fault }
    }
}

impl From<EvalError> for Broken {
    fn from(error: EvalError) -> Self {
        Broken { reason: error.to_string(), result: Conclusion::Failure, fault: None }
    }
}

/// Tells which repositories a job uses, and of those that the lock should have and doesn't.
pub fn tell(obtained: &[Arc<Obtained>], actions: &Actions, job: &JobName, output: &Output) {
    if obtained.is_empty() {
        return;
    }
    let line = |obtained: &Arc<Obtained>| ActionLine {
        uses: obtained.version.clone(),
        source: obtained.source.clone(),
        commit: obtained.stored.commit.to_string(),
        tree: obtained.stored.digest.to_string(),
        pinned: obtained.pinned,
    };
    output.emit(Event::Actions { job: job.clone(), actions: obtained.iter().map(line).collect() });
    for obtained in obtained.iter().filter(|obtained| actions.lock.is_some() && !obtained.pinned) {
        let message =
            format!("`{}` is not in `{}`; add it with `palisade lock`", obtained.version, lock::PATH);
        let annotation = Annotation::new(Level::Warning, message);
        output.emit(Event::Annotation { job: job.clone(), step: None, annotation });
    }
}

/// Runs a job. Every event of it is emitted here, the first and the last included. Gives its sandbox too,
/// for the caller to drop when it has nothing better to do.
pub fn execute(execution: &Execution<'_>) -> (Finished, Option<Sandbox>) {
    let start = Instant::now();
    let Execution { name, output, .. } = execution;
    let permissions = execution.contexts.rights.granted.clone();
    output.emit(Event::JobStarted { job: name.clone(), permissions });
    execution.tell_deployment(DeploymentState::InProgress, None);
    let (mut finished, reason, sandbox) = match prepare_and_run(execution, start) {
        Ok((finished, reason, sandbox)) => (finished, reason, Some(sandbox)),
        Err(Broken { reason, result, fault }) => {
            (Finished { fault, ..Finished::nothing(result) }, Some(reason), None)
        }
    };
    execution.tell_deployment(finished.result.into(), finished.url.take());
    if finished.result == Conclusion::Failure && finished.fault.is_none() {
        let allowed = execution.job.continue_on_error.as_ref().map(|c| c.resolve(&execution.view()));
        if matches!(allowed, Some(Ok(true))) {
            finished.result = Conclusion::Success;
        }
    }
    output.emit(Event::JobFinished {
        job: name.clone(),
        result: finished.result,
        milliseconds: start.elapsed().as_millis() as u64,
        reason,
        outputs: finished.outputs.clone(),
    });
    (finished, sandbox)
}

fn prepare_and_run(
    execution: &Execution<'_>,
    start: Instant,
) -> Result<(Finished, Option<String>, Sandbox), Broken> {
    let Execution { job, run, contexts, place, output, .. } = execution;
    if let Some(reason) = job.images.refusal(&execution.view())? {
        return Err(Broken { reason, result: Conclusion::Failure, fault: None });
    }
    let needed = execution.needed()?;
    // The sandbox sets itself up while the job's own settings are evaluated.
    let shown = |obtained: &Arc<Obtained>| Bind::read_only(&obtained.stored.tree).at(&obtained.inside);
    let trees = needed.versions().iter().map(shown).collect();
    let mut starting = place.start(trees).map_err(|e| Broken::of_isolation(&e))?;
    identity::expect(execution);
    let mut egress = Egress::start(execution, starting.take_inlet()).map_err(Broken::of_gateway)?;
    let at_step = egress.at_step().map_err(Broken::of_gateway)?;
    execution.warn_of_missing_secrets();
    let timeout = match &job.timeout_minutes {
        Some(minutes) => minutes.resolve_minutes(&execution.view())?,
        None => None,
    };
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    let variables = runner_variables(run, contexts);
    let broken = |what: String| Broken {
        reason: format!("cannot prepare the job: {what}"),
        result: Conclusion::Failure,
        fault: Some(Fault::NoIsolation),
    };
    let mut files = StepFiles::named();
    if let Some(dir) = starting.shared_dir().map_err(|e| Broken::of_isolation(&e))? {
        // There is no step yet that could read them.
        dir.together(|dir| {
            dir.write(inside::EVENT, 0o644, run.event.as_bytes())?;
            files.make(dir)
        })
        .map_err(|e| broken(format!("writing the event's payload and the first step's files: {e}")))?;
    }
    let sandbox = starting.ready().map_err(|e| Broken::of_isolation(&e))?;
    output.emit(Event::Layers { job: execution.name.clone(), layers: place.layers(&sandbox) });
    place.await_leave().map_err(|why| Broken {
        reason: why.to_string(),
        result: Conclusion::Cancelled,
        fault: None,
    })?;
    let dir = sandbox.shared_dir().ok_or_else(|| broken("its sandbox has no shared directory".into()))?;
    let mut running = Running {
        execution,
        sandbox: &sandbox,
        needed: &needed,
        dir,
        files,
        frame: Frame {
            steps: Object::new(),
            env: Object::case_sensitive(),
            failed: false,
            action: None,
            deadline: None,
        },
        outer: Vec::new(),
        status: "success",
        trail: Vec::new(),
        saved: HashMap::new(),
        stages: 0,
        posts: Vec::new(),
        node: None,
        matchers: Matchers::default(),
        path: Vec::new(),
        passed_on: 0,
        variables,
        cancelled: None,
        deadline: start.checked_add(timeout),
        at_step,
        reach: Vec::new(),
        identity: Identity::default(),
        refused: false,
        buffer: Vec::new(),
    };
    let (mut finished, mut reason) = running.begin_and_run_steps(timeout)?;
    let refused = egress.finish(execution).map_err(Broken::of_gateway)?;
    if let (Some(refused), Conclusion::Success) = (refused, finished.result) {
        (finished.result, reason) = (Conclusion::Failure, Some(refused));
    }
    Ok((finished, reason, sandbox))
}

impl Execution<'_> {
    /// The contexts before any step has run.
    pub fn view(&self) -> View<'_> {
        View::of_job(self.run, &self.contexts, Standing::FRESH)
    }

    /// The variables of the workflow and of the job, and what each of them leaves of the network.
    fn env(&self) -> Result<(Object, Vec<String>), EvalError> {
        let mut env = Object::case_sensitive();
        let mut lists = Vec::new();
        let mut insert = |env: &mut Object, name: &str, value: String| {
            lists.extend((name == VARIABLE).then(|| value.clone()));
            env.insert(name, value);
        };
        self.workflow.env.evaluate(&self.view(), |name, value| insert(&mut env, name, value))?;
        for (name, value) in self.extra_env {
            insert(&mut env, name.as_str(), value.clone());
        }
        let outer = env.clone();
        let view = View { env: Some(&outer), ..self.view() };
        self.job.env.evaluate(&view, |name, value| insert(&mut env, name, value))?;
        Ok((env, lists))
    }

    /// Tells how what the job deploys to its environment stands.
    fn tell_deployment(&self, state: DeploymentState, url: Option<String>) {
        if let Some(entered) = self.environment.filter(|entered| entered.deployment) {
            let (job, environment) = (self.name.clone(), entered.name.clone());
            self.output.emit(Event::Deployment { job, environment, state, url });
        }
    }

    /// Obtains the actions of other repositories and tells which they are.
    fn needed(&self) -> Result<Needed, ObtainError> {
        let search = Search {
            actions: self.actions,
            root: &self.place.source,
            native: self.place.native,
            stop: Some(self.cancel.asked()),
        };
        let needed = Needed::of(self.job.steps(), search)?;
        tell(needed.versions(), self.actions, &self.name, self.output);
        Ok(needed)
    }

    /// Tells of secrets that an `env` names and that nobody gave: they are empty.
    fn warn_of_missing_secrets(&self) {
        self.warn_of_missing(None, self.run.secrets.missing(self.env_exprs()));
    }

    /// What the workflow's and the job's own `env` read.
    pub fn env_exprs(&self) -> impl Iterator<Item = &Expr> {
        self.workflow.env.exprs().chain(self.job.env.exprs())
    }

    /// Tells of secrets that nobody gave.
    pub fn warn_of_missing(&self, step: Option<usize>, missing: Vec<String>) {
        for name in missing {
            let message = match self.run.secrets.why_withheld(&name) {
                Some(why) => format!("secret `{name}` is withheld, so it is empty: {why}"),
                None => {
                    format!("secret `{name}` was not given, so it is empty; give it with `--secret {name}`")
                }
            };
            self.annotate(step, Level::Warning, message);
        }
    }

    /// Palisade's own word on a job or step.
    pub fn annotate(&self, step: Option<usize>, level: Level, message: String) {
        let annotation = Annotation::new(level, message);
        self.output.emit(Event::Annotation { job: self.name.clone(), step, annotation });
    }
}

impl Running<'_> {
    fn begin_and_run_steps(&mut self, timeout: Duration) -> Result<(Finished, Option<String>), Broken> {
        let begun = self.fetch_secrets(None, self.execution.env_exprs()).map_err(Broken::from);
        let ran = begun.and_then(|()| {
            let lists;
            (self.frame.env, lists) = self.execution.env()?;
            self.reach = reach::around(self.execution, &lists)?;
            Ok(self.run_steps(timeout))
        });
        identity::end(self);
        ran
    }

    fn run_steps(&mut self, timeout: Duration) -> (Finished, Option<String>) {
        let mut reason = None;
        pre::run_all(self);
        for index in 0..self.execution.job.steps().len() {
            self.look_for_end();
            step::run(self, index);
            if self.execution.cancel.urgency() == Urgency::AtOnce {
                break;
            }
        }
        post::run_all(self);
        self.look_for_cancellation();
        if self.cancelled.is_some() {
            reason = match self.execution.cancel.urgency() {
                Urgency::None => Some(format!("exceeded its timeout of {} minutes", clock::minutes(timeout))),
                Urgency::Asked | Urgency::AtOnce => self.execution.cancel.why().map(str::to_owned),
            };
        }
        let mut result = match self.standing() {
            Standing { cancelled: true, .. } => Conclusion::Cancelled,
            Standing { failure: true, .. } => Conclusion::Failure,
            _ => Conclusion::Success,
        };
        let outputs = self.outputs().unwrap_or_else(|error| {
            reason = Some(format!("cannot evaluate its outputs: {error}"));
            result = Conclusion::Failure;
            Vec::new()
        });
        let fault = (self.refused && result == Conclusion::Failure).then_some(Fault::Refused);
        (Finished { result, outputs, url: self.url(), fault }, reason)
    }

    /// What the status functions answer: among the steps of an action, these count.
    pub fn standing(&self) -> Standing {
        let (cancelled, failed) = (self.cancelled.is_some(), self.frame.failed);
        Standing { success: !failed && !cancelled, failure: failed && !cancelled, cancelled }
    }

    /// The contexts that a step sees.
    pub fn view<'v>(&'v self, env: Option<&'v Object>, action: Option<&'v str>) -> View<'v> {
        View {
            run: self.execution.run,
            job: &self.execution.contexts,
            frame: Some(&self.frame),
            status: self.status,
            env,
            action,
            standing: self.standing(),
            files: Some(self),
            own_files: Some(&self.files),
            debug: self.execution.output.options().debug,
            is_shown: false,
        }
    }

    /// Takes note of an order to stop, and of the end of the job's time.
    pub fn look_for_end(&mut self) {
        self.look_for_cancellation();
        if self.cancelled.is_none() && self.deadline.is_some_and(|at| at <= Instant::now()) {
            self.cancel();
        }
    }

    /// Takes note of an order to stop.
    pub fn look_for_cancellation(&mut self) {
        if self.cancelled.is_none() && self.execution.cancel.urgency() != Urgency::None {
            self.cancel();
        }
    }

    /// From now on only steps run whose condition holds for a cancelled job, and not for long.
    pub fn cancel(&mut self) {
        let now = Instant::now();
        self.cancelled = Some(now);
        self.deadline = Some(now + AFTER_CANCEL);
        self.status = "cancelled";
    }

    /// Takes note of a failed step.
    pub fn fail(&mut self) {
        self.frame.failed = true;
        // Of an action's steps the job hears by the step that uses it.
        if self.cancelled.is_none() && self.outer.is_empty() {
            self.status = "failure";
        }
    }

    /// The `url` of its environment, as far as it can be shown.
    fn url(&self) -> Option<String> {
        self.execution.environment?;
        let url = self.execution.job.environment.as_ref()?.url.as_ref()?;
        let checked = match url.evaluate(&self.view(None, None)) {
            Ok(url) if url.is_empty() => return None,
            Ok(url) if !["https://", "http://"].iter().any(|scheme| url.starts_with(scheme)) => {
                Err("it begins with neither https:// nor http://".to_owned())
            }
            Ok(url) if url.len() > MAX_URL => Err(format!("it is longer than {MAX_URL} bytes")),
            Ok(url) if url.contains(|c: char| c.is_control() || c.is_whitespace()) => {
                Err("there is a space or control character in it".to_owned())
            }
            Ok(url) => Ok(url),
            Err(error) => Err(error.to_string()),
        };
        let told = |why| {
            let message = format!("the environment's `url` is left out: {why}");
            self.execution.annotate(None, Level::Warning, message);
        };
        checked.map_err(told).ok()
    }

    fn outputs(&mut self) -> Result<Vec<(String, String)>, EvalError> {
        let exprs = self.execution.job.outputs.values().flat_map(|value| value.exprs());
        self.fetch_secrets(None, exprs)
            .map_err(|refused| EvalError::new(refused.outcome.reason.unwrap_or_default()))?;
        let view = self.view(None, None);
        let outputs = self.execution.job.outputs.iter();
        let mut size = 0;
        let evaluate = |(name, value): (&String, &Spanned<Template>)| {
            let value = value.evaluate(&view)?;
            size += name.len() + value.len();
            if size > MAX_OUTPUTS {
                return Err(EvalError::new(format!("they are larger than {MAX_OUTPUTS} bytes")));
            }
            Ok((name.clone(), value))
        };
        let mut outputs: Vec<(String, String)> = outputs.map(evaluate).collect::<Result<_, _>>()?;
        // As on GitHub, one that is empty is none.
        outputs.retain(|(_, value)| !value.is_empty());
        // Other jobs and the forge get outputs in clear.
        outputs.retain(|(name, value)| match self.execution.output.masker().whole_secret(value) {
            None => true,
            Some(secret) => {
                let message = format!("output `{name}` was withheld, since it holds the secret `{secret}`");
                self.execution.annotate(None, Level::Warning, message);
                false
            }
        });
        Ok(outputs)
    }
}

/// A setting that is written out or computed.
pub trait Resolve<T> {
    /// Its value.
    fn resolve(&self, scope: &dyn Scope) -> Result<T, EvalError>;
}

impl Resolve<bool> for LiteralOr<bool> {
    fn resolve(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        match self {
            LiteralOr::Literal(value) => Ok(*value),
            LiteralOr::Expr(expr) => match expr.evaluate(scope)? {
                Value::Bool(value) => Ok(value),
                Value::String(text) if &*text == "true" => Ok(true),
                Value::String(text) if text.is_empty() || &*text == "false" => Ok(false),
                Value::Null => Ok(false),
                other => Err(EvalError::new(format!(
                    "`{}` must be true or false, not {}",
                    expr.source(),
                    other.kind()
                ))),
            },
        }
    }
}

impl Resolve<f64> for LiteralOr<f64> {
    fn resolve(&self, scope: &dyn Scope) -> Result<f64, EvalError> {
        match self {
            LiteralOr::Literal(value) => Ok(*value),
            LiteralOr::Expr(expr) => {
                let number = expr.evaluate(scope)?.to_number();
                if number.is_nan() {
                    return Err(EvalError::new(format!("`{}` must be a number", expr.source())));
                }
                Ok(number)
            }
        }
    }
}

impl<T, L: Resolve<T>> Resolve<T> for Spanned<L> {
    fn resolve(&self, scope: &dyn Scope) -> Result<T, EvalError> {
        self.value.resolve(scope)
    }
}

/// `timeout-minutes`.
pub trait ResolveMinutes {
    /// Its value; none for 0 and less, which is no limit.
    fn resolve_minutes(&self, scope: &dyn Scope) -> Result<Option<Duration>, EvalError>;
}

/// The longest time that can be waited for without harm: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl<L: Resolve<f64>> ResolveMinutes for L {
    fn resolve_minutes(&self, scope: &dyn Scope) -> Result<Option<Duration>, EvalError> {
        let minutes =
            self.resolve(scope).map_err(|error| EvalError::new(format!("`timeout-minutes`: {error}")))?;
        if minutes <= 0.0 {
            return Ok(None);
        }
        // A limit that nobody lives to see is none.
        Ok(Some(Duration::try_from_secs_f64(minutes * 60.0).unwrap_or(LONGEST).min(LONGEST)))
    }
}

/// Names of an `env` whose values have no place in a process's environment, with what is wrong.
pub fn check_env(env: &Object) -> Result<(), String> {
    for (name, value) in env.iter() {
        let shown = name.escape_debug();
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(format!("`{shown}` can't be the name of an environment variable"));
        }
        if value.to_display_string().contains('\0') {
            return Err(format!("environment variable `{shown}` has a NUL byte in its value"));
        }
    }
    Ok(())
}

/// Evaluates an `env` over what it extends.
pub fn extend_env(outer: &Object, own: &Env, scope: &dyn Scope) -> Result<Object, EvalError> {
    let mut env = outer.clone();
    own.evaluate(scope, |name, value| {
        env.insert(name, value);
    })?;
    Ok(env)
}
