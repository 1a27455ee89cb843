//! The encodings that forms of secrets are made of, written from their definitions.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base64 with padding (RFC 4648, section 4).
pub fn base64(bytes: &[u8]) -> String {
    digits(bytes, 6, BASE64, 4)
}

/// Base64 for URLs, without padding (RFC 4648, section 5).
pub fn base64_url(bytes: &[u8]) -> String {
    unpadded(digits(bytes, 6, BASE64_URL, 4))
}

/// Base32 with padding (RFC 4648, section 6).
pub fn base32(bytes: &[u8]) -> String {
    digits(bytes, 5, BASE32, 8)
}

/// Without the `=` at the end.
pub fn unpadded(text: String) -> String {
    text.trim_end_matches('=').to_string()
}

fn digits(bytes: &[u8], bits: u32, alphabet: &[u8], group: usize) -> String {
    let mut out = String::new();
    let (mut buffer, mut have) = (0u32, 0);
    for byte in bytes {
        buffer = buffer << 8 | u32::from(*byte);
        have += 8;
        while have >= bits {
            have -= bits;
            out.push(char::from(alphabet[(buffer >> have) as usize & (alphabet.len() - 1)]));
        }
    }
    if have > 0 {
        out.push(char::from(alphabet[(buffer << (bits - have)) as usize & (alphabet.len() - 1)]));
    }
    while !out.len().is_multiple_of(group) {
        out.push('=');
    }
    out
}

/// Each byte by a function, joined.
pub fn each(bytes: impl AsRef<[u8]>, between: &str, show: impl Fn(u8) -> String) -> String {
    bytes.as_ref().iter().map(|b| show(*b)).collect::<Vec<_>>().join(between)
}

/// Two hex digits a byte.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    each(bytes, "", |b| format!("{b:02x}"))
}

/// Lines of so many characters, without a line end after the last.
pub fn wrapped(text: &str, width: usize, end: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(width).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join(end)
}

/// UTF-16 of a byte order.
pub fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// The letters of these tests' secrets that have a decomposition, decomposed.
pub fn decomposed(text: &str) -> String {
    text.replace('\u{fc}', "u\u{308}").replace('\u{c7}', "C\u{327}").replace('\u{e9}', "e\u{301}")
}

/// What `rot13` makes of it.
pub fn rot13(text: &str) -> String {
    let turned = |c: char, first: u8| char::from((c as u8 - first + 13) % 26 + first);
    text.chars()
        .map(|c| match c {
            'a'..='z' => turned(c, b'a'),
            'A'..='Z' => turned(c, b'A'),
            _ => c,
        })
        .collect()
}
