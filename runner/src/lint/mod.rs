//! Lints: what a workflow may say and had better not. Each has an id, a line in `table`, a section in `docs/lints.md`
//! and a way to silence it (`allow`). What the parser warns of on its way has an id from the same table; what
//! takes a look at the whole is a module here, named by the id or the family.
//!
//! Sources: "Secure use reference" and "Script injections" in GitHub's documentation, and what zizmor, actionlint and
//! CodeQL look for.

mod allow;
mod deprecated_command;
mod excessive_permissions;
mod hardcoded_credential;
mod levels;
mod persisted_credentials;
mod pull_request_target;
mod report;
mod script;
mod script_injection;
mod secret_in_argument;
mod secrets_inherit;
mod subject;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod unpinned_action;
mod unsound_contains;
mod untrusted;

pub use allow::Allowances;
pub use levels::{Level, Levels, Rules, UnknownLint};
pub use report::Report;
pub use script::scripts;
pub use subject::{Block, Subject, official};
pub use table::Lint;
pub use text::Text;
pub use untrusted::is_untrusted;

use crate::mask::detect::Detector;

/// Looks at a workflow or an action with every lint.
pub fn all(subject: &Subject<'_>, detector: &Detector, report: &mut Report<'_>) {
    script_injection::check(subject, report);
    secret_in_argument::check(subject, report);
    deprecated_command::check(subject, report);
    unsound_contains::check(subject, report);
    unpinned_action::check(subject, report);
    excessive_permissions::check(subject, report);
    secrets_inherit::check(subject, report);
    pull_request_target::check(subject, report);
    persisted_credentials::check(subject, report);
    hardcoded_credential::check(detector, report);
}
