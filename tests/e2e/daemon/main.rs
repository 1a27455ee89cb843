//! `palisade daemon` against the scripted forge, and with its own queue.

mod checkout;
mod disk;
mod faults;
mod front;
mod host;
mod identity;
mod jobs;
mod launcher;
mod lifecycle;
mod local;
mod memory;
mod moments;
mod network;
mod outage;
mod profiles;
mod property;
mod sealed;
mod torn;
