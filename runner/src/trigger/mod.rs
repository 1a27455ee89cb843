//! Whether something that happened starts a workflow: events, activity types, branches, tags, paths, times.
//! Source: "Events that trigger workflows" and "on" in GitHub's workflow syntax.

mod changes;
mod cron;
mod decide;
pub mod events;
mod glob;

pub use changes::Changes;
pub use cron::{Cron, CronError, SHORTEST};
pub use decide::{Mismatch, Occurrence, decide};
pub use glob::{Pattern, PatternError, picks};
