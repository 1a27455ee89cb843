//! Rights of the job's token that are more than a job needs, or that nobody has named.

use super::text::Text;
use super::{Lint, Report, Subject};
use crate::expr::Reading;
use crate::workflow::model::Workflow;
use crate::workflow::permissions::{Access, Permissions, Scope};
use crate::workflow::span::{Span, Spanned};

/// Looks at the permissions of a workflow and its jobs.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    let Some(workflow) = subject.workflow else { return };
    let all = Permissions::all(Access::Write);
    let jobs = workflow.jobs.values().filter_map(|job| job.permissions.as_ref());
    for permissions in workflow.permissions.iter().chain(jobs).filter(|given| given.value == all) {
        let help = "name what is needed, for example `contents: read`";
        let message = "the token may do everything that a token can";
        report.warn(Lint::ExcessivePermissions, permissions.span, message, help);
    }
    match &workflow.permissions {
        Some(permissions) if permissions.value != all => shared(workflow, permissions, report),
        Some(_) => {}
        None => unnamed(subject, report),
    }
}

/// A right to write that several jobs share, of which perhaps one needs it.
fn shared(workflow: &Workflow, permissions: &Spanned<Permissions>, report: &mut Report<'_>) {
    let sharing = workflow.jobs.values().filter(|job| job.permissions.is_none()).count();
    if sharing < 2 {
        return;
    }
    for (scope, name) in Scope::ALL {
        if permissions.of(scope) == Access::Write {
            let message = format!("`{name}: write` is given to {sharing} jobs");
            let help = "give it in `permissions` of the job that needs it";
            report.warn(
                Lint::ExcessivePermissions,
                place(permissions.span, name, report.source()),
                message,
                help,
            );
        }
    }
}

/// Where a scope stands in the mapping of permissions.
fn place(permissions: Span, scope: &str, source: &str) -> Span {
    let text = permissions.of(source);
    let mark = format!("{scope}:");
    let begins = |at: &usize| !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '-');
    match text.match_indices(&mark).map(|(at, _)| at).find(begins) {
        Some(at) => {
            let start = permissions.start as usize + at;
            Span::new(start, start + scope.len())
        }
        None => permissions,
    }
}

/// A job that uses the token where nobody says what it may do.
fn unnamed(subject: &Subject<'_>, report: &mut Report<'_>) {
    for block in &subject.blocks {
        let Some(job) = block.job.filter(|job| job.permissions.is_none()) else { continue };
        if block.texts().iter().flat_map(Text::readings).any(|reading| is_token(&reading)) {
            let message =
                format!("the job `{}` uses the token, and nothing says what it may do", job.id.value);
            let help = "add `permissions` to the job or the workflow: without it, a forge may let it write";
            report.warn(Lint::ExcessivePermissions, job.id.span, message, help);
        }
    }
}

fn is_token(reading: &Reading<'_>) -> bool {
    let Some(Some(name)) = reading.path.first() else { return false };
    match reading.context {
        "github" => name.eq_ignore_ascii_case("token"),
        "secrets" => name.eq_ignore_ascii_case("GITHUB_TOKEN"),
        _ => false,
    }
}
