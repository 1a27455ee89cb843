//! Scalars: what a text of YAML stands for, and where its characters stand in the source.

use std::borrow::Cow;

use saphyr_parser::ScalarStyle;

use super::span::Span;
use crate::expr::Value;

/// A null, boolean, number or text.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    String(String),
}

impl Scalar {
    /// As text, in the way of expressions: null is empty, `1.10` is `1.1`.
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Scalar::String(text) => Cow::Borrowed(text),
            other => Cow::Owned(Value::from(other).to_display_string().into_owned()),
        }
    }
}

impl From<&Scalar> for Value {
    fn from(scalar: &Scalar) -> Self {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(b) => Value::Bool(*b),
            Scalar::Number(n) => Value::Number(*n),
            Scalar::String(text) => Value::from(text.as_str()),
        }
    }
}

/// Gives a scalar its type by the core schema of YAML 1.2 (section 10.3.2), which GitHub follows: `yes`, `on`
/// and `1_000` are text. `None` if the tag asks for a type that the text isn't of.
pub fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Option<Scalar> {
    let string = || Scalar::String(text.into());
    match tag {
        None if plain => Some(core(text).unwrap_or_else(string)),
        None | Some("str") => Some(string()),
        Some("null") => core(text).filter(|scalar| *scalar == Scalar::Null),
        Some("bool") => core(text).filter(|scalar| matches!(scalar, Scalar::Bool(_))),
        Some("int") => core(text).filter(|scalar| matches!(scalar, Scalar::Number(n) if n.fract() == 0.0)),
        Some("float") => core(text).filter(|scalar| matches!(scalar, Scalar::Number(_))),
        Some(_) => None,
    }
}

fn core(text: &str) -> Option<Scalar> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Scalar::Number(f64::NAN),
        _ => Scalar::Number(number(text)?),
    })
}

fn number(text: &str) -> Option<f64> {
    let radix = |digits: &str, radix| {
        // Unlike the standard library's reading of digits, no sign may follow the prefix.
        let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        let add = |sum: f64, c: char| sum * f64::from(radix) + f64::from(c.to_digit(radix).unwrap_or(0));
        all.then(|| digits.chars().fold(0.0, add))
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    // What is left has the form that the standard library reads, once other words are excluded.
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    numeric.then(|| text.parse().ok()).flatten()
}

/// The scalar's own place within what the parser gives, which begins at an anchor or tag and may end after
/// white space and a comment.
pub fn content_span(source: &str, start: usize, end: usize, style: ScalarStyle) -> Span {
    let whole = source.get(start..end).unwrap_or_default();
    let mut at = start;
    let mut rest = whole;
    loop {
        let blank = rest.trim_start();
        at += rest.len() - blank.len();
        rest = blank;
        if !rest.starts_with(['&', '!']) {
            break;
        }
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        at += word;
        rest = &rest[word..];
    }
    if rest.is_empty() {
        return Span::new(start, start + whole.trim_end().len());
    }
    let length = match style {
        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => quoted_length(rest),
        _ => rest.trim_end().len(),
    };
    Span::new(at, at + length)
}

/// Bytes of a quoted scalar with both quotes.
fn quoted_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let Some(&quote) = bytes.first() else { return 0 };
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 2,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            b if b == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Where a part of a scalar's text stands in the source. Both hold the same characters in the same order but
/// for white space, which folding and indentation change, and for escapes.
pub fn part_span(source: &str, scalar: Span, text: &str, part: std::ops::Range<usize>) -> Span {
    let visible = |range: &str| range.chars().filter(|c| !c.is_whitespace()).count();
    let (Some(before), Some(within)) = (text.get(..part.start), text.get(part.clone())) else {
        return scalar;
    };
    let skipped = visible(before) + visible(&within[..within.len() - within.trim_start().len()]);
    let length = visible(within);
    let written = scalar.of(source);
    let mut chars = Written::new(written);
    match (chars.nth(skipped), length.checked_sub(2)) {
        (Some((start, end)), None) => offset(scalar, start, end),
        (Some((start, _)), Some(more)) => match chars.nth(more) {
            Some((_, end)) => offset(scalar, start, end),
            None => offset(scalar, start, written.len()),
        },
        // The part is past the last visible character.
        (None, _) => offset(scalar, written.len(), written.len()),
    }
}

fn offset(scalar: Span, start: usize, end: usize) -> Span {
    Span::new(scalar.start as usize + start, scalar.start as usize + end)
}

/// The visible characters of a scalar as it is written, each with its bytes.
struct Written<'a> {
    text: &'a str,
    at: usize,
    quote: Option<u8>,
}

impl<'a> Written<'a> {
    fn new(text: &'a str) -> Self {
        match text.as_bytes().first() {
            Some(&quote @ (b'"' | b'\'')) => Written { text, at: 1, quote: Some(quote) },
            // A block begins after its header's line.
            Some(b'|' | b'>') => {
                Written { text, at: text.find('\n').map_or(text.len(), |at| at + 1), quote: None }
            }
            _ => Written { text, at: 0, quote: None },
        }
    }
}

impl Iterator for Written<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        loop {
            let start = self.at;
            let rest = self.text.get(start..)?;
            let first = rest.chars().next()?;
            let (length, is_visible) = match self.quote {
                Some(b'\'') if rest.starts_with("''") => (2, true),
                Some(b'"') if first == '\\' => escape(&rest[1..]),
                Some(quote) if first == char::from(quote) => return None,
                _ => (first.len_utf8(), !first.is_whitespace()),
            };
            self.at = start + length;
            if is_visible {
                return Some((start, self.at.min(self.text.len())));
            }
        }
    }
}

/// Bytes of an escape sequence of double quotes, whose text after the backslash is given, and whether it
/// stands for a visible character.
fn escape(text: &str) -> (usize, bool) {
    let Some(kind) = text.chars().next() else { return (1, false) };
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        't' | 'n' | 'v' | 'f' | 'r' | 'N' | '_' | 'L' | 'P' | '\t' | ' ' | '\n' | '\r' => {
            return (1 + kind.len_utf8(), false);
        }
        other => return (1 + other.len_utf8(), true),
    };
    let code = text.get(1..1 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let is_visible = code.and_then(char::from_u32).is_none_or(|c| !c.is_whitespace());
    (2 + digits, is_visible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_schema() {
        let number = |n: f64| Some(Scalar::Number(n));
        for (text, scalar) in [
            ("", Some(Scalar::Null)),
            ("~", Some(Scalar::Null)),
            ("True", Some(Scalar::Bool(true))),
            ("12", number(12.0)),
            ("+1.50", number(1.5)),
            ("-.5e3", number(-500.0)),
            ("0o17", number(15.0)),
            ("0xfF", number(255.0)),
            ("-.inf", number(f64::NEG_INFINITY)),
            ("1.", number(1.0)),
        ] {
            assert_eq!(core(text), scalar, "{text:?}");
        }
        for text in [
            "on", "yes", "No", "tRUE", "1_000", "0x", "0x+1", "0o8", "inf", "nan", "1e", ".", "+", "1.2.3",
            "e5", "08:00",
        ] {
            assert_eq!(resolve(text, true, None), Some(Scalar::String(text.into())), "{text:?}");
        }
    }

    #[test]
    fn quotes_and_tags_decide_the_type() {
        let text = |t: &str| Some(Scalar::String(t.into()));
        assert_eq!(resolve("1", false, None), text("1"));
        assert_eq!(resolve("1", true, Some("str")), text("1"));
        assert_eq!(resolve("1", false, Some("int")), Some(Scalar::Number(1.0)));
        assert_eq!(resolve("x", true, Some("int")), None);
        assert_eq!(resolve("1.5", true, Some("int")), None);
        assert_eq!(resolve("1", true, Some("binary")), None);
    }

    /// Where `part` of the only value of a mapping stands, as the text found there.
    fn found(source: &str, part: &str) -> String {
        use crate::workflow::diagnostic::Collector;
        use crate::workflow::yaml::{Yaml, load};
        let root = load(source, &mut Collector::default()).unwrap();
        let Yaml::Mapping(entries) = &root.value else { panic!("no mapping") };
        let node = &entries["k"].value;
        let Yaml::Scalar(Scalar::String(text)) = &node.value else { panic!("no text") };
        let at = text.find(part).unwrap();
        part_span(source, node.span, text, at..at + part.len()).of(source).to_owned()
    }

    #[test]
    fn a_part_is_found_in_every_style() {
        for (source, part, written) in [
            ("k: one two", "two", "two"),
            ("k: &a one two # two", "two", "two"),
            ("k: !!str one two", "two", "two"),
            ("k: 'it''s two' # two", "two", "two"),
            ("k: 'it''s two'", "it's", "it''s"),
            ("k: \"a\\n\\u00e9\\\"\\x20two\"", "two", "two"),
            ("k: \"a\\\n   two\"", "two", "two"),
            ("k: |2- # two\n  one\n\n   two", "two", "two"),
            ("k: >\n  one\n  two\n\n  three\n", "three", "three"),
            ("k: one\n  two\n  three", "two three", "two\n  three"),
            ("é: 1\nk: ééé two é", "two", "two"),
            ("k: |\r\n  one\r\n  two\r\n", "two", "two"),
        ] {
            assert_eq!(found(source, part), written, "{source:?}");
        }
    }
}
