//! Masks secrets in streams of bytes: whatever leaves a job goes through here first.
//!
//! A [`Masker`] holds what must not be seen; each stream of output gets a [`MaskStream`] of it, which
//! replaces every occurrence by `***`, however the bytes are cut into chunks. [`forms`] says in which
//! forms a value is looked for, `automaton` finds them.

mod buffer;
mod columns;
pub mod detect;
mod encoding;
mod escapes;
mod filter;
pub mod floor;
mod found;
mod index;
mod lane;
mod lanes;
mod lines;
mod masker;
mod numbered;
pub mod parts;
mod search;
mod secret;
mod seeds;
mod sifted;
mod stream;
mod variants;
mod words;

pub use floor::{Floor, Refused};
pub use masker::Masker;
pub use secret::Secret;
pub use stream::MaskStream;

/// What stands in place of a secret.
pub const MASK: &str = "***";
