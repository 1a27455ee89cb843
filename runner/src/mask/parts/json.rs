//! JSON, and what looks like it: JavaScript's and Python's notation, an array or inline table of TOML, JSON that
//! was cut off. So it is read token by token, and not refused as a whole for a comma too many.

use super::{Found, Reason, decode};

/// Adds the strings and long numbers in an object or array; not the keys.
pub fn find(text: &[u8], found: &mut Found) {
    if !matches!(text.first(), Some(b'{' | b'[')) {
        return;
    }
    if text.get(1) == Some(&b'\\') {
        // The inside of a JSON string that holds JSON.
        if let Some(plain) = decode::backslashes(text) {
            found.look_into(&plain);
        }
        return;
    }
    let mut name: &[u8] = b"";
    // What stands before the token, apart from white space.
    let mut before = b' ';
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' | b'\'' if byte == b'"' || b"{[(,:=".contains(&before) => {
                let inner = string(&text[at + 1..], byte);
                at += inner.len() + 2;
                if is_key(text.get(at..).unwrap_or_default()) {
                    name = inner;
                } else {
                    let plain = decode::backslashes(inner);
                    found.add(plain.as_ref().map_or(inner, |plain| plain.as_slice()), Reason::by(name));
                }
                before = byte;
            }
            _ if is_of_word(byte) => {
                let length = text[at..].iter().take_while(|b| is_of_word(**b)).count();
                let word = &text[at..at + length];
                at += length;
                if is_key(&text[at..]) {
                    name = word;
                } else if word.iter().filter(|b| b.is_ascii_digit()).count() >= super::MIN_LEAF {
                    found.add(word, Reason::by(name));
                }
                before = b'0';
            }
            _ => {
                if !byte.is_ascii_whitespace() {
                    before = byte;
                }
                at += 1;
            }
        }
    }
}

/// What stands in front of the closing quote, or all.
fn string(text: &[u8], quote: u8) -> &[u8] {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            _ if byte == quote => return &text[..at],
            _ => at += 1,
        }
    }
    text
}

/// A number, a constant, or a name without quotes.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+-.".contains(&byte)
}

fn is_key(after: &[u8]) -> bool {
    // A name has few blanks behind it; more of them would be looked at again and again.
    let after = after.get(..16).unwrap_or(after).trim_ascii_start();
    matches!(after.first(), Some(b':' | b'='))
}
