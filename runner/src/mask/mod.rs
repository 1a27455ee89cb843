//! Masks secrets in streams of bytes: whatever leaves a job goes through here first.
//!
//! A [`Masker`] holds what must not be seen; each stream of output gets a [`MaskStream`] of it, which
//! replaces every occurrence by `***`, however the bytes are cut into chunks. [`forms`] says in which
//! forms a value is looked for, `automaton` finds them.

mod automaton;
pub mod detect;
pub mod forms;
mod masker;
pub mod parts;
mod secret;
mod stream;

pub use forms::{Floor, Refused};
pub use masker::Masker;
pub use secret::Secret;
pub use stream::MaskStream;

/// What stands in place of a secret.
pub const MASK: &str = "***";
