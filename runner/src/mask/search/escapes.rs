//! Text with its escapes undone: what JSON, URLs, HTML, shells, mail and programming languages write for
//! a character that they don't print as it is.
//!
//! Text rarely holds any, so it is decoded only around them; what comes out may hold escapes again, as JSON
//! within JSON does, and is decoded once more, up to [`DEPTH`] times.

use super::buffer::{Buffer, Text};
use super::escape::{Before, Character, ESC, Escape, MAX_ESCAPE, escape, may_begin};
use super::filter::Filter;
use super::lane::Work;
use super::lanes::Lanes;

/// How many escapes within each other are undone.
const DEPTH: usize = 3;
/// Stands in decoded text where some of the source was left out: no text has it, and no filter drops it.
const BREAK: u8 = 0xFF;
/// So much is decoded before looking whether an escape is still near, in bytes.
const PIECE: usize = 64;

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
