//! Text in UTF-16, as some systems write it, read as UTF-8.

use std::io::{self, Read};

/// A stream; UTF-16 with a byte order mark comes out as UTF-8, anything else as it is.
pub(super) struct Decode<R> {
    from: R,
    form: Form,
    /// Read, but not given out: its beginning and its end.
    ready: Vec<u8>,
    given: usize,
    /// Units that are yet to be decoded: half a pair of surrogates; and half a unit.
    high: Option<u16>,
    half: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Unknown,
    AsItIs,
    LittleEndian,
    BigEndian,
}

const CHUNK: usize = 16 * 1024;

impl<R: Read> Decode<R> {
    pub(super) fn new(from: R) -> Self {
        Decode { from, form: Form::Unknown, ready: Vec::new(), given: 0, high: None, half: None }
    }

    /// Reads the first two bytes, which tell.
    fn begin(&mut self) -> io::Result<()> {
        let mut mark = Vec::with_capacity(2);
        (&mut self.from).take(2).read_to_end(&mut mark)?;
        self.form = match mark[..] {
            [0xFF, 0xFE] => Form::LittleEndian,
            [0xFE, 0xFF] => Form::BigEndian,
            _ => Form::AsItIs,
        };
        if self.form == Form::AsItIs {
            self.ready = mark;
        }
        Ok(())
    }

    /// Decodes the next chunk.
    fn decode(&mut self) -> io::Result<()> {
        let mut raw = [0; CHUNK];
        self.ready.clear();
        self.given = 0;
        while self.ready.is_empty() {
            let count = self.from.read(&mut raw)?;
            if count == 0 {
                if self.high.take().is_some() || self.half.take().is_some() {
                    push(char::REPLACEMENT_CHARACTER, &mut self.ready);
                }
                return Ok(());
            }
            for byte in &raw[..count] {
                match self.half.take() {
                    None => self.half = Some(*byte),
                    Some(first) if self.form == Form::BigEndian => {
                        self.unit(u16::from_be_bytes([first, *byte]));
                    }
                    Some(first) => self.unit(u16::from_le_bytes([first, *byte])),
                }
            }
        }
        Ok(())
    }

    fn unit(&mut self, unit: u16) {
        let units = self.high.take().into_iter().chain([unit]);
        for decoded in char::decode_utf16(units) {
            match decoded {
                Ok(c) => push(c, &mut self.ready),
                Err(e) if e.unpaired_surrogate() == unit && (0xD800..0xDC00).contains(&unit) => {
                    self.high = Some(unit);
                }
                Err(_) => push(char::REPLACEMENT_CHARACTER, &mut self.ready),
            }
        }
    }
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

impl<R: Read> Read for Decode<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.form == Form::Unknown {
            self.begin()?;
        }
        if self.given == self.ready.len() {
            if self.form == Form::AsItIs {
                return self.from.read(out);
            }
            self.decode()?;
        }
        let count = (&self.ready[self.given..]).read(out)?;
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives one to three bytes at a time.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = out.len().min(1 + self.0.len() % 3);
            self.0.read(&mut out[..count])
        }
    }

    fn decoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Decode::new(Dripping(bytes)).read_to_end(&mut out).unwrap();
        out
    }

    proptest! {
        #[test]
        fn utf16_becomes_utf8(units in proptest::collection::vec(any::<u16>(), 0..40), text in "\\PC{0,20}") {
            for units in [units, text.encode_utf16().collect()] {
                let expected = String::from_utf16_lossy(&units);
                let with = |mark: [u8; 2], bytes: fn(u16) -> [u8; 2]| {
                    decoded(&mark.into_iter().chain(units.iter().flat_map(|u| bytes(*u))).collect::<Vec<_>>())
                };
                prop_assert_eq!(with([0xFF, 0xFE], u16::to_le_bytes), expected.as_bytes());
                prop_assert_eq!(with([0xFE, 0xFF], u16::to_be_bytes), expected.as_bytes());
            }
        }

        #[test]
        fn anything_else_stays(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assume!(!matches!(bytes[..], [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]));
            prop_assert_eq!(decoded(&bytes), bytes);
        }
    }

    #[test]
    fn half_a_character_at_the_end_is_seen() {
        assert_eq!(decoded(b"\xFF\xFEa\0b"), "a\u{fffd}".as_bytes());
        assert_eq!(decoded(b"\xFF\xFE\x00\xD8"), "\u{fffd}".as_bytes());
    }
}
