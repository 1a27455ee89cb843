//! The context of the end-to-end tests: a clean machine round the built binary, and the trials of the
//! attack suite.
#![forbid(unsafe_code)]

mod authority;
mod binary;
mod context;
pub mod encode;
mod events;
pub mod forge;
mod git_server;
mod name_server;
mod oracle;
mod python;
mod random;
mod redact;
mod require;
pub mod samples;
pub mod table;
pub mod trial;

pub use authority::{Authority, Certificate, authority};
pub use binary::{attack_program, palisade, profile_dir, target_dir};
pub use context::{Context, Identity, Invocation, Outcome, install, script};
pub use events::Events;
pub use git_server::GitServer;
pub use name_server::NameServer;
pub use oracle::{Leak, Oracle};
pub use python::{Python, python};
pub use random::Random;
pub use redact::redact;
pub use require::{Need, require, skipped};
