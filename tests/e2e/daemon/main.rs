//! `palisade daemon` against the scripted forge.

mod checkout;
mod front;
mod host;
mod jobs;
mod lifecycle;
mod outage;
