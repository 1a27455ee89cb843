//! Finds the places where a rule could match, at the speed of reading.
//!
//! Each rule has literals that it can't do without. Four bytes of each are looked up at every position of the
//! text: first in a bitmap that fits the processor's first cache, and only on a hit in the table of what
//! has these four bytes. Case is ignored here; rules compare the rest themselves.

use super::rule::{Part, Rule, Shape};
use super::set::Set;

/// Where a rule could match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    /// The four bytes, folded.
    window: u32,
    /// Index of the rule.
    pub rule: u16,
    /// Which of the rule's names, for those that have several.
    pub name: u8,
    /// How many bytes before the window the match begins.
    pub back: u8,
}

/// All anchors of a set of rules.
pub(super) struct Prefilter {
    /// A bit for each hash of a window, set if an anchor has it.
    bitmap: Box<[u8; BITMAP_BYTES]>,
    /// Ordered by window.
    anchors: Vec<Anchor>,
    /// Index of the first anchor of a window, by open addressing; [`NONE`] where there is none.
    slots: Vec<u16>,
}

/// Large enough that few other windows share a hash with an anchor, small enough for the first cache.
const BITMAP_BYTES: usize = 1 << (HASH_BITS - 3);
const HASH_BITS: u32 = 18;
const NONE: u16 = u16::MAX;
/// The bit that tells small letters from capitals, in eight bytes.
const CASE: u64 = 0x2020_2020_2020_2020;
/// How many places are looked at in one step, and how many bytes that takes.
const STEP: usize = 8;
const STEP_BYTES: usize = STEP + 3;

fn fold(window: [u8; 4]) -> u32 {
    u32::from_le_bytes(window) | CASE as u32
}

fn hash(folded: u32) -> usize {
    (folded.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize
}

impl Prefilter {
    pub(super) fn new<'r>(rules: impl Iterator<Item = (u16, &'r Rule)>) -> Prefilter {
        let mut anchors = Vec::with_capacity(2048);
        for (index, rule) in rules {
            anchor(rule, index, &mut anchors);
        }
        anchors.sort_unstable_by_key(|a| (a.window, a.rule, a.name));
        anchors.dedup();
        let mut bitmap = Box::new([0; BITMAP_BYTES]);
        let mut slots = vec![NONE; (anchors.len() * 2).next_power_of_two()];
        let mut last = None;
        for (index, anchor) in anchors.iter().enumerate() {
            if last.replace(anchor.window) == Some(anchor.window) {
                continue;
            }
            let hash = hash(anchor.window);
            bitmap[hash / 8] |= 1 << (hash % 8);
            let mut slot = hash % slots.len();
            while slots[slot] != NONE {
                slot = (slot + 1) % slots.len();
            }
            slots[slot] = u16::try_from(index).unwrap_or(NONE);
        }
        Prefilter { bitmap, anchors, slots }
    }

    /// Calls `candidate` with each place where a match could begin, as far as its anchor's window says.
    pub(super) fn scan(&self, block: &[u8], mut candidate: impl FnMut(usize, Anchor)) {
        let mut at = 0;
        while let Some(bytes) = block[at..].first_chunk::<STEP_BYTES>() {
            self.step(bytes, at, &mut candidate);
            at += STEP;
        }
        // What is left, with nothing behind it that any literal has.
        let mut last = [0; STEP_BYTES];
        while at < block.len() {
            let rest = &block[at..];
            let len = rest.len().min(STEP_BYTES);
            last[..len].copy_from_slice(&rest[..len]);
            last[len..].fill(0);
            self.step(&last, at, &mut candidate);
            at += STEP;
        }
    }

    /// Looks at the first [`STEP`] places of `bytes`, which stand at `at`.
    fn step(&self, bytes: &[u8; STEP_BYTES], at: usize, candidate: &mut impl FnMut(usize, Anchor)) {
        let [a, b, c, d, e, f, g, h, i, j, k] = *bytes;
        let halves = [
            u64::from_le_bytes([a, b, c, d, e, f, g, h]) | CASE,
            u64::from_le_bytes([e, f, g, h, i, j, k, 0]) | CASE,
        ];
        let mut hits = 0u32;
        for place in 0..STEP / 2 {
            for (half, windows) in halves.iter().enumerate() {
                let hash = hash((windows >> (8 * place)) as u32);
                let hit = u32::from(self.bitmap[hash / 8]) >> (hash % 8) & 1;
                hits |= hit << (place + STEP / 2 * half);
            }
        }
        while hits != 0 {
            let place = hits.trailing_zeros() as usize;
            hits &= hits - 1;
            let folded = (halves[place / (STEP / 2)] >> (8 * (place % (STEP / 2)))) as u32;
            for anchor in self.anchors_of(folded) {
                if let Some(start) = (at + place).checked_sub(usize::from(anchor.back)) {
                    candidate(start, *anchor);
                }
            }
        }
    }

    fn anchors_of(&self, folded: u32) -> &[Anchor] {
        let mut slot = hash(folded) % self.slots.len();
        loop {
            let first = usize::from(self.slots[slot]);
            let Some(anchors) = self.anchors.get(first..) else { return &[] };
            if anchors.first().is_some_and(|a| a.window == folded) {
                let count = anchors.iter().take_while(|a| a.window == folded).count();
                return &anchors[..count];
            }
            slot = (slot + 1) % self.slots.len();
        }
    }
}

/// Adds the anchors of a rule.
fn anchor(rule: &Rule, index: u16, anchors: &mut Vec<Anchor>) {
    let mut add = |name: usize, before: usize, literal: &[u8], next: Option<Set>| {
        let (offset, window) = rarest_window(literal);
        let back = (before + offset) as u8;
        let anchor = Anchor { window: 0, rule: index, name: name as u8, back };
        match *window {
            [a, b, c, d] => anchors.push(Anchor { window: fold([a, b, c, d]), ..anchor }),
            [a, b, c] => {
                let follows = (b'!'..=b'~').filter(|d| next.is_none_or(|set| set.has(*d)));
                anchors.extend(follows.map(|d| Anchor { window: fold([a, b, c, d]), ..anchor }));
            }
            _ => debug_assert!(false, "{}: a literal of {} bytes finds nothing", rule.id, literal.len()),
        }
    };
    match rule.shape {
        Shape::Token { lead, secret, .. } => {
            let parts: Vec<&Part> = lead.iter().chain(secret).collect();
            let fixed = |part: &&Part| match part {
                Part::Run { min, max, .. } if min == max => Some(usize::from(*min)),
                _ => None,
            };
            let before: usize = parts.iter().map_while(fixed).sum();
            let mut rest = parts.iter().skip_while(|part| fixed(part).is_some());
            let literals = match rest.next() {
                Some(Part::Lit(literal)) => std::slice::from_ref(literal),
                Some(Part::OneOf(literals)) => literals,
                _ => &[],
            };
            debug_assert!(!literals.is_empty(), "{}: no literal at a fixed place", rule.id);
            let next = match rest.next() {
                Some(Part::Run { set, .. }) => Some(*set),
                _ => None,
            };
            literals.iter().for_each(|literal| add(0, before, literal.as_bytes(), next));
        }
        Shape::Named { names, .. } | Shape::Assigned { names, .. } => {
            for (which, name) in names.iter().enumerate() {
                spellings(name).iter().for_each(|spelling| add(which, 0, spelling.as_bytes(), None));
            }
        }
        Shape::Userinfo { schemes: literals } | Shape::Armoured { begins: literals } => {
            for (which, literal) in literals.iter().enumerate() {
                add(which, 0, literal.as_bytes(), None);
            }
        }
        Shape::Follows => {}
    }
}

/// The four bytes of a literal that ordinary text is least likely to have, and where they stand in it; all of
/// a shorter one.
fn rarest_window(literal: &[u8]) -> (usize, &[u8]) {
    let rarity = |window: &[u8]| {
        let marks = window.iter().filter(|b| !b.is_ascii_alphabetic()).count();
        let repeated = (1..window.len()).filter(|at| window[..*at].contains(&window[*at])).count();
        marks.min(2) + 2 * (window.len() - repeated)
    };
    let mut best = (0, &literal[..literal.len().min(4)]);
    for (offset, window) in literal.windows(4).enumerate().skip(1) {
        if rarity(window) > rarity(best.1) {
            best = (offset, window);
        }
    }
    best
}

/// The ways in which a name can be spelt: see [`Shape::Named`].
fn spellings(name: &str) -> Vec<String> {
    if !name.contains('_') {
        return vec![name.to_string()];
    }
    ["_", "-", ".", " ", ""].iter().map(|separator| name.replace('_', separator)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_found_wherever_they_stand() {
        let rules: Vec<&Rule> = super::super::rules::all().collect();
        let filter = Prefilter::new(rules.iter().enumerate().map(|(at, rule)| (at as u16, *rule)));
        for shift in 0..20 {
            for tail in 0..20 {
                let text = format!("{}glpat-{}", ".".repeat(shift), ".".repeat(tail));
                let mut found = Vec::new();
                filter
                    .scan(text.as_bytes(), |at, anchor| found.push((at, rules[usize::from(anchor.rule)].id)));
                assert!(found.contains(&(shift, "gitlab-personal-access-token")), "{shift} {tail}");
                assert!(found.iter().all(|(at, _)| *at == shift), "{found:?}");
            }
        }
    }

    #[test]
    fn rare_windows_are_chosen() {
        assert_eq!(rarest_window(b"-----BEGIN "), (4, &b"-BEG"[..]));
        assert_eq!(rarest_window(b"test_"), (1, &b"est_"[..]));
        assert_eq!(rarest_window(b"eyJ"), (0, &b"eyJ"[..]));
    }
}
