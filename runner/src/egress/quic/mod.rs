//! QUIC, as far as it says which server is meant: the client's hello in its first packets, whose keys everybody can
//! derive (RFC 9001, section 5.2). What a client sends goes on once each connection it begins is for the name.
//!
//! Which keys a server takes for a packet is decided by the connection id that the packet is to: an id that it has
//! chosen itself, which its own packets show, or the beginning of a new connection. It is decided here in the same way
//! and never by trying: a packet can be made that opens with two keys and says two things.

use std::collections::VecDeque;

use super::name::Name;
use super::tls::TlsError;
use keys::{Keys, Side};
use packet::{Kind, Long, Packet, Packets, Version};

pub use hello::Messages;
pub use negotiation::negotiation;

mod hello;
mod keys;
mod negotiation;
mod packet;

/// Set in the first byte of every packet: RFC 9000, section 17.
const FIXED_BIT: u8 = 0x40;
/// Most connections of one flow that are known at a time; of older ones only the first packets are nobody's any more.
const MAX_CONNECTIONS: usize = 4;
/// Most connection ids of a server that are known for one connection.
const MAX_IDS: usize = 4;

/// Why a client's datagram is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuicError {
    /// It isn't QUIC, or not as it is written down.
    #[error("the QUIC packet is malformed")]
    Malformed,
    /// It is QUIC of a kind that can't be read.
    #[error("version {0:#x} of QUIC isn't known")]
    Version(u32),
    /// It belongs to no connection that was begun here.
    #[error("the QUIC packet begins no connection")]
    Beginless,
    /// It isn't protected as it should be.
    #[error("the QUIC packet can't be decrypted")]
    Unreadable,
    /// Its hello is longer than any that is honest.
    #[error("the QUIC handshake is too long")]
    TooLong,
    /// Too much has begun and isn't complete.
    #[error("too many QUIC handshakes aren't complete")]
    TooMany,
    /// Its hello is of no use.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It is for another server.
    #[error("the QUIC handshake is for `{0}`, not for the name that was looked up")]
    OtherName(Name),
}

/// What is to be done with a client's datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It can be passed on, after what was held where nothing is [pending](Watch::is_pending).
    Pass,
    /// It is to be held until another passes.
    Hold,
}

/// The connections that a client has begun from one port to one name.
#[derive(Debug)]
pub struct Watch {
    name: Name,
    connections: VecDeque<Connection>,
}

#[derive(Debug)]
struct Connection {
    /// Where the client's first packet was to; the keys come of it.
    first_to: Vec<u8>,
    /// The client's own id.
    client: Vec<u8>,
    /// What the server wants to be called.
    server: Vec<Vec<u8>>,
    /// The number after the largest so far.
    expected: u64,
    messages: Messages,
    /// A hello for the name has come.
    agrees: bool,
}

impl Connection {
    fn is_pending(&self) -> bool {
        !self.agrees || self.messages.is_partial()
    }

    fn is_called(&self, id: &[u8]) -> bool {
        self.first_to == id || self.server.iter().any(|own| own == id)
    }
}

impl Watch {
    /// For connections to this name.
    pub fn new(name: Name) -> Watch {
        Watch { name, connections: VecDeque::new() }
    }

    /// Looks at what the client sends. After an error nothing more of it may be passed on.
    pub fn client(&mut self, datagram: &[u8]) -> Result<Verdict, QuicError> {
        // By it servers tell QUIC from other protocols on one port: RFC 9443, section 3. Once a connection stands, both ends
        // may agree to do without (RFC 9287), which nobody else sees.
        let unfixed = datagram.first().is_some_and(|first| first & FIXED_BIT == 0);
        if unfixed && (self.is_beginless() || is_of_others(datagram)) {
            return Err(QuicError::Malformed);
        }
        let mut begins = false;
        for packet in Packets(datagram) {
            if let Packet::Long(packet) = packet? {
                match packet.kind {
                    Kind::Initial => {
                        begins = true;
                        self.initial(&packet)?;
                    }
                    Kind::Later => {}
                    Kind::Retry => return Err(QuicError::Malformed),
                }
            }
        }
        match (self.is_pending(), !self.is_beginless()) {
            (false, false) => Err(QuicError::Beginless),
            (true, false) => Ok(Verdict::Hold),
            (true, true) if begins => Ok(Verdict::Hold),
            (_, true) => Ok(Verdict::Pass),
        }
    }

    fn is_beginless(&self) -> bool {
        !self.connections.iter().any(|connection| connection.agrees)
    }

    /// Whether a connection has begun of which it isn't known yet whether it is for the name.
    pub fn is_pending(&self) -> bool {
        self.connections.iter().any(Connection::is_pending)
    }

    fn initial(&mut self, packet: &Long<'_>) -> Result<(), QuicError> {
        let known = self.connections.iter().position(|connection| connection.is_called(packet.to));
        let at = match known {
            Some(at) => at,
            None => self.begin(packet)?,
        };
        let connection = &mut self.connections[at];
        let keys = Keys::new(packet.version, &connection.first_to, Side::Client);
        let opened = keys.and_then(|keys| keys.open(packet, connection.expected));
        let opened = opened.map_err(|_| QuicError::Unreadable)?;
        connection.expected = connection.expected.max(opened.number.saturating_add(1));
        connection.messages.take(&opened.frames)?;
        while let Some(name) = connection.messages.server()? {
            if name != self.name {
                return Err(QuicError::OtherName(name));
            }
            connection.agrees = true;
        }
        Ok(())
    }

    fn begin(&mut self, packet: &Long<'_>) -> Result<usize, QuicError> {
        if self.connections.len() >= MAX_CONNECTIONS
            && self.connections.pop_front().is_some_and(|oldest| oldest.is_pending())
        {
            return Err(QuicError::TooMany);
        }
        self.connections.push_back(Connection {
            first_to: packet.to.to_vec(),
            client: packet.from.to_vec(),
            server: Vec::new(),
            expected: 0,
            messages: Messages::default(),
            agrees: false,
        });
        Ok(self.connections.len() - 1)
    }

    /// Learns from what the server sends how it wants to be called. What isn't understood is the client's business.
    pub fn server(&mut self, datagram: &[u8]) {
        for packet in Packets(datagram) {
            let Ok(Packet::Long(packet)) = packet else { return };
            // Behind a retry there is a new beginning, with keys of its own.
            if packet.kind == Kind::Retry {
                return;
            }
            let connection = self.connections.iter_mut().rev().find(|known| known.client == packet.to);
            if let Some(connection) = connection
                && connection.server.len() < MAX_IDS
                && !connection.is_called(packet.from)
            {
                connection.server.push(packet.from.to_vec());
            }
        }
    }
}

/// Whether a datagram without the fixed bit is one of STUN (RFC 8489, section 5) or DTLS (RFC 6347, section 4.1; RFC 9147,
/// section 4), which servers may speak on the port of QUIC. Of a packet of QUIC all behind its first byte is random there, or
/// an id that the server has chosen.
fn is_of_others(datagram: &[u8]) -> bool {
    const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
    match datagram.first() {
        Some(0..=3) => datagram.get(4..8) == Some(&COOKIE),
        Some(20..=63) => matches!(datagram.get(1..3), Some([0xfe, 0xfd | 0xff])),
        _ => false,
    }
}

/// The server's answer to a client's first datagram that nothing comes of it: a connection close, so that the client
/// doesn't wait. None where the datagram isn't the beginning of a connection.
pub fn refusal(datagram: &[u8], reason: &str) -> Option<Vec<u8>> {
    /// The alert `access_denied` of TLS as an error of QUIC: RFC 9001, section 4.8.
    const DENIED: [u8; 2] = [0x41, 0x31];
    /// Longest reason, in bytes.
    const MAX_REASON: usize = 200;
    /// Bytes that the protection adds.
    const TAG: usize = 16;
    let Some(Ok(Packet::Long(packet @ Long { kind: Kind::Initial, .. }))) = Packets(datagram).next() else {
        return None;
    };
    let keys = Keys::new(packet.version, packet.to, Side::Server).ok()?;
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
    let two = |length: usize| (0x4000 | length as u16).to_be_bytes();
    let frames = [&[0x1c][..], &DENIED, &[0x06], &two(reason.len()), reason.as_bytes()].concat();
    let first = match packet.version {
        Version::One => 0xc0,
        Version::Two => 0xd0,
    };
    let header = [
        &[first][..],
        &packet.version.number().to_be_bytes(),
        &[packet.from.len() as u8],
        packet.from,
        &[packet.to.len() as u8],
        packet.to,
        // No token, and the length of number, frames and tag; the number.
        &[0],
        &two(1 + frames.len() + TAG),
        &[0],
    ];
    keys.seal(header.concat(), frames).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: [&[u8]; 2] = [
        include_bytes!("../../../../fuzz/seeds/quic_initial/rfc9001"),
        include_bytes!("../../../../fuzz/seeds/quic_initial/rfc9369"),
    ];
    const TO: &[u8] = b"to-where";
    const FROM: &[u8] = b"from";

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn watch() -> Watch {
        Watch::new(name("example.com"))
    }

    fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_be_bytes();
        [&length[4 - bytes..], content].concat()
    }

    /// A client's hello.
    fn hello(server: &str) -> Vec<u8> {
        let entry = [vec![0], vector(2, server.as_bytes())].concat();
        let extension = [vec![0, 0], vector(2, &vector(2, &entry))].concat();
        let body = [vec![3, 3], vec![7; 32], vec![0], vec![0, 2, 0x13, 1], vec![1, 0], vector(2, &extension)];
        [vec![1], vector(3, &body.concat())].concat()
    }

    /// A frame with a part of the handshake.
    fn crypto(offset: u16, data: &[u8]) -> Vec<u8> {
        let two = |number: u16| (0x4000 | number).to_be_bytes();
        [&[6][..], &two(offset), &two(data.len() as u16), data].concat()
    }

    /// A packet of a client whose connection began with one to `first`.
    fn packet(version: Version, first: &[u8], to: &[u8], number: u8, frames: Vec<u8>) -> Vec<u8> {
        let keys = Keys::new(version, first, Side::Client).unwrap();
        let kind = if version == Version::One { 0xc0 } else { 0xd0 };
        let length = (0x4000 | (1 + frames.len() + 16) as u16).to_be_bytes();
        let header =
            [vec![kind], version.number().to_be_bytes().to_vec(), vector(1, to), vector(1, FROM), vec![0]];
        keys.seal([&header.concat()[..], &length, &[number]].concat(), frames).unwrap()
    }

    fn initial(number: u8, frames: Vec<u8>) -> Vec<u8> {
        packet(Version::One, TO, TO, number, frames)
    }

    #[test]
    fn the_packets_of_the_standards_are_read() {
        for datagram in FIRST {
            assert_eq!(watch().client(datagram), Ok(Verdict::Pass));
            let mut other = Watch::new(name("a.test"));
            assert_eq!(other.client(datagram), Err(QuicError::OtherName(name("example.com"))));
            for cut in 0..datagram.len() {
                assert_ne!(watch().client(&datagram[..cut]), Ok(Verdict::Pass), "cut at {cut}");
            }
            let mut changed = datagram.to_vec();
            *changed.last_mut().unwrap() ^= 1;
            assert_eq!(watch().client(&changed), Err(QuicError::Unreadable));
            let answer = refusal(datagram, "no").unwrap();
            assert!(answer.len() < 100);
            assert!(matches!(
                Packets(&answer).next(),
                Some(Ok(Packet::Long(Long { kind: Kind::Initial, .. })))
            ));
        }
    }

    #[test]
    fn a_hello_in_parts_is_held_until_it_is_whole() {
        let hello = hello("example.com");
        let (one, two) = hello.split_at(20);
        let mut watch = watch();
        assert_eq!(watch.client(&initial(0, crypto(20, two))), Ok(Verdict::Hold));
        assert_eq!(watch.client(&[0x40; 30]), Ok(Verdict::Hold), "nothing goes before it");
        assert_eq!(watch.client(&initial(1, crypto(0, &one[..10]))), Ok(Verdict::Hold));
        assert_eq!(watch.client(&initial(2, crypto(5, &one[5..]))), Ok(Verdict::Pass));
        assert_eq!(watch.client(&[0x40; 30]), Ok(Verdict::Pass));
        // Of another protocol: DTLS, STUN, RTP.
        let (dtls, stun) = (b"\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\0", b"\0\x01\0\0\x21\x12\xa4\x42transaction.");
        for other in [dtls.as_slice(), stun, &[0x80; 30]] {
            let mut watch = self::watch();
            assert_eq!(watch.client(&initial(0, crypto(0, &hello))), Ok(Verdict::Pass));
            assert!(watch.client(other).is_err(), "{other:?}");
        }
        // Packets without the fixed bit, once there is a connection.
        let greased = [&[0x2b][..], TO, &[0x16, 0xfe, 0xfd, 7, 7, 7]].concat();
        assert_eq!(watch.client(&greased), Ok(Verdict::Pass));
        assert_eq!(self::watch().client(&greased), Err(QuicError::Malformed));
        // The same again, and another in its place.
        assert_eq!(watch.client(&initial(3, crypto(0, &hello))), Ok(Verdict::Pass));
        assert_eq!(
            watch.client(&initial(4, crypto(0, &self::hello("evil.test")))),
            Err(QuicError::Malformed)
        );
    }

    #[test]
    fn every_connection_of_a_flow_is_looked_at() {
        let mut watch = watch();
        assert_eq!(watch.client(&initial(0, crypto(0, &hello("example.com")))), Ok(Verdict::Pass));
        let second = |frames| packet(Version::One, b"elsewhere", b"elsewhere", 0, frames);
        let evil = second(crypto(0, &hello("evil.test")));
        let other = Err(QuicError::OtherName(name("evil.test")));
        assert_eq!(watch.client(&evil), other);
        // Behind a packet of the first, too.
        let mut watch = self::watch();
        let both = [initial(0, crypto(0, &hello("example.com"))), evil].concat();
        assert_eq!(watch.client(&both), other);
        // In parts: nothing of it goes on meanwhile, but what belongs to the first does.
        let mut watch = self::watch();
        assert_eq!(watch.client(&initial(0, crypto(0, &hello("example.com")))), Ok(Verdict::Pass));
        assert_eq!(watch.client(&second(crypto(10, &hello("evil.test")[10..]))), Ok(Verdict::Hold));
        assert_eq!(watch.client(&[0x40; 30]), Ok(Verdict::Pass));
        assert_eq!(watch.client(&initial(1, vec![1, 0, 0])), Ok(Verdict::Hold));
        // A second hello on the first, as after a retry of TLS.
        let whole = hello("example.com");
        let mut watch = self::watch();
        assert_eq!(watch.client(&initial(0, crypto(0, &whole))), Ok(Verdict::Pass));
        let again = crypto(whole.len() as u16, &hello("evil.test"));
        assert_eq!(watch.client(&initial(1, again)), other);
    }

    #[test]
    fn the_keys_of_a_packet_are_decided_by_where_it_is_to() {
        let own = b"server's own";
        let mut watch = watch();
        assert_eq!(watch.client(&initial(0, crypto(0, &hello("example.com")))), Ok(Verdict::Pass));
        let later = packet(Version::One, TO, own, 1, vec![1, 0, 0]);
        let header = [vec![0xe0, 0, 0, 0, 1], vector(1, FROM), vector(1, own), vec![20], vec![0; 20]];
        let mut told = Watch::new(name("example.com"));
        assert_eq!(told.client(&initial(0, crypto(0, &hello("example.com")))), Ok(Verdict::Pass));
        told.server(&header.concat());
        assert_eq!(told.client(&later), Ok(Verdict::Pass));
        // In the other version, to which a server may change: RFC 9368.
        assert_eq!(told.client(&packet(Version::Two, TO, own, 2, vec![1, 0, 0])), Ok(Verdict::Pass));
        assert_eq!(watch.client(&later), Err(QuicError::Unreadable), "nobody is called so");
    }

    #[test]
    fn what_begins_no_connection_is_refused() {
        assert_eq!(watch().client(&[0x40; 30]), Err(QuicError::Beginless));
        assert_eq!(watch().client(&[]), Err(QuicError::Beginless));
        assert_eq!(watch().client(b"\xc0\xff\0\0\x1d\0\0"), Err(QuicError::Version(0xff00_001d)));
        assert_eq!(watch().client(b"\xc0\0\0\0\0\0\0\0\0\0\x01"), Err(QuicError::Version(0)));
        assert_eq!(watch().client(b"\xf0\0\0\0\x01\0\0token"), Err(QuicError::Malformed), "a retry");
        assert_eq!(watch().client(b"\xc0\0\0\0\x01\x15"), Err(QuicError::Malformed), "a long id");
        let far = [&[6][..], &0x8001_0000_u32.to_be_bytes(), &[1, 1]].concat();
        assert_eq!(watch().client(&initial(0, far)), Err(QuicError::TooLong));
        assert_eq!(watch().client(&initial(0, vec![8, 0, 0])), Err(QuicError::Malformed), "a stream's frame");
        assert_eq!(refusal(&[0x40; 30], "no"), None);
        let mut many = watch();
        let result = (0..=MAX_CONNECTIONS as u8)
            .map(|id| many.client(&packet(Version::One, &[id; 8], &[id; 8], 0, vec![1, 0, 0])));
        assert_eq!(result.last(), Some(Err(QuicError::TooMany)));
    }
}
