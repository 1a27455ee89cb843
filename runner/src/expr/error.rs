//! What can be wrong with an expression. The wording of the first half is GitHub's, which people know and
//! search for; place and suggestion are ours.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// The stage at which a text turned out to be no expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// A sequence of characters that is no token, or too many characters.
    Lexing,
    /// Tokens in an order that is no expression, or names that aren't known.
    Parsing,
}

/// Why a text is no expression, or holds one that isn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The stage.
    pub kind: ParseErrorKind,
    /// What is wrong, without the place.
    pub message: String,
    /// Where: bytes of the text that was parsed.
    pub at: Range<usize>,
    /// A known name close to an unknown one.
    pub suggestion: Option<String>,
    /// The expression and where it begins in the text that was parsed.
    expression: Arc<str>,
    offset: usize,
}

impl ParseError {
    pub(super) fn new(
        kind: ParseErrorKind,
        expression: &str,
        at: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let (message, expression) = (message.into(), expression.into());
        ParseError { kind, message, at, suggestion: None, expression, offset: 0 }
    }

    pub(super) fn with_suggestion(mut self, suggestion: Option<&str>) -> Self {
        self.suggestion = suggestion.map(str::to_owned);
        self
    }

    /// The same error in a text in which the expression begins at byte `offset`.
    pub(super) fn shifted(mut self, offset: usize) -> Self {
        self.offset += offset;
        self.at = self.at.start + offset..self.at.end + offset;
        self
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.at.start.saturating_sub(self.offset);
        let position = self.expression.get(..before).map_or(0, |text| text.chars().count()) + 1;
        let (message, expression) = (&self.message, &self.expression);
        write!(f, "{message}. Located at position {position} within expression: {expression}")
    }
}

impl std::error::Error for ParseError {}

/// Why an expression has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalError {
    /// What is wrong, without the expression.
    pub message: String,
    expression: Option<Arc<str>>,
}

impl EvalError {
    /// An error that says what is wrong; the evaluator adds in which expression.
    pub fn new(message: impl Into<String>) -> Self {
        EvalError { message: message.into(), expression: None }
    }

    pub(super) fn within(mut self, expression: &Arc<str>) -> Self {
        self.expression.get_or_insert_with(|| expression.clone());
        self
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.expression {
            Some(expression) => write!(f, ". Located within expression: {expression}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for EvalError {}
