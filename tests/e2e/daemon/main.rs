//! `palisade daemon` against the scripted forge.

mod checkout;
mod disk;
mod faults;
mod front;
mod host;
mod jobs;
mod lifecycle;
mod outage;
mod property;
