//! The block that is scanned, and what is known of it.

use super::set::{self, Set};

/// A run longer than this is remembered, so that a hostile line of a million beginnings of tokens is read once,
/// not a million times.
const LONG: usize = 256;

/// A block of text while it is scanned.
pub(super) struct Text<'b> {
    pub bytes: &'b [u8],
    /// Long runs: of what, from where, to where.
    runs: Vec<(Set, usize, usize)>,
}

impl<'b> Text<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Text { bytes, runs: Vec::new() }
    }

    /// What stands at `at`; nothing beyond the end.
    pub(super) fn from(&self, at: usize) -> &'b [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Where the run of `set` at `at` ends, and how many characters it has: `\/` and `%2F` count as one where
    /// the set has what they stand for. At most `max` characters are read.
    pub(super) fn run(&mut self, at: usize, set: Set, max: usize) -> (usize, usize) {
        if let Some((_, _, end)) =
            self.runs.iter().find(|(of, from, to)| *of == set && (*from..*to).contains(&at))
        {
            return (*end, end - at);
        }
        let base64 = set.covers(set::SLASH);
        let (mut end, mut count) = (at, 0);
        while count < max {
            match self.bytes.get(end) {
                Some(byte) if set.has(*byte) => end += 1,
                Some(b'\\') if base64 && self.byte(end + 1) == Some(b'/') => end += 2,
                Some(b'%') if base64 && escaped(self.from(end)).is_some_and(|b| set.has(b)) => end += 3,
                _ => break,
            }
            count += 1;
        }
        // A full stop at its end is the sentence's.
        while end > at && self.bytes[end - 1] == b'.' && self.byte(end).is_none_or(|b| !set.has(b)) {
            end -= 1;
            count -= 1;
        }
        // A run cut by `max` goes on, so nothing can be said of its end.
        if count > LONG && count < max {
            match self.runs.iter_mut().find(|(of, ..)| *of == set) {
                Some(known) => *known = (set, at, end),
                None => self.runs.push((set, at, end)),
            }
        }
        (end, count)
    }

    /// Whether a word could begin at `at`: nothing before it belongs to it.
    pub(super) fn begins_word(&self, at: usize) -> bool {
        let before = &self.bytes[..at.min(self.bytes.len())];
        match before {
            [] => true,
            [.., last] if !set::ALNUM.has(*last) => true,
            // An escape: `\n`, `%22`, `\u0022`, `\x1b`.
            [.., b'\\', b'n' | b't' | b'r' | b'b' | b'f' | b'v' | b'0'] => true,
            [.., b'%', a, b] | [.., b'\\', b'x', a, b] | [.., b'\\', b'u', _, _, a, b] => {
                set::ANY_HEX.has(*a) && set::ANY_HEX.has(*b)
            }
            // The end of an ANSI sequence: `ESC [ 1 ; 32 m`.
            [.., b'm'] => {
                let digits = before[..before.len() - 1]
                    .iter()
                    .rev()
                    .take(16)
                    .take_while(|b| matches!(b, b'0'..=b'9' | b';'))
                    .count();
                before[..before.len() - 1 - digits].last() == Some(&b'[')
            }
            _ => false,
        }
    }
}

/// The character that a percent-encoded sequence stands for.
fn escaped(text: &[u8]) -> Option<u8> {
    match text {
        [b'%', b'2', b'F' | b'f', ..] => Some(b'/'),
        [b'%', b'2', b'B' | b'b', ..] => Some(b'+'),
        [b'%', b'3', b'D' | b'd', ..] => Some(b'='),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_count_what_escapes_stand_for() {
        let mut text = Text::new(br"ab\/c%2Bd%3D%20");
        assert_eq!(text.run(0, set::BASE64, 100), (9, 6));
        assert_eq!(text.run(0, set::BASE64_PADDED, 100), (12, 7));
        assert_eq!(text.run(0, set::ALNUM, 100), (2, 2));
        assert_eq!(text.run(0, set::BASE64, 2), (2, 2));
    }

    #[test]
    fn long_runs_are_remembered() {
        let long = "a".repeat(1000);
        let mut text = Text::new(long.as_bytes());
        assert_eq!(text.run(0, set::ALNUM, 5000), (1000, 1000));
        assert_eq!(text.run(990, set::ALNUM, 5000), (1000, 10));
    }

    #[test]
    fn words_begin_after_escapes_too() {
        for before in ["", " ", "=", "\"", "\\n", "a\\t", "%22", "\\u003d", "\u{1b}[1;32m", "_", "é"] {
            assert!(Text::new(format!("{before}x").as_bytes()).begins_word(before.len()), "{before:?}");
        }
        for before in ["a", "n", "22", "um", "1m", "%zz"] {
            assert!(!Text::new(format!("{before}x").as_bytes()).begins_word(before.len()), "{before:?}");
        }
    }
}
