//! What a workflow says, after parsing and before evaluation: every field that may hold `${{ }}` is a
//! literal or an expression of its type, so that an unevaluated string can't pass for a value.

use indexmap::IndexMap;

pub use super::env::{Entries, Entry, Env};
pub use super::file::WorkflowFile;
pub use super::images::Images;
pub use super::on::{CallSecret, DispatchInput, Filter, Filters, InputDefault, InputKind, Trigger};
use super::permissions::Permissions;
use super::render::Position;
use super::span::{Span, Spanned};
use crate::action::Uses;
use crate::expr::{Condition, Expr, Template, Value};

/// A workflow file.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// `name:`, or `None` where the file's name stands in.
    pub name: Option<Spanned<String>>,
    /// `run-name:`.
    pub run_name: Option<Spanned<Template>>,
    /// `on:`.
    pub on: Vec<Trigger>,
    /// `env:` of the whole workflow.
    pub env: Env,
    /// `defaults.run`.
    pub defaults: Defaults,
    /// `permissions:`, if it says any.
    pub permissions: Option<Spanned<Permissions>>,
    /// `concurrency:`.
    pub concurrency: Option<Concurrency>,
    /// `jobs:`, in the order written; never empty.
    pub jobs: IndexMap<String, Job>,
}

/// `defaults.run`.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// `shell:`.
    pub shell: Option<Spanned<Template>>,
    /// `working-directory:`.
    pub working_directory: Option<Spanned<Template>>,
}

/// `concurrency:`: of those in a group, one runs at a time.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// `group:`, never empty as it is written.
    pub group: Spanned<Template>,
    /// `cancel-in-progress:`; false where it is not given.
    pub cancel_in_progress: LiteralOr<bool>,
    /// `queue:`.
    pub queue: Queue,
}

/// How many wait for a concurrency group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queue {
    /// One: who comes cancels who waits.
    #[default]
    Single,
    /// As many as there may be.
    Max,
}

/// `environment:` of a job.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `name:`, never empty as it is written.
    pub name: Spanned<Template>,
    /// `url:`.
    pub url: Option<Spanned<Template>>,
    /// `deployment:`; true where it is not given.
    pub deployment: LiteralOr<bool>,
}

/// Either a literal of type `T`, or one expression that must evaluate to it.
#[derive(Clone, Debug)]
pub enum LiteralOr<T> {
    /// Written out.
    Literal(T),
    /// `${{ … }}` as the whole value.
    Expr(Expr),
}

impl<T> LiteralOr<T> {
    /// What computes it, where it isn't written out.
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            LiteralOr::Literal(_) => None,
            LiteralOr::Expr(expr) => Some(expr),
        }
    }
}

/// One entry of `jobs:`.
#[derive(Clone, Debug)]
pub struct Job {
    /// The key under `jobs:`.
    pub id: Spanned<String>,
    /// Where it begins in its file.
    pub position: Position,
    /// `name:`.
    pub name: Option<Spanned<Template>>,
    /// `needs:`; every id is known to exist and the graph has no cycle.
    pub needs: Vec<Spanned<String>>,
    /// `if:`.
    pub condition: Option<Spanned<Condition>>,
    /// `runs-on:` labels, unevaluated; empty where only a runner group is given.
    pub runs_on: Vec<Spanned<Template>>,
    /// `container:` and `services:`.
    pub images: Images,
    /// `env:`.
    pub env: Env,
    /// `defaults.run`.
    pub defaults: Defaults,
    /// `permissions:`, if it says any.
    pub permissions: Option<Spanned<Permissions>>,
    /// `concurrency:`.
    pub concurrency: Option<Concurrency>,
    /// `environment:`.
    pub environment: Option<Environment>,
    /// `outputs:`.
    pub outputs: IndexMap<String, Spanned<Template>>,
    /// `strategy:`.
    pub strategy: Strategy,
    /// What it does.
    pub work: Work,
    /// `timeout-minutes:`.
    pub timeout_minutes: Option<Spanned<LiteralOr<f64>>>,
    /// `continue-on-error:`.
    pub continue_on_error: Option<Spanned<LiteralOr<bool>>>,
}

impl Workflow {
    /// How many steps its jobs have, before any matrix is expanded.
    pub fn steps(&self) -> usize {
        self.jobs.values().map(|job| job.steps().len()).sum()
    }

    /// Whether a job of it uses an action, or calls a workflow whose jobs may.
    pub fn uses_actions(&self) -> bool {
        self.jobs.values().any(|job| match &job.work {
            Work::Steps(steps) => steps.iter().any(|step| matches!(step.kind, StepKind::Uses { .. })),
            Work::Call(_) => true,
        })
    }
}

impl Workflow {
    /// Whether a job of it names files of its own repository: an action or a workflow there.
    pub fn uses_own_files(&self) -> bool {
        self.jobs.values().any(|job| match &job.work {
            Work::Steps(steps) => steps.iter().any(|step| match &step.kind {
                StepKind::Uses { action, .. } => matches!(action.value, Uses::Local(_)),
                StepKind::Run { .. } => false,
            }),
            Work::Call(call) => matches!(call.workflow.value, WorkflowFile::Here(_)),
        })
    }
}

impl Job {
    /// Its steps; none where it calls a workflow.
    pub fn steps(&self) -> &[Step] {
        match &self.work {
            Work::Steps(steps) => steps,
            Work::Call(_) => &[],
        }
    }
}

/// What a job does.
#[derive(Clone, Debug)]
pub enum Work {
    /// `steps:`; never empty.
    Steps(Vec<Step>),
    /// `uses:`, another workflow.
    Call(Call),
}

/// A job that calls another workflow.
#[derive(Clone, Debug)]
pub struct Call {
    /// `uses:`, as the calling workflow names it.
    pub workflow: Spanned<WorkflowFile>,
    /// Where `uses:` stands in its file.
    pub position: Position,
    /// `with:`
    pub with: Entries,
    /// `secrets:`
    pub secrets: PassedSecrets,
}

/// The secrets that a called workflow gets.
#[derive(Clone, Debug)]
pub enum PassedSecrets {
    /// All that the caller has; where that is said.
    Inherit(Span),
    /// These.
    Given(Entries),
}

/// `strategy:`.
#[derive(Clone, Debug)]
pub struct Strategy {
    /// `matrix:`, if any.
    pub matrix: Option<Spanned<LiteralOr<Matrix>>>,
    /// `fail-fast:`; true where it is not given.
    pub fail_fast: LiteralOr<bool>,
    /// `max-parallel:`.
    pub max_parallel: Option<LiteralOr<f64>>,
}

impl Default for Strategy {
    fn default() -> Self {
        Strategy { matrix: None, fail_fast: LiteralOr::Literal(true), max_parallel: None }
    }
}

/// `strategy.matrix` written out.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// Each axis with its values, in the order written.
    pub axes: IndexMap<String, LiteralOr<Vec<MatrixValue>>>,
    /// `include:` entries.
    pub include: LiteralOrList,
    /// `exclude:` entries.
    pub exclude: LiteralOrList,
}

/// A list that is written out, or an expression that gives one.
pub type LiteralOrList = Option<LiteralOr<Vec<MatrixValue>>>;

/// A value in a matrix: YAML data whose strings may hold expressions.
#[derive(Clone, Debug)]
pub enum MatrixValue {
    /// null, boolean or number.
    Scalar(Value),
    /// A string, maybe with `${{ }}`.
    String(Template),
    /// A sequence.
    Array(Vec<MatrixValue>),
    /// A mapping, in the order written.
    Object(IndexMap<String, MatrixValue>),
}

/// One entry of `steps:`.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where the step stands.
    pub span: Span,
    /// `id:`.
    pub id: Option<Spanned<String>>,
    /// `name:`.
    pub name: Option<Spanned<Template>>,
    /// `if:`.
    pub condition: Option<Spanned<Condition>>,
    /// `env:`.
    pub env: Env,
    /// `timeout-minutes:`.
    pub timeout_minutes: Option<Spanned<LiteralOr<f64>>>,
    /// `continue-on-error:`.
    pub continue_on_error: Option<Spanned<LiteralOr<bool>>>,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does. A new kind of step is a variant here and a module in `job/`.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// `run:`
    Run {
        /// The script.
        script: Spanned<Template>,
        /// `shell:`.
        shell: Option<Spanned<Template>>,
        /// `working-directory:`.
        working_directory: Option<Spanned<Template>>,
    },
    /// `uses:`
    Uses {
        /// The action.
        action: Spanned<Uses>,
        /// `with:`.
        with: Env,
    },
}
