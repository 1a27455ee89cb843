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
        self.places.map_or(i as u32, |b| b.starts[i])
    }

    /// Where it ends.
    pub fn end(&self, i: usize) -> u32 {
        self.places.map_or(i as u32 + 1, |b| b.ends[i])
    }
}

/// Bytes with their places in the stream's text.
#[derive(Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    starts: Vec<u32>,
    ends: Vec<u32>,
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
        self.starts.push(start);
        self.ends.push(end);
    }

    /// Appends a part of a text as it is.
    pub fn extend(&mut self, text: Text<'_>, part: Range<usize>) {
        match text.places {
            None => {
                let (start, end) = (part.start as u32, part.end as u32);
                self.starts.extend(start..end);
                self.ends.extend(start + 1..=end);
            }
            Some(from) => {
                self.starts.extend_from_slice(&from.starts[part.clone()]);
                self.ends.extend_from_slice(&from.ends[part.clone()]);
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
        for place in self.starts.iter_mut().chain(&mut self.ends) {
            *place = place.saturating_sub(count);
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
        self.ends.clear();
    }
}
