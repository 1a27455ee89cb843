//! Finds the places where a rule could match, at the speed of reading.
//!
//! Each rule has literals that it can't do without. Four bytes of each are looked up at every position of the
//! text: first in a bitmap that fits the processor's first cache, and only on a hit in the table of what
//! has these four bytes. Case is ignored here; rules compare the rest themselves.

use super::rule::{Part, Rule, Shape};

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
    /// Whether any anchor has a window of this hash.
    bitmap: Box<[u64; BITMAP_WORDS]>,
    /// Ordered by window.
    anchors: Vec<Anchor>,
    /// Index of the first anchor of a window, by open addressing; [`NONE`] where there is none.
    slots: Vec<u16>,
}

const BITMAP_WORDS: usize = 1024;
const NONE: u16 = u16::MAX;

fn fold(window: u32) -> u32 {
    window | 0x2020_2020
}

fn hash(folded: u32) -> u32 {
    folded.wrapping_mul(0x9E37_79B1) >> 16
}

impl Prefilter {
    pub(super) fn new<'r>(rules: impl Iterator<Item = (u16, &'r Rule)>) -> Prefilter {
        let mut anchors = Vec::with_capacity(2048);
        for (index, rule) in rules {
            anchor(rule, index, &mut anchors);
        }
        anchors.sort_unstable_by_key(|a| (a.window, a.rule, a.name));
        anchors.dedup();
        let mut bitmap = Box::new([0; BITMAP_WORDS]);
        let mut slots = vec![NONE; (anchors.len() * 2).next_power_of_two()];
        let mut last = None;
        for (index, anchor) in anchors.iter().enumerate() {
            if last.replace(anchor.window) == Some(anchor.window) {
                continue;
            }
            let hash = hash(anchor.window) as usize;
            bitmap[hash / 64] |= 1 << (hash % 64);
            let mut slot = hash % slots.len();
            while slots[slot] != NONE {
                slot = (slot + 1) % slots.len();
            }
            slots[slot] = u16::try_from(index).unwrap_or(NONE);
        }
        Prefilter { bitmap, anchors, slots }
    }

    /// Calls `candidate` with each place where an anchor's window stands, in ascending order.
    pub(super) fn scan(&self, block: &[u8], mut candidate: impl FnMut(usize, Anchor)) {
        let Some((first, rest)) = block.split_at_checked(3) else { return };
        let mut window = u32::from_le_bytes([0, first[0], first[1], first[2]]);
        for (at, byte) in rest.iter().enumerate() {
            window = window >> 8 | u32::from(*byte) << 24;
            let folded = fold(window);
            let hash = hash(folded);
            if self.bitmap[hash as usize / 64] & (1 << (hash % 64)) != 0 {
                for anchor in self.anchors_of(folded, hash) {
                    candidate(at, *anchor);
                }
            }
        }
    }

    fn anchors_of(&self, folded: u32, hash: u32) -> &[Anchor] {
        let mut slot = hash as usize % self.slots.len();
        loop {
            let first = usize::from(self.slots[slot]);
            let Some(anchors) = self.anchors.get(first..) else { return &[] };
            if anchors[0].window == folded {
                let count = anchors.iter().take_while(|a| a.window == folded).count();
                return &anchors[..count];
            }
            slot = (slot + 1) % self.slots.len();
        }
    }
}

/// Adds the anchors of a rule.
fn anchor(rule: &Rule, index: u16, anchors: &mut Vec<Anchor>) {
    let mut add = |name: usize, back: usize, literal: &[u8], next: &dyn Fn(u8) -> bool| {
        let anchor = Anchor { window: 0, rule: index, name: name as u8, back: back as u8 };
        match *literal {
            [a, b, c, d, ..] => {
                anchors.push(Anchor { window: fold(u32::from_le_bytes([a, b, c, d])), ..anchor });
            }
            [a, b, c] => anchors.extend(
                (b'!'..=b'~')
                    .filter(|d| next(*d))
                    .map(|d| Anchor { window: fold(u32::from_le_bytes([a, b, c, d])), ..anchor }),
            ),
            _ => debug_assert!(false, "{}: a literal of {} bytes finds nothing", rule.id, literal.len()),
        }
    };
    let any = |_: u8| true;
    match rule.shape {
        Shape::Token { lead, secret, .. } => {
            let mut back = 0;
            let mut parts = lead.iter().chain(secret).peekable();
            while let Some(part) = parts.next() {
                let next = parts.peek().copied();
                let may_follow = move |byte: u8| match next {
                    Some(Part::Run { set, .. }) => set.has(byte),
                    _ => true,
                };
                match part {
                    Part::Run { min, max, .. } if min == max => back += usize::from(*min),
                    Part::Lit(literal) => return add(0, back, literal.as_bytes(), &may_follow),
                    Part::OneOf(literals) => {
                        for literal in *literals {
                            add(0, back, literal.as_bytes(), &may_follow);
                        }
                        return;
                    }
                    Part::Run { .. } | Part::Maybe(_) => break,
                }
            }
            debug_assert!(false, "{}: no literal at a fixed place", rule.id);
        }
        Shape::Named { names, .. } | Shape::Assigned { names, .. } => {
            for (which, name) in names.iter().enumerate() {
                for spelling in spellings(name) {
                    add(which, 0, &spelling, &any);
                }
            }
        }
        Shape::Userinfo { schemes } => {
            for (which, scheme) in schemes.iter().enumerate() {
                add(which, 0, scheme.as_bytes(), &any);
            }
        }
        Shape::Armoured { begins } => {
            for (which, begin) in begins.iter().enumerate() {
                add(which, 0, begin.as_bytes(), &any);
            }
        }
        Shape::Follows => {}
    }
}

/// The ways in which the first bytes of a name can be spelt: see [`Shape::Named`].
fn spellings(name: &str) -> Vec<Vec<u8>> {
    let head = name.as_bytes();
    if !head.iter().take(4).any(|b| *b == b'_') {
        return vec![head.to_vec()];
    }
    ["_", "-", ".", " ", ""].iter().map(|separator| name.replace('_', separator).into_bytes()).collect()
}
