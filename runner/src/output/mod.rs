//! The one way out of a job for its output.
//!
//! Bytes of a step go through its [`StepLog`] (lines, workflow commands, masks), everything else is
//! [emitted](Output::emit) as an [`event::Event`]; [`Output`] masks both and hands them to its [`Sink`]s,
//! which can take nothing but [`Masked`] events.

mod allowlist;
pub mod clock;
mod command;
mod dir;
pub mod event;
mod fanout;
mod json;
mod limited;
mod lines;
mod masked;
mod matcher;
mod plain;
mod render;
mod report;
#[cfg(test)]
mod sample;
mod sink;
mod step_log;
pub(crate) mod text;
mod tty;

pub use allowlist::Allowlist;
pub use dir::Dir;
pub use fanout::{Options, Output};
pub use json::Json;
pub use limited::Limited;
pub use lines::MAX_LINE;
pub use masked::Masked;
pub use matcher::Matchers;
pub use plain::Plain;
pub use sink::{Failed, Sink};
pub use step_log::{Matching, Printed, StepLog};
pub use tty::{Terminal, for_stdout};
