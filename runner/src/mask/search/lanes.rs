//! One text through all filters.

use super::buffer::Text;
use super::filter::Filter;
use super::lane::{Lane, Work};

/// A lane for each filter.
pub struct Lanes([Lane; Filter::COUNT]);

impl Default for Lanes {
    fn default() -> Self {
        Lanes(Filter::ALL.map(Lane::new))
    }
}

impl Lanes {
    /// Takes in what is new in `source`.
    pub fn advance(&mut self, source: Text<'_>, work: &mut Work<'_>) {
        self.0.iter_mut().for_each(|lane| lane.advance(source, work));
    }

    /// From where on the text can't be let go.
    pub fn held(&self, source: Text<'_>, work: &mut Work<'_>) -> usize {
        self.0.iter().map(|lane| lane.held(source, work)).min().unwrap_or(work.text.len())
    }

    /// From where on a text that fell silent can't be let go.
    pub fn held_in_silence(&self, source: Text<'_>, work: &mut Work<'_>) -> usize {
        self.0.iter().map(|lane| lane.held_in_silence(source, work)).min().unwrap_or(work.text.len())
    }

    /// Looks at all that is kept again, since there are new forms.
    pub fn look_again(&mut self) {
        self.0.iter_mut().for_each(Lane::look_again);
    }

    /// The source lost its first `count` bytes.
    pub fn source_lost(&mut self, count: usize) {
        self.0.iter_mut().for_each(|lane| lane.source_lost(count));
    }

    /// How much of the source none needs any more.
    pub fn read(&self) -> usize {
        self.0.iter().map(Lane::read).min().unwrap_or(0)
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: u32) {
        self.0.iter_mut().for_each(|lane| lane.shift(count));
    }

    /// Forgets all; goes on at the source's beginning.
    pub fn restart(&mut self) {
        self.0.iter_mut().for_each(Lane::restart);
    }
}
