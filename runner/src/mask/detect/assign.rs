//! Values that are given to names: `NAME=value`, `"name": "value"`, `name: value`, `--name value`,
//! `<name>value</name>`, `name => 'value'`, `name: &str = "value"`, and the same inside of JSON strings and URLs.

use std::ops::Range;

use super::set;
use super::text::Text;

/// Most bytes between a name and its value, with colours, quotes and alignment.
const MAX_GAP: usize = 96;
/// Longest name of a type between a name and its value, in bytes.
const MAX_TYPE: usize = 24;
/// Longest value, in bytes.
const MAX_VALUE: usize = 8 * 1024;

/// A value that is given to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// Where it begins, after its quote.
    pub start: usize,
    /// What encloses it.
    pub quote: Quote,
    /// How it is given.
    pub given: Given,
}

/// What can follow a telling name without making it another: `secret_key`, `password2`, `token_value`.
const SUFFIXES: &[&str] =
    &["value", "base64", "b64", "string", "plain", "text", "prod", "dev", "live", "staging"];

/// What encloses a value, and so ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    /// White space, or what separates it from what follows.
    None,
    /// This character.
    Plain(u8),
    /// This character after backslashes: a string within a string.
    Escaped(u8),
    /// `%22`.
    Percent,
    /// `<`.
    Tag,
}

/// How a value is given to its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    /// With `=`.
    Equals,
    /// With `:`, `:=`, `=>` or as the content of a tag.
    Other,
    /// As the next argument of a command.
    Argument,
}

/// Where the name ends if it stands at `at` in any of its spellings: see `rule::Shape::Named`.
pub(super) fn name_end(text: &Text<'_>, mut at: usize, name: &str) -> Option<usize> {
    for expected in name.bytes() {
        match (expected, text.byte(at)) {
            (b'_', Some(b'_' | b'-' | b'.' | b' ')) => at += 1,
            (b'_', _) => {}
            (_, Some(byte)) if byte.to_ascii_lowercase() == expected => at += 1,
            _ => return None,
        }
    }
    Some(at)
}

/// Where a name ends with what may follow it.
pub(super) fn suffix_end(text: &Text<'_>, at: usize) -> usize {
    let separator = usize::from(matches!(text.byte(at), Some(b'_' | b'-' | b'.')));
    let suffix = SUFFIXES.iter().find_map(|suffix| name_end(text, at + separator, suffix));
    let end = suffix.unwrap_or(at + separator);
    let digits = text.from(end).iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    match end + digits {
        end if suffix.is_some() || digits > 0 => end,
        _ => at,
    }
}

/// Whether `Authorization` has the scheme `Basic`, and where the credential behind the scheme stands.
pub(super) fn authorization(text: &mut Text<'_>, at: usize) -> Option<(bool, Range<usize>)> {
    /// Schemes whose parameters prove that one has a secret without telling it.
    const PROOFS: &[&[u8]] = &[b"AWS4-HMAC-SHA256", b"Digest", b"OAuth"];
    let (word_end, _) = text.run(at, set::ALNUM.or(set::DASH), 24);
    let word = &text.bytes[at..word_end];
    if PROOFS.iter().any(|proof| word.eq_ignore_ascii_case(proof)) {
        return None;
    }
    let start = skip_blank(text, word_end);
    let has_scheme = start > word_end && !word.is_empty() && !word.iter().any(u8::is_ascii_digit);
    let basic = has_scheme && text.bytes[at..word_end].eq_ignore_ascii_case(b"basic");
    let start = if has_scheme { start } else { at };
    let (end, _) = text.run(start, super::generic::TOKEN68, MAX_VALUE);
    (end > start).then_some((basic, start..end))
}

/// The values of the cookies in a header whose value begins at `at`.
pub(super) fn cookies(text: &Text<'_>, at: usize) -> Vec<Range<usize>> {
    /// Most of them.
    const MOST: usize = 64;
    let rest = text.from(at);
    let rest = &rest[..rest.len().min(MAX_VALUE)];
    let ends = |b: &u8| *b < b' ' || matches!(b, b'"' | b'\'' | b'\\' | b'`');
    let header = &rest[..rest.iter().position(ends).unwrap_or(rest.len())];
    let mut start = at;
    let mut found = Vec::new();
    for pair in header.split(|b| *b == b';').take(MOST) {
        if let Some(equals) = memchr::memchr(b'=', pair) {
            let value = &pair[equals + 1..];
            let len = value.iter().take_while(|b| !matches!(b, b' ' | b',' | b')' | b'>')).count();
            let stops = value[..len].iter().rev().take_while(|b| **b == b'.').count();
            found.push(start + equals + 1..start + equals + 1 + len - stops);
        }
        start += pair.len() + 1;
    }
    found
}

/// Whether a name begins at `at`: nothing before it makes it part of another word.
pub(super) fn begins_name(text: &Text<'_>, at: usize) -> bool {
    // `TF_VAR_name`, `myName`, `nameName`.
    let hump = at > 0
        && text.bytes[at - 1].is_ascii_lowercase()
        && text.bytes.get(at).is_some_and(u8::is_ascii_uppercase)
        && text.bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase);
    hump || text.begins_word(at)
}

/// The value that is given to the name in `name`, if one is.
pub(super) fn value(text: &Text<'_>, name: Range<usize>) -> Option<Value> {
    let limit = text.bytes.len().min(name.end + MAX_GAP);
    let mut at = skip_closing(text, name.end);
    let closed = at > name.end;
    let spaced = skip_blank(text, at);
    let has_blank = spaced > at;
    at = spaced;
    if let Some(at) = value_key(text, at, closed && has_blank).or_else(|| typed(text, at, has_blank)) {
        let (start, quote) = open_quote(text, at);
        return Some(Value { start, quote, given: Given::Other });
    }
    let rest = text.from(at);
    let (given, len) = match rest {
        [b'=', b'>', ..] => (Given::Other, 2),
        [b'=', b'=' | b'~', ..] => return None,
        [b'=', ..] => (Given::Equals, 1),
        [b':' | b'?' | b'+' | b'.', b'=', ..] => (Given::Equals, 2),
        [b':', b':', b'=', ..] | [b'?', b'?', b'=', ..] | [b'|', b'|', b'=', ..] => (Given::Equals, 3),
        [b':', b':', b':', b'=', ..] => (Given::Equals, 4),
        [b':', b':', ..] => return None,
        [b':', ..] => (Given::Other, 1),
        [b'%', b'3', b'D' | b'd', ..] => (Given::Equals, 3),
        [b'%', b'3', b'A' | b'a', ..] => (Given::Other, 3),
        [b'>', ..] if !closed && !has_blank && tag_opens(text, name.start) => {
            let content = skip_breaks(text, at + 1);
            return (content < limit).then_some(Value {
                start: content,
                quote: Quote::Tag,
                given: Given::Other,
            });
        }
        // The next column of a table.
        [b'|', b' ', ..] if has_blank => (Given::Other, 1),
        [b',', ..] if closed && is_argument(text, name.start) => (Given::Other, 1),
        _ if has_blank && (is_option(text, name.start) || follows_login(text, name.start)) => {
            (Given::Argument, 0)
        }
        // `PASSWORD 'value'`, as in SQL.
        [b'\'', ..] if has_blank && !closed => (Given::Argument, 0),
        _ => return None,
    };
    at = skip_blank(text, at + len);
    let (start, quote) = open_quote(text, at);
    (start < limit).then_some(Value { start, quote, given })
}

/// Where the value begins, if the name at whose end `at` stands is itself a value and the next key is `value`, as in
/// manifests of Kubernetes: `name: PASSWORD`, and on the next line `value: …`; or `key="password" value="…"`, which
/// only `is_attribute` can be.
fn value_key(text: &Text<'_>, at: usize, is_attribute: bool) -> Option<usize> {
    let ends = matches!(text.byte(at), Some(b',' | b'\n' | b'\r'));
    if !ends && !is_attribute {
        return None;
    }
    let gap = if ends { skip_breaks(text, at + 1) } else { at };
    let (key, _) = open_quote(text, gap);
    let end = skip_blank(text, skip_closing(text, name_end(text, key, "value")?));
    let given = matches!(text.byte(end), Some(b':' | b'='));
    given.then(|| skip_blank(text, end + 1))
}

/// Where the string begins, quote included, that a variable is declared with whose name and blanks end at `at`: behind
/// its type, as in `var password string = "…"` and `password: &'static str = "…"`.
fn typed(text: &Text<'_>, at: usize, has_blank: bool) -> Option<usize> {
    let start = match text.from(at) {
        [b':', ..] => skip_blank(text, at + 1),
        [b'?' | b'!', b':', ..] => skip_blank(text, at + 2),
        _ if has_blank => at,
        _ => return None,
    };
    // Without digits: a value that is no word isn't passed over.
    let is_type =
        |byte: &u8| set::ALPHA.or(set::UNDERSCORE).or(set::DOT).has(*byte) || b"&'<>[]?* ".contains(byte);
    let len = text.from(start).iter().take(MAX_TYPE).take_while(|b| is_type(b)).count();
    let [first, .., b' '] = text.bytes[start..start + len] else { return None };
    let string = match text.from(start + len) {
        [b'=', b' ' | b'"' | b'\'' | b'`', ..] => skip_blank(text, start + len + 1),
        _ => return None,
    };
    let quoted = matches!(open_quote(text, string).1, Quote::Plain(_) | Quote::Escaped(_));
    (quoted && (first.is_ascii_alphabetic() || matches!(first, b'&' | b'[' | b'*'))).then_some(string)
}

/// Whether `password` at `at` is a word of a `.netrc`: `machine … login … password …`.
fn follows_login(text: &Text<'_>, at: usize) -> bool {
    let before = &text.bytes[at.saturating_sub(128)..at];
    let line = memchr::memrchr(b'\n', before).map_or(before, |newline| &before[newline..]);
    memchr::memmem::find(line, b"login ").is_some()
}

/// Whether what stands before a name at `at` says that its value is no secret: `nextToken`, `PublicKeyToken`.
pub(super) fn is_public(text: &Text<'_>, at: usize) -> bool {
    const WORDS: &[&[u8]] = &[b"next", b"page", b"continuation", b"publickey", b"public", b"sync", b"cursor"];
    let before = &text.bytes[at.saturating_sub(16)..at];
    let before = before
        .strip_suffix(b"_")
        .or(before.strip_suffix(b"-"))
        .or(before.strip_suffix(b" "))
        .unwrap_or(before);
    WORDS.iter().any(|word| {
        let tail = before.len().checked_sub(word.len()).map(|start| &before[start..]);
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(word))
    })
}

/// How far a value without quotes goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// To the next blank: a line that `printenv` writes.
    Line,
    /// To what separates parameters of a URL.
    Query,
    /// To what separates words of a program or an object.
    Word,
}

/// Where a value ends.
pub(super) fn value_end(text: &Text<'_>, value: Value, extent: Extent) -> usize {
    let rest = text.from(value.start);
    let rest = &rest[..rest.len().min(MAX_VALUE)];
    let len = match value.quote {
        Quote::Plain(quote) => end_of_string(rest, quote),
        Quote::Escaped(quote) => rest.iter().position(|b| *b == quote || *b == b'\n').map(|at| {
            let slashes = rest[..at].iter().rev().take_while(|b| **b == b'\\').count();
            at - slashes
        }),
        Quote::Percent => memchr::memmem::find(rest, b"%22"),
        Quote::Tag => rest.iter().position(|b| matches!(b, b'<' | b'\n')),
        Quote::None => rest.iter().position(|b| match extent {
            Extent::Line => *b <= b' ',
            Extent::Query => *b == b'&' || *b == b'#' || ends_word(*b),
            Extent::Word => ends_word(*b),
        }),
    };
    let value_len = len.unwrap_or(rest.len());
    if value.quote != Quote::None || extent == Extent::Line {
        return value.start + value_len;
    }
    // Nothing is quoted by `%22`, but it ends what another one opened; a full stop at the end is the sentence's.
    let bare = &rest[..value_len];
    let bare = &bare[..memchr::memmem::find(bare, b"%22").unwrap_or(bare.len())];
    let stops = bare.iter().rev().take_while(|b| **b == b'.').count();
    value.start + bare.len() - stops
}

/// Whether a byte ends a value without quotes.
fn ends_word(byte: u8) -> bool {
    byte <= b' '
        || matches!(
            byte,
            b'"' | b'\''
                | b'`'
                | b'<'
                | b'>'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b','
                | b';'
                | b'|'
                | b'\\'
        )
}

/// Where a string ends that `quote` closes; a backslash takes the next character with it.
fn end_of_string(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => at += 1,
            b'\n' => return Some(at),
            byte if *byte == quote => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Skips what closes a name: its quote, a bracket, the end of a colour.
fn skip_closing(text: &Text<'_>, mut at: usize) -> usize {
    for _ in 0..4 {
        let rest = text.from(at);
        at += match rest {
            [b'\\', b'"' | b'\'', ..] => 2,
            [b'\\', b'\\', b'\\', b'"', ..] => 4,
            [b'"' | b'\'' | b'`' | b']' | b')', ..] => 1,
            [b'%', b'2', b'2', ..] | [b'%', b'5', b'D' | b'd', ..] => 3,
            _ => match ansi(rest) {
                0 => return at,
                len => len,
            },
        };
    }
    at
}

/// Skips blanks and colours, up to [`MAX_GAP`].
fn skip_blank(text: &Text<'_>, start: usize) -> usize {
    let mut at = start;
    while at - start < MAX_GAP {
        let rest = text.from(at);
        at += match rest {
            [b' ' | b'\t', ..] => 1,
            [b'%', b'2', b'0', ..] => 3,
            _ => match ansi(rest) {
                0 => break,
                len => len,
            },
        };
    }
    at
}

/// Skips blanks, ends of lines and commas, up to [`MAX_GAP`].
fn skip_breaks(text: &Text<'_>, at: usize) -> usize {
    let is_break = |byte: &&u8| matches!(byte, b',' | b'\n' | b'\r' | b' ' | b'\t');
    at + text.from(at).iter().take(MAX_GAP).take_while(is_break).count()
}

/// The quote that opens at `at`, and where what it encloses begins.
fn open_quote(text: &Text<'_>, at: usize) -> (usize, Quote) {
    match text.from(at) {
        [b'\\', b'\\', b'\\', quote @ b'"', ..] => (at + 4, Quote::Escaped(*quote)),
        [b'\\', quote @ (b'"' | b'\''), ..] => (at + 2, Quote::Escaped(*quote)),
        [b'$' | b'b' | b'r', quote @ (b'"' | b'\''), ..] => (at + 2, Quote::Plain(*quote)),
        [quote @ (b'"' | b'\'' | b'`'), ..] => (at + 1, Quote::Plain(*quote)),
        [b'%', b'2', b'2', ..] => (at + 3, Quote::Percent),
        _ => (at, Quote::None),
    }
}

/// Length of the ANSI colour that `text` begins with.
fn ansi(text: &[u8]) -> usize {
    let [0x1b, b'[', rest @ ..] = text else { return 0 };
    let digits = rest.iter().take(16).take_while(|b| matches!(b, b'0'..=b'9' | b';')).count();
    if rest.get(digits) == Some(&b'm') { digits + 3 } else { 0 }
}

/// Whether the name that has a part at `at` is an option: `--db-password`.
fn is_option(text: &Text<'_>, at: usize) -> bool {
    let before = &text.bytes[..at];
    let word = before.iter().rev().take(40).take_while(|b| set::BASE64_URL.has(**b)).count();
    let name = &before[before.len() - word..];
    // The dashes may be all that stands before the part.
    name.starts_with(b"--") || (name.starts_with(b"-") && name.len() == 1)
}

/// Whether the name that has a part at `at` is the first argument of a call: `setenv("NAME", "value")`.
fn is_argument(text: &Text<'_>, at: usize) -> bool {
    let before = &text.bytes[..at];
    let word = before.iter().rev().take(40).take_while(|b| set::BASE64_URL.has(**b)).count();
    matches!(before[..before.len() - word], [.., b'(', b'"' | b'\''])
}

/// Whether the name that has a part at `at` stands in a tag: `<dbPassword>`.
fn tag_opens(text: &Text<'_>, at: usize) -> bool {
    let before = &text.bytes[..at];
    let word = before.iter().rev().take(40).take_while(|b| set::BASE64_URL.or(set::DOT).has(**b)).count();
    before[..before.len() - word].last() == Some(&b'<')
}

/// How far the value goes whose name has a part at `at`.
pub(super) fn extent(text: &Text<'_>, at: usize, given: Given) -> Extent {
    let before = &text.bytes[..at];
    let word = before.iter().rev().take(64).take_while(|b| set::BASE64_URL.has(**b)).count();
    match before[..before.len() - word].last() {
        None | Some(b'\n') if given == Given::Equals => Extent::Line,
        Some(b'?' | b'&') => Extent::Query,
        _ => Extent::Word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the value of `password` is in `text`.
    fn given(text: &str) -> Option<&str> {
        let at = text.to_ascii_lowercase().find("password")?;
        let scanned = Text::new(text.as_bytes());
        let end = name_end(&scanned, at, "password")?;
        let value = value(&scanned, at..end)?;
        let extent = extent(&scanned, at, value.given);
        Some(&text[value.start..value_end(&scanned, value, extent)])
    }

    #[test]
    fn values_are_found_in_every_notation() {
        for text in [
            "PASSWORD=a1b2c3",
            "export DB_PASSWORD='a1b2c3'; x",
            "password: a1b2c3",
            "password = \"a1b2c3\"",
            r#"{"password": "a1b2c3", "x": 1}"#,
            r#""{\"password\":\"a1b2c3\"}""#,
            r#""{\\\"password\\\":\\\"a1b2c3\\\"}""#,
            "mysql --password a1b2c3 -h db",
            "mysql --db-password=a1b2c3",
            "<password>a1b2c3</password>",
            "'password' => 'a1b2c3',",
            "?user=x&password=a1b2c3&y=1",
            "password%22%3A%22a1b2c3%22",
            "\u{1b}[32mpassword\u{1b}[0m=\u{1b}[1;33ma1b2c3\u{1b}[0m",
            "| password   | a1b2c3 |",
            "CREATE USER x PASSWORD 'a1b2c3'",
            "env[\"PASSWORD\"] = \"a1b2c3\"",
            "putenv(\"PASSWORD\", \"a1b2c3\")",
            "password:\ta1b2c3\n",
            "- name: DB_PASSWORD\n  value: a1b2c3\n",
            "{\"name\": \"DB_PASSWORD\", \"value\": \"a1b2c3\"}",
            "machine forge login robot password a1b2c3",
            "password ?= a1b2c3",
            "password ::= a1b2c3",
            "password :::= a1b2c3",
            "$password .= 'a1b2c3';",
            "password ||= \"a1b2c3\"",
            "var dbPassword string = \"a1b2c3\"",
            "const PASSWORD: &'static str = \"a1b2c3\";",
            "password?: string = 'a1b2c3'",
            "<dbPassword>\n    a1b2c3\n</dbPassword>",
            "<add key=\"ClearTextPassword\" value=\"a1b2c3\" />",
        ] {
            assert_eq!(given(text), Some("a1b2c3"), "{text}");
        }
    }

    #[test]
    fn an_environment_s_line_is_a_value_to_its_end() {
        assert_eq!(given("DB_PASSWORD=a&b;c\"d e\n"), Some("a&b;c\"d"));
        assert_eq!(given("x DB_PASSWORD=a&b;c"), Some("a&b"));
        assert_eq!(given("/x?password=a&b;c"), Some("a"));
    }

    #[test]
    fn other_text_gives_nothing() {
        for text in
            ["enter password", "password == x", "Password::new", "the password is", "passwords", "password"]
        {
            assert_eq!(given(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_what_is_public() {
        for before in ["next", "NextPage", "next_page_", "PublicKey", "public-"] {
            let name = format!("{before}token");
            assert!(is_public(&Text::new(name.as_bytes()), before.len()), "{name}");
        }
        assert!(!is_public(&Text::new(b"api_token"), 4));
    }

    #[test]
    fn names_in_every_spelling() {
        for name in ["API_KEY", "api-key", "ApiKey", "api.key", "Api Key", "apikey"] {
            assert_eq!(name_end(&Text::new(name.as_bytes()), 0, "api_key"), Some(name.len()), "{name}");
        }
        assert_eq!(name_end(&Text::new(b"api__key"), 0, "api_key"), None);
    }
}
