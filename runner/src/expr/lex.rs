//! Text to tokens.

use std::ops::Range;

use super::ast::{Comparison, Logic};
use super::error::{ParseError, ParseErrorKind};
use super::value::Value;
use super::{MAX_LENGTH, number};

/// A token and the bytes that it came from.
#[derive(Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    start: u32,
    end: u32,
}

impl Token {
    /// Its bytes in the source.
    pub fn at(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What a token is.
#[derive(Debug, PartialEq)]
pub enum TokenKind {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `[`
    OpenIndex,
    /// `]`
    CloseIndex,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `*`
    Star,
    /// `!`
    Not,
    /// `&&` or `||`
    Logic(Logic),
    /// `==`, `<` and so on
    Compare(Comparison),
    /// null, a boolean, a number or a quoted string
    Literal(Value),
    /// A name
    Name,
    /// The end of the text
    End,
}

/// Splits an expression into tokens; the last one is [`TokenKind::End`].
pub fn tokens(source: &str) -> Result<Vec<Token>, ParseError> {
    // A length in bytes is never less than one in UTF-16 units, which is what the limit counts.
    if source.len() > MAX_LENGTH && source.encode_utf16().count() > MAX_LENGTH {
        let message = format!("Exceeded max expression length {MAX_LENGTH}");
        return Err(ParseError::new(ParseErrorKind::Lexing, "(too long to show)", 0..source.len(), message));
    }
    let mut lexer = Lexer { source, at: 0, tokens: Vec::with_capacity(source.len() / 4 + 4) };
    while lexer.token()? {}
    Ok(lexer.tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    /// Reads one token; false at the end.
    fn token(&mut self) -> Result<bool, ParseError> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        let start = self.at;
        let mut bytes = self.rest().bytes();
        let Some(first) = bytes.next() else {
            self.push(TokenKind::End, start);
            return Ok(false);
        };
        let second = bytes.next();
        let (kind, length) = match (first, second) {
            (b'(', _) => (TokenKind::Open, 1),
            (b')', _) => (TokenKind::Close, 1),
            (b'[', _) => (TokenKind::OpenIndex, 1),
            (b']', _) => (TokenKind::CloseIndex, 1),
            (b',', _) => (TokenKind::Comma, 1),
            (b'*', _) => (TokenKind::Star, 1),
            (b'.', _) if self.follows_operand() => (TokenKind::Dot, 1),
            (b'!', Some(b'=')) => (TokenKind::Compare(Comparison::NotEqual), 2),
            (b'!', _) => (TokenKind::Not, 1),
            (b'=', Some(b'=')) => (TokenKind::Compare(Comparison::Equal), 2),
            (b'<', Some(b'=')) => (TokenKind::Compare(Comparison::LessOrEqual), 2),
            (b'<', _) => (TokenKind::Compare(Comparison::Less), 1),
            (b'>', Some(b'=')) => (TokenKind::Compare(Comparison::GreaterOrEqual), 2),
            (b'>', _) => (TokenKind::Compare(Comparison::Greater), 1),
            (b'&', Some(b'&')) => (TokenKind::Logic(Logic::And), 2),
            (b'|', Some(b'|')) => (TokenKind::Logic(Logic::Or), 2),
            (b'\'', _) => self.string()?,
            (b'.' | b'-' | b'+' | b'0'..=b'9', _) => self.number()?,
            _ => self.word()?,
        };
        self.at += length;
        self.push(kind, start);
        Ok(true)
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        self.tokens.push(Token { kind, start: start as u32, end: self.at as u32 });
    }

    /// Whether a dot here reads a property; else it begins a number such as `.5`.
    fn follows_operand(&self) -> bool {
        matches!(
            self.tokens.last().map(|token| &token.kind),
            Some(TokenKind::Name | TokenKind::Close | TokenKind::CloseIndex | TokenKind::Star)
        )
    }

    fn string(&self) -> Result<(TokenKind, usize), ParseError> {
        let body = &self.rest()[1..];
        let mut escaped = false;
        let mut end = 0;
        loop {
            let Some(quote) = body[end..].find('\'') else {
                return Err(self.unexpected(body.len() + 1));
            };
            end += quote + 1;
            if !body[end..].starts_with('\'') {
                break;
            }
            escaped = true;
            end += 1;
        }
        let text = &body[..end - 1];
        let value = if escaped { Value::from(text.replace("''", "'")) } else { Value::from(text) };
        Ok((TokenKind::Literal(value), end + 1))
    }

    fn number(&self) -> Result<(TokenKind, usize), ParseError> {
        let length = self.run_length(|c| c == '.' || !is_boundary(c));
        let number = number::parse(&self.rest()[..length]);
        if number.is_nan() {
            return Err(self.unexpected(length));
        }
        Ok((TokenKind::Literal(Value::Number(number)), length))
    }

    fn word(&self) -> Result<(TokenKind, usize), ParseError> {
        let length = self.run_length(|c| !is_boundary(c));
        let word = &self.rest()[..length];
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !is_name {
            return Err(self.unexpected(length));
        }
        let after_dot = matches!(self.tokens.last(), Some(Token { kind: TokenKind::Dot, .. }));
        let kind = match word {
            _ if after_dot => TokenKind::Name,
            "null" => TokenKind::Literal(Value::Null),
            "true" => TokenKind::Literal(Value::Bool(true)),
            "false" => TokenKind::Literal(Value::Bool(false)),
            "NaN" => TokenKind::Literal(Value::Number(f64::NAN)),
            "Infinity" => TokenKind::Literal(Value::Number(f64::INFINITY)),
            _ => TokenKind::Name,
        };
        Ok((kind, length))
    }

    /// Bytes of the first character, whatever it is, and of those after it that belong to the same run.
    fn run_length(&self, belongs: impl Fn(char) -> bool) -> usize {
        let mut characters = self.rest().char_indices().skip(1);
        characters.find(|&(_, c)| !belongs(c)).map_or(self.rest().len(), |(at, _)| at)
    }

    fn unexpected(&self, length: usize) -> ParseError {
        let at = self.at..self.at + length;
        let message = format!("Unexpected symbol: '{}'", &self.source[at.clone()]);
        ParseError::new(ParseErrorKind::Lexing, self.source, at, message)
    }
}

fn is_boundary(c: char) -> bool {
    matches!(c, '(' | ')' | '[' | ']' | ',' | '.' | '!' | '=' | '<' | '>' | '&' | '|') || c.is_whitespace()
}
