//! One call: a request, its answer or its error.

use std::io::{self, Read};
use std::time::Duration;

use prost::Message;
use serde::Deserialize;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use ureq::{Agent, Body};
use zeroize::Zeroizing;

use super::code::unwrap_grpc;
use super::{Code, Error, Reason, Unreachable, gzip};
use crate::http::tls;
use crate::{Http, Instance};

/// A body is packed from here on, in bytes: below, a packet holds it anyway.
const PACKED_FROM: usize = 1024;

/// Largest error of the forge that is read, in bytes.
const MAX_ERROR: usize = 64 << 10;

/// How much of a text of the other side is shown, in characters.
const SHOWN: usize = 500;

/// A method of a forge.
pub(crate) struct Method {
    /// Its name, for people.
    pub name: &'static str,
    /// Where it is below the instance.
    pub path: &'static str,
    /// Largest answer, in bytes, packed as unpacked.
    pub limit: usize,
}

/// How bodies are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Codec {
    Proto,
    Json,
}

impl Codec {
    fn content_type(self) -> &'static str {
        match self {
            Codec::Proto => "application/proto",
            Codec::Json => "application/json",
        }
    }
}

/// The answer of a call.
pub(crate) struct Answer<M> {
    pub message: M,
    pub headers: HeaderMap,
}

/// What a call is made with.
pub(crate) struct Call<'a> {
    pub http: &'a Http,
    pub instance: &'a Instance,
    /// Other than the usual one.
    pub timeout: Option<Duration>,
    pub headers: HeaderMap,
}

impl Call<'_> {
    /// Sends and takes messages in protobuf's own form.
    pub fn proto<M: Message + Default>(
        &self,
        method: &Method,
        request: &impl Message,
    ) -> Result<Answer<M>, Error> {
        let decode = |body: &[u8]| M::decode(body).map_err(|error| error.to_string());
        self.run(method, Codec::Proto, &Zeroizing::new(request.encode_to_vec()), decode)
    }

    /// Sends and takes messages in protobuf's form in JSON.
    pub fn json<M: for<'de> Deserialize<'de>>(
        &self,
        method: &Method,
        request: &serde_json::Value,
    ) -> Result<Answer<M>, Error> {
        let decode = |body: &[u8]| serde_json::from_slice(body).map_err(|error| error.to_string());
        self.run(method, Codec::Json, request.to_string().as_bytes(), decode)
    }

    /// Asks at a path below the instance, and takes JSON.
    pub fn get<M: for<'de> Deserialize<'de>>(&self, method: &Method, path: &str) -> Result<M, Error> {
        let answer = || {
            let mut request = self.http.agent(self.instance).get(format!("{}{path}", self.instance));
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            let (_, body) =
                receive(request.call().map_err(|e| self.unreachable(e))?, Codec::Json, method.limit)?;
            serde_json::from_slice(&body).map_err(|error| Reason::Malformed { what: error.to_string() })
        };
        answer().map_err(|reason| self.failed(method, reason))
    }

    /// Puts something at a path below the instance; what is answered beside success is of no interest.
    pub fn put(&self, method: &Method, path: &str, body: &[u8]) -> Result<(), Error> {
        let answer = || {
            let mut request = self.http.agent(self.instance).put(format!("{}{path}", self.instance));
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            if let Some(timeout) = self.timeout {
                request = request.config().timeout_global(Some(timeout)).build();
            }
            receive(request.send(body).map_err(|e| self.unreachable(e))?, Codec::Json, method.limit).map(drop)
        };
        answer().map_err(|reason| self.failed(method, reason))
    }

    fn run<M>(
        &self,
        method: &Method,
        codec: Codec,
        body: &[u8],
        decode: impl FnOnce(&[u8]) -> Result<M, String>,
    ) -> Result<Answer<M>, Error> {
        let answer = || {
            let response = self.send(method, codec, body)?;
            let (headers, body) = receive(response, codec, method.limit)?;
            let message = decode(&body).map_err(|what| Reason::Malformed { what })?;
            Ok(Answer { message, headers })
        };
        answer().map_err(|reason| self.failed(method, reason))
    }

    /// Where there is a proxy, that is who takes no connection.
    fn unreachable(&self, error: ureq::Error) -> Reason {
        match unreachable(error) {
            Reason::Unreachable { what: Unreachable::Connection, detail }
                if self.http.is_proxied(self.instance) =>
            {
                Reason::Unreachable { what: Unreachable::Proxy, detail }
            }
            reason => reason,
        }
    }

    /// An error of this call.
    pub fn failed(&self, method: &Method, reason: Reason) -> Error {
        Error { call: method.name, instance: self.instance.to_string(), reason }
    }

    fn send(&self, method: &Method, codec: Codec, body: &[u8]) -> Result<Response<Body>, Reason> {
        let agent: &Agent = self.http.agent(self.instance);
        let timeout = self.timeout.unwrap_or_else(|| self.http.call_timeout());
        let mut request = agent.post(format!("{}{}", self.instance, method.path));
        let own = [
            (header::CONTENT_TYPE, HeaderValue::from_static(codec.content_type())),
            (header::ACCEPT_ENCODING, HeaderValue::from_static("gzip")),
            (HeaderName::from_static("connect-protocol-version"), HeaderValue::from_static("1")),
            (HeaderName::from_static("connect-timeout-ms"), HeaderValue::from(milliseconds(timeout))),
        ];
        for (name, value) in own.iter().map(|(n, v)| (n, v)).chain(&self.headers) {
            request = request.header(name, value);
        }
        if let Some(timeout) = self.timeout {
            request = request.config().timeout_global(Some(timeout)).build();
        }
        // On this machine there is nothing to save.
        let packed = (body.len() >= PACKED_FROM && !self.instance.is_loopback()).then(|| gzip::pack(body));
        let sent = match packed {
            Some(Ok(packed)) => request.header(header::CONTENT_ENCODING, "gzip").send(&packed[..]),
            _ => request.send(body),
        };
        sent.map_err(|error| {
            let reason = self.unreachable(error);
            if let Reason::Unreachable { .. } = reason {
                self.http.forget_names();
            }
            reason
        })
    }
}

/// At most ten digits: <https://connectrpc.com/docs/protocol#unary-request>.
fn milliseconds(timeout: Duration) -> u64 {
    u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX).clamp(1, 9_999_999_999)
}

/// Headers and unpacked body of an answer that isn't an error.
fn receive(
    response: Response<Body>,
    codec: Codec,
    limit: usize,
) -> Result<(HeaderMap, Zeroizing<Vec<u8>>), Reason> {
    let (head, body) = response.into_parts();
    let status = head.status.as_u16();
    let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let content_type =
        header(header::CONTENT_TYPE).and_then(|value| value.split(';').next()).unwrap_or("").trim();
    if head.status.is_redirection() {
        let to = one_line(header(header::LOCATION).unwrap_or("an address that it doesn't tell"));
        return Err(Reason::Redirected { status, to });
    }
    let success = status == 200 && content_type.eq_ignore_ascii_case(codec.content_type());
    let limit = if success { limit } else { MAX_ERROR };
    let read = read_body(body, limit, success)?;
    let plain = match header(header::CONTENT_ENCODING).unwrap_or("identity") {
        "identity" => read,
        "gzip" => Zeroizing::new(gzip::unpack(&read, limit)?),
        other => return Err(Reason::Malformed { what: format!("it is encoded as `{}`", one_line(other)) }),
    };
    if !success {
        return Err(refused(status, content_type, &plain));
    }
    // A body that ends with the connection may be the beginning of one.
    if header(header::CONTENT_LENGTH).is_none() && header(header::TRANSFER_ENCODING).is_none() {
        return Err(Reason::Malformed { what: "it doesn't tell its length".to_owned() });
    }
    Ok((head.headers, plain))
}

/// The body, as far as it goes: of what is no answer only the beginning is of interest.
pub(crate) fn read_body(body: Body, limit: usize, whole: bool) -> Result<Zeroizing<Vec<u8>>, Reason> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = body.into_reader().take(limit as u64 + 1).read_to_end(&mut bytes);
    match read {
        Err(error) if whole => return Err(unreachable(error.into())),
        _ => {}
    }
    if bytes.len() > limit && whole {
        return Err(Reason::Malformed { what: format!("it is larger than {limit} bytes") });
    }
    Ok(bytes)
}

/// What an answer says that is an error.
fn refused(status: u16, content_type: &str, body: &[u8]) -> Reason {
    #[derive(Deserialize)]
    struct Said {
        code: String,
        #[serde(default)]
        message: String,
    }
    let said =
        content_type.eq_ignore_ascii_case("application/json").then(|| serde_json::from_slice::<Said>(body));
    let Some(Ok(Said { code, message })) = said else {
        // A page for a browser tells a person nothing here.
        let text = if content_type.starts_with("text/plain") { &String::from_utf8_lossy(body) } else { "" };
        return Reason::Status { status, text: one_line(text) };
    };
    match Code::named(&code) {
        Some(Code::Unknown) | None => match unwrap_grpc(&message) {
            Some((code, message)) => Reason::Refused { code, message: one_line(message) },
            None => Reason::Refused { code: Code::Unknown, message: one_line(&message) },
        },
        Some(code) => Reason::Refused { code, message: one_line(&message) },
    }
}

/// The beginning of a text of the other side, without what moves a terminal's cursor.
pub(crate) fn one_line(text: &str) -> String {
    let mut characters = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() {
        line.push('…');
    }
    line
}

/// Why ureq has no answer.
pub(crate) fn unreachable(error: ureq::Error) -> Reason {
    use ureq::Error::*;
    let failed = |what, detail: String| Reason::Unreachable { what, detail };
    match error {
        Io(error) => of_io(&error),
        Timeout(ureq::Timeout::Resolve) => failed(Unreachable::Name, "it takes too long".to_owned()),
        Timeout(ureq::Timeout::Connect) => {
            failed(Unreachable::Timeout, "the connection takes too long".to_owned())
        }
        Timeout(_) => failed(Unreachable::Timeout, "the call takes too long".to_owned()),
        HostNotFound => failed(Unreachable::Name, "there is no such host".to_owned()),
        ConnectionFailed => failed(Unreachable::Connection, "it failed".to_owned()),
        ConnectProxyFailed(text) => failed(Unreachable::Proxy, one_line(&text)),
        Tls(text) => failed(Unreachable::Tls, text.to_owned()),
        Rustls(error) => of_tls(&error),
        Protocol(error) => Reason::Malformed { what: one_line(&error.to_string()) },
        LargeResponseHeader(..) => Reason::Malformed { what: "its header is too large".to_owned() },
        other => Reason::Misconfigured { what: one_line(&other.to_string()) },
    }
}

fn of_io(error: &io::Error) -> Reason {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(tls);
    }
    // The standard library has no kind for it: `ToSocketAddrs` gives a text.
    if error.raw_os_error().is_none() && error.to_string().starts_with("failed to lookup address") {
        return Reason::Unreachable { what: Unreachable::Name, detail: error.to_string() };
    }
    let what = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Unreachable::Timeout,
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Unreachable::Cut,
        _ => Unreachable::Connection,
    };
    Reason::Unreachable { what, detail: error.to_string() }
}

fn of_tls(error: &rustls::Error) -> Reason {
    let hint = match error {
        error if tls::is_authority(error) => {
            "; the server has made its certificate itself: to trust that very one, name its file as `ca-file`"
        }
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "; if the server's certificate is from a CA of your own, name its file as `ca-file`"
        }
        _ => "",
    };
    Reason::Unreachable { what: Unreachable::Tls, detail: format!("{error}{hint}") }
}
