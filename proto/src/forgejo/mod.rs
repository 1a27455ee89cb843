//! The runner protocol of Forgejo and Gitea: a client of both.
//!
//! Neither server has a description of it beside its code; what is relied on here was seen in exchanges with a real
//! Forgejo (`tests/forgejo.rs`), or stands in the code of both (`modules/actions`, `services/actions`).

mod client;
mod credentials;
mod id_token;
mod json;
mod state;
mod summary;
mod task;
mod time;
pub mod wire;

pub use client::{Declaration, Fetch, Fetched, Registered, Registration, Runner, Server, Update};
pub use credentials::{Credentials, InvalidCredentials, RequestKey};
pub use id_token::id_token;
pub use state::{
    Conclusion, LogRow, MAX_OUTPUT_KEY, MAX_OUTPUT_VALUE, MAX_ROW, Standing, StepState, TaskState,
};
pub use summary::{MAX_SUMMARIES, SUMMARIES, send_summary};
pub use task::{IdTokenRequest, Need, Task, TaskId, Tokens};

use std::fmt;
use std::str::FromStr;

/// Which of the two servers it is. They differ in what was added since they parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Forgejo: several tasks per call, keys of requests.
    Forgejo,
    /// Gitea: capabilities of a runner.
    Gitea,
}

impl Dialect {
    /// Its name in small letters.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Forgejo => "forgejo",
            Dialect::Gitea => "gitea",
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is neither `forgejo` nor `gitea`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is neither `forgejo` nor `gitea`")]
pub struct UnknownDialect;

impl FromStr for Dialect {
    type Err = UnknownDialect;
    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        [Dialect::Forgejo, Dialect::Gitea].into_iter().find(|d| d.name() == name).ok_or(UnknownDialect)
    }
}
