//! What the lints look at.

use super::text::Text;
use crate::action::manifest::{Manifest, Runs};
use crate::action::{Lock, Remote, Uses};
use crate::expr::Template;
use crate::workflow::model::{Call, Entries, Env, Job, PassedSecrets, Step, StepKind, Work, Workflow};
use crate::workflow::span::Spanned;

/// A workflow or an action.
pub struct Subject<'a> {
    /// The workflow, if it is one.
    pub workflow: Option<&'a Workflow>,
    /// The action, if it is one.
    pub manifest: Option<&'a Manifest>,
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
        let blocks = workflow.jobs.values().map(block).collect();
        Subject { workflow: Some(workflow), manifest: None, blocks, lock }
    }

    /// An action.
    pub fn action(manifest: &'a Manifest, lock: Option<&'a Lock>) -> Self {
        let blocks = match &manifest.runs {
            Runs::Composite { steps } => vec![Block { steps, job: None, envs: Vec::new() }],
            Runs::JavaScript { .. } | Runs::Container { .. } => Vec::new(),
        };
        Subject { workflow: None, manifest: Some(manifest), blocks, lock }
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

impl<'a> Block<'a> {
    /// All texts of the steps and their job that may hold expressions.
    pub fn texts(&self) -> Vec<Text<'a>> {
        let mut texts = Vec::new();
        if let Some(job) = self.job {
            texts.extend(job.condition.iter().map(Text::from));
            let call: Vec<&Entries> = match &job.work {
                Work::Steps(_) => Vec::new(),
                Work::Call(Call { with, secrets: PassedSecrets::Given(secrets), .. }) => vec![with, secrets],
                Work::Call(call) => vec![&call.with],
            };
            let passed = call.into_iter().flatten().map(|(_, value)| value);
            let values = job.env.texts().chain(passed);
            let defaults = [&job.defaults.shell, &job.defaults.working_directory].into_iter().flatten();
            let all =
                job.name.iter().chain(&job.runs_on).chain(job.outputs.values()).chain(defaults).chain(values);
            texts.extend(all.map(Text::from));
        }
        for step in self.steps {
            texts.extend(step.condition.iter().map(Text::from));
            let (values, single): (&Env, Vec<&Spanned<Template>>) = match &step.kind {
                StepKind::Run { script, shell, working_directory } => {
                    (&step.env, shell.iter().chain(working_directory).chain([script]).collect())
                }
                StepKind::Uses { with, .. } => {
                    texts.extend(step.env.texts().map(Text::from));
                    (with, Vec::new())
                }
            };
            texts.extend(step.name.iter().chain(values.texts()).chain(single).map(Text::from));
        }
        texts
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
