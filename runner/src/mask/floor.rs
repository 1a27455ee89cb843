//! Which values are no use as masks, and which count only as whole words.
//!
//! A value as short as `a` or as common as `true` would shred every log without hiding anything, so it
//! is refused and its owner told.

use std::fmt;

/// Longest value that can be masked, in bytes: GitHub's own limit for a secret.
pub const MAX_VALUE: usize = 48 * 1024;

/// A value that can't be masked, with the name it was given under; never the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the value is called.
    pub name: String,
    /// Why.
    pub why: Floor,
}

/// Why a value can't be masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// Nothing but white space.
    Empty,
    /// Under [`MIN_CHARS`] characters.
    Short,
    /// `true` or `false`.
    Boolean,
    /// A number of under [`MIN_DIGITS`] digits.
    Number,
    /// Over [`MAX_VALUE`] bytes.
    Long,
    /// The masker holds as many values as it can.
    Full,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Floor::Empty => "it is empty",
            Floor::Short => "it has fewer than 4 characters, which would mask ordinary text everywhere",
            Floor::Boolean => "`true` and `false` are ordinary text",
            Floor::Number => "a number of fewer than 5 digits is ordinary text",
            Floor::Long => "it is longer than 48 KiB",
            Floor::Full => "too many values are masked already",
        };
        write!(f, "`{}` is not masked: {why}", self.name)
    }
}

/// Fewest characters of a value that is masked.
pub const MIN_CHARS: usize = 4;
/// Fewest digits of a number that is masked.
pub const MIN_DIGITS: usize = 5;
/// Fewest characters of a value that is masked inside of words too.
const MIN_CHARS_ANYWHERE: usize = 8;

/// Where a value is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Wherever it stands.
    Anywhere,
    /// Only where no letter or digit continues it.
    WholeWord,
}

/// Where a value without surrounding white space counts, or why it can't be masked.
pub fn place(value: &[u8]) -> Result<Place, Floor> {
    if value.len() > MAX_VALUE {
        return Err(Floor::Long);
    }
    // Bytes that continue a UTF-8 sequence are no characters of their own.
    let chars = value.iter().filter(|b| (**b & 0xC0) != 0x80).count();
    if value.is_empty() {
        Err(Floor::Empty)
    } else if value.eq_ignore_ascii_case(b"true") || value.eq_ignore_ascii_case(b"false") {
        Err(Floor::Boolean)
    } else if chars < MIN_CHARS {
        Err(Floor::Short)
    } else if chars < MIN_DIGITS + 2 && is_small_number(value) {
        Err(Floor::Number)
    } else if chars < MIN_CHARS_ANYWHERE {
        Ok(Place::WholeWord)
    } else {
        Ok(Place::Anywhere)
    }
}

fn is_small_number(value: &[u8]) -> bool {
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let unsigned = value.strip_prefix(b"-").or(value.strip_prefix(b"+")).unwrap_or(value);
    let points = unsigned.iter().filter(|b| **b == b'.').count();
    digits < MIN_DIGITS && points <= 1 && unsigned.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

/// Whether a byte continues a word, for [`Place::WholeWord`].
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_would_shred_logs_are_refused() {
        for (value, why) in [
            ("", Floor::Empty),
            ("abc", Floor::Short),
            ("\u{e9} \u{e9}", Floor::Short),
            ("true", Floor::Boolean),
            ("False", Floor::Boolean),
            ("8080", Floor::Number),
            ("-1.25", Floor::Number),
        ] {
            assert_eq!(place(value.as_bytes()), Err(why), "{value:?}");
        }
        assert_eq!(place(&vec![b'a'; MAX_VALUE + 1]), Err(Floor::Long));
        let refused = Refused { name: "PORT".into(), why: Floor::Number };
        assert_eq!(
            refused.to_string(),
            "`PORT` is not masked: a number of fewer than 5 digits is ordinary text"
        );
    }

    #[test]
    fn short_values_count_as_whole_words_only() {
        assert_eq!(place(b"hunter"), Ok(Place::WholeWord));
        assert_eq!(place(b"12345"), Ok(Place::WholeWord));
        assert_eq!(place(b"hunter22"), Ok(Place::Anywhere));
    }
}
