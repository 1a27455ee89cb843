//! A stream of bytes as windows of whole lines, in constant memory.

use std::io::{self, ErrorKind, Read};
use std::ops::Range;

use super::position::Position;

/// Largest window, in bytes: fits the processor's second cache.
pub(super) const WINDOW: usize = 256 * 1024;
/// How much of a line that is longer than a window is looked at twice, so that what stands where it was cut is seen
/// whole once: more than the longest credential in one line.
const OVERLAP: usize = 16 * 1024;
/// How much of what was looked at comes before that again, to tell where a word begins.
const BEFORE: usize = 256;

/// The windows of a stream.
pub(super) struct Windows<'b, R> {
    from: R,
    buffer: &'b mut [u8],
    filled: usize,
    /// Up to where the buffer needn't be looked at again.
    settled: usize,
    /// Where the buffer begins.
    start: Position,
}

/// A part of a stream. Its end is that of a line, of the stream, or a cut in a line that is longer than a window.
pub(super) struct Window<'w> {
    pub bytes: &'w [u8],
    /// Where `bytes` begins.
    pub start: Position,
    /// What of it counts: every byte of the stream is in this range of exactly one window.
    pub fresh: Range<usize>,
}

impl<'b, R: Read> Windows<'b, R> {
    /// `buffer` has [`WINDOW`] bytes.
    pub(super) fn new(from: R, buffer: &'b mut [u8]) -> Self {
        Windows { from, buffer, filled: 0, settled: 0, start: Position::START }
    }

    /// The first bytes, at most `len` of them, before any window is taken.
    pub(super) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        self.fill(len)?;
        Ok(&self.buffer[..self.filled.min(len)])
    }

    /// The next window.
    pub(super) fn next(&mut self) -> io::Result<Option<Window<'_>>> {
        let at_line_start = self.settled == 0 || self.buffer[self.settled - 1] == b'\n';
        let dropped = if at_line_start { self.settled } else { self.settled.saturating_sub(BEFORE) };
        self.start = self.start.after(&self.buffer[..dropped]);
        self.buffer.copy_within(dropped..self.filled, 0);
        self.filled -= dropped;
        let from = self.settled - dropped;
        self.fill(self.buffer.len())?;
        let ended = self.filled < self.buffer.len();
        let line = memchr::memrchr(b'\n', &self.buffer[from..self.filled]);
        let (end, settled) = match line {
            _ if ended => (self.filled, self.filled),
            Some(newline) => (from + newline + 1, from + newline + 1),
            None => (self.filled, self.filled - OVERLAP),
        };
        self.settled = settled;
        let window = Window { bytes: &self.buffer[..end], start: self.start, fresh: from..settled };
        Ok((from < settled).then_some(window))
    }

    /// Reads until the buffer has `len` bytes or the stream ends.
    fn fill(&mut self, len: usize) -> io::Result<()> {
        while self.filled < len {
            match self.from.read(&mut self.buffer[self.filled..len]) {
                Ok(0) => break,
                Ok(count) => self.filled += count,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All that counts, put together, and the longest overlap.
    fn put_together(text: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0; WINDOW];
        let mut windows = Windows::new(text, &mut buffer);
        let mut out: Vec<u8> = Vec::new();
        while let Some(window) = windows.next().unwrap() {
            assert_eq!(window.start, Position::START.after(&text[..out.len() - window.fresh.start]));
            assert!(out.ends_with(&window.bytes[..window.fresh.start]));
            out.extend(&window.bytes[window.fresh.clone()]);
            assert!(text[out.len()..].starts_with(&window.bytes[window.fresh.end..]));
            let whole = window.bytes.ends_with(b"\n") || out.len() == text.len();
            assert!(whole || window.bytes.len() - window.fresh.end == OVERLAP);
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_byte_counts_once(
            lines in proptest::collection::vec(
                prop_oneof![
                    5 => 0..100usize,
                    2 => WINDOW - OVERLAP - 3..WINDOW - OVERLAP + 3,
                    2 => WINDOW - 3..WINDOW + 3,
                    1 => 0..3 * WINDOW,
                ],
                0..8,
            ),
            ended in any::<bool>(),
        ) {
            let mut text = Vec::new();
            for (at, len) in lines.iter().enumerate() {
                text.extend((0..*len).map(|i| b'a' + ((i + at) % 23) as u8));
                text.push(b'\n');
            }
            if !ended {
                text.pop();
            }
            prop_assert!(put_together(&text) == text);
        }
    }
}
