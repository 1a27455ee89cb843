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
    /// Index of the first anchor of a window, by open addressing; [`NONE`] where there is none. As many as a power
    /// of two.
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
const STEP_BYTES: usize = STEP + 4;

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
        anchors.sort_unstable_by_key(|a| (a.window, a.rule, a.name, a.back));
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
            let hits = self.hits(bytes);
            if hits != 0 {
                self.report(at, bytes, hits, &mut candidate);
            }
            at += STEP;
        }
        // What is left, with nothing behind it that any literal has.
        while at < block.len() {
            let rest = &block[at..block.len().min(at + STEP_BYTES)];
            let mut bytes = [0; STEP_BYTES];
            bytes[..rest.len()].copy_from_slice(rest);
            self.report(at, &bytes, self.hits(&bytes), &mut candidate);
            at += STEP;
        }
    }

    /// At which of the first [`STEP`] places of `bytes` a window stands that has the hash of an anchor's.
    #[inline(always)]
    fn hits(&self, bytes: &[u8; STEP_BYTES]) -> u32 {
        let ([a, b, c], []) = bytes.as_chunks::<4>() else { return 0 };
        let [a, b, c] = [a, b, c].map(|word| u64::from(u32::from_le_bytes(*word)));
        let halves = [a | b << 32, b | c << 32];
        let mut hits = 0;
        for (half, bytes) in halves.into_iter().enumerate() {
            for place in 0..STEP / 2 {
                let hash = hash((bytes | CASE).wrapping_shr(8 * place as u32) as u32);
                let hit = u32::from(self.bitmap[hash / 8]) >> (hash % 8) & 1;
                hits |= hit << (place + STEP / 2 * half);
            }
        }
        hits
    }

    /// Calls `candidate` for each of `hits` that is a window of an anchor.
    #[inline(never)]
    fn report(
        &self,
        at: usize,
        bytes: &[u8; STEP_BYTES],
        mut hits: u32,
        candidate: &mut impl FnMut(usize, Anchor),
    ) {
        while hits != 0 {
            let place = hits.trailing_zeros() as usize;
            hits &= hits - 1;
            let Some(window) = bytes[place..].first_chunk::<4>() else { return };
            for anchor in self.anchors_of(fold(*window)) {
                if let Some(start) = (at + place).checked_sub(usize::from(anchor.back)) {
                    candidate(start, *anchor);
                }
            }
        }
    }

    fn anchors_of(&self, folded: u32) -> &[Anchor] {
        let last = self.slots.len() - 1;
        let mut slot = hash(folded) & last;
        loop {
            let first = usize::from(self.slots[slot]);
            let Some(anchors) = self.anchors.get(first..) else { return &[] };
            if anchors.first().is_some_and(|a| a.window == folded) {
                let count = anchors.iter().take_while(|a| a.window == folded).count();
                return &anchors[..count];
            }
            slot = (slot + 1) & last;
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
            // Only people write `API key`, and never of whom.
            let by_people = matches!(rule.shape, Shape::Assigned { .. });
            let separators = if by_people { &["_", "-", ".", "", " "][..] } else { &["_", "-", ".", ""] };
            for (which, name) in names.iter().enumerate() {
                for separator in separators {
                    add(which, 0, name.replace('_', separator).as_bytes(), None);
                }
            }
        }
        Shape::Userinfo { schemes: literals }
        | Shape::Command { commands: literals, .. }
        | Shape::Armoured { begins: literals } => {
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
        let marks = window.iter().filter(|b| !b.is_ascii_alphabetic() && **b != b' ').count();
        let repeated = (1..window.len()).filter(|at| window[..*at].contains(&window[*at])).count();
        match window.len() - repeated {
            1 => 0,
            distinct => distinct.min(3) + 2 * marks.min(2),
        }
    };
    let mut best = (0, &literal[..literal.len().min(4)]);
    for (offset, window) in literal.windows(4).enumerate().skip(1) {
        if rarity(window) > rarity(best.1) {
            best = (offset, window);
        }
    }
    best
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
        assert_eq!(rarest_window(b"-----BEGIN "), (3, &b"--BE"[..]));
        assert_eq!(rarest_window(b"test_"), (1, &b"est_"[..]));
        assert_eq!(rarest_window(b"eyJ"), (0, &b"eyJ"[..]));
    }
}
