//! Text with its escapes undone: what JSON, URLs, HTML, shells, mail and programming languages write for
//! a character that they don't print as it is.
//!
//! Text rarely holds any, so it is decoded only around them; what comes out may hold escapes again, as JSON
//! within JSON does, and is decoded once more, up to [`DEPTH`] times.

use super::buffer::{Buffer, Text};
use super::filter::Filter;
use super::lane::Work;
use super::lanes::Lanes;

/// How many escapes within each other are undone.
const DEPTH: usize = 3;
/// Stands in decoded text where some of the source was left out: no text has it, and no filter drops it.
const BREAK: u8 = 0xFF;
/// So much is decoded before looking whether an escape is still near, in bytes.
const PIECE: usize = 64;
/// Longest escape of a character, in bytes.
const MAX_ESCAPE: usize = 12;
/// Longest title or link, in bytes.
const MAX_TITLE: usize = 2048;
/// Most bytes from one literal to the next.
const MAX_JOINT: usize = 80;
const ESC: u8 = 0x1B;

/// The decoded text of a stream.
pub struct Escapes {
    levels: [Level; DEPTH],
}

impl Default for Escapes {
    fn default() -> Self {
        Escapes { levels: std::array::from_fn(|_| Level::default()) }
    }
}

/// Text decoded once more than its source.
#[derive(Default)]
struct Level {
    state: State,
    /// Nothing is near, but that more bytes may make an escape of what stands at `read`.
    waits: bool,
    /// How much of the source was decoded, or else searched for escapes.
    read: usize,
    /// Where in the source decoding ended last.
    slept: usize,
    /// Where in the source the last escape ended.
    last: usize,
    /// Up to where decoding goes on without another.
    near: usize,
    decoded: Buffer,
    lanes: Lanes,
}

/// Whether text is decoded.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// It is: an escape is near.
    Awake,
    /// It isn't, but what comes may still go on where decoding ended.
    Near,
    /// It isn't: what is decoded next is far from what was decoded.
    #[default]
    Left,
}

impl Escapes {
    /// Takes in what is new in the stream's text.
    pub fn advance(&mut self, work: &mut Work<'_>) {
        let mut source = Text { bytes: work.text, places: None };
        let ended = work.ended;
        for level in &mut self.levels {
            level.advance(source, work);
            source = level.decoded.text();
            work.ended |= level.state == State::Left;
        }
        work.ended = ended;
        self.trim(work);
    }

    /// From where on the text can't be let go.
    pub fn held(&self, work: &mut Work<'_>) -> usize {
        let mut held = work.text.len();
        let mut source = Text { bytes: work.text, places: None };
        for level in self.levels.iter() {
            if (level.state == State::Awake || level.waits) && level.read < source.bytes.len() {
                held = held.min(source.start(level.read) as usize);
            }
            if level.state != State::Left {
                held = held.min(level.lanes.held(level.decoded.text(), work));
            }
            source = level.decoded.text();
        }
        held
    }

    /// From where on a text that fell silent can't be let go.
    pub fn held_in_silence(&self, work: &mut Work<'_>) -> usize {
        let near = self.levels.iter().filter(|l| l.state != State::Left);
        near.map(|level| level.lanes.held_in_silence(level.decoded.text(), work))
            .min()
            .unwrap_or(work.text.len())
    }

    /// Looks at all that is kept again, since there are new forms.
    pub fn look_again(&mut self) {
        self.levels.iter_mut().for_each(|level| level.lanes.look_again());
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        self.levels[0].source_lost(count);
        for level in &mut self.levels {
            level.decoded.shift(count as u32);
            level.lanes.shift(count as u32);
        }
    }

    fn trim(&mut self, work: &Work<'_>) {
        let keep = reach(work);
        for i in 0..DEPTH {
            let (before, after) = self.levels.split_at_mut(i + 1);
            let level = &mut before[i];
            let known = after.first().map_or(level.decoded.len(), |next| next.read);
            let free = level.decoded.len().saturating_sub(keep).min(known).min(level.lanes.read());
            if free > 4096 {
                level.decoded.forget(free);
                level.lanes.source_lost(free);
                if let Some(next) = after.first_mut() {
                    next.source_lost(free);
                }
            }
        }
    }
}

/// How far from an escape text is decoded: as far as a form may go by unseen, and some noise.
fn reach(work: &Work<'_>) -> usize {
    work.index.longest_escaped() + 32
}

impl Level {
    fn advance(&mut self, source: Text<'_>, work: &mut Work<'_>) {
        let (reach, seen, ended) = (reach(work), Seen::of(work), work.ended);
        while self.state == State::Awake || self.wakes(source, ended, reach, seen) {
            self.decode(source, ended, reach, seen);
            if self.state == State::Awake {
                break;
            }
        }
        if self.state != State::Left {
            let is_far = self.state == State::Near && self.read > self.slept + reach;
            work.ended = ended || is_far;
            self.lanes.advance(self.decoded.text(), work);
            if work.ended {
                self.state = State::Left;
            }
            work.ended = ended;
        }
    }

    /// Looks for an escape, and begins to decode around it.
    fn wakes(&mut self, source: Text<'_>, ended: bool, reach: usize, seen: Seen) -> bool {
        let first = first_escape(source.bytes, self.read, seen, ended);
        self.waits = matches!(first, Some(First::Perhaps(_)));
        let escape = match first {
            Some(First::At(escape)) => escape,
            Some(First::Perhaps(escape)) => {
                self.read = escape;
                return false;
            }
            None => {
                // The `0` of `0x` may stand at the end.
                self.read = self.read.max(source.bytes.len().saturating_sub(2));
                return false;
            }
        };
        let goes_on = self.state == State::Near && escape <= self.slept + reach;
        self.read = if goes_on { self.slept } else { escape.saturating_sub(reach).max(self.slept) };
        if !goes_on {
            let place = source.start(self.read);
            self.decoded.push(BREAK, place, place);
        }
        (self.last, self.near) = (escape, escape + reach);
        self.state = State::Awake;
        true
    }

    /// Decodes as far as can be; ends where no escape was for long.
    fn decode(&mut self, source: Text<'_>, ended: bool, reach: usize, seen: Seen) {
        while self.read < source.bytes.len() {
            if self.read > self.near {
                (self.state, self.slept) = (State::Near, self.read);
                return;
            }
            // Not beyond where it ends, so that this doesn't depend on how text comes in.
            let most = PIECE.min(self.near + 1 - self.read);
            let plain = source.bytes[self.read..].iter().take(most).take_while(|b| !may_begin(**b)).count();
            self.decoded.extend(source, self.read..self.read + plain);
            self.read += plain;
            let rest = &source.bytes[self.read..];
            if rest.first().is_none_or(|b| !may_begin(*b)) {
                continue;
            }
            if rest.len() < MAX_ESCAPE && !ended {
                return;
            }
            let start = source.start(self.read);
            match escape(self.before(source), rest) {
                Escape::Unknown if !ended => return,
                Escape::Literal | Escape::Unknown => {
                    self.decoded.push(rest[0], start, source.end(self.read));
                    self.read += 1;
                }
                Escape::Character(character, len) => {
                    let end = source.end(self.read + len - 1);
                    let mut bytes = [0; 4];
                    for byte in character.bytes(&mut bytes) {
                        self.decoded.push(*byte, start, end);
                    }
                    self.read += len;
                    let as_written = seen.is_as_written(&character, len, rest);
                    if !as_written {
                        self.last = self.read;
                    }
                    // An escape of the next level isn't left in the middle.
                    if !as_written || may_begin(rest[1]) {
                        self.near = self.read + reach;
                    }
                }
                Escape::Nothing(len) => {
                    self.read += len;
                    (self.last, self.near) = (self.read, self.read + reach);
                }
            }
        }
    }

    fn before(&self, source: Text<'_>) -> Before {
        match self.read.checked_sub(1) {
            None => Before::Nothing,
            Some(_) if self.read == self.last => Before::Escape,
            Some(i) => Before::Byte(source.bytes[i]),
        }
    }

    fn source_lost(&mut self, count: usize) {
        for place in [&mut self.read, &mut self.slept, &mut self.last, &mut self.near] {
            *place = place.saturating_sub(count);
        }
    }
}

/// Whether a byte may begin an escape.
fn may_begin(byte: u8) -> bool {
    static INTRODUCERS: [bool; 256] = {
        let mut introducers = [false; 256];
        let bytes = b"\\%&=0\x1B'\"";
        let mut i = 0;
        while i < bytes.len() {
            introducers[bytes[i] as usize] = true;
            i += 1;
        }
        introducers
    };
    INTRODUCERS[usize::from(byte)]
}

/// How much of a text the forms that are looked for need.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// All of it.
    All,
    /// All but what every filter in use drops.
    Filtered,
}

impl Seen {
    fn of(work: &Work<'_>) -> Self {
        if work.index.longest(Filter::Nothing) > 0 { Seen::All } else { Seen::Filtered }
    }

    /// Whether a character behind a backslash is seen just the same where nothing is decoded: filters drop backslashes.
    fn is_as_written(self, character: &Character, len: usize, text: &[u8]) -> bool {
        matches!(character, Character::Byte(byte) if text[..len] == [b'\\', *byte]) && self == Seen::Filtered
    }
}

/// Where an escape begins.
#[derive(Clone, Copy)]
enum First {
    /// Here.
    At(usize),
    /// Here, if the bytes that are yet to come make it one.
    Perhaps(usize),
}

/// The first escape at or after `from`. The same is found however text comes in: what more bytes have to tell isn't
/// passed by.
fn first_escape(bytes: &[u8], from: usize, seen: Seen, ended: bool) -> Option<First> {
    let is_cut_off = |at: usize| bytes.len() - at < MAX_ESCAPE && !ended;
    let read = |at: usize| {
        let before = at.checked_sub(1).map_or(Before::Nothing, |i| Before::Byte(bytes[i]));
        escape(before, &bytes[at..])
    };
    let is_escape = |at: usize| {
        is_cut_off(at)
            || match read(at) {
                Escape::Literal => false,
                Escape::Character(character, len) => !seen.is_as_written(&character, len, &bytes[at..]),
                Escape::Nothing(_) => true,
                Escape::Unknown => !ended,
            }
    };
    let first = first_pair(bytes, from, is_escape)?;
    let perhaps = is_cut_off(first) || matches!(read(first), Escape::Unknown);
    Some(if perhaps { First::Perhaps(first) } else { First::At(first) })
}

/// How many bytes are looked at at once.
const BLOCK: usize = 64;

/// The first place at or after `from` where two bytes may begin an escape and `is_escape` says that they do.
fn first_pair(bytes: &[u8], from: usize, is_escape: impl Fn(usize) -> bool) -> Option<usize> {
    for at in (from..bytes.len()).step_by(BLOCK) {
        let rest = &bytes[at..];
        let mut last = [0; BLOCK + 1];
        let block = rest.first_chunk().unwrap_or_else(|| {
            last[..rest.len()].copy_from_slice(rest);
            &last
        });
        for (eight, at) in pairs(block).as_chunks().0.iter().zip((at..).step_by(8)) {
            let mut left = u64::from_le_bytes(*eight);
            while left > 0 {
                let place = at + left.trailing_zeros() as usize / 8;
                if is_escape(place) {
                    return Some(place);
                }
                left &= left - 1;
            }
        }
    }
    None
}

/// Which bytes may begin an escape, by what stands behind them, which is 0 where that is yet to come. Apart from what
/// calls it, so that it is worked out for many bytes at once.
#[inline(never)]
fn pairs(block: &[u8; BLOCK + 1]) -> [u8; BLOCK] {
    std::array::from_fn(|i| {
        let (byte, next) = (block[i], block[i + 1]);
        let ends_line = next <= b'\r';
        let pair = (byte == b'\\')
            | (byte == b'%')
            | (byte == b'&')
            | (byte == b'0') & (next == b'x')
            | (byte == ESC) & (next == b']')
            // Mail's, which are in upper case, and the end of its lines.
            | (byte == b'=') & (ends_line | (b'0'..=b'F').contains(&next))
            | ((byte == b'\'') | (byte == b'"')) & ends_line;
        u8::from(pair)
    })
}

/// What stands at a place that may begin an escape.
enum Escape {
    /// None.
    Literal,
    /// A character, written with so many bytes.
    Character(Character, usize),
    /// So many bytes that stand for nothing.
    Nothing(usize),
    /// More bytes have to tell.
    Unknown,
}

/// A character of text, or a byte of no text.
enum Character {
    Byte(u8),
    Scalar(char),
}

impl Character {
    fn bytes<'a>(&self, into: &'a mut [u8; 4]) -> &'a [u8] {
        match self {
            Character::Byte(byte) => {
                into[0] = *byte;
                &into[..1]
            }
            Character::Scalar(scalar) => scalar.encode_utf8(into).as_bytes(),
        }
    }
}

/// What stands before a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Byte(u8),
    Escape,
}

/// Reads an escape.
fn escape(before: Before, text: &[u8]) -> Escape {
    let byte = |number: Option<u32>, len| match number.and_then(|n| u8::try_from(n).ok()) {
        Some(byte) => Escape::Character(Character::Byte(byte), len),
        None => Escape::Literal,
    };
    match text[0] {
        b'\\' => backslash(&text[1..]),
        // What JavaScript's `escape` writes beyond Latin-1 (ECMA-262, B.2.1.1).
        b'%' if text.get(1) == Some(&b'u') => match digits(text, 2, 4, 16).and_then(char::from_u32) {
            Some(scalar) => Escape::Character(Character::Scalar(scalar), 6),
            None => Escape::Literal,
        },
        // RFC 3986, 2.1.
        b'%' => byte(digits(text, 1, 2, 16), 3),
        // RFC 2045, 6.7: upper case, and line ends that mean nothing.
        b'=' => match &text[1..] {
            [b'\n', ..] => Escape::Nothing(2),
            [b'\r', b'\n', ..] => Escape::Nothing(3),
            [a, b, ..] if !a.is_ascii_lowercase() && !b.is_ascii_lowercase() => {
                byte(digits(text, 1, 2, 16).filter(|n| is_quoted(*n, before, &text[3..])), 3)
            }
            _ => Escape::Literal,
        },
        b'&' => entity(text),
        ESC => title(text),
        quote @ (b'\'' | b'"') => next_literal(quote, text),
        // One byte as a list in C or Go has it.
        b'0' if text.get(1) == Some(&b'x')
            && !matches!(before, Before::Byte(b) if b.is_ascii_alphanumeric()) =>
        {
            let len = text[2..].iter().take(3).take_while(|b| b.is_ascii_hexdigit()).count();
            let ends = text.get(2 + len).is_none_or(|b| !b.is_ascii_alphanumeric());
            if ends && (1..=2).contains(&len) {
                byte(digits(text, 2, len, 16), 2 + len)
            } else {
                Escape::Literal
            }
        }
        _ => Escape::Literal,
    }
}

/// Whether mail would write a byte as `=` and this number: what it leaves as it is, as letters and digits, only in a row
/// of such, and bytes of UTF-8 only where others stand before. Lines like `size=4096` are everywhere.
fn is_quoted(number: u32, before: Before, after: &[u8]) -> bool {
    let special = match u8::try_from(number) {
        Ok(b'\t' | b'\n' | b'\r' | 0xC0..) => true,
        Ok(byte @ 0x20..0x80) => !byte.is_ascii_alphanumeric(),
        Ok(0x80..0xC0) => matches!(before, Before::Byte(0x80..)),
        _ => false,
    };
    special || before == Before::Escape || after.first() == Some(&b'=')
}

/// Operating system commands (ECMA-48, 8.3.89): titles and links, which terminals don't show. What they hold may be
/// secret as well; that is found where nothing is decoded.
fn title(text: &[u8]) -> Escape {
    if text.get(1).is_some_and(|b| *b != b']') {
        return Escape::Literal;
    }
    let text = &text[..text.len().min(MAX_TITLE)];
    // BEL, or ESC and a backslash.
    match memchr::memchr2(7, ESC, &text[text.len().min(2)..]).map(|i| i + 2) {
        Some(at) if text[at] == 7 => Escape::Nothing(at + 1),
        Some(at) if text.get(at + 1) == Some(&b'\\') => Escape::Nothing(at + 2),
        Some(at) if at + 1 < text.len() => Escape::Literal,
        _ if text.len() < MAX_TITLE => Escape::Unknown,
        _ => Escape::Literal,
    }
}

/// The end of a string literal and the beginning of the next, a line further on, as Python breaks long strings and
/// bytes.
fn next_literal(quote: u8, text: &[u8]) -> Escape {
    let text = &text[..text.len().min(MAX_JOINT)];
    let open = if text.len() < MAX_JOINT { Escape::Unknown } else { Escape::Literal };
    let line = match &text[1..] {
        [b'\n', ..] => 2,
        [b'\r', b'\n', ..] => 3,
        [] | [b'\r'] => return open,
        _ => return Escape::Literal,
    };
    let indent = text[line..].iter().take_while(|b| **b == b' ').count();
    match &text[line + indent..] {
        [first, ..] if *first == quote => Escape::Nothing(line + indent + 1),
        [first, second, ..] if first.is_ascii_alphabetic() && *second == quote => {
            Escape::Nothing(line + indent + 2)
        }
        [] => open,
        [first] if first.is_ascii_alphabetic() => open,
        _ => Escape::Literal,
    }
}

/// What follows a backslash in JSON, C, Python, Rust, Go, JavaScript and shells.
fn backslash(text: &[u8]) -> Escape {
    let scalar = |number: Option<u32>, len| match number.and_then(char::from_u32) {
        Some(scalar) => Escape::Character(Character::Scalar(scalar), len),
        None => Escape::Nothing(1),
    };
    let byte = |byte| Escape::Character(Character::Byte(byte), 2);
    let Some(first) = text.first() else { return Escape::Nothing(1) };
    match first {
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'v' => byte(11),
        b'e' => byte(27),
        b'\n' => Escape::Nothing(2),
        b'x' => match digits(text, 1, 2, 16).and_then(|n| u8::try_from(n).ok()) {
            Some(byte) => Escape::Character(Character::Byte(byte), 4),
            None => Escape::Nothing(1),
        },
        b'u' if text.get(1) == Some(&b'{') => {
            let len = text[2..].iter().take(6).take_while(|b| b.is_ascii_hexdigit()).count();
            if text.get(2 + len) == Some(&b'}') {
                scalar(digits(text, 2, len, 16), len + 4)
            } else {
                Escape::Nothing(1)
            }
        }
        b'u' => {
            let first = digits(text, 1, 4, 16);
            // RFC 8259, 7: beyond U+FFFF there are two.
            let pair = first.filter(|n| (0xD800..0xDC00).contains(n) && text.get(5..7) == Some(b"\\u"));
            match (pair, digits(text, 7, 4, 16)) {
                (Some(high), Some(low)) if (0xDC00..0xE000).contains(&low) => {
                    scalar(Some(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
                }
                _ => scalar(first, 6),
            }
        }
        b'U' => scalar(digits(text, 1, 8, 16), 10),
        b'0'..=b'7' => {
            // `printf %b` and `echo -e` have three digits behind the zero; in C that would be a control character.
            let most = if *first == b'0' { 4 } else { 3 };
            let len = text.iter().take(most).take_while(|b| (b'0'..b'8').contains(b)).count();
            match digits(text, 0, len, 8).and_then(|n| u8::try_from(n).ok()) {
                Some(byte) => Escape::Character(Character::Byte(byte), 1 + len),
                None => Escape::Nothing(1),
            }
        }
        _ => Escape::Character(Character::Byte(*first), 2),
    }
}

/// Character references of HTML: by number, and by the names of what a page can't show as it is.
fn entity(text: &[u8]) -> Escape {
    const MAX_NAME: usize = 10;
    let Some(len) = text.iter().take(MAX_NAME).position(|b| *b == b';') else { return Escape::Literal };
    let number = match &text[1..len] {
        [b'#', b'x' | b'X', hex @ ..] => digits(hex, 0, hex.len(), 16),
        [b'#', decimal @ ..] => digits(decimal, 0, decimal.len(), 10),
        name => NAMES.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, c)| u32::from(*c)),
    };
    match number.and_then(char::from_u32) {
        Some(scalar) => Escape::Character(Character::Scalar(scalar), len + 1),
        None => Escape::Literal,
    }
}

/// <https://html.spec.whatwg.org/multipage/named-characters.html>, those in ASCII.
const NAMES: [(&str, char); 42] = [
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("nbsp", ' '),
    ("excl", '!'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("amp", '&'),
    ("AMP", '&'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("lt", '<'),
    ("LT", '<'),
    ("equals", '='),
    ("gt", '>'),
    ("GT", '>'),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("rcub", '}'),
];

/// The number in `text[from..from + len]`, if it is `len` digits.
fn digits(text: &[u8], from: usize, len: usize, radix: u32) -> Option<u32> {
    let text = text.get(from..from + len)?;
    if text.is_empty() || len > 8 {
        return None;
    }
    text.iter()
        .try_fold(0u32, |number, b| number.checked_mul(radix)?.checked_add(char::from(*b).to_digit(radix)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_an_escape_is_looked_at(text in "[\\\\%&=0x#;'\"41AFa\r\n\u{1b}\\] u]{1,150}") {
            let bytes = text.as_bytes();
            for ended in [true, false] {
                for seen in [Seen::All, Seen::Filtered] {
                    let is_one = |at: usize| {
                        let before = at.checked_sub(1).map_or(Before::Nothing, |i| Before::Byte(bytes[i]));
                        match escape(before, &bytes[at..]) {
                            Escape::Literal => false,
                            Escape::Character(c, len) => !seen.is_as_written(&c, len, &bytes[at..]),
                            Escape::Nothing(_) => true,
                            Escape::Unknown => !ended,
                        }
                    };
                    let place = |first| match first {
                        First::At(at) | First::Perhaps(at) => at,
                    };
                    let found = first_escape(bytes, 0, seen, ended).map(place);
                    let known = if ended { bytes.len() } else { bytes.len().saturating_sub(MAX_ESCAPE) };
                    let wanted = (0..known).find(|at| may_begin(bytes[*at]) && is_one(*at));
                    prop_assert_eq!(found.filter(|at| *at < known), wanted);
                }
            }
        }
    }
}
