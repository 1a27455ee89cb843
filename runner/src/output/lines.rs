//! Makes lines out of chunks, with a bound on what one line may cost.

/// Longest line that is kept, in bytes without its line end; what comes after is dropped and counted.
pub const MAX_LINE: usize = 1024 * 1024;

/// What comes out, in the order of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Whole lines, each with its final newline.
    Lines(&'a [u8]),
    /// A line's beginning, given before its end is known.
    Begin(&'a [u8]),
    /// More of that line.
    More(&'a [u8]),
    /// The rest of that line, with its newline.
    End(&'a [u8]),
    /// The end of a line of which so many bytes were dropped. A `Begin` came before.
    Cut(u64),
}

/// The lines of one stream.
#[derive(Debug, Default)]
pub struct Lines {
    /// Of the current line: what wasn't given out.
    partial: Vec<u8>,
    /// How much of it was given out.
    given: usize,
    /// How much of it was dropped.
    dropped: u64,
}

impl Lines {
    /// Takes the next bytes in.
    pub fn push(&mut self, chunk: &[u8], mut give: impl FnMut(Piece<'_>)) {
        // So cut, a part can hold no line that is too long as a whole.
        for mut part in chunk.chunks(MAX_LINE) {
            if !self.is_at_line_start() {
                let end = memchr::memchr(b'\n', part).map_or(part.len(), |at| at + 1);
                self.go_on(&part[..end], &mut give);
                part = &part[end..];
            }
            if let Some(last) = memchr::memrchr(b'\n', part) {
                give(Piece::Lines(&part[..=last]));
                part = &part[last + 1..];
            }
            self.partial.extend_from_slice(part);
        }
    }

    /// What of the current line wasn't given out, and whether it is its beginning.
    pub fn waiting(&self) -> (&[u8], bool) {
        (&self.partial, self.given == 0)
    }

    /// Gives out the current line as far as it is known.
    pub fn flush(&mut self, mut give: impl FnMut(Piece<'_>)) {
        if !self.partial.is_empty() {
            self.give_partial(&mut give);
        }
    }

    /// Ends the stream; an unfinished line gets a newline.
    pub fn finish(&mut self, mut give: impl FnMut(Piece<'_>)) {
        if !self.is_at_line_start() {
            self.go_on(b"\n", &mut give);
        }
    }

    /// Whether the next byte begins a line.
    pub fn is_at_line_start(&self) -> bool {
        self.partial.is_empty() && self.given == 0 && self.dropped == 0
    }

    /// Goes on with the current line; `bytes` holds at most one newline, at its end.
    fn go_on(&mut self, bytes: &[u8], give: &mut impl FnMut(Piece<'_>)) {
        let (text, ended) = match bytes.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (bytes, false),
        };
        let room = MAX_LINE - self.given - self.partial.len();
        let kept = if self.dropped > 0 { 0 } else { text.len().min(room) };
        self.partial.extend_from_slice(&text[..kept]);
        if kept < text.len() {
            if self.dropped == 0 && !self.partial.is_empty() {
                self.give_partial(give);
            }
            self.dropped += (text.len() - kept) as u64;
        }
        if ended {
            if self.dropped > 0 {
                give(Piece::Cut(self.dropped));
            } else {
                self.partial.push(b'\n');
                give(if self.given == 0 { Piece::Lines(&self.partial) } else { Piece::End(&self.partial) });
            }
            self.partial.clear();
            (self.given, self.dropped) = (0, 0);
        }
    }

    fn give_partial(&mut self, give: &mut impl FnMut(Piece<'_>)) {
        give(if self.given == 0 { Piece::Begin(&self.partial) } else { Piece::More(&self.partial) });
        self.given += self.partial.len();
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader sees: every line, cut and counted.
    fn seen(chunks: &[&[u8]], flush: impl Fn(usize) -> bool) -> Vec<(Vec<u8>, u64)> {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        let mut current = Vec::new();
        let mut give = |piece: Piece<'_>| match piece {
            Piece::Lines(block) => {
                assert!(current.is_empty(), "a line came within a line");
                seen.extend(block.split_inclusive(|b| *b == b'\n').map(|l| (l[..l.len() - 1].to_vec(), 0)));
            }
            Piece::Begin(part) => {
                assert!(current.is_empty() && !part.is_empty());
                current.extend_from_slice(part);
            }
            Piece::More(part) => current.extend_from_slice(part),
            Piece::End(part) => {
                current.extend_from_slice(&part[..part.len() - 1]);
                seen.push((std::mem::take(&mut current), 0));
            }
            Piece::Cut(dropped) => seen.push((std::mem::take(&mut current), dropped)),
        };
        for (i, chunk) in chunks.iter().enumerate() {
            lines.push(chunk, &mut give);
            if flush(i) {
                lines.flush(&mut give);
            }
        }
        lines.finish(&mut give);
        seen
    }

    fn model(text: &[u8]) -> Vec<(Vec<u8>, u64)> {
        let mut lines: Vec<&[u8]> = text.split(|b| *b == b'\n').collect();
        if lines.last() == Some(&&b""[..]) {
            lines.pop();
        }
        let cut = |l: &[u8]| (l[..l.len().min(MAX_LINE)].to_vec(), l.len().saturating_sub(MAX_LINE) as u64);
        lines.into_iter().map(cut).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn lines_are_those_of_a_naive_split(
            parts in proptest::collection::vec(
                prop_oneof![
                    6 => "[ab\n]{0,30}".prop_map(String::into_bytes),
                    1 => (MAX_LINE - 3..MAX_LINE + 3).prop_map(|n| vec![b'x'; n]),
                ],
                0..10,
            ),
            cuts in proptest::collection::vec(any::<usize>(), 0..12),
            flushes in any::<u64>(),
        ) {
            let text = parts.concat();
            let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            let got = seen(&chunks, |i| flushes >> i & 1 == 1);
            prop_assert!(got == model(&text));
        }
    }

    #[test]
    fn a_line_without_end_costs_no_more_than_the_longest_line() {
        let mut lines = Lines::default();
        let mut given = 0;
        for _ in 0..100 {
            lines.push(&[b'x'; 64 * 1024], |p| {
                given += match p {
                    Piece::Begin(b) => b.len(),
                    other => panic!("{other:?}"),
                }
            });
            assert!(lines.partial.len() <= MAX_LINE);
        }
        assert_eq!(given, MAX_LINE);
        let mut cut = 0;
        lines.finish(|p| {
            cut += match p {
                Piece::Cut(n) => n,
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(cut, 100 * 64 * 1024 - MAX_LINE as u64);
    }
}
