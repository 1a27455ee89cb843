//! How programs spell a value: each spelling as a row of symbols that can be asked for one by one.
//!
//! No spelling is ever written out: a search compares text with symbols made on the spot from the value
//! itself, so that a secret stands in memory once and one of 48 KiB costs no more than its bytes.

/// One way to spell a value. Numbers name an alignment: how many bytes stand before the value, modulo
/// the size of the encoding's group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Its bytes from the last to the first.
    Reversed,
    /// Letters moved by 13.
    Rot13,
    /// Two hexadecimal digits a byte.
    Hex,
    /// As `od -x` and `hexdump`: little-endian words of two bytes, after 0 or 1 bytes.
    HexWords(usize),
    /// As `od -t x4` and `xxd -e`: little-endian words of four bytes, after 0 to 3 bytes.
    HexLongs(usize),
    /// Three octal digits a byte.
    Octal,
    /// As `od`: little-endian words of two bytes, six octal digits each.
    OctalWords(usize),
    /// As lists of byte values are printed; digits that a value lacks are absent.
    Decimal,
    /// RFC 4648, section 6, after 0 to 4 bytes.
    Base32(usize),
    /// RFC 4648, section 4 (section 5 where no symbol tells them apart), after 0 to 2 bytes.
    Base64(usize),
    /// Base64 of little-endian UTF-16, as PowerShell takes commands.
    Base64Wide(usize),
    /// Base64 of base64: the alphabet and alignment of the inner one, and the alignment of the outer.
    Base64Twice(Alphabet, usize, usize),
    /// Base64 of hexadecimal digits.
    Base64OfHex(Case, usize),
    /// Hexadecimal digits of base64, with the inner alphabet and alignment.
    HexOfBase64(Alphabet, usize),
    /// Hexadecimal digits of hexadecimal digits.
    HexTwice(Case),
    /// Eight binary digits a byte, as `xxd -b`.
    Binary,
}

/// The case of hexadecimal digits that are encoded once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// `a` to `f`
    Lower,
    /// `A` to `F`
    Upper,
}

/// The two alphabets of base64: they differ in the symbols 62 and 63.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    /// RFC 4648, section 4.
    Standard,
    /// RFC 4648, section 5.
    UrlSafe,
}

/// A symbol that isn't there.
pub const ABSENT: u8 = 0;

impl Encoding {
    /// All but the plain ones.
    pub fn all() -> impl Iterator<Item = Encoding> {
        use Encoding::*;
        let twice = [Alphabet::Standard, Alphabet::UrlSafe]
            .into_iter()
            .flat_map(|alphabet| (0..9).map(move |i| Base64Twice(alphabet, i / 3, i % 3)));
        let of_hex = [Case::Lower, Case::Upper]
            .into_iter()
            .flat_map(|case| (0..3).map(move |a| Base64OfHex(case, a)).chain([HexTwice(case)]));
        let of_base64 = [Alphabet::Standard, Alphabet::UrlSafe]
            .into_iter()
            .flat_map(|alphabet| (0..3).map(move |a| HexOfBase64(alphabet, a)));
        [Hex, Octal, Decimal, Binary]
            .into_iter()
            .chain(of_hex)
            .chain(of_base64)
            .chain((0..2).map(HexWords))
            .chain((0..4).map(HexLongs))
            .chain((0..2).map(OctalWords))
            .chain((0..5).map(Base32))
            .chain((0..3).map(Base64))
            .chain((0..3).map(Base64Wide))
            .chain(twice)
    }

    /// Whether it is what other text is made of, and escaped with it: no dump or list of numbers.
    pub fn is_text(self) -> bool {
        use Encoding::*;
        matches!(self, Plain | Reversed | Rot13 | Hex | Base32(_) | Base64(_) | Base64Twice(..))
    }

    /// Whether what is encoded once more is base64 of the URL-safe alphabet.
    pub fn is_url_safe_inside(self) -> bool {
        use Encoding::*;
        matches!(self, Base64Twice(Alphabet::UrlSafe, ..) | HexOfBase64(Alphabet::UrlSafe, _))
    }

    /// How many symbols are certain for a value of `n` bytes, whatever stands around it.
    pub fn len(self, n: usize) -> usize {
        use Encoding::*;
        match self {
            Plain | Reversed | Rot13 => n,
            Hex => 2 * n,
            Octal | Decimal => 3 * n,
            HexWords(a) => n.saturating_sub(a) / 2 * 4,
            HexLongs(a) => n.saturating_sub((4 - a) % 4) / 4 * 8,
            OctalWords(a) => n.saturating_sub(a) / 2 * 6,
            Base32(a) => (8 * n).saturating_sub(skip(a, 5)) / 5,
            Base64(a) => (8 * n).saturating_sub(skip(a, 6)) / 6,
            Base64Wide(a) => (16 * n).saturating_sub(skip(a, 6)) / 6,
            Base64Twice(_, inner, outer) => (8 * Base64(inner).len(n)).saturating_sub(skip(outer, 6)) / 6,
            Base64OfHex(_, a) => (16 * n).saturating_sub(skip(a, 6)) / 6,
            HexOfBase64(_, a) => 2 * Base64(a).len(n),
            HexTwice(_) => 4 * n,
            Binary => 8 * n,
        }
    }

    /// How many symbols in a row any `n` bytes of a value show at least.
    pub fn least(self, n: usize) -> usize {
        use Encoding::*;
        match self {
            Plain | Reversed | Rot13 => n,
            Hex => 2 * n,
            Octal | Decimal => 3 * n,
            HexWords(_) => n.saturating_sub(1) / 2 * 4,
            HexLongs(_) => n.saturating_sub(3) / 4 * 8,
            OctalWords(_) => n.saturating_sub(1) / 2 * 6,
            Base32(_) => (8 * n).saturating_sub(4) / 5,
            Base64(_) => (8 * n).saturating_sub(4) / 6,
            Base64Wide(_) => (16 * n).saturating_sub(4) / 6,
            Base64Twice(..) => (8 * ((8 * n).saturating_sub(4) / 6)).saturating_sub(4) / 6,
            Base64OfHex(..) => (16 * n).saturating_sub(4) / 6,
            HexOfBase64(..) => (8 * n).saturating_sub(4) / 6 * 2,
            HexTwice(_) => 4 * n,
            Binary => 8 * n,
        }
    }

    /// Symbol `i` of a value's spelling, `i` below [`Encoding::len`]; [`ABSENT`] where there is none.
    pub fn symbol(self, value: &[u8], i: usize) -> u8 {
        use Encoding::*;
        let byte = |k: usize| value.get(k).copied().unwrap_or(0);
        match self {
            Plain => byte(i),
            Reversed => byte(value.len() - 1 - i),
            Rot13 => rot13(byte(i)),
            Hex => hex(u32::from(byte(i / 2)) >> (4 * (1 - i % 2))),
            HexWords(a) => {
                let word = little_endian(value, a + i / 4 * 2, 2);
                hex(word >> (4 * (3 - i % 4)))
            }
            HexLongs(a) => {
                let word = little_endian(value, (4 - a) % 4 + i / 8 * 4, 4);
                hex(word >> (4 * (7 - i % 8)))
            }
            Octal => octal(u32::from(byte(i / 3)) >> (3 * (2 - i % 3))),
            OctalWords(a) => {
                let word = little_endian(value, a + i / 6 * 2, 2);
                octal(word >> (3 * (5 - i % 6)))
            }
            Decimal => match (byte(i / 3), i % 3) {
                (b, 0) if b < 100 => ABSENT,
                (b, 1) if b < 10 => ABSENT,
                (b, 0) => b'0' + b / 100,
                (b, 1) => b'0' + b / 10 % 10,
                (b, _) => b'0' + b % 10,
            },
            Base32(a) => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[group::<5>(byte, skip(a, 5) + 5 * i)],
            Base64(a) => base64(byte, a, Alphabet::Standard, i),
            Base64Wide(a) => base64(|k| if k % 2 == 0 { byte(k / 2) } else { 0 }, a, Alphabet::Standard, i),
            Base64Twice(alphabet, inner, outer) => {
                base64(|k| base64(byte, inner, alphabet, k), outer, Alphabet::Standard, i)
            }
            Base64OfHex(case, a) => base64(|k| hex_of(byte(k / 2), k % 2, case), a, Alphabet::Standard, i),
            HexOfBase64(alphabet, a) => hex_of(base64(byte, a, alphabet, i / 2), i % 2, Case::Lower),
            HexTwice(case) => hex_of(hex_of(byte(i / 4), i / 2 % 2, case), i % 2, Case::Lower),
            Binary => b'0' + (byte(i / 8) >> (7 - i % 8) & 1),
        }
    }

    /// Whether upper and lower case spell the same.
    pub fn folds(self) -> bool {
        use Encoding::*;
        matches!(self, Hex | HexWords(_) | HexLongs(_) | Base32(_) | HexOfBase64(..) | HexTwice(_))
    }

    /// How many symbols before the first and after the last certain one hold some bits of the value, and
    /// how many of padding may follow.
    pub fn edges(self, n: usize) -> (usize, usize) {
        use Encoding::*;
        let bits = |first: usize, bits: usize, of: usize| {
            let rest = (bits.saturating_sub(first)) % of;
            (usize::from(first > 0), usize::from(rest > 0))
        };
        match self {
            Base32(a) => bits(skip(a, 5), 8 * n, 5),
            Base64(a) => bits(skip(a, 6), 8 * n, 6),
            Base64Wide(a) => bits(skip(a, 6), 16 * n, 6),
            // The inner edges are one symbol, which touches two of the outer ones.
            Base64Twice(..) | HexOfBase64(..) => (2, 2),
            Base64OfHex(_, a) => bits(skip(a, 6), 16 * n, 6),
            HexWords(_) | OctalWords(_) | HexLongs(_) => (0, 0),
            Plain | Reversed | Rot13 | Hex | Octal | Decimal | HexTwice(_) | Binary => (0, 0),
        }
    }
}

/// How many bits of a value go into a group that earlier bytes began, `a` bytes standing before it.
fn skip(a: usize, group: usize) -> usize {
    (group - 8 * a % group) % group
}

/// `BITS` bits from bit `at` on, the first bit being the highest of byte 0.
fn group<const BITS: usize>(byte: impl Fn(usize) -> u8, at: usize) -> usize {
    let two = usize::from(byte(at / 8)) << 8 | usize::from(byte(at / 8 + 1));
    two >> (16 - BITS - at % 8) & ((1 << BITS) - 1)
}

fn base64(byte: impl Fn(usize) -> u8, align: usize, alphabet: Alphabet, i: usize) -> u8 {
    const SYMBOLS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    match group::<6>(byte, skip(align, 6) + 6 * i) {
        62 if alphabet == Alphabet::Standard => b'+',
        62 => b'-',
        63 if alphabet == Alphabet::Standard => b'/',
        63 => b'_',
        symbol => SYMBOLS[symbol],
    }
}

fn little_endian(value: &[u8], at: usize, width: usize) -> u32 {
    (0..width).rev().fold(0, |word, k| word << 8 | u32::from(value.get(at + k).copied().unwrap_or(0)))
}

fn hex(digit: u32) -> u8 {
    b"0123456789abcdef"[(digit & 15) as usize]
}

/// The high or (`i` = 1) low digit of a byte.
fn hex_of(byte: u8, i: usize, case: Case) -> u8 {
    let digit = hex(u32::from(byte) >> (4 * (1 - i)));
    if case == Case::Upper { digit.to_ascii_uppercase() } else { digit }
}

fn octal(digit: u32) -> u8 {
    b'0' + (digit & 7) as u8
}

fn rot13(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => b'a' + (byte - b'a' + 13) % 26,
        b'A'..=b'Z' => b'A' + (byte - b'A' + 13) % 26,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelled(encoding: Encoding, value: &[u8]) -> String {
        (0..encoding.len(value.len()))
            .map(|i| encoding.symbol(value, i))
            .filter(|s| *s != ABSENT)
            .map(char::from)
            .collect()
    }

    /// What the usual tools print; each of them was asked.
    #[test]
    fn spellings_are_those_of_the_tools() {
        use Encoding::*;
        for (encoding, value, want) in [
            (Plain, "Abz9", "Abz9"),
            (Reversed, "Abz9", "9zbA"),
            (Rot13, "Abz9", "Nom9"),
            (Hex, "Abz9", "41627a39"),
            (HexWords(0), "ABCDE", "42414443"),
            (HexWords(1), "ABCDE", "43424544"),
            (HexLongs(0), "ABCDEFGH", "4443424148474645"),
            (HexLongs(3), "ABCDEFGH", "45444342"),
            (Octal, "AB", "101102"),
            (OctalWords(0), "ABCD", "041101042103"),
            (Decimal, "\tAz", "965122"),
            (Base32(0), "foobar", "MZXW6YTBO"),
            (Base64(0), "foobar", "Zm9vYmFy"),
            (Base64(1), "foobar", "Zvb2Jhc"),
            (Base64(2), "foobar", "mb29iYX"),
            (Base64Wide(0), "foo", "ZgBvAG8A"),
            (Base64Twice(Alphabet::Standard, 0, 0), "foobar", "Wm05dlltRn"),
            (Base64(0), "\u{fb}\u{ff}", "w7vDv"),
            (Base64OfHex(Case::Lower, 0), "Az", "NDE3Y"),
            (HexOfBase64(Alphabet::Standard, 0), "foo", "5a6d3976"),
            (HexTwice(Case::Upper), "z", "3741"),
            (Binary, "A", "01000001"),
        ] {
            assert_eq!(spelled(encoding, value.as_bytes()), want, "{encoding:?} of {value}");
        }
    }

    #[test]
    fn a_part_of_a_value_shows_at_least_so_many_symbols() {
        let value: Vec<u8> = (1..=40).collect();
        for encoding in Encoding::all().chain([Encoding::Plain, Encoding::Reversed, Encoding::Rot13]) {
            let whole = spelled_bytes(encoding, &value);
            for part in [12, 13, 20] {
                for start in 0..=value.len() - part {
                    let other: Vec<u8> = (0..40)
                        .map(|i| if (start..start + part).contains(&i) { value[i] } else { value[i] ^ 0xFF })
                        .collect();
                    let shown = spelled_bytes(encoding, &other);
                    let run = whole.iter().zip(&shown).map(|(a, b)| a == b).collect::<Vec<_>>();
                    let longest = run.split(|same| !same).map(<[bool]>::len).max().unwrap_or(0);
                    assert!(longest >= encoding.least(part), "{encoding:?}: {part} at {start}: {longest}");
                }
            }
        }
    }

    fn spelled_bytes(encoding: Encoding, value: &[u8]) -> Vec<u8> {
        (0..encoding.len(value.len())).map(|i| encoding.symbol(value, i)).collect()
    }
}
