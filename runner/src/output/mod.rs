//! The one way out of a job for its output.

pub mod event;
