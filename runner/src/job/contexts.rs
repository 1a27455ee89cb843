//! What expressions see: the contexts of a run, a job and a step. Each is made when it is read.
//! Source: "Contexts reference" in GitHub's documentation.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::command::Deadline;
use super::files::{CommandFile, StepFiles};
use super::origin::Origin;
use super::secrets::Secrets;
use crate::egress::narrow::Narrowing;
use crate::expr::{Contexts, EvalError, MAX_MEMORY, Memory, Object, Scope, StatusFunction, Value, read_json};
use crate::mask::Secret;
use crate::workflow::availability::NOT_IN_ACTIONS;
use crate::workflow::permissions::Rights;

/// Where a job's things are inside its sandbox.
pub mod inside {
    /// `runner.temp`: scripts and command files.
    pub const TEMP: &str = "/home/runner/work/_temp";
    /// `runner.tool_cache`
    pub const TOOL_CACHE: &str = "/home/runner/work/_tool";
    /// Objects and references of the user's own git repository, read-only.
    pub const REPOSITORY: &str = "/run/palisade/repository.git";
    /// The event's payload, a file in [`TEMP`].
    pub const EVENT: &str = "event.json";
}

/// What the contexts of all jobs of a run share.
#[derive(Debug, Default)]
pub struct RunContexts {
    /// `github`, without `event`.
    pub github: Object,
    /// The event's payload, JSON.
    pub event: String,
    /// `vars`
    pub vars: Object,
    /// `inputs`
    pub inputs: Object,
    /// `secrets`
    pub secrets: Secrets,
    /// What its jobs may do at the forge.
    pub rights: Rights,
    /// What the workflows that call this one leave of the network.
    pub narrowed: Vec<Narrowing>,
    /// What a forge says of where they run; nothing for a run on this machine.
    forge: Forge,
    /// The file that its jobs are in, where another workflow has called it.
    pub called: Option<Origin>,
    /// `github` with `event`: parsed when it is first read.
    whole_github: OnceLock<Object>,
}

/// What jobs know of the forge that they come from, besides `github`.
#[derive(Clone, Debug, Default)]
pub struct Forge {
    /// `runner.name`: as what the forge knows this runner.
    pub runner: Option<String>,
    /// What the forge puts before the names of variables beside `GITHUB_`: `FORGEJO_`, `GITEA_`.
    pub prefixes: Vec<String>,
    /// Further variables of the runner's.
    pub variables: Vec<(String, String)>,
}

impl RunContexts {
    /// The contexts of a run.
    pub fn new(github: Object, event: String, vars: Object, inputs: Object, secrets: Secrets) -> Self {
        let (rights, narrowed, forge, called, whole_github) = Default::default();
        RunContexts { github, event, vars, inputs, secrets, rights, narrowed, forge, called, whole_github }
    }

    /// The same for a job that a forge has sent.
    pub fn of_forge(mut self, forge: Forge) -> Self {
        self.forge = forge;
        self
    }

    fn github(&self) -> &Object {
        self.whole_github.get_or_init(|| {
            let mut github = self.github.clone();
            // The payload is JSON: it was made here, or checked when it was read.
            let event = read_json(&self.event, &Memory::new(MAX_MEMORY)).unwrap_or_default();
            github.insert("event", event);
            github
        })
    }

    /// `github`, as jobs and workflows see it.
    pub fn github_context(&self) -> Value {
        Value::from(self.github().clone())
    }

    /// What a workflow's own keys can read: `github`, `inputs` and `vars`.
    pub fn of_workflow(&self) -> Contexts {
        Contexts::new(self.objects().into_iter().collect())
    }

    /// The same, for more to be added.
    pub fn objects(&self) -> [(&'static str, Value); 3] {
        [
            ("github", self.github_context()),
            ("inputs", Value::from(self.inputs.clone())),
            ("vars", Value::from(self.vars.clone())),
        ]
    }

    /// Whether the run is on another forge than GitHub, by whose rules it goes.
    pub fn is_of_other_forge(&self) -> bool {
        !self.forge.prefixes.is_empty()
    }

    /// The same with the variables and secrets of an environment, which go before others of their names.
    pub fn in_environment(&self, vars: &BTreeMap<String, String>, secrets: Vec<(String, Secret)>) -> Self {
        let mut contexts = self.of_called(self.inputs.clone(), self.secrets.clone(), self.rights.clone());
        for (name, value) in vars {
            contexts.vars.insert(name.as_str(), value.as_str());
        }
        for (name, value) in secrets {
            contexts.secrets.insert(&name, value);
        }
        contexts
    }

    /// The contexts of a workflow that a job with these rights calls.
    pub fn of_called(&self, inputs: Object, secrets: Secrets, rights: Rights) -> Self {
        let (github, event, vars) = (self.github.clone(), self.event.clone(), self.vars.clone());
        let (forge, narrowed, called) = (self.forge.clone(), self.narrowed.clone(), self.called.clone());
        RunContexts { rights, narrowed, forge, called, ..Self::new(github, event, vars, inputs, secrets) }
    }

    /// `runner`, and what the variables `RUNNER_…` say.
    fn runner(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let known = RUNNER.iter().map(|(key, value)| match (*key, &self.forge.runner) {
            ("name", Some(name)) => ("name", name.as_str()),
            (key, _) => (key, *value),
        });
        // The directory that the job's own is in.
        let around = match self.github.get("workspace") {
            Some(Value::String(workspace)) => workspace.rsplit_once('/').map(|(around, _)| around),
            _ => None,
        };
        known.chain(around.map(|around| ("workspace", around)))
    }

    /// The file that its jobs are in.
    fn origin(&self) -> Cow<'_, Origin> {
        match &self.called {
            Some(called) => Cow::Borrowed(called),
            None => Cow::Owned(Origin::of_run(&self.github)),
        }
    }

    /// The variables by which a forge's own names of `GITHUB_…` say the same.
    pub fn twins<'a>(&'a self, variables: &'a [(String, String)]) -> impl Iterator<Item = (String, String)> {
        self.forge.prefixes.iter().flat_map(move |prefix| {
            let twin = move |(name, value): &(String, String)| {
                Some((format!("{prefix}{}", name.strip_prefix("GITHUB_")?), value.clone()))
            };
            variables.iter().filter_map(twin)
        })
    }

    /// One value of `github` as text.
    pub fn github_text(&self, key: &str) -> String {
        self.github.get(key).map(|value| value.to_display_string().into_owned()).unwrap_or_default()
    }
}

/// What the status functions answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// `success()`
    pub success: bool,
    /// `failure()`
    pub failure: bool,
    /// `cancelled()`
    pub cancelled: bool,
}

impl Standing {
    /// Nothing has happened yet.
    pub const FRESH: Standing = Standing { success: true, failure: false, cancelled: false };
}

/// What one job knows besides its run.
#[derive(Debug, Default)]
pub struct JobContexts {
    /// Its key under `jobs:`.
    pub id: String,
    /// `needs`
    pub needs: Value,
    /// `matrix`
    pub matrix: Value,
    /// `strategy`
    pub strategy: Value,
    /// What it may do at the forge.
    pub rights: Rights,
}

/// A list of steps while it runs: a job's own, or those of a composite action.
#[derive(Debug)]
pub struct Frame {
    /// `steps`
    pub steps: Object,
    /// `env` of the steps to come: the workflow's, the job's or the calling step's, and what steps wrote to
    /// `GITHUB_ENV`.
    pub env: Object,
    /// A step of it has failed.
    pub failed: bool,
    /// The action that it is of; none for a job's own steps.
    pub action: Option<ActionScope>,
    /// When the step has to end whose action it is of.
    pub deadline: Option<Deadline>,
}

/// What the steps of an action know of it.
#[derive(Clone, Debug)]
pub struct ActionScope {
    /// `inputs`
    pub inputs: Object,
    /// `github.action_path`: its directory inside the sandbox.
    pub path: String,
    /// `github.action_repository`; empty for an action of the repository itself.
    pub repository: String,
    /// `github.action_ref`
    pub reference: String,
}

/// The contexts in one place of a workflow.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The run's.
    pub run: &'a RunContexts,
    /// The job's.
    pub job: &'a JobContexts,
    /// The steps that it is among; none outside of steps.
    pub frame: Option<&'a Frame>,
    /// `job.status`
    pub status: &'static str,
    /// `env`, where it is not the steps'.
    pub env: Option<&'a Object>,
    /// `github.action`
    pub action: Option<&'a str>,
    /// What the status functions answer.
    pub standing: Standing,
    /// Who looks into the workspace; nobody where there is none yet.
    pub files: Option<&'a dyn HashFiles>,
    /// The step's own files; none outside of steps.
    pub own_files: Option<&'a StepFiles>,
    /// Steps are to say more.
    pub debug: bool,
    /// It is only shown: a secret that nobody has fetched yet is there, but not its value.
    pub is_shown: bool,
}

/// Looks into a job's workspace.
pub trait HashFiles {
    /// The digest of the files that match; see [`Scope::hash_files`].
    fn hash_files(&self, patterns: &[&str]) -> Result<String, EvalError>;
}

impl<'a> View<'a> {
    /// The contexts of a job outside of its steps.
    pub fn of_job(run: &'a RunContexts, job: &'a JobContexts, standing: Standing) -> View<'a> {
        View {
            run,
            job,
            frame: None,
            status: "success",
            env: None,
            action: None,
            standing,
            files: None,
            own_files: None,
            debug: false,
            is_shown: false,
        }
    }
}

impl View<'_> {
    fn github(&self) -> Object {
        let mut github = self.run.github().clone();
        github.insert("job", self.job.id.as_str());
        if let Some(action) = self.action {
            github.insert("action", action);
        }
        if let Some(files) = self.own_files {
            for file in CommandFile::ALL {
                github.insert(file.key(), format!("{}/{}", inside::TEMP, files.name(file)));
            }
        }
        if let Some(scope) = self.scope() {
            github.insert("action_path", scope.path.as_str());
            github.insert("action_repository", scope.repository.as_str());
            github.insert("action_ref", scope.reference.as_str());
            github.insert("action_status", if self.standing.success { "success" } else { "failure" });
        }
        github
    }

    /// The variables of a step on another forge's runner, whose names it has.
    fn with_own_variables(&self, env: &Object) -> Object {
        let own = runner_variables(self.run, self.job);
        let mut all = Object::case_sensitive();
        for (name, value) in self.run.twins(&own).chain(own.iter().cloned()) {
            all.insert(name, value);
        }
        for (name, value) in env.iter() {
            all.insert(name, value.clone());
        }
        all
    }

    fn scope(&self) -> Option<&ActionScope> {
        self.frame.and_then(|frame| frame.action.as_ref())
    }
}

impl Scope for View<'_> {
    fn context(&self, name: &str) -> Option<Value> {
        if self.scope().is_some() && NOT_IN_ACTIONS.contains(&name) {
            return None;
        }
        Some(match name {
            "github" => Value::from(self.github()),
            "env" => {
                let env = self.env.or(self.frame.map(|f| &f.env))?;
                // There the runner's own variables are in it too.
                match self.run.forge.prefixes.is_empty() {
                    true => Value::from(env.clone()),
                    false => Value::from(self.with_own_variables(env)),
                }
            }
            "vars" => Value::from(self.run.vars.clone()),
            "inputs" => Value::from(self.scope().map_or(&self.run.inputs, |scope| &scope.inputs).clone()),
            "secrets" if self.is_shown => self.run.secrets.shown(),
            "secrets" => self.run.secrets.context(),
            "needs" => self.job.needs.clone(),
            "matrix" => self.job.matrix.clone(),
            "strategy" => self.job.strategy.clone(),
            "steps" => Value::from(self.frame?.steps.clone()),
            "job" => {
                self.frame?;
                let mut job = self.run.origin().context();
                job.insert("status", self.status);
                Value::from(job)
            }
            "runner" => {
                let debug = self.debug.then_some(("debug", "1"));
                Value::from(self.run.runner().chain(debug).collect::<Object>())
            }
            _ => return None,
        })
    }

    fn status(&self, function: StatusFunction) -> bool {
        match function {
            StatusFunction::Success => self.standing.success,
            StatusFunction::Failure => self.standing.failure,
            StatusFunction::Cancelled => self.standing.cancelled,
            StatusFunction::Always => true,
        }
    }

    fn hash_files(&self, patterns: &[&str]) -> Result<String, EvalError> {
        match self.files {
            Some(files) => files.hash_files(patterns),
            None => Err(EvalError::new("hashFiles reads a job's workspace, and there is none here")),
        }
    }
}

/// The `runner` context and the `RUNNER_…` variables.
pub const RUNNER: [(&str, &str); 6] = [
    ("name", "palisade"),
    ("os", "Linux"),
    ("arch", ARCH),
    ("temp", inside::TEMP),
    ("tool_cache", inside::TOOL_CACHE),
    ("environment", "self-hosted"),
];

/// The processor as GitHub calls it.
const ARCH: &str = match std::env::consts::ARCH.as_bytes() {
    b"x86_64" => "X64",
    b"aarch64" => "ARM64",
    b"arm" => "ARM",
    b"x86" => "X86",
    _ => std::env::consts::ARCH,
};

/// The variables of every step that are copies of `github`: variable and key.
/// Source: "Variables reference", "Default environment variables".
const FROM_GITHUB: [(&str, &str); 27] = [
    ("GITHUB_ACTOR", "actor"),
    ("GITHUB_ACTOR_ID", "actor_id"),
    ("GITHUB_API_URL", "api_url"),
    ("GITHUB_BASE_REF", "base_ref"),
    ("GITHUB_EVENT_NAME", "event_name"),
    ("GITHUB_EVENT_PATH", "event_path"),
    ("GITHUB_GRAPHQL_URL", "graphql_url"),
    ("GITHUB_HEAD_REF", "head_ref"),
    ("GITHUB_REF", "ref"),
    ("GITHUB_REF_NAME", "ref_name"),
    ("GITHUB_REF_PROTECTED", "ref_protected"),
    ("GITHUB_REF_TYPE", "ref_type"),
    ("GITHUB_REPOSITORY", "repository"),
    ("GITHUB_REPOSITORY_ID", "repository_id"),
    ("GITHUB_REPOSITORY_OWNER", "repository_owner"),
    ("GITHUB_REPOSITORY_OWNER_ID", "repository_owner_id"),
    ("GITHUB_RETENTION_DAYS", "retention_days"),
    ("GITHUB_RUN_ATTEMPT", "run_attempt"),
    ("GITHUB_RUN_ID", "run_id"),
    ("GITHUB_RUN_NUMBER", "run_number"),
    ("GITHUB_SERVER_URL", "server_url"),
    ("GITHUB_SHA", "sha"),
    ("GITHUB_TRIGGERING_ACTOR", "triggering_actor"),
    ("GITHUB_WORKFLOW", "workflow"),
    ("GITHUB_WORKFLOW_REF", "workflow_ref"),
    ("GITHUB_WORKFLOW_SHA", "workflow_sha"),
    ("GITHUB_WORKSPACE", "workspace"),
];

/// The runner's own variables, which no workflow can change.
pub fn runner_variables(run: &RunContexts, job: &JobContexts) -> Vec<(String, String)> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut variables = vec![own("GITHUB_ACTIONS", "true"), own("GITHUB_JOB", &job.id)];
    variables.extend(FROM_GITHUB.iter().map(|(name, key)| ((*name).to_owned(), run.github_text(key))));
    variables.extend(
        run.runner().map(|(key, value)| (format!("RUNNER_{}", key.to_ascii_uppercase()), value.to_owned())),
    );
    variables.extend(run.forge.variables.iter().cloned());
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Template;

    fn run() -> RunContexts {
        let mut secrets = Secrets::default();
        secrets.insert("TOKEN", crate::mask::Secret::new("hunter2".into()));
        RunContexts::new(
            [("ref", "refs/heads/main"), ("sha", "c0ffee")].into_iter().collect(),
            r#"{"pull_request": {"number": 7}}"#.into(),
            [("LEVEL", "3")].into_iter().collect(),
            Object::new(),
            secrets,
        )
    }

    #[test]
    fn a_view_shows_each_context() {
        let run = run();
        let job = JobContexts {
            id: "build".into(),
            matrix: Value::from([("os", "a")].into_iter().collect::<Object>()),
            ..JobContexts::default()
        };
        let mut env = Object::case_sensitive();
        env.insert("A", "1");
        let frame = Frame { steps: Object::new(), env, failed: false, action: None, deadline: None };
        let view = View {
            run: &run,
            job: &job,
            frame: Some(&frame),
            status: "success",
            env: None,
            action: Some("__run"),
            standing: Standing::FRESH,
            files: None,
            own_files: None,
            debug: true,
            is_shown: false,
        };
        for (template, value) in [
            ("${{ github.ref }}", "refs/heads/main"),
            ("${{ github.job }}", "build"),
            ("${{ github.action }}", "__run"),
            ("${{ github.event.pull_request.number }}", "7"),
            ("${{ env.A }}${{ env.a }}", "1"),
            ("${{ vars.level }}", "3"),
            ("${{ secrets.token }}", "hunter2"),
            ("${{ matrix.os }}", "a"),
            ("${{ job.status }}", "success"),
            ("${{ runner.os }}", "Linux"),
            ("${{ runner.debug }}", "1"),
            ("${{ needs.x.result }}", ""),
            ("${{ inputs.x }}", ""),
            ("${{ success() }}", "true"),
            ("${{ cancelled() }}", "false"),
        ] {
            assert_eq!(Template::parse(template).unwrap().evaluate(&view).unwrap(), value, "{template}");
        }
    }

    #[test]
    fn every_documented_variable_is_set() {
        let variables =
            runner_variables(&run(), &JobContexts { id: "build".into(), ..JobContexts::default() });
        let get = |name: &str| variables.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(get("GITHUB_SHA"), Some("c0ffee"));
        assert_eq!(get("GITHUB_JOB"), Some("build"));
        assert_eq!(get("RUNNER_TOOL_CACHE"), Some(inside::TOOL_CACHE));
        assert_eq!(get("GITHUB_HEAD_REF"), Some(""));
    }
}
