//! WebSocket over HTTP/1 without TLS: a server decides whether a connection changes to it, so its answer is read until it has
//! decided. In doubt it hasn't, and what the client sends must be requests: RFC 6455, section 4, and RFC 9110, section 7.8.

use super::http::MAX_HEAD;

/// The one protocol that a connection may change to.
pub const WEBSOCKET: &str = "websocket";

/// What a server answers that was asked for WebSocket. All of it is passed on as it is.
#[derive(Debug, Default)]
pub struct Answer {
    held: Vec<u8>,
}

impl Answer {
    /// Takes what the server sent; whether it changes the protocol, once that is known. In doubt it doesn't: then the
    /// client's next bytes must be a request.
    pub fn take(&mut self, input: &[u8]) -> Option<bool> {
        self.held.extend_from_slice(input);
        while let Some(end) = memchr::memmem::find(&self.held, b"\r\n\r\n") {
            let changes = changes(&self.held[..end]);
            if changes.is_some() {
                return changes;
            }
            self.held.drain(..end + 4);
        }
        (self.held.len() > MAX_HEAD).then_some(false)
    }
}

/// Whether the head of an answer changes to WebSocket; none where another answer follows.
fn changes(head: &[u8]) -> Option<bool> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    let status = lines.next().and_then(|line| line.strip_prefix(b"HTTP/1.1 ")).and_then(|line| line.get(..3));
    let is_upgrade = |line: &[u8]| {
        let colon = line.iter().position(|byte| *byte == b':');
        colon.is_some_and(|at| {
            line[..at].eq_ignore_ascii_case(b"upgrade")
                && line[at + 1..].trim_ascii().eq_ignore_ascii_case(WEBSOCKET.as_bytes())
        })
    };
    match status {
        Some(b"101") => Some(lines.any(is_upgrade)),
        Some([b'1', ..]) => None,
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_server_that_says_so_changes_the_protocol() {
        let of = |parts: &[&str]| {
            let mut answer = Answer::default();
            parts.iter().map(|part| answer.take(part.as_bytes())).collect::<Vec<_>>()
        };
        let yes = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\n\r\n";
        assert_eq!(of(&[yes]), [Some(true)]);
        assert_eq!(of(&["HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 1", &yes[10..]]), [None, Some(true)]);
        assert_eq!(of(&["HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n"]), [Some(false)]);
        assert_eq!(of(&["HTTP/1.1 200 OK\r\nUpgrade: websocket\r\n\r\n"]), [Some(false)]);
        assert_eq!(of(&["HTTP/1.0 101 x\r\nUpgrade: websocket\r\n\r\n"]), [Some(false)]);
        assert_eq!(of(&["x\r\n\r\n", yes])[0], Some(false));
        assert_eq!(of(&[&"x".repeat(MAX_HEAD + 1)]), [Some(false)]);
    }
}
