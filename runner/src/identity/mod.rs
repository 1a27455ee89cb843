//! Who a job is, to others: ID tokens that say so, and the short-lived credentials that others give for them. No
//! long-lived key of a cloud is on this host, at the forge or in a job.
//!
//! [`Broker`] has all of it for one run. [`Facts`] are what a forge said of a job, [`Claims`] what a token says of it. [`issuer`] has the keys that sign. A
//! [`grant`] of the configuration says who may have what, by conditions on claims, and [`exchange`] takes a token to
//! whoever gives credentials for it. [`endpoint`] is where steps ask, inside of their job's network.

mod broker;
pub mod claims;
pub mod condition;
pub mod endpoint;
pub mod exchange;
pub mod facts;
mod forge;
pub mod grant;
pub mod id_token;
pub mod issuer;
pub mod reference;
pub mod subject;

#[cfg(test)]
mod tests;

pub use broker::{Broker, digest};
pub use claims::Claims;
pub use facts::{Facts, Source};
pub use forge::{ForgeToken, ForgeTokens};
pub use grant::{Grant, Grants};
pub use reference::References;
