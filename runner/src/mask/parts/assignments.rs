//! Lines of names and values: dotenv, `export`, INI, TOML, properties, .npmrc, and `Name: value` as people
//! write it down.

use memchr::memmem;

use super::{Found, Reason, decode, split_before};

/// Adds the values: after `=` any, after `: ` those in quotes and those whose names say that they are secret,
/// since any sentence can hold a colon.
pub fn find(text: &[u8], found: &mut Found) {
    let mut rest = text;
    while !rest.is_empty() {
        let (line, _) = split_before(rest, b"\n\r");
        let mut used = line.len() + 1;
        if let Some((name, separator)) = name(line) {
            let after = &rest[name.len()..];
            let value = without_blanks(&after[separator.len()..]);
            let name = name.trim_ascii();
            let reason = Reason::by(name);
            if separator == b"="
                || reason == Reason::Named
                || value.starts_with(b"\"")
                || value.starts_with(b"'")
            {
                used = used.max(rest.len() - value.len() + add(value, reason, found));
            }
        }
        rest = rest.get(used..).unwrap_or_default();
    }
}

/// The text up to the separator, and the separator: `=` or `: `.
fn name(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().enumerate().position(|(at, b)| {
        *b == b'=' || *b == b':' && line.get(at + 1).is_some_and(u8::is_ascii_whitespace)
    })?;
    let (name, rest) = line.split_at(at);
    let separator = if rest[0] == b'=' { &rest[..1] } else { &rest[..2] };
    let trimmed = name.trim_ascii();
    let bare = [&b"export "[..], b"set ", b"- ", b"$env:", b"declare -x "]
        .iter()
        .find_map(|prefix| trimmed.strip_prefix(*prefix))
        .unwrap_or(trimmed)
        .trim_ascii();
    // A name that people write may have several words.
    let words = bare.split(|b| *b == b' ').count();
    let fits = match separator {
        b"=" => words == 1,
        _ => words <= 4,
    };
    let of_name = |b: &u8| b.is_ascii_alphanumeric() || b" _-.:/@\"'[]$".contains(b);
    (fits && !bare.is_empty() && bare.iter().all(of_name)).then_some((name, separator))
}

fn without_blanks(text: &[u8]) -> &[u8] {
    &text[text.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()..]
}

/// Adds the value with which a text begins; gives its length.
fn add(text: &[u8], reason: Reason, found: &mut Found) -> usize {
    for quote in [&b"\"\"\""[..], b"'''", b"\"", b"'", b"`"] {
        if let Some(rest) = text.strip_prefix(quote)
            && let Some(end) = closing(rest, quote)
        {
            let inner = &rest[..end];
            found.add(inner, reason);
            if quote[0] != b'\''
                && let Some(plain) = decode::backslashes(inner)
            {
                found.add(&plain, reason);
            }
            return end + 2 * quote.len();
        }
    }
    let (line, _) = split_before(text, b"\n\r");
    let line_length = line.len();
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"\"").or(line.strip_prefix(b"'")).unwrap_or(line);
    found.add(line, reason);
    // Unless the comment or the last mark is part of the value.
    let bare = memmem::find(line, b" #").map_or(line, |at| &line[..at]);
    let bare = bare.trim_ascii_end();
    found.add(bare.strip_suffix(b";").or(bare.strip_suffix(b",")).unwrap_or(bare), reason);
    line_length
}

/// Where the closing quote stands.
fn closing(text: &[u8], quote: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memmem::find(&text[at..], quote)?;
        let backslashes = text[..at].iter().rev().take_while(|b| **b == b'\\').count();
        if quote[0] == b'\'' || backslashes % 2 == 0 {
            return Some(at);
        }
        at += quote.len();
    }
}
