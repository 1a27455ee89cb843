//! The first message of TLS, as far as it says which server is meant: RFC 8446, sections 4.1.2 and 5.1, and
//! RFC 6066, section 3. Nothing is decrypted.

use super::name::Name;

/// First byte of a record that holds a part of a handshake.
pub const HANDSHAKE: u8 = 22;
/// Largest record: 2^14 bytes.
const MAX_RECORD: usize = 1 << 14;
/// Largest first message; with keys for several groups, some of them against quantum computers, it has few KiB.
const MAX_HELLO: usize = 16 << 10;
/// Most bytes of records that are looked at for it.
pub const MAX_BYTES: usize = 2 * MAX_HELLO;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
/// Encrypted client hello: RFC 9849.
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

/// What a client's first bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hello {
    /// More are needed.
    Incomplete,
    /// This server is meant.
    For(Name),
}

/// Why a client's first bytes are of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// It isn't TLS, or not as it is written down.
    #[error("the TLS handshake is malformed")]
    Malformed,
    /// It is longer than any that is honest.
    #[error("the first message of TLS is larger than {MAX_HELLO} bytes")]
    TooLong,
    /// It doesn't say which server is meant.
    #[error("the TLS handshake names no server (SNI)")]
    NoName,
    /// It says so only to the server.
    #[error("the TLS handshake hides the server's name (ECH)")]
    Hidden,
}

/// Reads what there is so far. The records may cut the message anywhere.
pub fn read(bytes: &[u8]) -> Result<Hello, TlsError> {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        if let Some(hello) = whole(&message)? {
            return server_name(hello).map(Hello::For);
        }
        let (Some(header), true) = (rest.get(..5), bytes.len() <= MAX_BYTES) else {
            return match bytes.len() > MAX_BYTES {
                true => Err(TlsError::TooLong),
                false if rest.first().is_some_and(|kind| *kind != HANDSHAKE) => Err(TlsError::Malformed),
                false => Ok(Hello::Incomplete),
            };
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if header[0] != HANDSHAKE || header[1] != 3 || length == 0 || length > MAX_RECORD {
            return Err(TlsError::Malformed);
        }
        let body = &rest[5..];
        message.extend_from_slice(&body[..length.min(body.len())]);
        if body.len() < length {
            // The message may be whole although the record isn't.
            return match whole(&message)? {
                Some(hello) => server_name(hello).map(Hello::For),
                None => Ok(Hello::Incomplete),
            };
        }
        rest = &body[length..];
    }
}

/// The server that a client's hello names, and the message's length, once all of it is there; without records around it,
/// as in QUIC.
pub fn message(bytes: &[u8]) -> Result<Option<(Name, usize)>, TlsError> {
    let Some(hello) = whole(bytes)? else { return Ok(None) };
    Ok(Some((server_name(hello)?, 4 + hello.len())))
}

/// The body of the client's hello once all of it is there.
fn whole(message: &[u8]) -> Result<Option<&[u8]>, TlsError> {
    let Some(kind) = message.first() else { return Ok(None) };
    if *kind != CLIENT_HELLO {
        return Err(TlsError::Malformed);
    }
    let Some(length) = message.get(1..4) else { return Ok(None) };
    let length = usize::from(length[0]) << 16 | usize::from(length[1]) << 8 | usize::from(length[2]);
    if length > MAX_HELLO {
        return Err(TlsError::TooLong);
    }
    Ok(message.get(4..4 + length))
}

fn server_name(hello: &[u8]) -> Result<Name, TlsError> {
    let mut fields = Fields(hello);
    // Version and random.
    fields.take(2 + 32)?;
    let session = fields.vector(1)?;
    let suites = fields.vector(2)?;
    let compression = fields.vector(1)?;
    if session.len() > 32 || suites.is_empty() || suites.len() % 2 == 1 || compression.is_empty() {
        return Err(TlsError::Malformed);
    }
    if fields.0.is_empty() {
        return Err(TlsError::NoName);
    }
    let mut extensions = Fields(fields.vector(2)?);
    if !fields.0.is_empty() {
        return Err(TlsError::Malformed);
    }
    let mut name = None;
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)?;
        let data = extensions.vector(2)?;
        match kind as u16 {
            ENCRYPTED_CLIENT_HELLO => return Err(TlsError::Hidden),
            SERVER_NAME if name.is_some() => return Err(TlsError::Malformed),
            SERVER_NAME => name = Some(host_name(data)?),
            _ => {}
        }
    }
    name.ok_or(TlsError::NoName)
}

/// The only entry of a list of server names.
fn host_name(list: &[u8]) -> Result<Name, TlsError> {
    const HOST_NAME: usize = 0;
    let mut outer = Fields(list);
    let mut entries = Fields(outer.vector(2)?);
    let kind = entries.number(1)?;
    let name = entries.vector(2)?;
    if !outer.0.is_empty() || !entries.0.is_empty() || kind != HOST_NAME {
        return Err(TlsError::Malformed);
    }
    let name = std::str::from_utf8(name).map_err(|_| TlsError::Malformed)?;
    Name::parse(name).map_err(|_| TlsError::Malformed)
}

/// Fields one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], TlsError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(TlsError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number of so many bytes.
    fn number(&mut self, bytes: usize) -> Result<usize, TlsError> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    /// Bytes with their length before them, which has so many bytes itself.
    fn vector(&mut self, bytes: usize) -> Result<&'a [u8], TlsError> {
        let length = self.number(bytes)?;
        self.take(length)
    }
}

#[cfg(test)]
mod sample {
    fn vector(bytes: usize, content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u32).to_be_bytes();
        [&length[4 - bytes..], content].concat()
    }

    /// A server name extension.
    pub fn sni(name: &str) -> (u16, Vec<u8>) {
        let entry = [vec![0], vector(2, name.as_bytes())].concat();
        (0, vector(2, &entry))
    }

    /// A client's hello with these extensions, without a record around it.
    pub fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let extensions: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, data)| [kind.to_be_bytes().to_vec(), vector(2, data)].concat())
            .collect();
        let body = [
            vec![3, 3],
            vec![7; 32],
            vector(1, &[5; 32]),
            vector(2, &[0x13, 0x01]),
            vector(1, &[0]),
            vector(2, &extensions),
        ]
        .concat();
        [vec![1], vector(3, &body)].concat()
    }

    /// Records of so many bytes each around a message.
    pub fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [vec![22, 3, 1], vector(2, part)].concat()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::sample::{hello, records, sni};
    use super::*;

    fn read_whole(extensions: &[(u16, Vec<u8>)]) -> Result<Hello, TlsError> {
        read(&records(&hello(extensions), 4096))
    }

    #[test]
    fn the_name_is_found_however_the_message_is_cut() {
        let hello = hello(&[(43, vec![2, 3, 4]), sni("Static.Example.com")]);
        let expected = Ok(Hello::For(Name::parse("static.example.com").unwrap()));
        for size in [1, 2, 5, 50, 4096] {
            let bytes = records(&hello, size);
            assert_eq!(read(&bytes), expected, "records of {size}");
            for cut in 0..bytes.len() {
                let so_far = read(&bytes[..cut]);
                // The last record may lack nothing of the message.
                assert!(so_far == Ok(Hello::Incomplete) || so_far == expected, "cut at {cut}: {so_far:?}");
            }
        }
        let followed = [records(&hello, 4096), vec![20, 3, 3, 0, 1, 1]].concat();
        assert_eq!(read(&followed), expected);
    }

    #[test]
    fn a_server_that_isn_t_named_in_clear_is_no_use() {
        assert_eq!(read_whole(&[(43, vec![])]), Err(TlsError::NoName));
        assert_eq!(read_whole(&[sni("a.test"), (0xfe0d, vec![0])]), Err(TlsError::Hidden));
        assert_eq!(read_whole(&[(0xfe0d, vec![0]), sni("a.test")]), Err(TlsError::Hidden));
        assert_eq!(read_whole(&[sni("a.test"), sni("b.test")]), Err(TlsError::Malformed));
        assert_eq!(read_whole(&[sni("127.0.0.1")]), Err(TlsError::Malformed));
        assert_eq!(read_whole(&[sni("a.test\0.evil")]), Err(TlsError::Malformed));
        let two = [&[0, 14][..], &[0, 0, 4], b"a.te", &[0, 0, 4], b"b.te"].concat();
        assert_eq!(read_whole(&[(0, two)]), Err(TlsError::Malformed));
    }

    #[test]
    fn what_is_no_hello_is_refused_at_once() {
        assert_eq!(read(&[22, 3, 1, 0, 0]), Err(TlsError::Malformed), "an empty record");
        assert_eq!(read(&[22, 3, 1, 0x41, 0]), Err(TlsError::Malformed), "a record over 2^14");
        assert_eq!(read(&[22, 3, 1, 0, 4, 2]), Err(TlsError::Malformed), "a server's hello");
        assert_eq!(read(&[22, 2, 0, 0, 4, 1]), Err(TlsError::Malformed), "another protocol");
        assert_eq!(read(&[23]), Err(TlsError::Malformed));
        assert_eq!(read(&[22, 3, 1, 0, 4, 1, 1, 0, 0]), Err(TlsError::TooLong), "65,536 bytes");
        assert_eq!(read(&[]), Ok(Hello::Incomplete));
        let mut alert_within = records(&hello(&[sni("a.test")]), 10);
        alert_within[15] = 21;
        assert_eq!(read(&alert_within), Err(TlsError::Malformed));
    }
}
