//! Actions: what a `uses:` names (`reference`), and what the file of an action says (`manifest`).

pub mod manifest;
pub mod reference;

pub use reference::{LocalPath, Remote, Uses};
