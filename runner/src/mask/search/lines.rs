//! The lines of a stream's text, for what is read line by line.

use super::columns::Columns;
use super::lane::Work;
use super::numbered::Numbered;

/// Where the search stands in the lines.
#[derive(Default)]
pub struct Lines {
    /// Where the line begins that isn't whole.
    line: usize,
    /// How far its end was looked for.
    read: usize,
    /// Whether its beginning was lost.
    cut: bool,
    numbered: Numbered,
    columns: Columns,
}

impl Lines {
    /// Takes in what is new in the stream's text.
    pub fn advance(&mut self, work: &mut Work<'_>) {
        let text = work.text;
        for end in memchr::memchr_iter(b'\n', &text[self.read..]) {
            self.take(self.read + end + 1, work);
        }
        self.read = text.len();
        if work.ended {
            self.take(text.len(), work);
            self.columns.end(work);
        }
        self.numbered.advance(work);
    }

    fn take(&mut self, end: usize, work: &mut Work<'_>) {
        if !std::mem::replace(&mut self.cut, false) && self.line < end {
            let line = self.line..end;
            self.columns.line(line.start..line.end - usize::from(work.text[line.end - 1] == b'\n'), work);
            self.numbered.line(line, work);
        }
        self.line = end;
    }

    /// From where on the text can't be let go.
    pub fn held(&self, work: &mut Work<'_>) -> usize {
        self.numbered.held(self.line, work).min(self.columns.held(work))
    }

    /// From where on a text that fell silent can't be let go.
    pub fn held_in_silence(&self, work: &mut Work<'_>) -> usize {
        self.numbered.held_in_silence(work).min(self.columns.held_in_silence(work))
    }

    /// Looks at all that is kept again, since there are new forms.
    pub fn look_again(&mut self) {
        self.numbered.look_again();
        self.columns.look_again();
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        self.cut |= count > self.line;
        self.line = self.line.saturating_sub(count);
        self.read = self.read.saturating_sub(count);
        self.numbered.shift(count);
        self.columns.shift(count);
    }
}
