//! The floor of masking by search and replace: an automaton over every spelling, with nothing else to do.

use std::fs::File;
use std::path::Path;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use palisade::mask::MASK;

use crate::measure::{Cost, function};

/// A deterministic automaton that replaces patterns.
pub struct Floor(AhoCorasick);

impl Floor {
    pub fn new(patterns: &[String]) -> Self {
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(patterns);
        Floor(automaton.expect("an automaton of so few patterns"))
    }

    /// In bytes, on the heap.
    pub fn memory(&self) -> usize {
        self.0.memory_usage()
    }

    pub fn replace(&self, from: impl std::io::Read, to: impl std::io::Write) {
        let masks = vec![MASK; self.0.patterns_len()];
        self.0.try_stream_replace_all(from, to, &masks).expect("the input and the output");
    }

    /// Replaces in a file, whose outcome is dropped as that of the other filters.
    pub fn run(&self, input: &Path) -> Cost {
        function(|| {
            let to = File::options().write(true).open("/dev/null").expect("/dev/null");
            self.replace(File::open(input).expect("the input"), to);
        })
    }
}
