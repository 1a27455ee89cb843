//! Requests of HTTP/1 without TLS: each one of a connection must be for the name that the connection is to, so
//! every head is read and every body's end is known (RFC 9112). What could be understood in two ways is refused:
//! the server behind would perhaps see a request where none was seen here.

use super::name::Name;
use super::upgrade::WEBSOCKET;

/// Largest head of a request, and largest trailer.
pub const MAX_HEAD: usize = 64 << 10;
/// Longest line with the size of a chunk.
const MAX_CHUNK_LINE: usize = 4096;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// It isn't HTTP/1, or not as it is written down.
    #[error("the HTTP request is malformed: {0}")]
    Malformed(&'static str),
    /// It is for another host.
    #[error("the HTTP request is for `{0}`, not for the name that was looked up")]
    OtherHost(String),
    /// It asks to be connected to another host.
    #[error("the HTTP request wants a tunnel (CONNECT)")]
    Tunnel,
}

use HttpError::Malformed;

/// The requests of one connection.
#[derive(Debug)]
pub struct Requests {
    name: Name,
    port: u16,
    state: State,
    /// No request has come yet.
    first: bool,
    /// What isn't whole yet: a head, a line of a chunk, a trailer.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Head,
    /// So many bytes of a body are to come.
    Body(u64),
    ChunkSize,
    /// So many bytes of a chunk are to come.
    Chunk(u64),
    /// The line's end behind a chunk is to come.
    ChunkEnd,
    Trailer,
    /// WebSocket was asked for, and the server hasn't answered yet.
    Upgrading,
}

/// What stands behind a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    /// Another protocol, if the server agrees.
    Upgrade,
}

impl Requests {
    /// Of a connection to this name and port.
    pub fn new(name: Name, port: u16) -> Self {
        Requests { name, port, state: State::Head, first: true, held: Vec::new() }
    }

    /// Whether the server must answer before anything else is passed on: it was asked for WebSocket.
    pub fn is_waiting(&self) -> bool {
        self.state == State::Upgrading
    }

    /// The server has answered, if by changing the protocol: then what is still to come are no requests.
    pub fn answered(&mut self, changes: bool, out: &mut Vec<u8>) -> Result<(), HttpError> {
        let held = std::mem::take(&mut self.held);
        self.state = State::Head;
        match changes {
            true => out.extend_from_slice(&held),
            false => self.take(&held, out)?,
        }
        Ok(())
    }

    /// Takes what the client sent and appends what the server may get.
    pub fn take(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), HttpError> {
        while !input.is_empty() {
            input = match self.state {
                State::Head => self.head(input, out)?,
                State::Body(left) => {
                    let (rest, left) = pass(input, left, out);
                    self.state = if left == 0 { State::Head } else { State::Body(left) };
                    rest
                }
                State::ChunkSize => self.chunk_size(input, out)?,
                State::Chunk(left) => {
                    let (rest, left) = pass(input, left, out);
                    self.state = if left == 0 { State::ChunkEnd } else { State::Chunk(left) };
                    rest
                }
                State::ChunkEnd => self.chunk_end(input, out)?,
                State::Trailer => self.trailer(input, out)?,
                State::Upgrading => {
                    self.held.extend_from_slice(input);
                    &[]
                }
            };
        }
        Ok(())
    }

    /// Moves input to `held` up to an end; gives the rest once the end is there.
    fn hold<'i>(&mut self, input: &'i [u8], end: &[u8], most: usize) -> Result<Option<&'i [u8]>, HttpError> {
        // The end may have begun in what is held.
        let before = self.held.len();
        let from = before.saturating_sub(end.len() - 1);
        let room = (most + 1).saturating_sub(before).min(input.len());
        self.held.extend_from_slice(&input[..room]);
        match memchr::memmem::find(&self.held[from..], end) {
            Some(at) => {
                let whole = from + at + end.len();
                self.held.truncate(whole);
                Ok(Some(&input[whole - before..]))
            }
            None if self.held.len() > most => Err(Malformed("a head or line is too long")),
            None => Ok(None),
        }
    }

    fn head<'i>(&mut self, mut input: &'i [u8], out: &mut Vec<u8>) -> Result<&'i [u8], HttpError> {
        // Empty lines before a request are to be ignored, and aren't passed on.
        while self.held.is_empty() || self.held == b"\r" {
            match (input.first(), self.held.is_empty()) {
                (Some(b'\r'), true) => self.held.push(b'\r'),
                (Some(b'\n'), false) => self.held.clear(),
                (None, _) => return Ok(input),
                (Some(_), true) => break,
                (Some(_), false) => return Err(Malformed("a carriage return stands alone")),
            }
            input = &input[1..];
        }
        let Some(rest) = self.hold(input, b"\r\n\r\n", MAX_HEAD)? else { return Ok(&[]) };
        let head = std::mem::take(&mut self.held);
        self.state = match self.check(&head, out)? {
            Framing::Length(0) => State::Head,
            Framing::Length(length) => State::Body(length),
            Framing::Chunked => State::ChunkSize,
            Framing::Upgrade => State::Upgrading,
        };
        self.first = false;
        Ok(rest)
    }

    /// Checks a head, and appends it without what asks for another protocol. Only a connection's first request may ask for
    /// WebSocket: of a later one it wouldn't be known which answer is its own.
    fn check(&self, head: &[u8], out: &mut Vec<u8>) -> Result<Framing, HttpError> {
        let text = std::str::from_utf8(head).map_err(|_| Malformed("a head that isn't text"))?;
        let mut lines = text.strip_suffix("\r\n\r\n").unwrap_or(text).split("\r\n");
        let request = lines.next().unwrap_or_default();
        let persistent = self.check_line(request)?;
        out.extend_from_slice(request.as_bytes());
        out.extend_from_slice(b"\r\n");
        let (mut host, mut length, mut chunked) = (None, None, false);
        let (mut upgrade, mut key) = (None, false);
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(Malformed("a header line without a colon"))?;
            if name.is_empty() || !name.bytes().all(is_token) {
                return Err(Malformed("a header's name"));
            }
            if value.bytes().any(|b| b < b' ' && b != b'\t' || b == 0x7f) {
                return Err(Malformed("a control character in a header"));
            }
            let value = value.trim_matches([' ', '\t']);
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            // Whoever would change to another protocol could speak of another host in it.
            if is("upgrade") {
                // Twice is as good as never.
                upgrade = Some(upgrade.is_none() && value.eq_ignore_ascii_case(WEBSOCKET));
                continue;
            }
            if is("http2-settings") {
                continue;
            }
            key |= is("sec-websocket-key");
            if is("host") && host.replace(value).is_some() {
                return Err(Malformed("two hosts"));
            }
            if is("content-length") {
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                let number = value.parse::<u64>().ok().filter(|_| digits);
                let number = number.ok_or(Malformed("the length of a body"))?;
                if length.replace(number).is_some() {
                    return Err(Malformed("two lengths of a body"));
                }
            }
            if is("transfer-encoding") {
                if chunked || !persistent || !value.eq_ignore_ascii_case("chunked") {
                    return Err(Malformed("a transfer encoding that isn't `chunked`"));
                }
                chunked = true;
            }
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        self.check_host(host.ok_or(Malformed("no host"))?)?;
        let bare = persistent && request.starts_with("GET ") && !chunked && length.unwrap_or(0) == 0;
        if self.first && bare && key && upgrade == Some(true) {
            out.extend_from_slice(format!("Upgrade: {WEBSOCKET}\r\n\r\n").as_bytes());
            return Ok(Framing::Upgrade);
        }
        out.extend_from_slice(b"\r\n");
        match (chunked, length) {
            (true, Some(_)) => Err(Malformed("a body with a length and in chunks")),
            (true, None) => Ok(Framing::Chunked),
            (false, length) => Ok(Framing::Length(length.unwrap_or(0))),
        }
    }

    /// Checks the first line; whether it is of HTTP/1.1.
    fn check_line(&self, line: &str) -> Result<bool, HttpError> {
        let mut parts = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed("its first line"));
        };
        if method.is_empty() || !method.bytes().all(is_token) {
            return Err(Malformed("its method"));
        }
        if target.is_empty() || target.bytes().any(|b| b <= b' ' || b == 0x7f) {
            return Err(Malformed("its target"));
        }
        let persistent = match version {
            "HTTP/1.1" => true,
            "HTTP/1.0" => false,
            _ => return Err(Malformed("its version, which is neither HTTP/1.0 nor HTTP/1.1")),
        };
        if method.eq_ignore_ascii_case("CONNECT") {
            return Err(HttpError::Tunnel);
        }
        if !target.starts_with('/') && target != "*" {
            let (scheme, rest) = target.split_once("://").ok_or(Malformed("its target"))?;
            if !scheme.eq_ignore_ascii_case("http") {
                return Err(Malformed("its target's scheme"));
            }
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            self.check_host(authority)?;
        }
        Ok(persistent)
    }

    /// Whether `host` or `host:port` is what the connection is to.
    fn check_host(&self, host: &str) -> Result<(), HttpError> {
        let (name, port) = match host.split_once(':') {
            Some((name, port)) => (name, port.parse::<u16>().ok()),
            None => (host, Some(self.port)),
        };
        match (Name::parse(name), port) {
            (Ok(name), Some(port)) if name == self.name && port == self.port => Ok(()),
            _ => Err(HttpError::OtherHost(host.chars().take(80).collect())),
        }
    }

    fn chunk_size<'i>(&mut self, input: &'i [u8], out: &mut Vec<u8>) -> Result<&'i [u8], HttpError> {
        let Some(rest) = self.hold(input, b"\r\n", MAX_CHUNK_LINE)? else { return Ok(&[]) };
        let line = std::mem::take(&mut self.held);
        let text = &line[..line.len() - 2];
        if text.iter().any(|b| *b < b' ' && *b != b'\t' || *b >= 0x7f) {
            return Err(Malformed("a control character at a chunk"));
        }
        let digits = text.split(|b| *b == b';').next().unwrap_or_default().trim_ascii_end();
        let size = std::str::from_utf8(digits).ok().filter(|digits| {
            (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
        });
        let size = size.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let size = size.ok_or(Malformed("the size of a chunk"))?;
        // Extensions are dropped: nobody needs them, and servers have disagreed on where they end.
        out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        self.state = if size == 0 { State::Trailer } else { State::Chunk(size) };
        Ok(rest)
    }

    fn chunk_end<'i>(&mut self, input: &'i [u8], out: &mut Vec<u8>) -> Result<&'i [u8], HttpError> {
        let Some(rest) = self.hold(input, b"\r\n", 2)? else { return Ok(&[]) };
        if std::mem::take(&mut self.held) != b"\r\n" {
            return Err(Malformed("the end of a chunk"));
        }
        out.extend_from_slice(b"\r\n");
        self.state = State::ChunkSize;
        Ok(rest)
    }

    fn trailer<'i>(&mut self, input: &'i [u8], out: &mut Vec<u8>) -> Result<&'i [u8], HttpError> {
        let Some(rest) = self.hold(input, b"\r\n", MAX_HEAD)? else { return Ok(&[]) };
        let line = std::mem::take(&mut self.held);
        // Trailing fields are dropped: a server that takes them for headers could be led astray.
        if line == b"\r\n" {
            out.extend_from_slice(b"\r\n");
            self.state = State::Head;
        }
        Ok(rest)
    }
}

/// Passes on up to `left` bytes; gives the rest of both.
fn pass<'i>(input: &'i [u8], left: u64, out: &mut Vec<u8>) -> (&'i [u8], u64) {
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
    out.extend_from_slice(&input[..length]);
    (&input[length..], left - length as u64)
}

/// Characters of methods and of headers' names: RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether a connection's first byte may begin a request.
pub fn may_begin(byte: u8) -> bool {
    is_token(byte) || byte == b'\r'
}

#[cfg(test)]
mod tests {
    use super::*;
    use HttpError::OtherHost;

    fn requests() -> Requests {
        Requests::new(Name::parse("a.test").unwrap(), 8080)
    }

    fn pass_all(input: &str) -> Result<String, HttpError> {
        let mut out = Vec::new();
        requests().take(input.as_bytes(), &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn honest_requests_go_through_however_they_are_cut() {
        let input = "GET /x HTTP/1.1\r\nHost: a.test:8080\r\n\r\n\
                     POST http://A.test:8080/y HTTP/1.1\r\nHost: A.test\r\nContent-Length: 3\r\n\r\nabc\
                     PUT / HTTP/1.1\r\nhost: a.test.\r\nTransfer-Encoding: chunked\r\n\r\n\
                     4\r\nwxyz\r\n0\r\n\r\nOPTIONS * HTTP/1.0\r\nHost:\ta.test\r\n\r\n";
        for size in 1..input.len() {
            let (mut requests, mut out) = (requests(), Vec::new());
            for part in input.as_bytes().chunks(size) {
                requests.take(part, &mut out).unwrap();
            }
            assert_eq!(String::from_utf8(out).unwrap(), input, "in parts of {size}");
            assert_eq!(requests.state, State::Head);
        }
    }

    #[test]
    fn every_request_must_be_for_the_name() {
        let good = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
        let other = |host: &str| Err(OtherHost(host.to_owned()));
        for (request, host) in [
            ("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n", "evil.test"),
            ("GET / HTTP/1.1\r\nHost: a.test:80\r\n\r\n", "a.test:80"),
            ("GET / HTTP/1.1\r\nHost: a.test:8080:1\r\n\r\n", "a.test:8080:1"),
            ("GET / HTTP/1.1\r\nHost: \r\n\r\n", ""),
            ("GET http://evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "evil.test"),
            ("GET http://a.test@evil.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n", "a.test@evil.test"),
            ("GET http://a.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n", "evil.test"),
        ] {
            assert_eq!(pass_all(request).map(drop), other(host), "{request}");
            assert_eq!(pass_all(&format!("{good}{request}")).map(drop), other(host), "as the second");
        }
        let mut out = Vec::new();
        let body =
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nokGET / HTTP/1.1\r\nHost: b\r\n\r\n";
        assert_eq!(requests().take(body.as_bytes(), &mut out).map(drop), other("b"));
    }

    #[test]
    fn what_could_be_understood_in_two_ways_is_refused() {
        let with = |lines: &str| format!("POST / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n");
        for request in [
            with("Content-Length: 1\r\nTransfer-Encoding: chunked"),
            with("Content-Length: 1\r\nContent-Length: 1"),
            with("Content-Length: +1"),
            with("Content-Length: 1, 1"),
            with("Content-Length:"),
            with("Transfer-Encoding: gzip, chunked"),
            with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            with("Transfer-Encoding : chunked"),
            with("X: a\r\n folded"),
            with("X: a\nHost: evil.test"),
            with("X: a\rHost: evil.test"),
            with("Host: a.test"),
            with("no colon"),
            "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n".into(),
            "GET / HTTP/1.1\r\n\r\n".into(),
            "GET /a b HTTP/1.1\r\nHost: a.test\r\n\r\n".into(),
            "GET ftp://a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n".into(),
            "GET a.test:8080 HTTP/1.1\r\nHost: a.test\r\n\r\n".into(),
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
            "GET / HTTP/1.1\nHost: a.test\n\n".to_owned() + &"x".repeat(MAX_HEAD),
            with("Transfer-Encoding: chunked") + "x\r\n",
            with("Transfer-Encoding: chunked") + "-1\r\n",
            with("Transfer-Encoding: chunked") + "1\nx\r\n",
            with("Transfer-Encoding: chunked") + "1\r\nxyz\r\n",
        ] {
            let result = pass_all(&request);
            assert!(matches!(result, Err(Malformed(_))), "{request}: {result:?}");
        }
        let tunnel = pass_all("CONNECT evil.test:443 HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(tunnel, Err(HttpError::Tunnel));
    }

    #[test]
    fn websocket_needs_the_server_s_word() {
        let fields = "Host: a.test:8080\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAA\r\n";
        let upgrade = format!("GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n{fields}\r\n");
        let passed = format!("GET / HTTP/1.1\r\n{fields}Upgrade: websocket\r\n\r\n");
        for (changes, then, expected) in [
            (true, "\x01\x02 anything", Ok("\x01\x02 anything")),
            (false, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", Ok("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")),
            (false, "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n", Err(OtherHost("b.test".to_owned()))),
        ] {
            let (mut requests, mut out) = (requests(), Vec::new());
            requests.take(format!("{upgrade}{then}").as_bytes(), &mut out).unwrap();
            assert_eq!(String::from_utf8_lossy(&out), passed, "the rest waits");
            assert!(requests.is_waiting());
            out.clear();
            let answered = requests.answered(changes, &mut out);
            assert_eq!(
                answered.map(|()| String::from_utf8_lossy(&out).into_owned()),
                expected.map(str::to_owned)
            );
        }
        // What isn't the first, isn't alone, or isn't WebSocket.
        let good = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
        for request in [
            format!("{good}{upgrade}"),
            upgrade.replace("WebSocket\r\n", "websocket, h2c\r\n"),
            upgrade.replace("WebSocket\r\n", "websocket\r\nUpgrade: websocket\r\n"),
            upgrade.replace("GET", "POST"),
            upgrade.replace("Sec-WebSocket-Key: AAAA", "Content-Length: 1"),
        ] {
            let (mut requests, mut out) = (requests(), Vec::new());
            requests.take(request.as_bytes(), &mut out).unwrap();
            assert!(
                !requests.is_waiting() && !String::from_utf8_lossy(&out).contains("Upgrade:"),
                "{request}"
            );
        }
    }

    #[test]
    fn no_other_protocol_is_asked_for_and_no_trailer_passed_on() {
        let upgrade = "GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\nX: y\r\n\r\n";
        assert_eq!(pass_all(upgrade).unwrap(), "GET / HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r\n");
        let head = "PUT / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunks = pass_all(&format!("{head}2;x=\"y\r\nok\r\n0\r\nHost: evil.test\r\n\r\n")).unwrap();
        assert_eq!(chunks, format!("{head}2\r\nok\r\n0\r\n\r\n"));
    }
}
