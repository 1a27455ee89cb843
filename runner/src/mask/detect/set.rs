//! Sets of ASCII characters that tokens are made of.

/// A set of bytes, as a union of the classes below: membership is one look-up and one `and`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set(u32);

const fn class(index: u32) -> Set {
    Set(1 << index)
}

const DIGIT_01: Set = class(0);
const DIGIT_2_7: Set = class(1);
const DIGIT_89: Set = class(2);
const LOWER_A_F: Set = class(3);
const LOWER_G_Z: Set = class(4);
const UPPER_A_F: Set = class(5);
const UPPER_G_Z: Set = class(6);
/// `_`
pub const UNDERSCORE: Set = class(7);
/// `-`
pub const DASH: Set = class(8);
/// `.`
pub const DOT: Set = class(9);
/// `+`
pub const PLUS: Set = class(10);
/// `/`
pub const SLASH: Set = class(11);
/// `=`
pub const EQUALS: Set = class(12);
/// `~`
pub const TILDE: Set = class(13);
/// `:`
pub const COLON: Set = class(14);
/// `@`
pub const AT: Set = class(15);
/// `!`, `*`, `#`, `^`, `?`, `$` and `,`: what passwords are made of besides.
pub const MARKS: Set = class(16);

/// `0` to `9`
pub const DIGIT: Set = DIGIT_01.or(DIGIT_2_7).or(DIGIT_89);
/// `a` to `z`
pub const LOWER: Set = LOWER_A_F.or(LOWER_G_Z);
/// `A` to `Z`
pub const UPPER: Set = UPPER_A_F.or(UPPER_G_Z);
/// Letters.
pub const ALPHA: Set = LOWER.or(UPPER);
/// Letters and digits.
pub const ALNUM: Set = ALPHA.or(DIGIT);
/// Lower-case letters and digits.
pub const LOWER_ALNUM: Set = LOWER.or(DIGIT);
/// Upper-case letters and digits.
pub const UPPER_ALNUM: Set = UPPER.or(DIGIT);
/// Lower-case hexadecimal digits.
pub const HEX: Set = DIGIT.or(LOWER_A_F);
/// Upper-case hexadecimal digits.
pub const UPPER_HEX: Set = DIGIT.or(UPPER_A_F);
/// Hexadecimal digits of either case.
pub const ANY_HEX: Set = HEX.or(UPPER_A_F);
/// The alphabet of base32 (RFC 4648), upper case.
pub const BASE32: Set = UPPER.or(DIGIT_2_7);
/// The alphabet of base32, lower case.
pub const LOWER_BASE32: Set = LOWER.or(DIGIT_2_7);
/// The alphabet of base64 (RFC 4648), without padding.
pub const BASE64: Set = ALNUM.or(PLUS).or(SLASH);
/// The alphabet of base64 with its padding.
pub const BASE64_PADDED: Set = BASE64.or(EQUALS);
/// The URL-safe alphabet of base64, without padding.
pub const BASE64_URL: Set = ALNUM.or(UNDERSCORE).or(DASH);
/// Letters, digits and `_`.
pub const WORD: Set = ALNUM.or(UNDERSCORE);

impl Set {
    /// What is in either set.
    pub const fn or(self, other: Set) -> Set {
        Set(self.0 | other.0)
    }

    /// Whether `byte` is in the set.
    pub const fn has(self, byte: u8) -> bool {
        CLASSES[byte as usize] & self.0 != 0
    }

    /// Whether every byte of `other` is in the set.
    pub const fn covers(self, other: Set) -> bool {
        self.0 & other.0 == other.0
    }
}

static CLASSES: [u32; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = class_of(byte as u8).0;
        byte += 1;
    }
    classes
};

const fn class_of(byte: u8) -> Set {
    match byte {
        b'0' | b'1' => DIGIT_01,
        b'2'..=b'7' => DIGIT_2_7,
        b'8' | b'9' => DIGIT_89,
        b'a'..=b'f' => LOWER_A_F,
        b'g'..=b'z' => LOWER_G_Z,
        b'A'..=b'F' => UPPER_A_F,
        b'G'..=b'Z' => UPPER_G_Z,
        b'_' => UNDERSCORE,
        b'-' => DASH,
        b'.' => DOT,
        b'+' => PLUS,
        b'/' => SLASH,
        b'=' => EQUALS,
        b'~' => TILDE,
        b':' => COLON,
        b'@' => AT,
        b'!' | b'*' | b'#' | b'^' | b'?' | b'$' | b',' => MARKS,
        _ => Set(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_the_alphabets_they_are_named_after() {
        let members = |set: Set| (0..=255u8).filter(|b| set.has(*b)).map(char::from).collect::<String>();
        assert_eq!(members(HEX), "0123456789abcdef");
        assert_eq!(members(BASE32), "234567ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        assert_eq!(members(BASE64_URL).len(), 64);
        assert_eq!(members(BASE64), "+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
        assert_eq!(members(MARKS), "!#$*,?^");
        assert!(BASE64.covers(HEX) && !HEX.covers(DIGIT.or(DASH)));
    }
}
