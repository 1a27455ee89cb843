//! Isolation as a library.

mod report;

pub use report::{LayerId, LayerReport, LayerState, Report};
