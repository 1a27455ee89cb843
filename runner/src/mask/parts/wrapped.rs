//! Values that are wrapped as a whole: in quotes, in base64.

use super::{Found, MIN_LEAF, Reason, decode};

/// Adds what is within the quotes, or what the base64 stands for where that is text.
pub fn find(text: &[u8], found: &mut Found) {
    if let Some(inner) = unquoted(text) {
        found.add(inner, Reason::Named);
        if let Some(plain) = decode::backslashes(inner) {
            found.add(&plain, Reason::Named);
        }
    }
    if let Some(plain) = decode::base64(text)
        && plain.len() >= MIN_LEAF
        && decode::is_text(&plain)
    {
        found.add(&plain, Reason::Leaf);
    }
}

/// What stands within quotes, which a comma or semicolon may follow.
fn unquoted(text: &[u8]) -> Option<&[u8]> {
    let text = text.strip_suffix(b",").or(text.strip_suffix(b";")).unwrap_or(text);
    match text {
        [first @ (b'"' | b'\'' | b'`'), inner @ .., last] if first == last => Some(inner),
        _ => None,
    }
}
