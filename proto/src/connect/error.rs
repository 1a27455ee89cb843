//! Why a call of a forge failed.

use std::fmt;

use super::Code;

/// A call that failed.
#[derive(Debug)]
pub struct Error {
    /// The method's name.
    pub(crate) call: &'static str,
    /// The forge's address.
    pub(crate) instance: String,
    pub(crate) reason: Reason,
}

/// Why.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// There was no answer, or not the whole of one. Whether the forge has had the request isn't known.
    #[error("{what}: {detail}")]
    Unreachable {
        /// What it failed at.
        what: Unreachable,
        /// The system's word.
        detail: String,
    },
    /// The forge itself said no.
    #[error("the forge refuses it ({code}): {message}")]
    Refused {
        /// The kind of error.
        code: Code,
        /// The forge's text, shortened, on one line.
        message: String,
    },
    /// Something answered that isn't the runner service: a proxy in between, or a server without this method.
    #[error("HTTP status {status} without an answer of the runner service{}", shown(.text))]
    Status {
        /// The HTTP status.
        status: u16,
        /// How the answer begins, shortened, on one line.
        text: String,
    },
    /// The answer points elsewhere. It isn't followed: the token belongs to the address that was registered.
    #[error(
        "HTTP status {status}: the forge says that it is at `{to}`; register with the address that it goes by"
    )]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to, shortened.
        to: String,
    },
    /// The answer isn't one of the protocol.
    #[error("the answer can't be read: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// The connection can't be made as it is configured.
    #[error("{what}")]
    Misconfigured {
        /// What is wrong, and what to do.
        what: String,
    },
}

/// What there was no answer for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The name of the host isn't found.
    #[error("its name can't be resolved")]
    Name,
    /// Nobody takes the connection.
    #[error("no connection")]
    Connection,
    /// The proxy makes no connection.
    #[error("the proxy makes no connection")]
    Proxy,
    /// No encrypted connection: the certificate or the protocol.
    #[error("no encrypted connection")]
    Tls,
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// The connection ended before the answer did.
    #[error("the connection was cut")]
    Cut,
}

fn shown(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

impl Error {
    /// The method that was called, e.g. `FetchTask`.
    pub fn call(&self) -> &'static str {
        self.call
    }

    /// Why it failed.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The code of the forge's refusal, or that which Connect gives to an HTTP status.
    pub fn code(&self) -> Option<Code> {
        match &self.reason {
            Reason::Refused { code, .. } => Some(*code),
            Reason::Status { status, .. } => Some(Code::of_status(*status)),
            _ => None,
        }
    }

    /// Whether the same call may succeed later. The forge's `internal` counts as such, though a Forgejo also
    /// says so of a task that it doesn't know: bound the tries.
    pub fn is_transient(&self) -> bool {
        match &self.reason {
            // None of it is the forge's own word on the call.
            Reason::Unreachable { .. } | Reason::Malformed { .. } | Reason::Redirected { .. } => true,
            Reason::Refused { code, .. } => code.is_transient(),
            // It says nothing of the forge, but where the request itself can't pass.
            Reason::Status { status, .. } => !matches!(status, 400 | 405 | 413 | 414 | 415 | 431 | 501 | 505),
            Reason::Misconfigured { .. } => false,
        }
    }

    /// Whether the forge doesn't know this runner (any more): no call of it will succeed.
    pub fn is_revoked(&self) -> bool {
        matches!(self.reason, Reason::Refused { code: Code::Unauthenticated, .. })
    }

    /// Whether the forge doesn't know the task (any more): its run or its repository was removed. Neither server has a code
    /// for it. Source: `ErrNotExist` in `modules/util/error.go` of both.
    pub fn is_gone(&self) -> bool {
        match &self.reason {
            Reason::Refused { code: Code::Internal | Code::Unknown, message } => {
                message.ends_with("resource does not exist")
            }
            _ => false,
        }
    }

    /// Whether the forge's answer to a registration is that the token isn't valid. A Gitea has no code for it.
    pub fn refuses_token(&self) -> bool {
        match &self.reason {
            Reason::Refused { code: Code::Unknown | Code::InvalidArgument, message } => {
                message.contains("token")
            }
            _ => false,
        }
    }

    /// Whether this server has no such method.
    pub fn is_unimplemented(&self) -> bool {
        self.code() == Some(Code::Unimplemented)
    }

    /// Whether the request is larger than something on the way lets through.
    pub fn is_too_large(&self) -> bool {
        matches!(self.reason, Reason::Status { status: 413, .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.call, self.instance, self.reason)
    }
}

impl std::error::Error for Error {}
