//! What may stand between the characters of a secret without hiding it: each filter drops some of it.
//!
//! Programs split what they print: by spaces, dashes, line ends, colours, invisible characters. A filter
//! drops these from the text and, alike, from the values that it is compared with.

use super::buffer::Text;
use super::sifted::Sifted;
use crate::mask::index::Index;

/// What is dropped from text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All but letters, digits and bytes beyond ASCII: for values that are mostly these.
    Letters,
    /// White space, control characters, dashes, commas, quotes, backslashes and plus signs: for values with much
    /// punctuation.
    Visible,
    /// Nothing: for what neither of these tells from ordinary text.
    Nothing,
}

const DROP: u8 = 0;
const KEEP: u8 = 1;
/// May begin a sequence that is dropped as a whole.
const LOOK: u8 = 2;

const ESC: u8 = 0x1B;
/// Longest control sequence that is dropped, in bytes.
const MAX_CONTROL: usize = 32;

impl Filter {
    /// How many there are.
    pub const COUNT: usize = 3;
    /// All, the one that drops most first.
    pub const ALL: [Filter; Filter::COUNT] = [Filter::Letters, Filter::Visible, Filter::Nothing];

    fn classes(self) -> &'static [u8; 256] {
        static LETTERS: [u8; 256] = classes(Filter::Letters);
        static VISIBLE: [u8; 256] = classes(Filter::Visible);
        static NOTHING: [u8; 256] = classes(Filter::Nothing);
        match self {
            Filter::Letters => &LETTERS,
            Filter::Visible => &VISIBLE,
            Filter::Nothing => &NOTHING,
        }
    }

    /// Whether a byte of a value passes.
    pub fn keeps(self, byte: u8) -> bool {
        self.classes()[usize::from(byte)] != DROP
    }

    /// Whether a value can be looked for through this filter without finding it in ordinary text: dates and
    /// versions are digits with something between, and a sequence that is dropped whole can't be compared
    /// byte by byte.
    pub fn suits(self, value: &[u8]) -> bool {
        const MIN_DIGITS: usize = 12;
        let passes = |b: &&u8| self.keeps(**b);
        match self {
            Filter::Nothing => true,
            _ if value.iter().any(|b| self.classes()[usize::from(*b)] == LOOK) => false,
            _ => {
                value.iter().filter(passes).any(|b| !b.is_ascii_digit())
                    || value.iter().filter(passes).count() >= MIN_DIGITS
            }
        }
    }

    /// Appends what passes of `text[from..]` to `into`; gives up to where. A sequence that the text cuts off
    /// waits, unless the text `ended`.
    pub fn pass(self, text: Text<'_>, from: usize, ended: bool, index: &Index, into: &mut Sifted) -> usize {
        let classes = self.classes();
        let mut at = from;
        while at < text.bytes.len() {
            at = into.extend_while(text, at, classes, LOOK);
            let rest = &text.bytes[at..];
            if rest.first().is_none_or(|b| classes[usize::from(*b)] != LOOK) {
                continue;
            }
            match sequence(rest, ended, index) {
                None if !ended => return at,
                None | Some(0) => {
                    if rest[0] != ESC {
                        into.push(rest[0], at);
                    }
                    at += 1;
                }
                Some(dropped) => at += dropped,
            }
        }
        at
    }
}

/// How long the sequence is that `text` begins with and that is dropped whole, 0 for none, `None` if more
/// bytes have to tell: control sequences (ECMA-48, 5.4), spaces and marks without width, and the symbols from
/// U+2000 to U+2FFF, of which boxes, bullets and spinners are made.
fn sequence(text: &[u8], ended: bool, index: &Index) -> Option<usize> {
    let continues = |b: &u8| (0x80..0xC0).contains(b);
    match text[0] {
        ESC => {
            let len = match control(text)? {
                0 => return Some(1),
                len => len,
            };
            // What reads as parameters or the final byte may be how a value begins.
            for at in 2..len {
                match index.begins(&text[at..]) {
                    Some(true) => return Some(at),
                    None if !ended => return None,
                    Some(false) | None => {}
                }
            }
            Some(len)
        }
        // No-break space, soft hyphen.
        0xC2 => Some(if matches!(text.get(1)?, 0xA0 | 0xAD) { 2 } else { 0 }),
        0xE2 => {
            let dropped = continues(text.get(1)?) && continues(text.get(2)?);
            Some(if dropped { 3 } else { 0 })
        }
        // Byte order mark.
        0xEF => Some(if *text.get(1)? == 0xBB && *text.get(2)? == 0xBF { 3 } else { 0 }),
        _ => Some(0),
    }
}

/// How long the control sequence is that `text` begins with, 0 for none, `None` if more bytes have to tell.
fn control(text: &[u8]) -> Option<usize> {
    if text[0] != ESC || *text.get(1)? != b'[' {
        return Some(0);
    }
    let parameters = &text[2..text.len().min(MAX_CONTROL)];
    match parameters.iter().position(|b| !(0x20..0x40).contains(b)) {
        Some(end) if (0x40..0x7F).contains(&parameters[end]) => Some(end + 3),
        None if text.len() < MAX_CONTROL => None,
        _ => Some(0),
    }
}

/// Whether a control sequence ends with `text`.
pub fn ends_with_control(text: &[u8]) -> bool {
    let tail = &text[text.len().saturating_sub(MAX_CONTROL)..];
    memchr::memrchr(ESC, tail).is_some_and(|at| control(&tail[at..]) == Some(tail.len() - at))
}

const fn classes(filter: Filter) -> [u8; 256] {
    let mut classes = [KEEP; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        classes[i] = match (filter, b) {
            (Filter::Nothing, _) => KEEP,
            (_, ESC | 0xC2 | 0xE2 | 0xEF) => LOOK,
            (_, 0x80..) => KEEP,
            (Filter::Letters, _) if b.is_ascii_alphanumeric() => KEEP,
            (Filter::Letters, _) => DROP,
            (Filter::Visible, b'-' | b',' | b'"' | b'\'' | b'`' | b'\\' | b'+') => DROP,
            (Filter::Visible, _) if b.is_ascii_graphic() => KEEP,
            (Filter::Visible, _) => DROP,
        };
        i += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::floor::Place;
    use crate::mask::index::Spellings;

    fn passed(filter: Filter, text: &str) -> String {
        let mut buffer = Sifted::default();
        let text = Text { bytes: text.as_bytes(), places: None };
        assert_eq!(filter.pass(text, 0, true, &Index::default(), &mut buffer), text.bytes.len());
        String::from_utf8(buffer.bytes().to_vec()).unwrap()
    }

    #[test]
    fn noise_is_dropped() {
        for (text, letters, visible) in [
            ("a b-c\n\"d\" \\e", "abcde", "abcde"),
            ("\u{1b}[1;31ma\u{1b}[0mb\u{1b}]0;t\u{7}", "ab0t", "ab]0;t"),
            ("a\u{200b}b\u{feff}c\u{a0}d\u{2502}e\0f", "abcdef", "abcdef"),
            ("p@$$/é世", "pé世", "p@$$/é世"),
        ] {
            assert_eq!(passed(Filter::Letters, text), letters, "{text:?}");
            assert_eq!(passed(Filter::Visible, text), visible, "{text:?}");
            assert_eq!(passed(Filter::Nothing, text), text);
        }
    }

    #[test]
    fn a_value_is_no_part_of_a_control_sequence() {
        let mut index = Index::default();
        index.add(&"test".into(), b"KIYqDJxGg9B", Place::Anywhere, Spellings::Plain);
        for (text, want) in [
            ("\u{1b}[KIYqDJxGg9B", "KIYqDJxGg9B"),
            ("\u{1b}[3KIYqDJxGg9B", "KIYqDJxGg9B"),
            ("\u{1b}[KIY", "IY"),
            ("\u{1b}[31mKIYqDJxGg9B", "KIYqDJxGg9B"),
        ] {
            let mut sifted = Sifted::default();
            let text = Text { bytes: text.as_bytes(), places: None };
            Filter::Letters.pass(text, 0, true, &index, &mut sifted);
            assert_eq!(sifted.bytes(), want.as_bytes());
        }
        assert!(ends_with_control(b"x\x1b[1;31m") && !ends_with_control(b"x\x1b[1;31mm"));
    }

    #[test]
    fn a_sequence_that_is_cut_off_waits() {
        for (text, waits) in [("ab\u{1b}[1;3", 2), ("ab\u{1b}", 2), ("ab", 2)] {
            let mut buffer = Sifted::default();
            let text = Text { bytes: text.as_bytes(), places: None };
            assert_eq!(Filter::Letters.pass(text, 0, false, &Index::default(), &mut buffer), waits);
            assert_eq!(buffer.bytes(), b"ab");
        }
    }
}
