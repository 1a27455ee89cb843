//! What happens in a run, in the order it happens: the one vocabulary that every sink speaks. `--json`
//! prints these as one JSON object a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::egress::Mode;
use crate::egress::record::{Attempt, Table, Unnamed};
use crate::mask::{Late, Masker};
use crate::workflow::permissions::Permissions;

/// Names one job of a run in every event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct JobName(pub std::sync::Arc<str>);

/// How a step or a job ended, spelled as GitHub spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// Ended with exit code 0.
    Success,
    /// Ended otherwise, or could not be started.
    Failure,
    /// Stopped from outside, or by its timeout for a job.
    Cancelled,
    /// Its condition was false.
    Skipped,
}

impl Conclusion {
    /// `success`, `failure`, `cancelled` or `skipped`.
    pub fn as_str(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::Cancelled => "cancelled",
            Conclusion::Skipped => "skipped",
        }
    }
}

/// What a job or a run waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// That nobody else has its concurrency group.
    Group,
    /// That people approve its use of an environment.
    Approval,
    /// Until it may use an environment.
    Timer,
}

/// How what a job deploys stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    /// The job runs.
    InProgress,
    /// It has succeeded.
    Success,
    /// It has failed.
    Failure,
    /// It was cancelled.
    Cancelled,
}

impl From<Conclusion> for DeploymentState {
    fn from(result: Conclusion) -> Self {
        match result {
            Conclusion::Success => DeploymentState::Success,
            Conclusion::Failure => DeploymentState::Failure,
            Conclusion::Cancelled | Conclusion::Skipped => DeploymentState::Cancelled,
        }
    }
}

/// Level of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// `::debug::`
    Debug,
    /// `::notice::`
    Notice,
    /// `::warning::`
    Warning,
    /// `::error::`
    Error,
}

/// A message about a job or step, which may point at a place in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Annotation {
    /// Which kind.
    pub level: Level,
    /// The message.
    pub message: String,
    /// `title=`
    pub title: Option<String>,
    /// `file=`: relative to the workspace where it lies in it.
    pub file: Option<String>,
    /// `line=`, from 1.
    pub line: Option<u32>,
    /// `endLine=`
    pub end_line: Option<u32>,
    /// `col=`, from 1.
    pub column: Option<u32>,
    /// `endColumn=`
    pub end_column: Option<u32>,
}

impl Annotation {
    /// A message that points nowhere.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Annotation {
            level,
            message: message.into(),
            title: None,
            file: None,
            line: None,
            end_line: None,
            column: None,
            end_column: None,
        }
    }
}

/// One event. Text inside is masked by [`super::Output`] before any sink sees it; what is built outside
/// of it is not.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// First event of a run.
    RunStarted {
        /// The workflow's name.
        workflow: String,
        /// The triggering event's name.
        trigger: String,
        /// What the run is called: `run-name`.
        name: Option<String>,
        /// By what `palisade approve` knows it.
        run: String,
        /// How many jobs there are before any matrix is expanded.
        jobs: usize,
        /// How many steps these have together.
        steps: usize,
    },
    /// A job, or the whole run, can't start yet.
    Waiting {
        /// Which job; none is the run.
        job: Option<JobName>,
        /// What for.
        #[serde(rename = "for")]
        reason: Wait,
        /// The name of what it waits for.
        name: String,
        /// Who or what it waits for, and what can be done.
        message: String,
    },
    /// Somebody has let a job use an environment, or not.
    Reviewed {
        /// Which job.
        job: JobName,
        /// Which environment.
        environment: String,
        /// Whether it may.
        approved: bool,
        /// Who, for people.
        by: String,
        /// Whose user id.
        uid: u32,
        /// What was said.
        comment: Option<String>,
    },
    /// A job deploys to an environment.
    Deployment {
        /// Which job.
        job: JobName,
        /// Which environment.
        environment: String,
        /// How that stands.
        state: DeploymentState,
        /// Where it can be seen.
        url: Option<String>,
    },
    /// A job starts; its sandbox isn't set up yet.
    JobStarted {
        /// Which job.
        job: JobName,
        /// What it may do at the forge.
        permissions: Permissions,
    },
    /// What the actions of other repositories are that a job uses.
    Actions {
        /// Which job.
        job: JobName,
        /// One line for each repository and version.
        actions: Vec<ActionLine>,
    },
    /// The sandbox of a job stands, or not.
    Layers {
        /// Which job.
        job: JobName,
        /// Each layer's report line.
        layers: Vec<LayerLine>,
    },
    /// A step starts.
    StepStarted {
        /// Which job.
        job: JobName,
        /// Index of the step in its job, from 0.
        step: usize,
        /// The step's display name.
        name: String,
    },
    /// Output of a step: whole lines, each with its final newline. Only a line that stays unfinished, such as
    /// a prompt, comes in parts.
    Log {
        /// Which job.
        job: JobName,
        /// Index of the step.
        step: usize,
        /// The lines.
        text: String,
    },
    /// `::group::`
    GroupStarted {
        /// Which job.
        job: JobName,
        /// Index of the step.
        step: usize,
        /// The title.
        title: String,
    },
    /// `::endgroup::`
    GroupEnded {
        /// Which job.
        job: JobName,
        /// Index of the step.
        step: usize,
    },
    /// `::error::`, `::warning::`, `::notice::`, `::debug::`, what a problem matcher found, or palisade's own
    /// word on a job or step.
    Annotation {
        /// Which job.
        job: JobName,
        /// Index of the step.
        step: Option<usize>,
        /// What it says.
        #[serde(flatten)]
        annotation: Annotation,
    },
    /// A job tried to reach something, and it has ended.
    Network {
        /// Which job.
        job: JobName,
        /// What it was.
        #[serde(flatten)]
        attempt: Attempt,
    },
    /// A step has tried to reach addresses without a name.
    NetworkUnnamed {
        /// Which job.
        job: JobName,
        /// How often.
        #[serde(flatten)]
        unnamed: Unnamed,
    },
    /// All that a job tried to reach.
    NetworkSummary {
        /// Which job.
        job: JobName,
        /// What it could reach.
        mode: Mode,
        /// By name, port and outcome.
        #[serde(flatten)]
        table: Table,
    },
    /// What a step wrote to `GITHUB_STEP_SUMMARY`.
    Summary {
        /// Which job.
        job: JobName,
        /// Index of the step.
        step: usize,
        /// Markdown.
        markdown: String,
    },
    /// A step has uploaded an artifact, which is kept.
    Artifact {
        /// Which job.
        job: JobName,
        /// Index of the step.
        step: usize,
        /// Its number in the run.
        id: u64,
        /// Its name.
        name: String,
        /// Bytes of its archive.
        size: u64,
        /// `sha256:` and the digits of its archive's digest.
        digest: String,
        /// Its archive on this machine.
        path: String,
    },
    /// A step has got an ID token, or credentials for one, or a secret was fetched.
    Issued {
        /// Which job.
        job: JobName,
        /// Index of the step; none for what the job's own settings read.
        step: Option<usize>,
        /// What it is.
        #[serde(flatten)]
        issued: Issued,
    },
    /// A step has ended.
    StepFinished {
        /// Which job.
        job: JobName,
        /// Index of the step.
        step: usize,
        /// The step's display name.
        name: String,
        /// Before `continue-on-error`.
        outcome: Conclusion,
        /// After it.
        conclusion: Conclusion,
        /// How long it took.
        milliseconds: u64,
        /// Why it ended so, where an exit code doesn't tell.
        reason: Option<String>,
    },
    /// A job has ended, or was skipped.
    JobFinished {
        /// Which job.
        job: JobName,
        /// Its result.
        result: Conclusion,
        /// How long it took.
        milliseconds: u64,
        /// Why it ended so, where its steps don't tell.
        reason: Option<String>,
        /// Its outputs.
        outputs: Vec<(String, String)>,
    },
    /// Last event of a run.
    RunFinished {
        /// Success or not.
        result: Conclusion,
        /// How long it took.
        milliseconds: u64,
        /// Why it ended so, where its jobs don't tell.
        reason: Option<String>,
        /// What was masked, filled in by [`super::Output`].
        #[serde(flatten)]
        masking: Masking,
    },
}

/// An action's repository at one version.
#[derive(Clone, Debug, Serialize)]
pub struct ActionLine {
    /// `owner/name@version`, as workflows name it.
    pub uses: String,
    /// Where it was found.
    pub source: String,
    /// Its commit.
    pub commit: String,
    /// The digest of its files.
    pub tree: String,
    /// The lock says that it is these.
    pub pinned: bool,
}

/// By what something is issued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// A grant of this name.
    Grant(String),
    /// A secret of this name that is kept elsewhere.
    Secret(String),
}

impl std::fmt::Display for By {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            By::Grant(name) => write!(f, "grant {name}"),
            By::Secret(name) => write!(f, "secret {name}"),
        }
    }
}

/// A token, or credentials, but for their value.
#[derive(Clone, Debug, Serialize)]
pub struct Issued {
    /// By what.
    #[serde(flatten)]
    pub by: By,
    /// What gave it: `id-token` is this runner itself.
    pub provider: &'static str,
    /// As whom the job has it: `sub`.
    pub subject: String,
    /// For whom a token is: `aud`.
    pub audience: Option<String>,
    /// The token's own name, or that of the token that credentials were given for: `jti`.
    pub id: Option<String>,
    /// When it ends.
    pub expires: Option<String>,
    /// What else its giver tells: role, account, number of the request.
    pub record: BTreeMap<&'static str, String>,
}

/// What a run's masker did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Masking {
    /// How many places were masked.
    pub masked: u64,
    /// How many credentials were masked that are no registered secrets, by rule.
    pub credentials: BTreeMap<&'static str, u64>,
    /// Which secrets were shown before they were known to be secret.
    pub shown: Vec<Late>,
}

impl Masking {
    /// What a masker did until now.
    pub fn of(masker: &Masker) -> Masking {
        masker.look_back();
        Masking { masked: masker.masked(), credentials: masker.caught(), shown: masker.late() }
    }
}

/// One isolation layer as reported.
#[derive(Clone, Debug, Serialize)]
pub struct LayerLine {
    /// The layer's id, e.g. `landlock`.
    pub layer: String,
    /// `held`, `degraded` or `off`.
    pub state: String,
    /// Evidence, or why not.
    pub detail: String,
}
