//! One connection of a job, from its first bytes to its last.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::sockopt::Linger;
use nix::sys::socket::{MsgFlags, Shutdown, recv, send, setsockopt, shutdown};

use super::callers::Whose;
use super::quota::Bytes;
use super::relay::Open;
use super::splice::Side;
use super::upstream::Asking;
use crate::egress::http::{self, Requests};
use crate::egress::name::Name;
use crate::egress::record::{Attempt, Outcome, Protocol};
use crate::egress::tls::{self, Hello};

/// A client that says nothing for so long is gone.
pub const GREETING: Duration = Duration::from_mins(2);
/// So long a connection may take to be made, with the lookup before.
pub const CONNECTING: Duration = Duration::from_secs(30);
/// Bytes of one read.
pub const READ: usize = 16 << 10;

/// A connection.
#[derive(Debug)]
pub struct Stream {
    /// Index of the step that ran when it began.
    pub step: Option<usize>,
    /// Whose it is, if that was seen.
    pub caller: Option<Whose>,
    /// The job's side.
    pub client: Side,
    /// Which name the address stands for.
    pub name: Name,
    /// Which port.
    pub port: u16,
    /// The rule that lets it through.
    pub rule: Option<String>,
    /// How far it has come.
    pub phase: Phase,
    /// When it began.
    pub started: Instant,
    /// When it must have come further.
    pub deadline: Option<Instant>,
    /// What is spoken.
    pub protocol: Option<Protocol>,
    /// Who answers.
    pub address: Option<IpAddr>,
    /// It goes by way of the proxy.
    pub by_proxy: bool,
    /// Key of what speaks TLS with the proxy for it.
    pub tunnel: Option<usize>,
    /// Bytes that are counted.
    pub counted: Bytes,
}

/// How far a connection has come.
#[derive(Debug)]
pub enum Phase {
    /// The client says what it wants.
    Greeting(Greeting),
    /// The name's addresses are being found.
    Resolving(Greeting),
    /// One of the addresses is to answer.
    Connecting(Greeting, Tries),
    /// The proxy is asked for the name.
    Asking(Box<Asking>),
    /// Bytes go both ways.
    Open(Box<Open>),
    /// It is over, and goes with the end of this round of events.
    Closed,
}

/// What the client has said so far.
#[derive(Debug, Default)]
pub struct Greeting {
    /// All of it; of HTTP what isn't looked at yet is in `requests`, and here stands what the server may get.
    bytes: Vec<u8>,
    requests: Option<Requests>,
    /// How many bytes the client has said.
    read: u64,
}

/// Addresses that are tried, and connections that may come of it.
#[derive(Debug)]
pub struct Tries {
    /// Those that are left; the last is the next.
    pub left: Vec<SocketAddr>,
    /// Those under way.
    pub running: Vec<Option<(OwnedFd, IpAddr)>>,
    /// When the next is tried, whatever becomes of those.
    pub next: Instant,
    /// Why the last failed.
    pub failed: Errno,
}

/// What a client's first bytes lead to.
#[derive(Debug)]
pub enum Greeted {
    /// More are needed.
    More,
    /// They agree with the name.
    Agrees(Protocol),
    /// They don't.
    Disagrees(String),
    /// They are of a protocol that says nothing of names, or of none that is known.
    Unknown,
    /// The client has gone.
    Gone,
}

impl Greeting {
    /// Reads what the client says, and looks at it.
    pub fn read(&mut self, client: &mut Side, name: &Name, port: u16) -> Greeted {
        let mut buffer = [0; READ];
        while client.readable {
            match recv(client.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(0) if self.bytes.is_empty() && self.requests.is_none() => return Greeted::Gone,
                Ok(0) => return Greeted::Disagrees("it ended before it said whom it is for".to_owned()),
                Ok(length) => {
                    self.read += length as u64;
                    match self.take(&buffer[..length], name, port) {
                        Greeted::More => {}
                        decided => return decided,
                    }
                }
                Err(Errno::EAGAIN) => client.readable = false,
                Err(Errno::EINTR) => {}
                Err(_) => return Greeted::Gone,
            }
        }
        Greeted::More
    }

    fn take(&mut self, bytes: &[u8], name: &Name, port: u16) -> Greeted {
        let first = self.bytes.first().or(bytes.first()).copied().unwrap_or_default();
        if self.requests.is_none() && first == tls::HANDSHAKE {
            self.bytes.extend_from_slice(bytes);
            return match tls::read(&self.bytes) {
                Ok(Hello::Incomplete) => Greeted::More,
                Ok(Hello::For(server)) if server == *name => Greeted::Agrees(Protocol::Tls),
                Ok(Hello::For(server)) => Greeted::Disagrees(format!(
                    "the TLS handshake is for `{server}`, not for the name that was looked up"
                )),
                Err(error) => Greeted::Disagrees(error.to_string()),
            };
        }
        if self.requests.is_none() && !http::may_begin(first) {
            return Greeted::Unknown;
        }
        let requests = self.requests.get_or_insert_with(|| Requests::new(name.clone(), port));
        match requests.take(bytes, &mut self.bytes) {
            Ok(()) if self.bytes.is_empty() => Greeted::More,
            Ok(()) => Greeted::Agrees(Protocol::Http),
            Err(error) => Greeted::Disagrees(error.to_string()),
        }
    }

    /// Tells the client why nothing comes of it, in the protocol that it seems to speak.
    pub fn refuse(&self, client: &Side, name: &Name, reason: &str) {
        /// A fatal alert, access_denied: RFC 8446, section 6.2.
        const ALERT: [u8; 7] = [21, 3, 3, 0, 2, 2, 49];
        let answer = match (&self.requests, self.bytes.first()) {
            (Some(_), _) => {
                let body = format!("palisade refuses this connection to {name}: {reason}\n");
                let length = body.len();
                format!(
                    "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n{body}"
                )
                .into_bytes()
            }
            (None, Some(&tls::HANDSHAKE)) => ALERT.to_vec(),
            (None, _) => return,
        };
        // It is no more than a courtesy.
        let _ = send(client.fd.as_raw_fd(), &answer, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT);
        let _ = shutdown(client.fd.as_raw_fd(), Shutdown::Write);
    }
}

impl Greeting {
    /// What the server gets first, the requests that follow, where it is HTTP, and how many bytes the client has said.
    pub fn into_parts(self) -> (Vec<u8>, Option<Requests>, u64) {
        (self.bytes, self.requests, self.read)
    }
}

impl Stream {
    /// A connection that has just been accepted.
    pub fn new(
        fd: OwnedFd,
        (step, caller): (Option<usize>, Option<Whose>),
        name: Name,
        port: u16,
        rule: Option<String>,
        now: Instant,
    ) -> Stream {
        Stream {
            step,
            caller,
            client: Side::fresh(fd),
            name,
            port,
            rule,
            phase: Phase::Greeting(Greeting::default()),
            started: now,
            deadline: Some(now + GREETING),
            protocol: None,
            address: None,
            by_proxy: false,
            tunnel: None,
            counted: Bytes::default(),
        }
    }

    /// What has become of it so far.
    pub fn attempt(&self, now: Instant) -> Attempt {
        let (outcome, (sent, received)) = match &self.phase {
            Phase::Open(open) => (Outcome::Reached, open.moved()),
            _ => (Outcome::Failed, (0, 0)),
        };
        Attempt {
            step: self.step,
            address: self.address,
            rule: self.rule.clone(),
            outcome,
            protocol: self.protocol,
            proxied: self.by_proxy,
            sent,
            received,
            milliseconds: now.saturating_duration_since(self.started).as_millis() as u64,
            ..Attempt::new(self.name.as_str(), Some(self.port)).by(self.caller.clone())
        }
    }

    /// Has both sides see a reset instead of an end.
    pub fn reset(&self) {
        abort(self.client.fd.as_fd());
        if let Phase::Open(open) = &self.phase {
            abort(open.server.fd.as_fd());
        }
    }
}

/// Makes closing a socket a reset.
pub fn abort(socket: std::os::fd::BorrowedFd<'_>) {
    let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    // Where that can't be set, the close is an ordinary one.
    let _ = setsockopt(&socket, Linger, &at_once);
}
