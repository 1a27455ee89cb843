//! The last characters of lines that differ in nothing else: how a loop prints a value character by character,
//! be it traced by `set -x` or labelled.

use std::ops::Range;

use super::buffer::Buffer;
use super::lane::Work;
use super::lanes::Lanes;

/// So much of a line tells which column its last character belongs to, in bytes.
const MAX_LABEL: usize = 12;
/// Most bytes that may close a quoted character or an element of a list.
const MAX_AFTER: usize = 4;
/// Longest line that is looked at, in bytes.
const MAX_LINE: usize = 256;
/// Most kinds of lines that are followed at once.
const MAX_COLUMNS: usize = 8;
/// So far apart, lines have nothing to do with each other, in bytes.
const MAX_GAP: usize = 512;
/// A column is held back for no more than so many bytes.
const MAX_HELD: usize = 4096;

/// The columns of a stream.
#[derive(Default)]
pub struct Columns {
    columns: Vec<Column>,
    /// The last kinds of lines that there was one of: two make a column.
    single: [Option<Single>; MAX_COLUMNS],
    /// Which of them is the oldest.
    oldest: usize,
}

#[derive(Clone, Copy)]
struct Single {
    key: u64,
    place: u32,
    end: u32,
    character: Character,
}

/// The bytes of one character.
#[derive(Clone, Copy)]
struct Character {
    bytes: [u8; 4],
    len: usize,
}

impl Character {
    fn new(text: &[u8]) -> Self {
        let mut character = Character { bytes: [0; 4], len: text.len().min(4) };
        character.bytes[..character.len].copy_from_slice(&text[..character.len]);
        character
    }

    fn put(self, place: u32, end: u32, into: &mut Buffer) {
        self.bytes[..self.len].iter().for_each(|byte| into.push(*byte, place, end));
    }
}

struct Column {
    /// Hash of what the lines have in common.
    key: u64,
    characters: Buffer,
    lanes: Lanes,
}

impl Columns {
    /// Takes in a whole line, without its end.
    pub fn line(&mut self, place: Range<usize>, work: &mut Work<'_>) {
        let line = &work.text[place.clone()];
        // Nearly every line ends with a word of several letters.
        if line.len() > MAX_LINE || matches!(line, [.., a, b] if is_letter(a) && is_letter(b) && *b < 0x80) {
            return;
        }
        let Some((key, last)) = last_character(line) else { return };
        // Beyond it the end of the line may count as text already.
        let line_end = place.end as u32 + 2;
        let (place, end) = ((place.start + last.start) as u32, (place.start + last.end) as u32);
        let character = Character::new(&line[last]);
        let mut column = match self.columns.iter().position(|c| c.key == key) {
            Some(known) => self.columns.remove(known),
            None => {
                let single = self.single.iter_mut().find(|s| s.is_some_and(|s| s.key == key));
                // One that is farther away was held back or not, as the text came in.
                let near = |first: &Single| line_end - first.place <= MAX_LINE as u32;
                let Some(first) = single.and_then(Option::take).filter(near) else {
                    self.single[self.oldest] = Some(Single { key, place, end, character });
                    self.oldest = (self.oldest + 1) % MAX_COLUMNS;
                    return;
                };
                if self.columns.len() == MAX_COLUMNS {
                    self.columns.remove(0).end(work);
                }
                let mut column = Column { key, characters: Buffer::default(), lanes: Lanes::default() };
                first.character.put(first.place, first.end, &mut column.characters);
                column
            }
        };
        let count = column.characters.len();
        if count > 0 && place - column.characters.text().start(count - 1) > MAX_GAP as u32 {
            column.end(work);
        }
        character.put(place, end, &mut column.characters);
        column.lanes.advance(column.characters.text(), work);
        if column.characters.len() > MAX_HELD {
            let count = column.lanes.read().saturating_sub(work.index.longest_of_all());
            column.characters.forget(count);
            column.lanes.source_lost(count);
        }
        self.columns.push(column);
    }

    /// No line follows.
    pub fn end(&mut self, work: &mut Work<'_>) {
        self.columns.iter_mut().for_each(|c| c.end(work));
    }

    /// From where on the text can't be let go.
    pub fn held(&self, work: &mut Work<'_>) -> usize {
        let columns = self.columns.iter().map(|c| c.held(work)).min().unwrap_or(work.text.len());
        // The first character of a column yet to be.
        let single = self.single.iter().flatten().map(|s| s.place as usize);
        let near = work.text.len().saturating_sub(MAX_LINE);
        single.filter(|place| *place >= near).min().map_or(columns, |place| columns.min(place))
    }

    /// From where on a text that fell silent can't be let go.
    pub fn held_in_silence(&self, work: &mut Work<'_>) -> usize {
        self.columns
            .iter()
            .map(|c| c.lanes.held_in_silence(c.characters.text(), work))
            .min()
            .unwrap_or(work.text.len())
    }

    /// Looks at all that is kept again, since there are new forms.
    pub fn look_again(&mut self) {
        self.columns.iter_mut().for_each(|c| c.lanes.look_again());
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        for single in self.single.iter_mut().flatten() {
            single.place = single.place.saturating_sub(count as u32);
            single.end = single.end.saturating_sub(count as u32);
        }
        for column in &mut self.columns {
            column.characters.shift(count as u32);
            column.lanes.shift(count as u32);
        }
    }
}

impl Column {
    fn end(&mut self, work: &mut Work<'_>) {
        let ended = std::mem::replace(&mut work.ended, true);
        self.lanes.advance(self.characters.text(), work);
        work.ended = ended;
        self.characters.clear();
        self.lanes.restart();
    }

    fn held(&self, work: &mut Work<'_>) -> usize {
        let len = self.characters.len();
        let near = len > 0 && work.text.len() - (self.characters.text().start(len - 1) as usize) <= MAX_GAP;
        let held = self.lanes.held(self.characters.text(), work);
        if near { held.max(work.text.len().saturating_sub(MAX_HELD)) } else { work.text.len() }
    }
}

fn is_letter(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte >= 0x80
}

/// Where the single character stands that a line ends with, apart from quotes and the like, and a hash of what
/// stands before it, without digits.
fn last_character(line: &[u8]) -> Option<(u64, Range<usize>)> {
    let line = line.trim_ascii_end();
    // A character may be quoted, and an element of a list.
    let closes = |b: &u8| matches!(b, b'\'' | b'"' | b'`' | b',' | b';' | b']' | b')');
    let opens = |b: &u8| matches!(b, b'\'' | b'"' | b'`' | b'\\' | b'$' | b'[' | b'(');
    let last = line.iter().rev().take(MAX_AFTER).position(|b| !closes(b));
    let mut end = line.len() - last.unwrap_or(0);
    let mut start = (0..end).rev().take(4).find(|i| (line[*i] & 0xC0) != 0x80)?;
    // Nearly always a word ends here.
    let apart = |start: usize| line[..start].last().is_none_or(|b| b.is_ascii_whitespace() || opens(b));
    if !apart(start) {
        if start + 1 < line.len() && apart(line.len() - 1) {
            // The character itself is one that closes.
            (start, end) = (line.len() - 1, line.len());
        } else if !is_letter(&line[start]) || line[..start].last().is_some_and(is_letter) {
            return None;
        }
    }
    let before = &line[..start];
    let begin = before.iter().rposition(u8::is_ascii_whitespace).map_or(0, |i| i + 1);
    let stands_apart = before[begin..].iter().all(opens);
    if !is_letter(&line[start]) && !stands_apart {
        return None;
    }
    // A value that is split within a line is another matter: there the word before is one character, too.
    let word = before.trim_ascii_end().rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    if stands_apart && word.len() == 1 && word[0].is_ascii_alphabetic() {
        return None;
    }
    // What the line before printed without an end stands before the mark of a trace.
    let marked = before.iter().take(8).position(|b| *b == b'+').unwrap_or(0);
    let quote = |b: &u8| b.is_ascii_digit() || matches!(b, b'\'' | b'"' | b'\\' | b'$');
    // Fowler, Noll and Vo's hash, 1a.
    let key = before[marked..]
        .iter()
        .rev()
        .filter(|b| !quote(b))
        .take(MAX_LABEL)
        .fold(0xCBF2_9CE4_8422_2325, |hash: u64, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01B3));
    Some((key, start..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_a_single_last_character_count() {
        let at = |line: &str| last_character(line.as_bytes()).map(|(_, last)| last.start);
        assert_eq!(at("+ echo s"), Some(7));
        assert_eq!(at("  1: 's',"), Some(6));
        assert_eq!(at("x"), Some(0));
        assert_eq!(at("+ printf %s s"), Some(12));
        assert_eq!(at("+ echo '@'"), Some(8));
        assert_eq!(at("+ echo \\$"), Some(8));
        assert_eq!(at("+ echo \u{e9}"), Some(7));
        assert_eq!(at("@"), Some(0));
        assert_eq!(at("f();"), None);
        assert_eq!(at("for c in a b"), None);
        assert_eq!(at("done"), None);
        assert_eq!(at(""), None);
        let key = |line: &str| last_character(line.as_bytes()).unwrap().0;
        assert_eq!(key("[10] a"), key("[9] b"));
        assert_ne!(key("+ echo a"), key("a"));
        assert_eq!(key("+ printf %s a"), key("a+ printf %s '$'"));
    }
}
