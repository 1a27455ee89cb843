//! Masks one stream of bytes, chunk by chunk.
//!
//! A byte is let go once no form can begin at or before it any more. What is held back is therefore the
//! longest suffix that begins some form, and for a form that counts only as a whole word the form itself,
//! until its right neighbour is known.

use std::ops::Range;
use std::sync::Arc;

use super::MASK;
use super::automaton::{Automaton, Hit, State};
use super::forms::{Place, is_word};
use super::masker::Masker;

/// One stream being masked. What it lets go is the same for any cutting of the stream into chunks,
/// unless [`MaskStream::flush_after_silence`] or a new secret comes in between.
pub struct MaskStream {
    masker: Masker,
    generation: u64,
    search: Option<Searching>,
    /// The last byte that was let go.
    before: Option<u8>,
}

/// Where a search stands; there is none while nothing is registered.
struct Searching {
    automaton: Arc<Automaton>,
    state: State,
    /// Seen, but not let go.
    held: Vec<u8>,
    found: Found,
    /// What was let go last is a mask, and nothing after it.
    joined: bool,
}

/// What was found in the bytes that are held.
#[derive(Default)]
struct Found {
    /// To be masked: ordered, and neither overlapping nor touching.
    spans: Vec<Range<usize>>,
    /// Where a whole word begins that ends with the last byte seen, so that the next one decides.
    undecided: Option<usize>,
}

impl MaskStream {
    pub(super) fn new(masker: Masker) -> Self {
        let (generation, search) = masker.search();
        MaskStream { masker, generation, search: search.map(Searching::new), before: None }
    }

    /// Takes the next bytes in and appends to `out` what can be let go.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Some(last) = chunk.last() else { return };
        self.learn();
        match &mut self.search {
            None => {
                out.extend_from_slice(chunk);
                self.before = Some(*last);
            }
            Some(search) => {
                let places = search.push(chunk, &mut self.before, out);
                self.masker.count(places);
            }
        }
    }

    /// Lets go what isn't the beginning of a secret, once the stream has been silent for a while: a whole
    /// word that stands at the end counts as ended.
    pub fn flush_after_silence(&mut self, out: &mut Vec<u8>) {
        self.learn();
        if let Some(search) = &mut self.search {
            let places = search.decide(&mut self.before, out);
            self.masker.count(places);
        }
    }

    /// Ends the stream: lets go all that is held. What follows is a new stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.learn();
        if let Some(search) = &mut self.search {
            let places = search.finish(&mut self.before, out);
            self.masker.count(places);
        }
        self.before = None;
    }

    /// Drops what is held, because the bytes that would tell whether it is a secret will never come. Gives
    /// how many bytes were dropped. What follows is a new stream.
    pub fn abandon(&mut self) -> usize {
        self.before = None;
        self.search.as_mut().map_or(0, Searching::abandon)
    }

    /// Whether bytes are held back.
    pub fn holds(&self) -> bool {
        self.search.as_ref().is_some_and(|s| !s.held.is_empty())
    }

    /// Takes over what was registered since the last call.
    fn learn(&mut self) {
        if self.generation == self.masker.generation() {
            return;
        }
        let (generation, search) = self.masker.search();
        self.generation = generation;
        match (&mut self.search, search) {
            (Some(searching), Some(automaton)) => searching.learn(automaton, self.before),
            (searching, search) => *searching = search.map(Searching::new),
        }
    }
}

/// Masks a text that stands alone; gives how many places were masked.
pub(super) fn mask_whole(automaton: Arc<Automaton>, text: &[u8], out: &mut Vec<u8>) -> u64 {
    let mut search = Searching::new(automaton);
    let mut before = None;
    search.push(text, &mut before, out) + search.finish(&mut before, out)
}

impl Searching {
    fn new(automaton: Arc<Automaton>) -> Self {
        let state = automaton.start();
        Searching { automaton, state, held: Vec::new(), found: Found::default(), joined: false }
    }

    fn push(&mut self, chunk: &[u8], before: &mut Option<u8>, out: &mut Vec<u8>) -> u64 {
        let mut held = std::mem::take(&mut self.held);
        let seen = held.len();
        if seen == 0 {
            let (free, places) = self.take_in(chunk, 0, before, out);
            held.extend_from_slice(&chunk[free..]);
            self.held = held;
            return places;
        }
        held.extend_from_slice(chunk);
        let (free, places) = self.take_in(&held, seen, before, out);
        held.drain(..free);
        self.held = held;
        places
    }

    /// Scans `text[seen..]` and lets the front of `text` go; gives how much of it, and places masked.
    fn take_in(
        &mut self,
        text: &[u8],
        seen: usize,
        before: &mut Option<u8>,
        out: &mut Vec<u8>,
    ) -> (usize, u64) {
        if let Some(start) = self.found.undecided.take()
            && !is_word(text[seen])
        {
            self.found.cover(start..seen);
        }
        self.scan(text, seen, *before);
        let pending = text.len() - self.automaton.depth(self.state);
        let free = self.found.undecided.map_or(pending, |start| start.min(pending));
        let places = self.let_go(text, free, before, out);
        (free, places)
    }

    fn scan(&mut self, text: &[u8], from: usize, before: Option<u8>) {
        let found = &mut self.found;
        self.state =
            self.automaton.scan(text, from, self.state, |hit, end| found.hit(hit, end, text, before));
    }

    fn let_go(&mut self, text: &[u8], free: usize, before: &mut Option<u8>, out: &mut Vec<u8>) -> u64 {
        let mut places = 0;
        let mut at = 0;
        for span in self.found.spans.iter().take_while(|span| span.start < free) {
            if at < span.start {
                out.extend_from_slice(&text[at..span.start]);
                self.joined = false;
            }
            if !self.joined {
                out.extend_from_slice(MASK.as_bytes());
                places += 1;
                self.joined = true;
            }
            at = span.end.min(free);
        }
        if at < free {
            out.extend_from_slice(&text[at..free]);
            self.joined = false;
        }
        if free > 0 {
            *before = Some(text[free - 1]);
        }
        self.found.shift(free);
        places
    }

    fn decide(&mut self, before: &mut Option<u8>, out: &mut Vec<u8>) -> u64 {
        let Some(start) = self.found.undecided.take() else { return 0 };
        let mut held = std::mem::take(&mut self.held);
        self.found.cover(start..held.len());
        let free = held.len() - self.automaton.depth(self.state);
        let places = self.let_go(&held, free, before, out);
        held.drain(..free);
        self.held = held;
        places
    }

    fn finish(&mut self, before: &mut Option<u8>, out: &mut Vec<u8>) -> u64 {
        let held = std::mem::take(&mut self.held);
        if let Some(start) = self.found.undecided.take() {
            self.found.cover(start..held.len());
        }
        let places = self.let_go(&held, held.len(), before, out);
        self.abandon();
        places
    }

    fn abandon(&mut self) -> usize {
        let dropped = self.held.len();
        self.held.clear();
        self.found = Found::default();
        self.state = self.automaton.start();
        self.joined = false;
        dropped
    }

    /// Goes over what is held again. What was found stays found: a span at its front may have begun
    /// before it.
    fn learn(&mut self, automaton: Arc<Automaton>, before: Option<u8>) {
        self.state = automaton.start();
        self.automaton = automaton;
        let held = std::mem::take(&mut self.held);
        self.scan(&held, 0, before);
        self.held = held;
    }
}

impl Found {
    fn hit(&mut self, hit: Hit, end: usize, text: &[u8], before: Option<u8>) {
        let start = end - hit.len;
        if hit.place == Place::WholeWord {
            let left = if start > 0 { Some(text[start - 1]) } else { before };
            if is_word(text[start]) && left.is_some_and(is_word) {
                return;
            }
            if is_word(text[end - 1]) {
                match text.get(end) {
                    Some(right) if is_word(*right) => return,
                    Some(_) => {}
                    None => {
                        self.undecided = Some(self.undecided.map_or(start, |u| u.min(start)));
                        return;
                    }
                }
            }
        }
        self.cover(start..end);
    }

    /// Adds a span, united with those that it overlaps or touches.
    fn cover(&mut self, mut span: Range<usize>) {
        let first = self.spans.partition_point(|s| s.end < span.start);
        let past = self.spans.partition_point(|s| s.start <= span.end);
        if first < past {
            span.start = span.start.min(self.spans[first].start);
            span.end = span.end.max(self.spans[past - 1].end);
        }
        self.spans.splice(first..past, [span]);
    }

    /// Forgets the first `free` bytes.
    fn shift(&mut self, free: usize) {
        self.spans.retain_mut(|s| {
            *s = s.start.saturating_sub(free)..s.end.saturating_sub(free);
            s.end > 0
        });
        self.undecided = self.undecided.map(|u| u - free);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::forms;
    use super::*;

    /// Masks in the slow and obvious way.
    fn model(text: &[u8], values: &[Vec<u8>]) -> Vec<u8> {
        let mut hidden = vec![false; text.len()];
        for form in values.iter().filter_map(|v| forms::of(v).ok()).flatten() {
            let len = form.bytes.len();
            for start in 0..(text.len() + 1).saturating_sub(len) {
                let end = start + len;
                let joins = |a: Option<&u8>, b: Option<&u8>| {
                    a.is_some_and(|a| is_word(*a)) && b.is_some_and(|b| is_word(*b))
                };
                let left = start.checked_sub(1).and_then(|i| text.get(i));
                let continued = joins(left, text.get(start)) || joins(text.get(end - 1), text.get(end));
                if text[start..end] == form.bytes[..] && !(form.place == Place::WholeWord && continued) {
                    hidden[start..end].fill(true);
                }
            }
        }
        let mut out = Vec::new();
        for (i, byte) in text.iter().enumerate() {
            match hidden[i] {
                false => out.push(*byte),
                true if i > 0 && hidden[i - 1] => {}
                true => out.extend_from_slice(MASK.as_bytes()),
            }
        }
        out
    }

    fn masker(values: &[Vec<u8>]) -> Masker {
        let masker = Masker::new();
        for value in values {
            // Values below the floor are part of the test: the model leaves them out too.
            let _ = masker.add_bytes("test", value);
        }
        masker
    }

    fn through(stream: &mut MaskStream, chunks: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in chunks {
            stream.push(chunk, &mut out);
        }
        stream.finish(&mut out);
        out
    }

    fn cut<'a>(text: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<usize> = cuts.iter().map(|c| c % (text.len() + 1)).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        cuts.windows(2).map(|w| &text[w[0]..w[1]]).collect()
    }

    /// Values and texts over few letters, so that they overlap in every way.
    fn values() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let line = "[ab.]{0,10}".prop_map(String::into_bytes);
        let lines = proptest::collection::vec(line, 1..4).prop_map(|l| l.join(&b'\n'));
        proptest::collection::vec(lines, 0..5)
    }

    /// Text that consists of pieces of the values and of noise.
    fn text(values: Vec<Vec<u8>>) -> impl Strategy<Value = (Vec<Vec<u8>>, Vec<u8>)> {
        let noise = prop_oneof!["[ab.\r\n]{0,12}", "[cd ]{150,400}"].prop_map(String::into_bytes);
        let mut piece = noise.boxed();
        if !values.is_empty() {
            let part =
                (proptest::sample::select(values.clone()), 0..40usize, 0..40usize).prop_map(|(v, a, b)| {
                    let (a, b) = (a % (v.len() + 1), b % (v.len() + 1));
                    if a < b { v[a..b].to_vec() } else { v }
                });
            piece = prop_oneof![piece, part].boxed();
        }
        let text = proptest::collection::vec(piece, 0..12).prop_map(|p| p.concat());
        (Just(values), text)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn any_chunking_masks_as_the_whole(
            (values, text) in values().prop_flat_map(text),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let want = model(&text, &values);
            let masker = masker(&values);
            let got = through(&mut masker.stream(), &cut(&text, &cuts));
            prop_assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(&want));
            let single: Vec<&[u8]> = text.chunks(1).collect();
            prop_assert_eq!(&through(&mut masker.stream(), &single), &want);
            let marks = want.windows(3).filter(|w| w == b"***").count() as u64;
            prop_assert_eq!(masker.masked(), 2 * marks);
        }

        #[test]
        fn no_secret_survives_silence_or_a_new_secret(
            (values, text) in values().prop_flat_map(text),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
            late in "[ab]{8,12}",
        ) {
            let masker = masker(&values);
            let mut stream = masker.stream();
            let mut out = Vec::new();
            let chunks = cut(&text, &cuts);
            for (i, chunk) in chunks.iter().enumerate() {
                stream.push(chunk, &mut out);
                if i % 2 == 0 {
                    stream.flush_after_silence(&mut out);
                }
                if i == chunks.len() / 2 {
                    masker.add_bytes("late", late.as_bytes()).unwrap();
                    stream.push(late.as_bytes(), &mut out);
                }
            }
            stream.finish(&mut out);
            let out = String::from_utf8_lossy(&out).into_owned();
            for form in values.iter().filter_map(|v| forms::of(v).ok()).flatten() {
                if form.place == Place::Anywhere {
                    let form = String::from_utf8_lossy(&form.bytes).into_owned();
                    prop_assert!(!out.contains(&form), "{:?} in {:?}", form, out);
                }
            }
        }

        #[test]
        fn what_is_held_back_never_exceeds_the_longest_form(
            (values, text) in values().prop_flat_map(text),
            cuts in proptest::collection::vec(any::<usize>(), 0..8),
        ) {
            let longest = values.iter().filter_map(|v| forms::of(v).ok()).flatten().map(|f| f.bytes.len()).max();
            let mut stream = masker(&values).stream();
            let mut out = Vec::new();
            for chunk in cut(&text, &cuts) {
                stream.push(chunk, &mut out);
                let held = stream.search.as_ref().map_or(0, |s| s.held.len());
                prop_assert!(held <= longest.unwrap_or(0));
            }
        }
    }

    #[test]
    fn a_secret_registered_while_its_beginning_is_held_is_masked() {
        let masker = masker(&[b"prefix-of-one".to_vec()]);
        let mut stream = masker.stream();
        let mut out = Vec::new();
        stream.push(b"say prefix-of-", &mut out);
        assert_eq!(out, b"say ");
        masker.add_bytes("two", b"prefix-of-two").unwrap();
        stream.push(b"two!", &mut out);
        assert_eq!(out, b"say ***!");
    }

    #[test]
    fn a_prompt_shows_at_once_unless_it_may_begin_a_secret() {
        let masker = masker(&[b"correct horse".to_vec(), b"pass".to_vec()]);
        let mut stream = masker.stream();
        let mut out = Vec::new();
        stream.push(b"Password: ", &mut out);
        assert_eq!(out, b"Password: ");
        stream.push(b"pass", &mut out);
        assert_eq!(out, b"Password: ", "it may be `passage`");
        stream.flush_after_silence(&mut out);
        assert_eq!(out, b"Password: ***");
        stream.push(b" corr", &mut out);
        stream.flush_after_silence(&mut out);
        assert_eq!(out, b"Password: *** ");
        assert!(stream.holds());
        stream.finish(&mut out);
        assert_eq!(out, b"Password: *** corr");
    }

    #[test]
    fn what_is_abandoned_is_not_shown() {
        let mut stream = masker(&[b"correct horse".to_vec()]).stream();
        let mut out = Vec::new();
        stream.push(b"it is correct ho", &mut out);
        assert_eq!(stream.abandon(), 10);
        stream.push(b"rse", &mut out);
        stream.finish(&mut out);
        assert_eq!(out, b"it is rse");
    }
}
