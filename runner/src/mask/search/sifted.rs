//! What a filter leaves of a text, and where in it each byte stands.

use super::buffer::Text;

/// Bytes of a text that passed a filter.
#[derive(Default)]
pub struct Sifted {
    bytes: Vec<u8>,
    /// In the order of the text; places are kept a bit a byte.
    blocks: Vec<Block>,
}

/// Up to 64 bytes of the text in a row.
#[derive(Clone, Copy)]
struct Block {
    /// How many bytes passed before it.
    before: u32,
    /// Where it begins in the text; below 0 where the text lost its beginning.
    at: i32,
    /// Which of its bytes passed, the lowest bit being the first.
    passed: u64,
}

const BLOCK: usize = 64;

impl Sifted {
    /// The bytes that passed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many passed.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Where byte `i` stands in the text; 0 if the text lost it.
    pub fn place(&self, i: usize) -> usize {
        let after = self.blocks.partition_point(|b| b.before as usize <= i);
        let Some(block) = after.checked_sub(1).and_then(|k| self.blocks.get(k)) else { return 0 };
        let mut passed = block.passed;
        for _ in block.before as usize..i {
            passed &= passed.wrapping_sub(1);
        }
        usize::try_from(block.at + passed.trailing_zeros() as i32).unwrap_or(0)
    }

    /// Takes byte `at` of a text.
    pub fn push(&mut self, byte: u8, at: usize) {
        self.blocks.push(Block { before: self.len() as u32, at: at as i32, passed: 1 });
        self.bytes.push(byte);
    }

    /// Takes the bytes of `text[from..]` whose class is 1 and leaves out those of class 0, up to the first of class
    /// `stop`; gives up to where.
    pub fn extend_while(&mut self, text: Text<'_>, from: usize, classes: &[u8; 256], stop: u8) -> usize {
        let mut at = from;
        for bytes in text.bytes[from..].chunks(BLOCK) {
            let known = self.bytes.len();
            // Written where they stay, since a copy would wait for the last of them.
            self.bytes.resize(known + BLOCK, 0);
            let Some(kept) = self.bytes.last_chunk_mut::<BLOCK>() else { break };
            let (mut passed, mut len, mut taken) = (0, 0, 0);
            // Without a branch on what passes: whether a byte stays is settled by the next one's place.
            for byte in bytes {
                let class = classes[usize::from(*byte)];
                if class == stop {
                    break;
                }
                kept[len % BLOCK] = *byte;
                passed |= u64::from(class) << taken;
                len += usize::from(class);
                taken += 1;
            }
            self.bytes.truncate(known + len);
            if len > 0 {
                self.blocks.push(Block { before: known as u32, at: at as i32, passed });
            }
            at += taken;
            if taken < bytes.len() {
                break;
            }
        }
        at
    }

    /// Forgets the first bytes, `count` at most; gives how many.
    pub fn forget(&mut self, count: usize) -> usize {
        let kept = self.blocks.partition_point(|b| b.before as usize <= count).saturating_sub(1);
        let forgotten = self.blocks.get(kept).map_or(0, |b| b.before);
        self.blocks.drain(..kept);
        for block in &mut self.blocks {
            block.before -= forgotten;
        }
        self.bytes.drain(..forgotten as usize);
        forgotten as usize
    }

    /// The text lost its first `count` bytes.
    pub fn text_lost(&mut self, count: usize) {
        for block in &mut self.blocks {
            block.at = block.at.saturating_sub_unsigned(count as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_keeps_its_place() {
        let text: Vec<u8> =
            (0..1000u32).map(|i| if i % 7 < 4 { b'a' + (i % 7) as u8 } else { b' ' }).collect();
        let mut classes = [0; 256];
        classes[usize::from(b'a')..=usize::from(b'd')].fill(1);
        let mut sifted = Sifted::default();
        sifted.push(b'x', 1);
        let own = Text { bytes: &text, places: None };
        assert_eq!(sifted.extend_while(own, 2, &classes, 2), 1000);
        let forgotten = sifted.forget(200);
        assert!(forgotten <= 200 && forgotten > 200 - BLOCK);
        let mut wanted = (2..1000).filter(|i| text[*i] != b' ').skip(forgotten - 1);
        for (i, byte) in sifted.bytes().iter().enumerate() {
            let place = wanted.next().unwrap();
            assert_eq!((*byte, sifted.place(i)), (text[place], place));
        }
        sifted.text_lost(400);
        assert_eq!(sifted.place(0), 0);
        let last = sifted.len() - 1;
        assert_eq!(sifted.place(last), 997 - 400);
    }
}
