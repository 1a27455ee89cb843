//! All secrets for a workflow of another repository.

use super::{Lint, Report, Subject};
use crate::workflow::WorkflowFile;
use crate::workflow::model::{PassedSecrets, Work};

/// Looks at every job that calls a workflow.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    for job in subject.workflow.iter().flat_map(|workflow| workflow.jobs.values()) {
        if let Work::Call(call) = &job.work
            && let WorkflowFile::Elsewhere(remote) = &call.workflow.value
            && let PassedSecrets::Inherit(span) = call.secrets
        {
            let message = format!("`{}` gets every secret there is", remote.repository());
            report.warn(Lint::SecretsInherit, span, message, "name those that it needs");
        }
    }
}
