//! `palisade run`: a workflow on this machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use palisade_proto::event::Trigger;
use palisade_sandbox::{Access, Bind, Spare, Stragglers};

use super::error::{Blame, Error};
use super::network::NetworkArgs;
use super::sandbox::key_value;
use super::setting::Setting;
use super::signals::Signals;
use super::workflows::{self, Found, Request};
use super::{file, list, secrets};
use crate::action::Actions;
use crate::action::fetch::Host;
use crate::action::lock::Lock;
use crate::config::{Config, ToolSource};
use crate::egress::Mode;
use crate::git;
use crate::identity;
use crate::job::{
    self, Fault, Forge, Gates, InputError, Interrupts, Place, Plan, Run, RunContexts, RunEnd, RunError,
    Secrets, Selection, Slots,
};
use crate::local::{self, Facts};
use crate::mask::detect::Action;
use crate::mask::{Masker, Secret};
use crate::output::event::Conclusion;
use crate::output::{Allowlist, Dir, Json, Options, Output, Sink, for_stdout};
use crate::state::State;
use crate::store::{LocalArtifacts, LocalCaches, OfRun, Stores};
use crate::toolchain::{self, Tools};
use crate::workflow::{Called, CalledError, Tree};
use crate::workspace;

/// Run a workflow on this machine, each job in a sandbox of its own.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade run                                   the workflows here that a push triggers
  palisade run ci.yml --job test                 one job, with the jobs that it needs
  palisade run --event pull_request              as if a pull request had been opened
  palisade run --secret NPM_TOKEN --var LEVEL=3  a secret from the environment, a variable
  palisade run --matrix os:ubuntu --json         a part of a matrix, events as JSON lines
  palisade run --preset crates --allow git.example:443   two places that jobs may reach
  palisade run --net audit --suggest             what they reach, as rules
  palisade run --list                            what there is to run

Without FILE, the event decides what runs, by all that `on` says: types, branches, tags,
paths (those that the last commit changed, or the branch since its base). A FILE that is named
runs whatever its filters say, and so does the only one there is where no event is given; a note
names the filter that would have said no.

Jobs work on a copy of the tree: files that git ignores aren't in it, and nothing is written back
unless --write is given. Where there is no workflow, a built-in example runs.

EXIT CODES: 0 success, 1 a job failed, 2 invalid input, 3 refused by policy, 4 isolation could
not be set up, 5 a workflow of another repository can't be had, 130 interrupted")]
pub struct Args {
    /// Workflow file; a bare name is looked for among the workflows here
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Directory with the tree to run in, instead of the repository around the current one
    #[arg(short = 'C', value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Run this job, and those that it needs (repeatable)
    #[arg(long, value_name = "ID")]
    job: Vec<String>,
    /// The event that triggers the run [default: push]
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// List workflows, jobs and events, and run nothing; with --event those that would run
    #[arg(long)]
    list: bool,
    /// The event's payload, JSON, instead of one made from the git repository
    #[arg(long, value_name = "FILE")]
    event_file: Option<PathBuf>,
    /// A secret; without a value it is taken from the environment. A value here can be seen by other users of
    /// this machine while palisade starts, and stays in a shell's history (repeatable)
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = secrets::given)]
    secret: Vec<secrets::Given>,
    /// Secrets as NAME=value lines or a JSON object (repeatable)
    #[arg(long, value_name = "FILE")]
    secret_file: Vec<PathBuf>,
    /// A variable of the `vars` context (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    var: Vec<(String, String)>,
    /// An environment variable of every step, as if at the top of the workflow (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// An input of `workflow_dispatch` (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    input: Vec<(String, String)>,
    /// Only the matrix jobs with this value; several of one axis are alternatives (repeatable)
    #[arg(long, value_name = "AXIS:VALUE", value_parser = axis_value)]
    matrix: Vec<(String, String)>,
    /// Print events as JSON, one a line
    #[arg(long)]
    json: bool,
    /// Also write logs, one file a job, and all events to this directory
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// How many jobs run side by side [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Let jobs change the tree itself instead of a copy
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    network: NetworkArgs,
    /// With --net audit, print the rules that allow what the jobs reached
    #[arg(long, conflicts_with = "json")]
    suggest: bool,
    /// What happens to credentials in output that are no registered secrets [default: mask]
    #[arg(long, value_name = "ACTION", value_enum)]
    detect: Option<Action>,
    /// Run upstream's code for actions that palisade has of its own, such as actions/checkout
    #[arg(long)]
    no_native: bool,
    /// Let processes that a step leaves behind live until the job ends
    #[arg(long)]
    keep_stragglers: bool,
    #[command(flatten)]
    setting: Setting,
    /// Show debug messages of steps, as the secret or variable ACTIONS_STEP_DEBUG=true does
    #[arg(short, long)]
    verbose: bool,
}

fn axis_value(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((axis, value)) if !axis.is_empty() => Ok((axis.to_owned(), value.to_owned())),
        _ => Err("expected AXIS:VALUE".to_owned()),
    }
}

/// Runs it.
pub fn run(args: Args, mut spare: Option<Spare>) -> Result<ExitCode, Error> {
    let payload = args.event_file.as_deref().map(event_file).transpose()?;
    let request = Request {
        file: args.file.as_deref(),
        directory: args.directory.as_deref(),
        event: args.event.as_deref(),
        payload: payload.as_ref(),
    };
    if args.list {
        return list::run(&request, args.json);
    }
    let signals = Signals::block()?;
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    let mut secrets = Secrets::default();
    secrets::read(&mut secrets, &args.secret_file, &args.secret)?;
    let config = args.setting.config()?;
    if args.suggest && args.network.decide(&config.network)?.mode != Mode::Audit {
        return Err(Error::input("--suggest needs --net audit"));
    }
    let found = workflows::find(&request)?;
    if found.example {
        note(&format!("no workflow in {}: running the built-in example", found.root.display()));
        secrets.insert_default("EXAMPLE", Secret::new("correct-horse-battery-staple".into()));
    }
    let mut code = 0;
    let several = found.files.len() > 1;
    for file in &found.files {
        let given = Given { payload: payload.clone(), secrets: secrets.clone(), spare: spare.take() };
        let prepared = prepare(&args, &config, &found, file, given, &signals)?;
        let masker = Masker::detecting(config.detect.policy(args.detect));
        for (name, value) in secrets.iter().filter(|(name, _)| *name != STEP_DEBUG) {
            // An empty secret has nothing to hide.
            if !value.expose().is_empty()
                && let Err(refused) = masker.add(name, value)
            {
                note(&format!("warning: {refused}"));
            }
        }
        let output = output(&args, step_debug(&args, &secrets), masker, several.then(|| file.stem()))?;
        let end = job::run(&prepared.run, prepared.plan, &prepared.trigger, &output, &signals);
        for failed in output.close() {
            // A reader that has seen enough, such as `head`, is no error.
            if failed.error.kind() != std::io::ErrorKind::BrokenPipe {
                note(&format!("warning: {failed}"));
            }
        }
        let end = end.map_err(|error| match error {
            RunError::Invalid(_) => Error::input(format!("{}: {error}", file.shown)),
            RunError::Io(_) => Error::new(Blame::Isolation, error),
        })?;
        if end.interrupted {
            return Ok(ExitCode::from(Blame::Interrupted.code()));
        }
        code = code.max(exit_code(&end));
    }
    Ok(ExitCode::from(code))
}

/// The exit code of a run that wasn't interrupted.
pub(super) fn exit_code(end: &RunEnd) -> u8 {
    match end.result {
        _ if end.fault == Some(Fault::NoIsolation) => Blame::Isolation.code(),
        _ if end.fault == Some(Fault::Refused) => Blame::Policy.code(),
        Conclusion::Success | Conclusion::Skipped => 0,
        Conclusion::Failure | Conclusion::Cancelled => Blame::Job.code(),
    }
}

/// Inputs that can't be used, as a failure of the command.
pub(super) fn no_inputs(error: InputError) -> Error {
    let failed = Error::input(&error);
    match error.help {
        Some(help) => failed.hint(help),
        None => failed,
    }
}

/// One workflow, ready to run.
struct Prepared {
    run: Arc<Run>,
    plan: Plan,
    trigger: String,
}

/// What a workflow is run with.
struct Given {
    payload: Option<serde_json::Value>,
    secrets: Secrets,
    spare: Option<Spare>,
}

fn prepare(
    args: &Args,
    config: &Config,
    found: &Found,
    file: &workflows::File,
    given: Given,
    signals: &Signals,
) -> Result<Prepared, Error> {
    let Given { payload, secrets, spare } = given;
    let workflow = &file.workflow;
    let mut facts = Facts::of(&found.root);
    if file.reads_event {
        facts.read_commit(&found.root);
    }
    let mut chosen = job::inputs_of(&file.event, payload.as_ref()).map_err(no_inputs)?;
    chosen.extend_from_slice(&args.input);
    let inputs = job::inputs(workflow, &file.event, &chosen).map_err(no_inputs)?;
    let given = inputs.iter().map(|(name, value)| (name.to_owned(), value.to_display_string().into_owned()));
    let trigger = Trigger::new(&file.event, facts.default_branch(), given.collect());
    let mut payload = match payload {
        Some(mut payload) => {
            if !args.input.is_empty() {
                let inputs = chosen.iter().map(|(name, value)| (name.as_str(), value.as_str()));
                payload["inputs"] = inputs.collect();
            }
            payload
        }
        None => facts.payload(&trigger, &file.shown),
    };
    if let Some(activity) = &file.activity {
        payload["action"] = activity.as_str().into();
    }
    let name = workflow.name.as_ref().map_or(file.shown.as_str(), |name| name.value.as_str());
    let place = place(args, config, &found.root, workflow.uses_actions())?.with_spare(spare);
    place.start_ahead(workflow);
    let github = facts.github(
        &trigger,
        &payload,
        &local::Workflow { name, path: &file.shown, workspace: &place.workspace.to_string_lossy() },
    );
    let vars = args.var.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let forge = Forge { prefixes: file.prefixes.clone(), ..Forge::default() };
    let contexts = RunContexts::new(github, payload.to_string(), vars, inputs, secrets).of_forge(forge);
    let lock = Lock::read(&found.root).map_err(Error::input)?;
    let told = identity::Facts::of_local(&contexts.github, &payload, &file.shown);
    let identity =
        Arc::new(identity::Broker::new(config, args.setting.state(), told, &found.root, lock.as_ref()));
    let host = Host::new(config.sandbox.spec(), &place.tools).trusting(config.daemon.ca_file.as_deref());
    let own = facts.server().to_owned();
    let actions = Actions::new(config.actions.clone(), own, host, args.setting.state(), lock);
    let tree = Tree { root: &found.root, actions: &actions, stop: Some(signals.as_fd()) };
    let called = Called::by(workflow, &file.shown, tree).map_err(not_called)?;
    let selection = Selection { jobs: args.job.clone(), matrix: args.matrix.clone() };
    let plan =
        Plan::new(workflow, &contexts, &selection).map_err(|e| Error::input(e.in_file(&file.shown)))?;
    let parallel =
        args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from);
    let trigger = trigger.name().to_owned();
    // What a tree says about where it is from may be a lie: caches are for runs in the same place.
    let repository = found.root.to_string_lossy().into_owned();
    let run = Run {
        workflow: Arc::new(workflow.clone()),
        file: None,
        name: name.to_owned(),
        contexts,
        extra_env: args.env.clone(),
        place: Arc::new(place),
        slots: Slots::new(parallel),
        called: Arc::new(called),
        actions: Arc::new(actions),
        gates: Gates::new(args.setting.state(), facts.identity().to_owned(), config.environment.clone()),
        stores: Arc::new(stores(args.setting.state(), config, OfRun::first(new_run()), repository)),
        identity,
        elsewhere: Vec::new(),
    };
    Ok(Prepared { run: Arc::new(run), plan, trigger })
}

/// A name that no other run of this user has: no two processes have one number at a time.
fn new_run() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{:09}-{}", since.as_secs(), since.subsec_nanos(), std::process::id())
}

/// The stores of the run of this name; caches are those of its repository.
pub(super) fn stores(state: State, config: &Config, run: OfRun, repository: String) -> Stores {
    Stores {
        artifacts: Box::new(LocalArtifacts::new(state.clone(), config.artifacts, run)),
        caches: Box::new(LocalCaches::new(state, config.cache, repository)),
    }
}

/// A workflow that is called and can't be used, as a failure of the command.
pub(super) fn not_called(error: CalledError) -> Error {
    let blame = match &error {
        CalledError::NotObtained { why, .. } => why.into(),
        _ => Blame::Input,
    };
    Error::new(blame, error)
}

/// The tools that jobs get, and git.
pub(super) fn tools(config: &Config) -> Tools {
    match config.sandbox.tools {
        ToolSource::None => toolchain::system(),
        ToolSource::Path => {
            let path = std::env::var("PATH").unwrap_or_default();
            let home = std::env::var_os("HOME").map(PathBuf::from);
            let variable = |name: &str| std::env::var(name).ok();
            toolchain::find(&toolchain::Caller { path: &path, home: home.as_deref(), variable: &variable })
        }
    }
}

fn place(args: &Args, config: &Config, root: &Path, uses_actions: bool) -> Result<Place, Error> {
    let withheld = workspace::withheld(root).map_err(|e| {
        Error::input(e).hint("run in another directory with -C, or move what doesn't belong there")
    })?;
    if withheld.index_unknown {
        note(
            "warning: the git index is split or sparse, so files that are tracked and ignored are not shown",
        );
    }
    let is_there = |(path, _): &(PathBuf, Vec<u8>)| root.join(path).exists();
    if args.write && withheld.replaced.iter().any(is_there) {
        note("warning: --write shows jobs the tree as it is, with the credentials in its git configuration");
    }
    let tools = tools(config);
    let access = if args.write { Access::Write } else { Access::Copy };
    let mut spec = config.sandbox.spec();
    if args.keep_stragglers {
        spec = spec.stragglers(Stragglers::Keep);
    }
    if let Some(cache) = &config.sandbox.tool_cache {
        let shown = cache.display();
        let found = cache.canonicalize().ok().filter(|path| path.is_dir()).ok_or_else(|| {
            Error::input(format!("`sandbox.tool-cache`, `{shown}`, is no directory"))
                .hint("make it, or take it out of the configuration")
        })?;
        spec = spec.bind(Bind::copy(found).at(job::inside::TOOL_CACHE));
    }
    let network = args.network.decide(&config.network)?;
    let mut place = Place::new(spec, root.to_owned(), access, withheld, tools, network);
    if let Some(repository) = git::Repository::open(root) {
        let is_linked = repository.git_dir() != root.join(".git");
        if uses_actions || is_linked {
            place = place.with_repository(&repository);
        }
        if args.write && is_linked {
            let shown = repository.common_dir().display();
            note(&format!(
                "warning: jobs see `{shown}`, where `.git` of this tree points, as it is, and can't change it"
            ));
            place = place.with_linked(&repository);
        }
    }
    Ok(if args.no_native { place.without_native() } else { place })
}

/// Shows what steps say with `::debug::`; a secret or a variable, as on GitHub.
pub(super) const STEP_DEBUG: &str = "ACTIONS_STEP_DEBUG";

/// Whether it is on: the secret goes before the variable.
fn step_debug(args: &Args, secrets: &Secrets) -> bool {
    let secret = secrets.iter().find(|(name, _)| *name == STEP_DEBUG).map(|(_, value)| value.expose());
    let variable = args.var.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(STEP_DEBUG));
    let value = secret.or(variable.map(|(_, value)| value.as_str()));
    args.verbose || value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn output(args: &Args, debug: bool, masker: Masker, subdirectory: Option<String>) -> Result<Output, Error> {
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    if args.json {
        sinks.push(Box::new(Json::new("standard output", std::io::stdout())));
    } else {
        sinks.push(for_stdout());
    }
    if args.suggest {
        sinks.push(Box::new(Allowlist::new(std::io::stdout())));
    }
    if let Some(dir) = &args.log_dir {
        let dir = subdirectory.map_or_else(|| dir.clone(), |name| dir.join(name));
        let sink = Dir::new(&dir).map_err(|e| Error::input(format!("--log-dir {}: {e}", dir.display())))?;
        sinks.push(Box::new(sink));
    }
    Ok(Output::new(masker, sinks, Options { debug }))
}

fn event_file(path: &Path) -> Result<serde_json::Value, Error> {
    let text = file::read("--event-file", path)?;
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|e| Error::input(format!("--event-file {}: {e}", path.display())))?;
    if !value.is_object() {
        return Err(Error::input(format!(
            "--event-file {}: the payload must be a JSON object",
            path.display()
        )));
    }
    Ok(value)
}

/// A remark about the run that is no part of its output.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_and_its_value_are_split_at_the_first_colon() {
        assert_eq!(axis_value("os:a:b"), Ok(("os".into(), "a:b".into())));
        assert!(axis_value("os").is_err() && axis_value(":x").is_err());
    }
}
