//! Requests and answers of HTTP/1.1, as much of it as runners use.

use std::io::{self, BufRead, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// Largest body that the forge takes, in bytes.
const MAX_BODY: u64 = 64 << 20;

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    /// Unpacked.
    pub(super) body: Vec<u8>,
    /// How long the body was on its way.
    pub(super) body_length: u64,
}

impl Request {
    /// Reads the next one's head; `None` where the connection has ended before it.
    pub(super) fn head(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
        let mut line = String::new();
        if stream.take(8192).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let mut request = Request {
            method: method.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            body_length: 0,
        };
        loop {
            let mut line = String::new();
            stream.take(8192).read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(request)) };
            request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// Reads its body, or only the first half of it.
    pub(super) fn read_body(&mut self, stream: &mut impl BufRead, half: bool) -> io::Result<()> {
        let length: u64 = self.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let length = if half { length / 2 } else { length };
        if length > MAX_BODY {
            return Err(io::Error::other("the body is too large"));
        }
        let read = stream.take(length).read_to_end(&mut self.body)?;
        self.body_length = length;
        if (read as u64) < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !half && self.header("content-encoding") == Some("gzip") {
            let mut plain = Vec::new();
            GzDecoder::new(&self.body[..]).take(MAX_BODY).read_to_end(&mut plain)?;
            self.body = plain;
        }
        Ok(())
    }

    /// A header by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Header lines, but for those that carry the runner's own credentials.
    pub(super) fn other_headers(&self) -> impl Iterator<Item = &str> {
        let own = ["x-runner-token", "x-runner-uuid"];
        self.headers
            .iter()
            .filter(move |(name, _)| !own.contains(&name.as_str()))
            .map(|(_, value)| value.as_str())
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Whether its length is told.
    pub(super) length: bool,
}

impl Response {
    pub(super) fn new(status: u16, content_type: &str, body: Vec<u8>) -> Response {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Response { status, headers, body, length: true }
    }

    /// An error as Connect has it.
    pub(super) fn error(status: u16, code: &str, message: &str) -> Response {
        let body = serde_json::json!({ "code": code, "message": message }).to_string();
        Response::new(status, "application/json", body.into_bytes())
    }

    /// Packs the body of a larger answer, as the servers do.
    pub(super) fn packed(mut self, from: usize) -> Response {
        if self.status == 200 && self.body.len() >= from {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&self.body).expect("a vector takes it");
            self.body = encoder.finish().expect("a vector takes it");
            self.headers.push(("Content-Encoding", "gzip".to_owned()));
        }
        self
    }

    /// The bytes of status line and headers.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} -\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if self.length {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        } else {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        head.into_bytes()
    }

    pub(super) fn write(&self, stream: &mut impl Write) -> io::Result<()> {
        stream.write_all(&self.head())?;
        stream.write_all(&self.body)?;
        stream.flush()
    }
}
