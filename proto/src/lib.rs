//! Wire types and clients of forges. Knows no job engine and no sandbox.

pub mod event;
