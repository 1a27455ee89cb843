//! Masks secrets in streams of bytes: whatever leaves a job goes through here first.
//!
//! A [`Masker`] holds what must not be seen; each stream of output gets a [`MaskStream`] of it, which
//! replaces every occurrence by `***`, however the bytes are cut into chunks.
//!
//! `parts` and `variants` say what else is secret with a value, `index` holds all of it, `encoding` spells it.
//! `search` reads the text in every way that could show a value: as it is, without what stands between its
//! characters, with escapes undone, behind line numbers, down a column. `detect` finds what nobody registered.

pub mod detect;
mod encoding;
pub mod floor;
mod history;
mod index;
mod masker;
pub mod parts;
mod search;
mod secret;
mod seeds;
mod stream;
mod unregistered;
mod variants;

pub use floor::{Floor, Refused};
pub use history::Late;
pub use masker::Masker;
pub use secret::Secret;
pub use stream::MaskStream;
pub use unregistered::Caught;

/// What stands in place of a secret.
pub const MASK: &str = "***";
