//! What an action does before and after its step: to events these are steps of their own, after the job's.

use std::time::Instant;

use super::execute::Running;
use super::identity::{self, Refused};
use super::reach;
use super::step::Outcome;
use crate::expr::Object;
use crate::output::event::{Conclusion, Event};

/// Gets a stage what its step may have of others and reach. `env` is the action's.
pub fn enter(job: &mut Running<'_>, index: usize, env: &Object) -> Result<(), Refused> {
    identity::enter_stage(job, index, env)?;
    reach::enter_stage(job, index)
}

/// Has `perform` do it, given the stage's index, and tells of its begin and its end.
pub fn run(job: &mut Running<'_>, name: String, perform: impl FnOnce(&mut Running<'_>, usize) -> Outcome) {
    let start = Instant::now();
    let execution = job.execution;
    let index = execution.job.steps().len() + job.stages;
    job.stages += 1;
    job.look_for_end();
    job.at_step.set(index);
    execution.output.emit(Event::StepStarted {
        job: execution.name.clone(),
        step: index,
        name: name.clone(),
    });
    let outcome = perform(job, index);
    identity::leave(job, index);
    job.look_for_cancellation();
    if outcome.conclusion == Conclusion::Failure {
        job.fail();
    }
    execution.output.emit(Event::StepFinished {
        job: execution.name.clone(),
        step: index,
        name,
        outcome: outcome.conclusion,
        conclusion: outcome.conclusion,
        milliseconds: start.elapsed().as_millis() as u64,
        reason: outcome.reason,
    });
}
