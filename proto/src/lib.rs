//! Wire types and clients of forges. Knows no job engine and no sandbox.

pub mod connect;
pub mod event;
pub mod forgejo;
pub mod http;
mod instance;
mod secret;

pub use connect::{Code, Error, Reason, Unreachable};
pub use http::Http;
pub use instance::{Instance, InvalidInstance};
pub use secret::Secret;
