//! Which jobs of a workflow a run has, what each needs, and what of their matrices is known beforehand.

use std::collections::HashMap;

use super::contexts::{JobContexts, RunContexts, Standing, View};
use super::matrix::{self, MatrixError};
use crate::expr::Object;
use crate::workflow::Position;
use crate::workflow::model::{Job, Workflow};

/// Most jobs of one run, those of its matrices counted: each takes memory from the beginning of the run to its end.
pub const MAX_RUN_JOBS: usize = 1_000;

/// What of a workflow is asked for; nothing is all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Keys of jobs; what they need runs too.
    pub jobs: Vec<String>,
    /// Axes and values of matrices; several of one axis are alternatives.
    pub matrix: Vec<(String, String)>,
}

/// The jobs to run.
#[derive(Debug)]
pub struct Plan {
    /// In an order in which each stands after what it needs.
    pub entries: Vec<Entry>,
    index: HashMap<String, usize>,
    matrix: Vec<(String, String)>,
}

/// One entry of `jobs:`.
#[derive(Debug)]
pub struct Entry {
    /// Its key.
    pub id: String,
    /// What it needs, as indices.
    pub needs: Vec<usize>,
    /// The combinations of its matrix; `None` where there is no matrix, or one that depends on other jobs.
    pub combinations: Option<Vec<Object>>,
    /// Whether a failure cancels the other jobs of its matrix.
    pub fail_fast: bool,
    /// Most of its jobs at a time.
    pub max_parallel: Option<usize>,
    /// Of the jobs of its matrix this is the first one here, and so many there are, where others run the rest.
    pub place: Option<(usize, usize)>,
    /// It isn't run: which jobs its matrix makes is told as its output.
    pub only_tells: bool,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum PlanError {
    /// A job that isn't there.
    #[error("there is no job `{asked}`; the jobs are {}", known.join(", "))]
    UnknownJob {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A matrix that can't be expanded.
    #[error("job `{job}`: {error}")]
    Matrix {
        /// The job.
        job: String,
        /// Where the job begins in its file.
        position: Position,
        /// Why.
        #[source]
        error: MatrixError,
    },
    /// Over [`MAX_RUN_JOBS`].
    #[error("with job `{job}` the run has more than {MAX_RUN_JOBS} jobs, those of matrices counted")]
    TooMany {
        /// The job.
        job: String,
        /// Where the job begins in its file.
        position: Position,
    },
    /// An axis that no matrix has.
    #[error("no matrix has an axis `{asked}`{}", known_axes(known))]
    UnknownAxis {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A value that the axis doesn't have.
    #[error("matrix axis `{axis}` never is `{asked}`; it is {}", known.join(", "))]
    UnknownValue {
        /// The axis.
        axis: String,
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
}

impl PlanError {
    /// The same with the file's name, and the place in it where there is one.
    pub fn in_file(&self, file: &str) -> String {
        match self {
            PlanError::Matrix { position, .. } | PlanError::TooMany { position, .. } => {
                format!("{file}:{position}: {self}")
            }
            _ => format!("{file}: {self}"),
        }
    }
}

fn known_axes(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; the axes are {}", known.join(", ")) }
}

impl Plan {
    /// Makes the plan. Matrices that depend on no other job are expanded here, so that what is wrong with
    /// them is told before anything runs.
    pub fn new(
        workflow: &Workflow,
        contexts: &RunContexts,
        selection: &Selection,
    ) -> Result<Plan, PlanError> {
        let mut plan = Plan { entries: Vec::new(), index: HashMap::new(), matrix: selection.matrix.clone() };
        for id in &selection.jobs {
            if !workflow.jobs.contains_key(id) {
                let known = workflow.jobs.keys().cloned().collect();
                return Err(PlanError::UnknownJob { asked: id.clone(), known });
            }
        }
        for id in workflow.jobs.keys() {
            if selection.jobs.is_empty() || selection.jobs.contains(id) {
                plan.add(workflow, id);
            }
        }
        let mut all_known = true;
        let mut combinations = Vec::new();
        let mut total = 0;
        for entry in &mut plan.entries {
            let job = &workflow.jobs[entry.id.as_str()];
            entry.combinations = expand(job, contexts)?;
            total += entry.combinations.as_ref().map_or(1, Vec::len);
            if total > MAX_RUN_JOBS {
                return Err(PlanError::TooMany { job: job.id.value.clone(), position: job.position });
            }
            all_known &= job.strategy.matrix.is_none() || entry.combinations.is_some();
            combinations.extend(entry.combinations.iter().flatten().cloned());
        }
        if all_known {
            check_selection(&selection.matrix, &combinations)?;
        }
        let Plan { entries, matrix, .. } = &mut plan;
        for known in entries.iter_mut().filter_map(|entry| entry.combinations.as_mut()) {
            known.retain(|combination| fits(matrix, combination));
        }
        Ok(plan)
    }

    /// Adds a job after what it needs. A workflow's needs have no cycle; they are as deep as it has jobs.
    fn add(&mut self, workflow: &Workflow, id: &str) {
        let mut stack = vec![(id.to_owned(), 0)];
        while let Some((id, next)) = stack.pop() {
            if self.index.contains_key(&id) {
                continue;
            }
            let Some(job) = workflow.jobs.get(&id) else { continue };
            match job.needs.get(next) {
                Some(need) => {
                    let need = need.value.clone();
                    stack.push((id, next + 1));
                    stack.push((need, 0));
                }
                None => {
                    let needs =
                        job.needs.iter().filter_map(|need| self.index.get(&need.value).copied()).collect();
                    self.index.insert(id.clone(), self.entries.len());
                    self.entries.push(Entry {
                        id,
                        needs,
                        combinations: None,
                        fail_fast: true,
                        max_parallel: None,
                        place: None,
                        only_tells: false,
                    });
                }
            }
        }
    }

    /// Of the matrices of the jobs here, only this combination is run, the one with this index of so many.
    pub fn only(&mut self, combination: &Object, index: usize, total: usize) {
        for entry in &mut self.entries {
            entry.combinations = Some(vec![combination.clone()]);
            entry.place = Some((index, total));
        }
    }

    /// No job is run: each tells what its matrix makes.
    pub fn only_tell(&mut self) {
        self.entries.iter_mut().for_each(|entry| entry.only_tells = true);
    }

    /// Everything that an entry needs, directly or not.
    pub fn ancestors(&self, entry: usize) -> Vec<usize> {
        let mut found = vec![false; self.entries.len()];
        let mut open = self.entries[entry].needs.clone();
        while let Some(next) = open.pop() {
            if !std::mem::replace(&mut found[next], true) {
                open.extend(&self.entries[next].needs);
            }
        }
        (0..found.len()).filter(|index| found[*index]).collect()
    }

    /// Whether a combination is among those asked for.
    pub fn fits(&self, combination: &Object) -> bool {
        fits(&self.matrix, combination)
    }
}

fn fits(asked: &[(String, String)], combination: &Object) -> bool {
    asked.iter().all(|(axis, _)| match combination.get(axis) {
        // A matrix without the axis isn't meant.
        None => true,
        Some(value) => {
            let value = value.to_display_string();
            asked.iter().any(|(other, wanted)| other.eq_ignore_ascii_case(axis) && *wanted == value)
        }
    })
}

fn expand(job: &Job, run: &RunContexts) -> Result<Option<Vec<Object>>, PlanError> {
    let Some(matrix) = &job.strategy.matrix else { return Ok(None) };
    if matrix::reads(&matrix.value, "needs") {
        return Ok(None);
    }
    let contexts = JobContexts { id: job.id.value.clone(), ..JobContexts::default() };
    let view = View::of_job(run, &contexts, Standing::FRESH);
    let expanded = matrix::expand(&matrix.value, &view);
    expanded.map(Some).map_err(|error| PlanError::Matrix {
        job: job.id.value.clone(),
        position: job.position,
        error,
    })
}

fn check_selection(asked: &[(String, String)], combinations: &[Object]) -> Result<(), PlanError> {
    let distinct = |items: &mut dyn Iterator<Item = String>| {
        let mut all = Vec::new();
        for item in items {
            if !all.contains(&item) {
                all.push(item);
            }
        }
        all
    };
    for (axis, wanted) in asked {
        let values = distinct(
            &mut combinations.iter().filter_map(|c| c.get(axis)).map(|v| v.to_display_string().into_owned()),
        );
        if values.is_empty() {
            let axes = &mut combinations.iter().flat_map(|c| c.iter().map(|(axis, _)| axis.to_owned()));
            return Err(PlanError::UnknownAxis { asked: axis.clone(), known: distinct(axes) });
        }
        if !values.contains(wanted) {
            return Err(PlanError::UnknownValue { axis: axis.clone(), asked: wanted.clone(), known: values });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn plan(source: &str, jobs: &[&str], matrix: &[(&str, &str)]) -> Result<Plan, PlanError> {
        let workflow = crate::workflow::parse(source.as_bytes(), Path::new("w.yml")).unwrap().workflow;
        let selection = Selection {
            jobs: jobs.iter().map(|j| (*j).to_owned()).collect(),
            matrix: matrix.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        };
        Plan::new(&workflow, &RunContexts::default(), &selection)
    }

    fn order(plan: &Plan) -> Vec<&str> {
        plan.entries.iter().map(|entry| entry.id.as_str()).collect()
    }

    const DIAMOND: &str = "
on: push
jobs:
  d: { needs: [b, c], runs-on: x, steps: [{ run: a }] }
  c: { needs: a, runs-on: x, steps: [{ run: a }] }
  b: { needs: a, runs-on: x, steps: [{ run: a }] }
  a: { runs-on: x, steps: [{ run: a }] }
  e: { runs-on: x, steps: [{ run: a }] }
";

    #[test]
    fn each_job_stands_after_what_it_needs() {
        let plan = plan(DIAMOND, &[], &[]).unwrap();
        assert_eq!(order(&plan), ["a", "b", "c", "d", "e"]);
        assert_eq!(plan.ancestors(3), [0, 1, 2]);
        assert_eq!(plan.ancestors(4), [0; 0]);
    }

    #[test]
    fn a_job_that_is_asked_for_brings_what_it_needs() {
        assert_eq!(order(&plan(DIAMOND, &["c"], &[]).unwrap()), ["a", "c"]);
        insta::assert_snapshot!(plan(DIAMOND, &["x"], &[]).unwrap_err(), @"there is no job `x`; the jobs are d, c, b, a, e");
    }

    const MATRIX: &str = "
on: push
jobs:
  a: { strategy: { matrix: { os: [x, y], v: [1, 2] } }, runs-on: x, steps: [{ run: a }] }
  b: { strategy: { matrix: { db: [p] } }, runs-on: x, steps: [{ run: a }] }
";

    #[test]
    fn a_matrix_is_narrowed_to_what_is_asked_for() {
        let count = |matrix: &[(&str, &str)]| {
            let plan = plan(MATRIX, &[], matrix)?;
            Ok::<_, PlanError>(
                plan.entries.iter().map(|e| e.combinations.as_ref().unwrap().len()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(count(&[]).unwrap(), [4, 1]);
        assert_eq!(count(&[("os", "x")]).unwrap(), [2, 1]);
        assert_eq!(count(&[("os", "x"), ("v", "2")]).unwrap(), [1, 1]);
        assert_eq!(count(&[("v", "1"), ("v", "2")]).unwrap(), [4, 1]);
        insta::assert_snapshot!(count(&[("os", "z")]).unwrap_err(), @"matrix axis `os` never is `z`; it is x, y");
        insta::assert_snapshot!(count(&[("arch", "z")]).unwrap_err(), @"no matrix has an axis `arch`; the axes are os, v, db");
    }

    #[test]
    fn a_matrix_that_is_too_large_is_told_before_anything_runs() {
        let axis = (0..257).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        // Written out, it would already be refused with its place by the parser.
        let source = format!(
            "on: push\njobs:\n  a:\n    strategy: {{ matrix: {{ n: \"${{{{ fromJSON('[{axis}]') }}}}\" }} }}\n    runs-on: x\n    steps: [{{ run: a }}]\n"
        );
        insta::assert_snapshot!(plan(&source, &[], &[]).unwrap_err(), @"job `a`: the matrix makes more than 256 jobs");
    }

    #[test]
    fn many_matrices_that_are_too_large_together_are_told_before_anything_runs() {
        let axis = (0..250).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
        let job = |id: &str| {
            format!(
                "  {id}: {{ strategy: {{ matrix: {{ n: [{axis}] }} }}, runs-on: x, steps: [{{ run: a }}] }}\n"
            )
        };
        let of =
            |ids: &[&str]| format!("on: push\njobs:\n{}", ids.iter().map(|id| job(id)).collect::<String>());
        assert_eq!(plan(&of(&["a", "b", "c", "d"]), &[], &[]).unwrap().entries.len(), 4);
        let error = plan(&of(&["a", "b", "c", "d", "e"]), &[], &[]).unwrap_err();
        insta::assert_snapshot!(error.in_file("w.yml"), @"w.yml:7:3: with job `e` the run has more than 1000 jobs, those of matrices counted");
    }

    #[test]
    fn a_matrix_of_another_jobs_output_waits() {
        let source = "
on: push
jobs:
  a: { runs-on: x, outputs: { m: 1 }, steps: [{ run: a }] }
  b: { needs: a, strategy: { matrix: { n: '${{ fromJSON(needs.a.outputs.m) }}' } }, runs-on: x, steps: [{ run: a }] }
";
        assert_eq!(plan(source, &[], &[("n", "1")]).unwrap().entries[1].combinations, None);
    }
}
