//! What actions have to do at the end of the job: against the order of the steps, whatever became of the job.

use super::action::{Script, stage_is_due};
use super::cancel::Urgency;
use super::contexts::ActionScope;
use super::execute::Running;
use super::native;
use super::stage;
use super::step::{Outcome, adopt};
use crate::action::manifest::Entry;
use crate::expr::Object;
use crate::native::{Inputs, Native, PostIf};

/// The last stage of an action that has run.
#[derive(Debug)]
pub struct Post {
    /// The step's name.
    pub name: String,
    /// `github.action`
    pub action: String,
    /// What is run.
    pub stage: Stage,
    /// The step's environment.
    pub env: Object,
    /// The step.
    pub trail: Vec<usize>,
}

/// What a last stage is.
#[derive(Debug)]
pub enum Stage {
    /// A script of a JavaScript action.
    Script {
        /// The major version of Node.js.
        node: u32,
        /// The script and its condition.
        entry: Box<Entry>,
        /// The action.
        scope: ActionScope,
    },
    /// That of an action of palisade's own.
    Native {
        /// The action.
        native: Native,
        /// Its inputs.
        inputs: Inputs,
    },
}

/// Runs or skips all that are due. To events they are steps after the job's own.
pub fn run_all(job: &mut Running<'_>) {
    while let Some(post) = job.posts.pop() {
        if job.execution.cancel.urgency() == Urgency::AtOnce {
            return;
        }
        stage::run(job, format!("Post {}", post.name), |job, index| perform(job, index, post));
    }
}

fn perform(job: &mut Running<'_>, index: usize, post: Post) -> Outcome {
    let due = match &post.stage {
        Stage::Script { entry, scope, .. } => stage_is_due(job, entry, scope, &post.env, &post.action),
        Stage::Native { native, .. } => Ok(match native.description().post {
            PostIf::Never => false,
            PostIf::Always => true,
            PostIf::Success => job.standing().success,
        }),
    };
    match due {
        Err(error) => Outcome::failed(format!("`post-if`: {error}")),
        Ok(false) => Outcome::SKIPPED,
        Ok(true) => {
            let Post { stage, mut env, action, trail, .. } = post;
            // What steps wrote to `GITHUB_ENV` since then counts.
            for (name, value) in job.frame.env.iter() {
                env.insert(name, value.clone());
            }
            job.trail = trail;
            if let Err(refused) = stage::enter(job, index, &env) {
                job.trail.clear();
                return refused.outcome;
            }
            let (mut said, outcome) = match stage {
                Stage::Script { node, entry, scope } => {
                    let script = Script { node, file: &entry.file, scope, env };
                    script.run(job, index, &action, None)
                }
                Stage::Native { native: which, inputs } => native::post(job, index, which, &inputs, &env),
            };
            job.trail.clear();
            adopt(job, index, &mut said);
            outcome
        }
    }
}
