//! Egress: what a job reaches of the world, by name. `docs/egress.md` has the model.
//!
//! The job's network has a loopback and addresses that stand for names (`palisade_sandbox::Inlet`). The gateway
//! ([`gateway`]) answers there: it tells the name by the address, holds it against the rules ([`rule`]), sees that
//! what is spoken is for that name ([`tls`], [`http`], [`quic`]), finds the name's real addresses ([`dns`]), refuses those
//! that aren't of the internet ([`address`]), connects, and moves bytes. What was tried is on record ([`record`]).

pub mod address;
pub mod asker;
pub mod dns;
mod doorstep;
mod forge;
pub mod gateway;
mod handle;
pub mod http;
pub mod name;
pub mod narrow;
mod of_step;
pub mod presets;
pub mod proxy;
pub mod quic;
pub mod record;
pub mod rule;
mod settings;
pub mod tls;
pub mod upgrade;

pub use forge::rule_of;
pub use gateway::{AtStep, NotEntered};
pub use handle::{Gateway, GatewayError};
pub use of_step::{OfStep, Seen, StepTables};
pub use settings::{Configured, Mode, Network, OnRefused, Settings, parse_resolver};
