//! Readings of what is never there, beyond what the parser knows from one job: outputs of steps and jobs, inputs, and
//! the fixed members of contexts. Source of these: "Contexts reference" in GitHub's documentation.

use super::tree::{Known, Tree};
use crate::action::Uses;
use crate::action::manifest::Runs;
use crate::expr::{Reading, nearest};
use crate::lint::{Block, Lint, Report, Subject, Text};
use crate::workflow::WorkflowFile;
use crate::workflow::model::{Job, StepKind, Work};

const GITHUB: &[&str] = &[
    "action",
    "action_path",
    "action_ref",
    "action_repository",
    "action_status",
    "actor",
    "actor_id",
    "api_url",
    "artifact_cache_size_limit",
    "base_ref",
    "env",
    "event",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "job_workflow_sha",
    "output",
    "path",
    "ref",
    "ref_name",
    "ref_protected",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "repository_visibility",
    "repositoryurl",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "secret_source",
    "server_url",
    "sha",
    "state",
    "step_summary",
    "token",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
];
const RUNNER: &[&str] = &["arch", "debug", "environment", "name", "os", "temp", "tool_cache", "workspace"];
const JOB: &[&str] = &[
    "check_run_id",
    "container",
    "services",
    "status",
    "workflow_file_path",
    "workflow_ref",
    "workflow_repository",
    "workflow_sha",
];
const STRATEGY: &[&str] = &["fail-fast", "job-index", "job-total", "max-parallel"];
const OF_A_STEP: &[&str] = &["conclusion", "outcome", "outputs"];
const OF_A_JOB: &[&str] = &["outputs", "result"];

/// Looks at all texts.
pub fn check(subject: &Subject<'_>, tree: &Tree, report: &mut Report<'_>) {
    for block in &subject.blocks {
        for text in block.texts() {
            for reading in text.readings() {
                if let Some((at, known)) = missing(subject, block, tree, &reading) {
                    told(&text, &reading, at, &known, report);
                }
            }
        }
    }
}

/// Which name of a reading is never there, and the names that are.
fn missing(
    subject: &Subject<'_>,
    block: &Block<'_>,
    tree: &Tree,
    reading: &Reading<'_>,
) -> Option<(usize, Vec<String>)> {
    let name = |at: usize| reading.path.get(at).copied().flatten();
    let unless = |at: usize, known: &[&str]| {
        let read = name(at)?;
        let is_known = known.iter().any(|known| known.eq_ignore_ascii_case(read));
        (!is_known).then(|| (at, known.iter().map(|known| (*known).to_owned()).collect()))
    };
    let first = name(0)?;
    match reading.context {
        "github" => unless(0, GITHUB),
        "runner" => unless(0, RUNNER),
        "job" => unless(0, JOB),
        "strategy" => unless(0, STRATEGY),
        "inputs" => unless(0, &inputs(subject)),
        "steps" => {
            let outputs = step_outputs(block, tree, first);
            unless(1, OF_A_STEP).or_else(|| among_outputs(reading, outputs, unless))
        }
        "needs" => {
            let job = subject.workflow?.jobs.get(first)?;
            unless(1, OF_A_JOB).or_else(|| among_outputs(reading, job_outputs(job, tree), unless))
        }
        _ => None,
    }
}

/// Looks at the third name where the second is `outputs` and all outputs are known.
fn among_outputs(
    reading: &Reading<'_>,
    outputs: Option<Vec<String>>,
    unless: impl Fn(usize, &[&str]) -> Option<(usize, Vec<String>)>,
) -> Option<(usize, Vec<String>)> {
    let second = reading.path.get(1).copied().flatten()?;
    let outputs = outputs.filter(|_| second.eq_ignore_ascii_case("outputs"))?;
    unless(2, &outputs.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The inputs of a workflow by all its events, or of an action.
fn inputs<'a>(subject: &Subject<'a>) -> Vec<&'a str> {
    let of_workflow =
        subject.workflow.iter().flat_map(|workflow| &workflow.on).flat_map(|on| on.inputs.keys());
    let of_action = subject.manifest.iter().flat_map(|manifest| manifest.inputs.keys());
    of_workflow.chain(of_action).map(String::as_str).collect()
}

/// The outputs of a step, where nothing else can set any: a script or a program may.
fn step_outputs(block: &Block<'_>, tree: &Tree, id: &str) -> Option<Vec<String>> {
    let is = |known: &str| known.eq_ignore_ascii_case(id);
    let step = block.steps.iter().find(|step| step.id.as_ref().is_some_and(|known| is(known)))?;
    let StepKind::Uses { action, .. } = &step.kind else { return None };
    let Uses::Local(path) = &action.value else { return None };
    match tree.action(path) {
        Known::Is(manifest) if matches!(manifest.runs, Runs::Composite { .. }) => {
            Some(manifest.outputs.keys().cloned().collect())
        }
        _ => None,
    }
}

/// The outputs of a job, as far as they are known.
fn job_outputs(job: &Job, tree: &Tree) -> Option<Vec<String>> {
    let call = match &job.work {
        Work::Steps(_) => return Some(job.outputs.keys().cloned().collect()),
        Work::Call(call) => call,
    };
    let WorkflowFile::Here(path) = &call.workflow.value else { return None };
    match tree.workflow(path) {
        Known::Is(callee) => Some(callee.call()?.outputs.keys().cloned().collect()),
        Known::Missing | Known::Broken(_) => None,
    }
}

fn told(text: &Text<'_>, reading: &Reading<'_>, at: usize, known: &[String], report: &mut Report<'_>) {
    let names: Vec<&str> = reading.path.iter().take(at + 1).map(|name| name.unwrap_or("*")).collect();
    let message = format!("`{}.{}` is always empty", reading.context, names.join("."));
    let help = match names.last().and_then(|name| nearest(name, known.iter().map(String::as_str))) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None if known.len() <= 20 => format!("there is: {}", known.join(", ")),
        None => format!("`{}` has no such member", reading.context),
    };
    report.warn_part(Lint::AlwaysEmpty, (text, reading.at.clone()), message, help);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_in_lower_case() {
        for table in [GITHUB, RUNNER, JOB, STRATEGY, OF_A_STEP, OF_A_JOB] {
            assert!(table.is_sorted());
            assert!(table.iter().all(|name| *name == name.to_lowercase()));
        }
    }
}
