//! Which four bytes each rule can't do without: worked out by the compiler, from the table of rules.

use super::{Anchor, fold};
use crate::mask::detect::rule::{Part, Rule, Shape};
use crate::mask::detect::rules::FAMILIES;
use crate::mask::detect::set::Set;

/// More anchors than all rules have. An index of one is a `u16`.
const MOST: usize = 4096;
/// Longer than any name.
const LONGEST_NAME: usize = 64;
/// What a name's `_` stands for; only people write `API key`, and never of whom.
const SEPARATORS: [&[u8]; 5] = [b"_", b"-", b".", b"", b" "];

/// The anchors of all rules, in order and each once.
pub(super) struct Gathered {
    /// Each by its key.
    pub keys: [u64; MOST],
    /// How many there are.
    pub count: usize,
}

impl Anchor {
    /// Its parts in the order by which anchors are sorted.
    const fn key(self) -> u64 {
        (self.window as u64) << 32 | (self.rule as u64) << 16 | (self.name as u64) << 8 | self.back as u64
    }

    /// The anchor of a key.
    pub(super) const fn of_key(key: u64) -> Anchor {
        let (window, rule) = ((key >> 32) as u32, (key >> 16) as u16);
        Anchor { window, rule, name: (key >> 8) as u8, back: key as u8 }
    }
}

impl Gathered {
    /// Of all rules, by their index.
    pub(super) const fn all() -> Gathered {
        let mut all = Gathered { keys: [0; MOST], count: 0 };
        let (mut family, mut index) = (0, 0);
        while family < FAMILIES.len() {
            let mut at = 0;
            while at < FAMILIES[family].len() {
                all.add_rule(&FAMILIES[family][at], index);
                at += 1;
                index += 1;
            }
            family += 1;
        }
        all.sort();
        all.dedup();
        all
    }

    const fn add_rule(&mut self, rule: &Rule, index: u16) {
        match rule.shape {
            Shape::Token { lead, secret, .. } => self.add_token(index, lead, secret),
            Shape::Named { names, .. } => self.add_names(index, names, 4),
            Shape::Assigned { names, .. } => self.add_names(index, names, SEPARATORS.len()),
            Shape::Userinfo { schemes: literals }
            | Shape::Command { commands: literals, .. }
            | Shape::Armoured { begins: literals }
            | Shape::Manifest { keys: literals } => self.add_literals(index, literals, 0, None),
            Shape::Follows => {}
        }
    }

    /// The first literal of a token, which stands at a fixed place.
    const fn add_token(&mut self, index: u16, lead: &[Part], secret: &[Part]) {
        let (mut before, mut at) = (0, 0);
        while let Part::Run { min, max, .. } = part(lead, secret, at) {
            assert!(min == max, "a token without a literal at a fixed place");
            before += min as usize;
            at += 1;
        }
        let next = match at + 1 < lead.len() + secret.len() {
            true => match part(lead, secret, at + 1) {
                Part::Run { set, .. } => Some(set),
                _ => None,
            },
            false => None,
        };
        match part(lead, secret, at) {
            Part::Lit(literal) => self.add(index, 0, before, literal.as_bytes(), next),
            Part::OneOf(literals) => {
                let mut which = 0;
                while which < literals.len() {
                    self.add(index, 0, before, literals[which].as_bytes(), next);
                    which += 1;
                }
            }
            Part::Run { .. } | Part::Maybe(_) => panic!("a token without a literal at a fixed place"),
        }
    }

    const fn add_names(&mut self, index: u16, names: &[&str], separators: usize) {
        let mut which = 0;
        while which < names.len() {
            let mut separator = 0;
            while separator < separators {
                let (spelled, length) = spell(names[which].as_bytes(), SEPARATORS[separator]);
                self.add(index, which, 0, spelled.split_at(length).0, None);
                separator += 1;
            }
            which += 1;
        }
    }

    const fn add_literals(&mut self, index: u16, literals: &[&str], before: usize, next: Option<Set>) {
        let mut which = 0;
        while which < literals.len() {
            self.add(index, which, before, literals[which].as_bytes(), next);
            which += 1;
        }
    }

    /// Adds what a literal is found by. One of three bytes is found by what may follow it.
    const fn add(&mut self, rule: u16, name: usize, before: usize, literal: &[u8], next: Option<Set>) {
        assert!(literal.len() >= 3, "a literal that is too short to be found");
        let offset = rarest_window(literal);
        let (name, back) = (name as u8, (before + offset) as u8);
        let [a, b, c] = [literal[offset], literal[offset + 1], literal[offset + 2]];
        if literal.len() > 3 {
            let window = fold([a, b, c, literal[offset + 3]]);
            return self.push(Anchor { window, rule, name, back });
        }
        let mut d = b'!';
        while d <= b'~' {
            let follows = match next {
                Some(set) => set.has(d),
                None => true,
            };
            if follows {
                self.push(Anchor { window: fold([a, b, c, d]), rule, name, back });
            }
            d += 1;
        }
    }

    const fn push(&mut self, anchor: Anchor) {
        self.keys[self.count] = anchor.key();
        self.count += 1;
    }

    /// Shellsort: short, and fast enough for some thousands.
    const fn sort(&mut self) {
        let mut gap = MOST / 2;
        while gap > 0 {
            let mut at = gap;
            while at < self.count {
                let key = self.keys[at];
                let mut to = at;
                while to >= gap && self.keys[to - gap] > key {
                    self.keys[to] = self.keys[to - gap];
                    to -= gap;
                }
                self.keys[to] = key;
                at += 1;
            }
            gap /= 2;
        }
    }

    const fn dedup(&mut self) {
        let (mut kept, mut at) = (0, 0);
        while at < self.count {
            if kept == 0 || self.keys[kept - 1] != self.keys[at] {
                self.keys[kept] = self.keys[at];
                kept += 1;
            }
            at += 1;
        }
        self.count = kept;
    }
}

/// One of the parts of both, which follow each other.
const fn part(lead: &[Part], secret: &[Part], at: usize) -> Part {
    if at < lead.len() { lead[at] } else { secret[at - lead.len()] }
}

/// A name with something else for its `_`, and its length.
const fn spell(name: &[u8], separator: &[u8]) -> ([u8; LONGEST_NAME], usize) {
    let (mut spelled, mut length, mut at) = ([0; LONGEST_NAME], 0, 0);
    while at < name.len() {
        if name[at] != b'_' {
            spelled[length] = name[at];
            length += 1;
        } else if !separator.is_empty() {
            spelled[length] = separator[0];
            length += 1;
        }
        at += 1;
    }
    (spelled, length)
}

/// Where in a literal those four bytes stand that ordinary text is least likely to have.
const fn rarest_window(literal: &[u8]) -> usize {
    let (mut best, mut at) = (0, 1);
    while at + 4 <= literal.len() {
        if rarity(literal, at) > rarity(literal, best) {
            best = at;
        }
        at += 1;
    }
    best
}

const fn rarity(literal: &[u8], at: usize) -> u32 {
    let (mut marks, mut distinct, mut byte) = (0, 0, at);
    while byte < at + 4 {
        if !literal[byte].is_ascii_alphabetic() && literal[byte] != b' ' && marks < 2 {
            marks += 1;
        }
        let mut before = at;
        while literal[before] != literal[byte] {
            before += 1;
        }
        if before == byte {
            distinct += 1;
        }
        byte += 1;
    }
    match distinct {
        1 => 0,
        4 => 3 + 2 * marks,
        distinct => distinct + 2 * marks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_windows_are_chosen() {
        assert_eq!(rarest_window(b"-----BEGIN "), 3);
        assert_eq!(rarest_window(b"test_"), 1);
        assert_eq!(rarest_window(b"eyJ"), 0);
    }

    #[test]
    fn a_name_is_spelled_with_each_of_its_separators() {
        let spelled = |separator| spell(b"api_key", separator);
        assert_eq!(spelled(b"").0[..spelled(b"").1], *b"apikey");
        assert_eq!(spelled(b"-").0[..spelled(b"-").1], *b"api-key");
    }

    #[test]
    fn anchors_are_in_order_and_each_is_there_once() {
        let all = Gathered::all();
        assert!(all.keys[..all.count].is_sorted_by(|a, b| a < b));
        assert!(all.count > 1000);
    }
}
