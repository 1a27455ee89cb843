//! Who a job's steps are, to others: before a step begins it is decided which grants it has, its credentials are had,
//! and the endpoint is told to answer it; with its end all of that is over. A job that has no right to a token, and whose
//! steps ask for no grant, pays nothing for this.

mod files;
mod give;
mod revoke;
mod secrets;
mod tokens;
mod waiting;

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::command;
use super::execute::{Execution, Running};
use super::process::Stop;
use super::step::{Outcome, exprs};
use crate::egress::Mode;
use crate::expr::Object;
use crate::identity::claims::{Environment, Observed};
use crate::identity::endpoint::{Endpoint, Session};
use crate::identity::exchange::{Credentials, Request};
use crate::identity::grant::{Grant, Provider, VARIABLE, asked};
use crate::identity::id_token::SignedBy;
use crate::identity::reference::Place;
use crate::identity::{Claims, Facts, digest};
use crate::output::event::Level;
use crate::workflow::WorkflowFile;
use crate::workflow::model::{Env, Step};
use crate::workflow::permissions::{Access, Permissions, Scope};
use give::NO_FORGE;
use revoke::Revocable;
use waiting::{Stopped, Wait};

/// How long a provider has to give credentials, and to take them back.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a job's steps have of this.
#[derive(Default)]
pub struct Identity {
    endpoint: Option<Endpoint>,
    claims: Option<Arc<Claims>>,
    /// The step that runs.
    step: Option<Entered>,
    /// Sessions of steps that have ended, where all steps of the job may ask the same.
    kept: Vec<Session>,
    /// Why nothing is given to a job that has the permission was told.
    told: bool,
    tokens: Arc<AtomicUsize>,
    /// What is taken back when the job has ended.
    leased: Vec<Revocable>,
}

/// What a step has.
#[derive(Default)]
struct Entered {
    grants: Vec<Arc<str>>,
    variables: Vec<(String, String)>,
    sessions: Vec<Session>,
    /// Other steps may ask the same.
    whole_job: bool,
    files: Vec<String>,
    given: Vec<GivenTo>,
}

/// Credentials that a step has.
struct GivenTo {
    grant: Arc<Grant>,
    credentials: Credentials,
    request: Request,
    /// What keeps them fresh.
    held: Vec<Box<dyn Any + Send>>,
}

/// Gets ready what takes time, while the job's sandbox is made: where it will ask a provider, and nowhere else.
pub fn expect(execution: &Execution<'_>) {
    let names =
        |env: &Env| matches!(env, Env::Whole(_)) || env.iter().any(|(name, _)| name.value == VARIABLE);
    let steps = execution.job.steps();
    let asks =
        [&execution.workflow.env, &execution.job.env].into_iter().chain(steps.iter().map(|step| &step.env));
    let asks = execution.identity.grants.iter().next().is_some() && asks.into_iter().any(names);
    let reads = || {
        let exprs = execution.env_exprs().chain(steps.iter().flat_map(exprs));
        let wanted = execution.run.secrets.to_fetch(exprs);
        wanted.iter().any(|it| matches!(it.reference.place, Place::Store { .. }))
    };
    if asks || reads() {
        let identity = execution.identity.clone();
        let prepare = move || identity.http().map(|http| http.prepare());
        // Without the thread, and with what is wrong, it is done or told when a provider is asked.
        let _ = std::thread::Builder::new().name("trust".into()).spawn(prepare);
    }
}

/// Decides what a step of the job may have, and gets it. `env` is the step's, where it has one of its own.
///
/// # Errors
/// Why it may not have what it asks for, or can't.
pub fn enter(
    job: &mut Running<'_>,
    index: usize,
    step: Option<&Step>,
    env: Option<&Object>,
) -> Result<(), Refused> {
    let text = env.unwrap_or(&job.frame.env).get(VARIABLE);
    let text = text.map(|names| names.to_display_string().into_owned());
    let names = asked(text.as_deref().unwrap_or_default())?;
    if names.is_empty() && permissions(job.execution).of(Scope::IdToken) != Access::Write {
        return Ok(());
    }
    let id = step.and_then(|step| step.id.as_ref()).map(|id| id.value.as_str());
    let grants = job.grants(&names, id).map_err(Refused::by_rule)?;
    if grants.is_empty() {
        return Ok(());
    }
    let given = match job.execution.place.network.mode {
        Mode::Host => Err(Refused::by_rule(HOST_NETWORK.to_owned())),
        _ => job.give(index, &grants),
    };
    match given {
        // Nobody has asked for it by name.
        Err(why) if names.is_empty() => {
            job.tell(why.outcome.reason.as_deref().unwrap_or_default());
            Ok(())
        }
        given => given,
    }
}

/// The same for what an action does before and after its step. `env` is the action's.
pub fn enter_stage(job: &mut Running<'_>, index: usize, env: &Object) -> Result<(), Refused> {
    let execution = job.execution;
    let step = job.trail.first().and_then(|number| execution.job.steps().get(*number));
    let none = Object::case_sensitive();
    // What an action's own steps have in their environment, the workflow didn't write.
    let env = if job.trail.len() == 1 { env } else { &none };
    let entered = enter(job, index, step, Some(env));
    job.refused |= entered.as_ref().is_err_and(|refused| refused.by_rule);
    entered
}

/// Why nothing is given where the loopback isn't the job's own.
const HOST_NETWORK: &str = "a job with the host's network has no grants: every process of this machine could ask for \
                            them on its loopback";

/// Why a step doesn't begin.
#[derive(Debug)]
pub struct Refused {
    /// How that ends it.
    pub outcome: Outcome,
    /// A rule is against it.
    pub by_rule: bool,
}

impl Refused {
    /// By a rule, in words.
    pub fn by_rule(reason: String) -> Refused {
        Refused { outcome: Outcome::failed(reason), by_rule: true }
    }
}

impl From<String> for Refused {
    fn from(reason: String) -> Refused {
        Refused { outcome: Outcome::failed(reason), by_rule: false }
    }
}

/// Ends what a step had.
pub fn leave(job: &mut Running<'_>, index: usize) {
    let Some(mut entered) = job.identity.step.take() else { return };
    if entered.whole_job {
        job.identity.kept.extend(entered.sessions);
    } else {
        drop(entered.sessions);
    }
    let held: Vec<_> = entered.given.iter_mut().map(|given| std::mem::take(&mut given.held)).collect();
    // Before the files: what keeps them fresh would write them again.
    drop(held);
    for name in entered.files {
        // The step may have removed it itself.
        let _ = job.dir.remove(&name);
    }
    let given = entered.given.into_iter().filter_map(|given| given.revocable());
    job.revoke(Some(index), given.collect());
}

/// Ends what the job had.
pub fn end(job: &mut Running<'_>) {
    let leased = std::mem::take(&mut job.identity.leased);
    job.revoke(None, leased);
}

impl Identity {
    /// The names of the grants that the running step has.
    pub fn grants(&self) -> impl Iterator<Item = &str> {
        self.step.iter().flat_map(|step| step.grants.iter().map(|name| &**name))
    }

    /// The variables of the running step's processes.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        self.step.iter().flat_map(|step| step.variables.iter().cloned())
    }
}

impl Running<'_> {
    /// How long providers are waited for; `grace` goes on after an order to stop.
    fn wait(&self, grace: Duration) -> Wait<'_> {
        Wait {
            cancel: self.execution.cancel,
            already_asked: self.cancelled.is_some(),
            deadline: self.deadline,
            grace,
        }
    }

    /// What becomes of the step that has waited.
    fn stopped(&mut self, stopped: Stopped) -> Refused {
        let stop = match stopped {
            Stopped::Cancelled => Stop::Cancelled,
            Stopped::Timeout => Stop::JobTimeout,
            Stopped::Failed(why) => return Refused::from(why),
        };
        Refused { outcome: command::stopped(self, stop, None), by_rule: false }
    }

    /// The grants of a step: those that it asks for by name, each of which it must be allowed, and those of ID tokens
    /// that it is allowed.
    fn grants(&mut self, names: &[&str], step: Option<&str>) -> Result<Vec<Arc<Grant>>, String> {
        let execution = self.execution;
        let all = &execution.identity.grants;
        let permissions = &*permissions(execution);
        if names.is_empty() && !all.iter().any(|grant| matches!(grant.provider, Provider::IdToken(_))) {
            self.tell("no grant of ID tokens is configured for this runner");
            return Ok(Vec::new());
        }
        let claims = self.claims();
        let mut grants: Vec<Arc<Grant>> = Vec::new();
        for name in names {
            let grant = all.get(name).ok_or_else(|| {
                format!("no grant is called `{}` in this runner's configuration", name.escape_debug())
            })?;
            if let Some(why) = why_not(execution, grant, &claims, permissions, step) {
                return Err(format!("the grant `{name}` is refused: {why}"));
            }
            grants.push(grant.clone());
        }
        let mut refused = None;
        for grant in all.iter().filter(|grant| matches!(grant.provider, Provider::IdToken(_))) {
            if grants.iter().any(|known| known.name == grant.name) {
                continue;
            }
            match why_not(execution, grant, &claims, permissions, step) {
                None => grants.push(grant.clone()),
                Some(why) => refused = Some(format!("the grant `{}` is refused: {why}", grant.name)),
            }
        }
        if let (true, Some(why)) = (grants.is_empty(), refused) {
            self.tell(&why);
        }
        Ok(grants)
    }

    /// Tells once why a job that has the permission gets no token.
    fn tell(&mut self, why: &str) {
        if !std::mem::replace(&mut self.identity.told, true) {
            let message = format!("`id-token: write` gives no ID token here: {why}");
            self.execution.annotate(None, Level::Notice, message);
        }
    }

    /// The job's claims.
    pub fn claims(&mut self) -> Arc<Claims> {
        let Running { execution, sandbox, .. } = self;
        let made =
            || {
                let layers: String = execution
                    .place
                    .layers(sandbox)
                    .iter()
                    .map(|line| format!("{} {} {}\n", line.layer, line.state, line.detail))
                    .collect();
                Arc::new(execution.identity.claims(Observed {
                    called: execution.called.as_ref().map(|file| called(file, execution.identity.facts())),
                    environment: execution.environment.filter(|entered| entered.is_known).map(|entered| {
                        Environment { name: entered.name.clone(), approved: entered.is_approved }
                    }),
                    isolation: digest(layers.as_bytes()),
                    network: execution.place.network.mode.as_str().to_owned(),
                    ..Observed::default()
                }))
            };
        self.identity.claims.get_or_insert_with(made).clone()
    }
}

/// Why a grant isn't given.
fn why_not(
    execution: &Execution<'_>,
    grant: &Grant,
    claims: &Claims,
    permissions: &Permissions,
    step: Option<&str>,
) -> Option<String> {
    if grant.signed_by() == SignedBy::Forge && execution.identity.forge().is_none() {
        return Some(NO_FORGE.to_owned());
    }
    grant.decide(claims, permissions, step).why_not()
}

/// What a job may do. A forge that offers it tokens has read its permission in the workflow, as it is written for that
/// forge.
fn permissions<'e>(execution: &'e Execution<'_>) -> Cow<'e, Permissions> {
    let granted = &execution.contexts.rights.granted;
    match execution.identity.forge() {
        None => Cow::Borrowed(granted),
        Some(_) => Cow::Owned(granted.with(Scope::IdToken, Access::Write)),
    }
}

/// A file that another workflow calls, as `job_workflow_ref` has it.
pub fn called(file: &WorkflowFile, facts: &Facts) -> String {
    match file {
        WorkflowFile::Here(path) => {
            format!("{}/{}@{}", facts.text("repository"), path.as_str(), facts.text("ref"))
        }
        WorkflowFile::Elsewhere(remote) => remote.to_string(),
    }
}
