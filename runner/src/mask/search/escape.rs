//! What one escape stands for: in URLs, mail, HTML, terminals, and the literals of languages and shells.

/// Longest escape of a character, in bytes.
pub(super) const MAX_ESCAPE: usize = 12;
/// Longest title or link, in bytes.
const MAX_TITLE: usize = 2048;
/// Most bytes from one literal to the next.
const MAX_JOINT: usize = 80;
pub(super) const ESC: u8 = 0x1B;

/// Whether a byte may begin an escape.
pub(super) fn may_begin(byte: u8) -> bool {
    static INTRODUCERS: [bool; 256] = {
        let mut introducers = [false; 256];
        let bytes = b"\\%&=0\x1B'\"";
        let mut i = 0;
        while i < bytes.len() {
            introducers[bytes[i] as usize] = true;
            i += 1;
        }
        introducers
    };
    INTRODUCERS[usize::from(byte)]
}

/// What stands at a place that may begin an escape.
pub(super) enum Escape {
    /// None.
    Literal,
    /// A character, written with so many bytes.
    Character(Character, usize),
    /// So many bytes that stand for nothing.
    Nothing(usize),
    /// More bytes have to tell.
    Unknown,
}

/// A character of text, or a byte of no text.
pub(super) enum Character {
    Byte(u8),
    Scalar(char),
}

impl Character {
    /// Its bytes, in UTF-8 where it is one of text.
    pub(super) fn bytes<'a>(&self, into: &'a mut [u8; 4]) -> &'a [u8] {
        match self {
            Character::Byte(byte) => {
                into[0] = *byte;
                &into[..1]
            }
            Character::Scalar(scalar) => scalar.encode_utf8(into).as_bytes(),
        }
    }
}

/// What stands before a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    Byte(u8),
    Escape,
}

/// Reads an escape.
pub(super) fn escape(before: Before, text: &[u8]) -> Escape {
    let byte = |number: Option<u32>, len| match number.and_then(|n| u8::try_from(n).ok()) {
        Some(byte) => Escape::Character(Character::Byte(byte), len),
        None => Escape::Literal,
    };
    match text[0] {
        b'\\' => backslash(&text[1..]),
        // What JavaScript's `escape` writes beyond Latin-1 (ECMA-262, B.2.1.1).
        b'%' if text.get(1) == Some(&b'u') => match digits(text, 2, 4, 16).and_then(char::from_u32) {
            Some(scalar) => Escape::Character(Character::Scalar(scalar), 6),
            None => Escape::Literal,
        },
        // RFC 3986, 2.1.
        b'%' => byte(digits(text, 1, 2, 16), 3),
        // RFC 2045, 6.7: upper case, and line ends that mean nothing.
        b'=' => match &text[1..] {
            [b'\n', ..] => Escape::Nothing(2),
            [b'\r', b'\n', ..] => Escape::Nothing(3),
            [a, b, ..] if !a.is_ascii_lowercase() && !b.is_ascii_lowercase() => {
                byte(digits(text, 1, 2, 16).filter(|n| is_quoted(*n, before, &text[3..])), 3)
            }
            _ => Escape::Literal,
        },
        b'&' => entity(text),
        ESC => title(text),
        quote @ (b'\'' | b'"') => next_literal(quote, text),
        // One byte as a list in C or Go has it.
        b'0' if text.get(1) == Some(&b'x')
            && !matches!(before, Before::Byte(b) if b.is_ascii_alphanumeric()) =>
        {
            let len = text[2..].iter().take(3).take_while(|b| b.is_ascii_hexdigit()).count();
            let ends = text.get(2 + len).is_none_or(|b| !b.is_ascii_alphanumeric());
            if ends && (1..=2).contains(&len) {
                byte(digits(text, 2, len, 16), 2 + len)
            } else {
                Escape::Literal
            }
        }
        _ => Escape::Literal,
    }
}

/// Whether mail would write a byte as `=` and this number: what it leaves as it is, as letters and digits, only in a row
/// of such, and bytes of UTF-8 only where others stand before. Lines like `size=4096` are everywhere.
fn is_quoted(number: u32, before: Before, after: &[u8]) -> bool {
    let special = match u8::try_from(number) {
        Ok(b'\t' | b'\n' | b'\r' | 0xC0..) => true,
        Ok(byte @ 0x20..0x80) => !byte.is_ascii_alphanumeric(),
        Ok(0x80..0xC0) => matches!(before, Before::Byte(0x80..)),
        _ => false,
    };
    special || before == Before::Escape || after.first() == Some(&b'=')
}

/// Operating system commands (ECMA-48, 8.3.89): titles and links, which terminals don't show. What they hold may be
/// secret as well; that is found where nothing is decoded.
fn title(text: &[u8]) -> Escape {
    if text.get(1).is_some_and(|b| *b != b']') {
        return Escape::Literal;
    }
    let text = &text[..text.len().min(MAX_TITLE)];
    // BEL, or ESC and a backslash.
    match memchr::memchr2(7, ESC, &text[text.len().min(2)..]).map(|i| i + 2) {
        Some(at) if text[at] == 7 => Escape::Nothing(at + 1),
        Some(at) if text.get(at + 1) == Some(&b'\\') => Escape::Nothing(at + 2),
        Some(at) if at + 1 < text.len() => Escape::Literal,
        _ if text.len() < MAX_TITLE => Escape::Unknown,
        _ => Escape::Literal,
    }
}

/// The end of a string literal and the beginning of the next, a line further on, as Python breaks long strings and
/// bytes.
fn next_literal(quote: u8, text: &[u8]) -> Escape {
    let text = &text[..text.len().min(MAX_JOINT)];
    let open = if text.len() < MAX_JOINT { Escape::Unknown } else { Escape::Literal };
    let line = match &text[1..] {
        [b'\n', ..] => 2,
        [b'\r', b'\n', ..] => 3,
        [] | [b'\r'] => return open,
        _ => return Escape::Literal,
    };
    let indent = text[line..].iter().take_while(|b| **b == b' ').count();
    match &text[line + indent..] {
        [first, ..] if *first == quote => Escape::Nothing(line + indent + 1),
        [first, second, ..] if first.is_ascii_alphabetic() && *second == quote => {
            Escape::Nothing(line + indent + 2)
        }
        [] => open,
        [first] if first.is_ascii_alphabetic() => open,
        _ => Escape::Literal,
    }
}

/// What follows a backslash in JSON, C, Python, Rust, Go, JavaScript and shells.
fn backslash(text: &[u8]) -> Escape {
    let scalar = |number: Option<u32>, len| match number.and_then(char::from_u32) {
        Some(scalar) => Escape::Character(Character::Scalar(scalar), len),
        None => Escape::Nothing(1),
    };
    let byte = |byte| Escape::Character(Character::Byte(byte), 2);
    let Some(first) = text.first() else { return Escape::Nothing(1) };
    match first {
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'a' => byte(7),
        b'b' => byte(8),
        b'f' => byte(12),
        b'v' => byte(11),
        b'e' => byte(27),
        b'\n' => Escape::Nothing(2),
        b'x' => match digits(text, 1, 2, 16).and_then(|n| u8::try_from(n).ok()) {
            Some(byte) => Escape::Character(Character::Byte(byte), 4),
            None => Escape::Nothing(1),
        },
        b'u' if text.get(1) == Some(&b'{') => {
            let len = text[2..].iter().take(6).take_while(|b| b.is_ascii_hexdigit()).count();
            if text.get(2 + len) == Some(&b'}') {
                scalar(digits(text, 2, len, 16), len + 4)
            } else {
                Escape::Nothing(1)
            }
        }
        b'u' => {
            let first = digits(text, 1, 4, 16);
            // RFC 8259, 7: beyond U+FFFF there are two.
            let pair = first.filter(|n| (0xD800..0xDC00).contains(n) && text.get(5..7) == Some(b"\\u"));
            match (pair, digits(text, 7, 4, 16)) {
                (Some(high), Some(low)) if (0xDC00..0xE000).contains(&low) => {
                    scalar(Some(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
                }
                _ => scalar(first, 6),
            }
        }
        b'U' => scalar(digits(text, 1, 8, 16), 10),
        b'0'..=b'7' => {
            // `printf %b` and `echo -e` have three digits behind the zero; in C that would be a control character.
            let most = if *first == b'0' { 4 } else { 3 };
            let len = text.iter().take(most).take_while(|b| (b'0'..b'8').contains(b)).count();
            match digits(text, 0, len, 8).and_then(|n| u8::try_from(n).ok()) {
                Some(byte) => Escape::Character(Character::Byte(byte), 1 + len),
                None => Escape::Nothing(1),
            }
        }
        _ => Escape::Character(Character::Byte(*first), 2),
    }
}

/// Character references of HTML: by number, and by the names of what a page can't show as it is.
fn entity(text: &[u8]) -> Escape {
    const MAX_NAME: usize = 10;
    let Some(len) = text.iter().take(MAX_NAME).position(|b| *b == b';') else { return Escape::Literal };
    let number = match &text[1..len] {
        [b'#', b'x' | b'X', hex @ ..] => digits(hex, 0, hex.len(), 16),
        [b'#', decimal @ ..] => digits(decimal, 0, decimal.len(), 10),
        name => NAMES.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, c)| u32::from(*c)),
    };
    match number.and_then(char::from_u32) {
        Some(scalar) => Escape::Character(Character::Scalar(scalar), len + 1),
        None => Escape::Literal,
    }
}

/// <https://html.spec.whatwg.org/multipage/named-characters.html>, those in ASCII.
const NAMES: [(&str, char); 42] = [
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("nbsp", ' '),
    ("excl", '!'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("amp", '&'),
    ("AMP", '&'),
    ("apos", '\''),
    ("lpar", '('),
    ("rpar", ')'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("colon", ':'),
    ("semi", ';'),
    ("lt", '<'),
    ("LT", '<'),
    ("equals", '='),
    ("gt", '>'),
    ("GT", '>'),
    ("quest", '?'),
    ("commat", '@'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("bsol", '\\'),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("Hat", '^'),
    ("lowbar", '_'),
    ("grave", '`'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("verbar", '|'),
    ("vert", '|'),
    ("rcub", '}'),
];

/// The number in `text[from..from + len]`, if it is `len` digits.
fn digits(text: &[u8], from: usize, len: usize, radix: u32) -> Option<u32> {
    let text = text.get(from..from + len)?;
    if text.is_empty() || len > 8 {
        return None;
    }
    text.iter()
        .try_fold(0u32, |number, b| number.checked_mul(radix)?.checked_add(char::from(*b).to_digit(radix)?))
}
