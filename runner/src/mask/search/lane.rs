//! Compares filtered text with the forms of the values, byte by byte from where a seed was found.

use std::ops::Range;

use super::buffer::Text;
use super::filter::Filter;
use super::found::Found;
use super::sifted::Sifted;
use crate::mask::index::{Index, STEP, Spelled, WINDOW};
use crate::mask::seeds::{Seed, Seeds};

/// Most bytes beside a match that are looked at for its margins.
pub const MARGIN: usize = 16;
/// Text that no seed was found in is held back for no more than so many bytes.
const MAX_UNSEEDED: usize = 64 * 1024;
/// A match that isn't long enough yet is held back for no more than so many bytes; then it is masked.
const MAX_HELD: usize = 1024 * 1024;
/// Most matches that are followed at once.
const MAX_MATCHES: usize = 1024;
/// Fewest symbols of an encoded or split value at the end of a text that fell silent for which it waits.
const MIN_BEGINNING: usize = 5;

/// What a step of the search works on.
pub struct Work<'a> {
    /// What is looked for.
    pub index: &'a Index,
    /// The stream's text.
    pub text: &'a [u8],
    /// Nothing follows the text.
    pub ended: bool,
    /// What is to be masked of it.
    pub found: &'a mut Found,
    /// How many symbols may still be compared. Beyond, what a seed points at is masked unseen: text made to
    /// look like a thousand secrets at once costs the one who prints it, not the host.
    pub budget: &'a mut usize,
}

/// Text through one filter, and the matches in it that go on.
pub struct Lane {
    filter: Filter,
    sifted: Sifted,
    /// How much of the source was sifted.
    read: usize,
    /// The windows to look up next, in each table of seeds.
    scanned: [usize; 2],
    matches: Vec<Match>,
}

/// A row of a form's symbols in the text.
struct Match {
    form: u32,
    symbols: Range<usize>,
    /// Where it stands in the stream's text.
    start: u32,
    end: u32,
    /// It may go on with the next byte.
    open: bool,
}

impl Lane {
    /// No text yet.
    pub fn new(filter: Filter) -> Self {
        Lane { filter, sifted: Sifted::default(), read: 0, scanned: [0; 2], matches: Vec::new() }
    }

    /// Takes in what is new in `source`.
    pub fn advance(&mut self, source: Text<'_>, work: &mut Work<'_>) {
        let Work { index, .. } = *work;
        if index.longest(self.filter) == 0 {
            self.read = source.bytes.len();
            return;
        }
        let known = self.sifted.len();
        self.read = self.filter.pass(source, self.read, work.ended, index, &mut self.sifted);
        if !self.matches.is_empty() {
            self.go_on(known, source, work);
        }
        let [long, short] = self.scanned;
        self.scanned = [
            self.scan(index.seeds(self.filter), long, source, work),
            self.scan(index.short_seeds(self.filter), short, source, work),
        ];
        self.trim(index);
    }

    /// Follows the matches that windows from `from` on are part of; gives the window to look up next.
    fn scan<const WIDTH: usize>(
        &mut self,
        seeds: &Seeds<WIDTH, STEP>,
        from: usize,
        source: Text<'_>,
        work: &mut Work<'_>,
    ) -> usize {
        let own = source.places.is_none();
        let mut matches = std::mem::take(&mut self.matches);
        let next = seeds.scan(self.sifted.bytes(), from, |p, seed| {
            *work.budget = work.budget.saturating_sub(matches.len());
            if let Some(found) = self.compare(p..p + WIDTH, seed, source, work)
                && !matches.iter().any(|m| {
                    m.open && m.form == found.form && m.symbols.end == found.symbols.end && m.end == found.end
                })
                && !settle(&found, own, work)
            {
                if matches.len() == MAX_MATCHES {
                    let oldest = matches.remove(0);
                    work.found.cover(oldest.start as usize..oldest.end as usize);
                }
                matches.push(found);
            }
        });
        self.matches = matches;
        next
    }

    /// How the text around a seed's window compares with its form, if that is worth anything.
    fn compare(
        &self,
        window: Range<usize>,
        seed: Seed,
        source: Text<'_>,
        work: &mut Work<'_>,
    ) -> Option<Match> {
        let p = window.start;
        let spelled = work.index.form(seed.form);
        let text = self.sifted.bytes();
        let shows = |q: usize, symbol: u8| text.get(q).is_some_and(|b| spelled.shows(*b, symbol));
        if *work.budget == 0 {
            work.found.cover(self.start(p, source) as usize..self.end(window.end - 1, source) as usize);
            return None;
        }
        let (mut q, mut next) = (p, seed.at as usize);
        let mut open = false;
        while next < spelled.form.len {
            match spelled.symbol(next) {
                None => {}
                Some(_) if q == text.len() => {
                    open = true;
                    break;
                }
                Some(symbol) if shows(q, symbol) => q += 1,
                Some(_) => break,
            }
            next += 1;
        }
        if q < window.end {
            return None;
        }
        let (mut start, mut first) = (p, seed.at as usize);
        while first > 0 {
            match spelled.symbol(first - 1) {
                None => {}
                Some(symbol) if start > 0 && shows(start - 1, symbol) => start -= 1,
                Some(_) => break,
            }
            first -= 1;
        }
        *work.budget = work.budget.saturating_sub(next - first);
        let (mut place, end) = (self.start(start, source), self.end(q - 1, source));
        if source.places.is_none() {
            let before = &work.text[(place as usize).saturating_sub(MARGIN)..place as usize];
            place -= spelled.margin_before(first..next, before) as u32;
            // A backslash goes with the character behind it, as it does where escapes are undone.
            place -= u32::from(work.text[..place as usize].ends_with(b"\\"));
        }
        Some(Match { form: seed.form, symbols: first..next, start: place, end, open })
    }

    /// Follows the open matches into the bytes from `known` on.
    fn go_on(&mut self, known: usize, source: Text<'_>, work: &mut Work<'_>) {
        let own = source.places.is_none();
        let sifted = &self.sifted;
        self.matches.retain_mut(|found| {
            let spelled = work.index.form(found.form);
            let mut at = known;
            while found.open {
                if found.symbols.end == spelled.form.len {
                    found.open = false;
                } else if let Some(symbol) = spelled.symbol(found.symbols.end) {
                    match sifted.bytes().get(at) {
                        None => break,
                        Some(byte) if spelled.shows(*byte, symbol) => {
                            found.end = found.end.max(source.end(sifted.place(at)));
                            at += 1;
                            found.symbols.end += 1;
                        }
                        Some(_) => found.open = false,
                    }
                } else {
                    found.symbols.end += 1;
                }
            }
            *work.budget = work.budget.saturating_sub(at - known);
            !settle(found, own, work)
        });
    }

    /// From where on the text can't be let go.
    pub fn held(&self, source: Text<'_>, work: &mut Work<'_>) -> usize {
        let len = work.text.len();
        let longest = work.index.longest(self.filter);
        if longest == 0 {
            return len;
        }
        // What was dropped may belong to the next match, as its margin.
        let mut held = len.saturating_sub(MARGIN);
        if self.read < source.bytes.len() {
            held = held.min(source.start(self.read) as usize);
        }
        let unseeded = (self.sifted.len() + 1).saturating_sub(longest);
        if unseeded < self.sifted.len() {
            let start = (self.start(unseeded, source) as usize).saturating_sub(MARGIN);
            held = held.min(start.max(len.saturating_sub(MAX_UNSEEDED)));
        }
        self.held_by_matches(held, false, work)
    }

    /// From where on a text that fell silent can't be let go: what may be the beginning of a secret, or goes
    /// on within one.
    pub fn held_in_silence(&self, source: Text<'_>, work: &mut Work<'_>) -> usize {
        let held = self.held_by_matches(work.text.len(), true, work);
        // A beginning of a few symbols isn't worth a line that doesn't show.
        if work.text.ends_with(b"\n") {
            return held;
        }
        let text = self.sifted.bytes();
        let tail = text.len().saturating_sub(work.index.longest(self.filter));
        let begun = work.index.forms(self.filter).filter_map(|(_, spelled)| {
            let mut first = [0; WINDOW];
            let symbols = (0..spelled.form.len).filter_map(|i| spelled.symbol(i));
            first.iter_mut().zip(symbols).for_each(|(to, symbol)| *to = symbol);
            let last = text.len().checked_sub(MIN_BEGINNING)?;
            (tail..=last).find(|p| begins(spelled, &text[*p..], &first))
        });
        begun.min().map_or(held, |p| held.min(self.start(p, source) as usize))
    }

    fn held_by_matches(&self, mut held: usize, silent: bool, work: &mut Work<'_>) -> usize {
        for found in &self.matches {
            let (start, end) = (found.start as usize, found.end as usize);
            let enough = found.symbols.len() >= work.index.form(found.form).form.least;
            if enough || work.text.len() - start > MAX_HELD {
                // However it goes on, so much of it is masked.
                work.found.cover(start..end);
                // What has ended waits for no more than a margin.
                held = if silent && !found.open { held } else { held.min(end) };
            } else {
                held = held.min(start);
            }
        }
        held
    }

    /// Looks at all that is kept again, since there are new forms.
    pub fn look_again(&mut self) {
        self.scanned = [0; 2];
    }

    /// The source lost its first `count` bytes.
    pub fn source_lost(&mut self, count: usize) {
        self.read = self.read.saturating_sub(count);
        self.sifted.text_lost(count);
    }

    /// How much of the source has passed.
    pub fn read(&self) -> usize {
        self.read
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: u32) {
        for found in &mut self.matches {
            found.start = found.start.saturating_sub(count);
            found.end = found.end.saturating_sub(count);
        }
    }

    /// Forgets all; goes on at the source's beginning.
    pub fn restart(&mut self) {
        *self = Lane::new(self.filter);
    }

    /// Where byte `i` of what was sifted begins in the stream's text.
    fn start(&self, i: usize, source: Text<'_>) -> u32 {
        source.start(self.sifted.place(i))
    }

    fn end(&self, i: usize, source: Text<'_>) -> u32 {
        source.end(self.sifted.place(i))
    }

    /// Keeps what a match that is found later may begin with.
    fn trim(&mut self, index: &Index) {
        let keep = index.longest(self.filter) + 2 * WINDOW;
        if self.sifted.len() > 2 * keep + 256 {
            let count = self.sifted.forget(self.sifted.len() - keep);
            self.scanned = self.scanned.map(|next| next.saturating_sub(count));
        }
    }
}

/// Whether text, to its end, is the beginning of a form, and not all of it.
fn begins(spelled: Spelled<'_>, text: &[u8], first: &[u8; WINDOW]) -> bool {
    let quick = text.iter().zip(first).all(|(byte, symbol)| spelled.shows(*byte, *symbol));
    quick && {
        let mut symbols = (0..spelled.form.len).filter_map(|i| spelled.symbol(i));
        text.iter().all(|byte| symbols.next().is_some_and(|symbol| spelled.shows(*byte, symbol)))
            && symbols.next().is_some()
    }
}

/// Masks a match that has ended, if it is long enough. Gives whether it is done with.
fn settle(found: &Match, own: bool, work: &mut Work<'_>) -> bool {
    if found.open && !work.ended {
        return false;
    }
    let spelled = work.index.form(found.form);
    if found.symbols.len() < spelled.form.least {
        return true;
    }
    let (start, mut end) = (found.start as usize, found.end as usize);
    if own {
        if work.text.len() < end + MARGIN && !work.ended {
            return false;
        }
        let after = &work.text[end..work.text.len().min(end + MARGIN)];
        end += spelled.margin_after(found.symbols.clone(), after);
    }
    work.found.cover(start..end);
    if found.symbols.len() == spelled.form.len {
        work.found.note_whole(spelled.name, start);
    }
    true
}
