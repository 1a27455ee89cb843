//! Finds where text may hold a spelling of a value: looks up windows of a few bytes in a table of windows chosen
//! from the spellings.
//!
//! The table holds hashes, never bytes of a value, and its cost per byte of text doesn't grow with the
//! number of values: a bit field that fits a cache answers for nearly all windows.

/// Where a window stands in a spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed {
    /// Index of the form.
    pub form: u32,
    /// The symbol that the window begins with.
    pub at: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: Tag,
    /// The entry before it in the same list; [`NONE`] for the last.
    next: u32,
    seed: Seed,
}

const NONE: u32 = u32::MAX;

/// Table of windows of `WIDTH` bytes, at most 8. Letters count as the same in both cases. Only every `STEP`th window of
/// a text is looked up: of what is to be found wherever it stands, `STEP` windows in a row belong here.
#[derive(Default)]
pub struct Seeds<const WIDTH: usize, const STEP: usize> {
    /// Four bits of one word for each hash that is taken, and 16 bits a seed at least: few windows of a thousand pass by
    /// chance.
    taken: Vec<u64>,
    /// The first of a list of entries, by hash. Many values may share a window, so that lists must grow in constant
    /// time.
    lists: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn of<const WIDTH: usize>(window: &[u8]) -> Hash {
        let mut bytes = [0; 8];
        bytes[..WIDTH].copy_from_slice(&window[..WIDTH]);
        Hash::of_word(u64::from_le_bytes(bytes))
    }

    /// Folds case by setting bit 5 of every byte; the factor is 2^64 divided by the golden ratio (Knuth, The Art of
    /// Computer Programming, 6.4).
    fn of_word(word: u64) -> Hash {
        Hash((word | 0x2020_2020_2020_2020).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn tag(self) -> Tag {
        Tag((self.0 >> 32) as u32)
    }
}

/// Four bits of a word, the first of which is the lowest; a hash turns one of them.
static PATTERNS: [u64; 64] = {
    let mut patterns = [0; 64];
    let mut i = 0;
    while i < 64 {
        // Odd steps, so that the bits differ.
        let step = 2 * (i as u32 % 32) + 1;
        let turn = 1 + i as u32 / 32;
        patterns[i] = 1 | 1 << step | 1 << ((3 * step + turn * 8) % 64) | 1 << ((7 * step + turn * 8) % 64);
        i += 1;
    }
    patterns
};

/// The better half of a hash; all that a table knows of a window.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag(u32);

impl Tag {
    /// Which word of the bit field, whose length is `mask` + 1.
    fn word(self, mask: usize) -> usize {
        self.0 as usize >> 6 & mask
    }

    /// Which bits of that word.
    fn bits(self) -> u64 {
        PATTERNS[(self.0 >> 26) as usize].rotate_left(self.0 & 63)
    }

    /// Whether a word of the bit field has all of them.
    fn is_in(self, word: u64) -> bool {
        let bits = self.bits();
        word & bits == bits
    }

    /// Which list, by other bits than the bit field's.
    fn list(self, mask: usize) -> usize {
        self.0.rotate_left(12) as usize & mask
    }
}

impl<const WIDTH: usize, const STEP: usize> Seeds<WIDTH, STEP> {
    /// Whether there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a window.
    pub fn add(&mut self, window: &[u8; WIDTH], seed: Seed) {
        let tag = Hash::of::<WIDTH>(window).tag();
        self.entries.push(Entry { tag, next: NONE, seed });
        if self.entries.len() > self.lists.len() {
            self.grow();
        } else {
            self.enlist(self.entries.len() - 1);
        }
    }

    /// Whether a window with the same hash was added: a choice between windows takes another.
    pub fn may_hold(&self, window: &[u8; WIDTH]) -> bool {
        !self.taken.is_empty() && {
            let tag = Hash::of::<WIDTH>(window).tag();
            tag.is_in(self.taken[tag.word(self.taken.len() - 1)])
        }
    }

    fn enlist(&mut self, at: usize) {
        let entry = &mut self.entries[at];
        let word = entry.tag.word(self.taken.len() - 1);
        self.taken[word] |= entry.tag.bits();
        let list = entry.tag.list(self.lists.len() - 1);
        let list = &mut self.lists[list];
        entry.next = std::mem::replace(list, at as u32);
    }

    /// Doubles the table.
    fn grow(&mut self) {
        let size = (2 * self.lists.len()).max(64);
        self.lists = vec![NONE; size];
        self.taken = vec![0; size / 4];
        (0..self.entries.len()).for_each(|at| self.enlist(at));
    }

    /// Calls `found(p, seed)` for every seed whose window may begin at `bytes[p]`, for every `STEP`th `p` from `from`
    /// on. Gives the first that is still to be looked up, once there are more bytes.
    pub fn scan(&self, bytes: &[u8], from: usize, mut found: impl FnMut(usize, Seed)) -> usize {
        let count = (bytes.len() + 1).saturating_sub(WIDTH).saturating_sub(from).div_ceil(STEP);
        if !self.is_empty() {
            let mask = self.taken.len() - 1;
            let taken = &self.taken[..=mask];
            let mut check = |p: usize, hash: Hash| {
                let tag = hash.tag();
                if tag.is_in(taken[tag.word(mask)]) {
                    self.look_up(tag, &mut |seed| found(p, seed));
                }
            };
            let text = bytes.get(from..).unwrap_or_default();
            // Eight bytes are loaded at once where there are so many.
            let (steps, _) = text.as_chunks::<STEP>();
            let quick = if WIDTH <= 8 && 2 * STEP == 8 { steps.len().saturating_sub(1) } else { 0 };
            for (k, step) in steps.array_windows::<2>().take(quick).enumerate() {
                check(from + k * STEP, Hash::of::<WIDTH>(step.as_flattened()));
            }
            for k in quick..count {
                check(from + k * STEP, Hash::of::<WIDTH>(&text[k * STEP..]));
            }
        }
        from + count * STEP
    }

    /// Apart from the loop that calls it, whose registers it would take.
    #[cold]
    fn look_up(&self, tag: Tag, found: &mut dyn FnMut(Seed)) {
        let mut at = self.lists[tag.list(self.lists.len() - 1)];
        while let Some(entry) = self.entries.get(at as usize) {
            if entry.tag == tag {
                found(entry.seed);
            }
            at = entry.next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_is_found_whatever_the_case_and_however_many_there_are() {
        let mut seeds = Seeds::<8, 1>::default();
        assert!(seeds.is_empty());
        let window = |i: u32| -> [u8; 8] { format!("Win{i:05}").into_bytes().try_into().unwrap() };
        for i in 0..5_000 {
            seeds.add(&window(i), Seed { form: i, at: 2 * i });
        }
        for i in (0..5_000).step_by(7) {
            let text = [b"..", window(i).to_ascii_lowercase().as_slice(), b"."].concat();
            let mut found = Vec::new();
            seeds.scan(&text, 0, |p, seed| found.push((p, seed)));
            assert!(found.contains(&(2, Seed { form: i, at: 2 * i })), "{i}");
            assert!(seeds.may_hold(&window(i)));
            found.clear();
            seeds.scan(&text, 3, |p, seed| found.push((p, seed)));
            assert!(!found.iter().any(|(_, seed)| seed.form == i));
        }
    }

    #[test]
    fn the_same_window_may_have_many_seeds() {
        let mut seeds = Seeds::<4, 1>::default();
        for form in 0..100 {
            seeds.add(b"aaaa", Seed { form, at: 0 });
        }
        let mut found = Vec::new();
        seeds.scan(b"xaaaa", 0, |p, seed| found.push((p, seed.form)));
        found.sort_unstable();
        assert_eq!(found, (0..100).map(|form| (1, form)).collect::<Vec<_>>());
    }
}
