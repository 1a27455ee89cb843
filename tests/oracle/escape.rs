//! Takes back what languages, shells and mark-up put in place of a character.

/// Every unescaping that changes anything.
pub fn all(text: &[u8], give: &mut impl FnMut(&'static str, Vec<u8>)) {
    let mut when = |marks: &[u8], name, undo: &dyn Fn(&[u8]) -> Vec<u8>| {
        if text.iter().any(|b| marks.contains(b)) {
            give(name, undo(text));
        }
    };
    when(b"%", "url", &|t| percent(t, b'%'));
    when(b"%+", "url form", &|t| {
        percent(&t.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect::<Vec<_>>(), b'%')
    });
    when(b"=", "quoted-printable", &|t| percent(&without_soft_breaks(t), b'='));
    when(b"\\", "backslashes", &backslashes);
    when(b"\\", "backslashes of a shell", &|t| plain_backslashes(t));
    when(b"&", "html", &html);
    when(b"'\"", "quotes of a shell", &|t| {
        let text = replace(t, b"'\\''", b"\x01");
        let text = replace(&text, b"'\"'\"'", b"\x01");
        let text: Vec<u8> = text.into_iter().filter(|b| !matches!(b, b'\'' | b'"')).collect();
        replace(&text, b"\x01", b"'")
    });
    when(b"'\"", "joined literals", &joined_literals);
    when(b"'\"", "doubled quotes", &|t| replace(&replace(t, b"''", b"'"), b"\"\"", b"\""));
}

/// String literals that stand beside each other, in lines even, are one in Python and C.
fn joined_literals(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let next = tail.trim_ascii_start();
        let next = next.strip_prefix(b"b").unwrap_or(next);
        let joined = matches!(byte, b'\'' | b'"') && tail.first().is_some_and(u8::is_ascii_whitespace);
        match next.strip_prefix(&[byte]) {
            Some(next) if joined => rest = next,
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// `%41`, or `=41` with another mark.
fn percent(text: &[u8], mark: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|d| number(d, 16));
        match digits {
            Some(value) if byte == mark => {
                out.push(value as u8);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

fn without_soft_breaks(text: &[u8]) -> Vec<u8> {
    replace(&replace(text, b"=\r\n", b""), b"=\n", b"")
}

/// The escapes of JSON, C, Python, Rust, Go and `$'…'`.
fn backslashes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    // The first half of a surrogate pair.
    let mut high = None;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = if byte == b'\\' { one_backslash(tail) } else { None };
        let Some((escaped, len)) = escaped else {
            out.push(byte);
            rest = tail;
            continue;
        };
        rest = &tail[len..];
        match escaped {
            Escaped::Byte(byte) => out.push(byte),
            Escaped::Unit(unit @ 0xd800..0xdc00) => high = Some(unit),
            Escaped::Unit(unit) => {
                let units = high.take().into_iter().chain([unit]);
                let wide =
                    units.reduce(|h, l| 0x1_0000 + ((h - 0xd800) << 10) + (l.wrapping_sub(0xdc00) & 0x3ff));
                push(&mut out, wide.unwrap_or(unit));
            }
        }
    }
    out
}

enum Escaped {
    Byte(u8),
    /// Of UTF-16, or a whole code point.
    Unit(u32),
}

/// What an escape stands for and how long it is, without its backslash.
fn one_backslash(text: &[u8]) -> Option<(Escaped, usize)> {
    let hex = |at: usize, len: usize| number(text.get(at..at + len)?, 16);
    let (&first, tail) = text.split_first()?;
    let byte = |byte| Some((Escaped::Byte(byte), 1));
    match first {
        b'n' => byte(b'\n'),
        b'r' => byte(b'\r'),
        b't' => byte(b'\t'),
        b'b' => byte(8),
        b'f' => byte(12),
        b'v' => byte(11),
        b'a' => byte(7),
        b'e' | b'E' => byte(27),
        b'u' | b'x' if tail.first() == Some(&b'{') => {
            let end = tail.iter().take(9).position(|b| *b == b'}')?;
            Some((Escaped::Unit(number(&tail[1..end], 16)?), end + 2))
        }
        b'x' => Some((Escaped::Byte(hex(1, 2)? as u8), 3)),
        b'u' => Some((Escaped::Unit(hex(1, 4)?), 5)),
        b'U' => Some((Escaped::Unit(hex(1, 8)?), 9)),
        b'0'..=b'7' => {
            let digits = text.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
            // `printf %b` writes four digits, of which the first is 0.
            let digits = if digits == 3 && first == b'0' && matches!(text.get(3), Some(b'0'..=b'7')) {
                4
            } else {
                digits
            };
            Some((Escaped::Byte(number(&text[..digits], 8)? as u8), digits))
        }
        b'\\' | b'\'' | b'"' | b'/' | b'`' | b'$' => byte(first),
        b'\n' => None,
        other if other.is_ascii_punctuation() || other == b' ' => byte(other),
        _ => None,
    }
}

/// A backslash takes the meaning from whatever follows.
fn plain_backslashes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next()),
            other => out.push(*other),
        }
    }
    out
}

fn html(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        let end = tail.iter().take(10).position(|b| *b == b';');
        match end.and_then(|end| Some((entity(&tail[..end])?, end))) {
            Some((code, end)) if byte == b'&' => {
                push(&mut out, code);
                rest = &tail[end + 1..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    out
}

/// What a character reference stands for, without `&` and `;`.
fn entity(name: &[u8]) -> Option<u32> {
    if let Some(digits) = name.strip_prefix(b"#x").or(name.strip_prefix(b"#X")) {
        return number(digits, 16);
    }
    if let Some(digits) = name.strip_prefix(b"#") {
        return number(digits, 10);
    }
    NAMED.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, c)| u32::from(*c))
}

/// The punctuation of ASCII and some letters (WHATWG HTML, named character references).
const NAMED: [(&str, char); 44] = [
    ("amp", '&'),
    ("AMP", '&'),
    ("lt", '<'),
    ("LT", '<'),
    ("gt", '>'),
    ("GT", '>'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
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
    ("equals", '='),
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
    ("verbar", '|'),
    ("vert", '|'),
    ("rcub", '}'),
    ("NewLine", '\n'),
    ("uuml", 'ü'),
    ("Ccedil", 'Ç'),
    ("eacute", 'é'),
    ("Oslash", 'Ø'),
    ("szlig", 'ß'),
];

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if !digits.iter().all(|d| char::from(*d).is_digit(radix)) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

fn push(out: &mut Vec<u8>, code: u32) {
    let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        match rest.strip_prefix(from) {
            Some(tail) => {
                out.extend_from_slice(to);
                rest = tail;
            }
            None => {
                out.push(rest[0]);
                rest = &rest[1..];
            }
        }
    }
    out
}
