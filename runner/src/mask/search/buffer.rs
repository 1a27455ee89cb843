//! Text that isn't the stream's own, such as text with its escapes undone, and where each byte of it comes
//! from.

use std::ops::Range;

/// Bytes, and where each stands in the stream's text.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// `None` where they are the stream's own.
    pub places: Option<&'a Buffer>,
}

impl Text<'_> {
    /// Where byte `i` begins in the stream's text.
    pub fn start(&self, i: usize) -> u32 {
        self.places.map_or(i as u32, |b| b.place(b.starts[i]))
    }

    /// Where it ends.
    pub fn end(&self, i: usize) -> u32 {
        self.places.map_or(i as u32 + 1, |b| b.place(b.ends[i]))
    }
}

/// Bytes with their places in the stream's text.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// Places count on, modulo 2^32, when the stream's text loses its beginning.
    starts: Vec<u32>,
    ends: Vec<u32>,
    /// How much the stream's text has lost.
    lost: u32,
}

impl Buffer {
    /// The bytes and their places.
    pub fn text(&self) -> Text<'_> {
        Text { bytes: &self.bytes, places: Some(self) }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a byte that stands at `start..end`.
    pub fn push(&mut self, byte: u8, start: u32, end: u32) {
        self.bytes.push(byte);
        self.starts.push(start.wrapping_add(self.lost));
        self.ends.push(end.wrapping_add(self.lost));
    }

    /// Appends a part of a text as it is.
    pub fn extend(&mut self, text: Text<'_>, part: Range<usize>) {
        match text.places {
            None => {
                let first = (part.start as u32).wrapping_add(self.lost);
                let len = part.len() as u32;
                self.starts.extend((0..len).map(|i| first.wrapping_add(i)));
                self.ends.extend((1..=len).map(|i| first.wrapping_add(i)));
            }
            Some(from) => {
                let ahead = self.lost.wrapping_sub(from.lost);
                self.starts.extend(from.starts[part.clone()].iter().map(|place| place.wrapping_add(ahead)));
                self.ends.extend(from.ends[part.clone()].iter().map(|place| place.wrapping_add(ahead)));
            }
        }
        self.bytes.extend_from_slice(&text.bytes[part]);
    }

    /// Forgets the first `count` bytes.
    pub fn forget(&mut self, count: usize) {
        self.bytes.drain(..count);
        self.starts.drain(..count);
        self.ends.drain(..count);
    }

    /// The stream's text lost its first `count` bytes.
    pub fn shift(&mut self, count: u32) {
        self.lost = self.lost.wrapping_add(count);
    }

    /// A place as it counts now; 0 if the text lost it.
    fn place(&self, place: u32) -> u32 {
        u32::try_from(place.wrapping_sub(self.lost).cast_signed()).unwrap_or(0)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
        self.ends.clear();
    }
}
