//! Private keys between lines of dashes, which may go over many blocks.

use std::ops::Range;

use super::check;
use super::set;

/// Most lines of a key: OpenPGP keys with pictures are the longest.
const MAX_LINES: u16 = 2000;
/// Most lines that hold nothing of the key, before it is taken to have ended.
const MAX_OTHER_LINES: u8 = 8;
/// Shortest first line of a key's body, in characters.
const MIN_FIRST: usize = 32;
/// Shortest other line that is part of the body wherever it stands.
const MIN_LATER: usize = 16;

/// A key whose end has not been seen yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    lines: u16,
    other_lines: u8,
    /// In which column its body stands, once it has begun: there may be time stamps before it.
    column: Option<usize>,
}

impl Key {
    pub(super) fn new() -> Key {
        Key { lines: 0, other_lines: 0, column: None }
    }

    /// Gives what is the key's in `block` from `at` on. Ends with the key, `None`, or at the end of the block.
    pub(super) fn read(
        mut self,
        block: &[u8],
        mut at: usize,
        mut found: impl FnMut(Range<usize>),
    ) -> (usize, Option<Key>) {
        while at < block.len() {
            let rest = &block[at..];
            let line = &rest[..memchr::memchr(b'\n', rest).map_or(rest.len(), |newline| newline + 1)];
            let ends =
                memchr::memmem::find(line, b"-----").or_else(|| memchr::memmem::find(line, b"Private-MAC"));
            let before = self.column;
            self.line(&line[..ends.unwrap_or(line.len())], |part| found(at + part.start..at + part.end));
            if let Some(end) = ends {
                return (at + end, None);
            }
            self.lines += 1;
            // A header, a comment, or text that has nothing to do with a key.
            self.other_lines += u8::from(self.column.is_none() || before.is_none() && self.column.is_some());
            if self.lines > MAX_LINES || self.other_lines > MAX_OTHER_LINES {
                return (at, None);
            }
            at += line.len();
        }
        (at, Some(self))
    }

    /// Gives what is the key's in one line, or in the rest of one that holds all of it with `\n` for its ends.
    fn line(&mut self, line: &[u8], mut found: impl FnMut(Range<usize>)) {
        let has_blank = line.trim_ascii().contains(&b' ');
        let mut at = 0;
        while at < line.len() {
            match line[at..] {
                [b'\\', b'n' | b'r' | b't', ..] => at += 2,
                [b'%', b'0', _, ..] => at += 3,
                [byte, ..] if set::BASE64_PADDED.has(byte) => {
                    let len = line[at..].iter().take_while(|b| set::BASE64_PADDED.has(**b)).count();
                    let long = if self.column.is_some() { MIN_LATER } else { MIN_FIRST };
                    let in_column = self.column.is_some_and(|column| column == at || !has_blank);
                    if in_column || (len >= long && check::distinct(&line[at..at + len]) >= 8) {
                        self.column.get_or_insert(at);
                        found(at..at + len);
                    }
                    at += len;
                }
                _ => at += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2";

    fn masked(text: &str) -> (String, bool) {
        let mut out = text.as_bytes().to_vec();
        let (_, key) = Key::new().read(text.as_bytes(), 0, |span| out[span].fill(b'*'));
        (String::from_utf8(out).unwrap().replace("**", ""), key.is_some())
    }

    #[test]
    fn all_lines_of_a_key_are_its() {
        let text = format!("\n{LINE}\n{LINE}\nabcd\n-----END OPENSSH PRIVATE KEY-----\nafter {LINE}");
        assert_eq!(
            masked(&text),
            (format!("\n\n\n\n-----END OPENSSH PRIVATE KEY-----\nafter {LINE}"), false)
        );
        let stamped = format!("\nProc-Type: 4,ENCRYPTED\n\n10:00 {LINE}\n10:00 abcd\n");
        assert_eq!(masked(&stamped), ("\nProc-Type: 4,ENCRYPTED\n\n10:00 \n10:00 \n".to_string(), true));
    }

    #[test]
    fn a_key_in_one_line() {
        let text = format!(r"\n{LINE}\nabcd=\n-----END PRIVATE KEY-----\n");
        assert_eq!(masked(&text).0, r"\n\n*\n-----END PRIVATE KEY-----\n");
    }

    #[test]
    fn text_after_a_mere_mention_is_left_alone() {
        let text = "\") {\n".to_string() + &"    let something = compute(everything);\n".repeat(20);
        assert_eq!(masked(&text), (text.clone(), false));
    }
}
