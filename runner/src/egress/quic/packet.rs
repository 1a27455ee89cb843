//! Packets of QUIC, as far as they can be read without keys: RFC 9000, section 17.2, and RFC 9369, section 3.2.

use super::QuicError;
use super::QuicError::Malformed;

/// Longest connection id: RFC 9000, section 17.2.
const MAX_ID: usize = 20;
/// Bytes behind the packet number's place that protect the header: RFC 9001, section 5.4.2.
pub const SAMPLE: usize = 16;
/// Longest packet number.
pub const MAX_NUMBER: usize = 4;

/// Versions that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 9000.
    One,
    /// RFC 9369.
    Two,
}

impl Version {
    /// As packets name it.
    pub const fn number(self) -> u32 {
        match self {
            Version::One => 1,
            Version::Two => 0x6b33_43cf,
        }
    }

    /// Of its number.
    pub fn of(number: u32) -> Result<Version, QuicError> {
        [Version::One, Version::Two]
            .into_iter()
            .find(|version| version.number() == number)
            .ok_or(QuicError::Version(number))
    }

    /// The kind of a long packet; those of the second version are the first one's, moved by one.
    fn kind(self, first: u8) -> Kind {
        let moved = match self {
            Version::One => 0,
            Version::Two => 3,
        };
        match ((first >> 4) + moved) & 3 {
            0 => Kind::Initial,
            3 => Kind::Retry,
            _ => Kind::Later,
        }
    }
}

/// Kinds of packets with a long header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It can begin a connection.
    Initial,
    /// A server's demand to begin again.
    Retry,
    /// 0-RTT and Handshake.
    Later,
}

/// A packet with a long header.
#[derive(Clone, Copy, Debug)]
pub struct Long<'a> {
    /// Of QUIC.
    pub version: Version,
    /// What it is.
    pub kind: Kind,
    /// The receiver's connection id.
    pub to: &'a [u8],
    /// The sender's.
    pub from: &'a [u8],
    /// All of it, as it was sent.
    pub bytes: &'a [u8],
    /// Where its number is, which is protected.
    pub number_at: usize,
}

/// A packet of a datagram.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    /// With a long header.
    Long(Long<'a>),
    /// Of a connection that stands, or nothing at all; it reaches to the datagram's end.
    Short,
}

/// The packets of a datagram, one after the other. After an error there are no more.
#[derive(Debug)]
pub struct Packets<'a>(pub &'a [u8]);

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, QuicError>;
    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.first()? & 0x80 == 0 {
            return Some(Ok(Packet::Short));
        }
        Some(long(bytes).map(|(packet, rest)| {
            self.0 = rest;
            Packet::Long(packet)
        }))
    }
}

fn long(bytes: &[u8]) -> Result<(Long<'_>, &[u8]), QuicError> {
    let mut fields = Fields(bytes);
    let &[first, a, b, c, d] = fields.take(5)? else { return Err(Malformed) };
    let version = Version::of(u32::from_be_bytes([a, b, c, d]))?;
    let kind = version.kind(first);
    let (to, from) = (fields.id()?, fields.id()?);
    let packet = |bytes, number_at| Long { version, kind, to, from, bytes, number_at };
    if kind == Kind::Retry {
        return Ok((packet(bytes, 0), &[]));
    }
    if kind == Kind::Initial {
        let token = fields.number()?;
        fields.take(length(token)?)?;
    }
    let length = length(fields.number()?)?;
    let number_at = bytes.len() - fields.0.len();
    fields.take(length)?;
    if length < MAX_NUMBER + SAMPLE {
        return Err(Malformed);
    }
    Ok((packet(&bytes[..number_at + length], number_at), fields.0))
}

/// A length that can be one.
pub fn length(number: u64) -> Result<usize, QuicError> {
    usize::try_from(number).map_err(|_| Malformed)
}

/// Fields one after the other.
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    /// So many bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], QuicError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of one to eight bytes, the first of which says how many: RFC 9000, section 16.
    pub fn number(&mut self) -> Result<u64, QuicError> {
        let first = *self.0.first().ok_or(Malformed)?;
        let bytes = self.take(1 << (first >> 6))?;
        Ok(bytes.iter().skip(1).fold(u64::from(first & 0x3f), |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A connection id with its length before it.
    fn id(&mut self) -> Result<&'a [u8], QuicError> {
        match self.take(1)? {
            &[length] if usize::from(length) <= MAX_ID => self.take(length.into()),
            _ => Err(Malformed),
        }
    }
}
