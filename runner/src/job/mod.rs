//! Runs the jobs of a workflow.

pub mod files;
pub mod matrix;
pub mod shell;
