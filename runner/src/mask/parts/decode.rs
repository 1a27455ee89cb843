//! The encodings in which a part may stand within a value.

use zeroize::Zeroizing;

/// Bytes that are cleared when they are dropped.
pub type Decoded = Zeroizing<Vec<u8>>;

/// How many characters a text has; bytes that aren't UTF-8 count for one each, more or less.
pub fn chars(text: &[u8]) -> usize {
    text.iter().filter(|b| (**b & 0xC0) != 0x80).count()
}

/// Whether bytes are readable text.
pub fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes)
        .is_ok_and(|text| text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r')))
}

/// Undoes base64 (RFC 4648, sections 4 and 5), with or without padding and line breaks.
pub fn base64(text: &[u8]) -> Option<Decoded> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let mut group = 0u32;
    let mut digits = 0;
    let mut padding = 0;
    for byte in text {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => {
                padding += 1;
                continue;
            }
            b'\n' | b'\r' => continue,
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        group = group << 6 | u32::from(digit);
        digits += 1;
        if digits % 4 == 0 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            group = 0;
        }
    }
    match digits % 4 {
        0 => {}
        2 => bytes.push((group >> 4) as u8),
        3 => bytes.extend_from_slice(&((group >> 2) as u16).to_be_bytes()),
        _ => return None,
    }
    (padding <= 2).then_some(bytes)
}

/// Undoes the percent encoding of URLs; `None` where there is none.
pub fn percent(text: &[u8]) -> Option<Decoded> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, hex(after.get(..2))) {
            (b'%', Some(code)) => {
                bytes.push(code as u8);
                rest = &after[2..];
            }
            _ => bytes.push(byte),
        }
    }
    (bytes.len() < text.len()).then_some(bytes)
}

/// Undoes the escapes with a backslash that JSON, TOML, YAML, shells and C have in common; `None` where there
/// are none. An unknown escape stands for its character.
pub fn backslashes(text: &[u8]) -> Option<Decoded> {
    memchr::memchr(b'\\', text)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let Some((&escaped, after)) = after.split_first().filter(|_| byte == b'\\') else {
            bytes.push(byte);
            continue;
        };
        rest = after;
        match escaped {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'u' => match unicode(after) {
                Some((c, length)) => {
                    bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = &after[length..];
                }
                None => bytes.extend_from_slice(b"\\u"),
            },
            other => bytes.push(other),
        }
    }
    Some(bytes)
}

/// The character of the digits after `\u`, with a second escape where it needs two, and their length.
fn unicode(text: &[u8]) -> Option<(char, usize)> {
    let first = hex(text.get(..4))?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 4));
    }
    let second = hex(text.get(4..)?.strip_prefix(b"\\u")?.get(..4))?;
    char::decode_utf16([first as u16, second as u16]).next()?.ok().map(|c| (c, 10))
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |value, digit| Some(value << 4 | char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(decoded: Option<Decoded>) -> Option<String> {
        decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn base64_of_every_length_and_alphabet() {
        for (text, plain) in [
            ("", Some("")),
            ("aHVudGVy", Some("hunter")),
            ("aHVu\r\ndGVyMg==", Some("hunter2")),
            ("aHVudGVyMg", Some("hunter2")),
            ("aHVudGVyMjI=", Some("hunter22")),
            ("4pyT_78-Pw", Some("\u{2713}\u{FFFD}\u{FFFD}>?")),
            ("aHVudGVyM", None),
            ("aHVu=GVy", None),
            ("aHVudA===", None),
            ("aHVu dGVy", None),
        ] {
            assert_eq!(shown(base64(text.as_bytes())).as_deref(), plain, "{text:?}");
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(shown(percent(b"p%40ss%2")).as_deref(), Some("p@ss%2"));
        assert_eq!(shown(percent(b"100%")), None);
        assert_eq!(
            shown(backslashes(br#"a\n\"\\\/\u00e4\ud83d\ude00\ud83d\"#)).as_deref(),
            Some("a\n\"\\/ä😀\\ud83d\\")
        );
        assert_eq!(shown(backslashes(b"plain")), None);
    }
}
