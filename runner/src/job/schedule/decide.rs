//! Whether an entry of `jobs:` starts, is skipped or fails, and which jobs its matrix makes.

use indexmap::IndexMap;

use super::{Instance, Run, Scheduler, State};
use crate::expr::{EvalError, Object, Value};
use crate::job::contexts::{JobContexts, Standing, View};
use crate::job::execute::Fault;
use crate::job::legs::{self, Together};
use crate::job::matrix;
use crate::job::plan::MAX_RUN_JOBS;
use crate::order::{LEGS, Legs};
use crate::output::event::{Conclusion, Event, JobName};
use crate::workflow::model::Job;

impl Scheduler<'_> {
    /// Starts, skips or fails each entry whose needs have ended. Entries stand after what they need, so
    /// one pass settles all that can be settled.
    pub(super) fn decide(&mut self) {
        for entry in 0..self.states.len() {
            if matches!(self.states[entry], State::Waiting)
                && self.plan.entries[entry]
                    .needs
                    .iter()
                    .all(|n| matches!(self.states[*n], State::Done { .. }))
            {
                self.decide_one(entry);
            }
        }
    }

    pub(super) fn decide_one(&mut self, entry: usize) {
        let run = self.run.clone();
        let job = self.job(&run, entry);
        let base =
            JobContexts { id: job.id.value.clone(), needs: self.needs(entry), ..JobContexts::default() };
        match self.holds(&run, job, entry, &base) {
            Err(error) => return self.settle(entry, Conclusion::Failure, format!("`if`: {error}")),
            Ok(false) if self.cancelled => {
                return self.settle(entry, Conclusion::Cancelled, "the run was cancelled".into());
            }
            Ok(false) => {
                let reason = match &job.condition {
                    Some(_) => "its condition is false".to_owned(),
                    None => "a job that it needs did not succeed".to_owned(),
                };
                return self.settle(entry, Conclusion::Skipped, reason);
            }
            Ok(true) => {}
        }
        let rights =
            run.contexts.rights.of_job(job.permissions.as_deref(), run.workflow.permissions.as_deref());
        let base = match rights {
            Ok(rights) => JobContexts { rights, ..base },
            Err(error) => {
                self.fault = self.fault.max(Some(Fault::Refused));
                return self.settle(entry, Conclusion::Failure, error.to_string());
            }
        };
        let view = View::of_job(&run.contexts, &base, Standing::FRESH);
        let combinations = match (&job.strategy.matrix, self.plan.entries[entry].combinations.take()) {
            (None, _) => Ok(vec![None]),
            (Some(_), Some(known)) => Ok(known.into_iter().map(Some).collect()),
            (Some(matrix), None) => matrix::expand(&matrix.value, &view)
                .map(|all| all.into_iter().filter(|c| self.plan.fits(c)).map(Some).collect::<Vec<_>>()),
        };
        let combinations = match combinations {
            Ok(combinations) if combinations.is_empty() => {
                return self.settle(entry, Conclusion::Skipped, "its matrix has no combination left".into());
            }
            Ok(combinations) if self.names.len() + combinations.len() > MAX_RUN_JOBS => {
                let reason = format!("with its matrix the run has more than {MAX_RUN_JOBS} jobs");
                return self.settle(entry, Conclusion::Failure, reason);
            }
            Ok(combinations) => combinations,
            Err(error) => return self.settle(entry, Conclusion::Failure, error.to_string()),
        };
        if self.plan.entries[entry].only_tells {
            return match legs::legs(&run.contexts, job, &base, combinations) {
                Ok(legs) => self.tell_legs(entry, &legs),
                Err(error) => self.settle(entry, Conclusion::Failure, error.to_string()),
            };
        }
        match self.instances(&run, job, entry, &base, combinations) {
            Ok(instances) => {
                self.states[entry] =
                    State::Started { left: instances.len(), results: Vec::new(), outputs: IndexMap::new() };
                self.ready.extend(instances);
            }
            Err(error) => self.settle(entry, Conclusion::Failure, error.to_string()),
        }
    }

    /// Ends an entry whose jobs others run: what they are is its output.
    pub(super) fn tell_legs(&mut self, entry: usize, legs: &Legs) {
        let text = serde_json::to_string(legs).unwrap_or_default();
        let outputs = vec![(LEGS.to_owned(), text)];
        let (job, result) = (self.unique(self.plan.entries[entry].id.clone()), Conclusion::Success);
        self.output.emit(Event::JobFinished { job, result, milliseconds: 0, reason: None, outputs });
        self.states[entry] = State::Done { result, outputs: IndexMap::new() };
    }

    pub(super) fn instances(
        &mut self,
        run: &Run,
        job: &Job,
        entry: usize,
        base: &JobContexts,
        combinations: Vec<Option<Object>>,
    ) -> Result<Vec<Instance>, EvalError> {
        let (first, total) = self.plan.entries[entry].place.unwrap_or((0, combinations.len()));
        let outer = View::of_job(&run.contexts, base, Standing::FRESH);
        let Together { fail_fast, max_parallel: limit } = legs::together(job, &outer, total)?;
        self.plan.entries[entry].fail_fast = fail_fast;
        self.plan.entries[entry].max_parallel = limit;
        let mut instances = Vec::with_capacity(combinations.len());
        for (index, combination) in combinations.into_iter().enumerate() {
            let strategy: Object = [
                ("fail-fast", Value::Bool(fail_fast)),
                ("job-index", Value::Number((first + index) as f64)),
                ("job-total", Value::Number(total as f64)),
                ("max-parallel", Value::Number(limit.unwrap_or(total) as f64)),
            ]
            .into_iter()
            .collect();
            let contexts = JobContexts {
                id: base.id.clone(),
                needs: base.needs.clone(),
                matrix: combination.clone().map(Value::from).unwrap_or_default(),
                strategy: Value::from(strategy),
                rights: base.rights.clone(),
            };
            let view = View::of_job(&run.contexts, &contexts, Standing::FRESH);
            let name = legs::name(job, &view, combination.as_ref())?;
            let name = self.unique(name);
            instances.push(Instance { entry, name, contexts });
        }
        Ok(instances)
    }

    /// A name that no other job of the run has: events tell jobs apart by it.
    pub(super) fn unique(&mut self, name: String) -> JobName {
        let name = format!("{}{name}", self.prefix);
        let mut unique = JobName(name.as_str().into());
        let mut number = 2;
        while !self.names.insert(unique.clone()) {
            unique = JobName(format!("{name} #{number}").into());
            number += 1;
        }
        unique
    }

    /// Whether a job's condition holds now.
    pub(super) fn holds(
        &self,
        run: &Run,
        job: &Job,
        entry: usize,
        contexts: &JobContexts,
    ) -> Result<bool, EvalError> {
        let standing = self.standing(entry);
        let Some(condition) = &job.condition else { return Ok(standing.success) };
        let view = View::of_job(&run.contexts, contexts, standing);
        let mut readings = condition.placed_exprs().flat_map(|(_, expr)| expr.readings());
        if !run.contexts.is_of_other_forge() || !readings.any(|reading| reading.context == "env") {
            return condition.evaluate(&view);
        }
        // Other forges than GitHub have `env` here too.
        let mut env = Object::case_sensitive();
        run.workflow.env.evaluate(&view, |name, value| _ = env.insert(name, value))?;
        let outer = env.clone();
        job.env.evaluate(&View { env: Some(&outer), ..view }, |name, value| _ = env.insert(name, value))?;
        condition.evaluate(&View { env: Some(&env), ..view })
    }
}
