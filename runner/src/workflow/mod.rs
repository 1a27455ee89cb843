//! Workflow files: finding them, parsing them to a [`model`], and telling what is wrong with them.
//!
//! Bytes become a bounded tree of nodes (`yaml`), a `reader` takes typed values from it, and a module for
//! each part of the syntax puts them together. Source of the syntax: "Workflow syntax for GitHub Actions".

pub mod diagnostic;
pub mod model;
pub mod permissions;
pub mod span;

pub(crate) mod availability;
mod call;
pub(crate) mod called;
mod discover;
mod env;
mod examined;
mod expressions;
mod file;
pub(crate) mod images;
mod job;
pub(crate) mod keys;
mod matrix;
pub(crate) mod members;
mod needs;
mod on;
mod parse;
pub(crate) mod reader;
mod render;
pub(crate) mod scalar;
mod settings;
pub(crate) mod step;
mod triggers;
pub(crate) mod yaml;

pub use called::{Called, CalledError, Callee, Tree};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use discover::{DIRECTORIES, DiscoverError, discover, prefixes, read, read_within, why_unread};
pub use examined::Examined;
pub use file::WorkflowFile;
pub use parse::{Parsed, examine, parse, parse_rewritten};
pub use render::{Position, escape};
pub use yaml::{MAX_BYTES, MAX_DEPTH, MAX_NODES, plain};

#[cfg(test)]
mod tests;
