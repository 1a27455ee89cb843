//! Lines that something numbers, as `cat -n`, `grep -n`, `xxd` and `od` do: what stands behind the numbers,
//! as one text.

use std::ops::Range;

use super::buffer::{Buffer, Text};
use super::lane::Work;
use super::lanes::Lanes;

/// Longest line of a dump, in bytes.
const MAX_DUMP_LINE: usize = 256;
/// Longest line that is held back as a whole, in bytes.
const MAX_LINE: usize = 4096;
/// Longest number before a line.
const MAX_NUMBER: usize = 16;

/// The numbered lines of a stream.
#[derive(Default)]
pub struct Numbered {
    behind: Buffer,
    lanes: Lanes,
}

impl Numbered {
    /// Takes in a whole line, with its end.
    pub fn line(&mut self, line: Range<usize>, work: &mut Work<'_>) {
        let text = &work.text[line.clone()];
        let plain = text.first().is_some_and(|b| !may_stand_before(*b) && !b.is_ascii_hexdigit());
        if plain && self.behind.len() == 0 {
            return;
        }
        match number(text) {
            Some(Number::Of(len)) => {
                let own = Text { bytes: work.text, places: None };
                self.behind.extend(own, line.start + len..line.end);
            }
            Some(Number::Dump(data)) => {
                // The column of characters goes with the data.
                for at in data {
                    self.behind.push(text[at], (line.start + at) as u32, line.end as u32);
                }
            }
            None if text.trim_ascii().is_empty() => {}
            None => self.end(work),
        }
    }

    /// Looks for secrets in the lines that came in.
    pub fn advance(&mut self, work: &mut Work<'_>) {
        if self.behind.len() == 0 {
            return;
        }
        self.lanes.advance(self.behind.text(), work);
        if self.behind.len() > 64 * 1024 {
            let count = self.lanes.read().saturating_sub(work.index.longest_of_all());
            self.behind.forget(count);
            self.lanes.source_lost(count);
        }
    }

    /// A line without a number ends the text.
    fn end(&mut self, work: &mut Work<'_>) {
        if self.behind.len() > 0 {
            let ended = std::mem::replace(&mut work.ended, true);
            self.lanes.advance(self.behind.text(), work);
            work.ended = ended;
            self.behind.clear();
            self.lanes.restart();
        }
    }

    /// From where on the text can't be let go; the last line, which isn't whole, begins at `line`.
    pub fn held(&self, line: usize, work: &mut Work<'_>) -> usize {
        let unread = if may_be_numbered(&work.text[line..]) { line } else { work.text.len() };
        let behind = if self.behind.len() > 0 { self.lanes.held(self.behind.text(), work) } else { unread };
        unread.min(behind)
    }

    /// From where on a text that fell silent can't be let go.
    pub fn held_in_silence(&self, work: &mut Work<'_>) -> usize {
        if self.behind.len() > 0 {
            self.lanes.held_in_silence(self.behind.text(), work)
        } else {
            work.text.len()
        }
    }

    /// Looks at all that is kept again, since there are new forms.
    pub fn look_again(&mut self) {
        self.lanes.look_again();
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        self.behind.shift(count as u32);
        self.lanes.shift(count as u32);
    }
}

/// What a line begins with.
#[derive(Debug, PartialEq)]
enum Number {
    /// A number, which with what belongs to it has so many bytes.
    Of(usize),
    /// An offset, with the place of the data behind it.
    Dump(Range<usize>),
}

/// The number that a line begins with.
fn number(line: &[u8]) -> Option<Number> {
    let begin = line.iter().take_while(|b| may_stand_before(**b)).count();
    if let Some(data) = shown_data(line, begin) {
        return Some(Number::Dump(data));
    }
    let digits = line[begin..].iter().take(MAX_NUMBER).take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == 0 {
        return None;
    }
    let end = begin + digits;
    if digits >= 6 && line.len() <= MAX_DUMP_LINE && matches!(line.get(end), Some(b':' | b' ')) {
        let data = end + line[end..].iter().take_while(|b| matches!(b, b':' | b' ')).count();
        let data = data..data_end(line, data);
        // A digit alone before what is none: the characters of `od -c`.
        let character =
            line[data.clone()].rsplit(|b| *b == b' ').next().is_some_and(|group| group.len() == 1);
        let ends = line[data.end..].trim_ascii().is_empty();
        match data.is_empty() || character && !ends {
            false => return Some(Number::Dump(data)),
            true if line[end..].starts_with(b"   ") => return Some(Number::Of(data.start)),
            true => {}
        }
    }
    // `curl --trace-ascii`
    if digits == 4 && line[end..].starts_with(b": ") {
        return Some(Number::Of(end + 2));
    }
    if digits > 9 || !line[begin..end].iter().all(u8::is_ascii_digit) {
        return None;
    }
    match &line[end..] {
        // The time of day.
        [b':', a, b, b':', ..] if a.is_ascii_digit() && b.is_ascii_digit() => None,
        [b':' | b'|' | b')' | b']' | b'.' | b'\t' | b' ' | b'>', rest @ ..] => {
            let space = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let bar = if rest[space..].starts_with(b"| ") { 2 } else { 0 };
            Some(Number::Of(end + 1 + space + bar))
        }
        _ => None,
    }
}

/// Where the data of a dump's line stands whose offset is as short as any number, with what the bytes look like behind
/// it: what `curl --trace`, `tcpdump -X` and OpenSSL print. That these are the same tells it from other numbered lines.
fn shown_data(line: &[u8], begin: usize) -> Option<Range<usize>> {
    let offset = if line[begin..].starts_with(b"0x") { begin + 2 } else { begin };
    let digits = line[offset..].iter().take(MAX_NUMBER).take_while(|b| b.is_ascii_hexdigit()).count();
    let end = offset + digits;
    let stands_apart = line[end..].starts_with(b": ") || line[end..].starts_with(b" - ");
    if digits < 4 || line.len() > MAX_DUMP_LINE || !stands_apart {
        return None;
    }
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let between = |at: usize| line[at..].iter().take_while(|b| matches!(b, b' ' | b'-')).count();
    let data = end + 1 + between(end + 1);
    let (mut at, mut bytes) = (data, Vec::new());
    loop {
        let digit = |i: usize| line.get(i).and_then(|b| char::from(*b).to_digit(16));
        bytes.push((digit(at)? << 4 | digit(at + 1)?) as u8);
        at += 2;
        if shows(&line[at..], &bytes) {
            return Some(data..at);
        }
        at += between(at);
    }
}

/// Whether a line ends with what some bytes look like, apart from what stands before.
fn shows(line: &[u8], bytes: &[u8]) -> bool {
    let Some(gap) = line.len().checked_sub(bytes.len()) else { return false };
    let mut shown = line[gap..].iter().zip(bytes);
    gap > 0
        && line[..gap].iter().all(|b| *b == b' ')
        && shown.all(|(shown, byte)| shown == byte || *shown == b'.')
}

/// Whether a line that isn't whole yet may turn out to begin with a number.
fn may_be_numbered(line: &[u8]) -> bool {
    let first = line.iter().find(|b| !may_stand_before(**b));
    line.len() <= MAX_LINE && !line.is_empty() && first.is_none_or(u8::is_ascii_hexdigit)
}

fn may_stand_before(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'#' | b'[' | b'(')
}

/// Where the data of a dump's line ends that begins at `data`: before what isn't groups of digits. The column
/// of characters stands apart by two spaces or more, or in bars.
fn data_end(line: &[u8], data: usize) -> usize {
    let mut end = data;
    let mut at = data;
    let mut width = 0;
    loop {
        let gap = line[at..].iter().take_while(|b| **b == b' ').count();
        let group = line[at + gap..].iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let next = line.get(at + gap + group);
        let whole = group > 0 && next.is_none_or(|b| matches!(b, b' ' | b'\n' | b'\r'));
        let decimal = group <= 3 && line[at + gap..][..group].iter().all(u8::is_ascii_digit);
        if !whole
            || group == 1 && !decimal
            || gap > 1 && end > data && group != width && !(decimal && width <= 3)
        {
            return end;
        }
        (width, at) = (group, at + gap + group);
        end = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lines_are_told_from_what_they_number() {
        for (line, want) in [
            ("     1\tabc\n", Some(Number::Of(7))),
            ("12:abc\n", Some(Number::Of(3))),
            ("  7 | abc\n", Some(Number::Of(6))),
            ("12:30:45 abc\n", None),
            ("2026-11-25T00:00:00Z abc\n", None),
            ("abc\n", None),
            ("\n", None),
            ("123456789012 x\n", None),
            ("0000000   3   s   c\n", Some(Number::Of(10))),
            ("1234: 41 42 AC\n", Some(Number::Of(6))),
            ("004c: X-Long: a\n", Some(Number::Of(6))),
            ("0x4c: X-Long: a\n", None),
        ] {
            assert_eq!(number(line.as_bytes()), want, "{line:?}");
        }
    }

    #[test]
    fn data_of_dumps_ends_before_the_column_of_characters() {
        for (line, want) in [
            ("00000000: 4142 4344 4546  ABCDEF\n", "4142 4344 4546"),
            (
                "00000000  41 42 43 44 45 46 47 48  49 4a 4b  |ABCDEFGHIJK|\n",
                "41 42 43 44 45 46 47 48  49 4a 4b",
            ),
            ("0000000 101 102 103\n", "101 102 103"),
            ("0000000   65   7 101\n", "65   7 101"),
            ("0000000 4241 4443\n", "4241 4443"),
            ("0010: 48 6f 73 74 20 61 62 0d 0a Host ab..\r\n", "48 6f 73 74 20 61 62 0d 0a"),
            ("0080: 76 76 0a       vv.\n", "76 76 0a"),
            ("\t0x0010:  4f65 2041       Oe.A\n", "4f65 2041"),
            ("  0000 - 41 42 43 44 45 46 47 48-49 4a   ABCDEFGHIJ\n", "41 42 43 44 45 46 47 48-49 4a"),
        ] {
            let Some(Number::Dump(data)) = number(line.as_bytes()) else { panic!("{line:?}") };
            assert_eq!(&line[data], want);
        }
    }
}
