//! Leaves out what may stand between the characters of a secret.

use super::dump;
use super::target::Kind;

/// Every way of leaving something out.
pub fn all(text: &[u8], mut give: impl FnMut(&'static str, Vec<u8>, Kind)) {
    let seen = without_masks(visible(text));
    let exact = Kind::Exact;
    let without = |noise: &[u8]| -> Vec<u8> {
        seen.iter().copied().filter(|b| !b.is_ascii_whitespace() && !noise.contains(b)).collect()
    };
    give("without whitespace", without(b""), exact);
    give("without whitespace and dashes", without(b"-"), exact);
    give("without whitespace and underscores", without(b"_"), exact);
    give("without whitespace and dots", without(b"."), exact);
    give("without whitespace and colons", without(b":"), exact);
    give("without whitespace and bars", without(b"|"), exact);
    give("without whitespace, commas, quotes and brackets", without(b",\"'`[](){}"), exact);
    give("without whitespace, quotes and plus signs", without(b"\"'+"), exact);
    give("letters and digits alone", alphanumeric(&seen), Kind::Alphanumeric);
    for (name, stride) in [("every second character", 2), ("every third character", 3)] {
        for offset in 0..stride {
            give(name, every(&seen, stride, offset), exact);
        }
    }
    let lines: Vec<&[u8]> = seen.split(|b| *b == b'\n').collect();
    let numbered: Vec<Option<&[u8]>> = lines.iter().map(|line| without_number(line)).collect();
    let bare = numbered.iter().zip(&lines).map(|(bare, line)| bare.unwrap_or(line));
    give("without line numbers", bare.collect::<Vec<_>>().join(&b"\n"[..]), exact);
    give("numbered lines joined", numbered.iter().flatten().copied().collect::<Vec<_>>().concat(), exact);
    let spaced = numbered.iter().flatten().copied().collect::<Vec<_>>().join(&b" "[..]);
    give("letters and digits of numbered lines", alphanumeric(&spaced), Kind::Alphanumeric);
    give("last word of each line", lines.iter().copied().map(last_word).collect::<Vec<_>>().concat(), exact);
    give(
        "last character of each line",
        lines.iter().copied().map(last_char).collect::<Vec<_>>().concat(),
        exact,
    );
    traces(&lines, &mut give);
    give("without what a terminal doesn't show", seen.clone(), exact);
    dump::columns(&lines, |name, bytes| give(name, bytes, exact));
}

/// With a byte that no text has in place of masks: what stands on either side of one isn't joined.
fn without_masks(text: Vec<u8>) -> Vec<u8> {
    const MASK: &[u8] = b"***";
    let mut out = Vec::with_capacity(text.len());
    let mut rest = &text[..];
    while let Some((byte, tail)) = rest.split_first() {
        match rest.strip_prefix(MASK) {
            Some(tail) => {
                out.push(0xff);
                rest = tail;
            }
            None => {
                out.push(*byte);
                rest = tail;
            }
        }
    }
    out
}

/// Without control sequences, control characters but line ends and tabs, and characters that take no room.
fn visible(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == 0x1b {
            rest = &rest[control_sequence(rest)..];
        } else if let Some(len) = INVISIBLE.iter().find(|c| rest.starts_with(c.as_bytes())).map(|c| c.len()) {
            rest = &rest[len..];
        } else {
            if byte >= b' ' && byte != 0x7f || matches!(byte, b'\n' | b'\t') {
                out.push(byte);
            }
            rest = tail;
        }
    }
    out
}

const INVISIBLE: [&str; 20] = [
    "\u{200b}", "\u{200c}", "\u{200d}", "\u{200e}", "\u{200f}", "\u{2060}", "\u{2061}", "\u{2062}",
    "\u{2063}", "\u{2064}", "\u{feff}", "\u{ad}", "\u{180e}", "\u{202a}", "\u{202c}", "\u{202d}", "\u{2066}",
    "\u{2068}", "\u{2069}", "\u{34f}",
];

/// How many bytes a control sequence takes (ECMA-48), of text that begins with ESC.
fn control_sequence(text: &[u8]) -> usize {
    let until =
        |ends: &dyn Fn(u8) -> bool| text[2..].iter().position(|b| ends(*b)).map_or(text.len(), |at| at + 3);
    match text.get(1) {
        Some(b'[') => until(&|b| (0x40..=0x7e).contains(&b)),
        // Up to BEL, or up to the backslash of ESC \.
        Some(b']' | b'P' | b'_' | b'^' | b'X') => until(&|b| matches!(b, 7 | b'\\')),
        Some(b'(' | b')' | b'#') => text.len().min(3),
        Some(_) => 2,
        None => 1,
    }
}

/// Letters, digits and characters outside of ASCII alone.
pub fn alphanumeric(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|b| b.is_ascii_alphanumeric() || *b >= 0x80).collect()
}

fn every(text: &[u8], stride: usize, offset: usize) -> Vec<u8> {
    match std::str::from_utf8(text) {
        Ok(text) => text.chars().skip(offset).step_by(stride).collect::<String>().into_bytes(),
        Err(_) => text.iter().copied().skip(offset).step_by(stride).collect(),
    }
}

/// What follows the number at the start of a line: `  12\t`, `12: `, `[12] `, `12 | `, `12) `.
fn without_number(line: &[u8]) -> Option<&[u8]> {
    let line = line.trim_ascii_start();
    let line = line.strip_prefix(b"[").unwrap_or(line);
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    let rest = &line[digits..];
    if digits == 0 || digits > 6 || rest.is_empty() {
        return None;
    }
    // Only one separator goes: what follows may be a character of the secret.
    for mark in [&b"\t"[..], b"] ", b": ", b" | ", b") ", b". ", b"  ", b" ", b":", b"]", b"|"] {
        if let Some(rest) = rest.strip_prefix(mark) {
            return Some(rest);
        }
    }
    None
}

fn last_word(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_end();
    line.rsplit(|b| b.is_ascii_whitespace()).next().unwrap_or(line)
}

fn last_char(line: &[u8]) -> &[u8] {
    let start = line.iter().rposition(|b| b & 0xc0 != 0x80).unwrap_or(0);
    &line[start..]
}

/// What `set -x` shows of the characters that a script handles one by one, and what is printed in between.
fn traces(lines: &[&[u8]], mut give: impl FnMut(&'static str, Vec<u8>, Kind)) {
    let (traces, printed): (Vec<&[u8]>, Vec<&[u8]>) =
        lines.iter().partition(|line| line.trim_ascii_start().starts_with(b"+") && line.len() > 2);
    if traces.is_empty() {
        return;
    }
    give("between traces", printed.concat(), Kind::Exact);
    let before =
        lines.iter().filter_map(|line| line.windows(2).position(|w| w == b"+ ").map(|at| &line[..at]));
    give("before traces", before.collect::<Vec<_>>().concat(), Kind::Exact);
    // Each command apart: a loop has others between those that handle the characters.
    let command = |line: &[u8]| {
        let mut words = line.split(|b| b.is_ascii_whitespace() || *b == b'=').filter(|w| !w.is_empty());
        words.nth(1).map(<[u8]>::to_vec)
    };
    let mut commands: Vec<Option<Vec<u8>>> = Vec::new();
    for trace in &traces {
        let own = command(trace);
        if !commands.contains(&own) && commands.len() < MAX_COMMANDS {
            commands.push(own);
        }
    }
    for own in &commands {
        let words: Vec<Vec<u8>> =
            traces.iter().filter(|line| command(line) == *own).map(|line| traced(line)).collect();
        give("last word of each trace", words.concat(), Kind::Exact);
        give("letters and digits of traces", alphanumeric(&words.concat()), Kind::Alphanumeric);
    }
}

/// Different commands in a trace that are looked at.
const MAX_COMMANDS: usize = 8;

/// The last word of a trace without the quotes that `set -x` puts round it, or what it assigns.
fn traced(line: &[u8]) -> Vec<u8> {
    let word = last_word(line);
    let value = match word.iter().position(|b| *b == b'=') {
        Some(at) if at > 0 && word[..at].iter().all(u8::is_ascii_alphanumeric) && at + 1 < word.len() => {
            &word[at + 1..]
        }
        _ => word,
    };
    let inner = value.strip_prefix(b"'").and_then(|v| v.strip_suffix(b"'"));
    let plain = || value.strip_prefix(b"\\").filter(|v| !v.is_empty()).unwrap_or(value);
    inner.unwrap_or_else(plain).to_vec()
}
