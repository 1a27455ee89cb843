//! Files of names and values: `NAME=value` lines, as shells and local runners read them, or one JSON object
//! of strings.

use std::fs::File;
use std::io::{self, Error, ErrorKind, Read};

use zeroize::Zeroizing;

/// Largest file, in bytes.
const MAX: u64 = 1 << 20;

/// Reads a file whose text may be secret.
pub fn read(file: File) -> io::Result<Zeroizing<String>> {
    // Room from the start: a buffer that grows leaves copies behind. A pipe has no length.
    let length = file.metadata()?.len().clamp(64 << 10, MAX);
    let mut text = Zeroizing::new(String::with_capacity(length as usize + 1));
    let size = file.take(MAX + 1).read_to_string(&mut text)?;
    if size as u64 > MAX {
        return Err(Error::new(ErrorKind::FileTooLarge, format!("larger than {MAX} bytes")));
    }
    Ok(text)
}

/// Why such a file isn't one.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DotenvError {
    /// Neither empty, nor a comment, nor `NAME=value`.
    #[error("line {0}: expected NAME=value")]
    Line(usize),
    /// A quote that isn't closed.
    #[error("line {0}: the quote is not closed")]
    Unclosed(usize),
    /// Something behind a closing quote.
    #[error("line {0}: text after the closing quote")]
    AfterQuote(usize),
    /// No JSON object of strings.
    #[error("invalid JSON: {0}")]
    Json(String),
}

/// Parses a file. A value may stand in quotes and then go over several lines; in double quotes `\n`, `\r`,
/// `\t`, `\"`, `\\` and `\$` are read as in C.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, DotenvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        let object: indexmap::IndexMap<String, String> =
            serde_json::from_str(text).map_err(|e| DotenvError::Json(e.to_string()))?;
        return Ok(object.into_iter().collect());
    }
    let mut pairs = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let this = rest[..end].trim();
        if this.is_empty() || this.starts_with('#') {
            rest = &rest[end..];
            line += 1;
            continue;
        }
        let equals = this.find('=').ok_or(DotenvError::Line(line))?;
        let name = this[..equals].trim();
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        if !is_name(name) {
            return Err(DotenvError::Line(line));
        }
        let after = rest[rest.find('=').unwrap_or_default() + 1..].trim_start_matches([' ', '\t']);
        let (value, remaining) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => quoted(&after[1..], quote, line)?,
            _ => {
                let end = after.find('\n').map_or(after.len(), |at| at + 1);
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        line += rest[..rest.len() - remaining.len()].matches('\n').count();
        rest = remaining;
        pairs.push((name.to_owned(), value));
    }
    Ok(pairs)
}

/// Whether a text can be the name of a variable or secret.
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A value up to its closing quote, and what follows its line.
fn quoted(text: &str, quote: char, line: usize) -> Result<(String, &str), DotenvError> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            let rest = &text[at + 1..];
            let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
            let tail = rest[..end].trim();
            if !tail.is_empty() && !tail.starts_with('#') {
                return Err(DotenvError::AfterQuote(line));
            }
            return Ok((value, &rest[end..]));
        }
        if c == '\\' && quote == '"' {
            match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped @ ('"' | '\\' | '$'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            }
        } else {
            value.push(c);
        }
    }
    Err(DotenvError::Unclosed(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    #[test]
    fn values_with_and_without_quotes() {
        let text = "# comment\n\nA=1\nexport B = two words \nC=\"x\\ny\" # c\nD='a\nb'\r\nE=\nF=a#b\"c\n";
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "x\ny"), ("D", "a\nb"), ("E", ""), ("F", "a#b\"c")];
        assert_eq!(pairs(text), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn an_object_of_strings_is_as_good() {
        assert_eq!(
            pairs(" {\"B\": \"x\\ny\", \"A\": \"\"}"),
            [("B".into(), "x\ny".into()), ("A".into(), String::new())]
        );
        assert!(matches!(parse("{\"A\": 1}"), Err(DotenvError::Json(_))));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert_eq!(parse("A=1\nnonsense"), Err(DotenvError::Line(2)));
        assert_eq!(parse("1A=1"), Err(DotenvError::Line(1)));
        assert_eq!(parse("A='x\ny'\nB=\"x"), Err(DotenvError::Unclosed(3)));
        assert_eq!(parse("A='x' y"), Err(DotenvError::AfterQuote(1)));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(?s).{0,100}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_quoted_value_is_read_back(value in "[^']{0,40}") {
            prop_assert_eq!(pairs(&format!("A='{value}'\nB=1")), [("A".to_owned(), value), ("B".into(), "1".into())]);
        }
    }
}
