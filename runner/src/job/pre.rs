//! The first stages of the actions of other repositories, which run before the job's first step; those of nested
//! actions too. Actions of the repository itself have none: they may not be there yet.

use super::action::{self, Found, Script, obtained};
use super::contexts::{ActionScope, Frame};
use super::execute::{Running, check_env, extend_env};
use super::post::{Post, Stage as Last};
use super::stage;
use super::step::{self, Outcome, adopt};
use crate::action::Uses;
use crate::action::manifest::{Entry, Runs};
use crate::action::needed::MAX_NESTING;
use crate::expr::Object;
use crate::workflow::model::{Step, StepKind};

/// Runs or skips all that there are. To events they are steps after the job's own.
pub fn run_all(job: &mut Running<'_>) {
    let steps = job.execution.job.steps();
    if any(job, steps) {
        walk(job, steps);
    }
}

/// Whether there is a first stage among these, at any depth.
fn any(job: &Running<'_>, steps: &[Step]) -> bool {
    fn within(job: &Running<'_>, steps: &[Step], depth: usize) -> bool {
        steps.iter().any(|step| match remote(job, step).map(|found| found.read.clone()) {
            Some(read) => match &read.manifest.runs {
                Runs::JavaScript { pre, .. } => pre.is_some(),
                Runs::Composite { steps } => depth < MAX_NESTING && within(job, steps, depth + 1),
                Runs::Container { .. } => false,
            },
            None => false,
        })
    }
    within(job, steps, job.outer.len())
}

/// The action of another repository that a step uses.
fn remote(job: &Running<'_>, step: &Step) -> Option<Found> {
    match &step.kind {
        StepKind::Uses { action, .. } => match &action.value {
            Uses::Remote(remote) => obtained(job, remote).ok(),
            _ => None,
        },
        _ => None,
    }
}

fn walk(job: &mut Running<'_>, steps: &[Step]) {
    for (number, step) in steps.iter().enumerate() {
        let Some(found) = remote(job, step) else { continue };
        job.trail.push(number);
        match &found.read.clone().manifest.runs {
            Runs::JavaScript { node, pre: Some(pre), post, .. } => {
                let action = step::action_id(step, number);
                Stage { step, action, found: &found, node: *node, pre, post: post.as_ref() }.run(job);
            }
            Runs::Composite { steps: inner } if job.outer.len() < MAX_NESTING && any(job, inner) => {
                within(job, number, step, &found, inner);
            }
            _ => {}
        }
        job.trail.pop();
    }
}

/// Goes into a composite action. Where that fails, so will its step.
fn within(job: &mut Running<'_>, number: usize, step: &Step, found: &Found, inner: &[Step]) {
    let action = step::action_id(step, number);
    if job.fetch_secrets(None, step::exprs(step)).is_err() {
        return;
    }
    let Ok((env, scope)) = prepare(job, step, found, &action) else { return };
    let frame = Frame { steps: Object::new(), env, failed: false, action: Some(scope), deadline: None };
    job.outer.push(std::mem::replace(&mut job.frame, frame));
    walk(job, inner);
    let failed = job.frame.failed;
    if let Some(outer) = job.outer.pop() {
        job.frame = outer;
    }
    if failed {
        job.fail();
    }
}

/// The environment of a step and its action.
fn prepare(
    job: &Running<'_>,
    step: &Step,
    found: &Found,
    action: &str,
) -> Result<(Object, ActionScope), Outcome> {
    let env = extend_env(&job.frame.env, &step.env, &job.view(None, Some(action)))?;
    check_env(&env).map_err(Outcome::failed)?;
    let StepKind::Uses { with, .. } = &step.kind else { return Err(Outcome::failed("it uses no action")) };
    let scope = action::scope(job, &env, action, with, found)?;
    Ok((env, scope))
}

/// A first stage.
struct Stage<'a> {
    step: &'a Step,
    /// `github.action`
    action: String,
    found: &'a Found,
    node: u32,
    pre: &'a Entry,
    post: Option<&'a Entry>,
}

impl Stage<'_> {
    fn run(&self, job: &mut Running<'_>) {
        let of = step::name(job, self.step, None, &self.action);
        stage::run(job, format!("Pre {of}"), |job, index| {
            self.perform(job, index, of).unwrap_or_else(|outcome| outcome)
        });
    }

    fn perform(&self, job: &mut Running<'_>, index: usize, of: String) -> Result<Outcome, Outcome> {
        job.fetch_secrets(Some(index), step::exprs(self.step)).map_err(|refused| refused.outcome)?;
        let (env, scope) = prepare(job, self.step, self.found, &self.action)?;
        let due = action::stage_is_due(job, self.pre, &scope, &env, &self.action);
        if !due.map_err(|e| Outcome::failed(format!("`pre-if`: {e}")))? {
            return Ok(Outcome::SKIPPED);
        }
        if self.found.directory.join(&self.pre.file).is_none() {
            return Err(Outcome::failed(format!("the script `{}` is out of the repository", self.pre.file)));
        }
        if let Some(entry) = self.post {
            action::due(
                job,
                Post {
                    name: of,
                    action: self.action.clone(),
                    stage: Last::Script {
                        node: self.node,
                        entry: Box::new(entry.clone()),
                        scope: scope.clone(),
                    },
                    env: env.clone(),
                    trail: job.trail.clone(),
                },
            );
        }
        stage::enter(job, index, &env).map_err(|refused| refused.outcome)?;
        let script = Script { node: self.node, file: &self.pre.file, scope, env };
        let (mut said, outcome) = script.run(job, index, &self.action, None);
        adopt(job, index, &mut said);
        Ok(outcome)
    }
}
