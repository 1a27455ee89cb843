//! Decodes what may be encoded, at every alignment.

use super::dump;

/// Shortest run of an encoding's letters that is worth decoding: what encodes eight characters.
const MIN_RUN: usize = 8;

/// Every decoding that gives anything.
pub fn all(text: &[u8], mut give: impl FnMut(&'static str, Vec<u8>)) {
    for bytes in base64(text) {
        give("base64", bytes);
    }
    for bytes in base32(text) {
        give("base32", bytes);
    }
    for bytes in hex(text) {
        give("hex", bytes);
    }
    numbers(text, &mut give);
    dump::words(text, &mut give);
    utf16(text, &mut give);
}

/// What changes the order or the letters of a text, but not its length.
pub fn turn(text: &[u8], mut give: impl FnMut(&'static str, Vec<u8>)) {
    give("reversed", reversed(text));
    let lines: Vec<Vec<u8>> = text.split(|b| *b == b'\n').map(reversed).collect();
    give("reversed lines", lines.join(&b'\n'));
    give("rot13", text.iter().map(|b| rot13(*b)).collect());
}

/// Runs of letters that `value` knows, as their values; other letters end a run, those of `skipped` don't.
fn runs(text: &[u8], value: impl Fn(u8) -> Option<u8>, skipped: impl Fn(u8) -> bool) -> Vec<Vec<u8>> {
    let mut runs = vec![Vec::new()];
    for byte in text {
        match value(*byte) {
            Some(value) => runs.last_mut().expect("there is always one").push(value),
            None if skipped(*byte) => {}
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| run.len() >= MIN_RUN);
    runs
}

/// Joins digits of `bits` each to bytes, from every digit on at which a byte may begin.
fn join(runs: &[Vec<u8>], bits: u32) -> Vec<Vec<u8>> {
    let digits_a_turn = (1..=8).find(|n| (n * bits).is_multiple_of(8)).unwrap_or(8);
    let from = |offset: usize| {
        let mut out = Vec::new();
        for run in runs {
            let (mut have, mut buffer) = (0, 0u32);
            for digit in run.iter().skip(offset) {
                buffer = buffer << bits | u32::from(*digit);
                have += bits;
                if have >= 8 {
                    have -= 8;
                    out.push((buffer >> have) as u8);
                }
            }
            out.push(b'\n');
        }
        out
    };
    if runs.is_empty() { Vec::new() } else { (0..digits_a_turn as usize).map(from).collect() }
}

fn base64(text: &[u8]) -> Vec<Vec<u8>> {
    let value = |b: u8| {
        Some(match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        })
    };
    join(&runs(text, value, |_| false), 6)
}

fn base32(text: &[u8]) -> Vec<Vec<u8>> {
    let digit = |b: u8| matches!(b, b'2'..=b'7').then(|| b - b'2' + 26);
    let upper = |b: u8| if b.is_ascii_uppercase() { Some(b - b'A') } else { digit(b) };
    let lower = |b: u8| if b.is_ascii_lowercase() { Some(b - b'a') } else { digit(b) };
    let mut found = runs(text, upper, |_| false);
    found.extend(runs(text, lower, |_| false));
    join(&found, 5)
}

/// What marks a number as hex.
const HEX_PREFIXES: [&[u8]; 6] = [b"0x", b"0X", b"\\x", b"\\X", b"U+", b"u+"];

/// Pairs of hex digits, with what programs put between them.
fn hex(text: &[u8]) -> Vec<Vec<u8>> {
    let mut bare = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let prefix = HEX_PREFIXES
            .iter()
            .find(|p| rest.starts_with(p) && rest.get(p.len()).is_some_and(u8::is_ascii_hexdigit));
        match prefix {
            Some(prefix) => {
                bare.push(b' ');
                rest = &rest[prefix.len()..];
            }
            None => {
                bare.push(byte);
                rest = tail;
            }
        }
    }
    let value = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let between = |b: u8| b.is_ascii_whitespace() || b"%:,;-|\\\"'[]".contains(&b);
    let mut found = runs(&bare, value, between);
    found.extend(runs(&bare, value, |_| false));
    join(&found, 4)
}

/// Lists of numbers, one for each byte.
fn numbers(text: &[u8], give: &mut impl FnMut(&'static str, Vec<u8>)) {
    let mut list = |name, parse: &dyn Fn(&[u8]) -> Option<u8>| {
        let (mut out, mut run) = (Vec::new(), Vec::new());
        let end = |run: &mut Vec<u8>, out: &mut Vec<u8>| {
            if run.len() >= MIN_RUN {
                out.append(run);
                out.push(b'\n');
            }
            run.clear();
        };
        for token in text.chunk_by(|a, b| class(*a) == class(*b)) {
            match class(token[0]) {
                Class::Number => match parse(token) {
                    Some(byte) => run.push(byte),
                    None => end(&mut run, &mut out),
                },
                Class::Letter => end(&mut run, &mut out),
                Class::Other => {}
            }
        }
        end(&mut run, &mut out);
        give(name, out);
    };
    list("decimal", &|n| {
        let n: i16 = std::str::from_utf8(n).ok()?.parse().ok()?;
        u8::try_from(n).ok().or_else(|| i8::try_from(n).ok().map(|n| n as u8))
    });
    let digits = |n: &[u8], radix| u8::from_str_radix(std::str::from_utf8(n).ok()?, radix).ok();
    list("octal", &|n| digits(n, 8).filter(|_| n.len() > 1));
    list("binary", &|n| digits(n, 2).filter(|_| n.len() == 8));
}

#[derive(PartialEq)]
enum Class {
    Number,
    Letter,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' | b'-' => Class::Number,
        b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
        _ => Class::Other,
    }
}

/// UTF-16 of either byte order, at either alignment.
fn utf16(text: &[u8], give: &mut impl FnMut(&'static str, Vec<u8>)) {
    if !text.iter().any(|b| *b < 8) {
        return;
    }
    give("without NULs", text.iter().copied().filter(|b| *b != 0).collect());
    for offset in 0..2.min(text.len()) {
        let units = || text[offset..].chunks_exact(2).map(|pair| [pair[0], pair[1]]);
        give("utf-16le", letters(units().map(u16::from_le_bytes)));
        give("utf-16be", letters(units().map(u16::from_be_bytes)));
    }
}

/// The runs of UTF-16 that are letters of the West and the like: anything else decodes to others.
fn letters(units: impl Iterator<Item = u16>) -> Vec<u8> {
    let (mut out, mut run) = (String::new(), String::new());
    for c in char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).chain(['\u{fffd}']) {
        if (' '..'\u{590}').contains(&c) || c.is_ascii_whitespace() {
            run.push(c);
            continue;
        }
        if run.chars().count() >= MIN_RUN {
            out.push_str(&run);
            out.push('\n');
        }
        run.clear();
    }
    out.into_bytes()
}

/// By characters where it is text.
fn reversed(text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = text.as_ref();
    match std::str::from_utf8(text) {
        Ok(text) => text.chars().rev().collect::<String>().into_bytes(),
        Err(_) => text.iter().rev().copied().collect(),
    }
}

fn rot13(byte: u8) -> u8 {
    match byte {
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        _ => byte,
    }
}
