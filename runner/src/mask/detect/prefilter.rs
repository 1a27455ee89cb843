//! Finds the places where a rule could match, at the speed of reading. [`gather`] has which places these are.
//!
//! Each rule has literals that it can't do without. Four bytes of each are looked up at every position of the
//! text: first in a bitmap that fits the processor's first cache, and only on a hit in the table of what
//! has these four bytes. Case is ignored here; rules compare the rest themselves.

mod gather;

use gather::Gathered;

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

/// Large enough that few other windows share a hash with an anchor, small enough for the first cache.
const BITMAP_BYTES: usize = 1 << (HASH_BITS - 3);
const HASH_BITS: u32 = 18;
const NONE: u16 = u16::MAX;
/// The bit that tells small letters from capitals, in eight bytes.
const CASE: u64 = 0x2020_2020_2020_2020;
/// How many places are looked at in one step, and how many bytes that takes.
const STEP: usize = 8;
const STEP_BYTES: usize = STEP + 4;

const fn fold(window: [u8; 4]) -> u32 {
    u32::from_le_bytes(window) | CASE as u32
}

const fn hash(folded: u32) -> usize {
    (folded.wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize
}

/// All anchors of the table of rules. They are worked out by the compiler: it takes longer than most steps run.
pub(super) struct Prefilter {
    /// A bit for each hash of a window, set if an anchor has it.
    bitmap: [u8; BITMAP_BYTES],
    /// Ordered by window.
    anchors: [Anchor; COUNT],
    /// Index of the first anchor of a window, by open addressing; [`NONE`] where there is none.
    slots: [u16; SLOTS],
}

/// Of all rules.
pub(super) static PREFILTER: Prefilter = Prefilter::new();

/// How many anchors there are, and room for them in a table that is at most half full.
const COUNT: usize = GATHERED.count;
const SLOTS: usize = (COUNT * 2).next_power_of_two();
const GATHERED: Gathered = Gathered::all();

impl Prefilter {
    const fn new() -> Prefilter {
        let mut filter = Prefilter {
            bitmap: [0; BITMAP_BYTES],
            anchors: [Anchor { window: 0, rule: 0, name: 0, back: 0 }; COUNT],
            slots: [NONE; SLOTS],
        };
        let mut index = 0;
        while index < COUNT {
            let anchor = Anchor::of_key(GATHERED.keys[index]);
            filter.anchors[index] = anchor;
            if index == 0 || filter.anchors[index - 1].window != anchor.window {
                let hash = hash(anchor.window);
                filter.bitmap[hash / 8] |= 1 << (hash % 8);
                let mut slot = hash % SLOTS;
                while filter.slots[slot] != NONE {
                    slot = (slot + 1) % SLOTS;
                }
                filter.slots[slot] = index as u16;
            }
            index += 1;
        }
        filter
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_found_wherever_they_stand() {
        let rules = super::super::rules::table();
        for shift in 0..20 {
            for tail in 0..20 {
                let text = format!("{}glpat-{}", ".".repeat(shift), ".".repeat(tail));
                let mut found = Vec::new();
                PREFILTER
                    .scan(text.as_bytes(), |at, anchor| found.push((at, rules[usize::from(anchor.rule)].id)));
                assert!(found.contains(&(shift, "gitlab-personal-access-token")), "{shift} {tail}");
                assert!(found.iter().all(|(at, _)| *at == shift), "{found:?}");
            }
        }
    }

    #[test]
    fn every_anchor_is_found_by_its_window() {
        for anchor in &PREFILTER.anchors {
            assert!(PREFILTER.anchors_of(anchor.window).contains(anchor));
        }
    }
}
