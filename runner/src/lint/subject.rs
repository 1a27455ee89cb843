//! What the lints look at.

use crate::action::manifest::{Manifest, Runs};
use crate::action::{Lock, Remote, Uses};
use crate::workflow::model::{Env, Job, Step, StepKind, Workflow};

/// A workflow or an action.
pub struct Subject<'a> {
    /// The workflow, if it is one.
    pub workflow: Option<&'a Workflow>,
    /// All steps.
    pub blocks: Vec<Block<'a>>,
    /// What is pinned in the repository.
    pub lock: Option<&'a Lock>,
}

/// Steps that run one after the other.
pub struct Block<'a> {
    /// They.
    pub steps: &'a [Step],
    /// The job that they are of.
    pub job: Option<&'a Job>,
    /// The environments around that of a step, the innermost first.
    pub envs: Vec<&'a Env>,
}

impl<'a> Subject<'a> {
    /// A workflow.
    pub fn workflow(workflow: &'a Workflow, lock: Option<&'a Lock>) -> Self {
        let block =
            |job: &'a Job| Block { steps: job.steps(), job: Some(job), envs: vec![&job.env, &workflow.env] };
        Subject { workflow: Some(workflow), blocks: workflow.jobs.values().map(block).collect(), lock }
    }

    /// An action.
    pub fn action(manifest: &'a Manifest, lock: Option<&'a Lock>) -> Self {
        let blocks = match &manifest.runs {
            Runs::Composite { steps } => vec![Block { steps, job: None, envs: Vec::new() }],
            Runs::JavaScript { .. } | Runs::Container { .. } => Vec::new(),
        };
        Subject { workflow: None, blocks, lock }
    }

    /// All steps.
    pub fn steps(&self) -> impl Iterator<Item = &'a Step> {
        self.blocks.iter().flat_map(|block| block.steps)
    }

    /// Whether an event starts the workflow.
    pub fn starts_by(&self, event: &str) -> bool {
        self.workflow.is_some_and(|workflow| workflow.on.iter().any(|on| on.event.value == event))
    }
}

/// The action of another repository that a step uses, with its inputs.
pub fn remote(step: &Step) -> Option<(&Remote, &Env)> {
    match &step.kind {
        StepKind::Uses { action, with } => match &action.value {
            Uses::Remote(remote) => Some((remote, with)),
            Uses::Local(_) | Uses::Image(_) => None,
        },
        StepKind::Run { .. } => None,
    }
}

/// The inputs of a step that uses `actions/NAME`.
pub fn official<'s>(step: &'s Step, name: &str) -> Option<(&'s Remote, &'s Env)> {
    remote(step).filter(|(remote, _)| is(remote, "actions", name))
}

/// Whether an action is the one at the root of a repository.
pub fn is(remote: &Remote, owner: &str, name: &str) -> bool {
    remote.owner.eq_ignore_ascii_case(owner)
        && remote.name.eq_ignore_ascii_case(name)
        && remote.path.is_empty()
}
