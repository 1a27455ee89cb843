//! Whether what a workflow gives fits what it uses of its repository: inputs of actions, inputs and secrets of called
//! workflows, and that these don't call each other without end.

use super::tree::{Known, Tree};
use crate::action::manifest::{Manifest, Runs};
use crate::action::{LocalPath, Uses};
use crate::lint::{Block, Lint, Report, Subject, official};
use crate::workflow::WorkflowFile;
use crate::workflow::called::{MAX_CALLED, MAX_NESTING};
use crate::workflow::diagnostic::{Collector, Diagnostic};
use crate::workflow::model::{Call, Env, Job, Step, StepKind, Work, Workflow};
use crate::workflow::permissions::{Rights, TooMuch};
use crate::workflow::span::Span;

/// Most actions that are gone through for one step.
const MAX_VISITED: usize = 1000;

/// Looks at the calls of a workflow; what doesn't fit is an error, as on GitHub.
pub fn calls(workflow: &Workflow, tree: &Tree, found: &mut Collector) {
    for (job, call, file) in local_calls(workflow) {
        let span = call.workflow.span;
        let mut error = |span: Span, message: String| found.push(Diagnostic::error(span, message));
        match tree.workflow(file) {
            Known::Missing => error(span, format!("there is no workflow `{file}`")),
            Known::Broken(Some(why)) => error(span, format!("the workflow `{file}` can't be read: {why}")),
            // Its own diagnostics say why.
            Known::Broken(None) => {}
            Known::Is(callee) => {
                for (span, why) in call.mismatches(&callee) {
                    error(span, format!("`{file}` can't be called so: {why}"));
                }
                if let Some((asking, why)) = asks_for_too_much(workflow, job, &callee) {
                    error(span, format!("`{file}` can't be called so: its job `{asking}`: {why}"));
                }
                let mut chain = vec![file.clone()];
                if let Some(how) = endless(&callee, tree, &mut chain, &mut 0) {
                    let chain: Vec<String> = chain.iter().map(LocalPath::to_string).collect();
                    error(span, format!("workflows call each other {how}: {}", chain.join(" → ")));
                }
            }
        }
    }
}

/// How calls have no end, if they haven't; then the chain is the way there.
fn endless(
    workflow: &Workflow,
    tree: &Tree,
    chain: &mut Vec<LocalPath>,
    visited: &mut usize,
) -> Option<String> {
    for (.., file) in local_calls(workflow) {
        // As many as one workflow may call; what is beyond is refused when it is run.
        *visited += 1;
        if *visited > MAX_CALLED {
            return None;
        }
        let circle = chain.contains(file);
        chain.push(file.clone());
        if circle {
            return Some("in a circle".into());
        }
        // The first workflow, which isn't in the chain, counts.
        if chain.len() >= MAX_NESTING {
            return Some(format!("more than {MAX_NESTING} deep"));
        }
        if let Known::Is(callee) = tree.workflow(file)
            && let Some(how) = endless(&callee, tree, chain, visited)
        {
            return Some(how);
        }
        chain.pop();
    }
    None
}

/// The first job of a called workflow whose `permissions` go beyond those of the job that calls it.
fn asks_for_too_much<'w>(caller: &Workflow, job: &Job, callee: &'w Workflow) -> Option<(&'w str, TooMuch)> {
    let own = job.permissions.as_deref();
    let rights = Rights::default().of_job(own, caller.permissions.as_deref()).ok()?;
    callee.jobs.iter().find_map(|(id, job)| {
        let asked = rights.of_job(job.permissions.as_deref(), callee.permissions.as_deref());
        Some((id.as_str(), asked.err()?))
    })
}

fn local_calls(workflow: &Workflow) -> impl Iterator<Item = (&Job, &Call, &LocalPath)> {
    workflow.jobs.values().filter_map(|job| match &job.work {
        Work::Call(call) => match &call.workflow.value {
            WorkflowFile::Here(path) => Some((job, call, path)),
            WorkflowFile::Elsewhere(_) => None,
        },
        Work::Steps(_) => None,
    })
}

/// Looks at the steps that use an action of the repository.
pub fn actions(subject: &Subject<'_>, tree: &Tree, report: &mut Report<'_>) {
    for block in &subject.blocks {
        for (index, step) in block.steps.iter().enumerate() {
            let StepKind::Uses { action, with } = &step.kind else { continue };
            let Uses::Local(path) = &action.value else { continue };
            match tree.action(path) {
                Known::Is(manifest) => {
                    inputs(path, &manifest, action.span, with, report);
                    let mut chain = Vec::new();
                    if block.job.is_some() && circle(path, tree, &mut chain, &mut 0) {
                        let chain: Vec<String> = chain.iter().map(LocalPath::to_string).collect();
                        let message = format!("actions use each other in a circle: {}", chain.join(" → "));
                        let help = "take one of the steps out, or let its `if` end it";
                        report.warn(Lint::EndlessActions, action.span, message, help);
                    }
                }
                Known::Missing if !may_appear(block, index) => {
                    let message = format!("there is no action `{path}` in this repository");
                    let help = "it has neither action.yml nor action.yaml";
                    report.warn(Lint::MissingAction, action.span, message, help);
                }
                Known::Broken(Some(why)) => {
                    let message = format!("the action `{path}` can't be read: {why}");
                    report.warn(
                        Lint::MissingAction,
                        action.span,
                        message,
                        "make it a file of the repository",
                    );
                }
                Known::Missing | Known::Broken(None) => {}
            }
        }
    }
}

/// Whether an action comes to use itself, or another that it uses does; then the chain is the way there.
fn circle(path: &LocalPath, tree: &Tree, chain: &mut Vec<LocalPath>, visited: &mut usize) -> bool {
    *visited += 1;
    if *visited > MAX_VISITED {
        return false;
    }
    let is_circle = chain.contains(path);
    chain.push(path.clone());
    if is_circle {
        return true;
    }
    if let Known::Is(manifest) = tree.action(path)
        && let Runs::Composite { steps } = &manifest.runs
    {
        for step in steps {
            if let StepKind::Uses { action, .. } = &step.kind
                && let Uses::Local(inner) = &action.value
                && circle(inner, tree, chain, visited)
            {
                return true;
            }
        }
    }
    chain.pop();
    false
}

/// Whether an earlier step may have put something there that the repository doesn't have.
fn may_appear(block: &Block<'_>, index: usize) -> bool {
    let elsewhere = |with: &Env| {
        with.iter()
            .any(|(name, _)| ["path", "repository", "ref"].iter().any(|key| name.eq_ignore_ascii_case(key)))
    };
    let brings = |step: &Step| match official(step, "checkout") {
        Some((_, with)) => elsewhere(with),
        None => true,
    };
    block.job.is_none() || block.steps[..index].iter().any(brings)
}

fn inputs(path: &LocalPath, manifest: &Manifest, place: Span, with: &Env, report: &mut Report<'_>) {
    for (name, _) in with {
        if !manifest.inputs.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            let message = format!("the action `{path}` has no input `{}`", name.value);
            let help = match manifest.inputs.is_empty() {
                true => "it has no inputs".to_owned(),
                false => {
                    let known: Vec<&str> = manifest.inputs.keys().take(20).map(String::as_str).collect();
                    format!("its inputs: {}", known.join(", "))
                }
            };
            report.warn(Lint::UnknownInput, name.span, message, help);
        }
    }
    // What an expression gives for all of them can't be known.
    if matches!(with, Env::Whole(_)) {
        return;
    }
    for (name, input) in &manifest.inputs {
        let is_given = with.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        if input.required && input.default.is_none() && !is_given {
            let message = format!("the action `{path}` needs the input `{name}`");
            report.warn(Lint::MissingInput, place, message, "give it in `with`; without it, it is empty");
        }
    }
}
