//! Workflow files: model, parser, diagnostics.

pub mod span;
