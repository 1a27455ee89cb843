//! The answer to versions of QUIC that nobody here speaks: which ones are (RFC 9000, section 6). Clients try such versions also
//! to see that this is answered (section 15).

use super::packet::{Fields, Version};

/// A client's first datagram isn't smaller: RFC 9000, section 14.1. What is answered is much smaller.
const FIRST: usize = 1200;

/// The answer, where a client's first datagram is of a version that isn't known.
pub fn negotiation(datagram: &[u8]) -> Option<Vec<u8>> {
    let mut fields = Fields(datagram);
    let &[first, a, b, c, d] = fields.take(5).ok()? else { return None };
    let version = u32::from_be_bytes([a, b, c, d]);
    // Version 0 is such an answer itself.
    if datagram.len() < FIRST || first & 0x80 == 0 || version == 0 || Version::of(version).is_ok() {
        return None;
    }
    // In other versions ids are of any length: RFC 8999, section 5.1.
    let mut id = || {
        let length = *fields.take(1).ok()?.first()?;
        Some([&[length], fields.take(length.into()).ok()?].concat())
    };
    let (to, from) = (id()?, id()?);
    let versions = [Version::One, Version::Two].map(|version| version.number().to_be_bytes()).concat();
    Some([&[0xc0, 0, 0, 0, 0][..], &from, &to, &versions].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_another_version_is_told_which_there_are() {
        let first = |version: u32, ids: &[u8]| {
            let mut datagram = [&[0xc3][..], &version.to_be_bytes(), ids].concat();
            datagram.resize(FIRST, 0);
            datagram
        };
        let ids = b"\x08to-where\x04from";
        let answer = negotiation(&first(0x1a2a_3a4a, ids)).unwrap();
        assert_eq!(answer, b"\xc0\0\0\0\0\x04from\x08to-where\0\0\0\x01\x6b\x33\x43\xcf");
        for version in [0, 1, 0x6b33_43cf] {
            assert_eq!(negotiation(&first(version, ids)), None);
        }
        assert_eq!(negotiation(&first(7, ids)[..FIRST - 1]), None, "not by a few bytes of anybody's");
        assert_eq!(negotiation(&[0x40; FIRST]), None);
    }
}
