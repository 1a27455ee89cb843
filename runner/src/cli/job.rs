//! `palisade job`: one job of a forge. The daemon starts it, hands it an order on its standard input, and reads what it
//! says from a file; it outlives the daemon.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use palisade_sandbox::Spare;
use sha2::{Digest, Sha256};

use self::ahead::Ahead;
use super::error::{Blame, Error};
use super::run::{STEP_DEBUG, exit_code, tools};
use super::setting::Setting;
use super::signals::Signals;
use crate::action::Actions;
use crate::action::fetch::Host;
use crate::action::lock::Lock;
use crate::action::store::CommitId;
use crate::config::Config;
use crate::egress::Network;
use crate::expr::{MAX_MEMORY, Memory, Object, Value, read_json};
use crate::forge::summaries::Summaries;
use crate::git;
use crate::hold::hold;
use crate::identity::{Broker, Facts, ForgeTokens};
use crate::job::{
    self, Early, Elsewhere, Forge, Gates, Interrupts, Place, Plan, Run, RunContexts, RunEnd, RunError,
    Secrets, Selection, Slots, inside,
};
use crate::mask::Masker;
use crate::mirror::Mirror;
use crate::native::Native;
use crate::order::{EVENTS, First, Leave, Matrix, Order, RECORD};
use crate::output::event::{Annotation, Conclusion, Event, JobName, Level, Masking};
use crate::output::{Json, Limited, Options, Output, Sink};
use crate::sealed;
use crate::state::State;
use crate::store::OfRun;
use crate::toolchain::Tools;
use crate::workflow::model::{Step, StepKind, Work, Workflow};
use crate::workflow::{self, Called, Tree};

mod ahead;

/// What the job's token is called, as a secret and as a variable.
const TOKEN: &str = "GITHUB_TOKEN";
/// What that for artifacts and the like is called.
const RUNTIME_TOKEN: &str = "ACTIONS_RUNTIME_TOKEN";

/// Run one job of a forge: the daemon's, not yours.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  cd /var/lib/palisade/blank/0 && (pwd; cat order.json) | palisade job --directory .

It makes ready in the directory, which may be given another name meanwhile, and waits for what comes on standard input:
a line `forge ADDRESS` if the forge of the order to come is known, for which it makes more ready; a line with the
directory that relative paths of the configuration start from, and a line with the order as JSON, with the job's
secrets. Steps begin when the input ends. Events go to `events.jsonl` in the directory, masked, as `palisade
run --json` prints them; while the process lives, it holds the file `lock` there. A file `task.json` that is there from
the start has to be JSON by the end of the input, or else no step begins.

EXIT CODES: as those of palisade run")]
pub struct Args {
    /// The task's own directory, which is private to the daemon's user
    #[arg(long, value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(mut args: Args, spare: Option<Spare>) -> Result<ExitCode, Error> {
    let signals = Signals::block()?;
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    let directory = |e: io::Error| Error::input(format!("--directory {}: {e}", args.directory.display()));
    let _held = hold(&args.directory).map_err(directory)?;
    let events = events(&args.directory).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => {
            directory(e).hint("it has had a job, and is for one: give an empty one")
        }
        _ => directory(e),
    })?;
    let record = File::open(args.directory.join(RECORD)).ok();
    let failed = |e: io::Error| Error::input(format!("the order: {e}"));
    let mut pipe = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(failed)?);
    let (ahead, begun) = match First::read(&mut pipe).map_err(failed)? {
        Some(First::Expected(forge)) => {
            (Ahead::until_asked(&pipe, &args.setting, forge.as_deref(), spare), Vec::new())
        }
        Some(First::Order(begun)) => (None, begun),
        None => return Ok(ExitCode::SUCCESS),
    };
    // The daemon has ended, or needs none any more.
    let order = Order::read(&mut begun.as_slice().chain(&mut pipe)).map_err(failed)?;
    let Some((base, order)) = order else { return Ok(ExitCode::SUCCESS) };
    args.directory = args.directory.canonicalize().map_err(directory)?;
    std::env::set_current_dir(&base)
        .map_err(|e| Error::input(format!("cannot go to `{}`: {e}", base.display())))?;
    let leave = Leave::of(pipe, record);
    let ahead = ahead.filter(|ahead| ahead.is_as_configured(&args.setting, &base));
    let (config, found, early) = match ahead {
        Some(Ahead { config, tools, early, .. }) => (config, tools, early),
        None => {
            let config = args.setting.config()?;
            let found = tools(&config);
            (config, found, None)
        }
    };
    let name = JobName(order.job.as_str().into());
    let output = output(&config, &order, &name, events)?;
    let workflow = workflow_of(&order);
    let steps = workflow.as_ref().map_or(0, Workflow::steps);
    let file = order.file.clone();
    let ended = workflow.and_then(|workflow| {
        let profiled = with_profile(&config, &workflow, &name, &output)?;
        // What was made ready is as the tables say, not as the profile does.
        let ready = match &profiled {
            Cow::Borrowed(_) => (found, early),
            Cow::Owned(profiled) => (tools(profiled), None),
        };
        let job = Job { args: &args, config: &profiled, signals: &signals, output: &output };
        job.run(order, workflow, ready, leave)
    });
    let ended = ended.unwrap_or_else(|error| not_run(error, file, steps, name, &output));
    let failed = output.close();
    if let Some(failed) = failed.first() {
        return Err(Error::new(Blame::Isolation, failed));
    }
    Ok(ExitCode::from(if ended.interrupted { Blame::Interrupted.code() } else { exit_code(&ended) }))
}

/// Where events go. Nothing of another job is ever there: a directory is used once.
fn events(directory: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(directory.join(EVENTS))
}

/// The way out, which masks the order's secrets and tells of those that it can't.
fn output(config: &Config, order: &Order, job: &JobName, events: File) -> Result<Output, Error> {
    let masker = Masker::detecting(config.detect.policy(None));
    let mut refused = Vec::new();
    let offered = order.id_token.iter().map(|offer| ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", &offer.token));
    let named = order.secrets.iter().chain(&order.tokens).map(|(name, value)| (name.as_str(), value));
    for (name, value) in named.chain(offered) {
        // An empty secret has nothing to hide, and this one is a switch.
        if !value.expose().is_empty() && !name.eq_ignore_ascii_case(STEP_DEBUG) {
            refused.extend(masker.add(name, value).err());
        }
    }
    let vars = order.vars.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let secrets = order.secrets.iter().map(|(name, value)| (name.as_str(), value.expose()));
    // The secret goes before the variable, as on GitHub.
    let debug = secrets.chain(vars).find(|(name, _)| name.eq_ignore_ascii_case(STEP_DEBUG));
    let debug = debug.is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
    let events = Limited::new(Json::new("the events", events), config.daemon.max_log.0);
    let mut sinks: Vec<Box<dyn Sink>> = vec![Box::new(events)];
    if let Some(summaries) = summaries(config, order)? {
        sinks.push(Box::new(summaries));
    }
    let output = Output::new(masker, sinks, Options { debug });
    for refused in refused {
        let annotation = Annotation::new(Level::Warning, refused.to_string());
        output.emit(Event::Annotation { job: job.clone(), step: None, annotation });
    }
    Ok(output)
}

/// Where summaries of steps go besides, where the forge takes them.
fn summaries(config: &Config, order: &Order) -> Result<Option<Summaries>, Error> {
    let token = order.tokens.iter().find(|(name, _)| name == RUNTIME_TOKEN);
    let Some((path, (_, token))) = order.summaries.clone().zip(token) else { return Ok(None) };
    let instance = order.server.parse().map_err(|e| Error::input(format!("the forge's address: {e}")))?;
    let token = palisade_proto::Secret::new(token.expose().to_owned());
    let (http, texts) = (super::forges::http(config)?, BTreeMap::new());
    Ok(Some(Summaries { http, instance, token, path, texts }))
}

/// The workflow, which has one job.
fn workflow_of(order: &Order) -> Result<Workflow, Error> {
    let parse = if order.part.is_some() { workflow::parse } else { workflow::parse_rewritten };
    let mut workflow = parse(order.workflow.as_bytes(), Path::new(&order.file))
        .map_err(|e| Error::input(format!("the workflow is not valid:\n{e}")))?
        .workflow;
    if order.part.is_some() {
        // The other jobs, and what holds for all of them, are the queue's business.
        workflow.jobs.retain(|id, _| *id == order.job);
        workflow.concurrency = None;
    }
    match workflow.jobs.len() {
        1 => Ok(workflow),
        jobs => Err(Error::input(format!("the forge sent {jobs} jobs in one"))),
    }
}

/// The configuration for the job, by its labels.
fn with_profile<'a>(
    config: &'a Config,
    workflow: &Workflow,
    name: &JobName,
    output: &Output,
) -> Result<Cow<'a, Config>, Error> {
    if config.profile.is_empty() {
        return Ok(Cow::Borrowed(config));
    }
    let mut labels = Vec::new();
    for label in workflow.jobs.values().flat_map(|job| &job.runs_on) {
        // A forge has evaluated them, to find a runner.
        labels.push(label.value.as_literal().ok_or_else(|| {
            let error = format!(
                "`runs-on` has `{}`, of which `[[profile]]` of the configuration can't be told",
                label.value.source()
            );
            Error::new(Blame::Policy, error).hint("write the label itself")
        })?);
    }
    let Some((config, label)) = config.profile.apply(config, &labels) else {
        return Ok(Cow::Borrowed(config));
    };
    let message = format!("the runner's profile of the label `{label}` holds");
    let annotation = Annotation::new(Level::Notice, message);
    output.emit(Event::Annotation { job: name.clone(), step: None, annotation });
    Ok(Cow::Owned(config))
}

/// Tells of a job that did not begin.
fn not_run(error: Error, workflow: String, steps: usize, job: JobName, output: &Output) -> RunEnd {
    let reason = Some(error.to_string());
    let result = Conclusion::Failure;
    let (trigger, run) = (String::new(), String::new());
    output.emit(Event::RunStarted { workflow, trigger, name: None, run, jobs: 1, steps });
    output.emit(Event::JobFinished { job, result, milliseconds: 0, reason, outputs: Vec::new() });
    let masking = Masking::default();
    output.emit(Event::RunFinished { result, milliseconds: 0, reason: None, masking });
    RunEnd { result, interrupted: false, fault: error.fault() }
}

struct Job<'a> {
    args: &'a Args,
    config: &'a Config,
    signals: &'a Signals,
    output: &'a Output,
}

impl Job<'_> {
    fn run(
        &self,
        order: Order,
        workflow: Workflow,
        (tools, early): (Tools, Option<Early>),
        leave: Leave,
    ) -> Result<RunEnd, Error> {
        let state = self.args.setting.state();
        let host = Host::new(self.config.sandbox.spec(), &tools);
        let host = host.trusting(self.config.daemon.ca_file.as_deref());
        let repository = match order.part.as_ref().map(|part| &part.matrix) {
            Some(Matrix::Unknown) => None,
            _ => Repository::of(&order, &workflow, sealed::is_there(&state)),
        };
        let repository = repository.map(|repository| self.fetch(&repository, &host, &state)).transpose()?;
        let name = order.text("repository");
        let name = name.rsplit('/').next().unwrap_or_default();
        let mut place =
            Place::empty(self.config.sandbox.spec(), self.files(), name, tools, self.network(&order))
                .with_early(early)
                .with_leave(leave);
        if let Some(Fetched { repository, files, .. }) = &repository {
            place = place.with_mirror(repository);
            if let Some(files) = files {
                place.source.clone_from(files);
            }
        }
        if !matches!(order.part.as_ref().map(|part| &part.matrix), Some(Matrix::Unknown)) {
            place.start_ahead(&workflow);
        }
        let lock = Lock::read(&place.source).map_err(Error::input)?;
        let settings = self.config.actions.clone();
        let settings = match &order.actions {
            Some(address) => settings.of_forge(address),
            None => settings,
        };
        let facts = Facts::of_order(&order);
        let broker = Broker::new(self.config, state.clone(), facts, &place.source, lock.as_ref())
            .with_forge(self.forge_tokens(&order)?);
        let actions = Actions::new(settings, order.server.clone(), host, state.clone(), lock);
        let tree = Tree { root: &place.source, actions: &actions, stop: Some(self.signals.as_fd()) };
        let called = Called::by(&workflow, &order.file, tree).map_err(super::run::not_called)?;
        let trigger = order.text("event_name");
        let elsewhere = elsewhere(&order);
        let passed_on = run_of(&order);
        let identity = identity(&order);
        let matrix = order.part.as_ref().map_or(Matrix::None, |part| part.matrix.clone());
        let contexts = contexts(order, &workflow, &trigger, &place)?;
        let mut plan = Plan::new(&workflow, &contexts, &Selection::default()).map_err(Error::input)?;
        match matrix {
            Matrix::None => {}
            Matrix::Leg { values, index, total } => plan.only(&object(&values), index, total),
            Matrix::Unknown => plan.only_tell(),
        }
        let run = Run {
            name: contexts.github_text("workflow"),
            workflow: Arc::new(workflow),
            file: None,
            contexts,
            extra_env: Vec::new(),
            place: Arc::new(place),
            slots: Slots::new(1),
            called: Arc::new(called),
            actions: Arc::new(actions),
            elsewhere,
            gates: Gates::new(state.clone(), identity.clone(), self.config.environment.clone()),
            stores: Arc::new(super::run::stores(state, self.config, passed_on, identity)),
            identity: Arc::new(broker),
        };
        job::run(&Arc::new(run), plan, &trigger, self.output, self.signals).map_err(|e| match e {
            RunError::Invalid(_) => Error::input(e),
            RunError::Io(_) => Error::new(Blame::Isolation, e),
        })
    }

    /// What the job reaches.
    fn network(&self, order: &Order) -> Network {
        ahead::network(self.config, order.part.is_none().then_some(&order.server))
    }

    /// The forge's own ID tokens, where it offers them to the job.
    fn forge_tokens(&self, order: &Order) -> Result<Option<ForgeTokens>, Error> {
        let Some(offer) = &order.id_token else { return Ok(None) };
        let instance = order.server.parse().map_err(|e| Error::input(format!("the forge's address: {e}")))?;
        let http = super::forges::http(self.config)?;
        if !order.tokens.iter().any(|(name, _)| name == RUNTIME_TOKEN) {
            let message = "steps don't have `ACTIONS_RUNTIME_TOKEN`: with it they could ask the forge for ID tokens, \
                           which the job has been given (`enable-openid-connect`)";
            let (job, annotation) =
                (JobName(order.job.as_str().into()), Annotation::new(Level::Notice, message));
            self.output.emit(Event::Annotation { job, step: None, annotation });
        }
        Ok(Some(ForgeTokens::new(http, instance, offer)))
    }

    /// Brings this host's copy of the repository up to date.
    fn fetch(&self, wanted: &Repository<'_>, host: &Host, state: &State) -> Result<Fetched, Error> {
        let failed =
            |e: &dyn std::fmt::Display| Error::new(Blame::Forge, format!("cannot fetch the repository: {e}"));
        let stop = Some(self.signals.as_fd());
        let most = self.config.daemon.max_mirrors.0;
        let mirror = match wanted.bundle {
            Some(bundle) => Mirror::of_bundle(state, most, &wanted.url, bundle),
            None => Mirror::of(state, most, &wanted.url),
        };
        let mirror = mirror.map_err(|e| failed(&e))?;
        mirror
            .update(host, wanted.token.clone(), &wanted.reference, &wanted.commit, stop)
            .map_err(|e| failed(&e))?;
        let files = wanted
            .files
            .then(|| mirror.files(host, &wanted.commit, &self.files(), stop).map_err(|e| failed(&e)));
        let repository = git::Repository::bare(mirror.repository());
        Ok(Fetched { repository, files: files.transpose()?, _mirror: mirror })
    }

    /// Where the repository's files are, once they were fetched.
    fn files(&self) -> PathBuf {
        self.args.directory.join("files")
    }
}

/// The repository that a job is of, where the job may need it.
struct Repository<'a> {
    /// Its address; of one that was handed in as a bundle what tells it from others.
    url: String,
    bundle: Option<&'a Path>,
    token: Option<crate::mask::Secret>,
    reference: Cow<'a, str>,
    commit: CommitId,
    /// Its files are read before the job begins.
    files: bool,
}

/// What was fetched.
struct Fetched {
    repository: git::Repository,
    /// The files of the commit.
    files: Option<PathBuf>,
    /// Held for as long as the job reads it.
    _mirror: Mirror,
}

impl Repository<'_> {
    /// Of a job on a runner that opens sealed secrets, or doesn't.
    fn of<'a>(order: &'a Order, workflow: &Workflow, opens: bool) -> Option<Repository<'a>> {
        // Sealed secrets are among its files, and for jobs of environments.
        let opens = opens && workflow.jobs.values().any(|job| job.environment.is_some());
        let files = opens || workflow.uses_own_files();
        if !opens && !may_check_out(workflow) {
            return None;
        }
        let text = |key: &str| order.text(key);
        if let Some(part) = &order.part {
            return Some(Repository {
                url: part.identity.clone(),
                bundle: Some(&part.bundle),
                token: None,
                reference: text("ref").into(),
                commit: CommitId::parse(&text("sha"))?,
                files,
            });
        }
        let name = text("repository");
        // A name that isn't one, or a commit, leaves the job to say so when it needs them.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let (owner, repository) = name.split_once('/')?;
        if ![owner, repository]
            .iter()
            .all(|part| !part.is_empty() && part.chars().all(plain) && !part.starts_with('.'))
        {
            return None;
        }
        let token = order.secrets.iter().find(|(name, _)| name == TOKEN);
        Some(Repository {
            url: format!("{}/{name}", order.server),
            bundle: None,
            token: token.map(|(_, value)| value.clone()).filter(|token| !token.expose().is_empty()),
            reference: text("ref").into(),
            commit: CommitId::parse(&text("sha"))?,
            files,
        })
    }
}

/// Whether a step may want the repository: a checkout, or an action that may use one.
fn may_check_out(workflow: &Workflow) -> bool {
    let may = |step: &Step| match &step.kind {
        StepKind::Uses { action, .. } => {
            Native::of(&action.value).is_none_or(|native| native == Native::Checkout)
        }
        StepKind::Run { .. } => false,
    };
    workflow.jobs.values().any(|job| matches!(job.work, Work::Call(_)) || job.steps().iter().any(may))
}

impl Order {
    /// A value of `github` that is text.
    fn text(&self, key: &str) -> String {
        self.github.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_owned()
    }
}

/// What is the same for all jobs of a repository on this host, and for no other.
fn identity(order: &Order) -> String {
    match &order.part {
        Some(part) => part.identity.clone(),
        None => format!("{}/{}", order.server, order.text("repository")),
    }
}

/// Values of a matrix, which were made of such values.
fn object(values: &serde_json::Value) -> Object {
    match read_json(&values.to_string(), &Memory::new(MAX_MEMORY)) {
        Ok(Value::Object(object)) => object.as_ref().clone(),
        _ => Object::new(),
    }
}

/// The run that a job is of: its name is the same for all its jobs on this host, and for no other run.
fn run_of(order: &Order) -> OfRun {
    let repository = format!("{} {}", identity(order), order.text("run_id"));
    let digest = Sha256::digest(repository.as_bytes());
    let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let attempt = order.text("run_attempt").parse().unwrap_or(1);
    OfRun { name: format!("forge-{digest}"), attempt }
}

fn elsewhere(order: &Order) -> Vec<Elsewhere> {
    let job = |need: &crate::order::Need| Elsewhere {
        id: need.id.clone(),
        direct: need.direct,
        result: need.result,
        outputs: need.outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    };
    order.needs.iter().map(job).collect()
}

/// The contexts of the job.
fn contexts(order: Order, workflow: &Workflow, trigger: &str, place: &Place) -> Result<RunContexts, Error> {
    let inputs = inputs(&order, workflow, trigger)?;
    let prefixes = match &order.part {
        Some(_) => workflow::prefixes(Path::new(&order.file), &order.workflow),
        None => order.prefixes.clone(),
    };
    let Order { github, event, vars, secrets: given, runner, tokens, mut variables, .. } = order;
    let github = read_json(&serde_json::Value::from(github).to_string(), &Memory::new(MAX_MEMORY));
    let mut github = match github {
        Ok(Value::Object(github)) => github.as_ref().clone(),
        _ => Object::new(),
    };
    if let Some(name) = &workflow.name {
        // The forge tells the file.
        github.insert("workflow", name.value.as_str());
    }
    if let Some((_, token)) = tokens.iter().find(|(name, _)| name == TOKEN) {
        github.insert("token", token.expose());
    }
    github.insert("workspace", place.workspace.to_string_lossy().as_ref());
    github.insert("event_path", format!("{}/{}", inside::TEMP, inside::EVENT));
    let mut secrets = Secrets::default();
    for (name, value) in given {
        secrets.insert(&name, value);
    }
    let vars = vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    variables.extend(tokens.into_iter().map(|(name, value)| (name, value.expose().to_owned())));
    let forge = Forge { runner: Some(runner), prefixes, variables };
    Ok(RunContexts::new(github, event.to_string(), vars, inputs, secrets).of_forge(forge))
}

/// What the event gives for the inputs that the workflow declares.
fn inputs(order: &Order, workflow: &Workflow, trigger: &str) -> Result<Object, Error> {
    let declared = workflow.on.iter().find(|on| on.event.value == trigger).map(|on| &on.inputs);
    // A job of a called workflow that a Forgejo sends by itself has its inputs in the workflow, and the event has those of the
    // run; a Gitea from 1.27 on puts them into the event.
    let in_workflow = trigger == "workflow_call" && order.prefixes.iter().any(|prefix| prefix == "FORGEJO_");
    let event = (!in_workflow).then_some(&order.event);
    let mut given = job::inputs_of(trigger, event).map_err(super::run::no_inputs)?;
    given.retain(|(name, _)| {
        declared.is_some_and(|known| known.keys().any(|known| known.eq_ignore_ascii_case(name)))
    });
    job::inputs(workflow, trigger, &given).map_err(super::run::no_inputs)
}
