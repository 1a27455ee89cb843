//! Actions and workflows of other repositories at a tag or a branch, which their owners, or whoever takes an account of
//! theirs over, can move.

use super::{Lint, Report, Subject};
use crate::action::{LOCK_PATH, Remote, Uses};
use crate::native::Native;
use crate::workflow::WorkflowFile;
use crate::workflow::model::{StepKind, Work};
use crate::workflow::span::Span;

/// Looks at every `uses`.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    for step in subject.steps() {
        if let StepKind::Uses { action, .. } = &step.kind
            && let Uses::Remote(remote) = &action.value
            && Native::of(&action.value).is_none()
        {
            one(subject, remote, action.span, report);
        }
    }
    for job in subject.workflow.iter().flat_map(|workflow| workflow.jobs.values()) {
        if let Work::Call(call) = &job.work
            && let WorkflowFile::Elsewhere(remote) = &call.workflow.value
        {
            one(subject, remote, call.workflow.span, report);
        }
    }
}

fn one(subject: &Subject<'_>, remote: &Remote, span: Span, report: &mut Report<'_>) {
    let is_locked = subject.lock.is_some_and(|lock| lock.0.contains_key(&remote.version()));
    if is_locked || is_commit(&remote.reference) {
        return;
    }
    let message = format!(
        "`{}` is whatever the tag or branch `{}` points to when a job runs",
        remote.repository(),
        remote.reference
    );
    let help = format!("`palisade lock` writes its commit to {LOCK_PATH}; or name the commit here");
    report.warn(Lint::UnpinnedAction, span, message, help);
}

/// Whether a version is a whole commit: SHA-1 or SHA-256 in hexadecimal.
fn is_commit(reference: &str) -> bool {
    matches!(reference.len(), 40 | 64) && reference.bytes().all(|b| b.is_ascii_hexdigit())
}
