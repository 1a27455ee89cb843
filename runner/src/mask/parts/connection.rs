//! Connection strings: `Server=…;Password=…`, `host=… password=…`, `host:6379,password=…,ssl=True`, and the
//! parameters of a signed address alone.

use super::{Found, Reason, decode, signs, split_once};

/// Adds the values whose names say that they are secret.
pub fn find(text: &[u8], found: &mut Found) {
    if text.contains(&b'\n') || matches!(text.first(), Some(b'{' | b'[' | b'<')) {
        return;
    }
    // The separator that holds such a string together; another one can be part of a value.
    for separator in [b';', b'&', b',', b' '] {
        let entries = Entries { rest: text, separator };
        if entries.clone().take(2).count() == 2
            && entries.clone().any(|entry| split_once(entry, b'=').is_some())
        {
            entries.for_each(|entry| add(entry, found));
            return;
        }
    }
}

fn add(entry: &[u8], found: &mut Found) {
    let Some((name, value)) = split_once(entry, b'=') else { return };
    // As in `url: "password=…"`.
    let (name, value) = match name.split_first() {
        Some((quote @ (b'"' | b'\''), rest)) => (rest, value.strip_suffix(&[*quote]).unwrap_or(value)),
        _ => (name, value),
    };
    if signs::says_secret(name.trim_ascii()) {
        let value = match value.trim_ascii() {
            [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] | [b'{', inner @ .., b'}'] => inner,
            value => value,
        };
        found.add(value, Reason::Named);
        if let Some(plain) = decode::percent(value) {
            found.add(&plain, Reason::Named);
        }
    }
}

/// What stands between separators that aren't in quotes.
#[derive(Clone)]
struct Entries<'t> {
    rest: &'t [u8],
    separator: u8,
}

impl<'t> Iterator for Entries<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let text = self.rest;
        if text.is_empty() {
            return None;
        }
        let mut closing = None;
        let mut before = 0;
        for (at, &byte) in text.iter().enumerate() {
            match closing {
                Some(quote) if byte == quote => closing = None,
                Some(_) => {}
                None if byte == self.separator => {
                    self.rest = &text[at + 1..];
                    return Some(&text[..at]);
                }
                // A quote opens only where a value begins.
                None if before == b'=' && matches!(byte, b'"' | b'\'') => closing = Some(byte),
                None if before == b'=' && byte == b'{' => closing = Some(b'}'),
                None => {}
            }
            before = byte;
        }
        self.rest = b"";
        Some(text)
    }
}
