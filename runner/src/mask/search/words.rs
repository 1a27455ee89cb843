//! Short values, which count only as whole words.

use super::filter::ends_with_control;
use super::lane::Work;
use crate::mask::index::{Index, MAX_WORD};

/// The search for whole words in a stream's text.
#[derive(Default)]
pub struct Words {
    /// The window to look up next.
    scanned: usize,
}

impl Words {
    /// Takes in what is new in the stream's text.
    pub fn advance(&mut self, work: &mut Work<'_>) {
        if work.index.word_seeds().is_empty() {
            self.scanned = work.text.len();
            return;
        }
        // Further on, the neighbour on the right may be missing.
        let until = if work.ended { work.text.len() } else { work.text.len().saturating_sub(MAX_WORD) };
        if until > self.scanned {
            find(work, self.scanned, until);
            self.scanned = until;
        }
    }

    /// From where on the text can't be let go.
    pub fn held(&self, work: &Work<'_>) -> usize {
        if work.index.word_seeds().is_empty() { work.text.len() } else { self.scanned }
    }

    /// A text that fell silent ends its words.
    pub fn end_in_silence(&self, work: &mut Work<'_>) {
        if !work.index.word_seeds().is_empty() {
            find(work, self.scanned, work.text.len());
        }
    }

    /// Looks at all that is kept again, since there are new values.
    pub fn look_again(&mut self) {
        self.scanned = 0;
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        self.scanned = self.scanned.saturating_sub(count);
    }
}

fn find(work: &mut Work<'_>, from: usize, until: usize) {
    let Work { index, text, found, .. } = work;
    let index: &Index = index;
    index.word_seeds().scan(text, from, |p, seed| {
        let (word, name) = index.word(seed.form);
        if p < until && text[p..].starts_with(word) && !continues(text, p, p + word.len()) {
            found.cover(p..p + word.len());
            found.note_whole(name, p);
        }
    });
}

/// Whether a letter or digit continues a word beyond `start..end`.
fn continues(text: &[u8], start: usize, end: usize) -> bool {
    let joins = |left: Option<&u8>, right: Option<&u8>| {
        left.is_some_and(u8::is_ascii_alphanumeric) && right.is_some_and(u8::is_ascii_alphanumeric)
    };
    let before = start.checked_sub(1).and_then(|i| text.get(i));
    joins(before, text.get(start)) && !ends_with_control(&text[..start])
        || joins(text.get(end - 1), text.get(end))
}
