//! What URLs, JSON, mark-up, shells, languages and mail make of a secret.

use palisade_tests::encode::{each, utf16};

use super::Form;

/// The forms.
pub const FORMS: &[Form] = &[
    Form::of("URL-encoded", |s, _| url(s, "-_.~", |b| format!("%{b:02X}"))),
    Form::of("URL-encoded in lower case", |s, _| url(s, "-_.~", |b| format!("%{b:02x}"))),
    Form::of("URL-encoded as encodeURIComponent does", |s, _| url(s, "-_.!~*'()", |b| format!("%{b:02X}"))),
    Form::of("URL-encoded as a path", |s, _| url(s, "-_.~/:@!$&'()*+,;=", |b| format!("%{b:02X}"))),
    Form::of("URL-encoded as a form", |s, _| url(s, "-_.* ", |b| format!("%{b:02X}")).replace(' ', "+")),
    Form::of("URL-encoded twice", |s, _| {
        let once = url(s, "-_.~", |b| format!("%{b:02X}"));
        url(&once, "-_.~", |b| format!("%{b:02X}"))
    }),
    Form::of("JSON", |s, _| json(s)),
    Form::of("JSON in ASCII", |s, _| json_ascii(s)),
    Form::of("JSON with \\/", |s, _| json(s).replace('/', "\\/")),
    Form::of("JSON as Go writes it", |s, _| {
        json(s).replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    }),
    Form::of("JSON of \\uNNNN alone", |s, _| units(s, |u| format!("\\u{u:04x}"))),
    Form::of("JSON of \\uNNNN alone in upper case", |s, _| units(s, |u| format!("\\u{u:04X}"))),
    Form::of("JSON in JSON", |s, _| json(&json(s))),
    Form::of("JSON in JSON, in ASCII with \\/", |s, _| {
        let inner = json_ascii(s).replace('/', "\\/");
        json(&format!("{{\"password\":{inner}}}")).replace('/', "\\/")
    }),
    Form::of("JSON in JSON in JSON", |s, _| json(&json(&json(s)))),
    Form::of("JSON, URL-encoded", |s, _| url(&json(s), "-_.~", |b| format!("%{b:02X}"))),
    Form::of("HTML", |s, _| html(s, |c| "<>&\"'".contains(c), named_or_decimal)),
    Form::of("HTML as PHP writes it", |s, _| {
        html(s, |c| "<>&\"'".contains(c), named_or_decimal).replace("&apos;", "&#039;")
    }),
    Form::of("HTML, all punctuation named", |s, _| html(s, |c| c.is_ascii_punctuation(), named_or_decimal)),
    Form::of("HTML in decimal", |s, _| html(s, |_| true, |c| format!("&#{};", c as u32))),
    Form::of("HTML in decimal with zeros", |s, _| html(s, |_| true, |c| format!("&#{:04};", c as u32))),
    Form::of("HTML in hex", |s, _| html(s, |_| true, |c| format!("&#x{:x};", c as u32))),
    Form::of("HTML in upper-case hex", |s, _| html(s, |_| true, |c| format!("&#x{:02X};", c as u32))),
    Form::of("HTML, punctuation in decimal", |s, _| {
        html(s, |c| !c.is_ascii_alphanumeric(), |c| format!("&#{};", c as u32))
    }),
    Form::of("HTML twice", |s, _| {
        let once = html(s, |c| "<>&\"'".contains(c), named_or_decimal);
        html(&once, |c| "<>&\"'".contains(c), named_or_decimal)
    }),
    Form::of("shell in single quotes", |s, _| format!("'{}'", s.replace('\'', "'\\''"))),
    Form::of("shell in single quotes as Python writes it", |s, _| {
        format!("'{}'", s.replace('\'', "'\"'\"'"))
    }),
    Form::of("shell in double quotes", |s, _| format!("\"{}\"", backslashed(s, |c| "$`\"\\".contains(c)))),
    Form::of("shell with backslashes", |s, _| {
        backslashed(s, |c| !c.is_alphanumeric() && c != '\n' && c != '_')
    }),
    Form::of("shell with backslashes as printf %q", |s, _| {
        backslashed(s, |c| " !\"#$&'()*,;<>?[\\]^`{|}~".contains(c))
    }),
    Form::of("shell in $'…'", |s, _| format!("$'{}'", c_like(s, "'\\", |c| c.to_string()))),
    Form::of("shell in $'…', octal outside of ASCII", |s, _| {
        format!("$'{}'", c_like(s, "'\\", |c| each(c.to_string(), "", |b| format!("\\{b:03o}"))))
    }),
    Form::of("C string", |s, _| {
        format!("\"{}\"", c_like(s, "\"\\", |c| each(c.to_string(), "", |b| format!("\\{b:o}"))))
    }),
    Form::of("Python repr", |s, _| {
        let quote = if s.contains('\'') && !s.contains('"') { '"' } else { '\'' };
        let special = if quote == '"' { "\"\\" } else { "'\\" };
        format!("{quote}{}{quote}", c_like(s, special, |c| c.to_string()))
    }),
    Form::of("Python repr of bytes", |s, _| {
        format!("b'{}'", c_like(s, "'\\", |c| each(c.to_string(), "", |b| format!("\\x{b:02x}"))))
    }),
    Form::of("Python pprint of bytes", |s, r| {
        let width = r.within(8..=40);
        let lines: Vec<String> =
            s.as_bytes().chunks(width).map(|line| format!("b'{}'", literal(line))).collect();
        format!("({})", lines.join("\n "))
    }),
    Form::of("C string in lines", |s, r| {
        let width = r.within(8..=40);
        let lines: Vec<String> =
            s.as_bytes().chunks(width).map(|line| format!("\"{}\"", line.escape_ascii())).collect();
        lines.join("\n    ")
    }),
    Form::of("Python ascii", |s, _| format!("'{}'", c_like(s, "'\\", python_ascii))),
    Form::of("Rust Debug", |s, _| format!("\"{}\"", c_like(s, "\"\\", |c| c.to_string()))),
    Form::of("Rust escape_unicode", |s, _| s.chars().map(|c| c.escape_unicode().to_string()).collect()),
    Form::of("Rust Debug of bytes", |s, _| format!("b\"{}\"", s.as_bytes().escape_ascii())),
    Form::of("Go %q", |s, _| format!("\"{}\"", c_like(s, "\"\\", |c| c.to_string()))),
    Form::of("Go %+q", |s, _| {
        format!("\"{}\"", c_like(s, "\"\\", |c| units(&c.to_string(), |u| format!("\\u{u:04x}"))))
    }),
    Form::of("Go %x with spaces", |s, _| each(s, " ", |b| format!("{b:02x}"))),
    Form::of("quoted-printable", |s, _| quoted_printable(s, |b| matches!(b, b'=' | 0x7f..))),
    Form::of("quoted-printable, all punctuation", |s, _| quoted_printable(s, |b| !b.is_ascii_alphanumeric())),
    Form::of("quoted-printable, all", |s, _| quoted_printable(s, |_| true)),
    Form::bytes("UTF-16LE", |s, _| utf16(s, u16::to_le_bytes)),
    Form::bytes("UTF-16BE", |s, _| utf16(s, u16::to_be_bytes)),
    Form::bytes("UTF-16LE with a mark", |s, _| utf16(&format!("\u{feff}{s}"), u16::to_le_bytes)),
];

fn url(text: &str, plain: &str, escape: impl Fn(u8) -> String) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || plain.as_bytes().contains(&b);
    each(text, "", |b| if is_plain(b) { char::from(b).to_string() } else { escape(b) })
}

/// A JSON string, with its quotes.
pub fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out + "\""
}

fn json_ascii(text: &str) -> String {
    json(text)
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { units(&c.to_string(), |u| format!("\\u{u:04x}")) })
        .collect()
}

fn units(text: &str, show: impl Fn(u16) -> String) -> String {
    text.encode_utf16().map(show).collect()
}

fn html(text: &str, special: impl Fn(char) -> bool, escape: impl Fn(char) -> String) -> String {
    text.chars().map(|c| if special(c) { escape(c) } else { c.to_string() }).collect()
}

fn named_or_decimal(c: char) -> String {
    let name = match c {
        '&' => "amp",
        '<' => "lt",
        '>' => "gt",
        '"' => "quot",
        '\'' => "apos",
        '!' => "excl",
        '#' => "num",
        '$' => "dollar",
        '%' => "percnt",
        '(' => "lpar",
        ')' => "rpar",
        '*' => "ast",
        '+' => "plus",
        ',' => "comma",
        '.' => "period",
        '/' => "sol",
        ':' => "colon",
        ';' => "semi",
        '=' => "equals",
        '?' => "quest",
        '@' => "commat",
        '[' => "lsqb",
        '\\' => "bsol",
        ']' => "rsqb",
        '^' => "Hat",
        '_' => "lowbar",
        '`' => "grave",
        '{' => "lcub",
        '|' => "vert",
        '}' => "rcub",
        other => return format!("&#{};", other as u32),
    };
    format!("&{name};")
}

fn backslashed(text: &str, special: impl Fn(char) -> bool) -> String {
    text.chars().map(|c| if special(c) { format!("\\{c}") } else { c.to_string() }).collect()
}

/// Backslashes before special characters, names for control characters.
fn c_like(text: &str, special: &str, outside_ascii: impl Fn(char) -> String) -> String {
    let escape = |c: char| match c {
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        c if special.contains(c) => format!("\\{c}"),
        c if c.is_ascii() => c.to_string(),
        c => outside_ascii(c),
    };
    text.chars().map(escape).collect()
}

/// Bytes as Python shows them, without quotes.
fn literal(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\\"", "\"")
}

fn python_ascii(c: char) -> String {
    if (c as u32) < 0x100 { format!("\\x{:02x}", c as u32) } else { format!("\\u{:04x}", c as u32) }
}

/// RFC 2045, section 6.7, with soft line breaks.
fn quoted_printable(text: &str, special: impl Fn(u8) -> bool) -> String {
    let (mut out, mut width) = (String::new(), 0);
    for byte in text.bytes() {
        let shown = match byte {
            b'\n' => "\n".into(),
            byte if special(byte) => format!("={byte:02X}"),
            byte => char::from(byte).to_string(),
        };
        if width + shown.len() > 75 {
            out.push_str("=\n");
            width = 0;
        }
        width = if byte == b'\n' { 0 } else { width + shown.len() };
        out.push_str(&shown);
    }
    out
}
