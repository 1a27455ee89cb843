//! Text of strangers that is given to an action or a workflow of the repository as an input, and becomes part of a
//! script there.

use super::tree::{Known, Tree};
use crate::action::{LocalPath, Uses};
use crate::expr::Flow;
use crate::lint::{Lint, Report, Subject, Text, is_untrusted, scripts};
use crate::workflow::WorkflowFile;
use crate::workflow::model::{Entry, StepKind, Work};

/// Looks at all that is given to what the repository has.
pub fn check(subject: &Subject<'_>, tree: &Tree, report: &mut Report<'_>) {
    for step in subject.steps() {
        if let StepKind::Uses { action, with } = &step.kind
            && let Uses::Local(path) = &action.value
            && let Known::Is(manifest) = tree.action(path)
        {
            given(with.entries(), path, &Subject::action(&manifest, None), report);
        }
    }
    for job in subject.workflow.iter().flat_map(|workflow| workflow.jobs.values()) {
        if let Work::Call(call) = &job.work
            && let WorkflowFile::Here(path) = &call.workflow.value
            && let Known::Is(callee) = tree.workflow(path)
        {
            given(&call.with, path, &Subject::workflow(&callee, None), report);
        }
    }
}

fn given(with: &[Entry], path: &LocalPath, callee: &Subject<'_>, report: &mut Report<'_>) {
    for (name, value) in with {
        // Each takes a walk through the callee.
        if report.is_full() {
            return;
        }
        let text = Text::from(value);
        let Some(origin) = text.readings().find(is_untrusted) else { continue };
        if callee.steps().any(|step| scripts(step).iter().any(|script| reads_input(&script.text, name))) {
            let read = text.part(&origin.at);
            let message = format!(
                "`{read}` may be text of a stranger, and becomes part of a script of `{path}`, which reads `inputs.{}`",
                name.value
            );
            let help = "give the input to the script in `env` there, and read the variable";
            report.warn_part(Lint::ScriptInjection, (&text, origin.at), message, help);
        }
    }
}

fn reads_input(script: &Text<'_>, name: &str) -> bool {
    script.readings().any(|reading| {
        let is_input = |read: &Option<&str>| read.is_none_or(|read| read.eq_ignore_ascii_case(name));
        reading.context == "inputs"
            && reading.flow != Flow::Decides
            && reading.path.first().is_none_or(is_input)
    })
}
