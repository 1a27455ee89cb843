//! Plain requests to servers that are no forges: those that give credentials for an identity. Each is for one address,
//! goes no further than that, and has an answer of a bounded size.

use std::fmt;

use ureq::http::{self, HeaderMap, HeaderName, HeaderValue, header};
use zeroize::Zeroizing;

use super::Http;
use crate::Instance;
use crate::connect::{Reason, Unreachable, one_line, read_body, unreachable};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// To show something.
    Get,
    /// To do something.
    Post,
    /// To put something in its place.
    Put,
    /// To take something away.
    Delete,
}

/// A body and what it is.
pub struct Content<'a> {
    /// Its media type, e.g. `application/json`.
    pub kind: &'static str,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// One request.
pub struct Request<'a> {
    /// What it asks for.
    pub method: Method,
    /// The server.
    pub server: &'a Instance,
    /// The path below the server's address with its query, encoded; it begins with a slash, or is empty.
    pub path: &'a str,
    /// Names in small letters, and values. None of them is ever shown.
    pub headers: &'a [(&'static str, &'a str)],
    /// What is sent.
    pub content: Option<Content<'a>>,
    /// Largest answer, in bytes.
    pub limit: usize,
}

/// An answer, whatever its status.
pub struct Reply {
    /// The HTTP status; never one of a redirect.
    pub status: u16,
    headers: HeaderMap,
    /// The body, which may hold a secret.
    pub body: Zeroizing<Vec<u8>>,
}

impl Reply {
    /// A header that is a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// It shows nothing of the body.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// There was none, or not the whole of one. Whether the server has had the request isn't known.
    #[error("{what}: {detail}")]
    Unreachable {
        /// What it failed at.
        what: Unreachable,
        /// The system's word.
        detail: String,
    },
    /// It points elsewhere, where what was sent doesn't belong.
    #[error(
        "HTTP status {status}: the server points to `{to}`, which isn't followed: what is sent is for this server alone"
    )]
    Redirected {
        /// The HTTP status.
        status: u16,
        /// Where to, shortened.
        to: String,
    },
    /// It isn't one of HTTP, or it is too large.
    #[error("the answer can't be read: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// The request can't be made.
    #[error("{what}")]
    Misconfigured {
        /// What is wrong.
        what: String,
    },
}

impl RequestError {
    /// Whether the same request may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, RequestError::Unreachable { what, .. } if *what != Unreachable::Tls)
    }
}

impl From<Reason> for RequestError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Unreachable { what, detail } => RequestError::Unreachable { what, detail },
            Reason::Redirected { status, to } => RequestError::Redirected { status, to },
            Reason::Malformed { what } => RequestError::Malformed { what },
            other => RequestError::Misconfigured { what: other.to_string() },
        }
    }
}

impl Http {
    /// Sends a request and reads its answer.
    pub fn send(&self, request: &Request<'_>) -> Result<Reply, RequestError> {
        let agent = self.agent(request.server);
        let sent = agent.run(request.prepare()?).map_err(unreachable);
        let response = sent.map_err(|reason| {
            if let Reason::Unreachable { .. } = reason {
                self.forget_names();
            }
            RequestError::from(reason)
        })?;
        let (head, body) = response.into_parts();
        let status = head.status.as_u16();
        if head.status.is_redirection() {
            let to = head.headers.get(header::LOCATION).and_then(|to| to.to_str().ok());
            let to = one_line(to.unwrap_or("an address that it doesn't tell"));
            return Err(RequestError::Redirected { status, to });
        }
        if let Some(encoding) = head.headers.get(header::CONTENT_ENCODING).filter(|e| *e != "identity") {
            let encoding = one_line(&String::from_utf8_lossy(encoding.as_bytes()));
            return Err(RequestError::Malformed { what: format!("it is encoded as `{encoding}`") });
        }
        let body = read_body(body, request.limit, true)?;
        Ok(Reply { status, headers: head.headers, body })
    }
}

impl Request<'_> {
    fn prepare(&self) -> Result<http::Request<&[u8]>, RequestError> {
        let method = match self.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Delete => http::Method::DELETE,
        };
        let mut request =
            http::Request::builder().method(method).uri(format!("{}{}", self.server, self.path));
        for (name, value) in self.headers {
            let what = || {
                format!("the header `{name}` can't be sent: it has other characters than a header may have")
            };
            let mut value =
                HeaderValue::from_str(value).map_err(|_| RequestError::Misconfigured { what: what() })?;
            value.set_sensitive(true);
            request = request.header(HeaderName::from_static(name), value);
        }
        if let Some(content) = &self.content {
            request = request.header(header::CONTENT_TYPE, content.kind);
        }
        let bytes = self.content.as_ref().map_or(&b""[..], |content| content.bytes);
        request.body(bytes).map_err(|error| RequestError::Misconfigured { what: error.to_string() })
    }
}
