//! Which jobs an entry of `jobs:` comes to, and what they are called.

use super::contexts::{JobContexts, RunContexts, Standing, View};
use super::execute::Resolve;
use super::matrix;
use crate::expr::{EvalError, Object, Value};
use crate::order::{Leg, Legs};
use crate::workflow::model::Job;

/// What holds for all jobs of an entry.
pub struct Together {
    /// Whether a failure cancels the others.
    pub fail_fast: bool,
    /// Most of them at a time.
    pub max_parallel: Option<usize>,
}

/// What `strategy:` says of an entry with so many jobs.
pub fn together(job: &Job, view: &View<'_>, total: usize) -> Result<Together, EvalError> {
    let limit = job.strategy.max_parallel.as_ref().map(|limit| limit.resolve(view)).transpose()?;
    let limit = limit.filter(|limit| *limit > 0.0);
    Ok(Together {
        fail_fast: job.strategy.fail_fast.resolve(view)?,
        max_parallel: limit.map(|limit| (limit.max(1.0) as usize).min(total)),
    })
}

/// What a job is called, as on GitHub: a name with an expression in it tells the jobs of a matrix apart by itself.
pub fn name(job: &Job, view: &View<'_>, combination: Option<&Object>) -> Result<String, EvalError> {
    let given = job.name.as_ref().map(|name| Ok((name.evaluate(view)?, !name.is_literal()))).transpose()?;
    // The id stands in for an empty one.
    let given = given.filter(|(name, _)| !name.is_empty());
    let (name, computed) = given.unwrap_or_else(|| (job.id.value.clone(), false));
    let shown = combination.map(matrix::display).filter(|shown| !shown.is_empty() && !computed);
    Ok(shown.map_or(name.clone(), |shown| format!("{name} ({shown})")))
}

/// The jobs of an entry, for somebody who runs them one by one.
pub fn legs(
    run: &RunContexts,
    job: &Job,
    base: &JobContexts,
    combinations: Vec<Option<Object>>,
) -> Result<Legs, EvalError> {
    let Together { fail_fast, max_parallel } =
        together(job, &View::of_job(run, base, Standing::FRESH), combinations.len())?;
    let mut jobs = Vec::with_capacity(combinations.len());
    for combination in combinations {
        let matrix = combination.clone().map(Value::from);
        let contexts = JobContexts {
            id: base.id.clone(),
            needs: base.needs.clone(),
            matrix: matrix.clone().unwrap_or_default(),
            ..JobContexts::default()
        };
        let name = name(job, &View::of_job(run, &contexts, Standing::FRESH), combination.as_ref())?;
        let json = |value: &Value| serde_json::to_value(value).map_err(|e| EvalError::new(e.to_string()));
        jobs.push(Leg { name, matrix: matrix.as_ref().map(json).transpose()? });
    }
    Ok(Legs { fail_fast, max_parallel, jobs })
}

/// The jobs of an entry, as far as they are known before any job has run; none where its matrix depends on others.
pub fn beforehand(
    run: &RunContexts,
    job: &Job,
    combinations: Option<&[Object]>,
) -> Result<Option<Legs>, EvalError> {
    let combinations = match (&job.strategy.matrix, combinations) {
        (None, _) => vec![None],
        (Some(_), Some(known)) => known.iter().cloned().map(Some).collect(),
        (Some(_), None) => return Ok(None),
    };
    let base = JobContexts { id: job.id.value.clone(), ..JobContexts::default() };
    legs(run, job, &base, combinations).map(Some)
}
