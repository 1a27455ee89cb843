//! Looks for all forms of all values in a stream's text, in every way that the text can be read.

mod buffer;
mod columns;
mod escape;
mod escapes;
pub mod filter;
pub mod found;
mod lane;
mod lanes;
mod lines;
mod numbered;
mod sifted;
mod words;

use crate::mask::index::Index;
use buffer::Text;
use escapes::Escapes;
use found::Found;
use lane::Work;
use lanes::Lanes;
use lines::Lines;
use words::Words;

/// How many symbols may be compared for a chunk of text, and for each byte of it: a hundred times what ordinary
/// text with many secrets takes.
const BUDGET: usize = 20_000;
const BUDGET_PER_BYTE: usize = 100;

/// Where a search stands in a stream.
#[derive(Default)]
pub struct Search {
    lanes: Lanes,
    escapes: Escapes,
    lines: Lines,
    words: Words,
}

/// Whether a text goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    /// More may come.
    On,
    /// More may come, but not soon.
    Silent,
    /// More may come, after something else that isn't text.
    Interrupted,
    /// Nothing comes any more.
    Ended,
}

impl Search {
    /// Takes in what is new in `text`, of which `fresh` bytes are; adds to `found`, and gives from where on the
    /// text can't be let go.
    pub fn advance(
        &mut self,
        index: &Index,
        text: &[u8],
        fresh: usize,
        goes: Goes,
        found: &mut Found,
    ) -> usize {
        let mut budget = BUDGET + BUDGET_PER_BYTE * fresh;
        let work = &mut Work { index, text, ended: goes == Goes::Ended, found, budget: &mut budget };
        let own = Text { bytes: text, places: None };
        self.words.advance(work);
        self.lanes.advance(own, work);
        self.escapes.advance(work);
        self.lines.advance(work);
        let ways = match goes {
            Goes::Ended => return text.len(),
            Goes::Interrupted => {
                self.words.end_in_silence(work);
                // Covers what is long enough to be masked already.
                self.lanes.held(own, work);
                self.escapes.held(work);
                self.lines.held(work);
                return text.len();
            }
            Goes::On => [
                self.words.held(work),
                self.lanes.held(own, work),
                self.escapes.held(work),
                self.lines.held(work),
            ],
            Goes::Silent => {
                self.words.end_in_silence(work);
                [
                    text.len() - index.ends_with_beginning(text),
                    self.lanes.held_in_silence(own, work),
                    self.escapes.held_in_silence(work),
                    self.lines.held_in_silence(work),
                ]
            }
        };
        ways.into_iter().min().unwrap_or(0)
    }

    /// Looks at all that is kept again, since there are new values.
    pub fn look_again(&mut self) {
        self.lanes.look_again();
        self.escapes.look_again();
        self.lines.look_again();
        self.words.look_again();
    }

    /// The text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        self.lanes.source_lost(count);
        self.lanes.shift(count as u32);
        self.escapes.shift(count);
        self.lines.shift(count);
        self.words.shift(count);
    }

    /// How much of a stream's text is of use after it was let go, in bytes.
    pub fn context(index: &Index) -> usize {
        2 * index.longest_of_all() + 512
    }
}
