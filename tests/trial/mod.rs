//! The trials of the attack suite: every row is run outside and, in several settings of the layers,
//! inside, against a host that was prepared with a canary in every corner.

mod host;
mod report;
mod run;

pub use host::Host;
pub use report::Report;
pub use run::{Setting, Verdict};
