//! Base64, for credentials in headers and the parts of tokens. Source: RFC 4648, sections 4 and 5.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes with the standard alphabet and padding.
pub fn base64(bytes: &[u8]) -> String {
    encode(bytes, STANDARD, true)
}

/// Encodes with the alphabet that is safe in addresses, without padding.
pub fn base64url(bytes: &[u8]) -> String {
    encode(bytes, URL, false)
}

/// Decodes what [`base64url`] makes, and nothing that it doesn't.
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut group = 0u32;
        for place in 0..4 {
            let symbol = chunk.get(place).map(|byte| URL.iter().position(|known| known == byte));
            group = group << 6 | symbol.unwrap_or(Some(0))? as u32;
        }
        bytes.extend_from_slice(&group.to_be_bytes()[1..][..chunk.len() * 3 / 4]);
    }
    // A symbol that is left over, or bits of one, would be a second way to write the same.
    (base64url(&bytes) == text).then_some(bytes)
}

fn encode(bytes: &[u8], alphabet: &[u8; 64], padding: bool) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                let symbol = alphabet[(group >> (18 - 6 * place)) as usize & 63];
                text.push(char::from(symbol));
            } else if padding {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoding_takes_back_what_was_encoded_and_nothing_else() {
        for length in 0..70u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37) ^ 0xa5).collect();
            assert_eq!(from_base64url(&base64url(&bytes)), Some(bytes));
        }
        for text in ["A", "AAAAA", "AB", "AAB", "AA==", "A+", "A/", "A A", "é"] {
            assert_eq!(from_base64url(text), None, "{text}");
        }
    }

    #[test]
    fn base64_of_the_vectors_in_the_rfc() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded);
            assert_eq!(base64url(text.as_bytes()), encoded.trim_end_matches('='));
        }
        assert_eq!((base64(&[0xfb, 0xff]), base64url(&[0xfb, 0xff])), ("+/8=".into(), "-_8".into()));
    }
}
