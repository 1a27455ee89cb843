//! Where steps ask for tokens and credentials: a small HTTP server on the loopback of their job's own network, which
//! the job's process serves from outside of it.

pub mod http;

pub use http::{Answer, Asked};

use crate::mask::Secret;

/// Answers some of what steps ask. What no route of a running step answers is refused.
pub trait Route: Send + Sync {
    /// The answer; nothing where the question isn't this route's, or doesn't prove the right to ask it.
    fn answer(&self, asked: &Asked<'_>) -> Option<Answer>;
}

/// A step as the endpoint knows it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The endpoint's own address inside of the job: `http://127.0.0.1:PORT`.
    pub origin: String,
    /// What proves that who asks is the step. It is masked, and worth nothing after the step.
    pub bearer: Secret,
}
