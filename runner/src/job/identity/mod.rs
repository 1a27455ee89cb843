//! Who a job's steps are, to others: before a step begins it is decided which grants it has, its credentials are had,
//! and the endpoint is told to answer it; with its end all of that is over. A job that has no right to a token, and whose
//! steps ask for no grant, pays nothing for this.

mod files;
mod secrets;
mod tokens;
mod waiting;

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::command;
use super::execute::{Execution, Running};
use super::process::Stop;
use super::step::Outcome;
use crate::egress::Mode;
use crate::expr::Object;
use crate::identity::claims::{Environment, Observed};
use crate::identity::endpoint::{Caller, Endpoint, IdTokenRoute, Route, Session, request_url};
use crate::identity::exchange::{Credentials, Delivery, ExchangeError, Masks, Request, Tokens};
use crate::identity::grant::{Grant, Provider, VARIABLE, asked};
use crate::identity::id_token::SignedBy;
use crate::identity::issuer::token::random_id;
use crate::identity::{Broker, Claims, Facts, digest};
use crate::mask::Secret;
use crate::output::Output;
use crate::output::event::{By, Event, JobName, Level};
use crate::workflow::WorkflowFile;
use crate::workflow::model::Step;
use crate::workflow::permissions::{Access, Permissions, Scope};
use files::StepFiles;
use tokens::{Masking, Signer, StepTokens, Told};
use waiting::{Stopped, Wait};

/// Most questions without an answer that a job is warned of.
const MAX_WARNINGS: usize = 10;
/// How long a provider has to give credentials, and to take them back.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long they have to take them back once the job is to stop.
const GRACE: Duration = Duration::from_secs(2);

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

/// Something that can be taken back.
struct Revocable {
    /// For people.
    what: String,
    revoke: Box<dyn FnOnce(Instant) -> Result<(), ExchangeError> + Send>,
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
    fn by_rule(reason: String) -> Refused {
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

impl GivenTo {
    /// What can be taken back of it.
    fn revocable(self) -> Option<Revocable> {
        let GivenTo { grant, credentials, request, .. } = self;
        grant.provider.exchange().filter(|exchange| exchange.revokes()).is_some().then(|| {
            let what = format!("the credentials of the grant `{}`", grant.name);
            let revoke = move |deadline| match grant.provider.exchange() {
                Some(exchange) => exchange.revoke(&credentials, &Request { deadline, ..request }),
                None => Ok(()),
            };
            Revocable { what, revoke: Box::new(revoke) }
        })
    }
}

impl Identity {
    /// The variables of the running step's processes.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> {
        self.step.iter().flat_map(|step| step.variables.iter().cloned())
    }
}

/// Who signs tokens.
fn signer(broker: &Broker, signed_by: Option<SignedBy>) -> Result<Signer, String> {
    let Some(signed_by) = signed_by else { return Ok(Signer::Nobody) };
    match (signed_by, broker.forge()) {
        (SignedBy::Runner, _) => broker.issuer().map(Signer::Runner),
        (SignedBy::Forge, Some(forge)) => Ok(Signer::Forge(forge.clone())),
        (SignedBy::Forge, None) => Err(NO_FORGE.to_owned()),
    }
}

/// Why a forge signs nothing.
const NO_FORGE: &str = "`issuer`: the forge offers this job no tokens; at a Forgejo, `enable-openid-connect: true` in the \
                        workflow has it do so";

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

    /// Has credentials taken back, all at the same time.
    fn revoke(&self, step: Option<usize>, all: Vec<Revocable>) {
        if all.is_empty() {
            return;
        }
        let what: Vec<String> = all.iter().map(|revocable| revocable.what.clone()).collect();
        let deadline = Instant::now() + PATIENCE;
        let work = move || {
            std::thread::scope(|scope| {
                let begun: Vec<_> =
                    all.into_iter().map(|it| scope.spawn(move || (it.revoke)(deadline))).collect();
                let panicked = |_| Err(ExchangeError::Delivery("who asked has failed".into()));
                begun.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect::<Vec<_>>()
            })
        };
        // Nobody asks for it twice: a cancelled job has its grace too.
        let wait = Wait { already_asked: false, deadline: None, ..self.wait(GRACE) };
        let tell = |message| self.execution.annotate(step, Level::Warning, message);
        match wait.until_done(work, drop) {
            Ok(done) => {
                for (what, done) in what.iter().zip(done) {
                    if let Err(error) = done {
                        tell(format!("{what} can't be revoked: {error}"));
                    }
                }
            }
            Err(_) => tell(format!(
                "{} may not be revoked: the job had to stop, and there was no answer within {} s",
                what.join(", "),
                GRACE.as_secs()
            )),
        }
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
    fn claims(&mut self) -> Arc<Claims> {
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

    /// Gets what grants give, and has the endpoint answer.
    fn give(&mut self, index: usize, grants: &[Arc<Grant>]) -> Result<(), Refused> {
        let identity = self.execution.identity;
        // A runner without an issuer can still pass on what the forge gives.
        for grant in grants {
            signer(identity, grant.token_signed_by())?;
        }
        let claims = self.claims();
        let caller = Caller { origin: self.endpoint()?.origin().to_owned(), bearer: bearer()? };
        let masks = Arc::new(Masking(self.execution.output.clone()));
        masks.mask("ID token request token", &caller.bearer).map_err(|e| e.to_string())?;
        let mut entered = Entered::default();
        let (own, brokered): (Vec<&Arc<Grant>>, Vec<_>) =
            grants.iter().partition(|grant| matches!(grant.provider, Provider::IdToken(_)));
        let mut routes: Vec<Box<dyn Route>> = Vec::new();
        if !own.is_empty() {
            entered.whole_job = own.iter().all(|grant| grant.steps.is_none());
            entered.variables.extend([
                ("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), request_url(&caller.origin)),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN".to_owned(), caller.bearer.expose().to_owned()),
            ]);
            let mut grants: Vec<(Arc<Grant>, Arc<dyn Tokens>)> = Vec::new();
            for grant in own {
                grants.push((grant.clone(), self.tokens_of_grant(index, grant, claims.clone())?));
            }
            routes.push(Box::new(IdTokenRoute {
                caller: caller.clone(),
                grants,
                audience: format!("{}/{}", claims.palisade.server, claims.repository_owner),
                refused: self.warns(index),
            }));
        }
        // From here on what a step has is given back, also where the rest of it can't be had.
        self.identity.step = Some(entered);
        self.begin(routes);
        if brokered.is_empty() {
            return Ok(());
        }
        let http = self.execution.identity.http()?;
        for grant in brokered {
            let told = |e: ExchangeError| format!("the grant `{}`: {e}", grant.name);
            let signed = grant.provider.claims(&claims).map_err(told)?;
            let tokens = self.tokens_of_grant(index, grant, signed)?;
            let request = Request {
                grant: grant.name.clone(),
                claims: claims.clone(),
                tokens: tokens.clone(),
                http: http.clone(),
                shown: identity.shown().clone(),
                deadline: Instant::now() + PATIENCE,
            };
            let credentials = self.exchange(grant, &request)?.map_err(told)?;
            for (name, secret) in credentials.secrets() {
                masks.mask(name, secret).map_err(told)?;
            }
            let record = Arc::new(Told {
                by: By::Grant(grant.name.to_string()),
                provider: grant.provider.name(),
                subject: claims.sub.clone(),
                masking: Masking(self.execution.output.clone()),
                job: self.execution.name.clone(),
                step: Some(index),
                token: Some(tokens),
            });
            record.issued(&credentials);
            let files = StepFiles::new(self.dir)?;
            let mut delivery = Delivery {
                request: &request,
                caller: &caller,
                variables: self.identity.variables().collect(),
                files: files.clone(),
                routes: Vec::new(),
                held: Vec::new(),
                masks: record,
            };
            let delivered = match grant.provider.exchange() {
                Some(exchange) => exchange.deliver(credentials.clone(), &mut delivery),
                None => Ok(()),
            };
            let Delivery { variables, routes, held, .. } = delivery;
            if let Some(entered) = &mut self.identity.step {
                entered.given.push(GivenTo {
                    grant: grant.clone(),
                    credentials,
                    request: request.clone(),
                    held,
                });
                entered.variables = variables;
                entered.files.append(&mut files.names());
                // What this step has by name ends with it.
                entered.whole_job = false;
            }
            self.begin(routes);
            delivered.map_err(told)?;
        }
        Ok(())
    }

    /// Gets credentials, as long as the job goes on. Those that come too late are taken back.
    fn exchange(
        &mut self,
        grant: &Arc<Grant>,
        request: &Request,
    ) -> Result<Result<Credentials, ExchangeError>, Refused> {
        let nothing = || ExchangeError::Delivery("nothing is exchanged for it".into());
        let (of_thread, late) = ((grant.clone(), request.clone()), (grant.clone(), request.clone()));
        let work = move || {
            let (grant, request) = of_thread;
            grant.provider.exchange().ok_or_else(nothing)?.exchange(&request)
        };
        let take_back = move |made: Result<Credentials, ExchangeError>| {
            let (grant, request) = late;
            if let (Ok(credentials), Some(exchange)) = (made, grant.provider.exchange()) {
                // There is nobody left to tell.
                let request = Request { deadline: Instant::now() + PATIENCE, ..request };
                let _ = exchange.revoke(&credentials, &request);
            }
        };
        let waited = self.wait(Duration::ZERO).until_done(work, take_back);
        waited.map_err(|stopped| self.stopped(stopped))
    }

    fn tokens_of_grant(
        &self,
        step: usize,
        grant: &Grant,
        claims: Arc<Claims>,
    ) -> Result<Arc<StepTokens>, Refused> {
        let signer = signer(self.execution.identity, grant.token_signed_by())?;
        Ok(self.tokens(Some(step), By::Grant(grant.name.to_string()), signer, claims))
    }

    /// Tokens that say this.
    fn tokens(&self, step: Option<usize>, by: By, signer: Signer, claims: Arc<Claims>) -> Arc<StepTokens> {
        Arc::new(StepTokens {
            signer,
            claims,
            by,
            output: self.execution.output.clone(),
            job: self.execution.name.clone(),
            step,
            count: self.identity.tokens.clone(),
            last: Default::default(),
        })
    }

    fn begin(&mut self, routes: Vec<Box<dyn Route>>) {
        if let (Some(endpoint), Some(entered), false) =
            (&self.identity.endpoint, &mut self.identity.step, routes.is_empty())
        {
            entered.sessions.push(endpoint.begin(routes));
        }
    }

    /// The job's endpoint, which is opened when it is first needed.
    fn endpoint(&mut self) -> Result<&Endpoint, String> {
        if self.identity.endpoint.is_none() {
            let failed =
                |e: &dyn std::fmt::Display| format!("the endpoint of ID tokens can't be opened: {e}");
            let listener = self.sandbox.listen().map_err(|e| failed(&e))?;
            let (output, job, at) =
                (self.execution.output.clone(), self.execution.name.clone(), self.at_step.clone());
            let count = AtomicUsize::new(0);
            let refused = move || {
                if count.fetch_add(1, Ordering::Relaxed) < MAX_WARNINGS {
                    let message = "a process asked for an ID token or credentials without the right to them, and \
                                   was refused";
                    warn(&output, &job, at.get(), message.into());
                }
            };
            self.identity.endpoint = Some(Endpoint::open(listener, refused).map_err(|e| failed(&e))?);
        }
        self.identity.endpoint.as_ref().ok_or_else(|| "there is no endpoint".to_owned())
    }

    fn warns(&self, step: usize) -> Box<dyn Fn(&str) + Send + Sync> {
        let (output, job) = (self.execution.output.clone(), self.execution.name.clone());
        let count = AtomicUsize::new(0);
        Box::new(move |why| {
            if count.fetch_add(1, Ordering::Relaxed) < MAX_WARNINGS {
                warn(&output, &job, Some(step), format!("an ID token was refused: {why}"));
            }
        })
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

fn warn(output: &Output, job: &JobName, step: Option<usize>, message: String) {
    let annotation = crate::output::event::Annotation::new(Level::Warning, message);
    output.emit(Event::Annotation { job: job.clone(), step, annotation });
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

/// 256 random bits.
fn bearer() -> Result<Secret, String> {
    let half = || random_id().map_err(|e| e.to_string());
    Ok(Secret::new(half()? + &half()?))
}
