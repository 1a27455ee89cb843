//! Workflow files: model, parser, diagnostics.

pub mod model;
pub mod span;
