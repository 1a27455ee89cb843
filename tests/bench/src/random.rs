//! Numbers that only look like chance: the same in every run.

/// Knuth's linear congruential generator, as used by MMIX.
pub struct Random(pub u64);

pub const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub const HEX: &[u8] = b"0123456789abcdef";

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    pub fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    pub fn text(&mut self, len: usize, of: &[u8]) -> String {
        (0..len).map(|_| char::from(of[self.below(of.len())])).collect()
    }
}
