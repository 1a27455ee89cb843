//! In which forms a secret is looked for, and which values are no use as masks.
//!
//! A value as short as `a` or as common as `true` would shred every log without hiding anything, so it
//! is refused and its owner told. A multi-line value is looked for line by line, since programs print
//! it so, with either line end; as a whole only where it has a line that is too short to stand alone.

use std::fmt;

use zeroize::Zeroizing;

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

/// Where a form is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Wherever it stands.
    Anywhere,
    /// Only where no letter or digit continues it.
    WholeWord,
}

/// One string of bytes to look for.
#[derive(Clone, PartialEq, Eq)]
pub struct Form {
    /// The bytes; at least [`MIN_CHARS`] of them.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Where they count.
    pub place: Place,
}

/// The forms of one value.
pub fn of(value: &[u8]) -> Result<Vec<Form>, Floor> {
    let value = value.trim_ascii();
    if value.len() > MAX_VALUE {
        return Err(Floor::Long);
    }
    let whole = place(value)?;
    let lines: Vec<&[u8]> = value.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).collect();
    if lines.len() == 1 {
        return Ok(vec![form(value.to_vec(), whole)]);
    }
    let mut forms = Vec::new();
    let mut covered = true;
    for line in &lines {
        match place(line) {
            Ok(place) => {
                covered &= place == Place::Anywhere;
                forms.push(form(line.to_vec(), place));
            }
            Err(_) => covered &= line.is_empty(),
        }
    }
    if !covered {
        let ended = |end: &[u8]| {
            let parts: Vec<&[u8]> =
                value.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l)).collect();
            parts.join(end)
        };
        forms.push(form(ended(b"\n"), whole));
        forms.push(form(ended(b"\r\n"), whole));
    }
    Ok(forms)
}

fn form(bytes: Vec<u8>, place: Place) -> Form {
    Form { bytes: Zeroizing::new(bytes), place }
}

fn place(value: &[u8]) -> Result<Place, Floor> {
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

    fn shown(value: &str) -> Result<Vec<(String, Place)>, Floor> {
        let forms = of(value.as_bytes())?;
        Ok(forms.iter().map(|f| (String::from_utf8_lossy(&f.bytes).into_owned(), f.place)).collect())
    }

    #[test]
    fn values_that_would_shred_logs_are_refused() {
        for (value, why) in [
            ("", Floor::Empty),
            (" \n\t", Floor::Empty),
            ("abc", Floor::Short),
            (" é é", Floor::Short),
            ("true", Floor::Boolean),
            ("False\n", Floor::Boolean),
            ("8080", Floor::Number),
            ("-1.25", Floor::Number),
        ] {
            assert_eq!(shown(value), Err(why), "{value:?}");
        }
        assert_eq!(of(&vec![b'a'; MAX_VALUE + 1]).err(), Some(Floor::Long));
        let refused = Refused { name: "PORT".into(), why: Floor::Number };
        assert_eq!(
            refused.to_string(),
            "`PORT` is not masked: a number of fewer than 5 digits is ordinary text"
        );
    }

    #[test]
    fn short_values_count_as_whole_words_only() {
        assert_eq!(shown(" hunter \n").unwrap(), [("hunter".to_string(), Place::WholeWord)]);
        assert_eq!(shown("12345").unwrap(), [("12345".to_string(), Place::WholeWord)]);
        assert_eq!(shown("hunter22").unwrap(), [("hunter22".to_string(), Place::Anywhere)]);
    }

    #[test]
    fn a_multi_line_value_counts_line_by_line() {
        assert_eq!(
            shown("first-line\r\nsecond-line\r\n").unwrap(),
            [("first-line".to_string(), Place::Anywhere), ("second-line".to_string(), Place::Anywhere)]
        );
    }

    #[test]
    fn lines_below_the_floor_count_only_within_the_whole() {
        assert_eq!(
            shown("{\n  \"key\": \"value\"\n}").unwrap(),
            [
                ("\"key\": \"value\"".to_string(), Place::Anywhere),
                ("{\n  \"key\": \"value\"\n}".to_string(), Place::Anywhere),
                ("{\r\n  \"key\": \"value\"\r\n}".to_string(), Place::Anywhere),
            ]
        );
    }
}
