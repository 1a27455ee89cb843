//! Datagrams from one port of a job to a port of one name, and what comes back.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::callers::Whose;
use crate::egress::name::Name;
use crate::egress::quic::{QuicError, Verdict, Watch, negotiation};
use crate::egress::record::{Attempt, Outcome, Protocol};

/// The port of HTTP/3, where datagrams are QUIC for the name.
pub const QUIC_PORT: u16 = 443;
/// A flow without a datagram for so long is over: RFC 4787, section 4.3.
const IDLE: Duration = Duration::from_mins(2);
/// A client that was refused tries again for a while, which is no new attempt.
const REFUSED: Duration = Duration::from_secs(30);
/// Most datagrams that wait.
const MAX_HELD: usize = 16;
/// Most bytes that wait, but for a first datagram that is larger.
const MAX_HELD_BYTES: usize = 32 << 10;

/// A flow.
#[derive(Debug)]
pub struct Flow {
    /// Index of the step that ran when it began.
    pub step: Option<usize>,
    /// Whose it is, if that was seen.
    pub caller: Option<Whose>,
    /// Key of the socket that it came in by.
    pub door: usize,
    /// The job's side.
    pub client: SocketAddr,
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
    /// When the last datagram came, from either side.
    pub last: Instant,
    /// Who answers.
    pub address: Option<IpAddr>,
    /// Bytes to the server.
    pub sent: u64,
    /// Bytes to the client.
    pub received: u64,
    watch: Option<Watch>,
    held: Vec<Vec<u8>>,
}

/// How far a flow has come.
#[derive(Debug)]
pub enum Phase {
    /// The client says what it wants.
    Greeting,
    /// The name's addresses are being found.
    Resolving,
    /// Datagrams go both ways.
    Open(UdpSocket),
    /// What comes of it goes nowhere.
    Refused,
}

/// What becomes of a client's datagram.
#[derive(Debug)]
pub enum Taken {
    /// Nothing, for now or for good.
    Nothing,
    /// The flow agrees with the name: its addresses are to be found.
    Agrees,
    /// It is to be sent, after what was held.
    Send,
    /// This is to be answered, and what was sent goes nowhere.
    Answered(Vec<u8>),
    /// The flow isn't let through.
    Refused(QuicError),
}

impl Flow {
    /// One that has just begun.
    pub fn new(
        (step, caller): (Option<usize>, Option<Whose>),
        (door, client): (usize, SocketAddr),
        name: Name,
        port: u16,
        rule: Option<String>,
        now: Instant,
    ) -> Flow {
        let watch = (port == QUIC_PORT).then(|| Watch::new(name.clone()));
        Flow {
            step,
            caller,
            door,
            client,
            name,
            port,
            rule,
            phase: Phase::Greeting,
            started: now,
            last: now,
            address: None,
            sent: 0,
            received: 0,
            watch,
            held: Vec::new(),
        }
    }

    /// Looks at what the client sends, and keeps it where it must wait.
    pub fn take(&mut self, datagram: &[u8]) -> Taken {
        let next = match self.phase {
            Phase::Refused => return Taken::Nothing,
            Phase::Greeting => Taken::Agrees,
            Phase::Resolving => Taken::Nothing,
            Phase::Open(_) => Taken::Send,
        };
        if let (Phase::Greeting, Some(watch)) = (&self.phase, &self.watch)
            && !watch.is_pending()
            && let Some(answer) = negotiation(datagram)
        {
            return Taken::Answered(answer);
        }
        let verdict = self.watch.as_mut().map_or(Ok(Verdict::Pass), |watch| watch.client(datagram));
        match verdict {
            Err(error) => Taken::Refused(error),
            Ok(Verdict::Hold) if !self.hold(datagram) => Taken::Refused(QuicError::TooMany),
            Ok(Verdict::Hold) => Taken::Nothing,
            Ok(Verdict::Pass) => {
                if !matches!(next, Taken::Send) {
                    // Where there is no room it is lost, as datagrams may be.
                    self.hold(datagram);
                }
                next
            }
        }
    }

    /// Keeps a datagram, if there is room for it.
    fn hold(&mut self, datagram: &[u8]) -> bool {
        let bytes: usize = self.held.iter().map(Vec::len).sum();
        let room =
            self.held.is_empty() || self.held.len() < MAX_HELD && bytes + datagram.len() <= MAX_HELD_BYTES;
        if room {
            self.held.push(datagram.to_vec());
        }
        room
    }

    /// Sends what was held, once all that has begun agrees with the name, and one more datagram.
    pub fn send(&mut self, datagram: Option<&[u8]>) {
        let Phase::Open(server) = &self.phase else { return };
        if self.watch.as_ref().is_none_or(|watch| !watch.is_pending()) {
            for held in self.held.drain(..) {
                // What the network has no room for is lost, as anywhere.
                self.sent += server.send(&held).unwrap_or(0) as u64;
            }
        }
        if let Some(datagram) = datagram {
            self.sent += server.send(datagram).unwrap_or(0) as u64;
        }
    }

    /// The server has sent this.
    pub fn came(&mut self, datagram: &[u8]) {
        self.received += datagram.len() as u64;
        if let Some(watch) = &mut self.watch {
            watch.server(datagram);
        }
    }

    /// The client's first datagram, where it waits.
    pub fn first(&self) -> Option<&[u8]> {
        self.held.first().map(Vec::as_slice)
    }

    /// Has nothing of it go anywhere any more.
    pub fn refuse(&mut self) {
        (self.phase, self.held, self.watch) = (Phase::Refused, Vec::new(), None);
    }

    /// When it is over if nothing comes.
    pub fn deadline(&self) -> Instant {
        self.last + if matches!(self.phase, Phase::Refused) { REFUSED } else { IDLE }
    }

    /// What has become of it so far.
    pub fn attempt(&self, now: Instant) -> Attempt {
        let reached = matches!(self.phase, Phase::Open(_));
        Attempt {
            step: self.step,
            address: self.address,
            rule: self.rule.clone(),
            outcome: if reached { Outcome::Reached } else { Outcome::Failed },
            protocol: Some(if self.port == QUIC_PORT { Protocol::Quic } else { Protocol::Udp }),
            sent: self.sent,
            received: self.received,
            milliseconds: now.saturating_duration_since(self.started).as_millis() as u64,
            ..Attempt::new(self.name.as_str(), Some(self.port)).by(self.caller.clone())
        }
    }
}
