//! Questions and answers: HTTP/1.1, one question a connection, small. Source: RFC 9112.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use zeroize::Zeroize;

use crate::mask::Secret;

/// Largest head of a question.
const MAX_HEAD: usize = 16 << 10;
/// Most headers.
const MAX_HEADERS: usize = 64;
/// How long a question may take to arrive, and its answer to leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// A question.
#[derive(Debug)]
pub struct Asked<'a> {
    /// `GET`, `PUT`…
    pub method: &'a str,
    /// The path, as it was sent.
    pub path: &'a str,
    /// What stands behind `?`, as it was sent.
    pub query: &'a str,
    /// Names and values of headers.
    pub headers: &'a [(&'a str, &'a str)],
}

impl Asked<'_> {
    /// The value of a header that is there once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Whether a header is there, however often.
    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Whether it proves the right by `Authorization: bearer SECRET`, or by the secret alone as tools of AWS send it.
    /// Takes as long whatever differs.
    pub fn bears(&self, secret: &Secret) -> bool {
        let Some(value) = self.header("authorization") else { return false };
        let token = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return false,
            None => value,
        };
        Secret::new(token.to_owned()) == *secret
    }

    /// The value of a parameter of the query that is there once, decoded.
    ///
    /// # Errors
    /// Where it is there more than once, or isn't encoded as it should be.
    pub fn parameter(&self, name: &str) -> Result<Option<String>, &'static str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err("a parameter is there twice");
        }
        decoded(value).map(Some).ok_or("a parameter isn't percent-encoded UTF-8")
    }
}

/// Source: RFC 3986, section 2.1.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first == b'%' {
            let (digits, behind) = rest.split_at_checked(2)?;
            rest = behind;
            let digits =
                std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Further headers than those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// `Content-Type`
    pub kind: &'static str,
    /// Its body.
    pub body: String,
}

impl Answer {
    /// JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Answer {
        Answer {
            status,
            headers: Vec::new(),
            kind: "application/json; charset=utf-8",
            body: body.to_string(),
        }
    }

    /// Why there is nothing else.
    pub fn refused(status: u16, message: &str) -> Answer {
        Answer::json(status, &serde_json::json!({ "message": message }))
    }

    /// Text.
    pub fn text(status: u16, body: impl Into<String>) -> Answer {
        Answer { status, headers: Vec::new(), kind: "text/plain; charset=utf-8", body: body.into() }
    }

    fn send(&self, to: &mut impl Write, with_body: bool) -> io::Result<()> {
        let Answer { status, headers, kind, body } = self;
        let reason = match status {
            200 => "OK",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            500 => "Internal Server Error",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            _ => "Status",
        };
        let mut text = zeroize::Zeroizing::new(format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n",
            body.len()
        ));
        // One who caches says so.
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cache-control")) {
            text.push_str("Cache-Control: no-store\r\n");
        }
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if with_body {
            text.push_str(body);
        }
        to.write_all(text.as_bytes())
    }
}

/// Reads the question of a connection, has it answered, and sends the answer.
pub fn serve(mut stream: TcpStream, answer: impl FnOnce(&Asked<'_>) -> Answer) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = zeroize::Zeroizing::new(Vec::new());
    let mut chunk = zeroize::Zeroizing::new([0; 4096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let read = match stream.read(&mut *chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        head.extend_from_slice(&chunk[..read]);
        let (mut with_body, mut is_all) = (true, false);
        let mut answer = match parse(&head) {
            Parsed::Incomplete => continue,
            Parsed::Wrong(answer) => answer,
            Parsed::Whole { method, target, headers, length } => {
                let (path, query) = target.split_once('?').unwrap_or((target, ""));
                with_body = method != "HEAD";
                let more = |(name, _): &(&str, &str)| {
                    ["content-length", "transfer-encoding"]
                        .iter()
                        .any(|known| name.eq_ignore_ascii_case(known))
                };
                is_all = length == head.len() && !headers.iter().any(more);
                answer(&Asked { method, path, query, headers: &headers })
            }
        };
        let sent = answer.send(&mut stream, with_body);
        answer.body.zeroize();
        return match sent {
            Ok(()) if !is_all => close(&mut stream),
            sent => sent,
        };
    }
}

/// Closes it so that the answer arrives: what wasn't read would make the kernel throw it away.
fn close(stream: &mut TcpStream) -> io::Result<()> {
    stream.shutdown(std::net::Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut rest = [0; 4096];
    for _ in 0..16 {
        match stream.read(&mut rest) {
            Ok(read) if read > 0 => {}
            _ => break,
        }
    }
    Ok(())
}

/// What the begin of a connection is.
pub enum Parsed<'h> {
    /// More of it has to come.
    Incomplete,
    /// No question that is answered otherwise than so.
    Wrong(Answer),
    /// A question.
    Whole {
        /// `GET`, `PUT`…
        method: &'h str,
        /// Path and query.
        target: &'h str,
        /// Names and values of headers.
        headers: Vec<(&'h str, &'h str)>,
        /// How long the head is.
        length: usize,
    },
}

/// Reads the head of a question.
pub fn parse(head: &[u8]) -> Parsed<'_> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) if head.len() > MAX_HEAD => {
            Parsed::Wrong(Answer::refused(431, "the request is too large"))
        }
        Ok(httparse::Status::Partial) => Parsed::Incomplete,
        Err(httparse::Error::TooManyHeaders) => {
            Parsed::Wrong(Answer::refused(431, "the request has too many headers"))
        }
        Err(_) => Parsed::Wrong(Answer::refused(400, "the request is malformed")),
        Ok(httparse::Status::Complete(length)) if length > MAX_HEAD => {
            Parsed::Wrong(Answer::refused(431, "the request is too large"))
        }
        Ok(httparse::Status::Complete(length)) => {
            let target = request.path.filter(|target| target.starts_with('/'));
            let named = request.headers.iter().map(|header| {
                let value = std::str::from_utf8(header.value).ok()?;
                Some((header.name, value))
            });
            let headers: Option<Vec<(&str, &str)>> = named.collect();
            match (request.method, target, headers) {
                (Some(method), Some(target), Some(headers)) => {
                    Parsed::Whole { method, target, headers, length }
                }
                _ => Parsed::Wrong(Answer::refused(400, "the request is malformed")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<T>(query: &str, headers: &[(&str, &str)], then: impl FnOnce(&Asked<'_>) -> T) -> T {
        then(&Asked { method: "GET", path: "/", query, headers })
    }

    #[test]
    fn a_bearer_is_the_whole_secret() {
        let secret = Secret::new("0123456789abcdef".into());
        for (headers, bears) in [
            (&[("Authorization", "bearer 0123456789abcdef")][..], true),
            (&[("authorization", "Bearer 0123456789abcdef")], true),
            (&[("authorization", "0123456789abcdef")], true),
            (&[("authorization", "Bearer 0123456789abcde")], false),
            (&[("authorization", "Bearer 0123456789abcdeff")], false),
            (&[("authorization", "Basic 0123456789abcdef")], false),
            (&[("authorization", "Bearer ")], false),
            (&[("authorization", "")], false),
            (&[("x-authorization", "bearer 0123456789abcdef")], false),
            (&[("authorization", "bearer 0123456789abcdef"), ("authorization", "bearer x")], false),
            (&[], false),
        ] {
            assert_eq!(asked("", headers, |asked| asked.bears(&secret)), bears, "{headers:?}");
        }
    }

    #[test]
    fn a_parameter_is_there_once() {
        let parameter = |query| asked(query, &[], |asked| asked.parameter("audience"));
        assert_eq!(parameter("a=1&audience=sts.example&b"), Ok(Some("sts.example".into())));
        assert_eq!(parameter("audience=https%3A%2F%2Fx%3fy"), Ok(Some("https://x?y".into())));
        assert_eq!(parameter("audience="), Ok(Some(String::new())));
        assert_eq!(parameter("Audience=x&audience"), Ok(None));
        assert!(parameter("audience=a&audience=b").is_err());
        for wrong in ["audience=%", "audience=%4", "audience=%zz", "audience=%ff", "audience=%+1"] {
            assert!(parameter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let status = |head: &str| match parse(head.as_bytes()) {
            Parsed::Incomplete => 0,
            Parsed::Wrong(answer) => answer.status,
            Parsed::Whole { .. } => 200,
        };
        assert_eq!(status("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
        assert_eq!(status("GET /a HTTP/1.1\r\nHost: x\r\n"), 0);
        assert_eq!(status("GET http://x/ HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("\u{16}\u{3}\u{1}"), 400);
        assert_eq!(status("GET / HTTP/1.1\r\nA: \u{0}\r\n\r\n"), 400);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(65))), 431);
        assert_eq!(status(&format!("GET /{}", "x".repeat(MAX_HEAD))), 431);
        assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(MAX_HEAD))), 431);
    }
}
