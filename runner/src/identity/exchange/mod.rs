//! Credentials for an ID token. Each provider is a module: its keys of a `[[grant]]` are a type that reads them, and
//! that type is the [`Exchange`].

pub mod aws;
pub mod azure;
mod call;
mod fresh;
pub mod gcp;
pub mod git;
pub mod kubernetes;
pub mod oidc;
mod registry;
mod server;
mod token_exchange;
mod values;
pub mod vault;

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use palisade_proto::Http;
use serde::{Deserialize, Serialize};

use super::Claims;
use super::endpoint::{Caller, Route};
use crate::mask::Secret;

/// A provider that gives credentials for an ID token.
pub trait Exchange: Send + Sync {
    /// Gets credentials. Called before the step begins that they are for, and again before they expire where their
    /// delivery asks for that. Nothing of the job's own is used but what the request has.
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError>;

    /// Puts credentials where the step's tools look for them. Secrets of them are registered with the masker by then.
    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError>;

    /// Whether the provider can take credentials back.
    fn revokes(&self) -> bool {
        false
    }

    /// Makes credentials worthless, where the provider can do that. Called once the step has ended, whatever became
    /// of it, with the request of before and a later deadline.
    fn revoke(&self, credentials: &Credentials, request: &Request) -> Result<(), ExchangeError> {
        let _ = (credentials, request);
        Ok(())
    }
}

/// What an exchange has to go by. It can be kept, to ask again before credentials expire.
#[derive(Clone)]
pub struct Request {
    /// The grant's name.
    pub grant: Arc<str>,
    /// Who asks.
    pub claims: Arc<Claims>,
    /// Gives ID tokens that say so.
    pub tokens: Arc<dyn Tokens>,
    /// How providers are reached: by the proxies and certificates of the runner.
    pub http: Http,
    /// What jobs see of the host: nothing that is secret is read from there.
    pub shown: Arc<[PathBuf]>,
    /// When an answer is of no use any more.
    pub deadline: Instant,
}

/// Gives signed ID tokens of one step. Each is registered with the masker and told in an event before it is given.
pub trait Tokens: Send + Sync {
    /// A token for an audience. An error where there is no issuer, or it has no key of the algorithm.
    fn token(&self, audience: &str, algorithm: Algorithm) -> Result<Secret, ExchangeError>;
}

/// How a token is signed. Source: RFC 7518, section 3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Algorithm {
    /// ECDSA with P-256 and SHA-256: short tokens, fast.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSA with PKCS #1 v1.5 and SHA-256: the only one that Microsoft Entra takes.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// Both.
    pub const ALL: [Algorithm; 2] = [Algorithm::Es256, Algorithm::Rs256];

    /// `alg` of a token's header.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::Rs256 => "RS256",
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a provider gave.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Its values, by the names that the provider's own module gives them.
    pub values: Vec<(Cow<'static, str>, Given)>,
    /// When they end.
    pub expires: Option<SystemTime>,
    /// What is recorded of them: role, account, id of the provider's request… Never a secret.
    pub record: Vec<(&'static str, String)>,
}

/// One value of credentials.
#[derive(Clone, Debug)]
pub enum Given {
    /// May be seen.
    Plain(String),
    /// Is masked before it is delivered.
    Secret(Secret),
}

impl Credentials {
    /// The secrets of it.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.values.iter().filter_map(|(name, value)| match value {
            Given::Secret(secret) => Some((&**name, secret)),
            Given::Plain(_) => None,
        })
    }

    /// A value as text, secret or not.
    pub fn expose(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| match value {
            Given::Plain(text) => text.as_str(),
            Given::Secret(secret) => secret.expose(),
        })
    }
}

/// Where credentials go: what the step's processes find. All of it ends with the step.
pub struct Delivery<'a> {
    /// The request that the credentials answer, for asking again.
    pub request: &'a Request,
    /// The step, as the endpoint knows it: its address and bearer.
    pub caller: &'a Caller,
    /// Variables of the step's processes, with those of its other grants.
    pub variables: Vec<(String, String)>,
    /// Files for them.
    pub files: Arc<dyn Files>,
    /// What the endpoint answers while the step runs.
    pub routes: Vec<Box<dyn Route>>,
    /// What works for the step while it runs, such as a thread that renews credentials; dropped after it.
    pub held: Vec<Box<dyn Any + Send>>,
    /// Registers with the masker what is had later.
    pub masks: Arc<dyn Masks>,
}

impl Delivery<'_> {
    /// Sets a variable of the step's processes.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.variables.push((name.into(), value.into()));
    }

    /// Writes a file that the step can read; gives its path there.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<String, ExchangeError> {
        write(&*self.files, name, content)
    }

    /// Writes a program that the step can run; gives its path there.
    pub fn write_program(&self, name: &str, content: &[u8]) -> Result<String, ExchangeError> {
        self.files.write_program(name, content).map_err(|error| unwritten(name, &error))
    }
}

fn write(files: &dyn Files, name: &str, content: &[u8]) -> Result<String, ExchangeError> {
    files.write(name, content).map_err(|error| unwritten(name, &error))
}

fn unwritten(name: &str, error: &std::io::Error) -> ExchangeError {
    ExchangeError::Delivery(format!("the file `{name}` can't be written: {error}"))
}

/// Makes files that only the step sees, below a directory of its own in memory, gone after it.
pub trait Files: Send + Sync {
    /// Writes a file of a plain name, to be read by the step alone; gives its path inside of the sandbox. One that is
    /// there already is replaced as a whole, for whoever reads it meanwhile.
    fn write(&self, name: &str, content: &[u8]) -> std::io::Result<String>;

    /// The same of a program that the step's tools run.
    fn write_program(&self, name: &str, content: &[u8]) -> std::io::Result<String>;
}

/// Registers secrets, and that there are some.
pub trait Masks: Send + Sync {
    /// Has a value masked from now on. An error where it is too short to be.
    fn mask(&self, name: &str, value: &Secret) -> Result<(), ExchangeError>;

    /// Has it recorded that credentials were given.
    fn issued(&self, credentials: &Credentials) {
        let _ = credentials;
    }
}

/// Why there are no credentials. Texts are masked before they are shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// This runner has no issuer, or not what was asked of it.
    #[error("{0}")]
    Issuer(String),
    /// The provider said no, in its own words.
    #[error("{provider} refused: {message}")]
    Refused {
        /// Who.
        provider: String,
        /// What it said.
        message: String,
    },
    /// It could not be reached, or not in time.
    #[error("{provider} can't be reached: {message}")]
    Unreachable {
        /// Who.
        provider: String,
        /// What happened.
        message: String,
    },
    /// What it said means nothing.
    #[error("{provider} answered what can't be understood: {message}")]
    Garbled {
        /// Who.
        provider: String,
        /// What is wrong with it.
        message: String,
    },
    /// What it gave can't be handed on.
    #[error("the credentials can't be delivered: {0}")]
    Delivery(String),
}
