//! The keys of first packets, which everybody who has seen the first can derive: RFC 9001, section 5, and RFC 9369,
//! section 3.3. They keep nothing secret; they are here to be undone.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use super::packet::{Long, MAX_NUMBER, SAMPLE, Version};

/// Which side's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What the client sends.
    Client,
    /// What the server sends.
    Server,
}

/// The keys for one side's first packets of one connection.
pub struct Keys {
    packet: LessSafeKey,
    iv: [u8; NONCE_LEN],
    header: HeaderProtectionKey,
}

/// What was protected.
#[derive(Debug)]
pub struct Opened {
    /// The packet's number.
    pub number: u64,
    /// Its frames.
    pub frames: Vec<u8>,
}

impl Version {
    fn salt(self) -> [u8; 20] {
        match self {
            Version::One => [
                0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c,
                0xad, 0xcc, 0xbb, 0x7f, 0x0a,
            ],
            Version::Two => [
                0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d,
                0xcb, 0xf9, 0xbd, 0x2e, 0xd9,
            ],
        }
    }

    /// Labels of key, initialization vector and header protection.
    fn labels(self) -> [&'static str; 3] {
        match self {
            Version::One => ["quic key", "quic iv", "quic hp"],
            Version::Two => ["quicv2 key", "quicv2 iv", "quicv2 hp"],
        }
    }
}

/// Bytes of what is derived.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label of TLS, without a context: RFC 8446, section 7.1.
fn expand<const N: usize>(secret: &Prk, label: &str) -> Result<[u8; N], Unspecified> {
    const PREFIX: &[u8] = b"tls13 ";
    let length = (N as u16).to_be_bytes();
    let label_length = [(PREFIX.len() + label.len()) as u8];
    let info = [&length[..], &label_length, PREFIX, label.as_bytes(), &[0]];
    let mut out = [0; N];
    secret.expand(&info, Length(N))?.fill(&mut out)?;
    Ok(out)
}

impl Keys {
    /// Of a connection whose client's first packet is to this connection id.
    pub fn new(version: Version, first_to: &[u8], side: Side) -> Result<Keys, Unspecified> {
        let initial = Salt::new(HKDF_SHA256, &version.salt()).extract(first_to);
        let label = match side {
            Side::Client => "client in",
            Side::Server => "server in",
        };
        let secret = Prk::new_less_safe(HKDF_SHA256, &expand::<32>(&initial, label)?);
        let [key, iv, header] = version.labels();
        Ok(Keys {
            packet: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand::<16>(&secret, key)?)?),
            iv: expand(&secret, iv)?,
            header: HeaderProtectionKey::new(&AES_128, &expand::<16>(&secret, header)?)?,
        })
    }

    fn nonce(&self, number: u64) -> Nonce {
        let mut nonce = self.iv;
        for (byte, number) in nonce[NONCE_LEN - 8..].iter_mut().zip(number.to_be_bytes()) {
            *byte ^= number;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    /// Undoes a packet's protection. `expected` is the number after the largest so far.
    pub fn open(&self, packet: &Long<'_>, expected: u64) -> Result<Opened, Unspecified> {
        let at = packet.number_at;
        let sample = packet.bytes.get(at + MAX_NUMBER..at + MAX_NUMBER + SAMPLE).ok_or(Unspecified)?;
        let mask = self.header.new_mask(sample)?;
        let mut header = packet.bytes[..at + MAX_NUMBER].to_vec();
        header[0] ^= mask[0] & 0x0f;
        let length = usize::from(header[0] & 3) + 1;
        header.truncate(at + length);
        let mut truncated = 0;
        for (byte, mask) in header[at..].iter_mut().zip(&mask[1..]) {
            *byte ^= mask;
            truncated = truncated << 8 | u64::from(*byte);
        }
        let number = whole(truncated, 8 * length as u32, expected);
        let mut frames = packet.bytes[at + length..].to_vec();
        let opened = self.packet.open_in_place(self.nonce(number), Aad::from(&header), &mut frames)?.len();
        frames.truncate(opened);
        Ok(Opened { number, frames })
    }

    /// Protects the frames of a packet with this header, whose last byte is its number. There are 3 bytes of frames at
    /// least.
    pub fn seal(&self, mut header: Vec<u8>, mut frames: Vec<u8>) -> Result<Vec<u8>, Unspecified> {
        let at = header.len() - 1;
        let number = u64::from(header[at]);
        self.packet.seal_in_place_append_tag(self.nonce(number), Aad::from(&header), &mut frames)?;
        header.extend(frames);
        let sample = header.get(at + MAX_NUMBER..at + MAX_NUMBER + SAMPLE).ok_or(Unspecified)?;
        let mask = self.header.new_mask(sample)?;
        header[0] ^= mask[0] & 0x0f;
        header[at] ^= mask[1];
        Ok(header)
    }
}

/// The number whose last bits these are and that is closest to what is expected: RFC 9000, appendix A.3.
fn whole(truncated: u64, bits: u32, expected: u64) -> u64 {
    let window = 1 << bits;
    let candidate = expected & !(window - 1) | truncated;
    if candidate + window / 2 <= expected && candidate < (1 << 62) - window {
        candidate + window
    } else if candidate > expected + window / 2 && candidate >= window {
        candidate - window
    } else {
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_closest_with_its_last_bits() {
        assert_eq!(whole(0x9b32, 16, 0xa82f_30eb), 0xa82f_9b32, "the example of RFC 9000");
        assert_eq!(whole(0, 8, 0), 0);
        assert_eq!(whole(2, 32, 0), 2);
        assert_eq!(whole(0, 8, 256), 256);
        assert_eq!(whole(255, 8, 256), 255);
    }
}
