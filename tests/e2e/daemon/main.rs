//! `palisade daemon` against the scripted forge.

mod checkout;
mod disk;
mod faults;
mod front;
mod host;
mod identity;
mod jobs;
mod lifecycle;
mod outage;
mod property;
