//! Finds all forms of all secrets in one pass, overlapping ones too.
//!
//! Two machines share the work. A vector search, which only says where the first match begins, skips
//! text that holds none; around matches, and where a chunk may end within one, an Aho-Corasick automaton
//! goes byte by byte. It is walked by hand, since its state is what carries a search across chunks: the
//! state's depth is the length of the longest pending prefix of a form.

use std::collections::HashMap;

use aho_corasick::automaton::{Automaton as Walk, StateID};
use aho_corasick::{Anchored, MatchKind, Span, StartKind, dfa, nfa, packed};

use super::forms::{Form, Place};

/// Up to here a full table is affordable; beyond, the compact automaton costs some speed.
const MAX_DFA_PATTERN_BYTES: usize = 8 * 1024;
/// Shorter text is walked: setting the vector search up costs more than it saves.
const MIN_VECTOR_TEXT: usize = 128;

/// A form that ends where a scan stands.
#[derive(Clone, Copy)]
pub struct Hit {
    /// Length of the form.
    pub len: usize,
    /// Where it counts.
    pub place: Place,
}

/// What a scan remembers between chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State(StateID);

/// Immutable search for a set of forms.
pub struct Automaton {
    machine: Machine,
    vector: Option<packed::Searcher>,
    /// Each pattern's length and place, by its id.
    hits: Vec<Hit>,
    /// How many bytes are pending in every state but the start, ordered by state.
    depths: Vec<(StateID, u32)>,
    start: StateID,
    longest: usize,
}

enum Machine {
    Dfa(dfa::DFA),
    Nfa(nfa::contiguous::NFA),
}

impl Automaton {
    /// Builds the search; `None` where there is nothing to look for.
    ///
    /// The tables hold the forms in clear; unlike the forms they aren't cleared when dropped.
    pub fn new(forms: &[Form]) -> Option<Automaton> {
        if forms.is_empty() {
            return None;
        }
        let patterns: Vec<&[u8]> = forms.iter().map(|f| f.bytes.as_slice()).collect();
        let total: usize = patterns.iter().map(|p| p.len()).sum();
        let machine = if total <= MAX_DFA_PATTERN_BYTES {
            dfa::Builder::new()
                .match_kind(MatchKind::Standard)
                .start_kind(StartKind::Unanchored)
                .prefilter(false)
                .build(&patterns)
                .map(Machine::Dfa)
        } else {
            nfa::contiguous::Builder::new()
                .match_kind(MatchKind::Standard)
                .prefilter(false)
                .build(&patterns)
                .map(Machine::Nfa)
        }
        .expect("the masker bounds what its forms hold, far below 2^31 states");
        let (start, depths) = match &machine {
            Machine::Dfa(m) => depths(m, &patterns),
            Machine::Nfa(m) => depths(m, &patterns),
        };
        let vector = packed::Config::new()
            .match_kind(packed::MatchKind::LeftmostFirst)
            .builder()
            .extend(&patterns)
            .build();
        Some(Automaton {
            machine,
            vector,
            hits: forms.iter().map(|f| Hit { len: f.bytes.len(), place: f.place }).collect(),
            depths,
            start,
            longest: patterns.iter().map(|p| p.len()).max().unwrap_or(0),
        })
    }

    /// The state before any byte.
    pub fn start(&self) -> State {
        State(self.start)
    }

    /// How many of the last bytes may still become a form.
    pub fn depth(&self, state: State) -> usize {
        match self.depths.binary_search_by_key(&state.0, |d| d.0) {
            Ok(i) => self.depths[i].1 as usize,
            Err(_) => 0,
        }
    }

    /// Scans `text[from..]`, going on from `state`, and calls `found(hit, end)` for every form that ends in
    /// it, by ascending end.
    pub fn scan(&self, text: &[u8], from: usize, state: State, found: impl FnMut(Hit, usize)) -> State {
        State(match &self.machine {
            Machine::Dfa(m) => self.walk(m, text, from, state.0, found),
            Machine::Nfa(m) => self.walk(m, text, from, state.0, found),
        })
    }

    fn walk<M: Walk>(
        &self,
        machine: &M,
        text: &[u8],
        mut at: usize,
        mut state: StateID,
        mut found: impl FnMut(Hit, usize),
    ) -> StateID {
        loop {
            let rest = text.len() - at;
            if let Some(vector) = &self.vector
                && state == self.start
                && rest >= self.longest + MIN_VECTOR_TEXT
            {
                // Before the first whole match, only in the tail can one begin that the text cuts off.
                let tail = text.len() - (self.longest - 1);
                let first = vector.find_in(text, Span { start: at, end: text.len() });
                at = first.map_or(tail, |m| m.start().min(tail));
            }
            loop {
                let Some(byte) = text.get(at) else { return state };
                at += 1;
                state = machine.next_state(Anchored::No, state, *byte);
                if machine.is_match(state) {
                    for i in 0..machine.match_len(state) {
                        let hit = self.hits[machine.match_pattern(state, i).as_usize()];
                        found(hit, at);
                    }
                } else if state == self.start && self.vector.is_some() {
                    break;
                }
            }
        }
    }
}

/// The start state, and for every other one how many bytes may still become a form: walking a pattern from
/// the start visits exactly the states of its prefixes. Where a pattern ends and no other goes on, only what
/// begins later is pending; that is the state after the pattern without its first bytes.
fn depths<M: Walk>(machine: &M, patterns: &[&[u8]]) -> (StateID, Vec<(StateID, u32)>) {
    let start = machine.start_state(Anchored::No).expect("built for unanchored searches");
    let walk = |state, byte: &u8| machine.next_state(Anchored::No, state, *byte);
    let mut depths = Vec::with_capacity(patterns.iter().map(|p| p.len()).sum());
    for pattern in patterns {
        let proper = &pattern[..pattern.len() - 1];
        let states = proper.iter().scan(start, |state, byte| {
            *state = walk(*state, byte);
            Some(*state)
        });
        depths.extend(states.zip(1..));
    }
    depths.sort_unstable();
    depths.dedup();
    let depth = |known: &[(StateID, u32)], state| {
        known.binary_search_by_key(&state, |d| d.0).ok().map(|i| known[i].1)
    };
    // Shorter patterns first, since the state after a suffix may be the end of one.
    let mut by_length = patterns.to_vec();
    by_length.sort_unstable_by_key(|p| p.len());
    let mut ends: HashMap<StateID, u32> = HashMap::new();
    for pattern in by_length {
        let end = pattern.iter().fold(start, walk);
        if depth(&depths, end).is_none() {
            let later = pattern[1..].iter().fold(start, walk);
            let pending = depth(&depths, later).or_else(|| ends.get(&later).copied()).unwrap_or(0);
            ends.insert(end, pending);
        }
    }
    depths.extend(ends);
    depths.sort_unstable();
    (start, depths)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn automaton(values: &[&str]) -> Automaton {
        let forms: Vec<Form> = values
            .iter()
            .map(|v| Form { bytes: Zeroizing::new(v.as_bytes().to_vec()), place: Place::Anywhere })
            .collect();
        Automaton::new(&forms).unwrap()
    }

    #[test]
    fn depth_is_the_longest_pending_prefix() {
        let a = automaton(&["abcdabce", "bcdabcde"]);
        let state = a.scan(b"xxabcdabc", 0, a.start(), |_, _| {});
        assert_eq!(a.depth(state), 7, "abcdabc");
        let state = a.scan(b"d", 0, state, |_, _| {});
        assert_eq!(a.depth(state), 7, "bcdabcd");
        let state = a.scan(b"z", 0, state, |_, _| {});
        assert_eq!((state, a.depth(state)), (a.start(), 0));
    }

    #[test]
    fn overlapping_and_contained_forms_are_all_found() {
        let a = automaton(&["abcdef", "cdefgh", "cdef"]);
        let mut ends = Vec::new();
        let text = [vec![b'.'; 500], b"abcdefgh".to_vec(), vec![b'.'; 500]].concat();
        a.scan(&text, 0, a.start(), |hit, end| ends.push((end - hit.len, end)));
        ends.sort_unstable();
        assert_eq!(ends, [(500, 506), (502, 506), (502, 508)]);
    }
}
