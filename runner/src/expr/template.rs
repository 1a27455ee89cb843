//! Text with `${{ }}` in it.

use std::sync::Arc;

use super::error::{EvalError, ParseError, ParseErrorKind};
use super::eval::Scope;
use super::memory::{BoundedText, MAX_MEMORY, Memory};
use super::{CONTEXTS, Expr, Value};

/// Text with any number of `${{ }}` in it.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<str>,
    /// Without expressions: empty.
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    /// With its place in the source.
    Expr(Expr, usize),
}

impl Template {
    /// Parses text that may hold expressions, which may read the documented [`CONTEXTS`].
    pub fn parse(source: &str) -> Result<Template, ParseError> {
        Template::parse_with(source, &CONTEXTS)
    }

    /// Parses text that may hold expressions, which may read just the given contexts.
    pub fn parse_with(source: &str, contexts: &[&str]) -> Result<Template, ParseError> {
        let mut parts = Vec::new();
        let mut text = 0;
        while let Some(open) = source[text..].find("${{") {
            let open = text + open;
            let start = open + 3;
            let Some(length) = expression_length(&source[start..]) else {
                let message = "The expression is not closed. An unescaped ${{ sequence was found, but the \
                               closing }} sequence was not found";
                let rest = &source[open..];
                let error = ParseError::new(ParseErrorKind::Parsing, rest, 0..rest.len(), message);
                return Err(error.shifted(open));
            };
            let end = start + length;
            let expression = &source[start..end];
            if expression.trim().is_empty() {
                let whole = &source[open..end + 2];
                let message = "An expression was expected";
                let error = ParseError::new(ParseErrorKind::Parsing, whole, 0..whole.len(), message);
                return Err(error.shifted(open));
            }
            if open > text {
                parts.push(Part::Text(source[text..open].into()));
            }
            let margin = expression.len() - expression.trim_start().len();
            let expr = Expr::parse_with(expression.trim(), contexts)
                .map_err(|error| error.shifted(start + margin))?;
            parts.push(Part::Expr(expr, start + margin));
            text = end + 2;
        }
        if !parts.is_empty() && text < source.len() {
            parts.push(Part::Text(source[text..].into()));
        }
        Ok(Template { source: source.into(), parts })
    }

    /// Text that is meant as it stands, whatever is in it.
    pub fn literal(text: &str) -> Template {
        Template { source: text.into(), parts: Vec::new() }
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether there is no expression in it.
    pub fn is_literal(&self) -> bool {
        self.parts.is_empty()
    }

    /// The text, if there is no expression in it.
    pub fn as_literal(&self) -> Option<&str> {
        self.is_literal().then_some(&*self.source)
    }

    /// The expression, if it is all there is.
    pub fn single_expr(&self) -> Option<&Expr> {
        match self.parts.as_slice() {
            [Part::Expr(expr, _)] => Some(expr),
            _ => None,
        }
    }

    /// The expressions, in order.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.placed_exprs().map(|(_, expr)| expr)
    }

    /// The expressions, in order, each with where it begins in the [source](Template::source).
    pub fn placed_exprs(&self) -> impl Iterator<Item = (usize, &Expr)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Expr(expr, at) => Some((*at, expr)),
            Part::Text(_) => None,
        })
    }

    /// The length in UTF-16 units of the one expression that GitHub makes of a text with expressions,
    /// `format('text {0}', expression)`; 0 where it makes none.
    pub fn length_as_expression(&self) -> usize {
        if self.is_literal() {
            return 0;
        }
        let mut length = "format('')".len();
        let mut number = 0;
        for part in &self.parts {
            length += match part {
                // Quotes and braces are doubled to stand for themselves.
                Part::Text(text) => text.encode_utf16().count() + text.matches(['\'', '{', '}']).count(),
                Part::Expr(expr, _) => {
                    number += 1;
                    format!("{{{}}}, ", number - 1).len() + expr.source.encode_utf16().count()
                }
            };
        }
        length
    }

    /// The text with each expression replaced by its value.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<String, EvalError> {
        if let Some(text) = self.as_literal() {
            return Ok(text.to_owned());
        }
        let memory = Memory::new(MAX_MEMORY);
        let mut out = BoundedText::new(MAX_MEMORY);
        for part in &self.parts {
            match part {
                // What the author wrote is bounded already.
                Part::Text(text) => out.push_free(text),
                Part::Expr(expr, _) => {
                    let value = expr.evaluate_within(scope, &memory)?;
                    out.push(&value.to_display_string()).map_err(|error| error.within(&expr.source))?;
                }
            }
        }
        Ok(out.finish())
    }

    /// The value of the [single expression](Template::single_expr) with its type, else the text.
    pub fn evaluate_value(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        match self.single_expr() {
            Some(expr) => expr.evaluate(scope),
            None => self.evaluate(scope).map(Value::from),
        }
    }
}

/// Whether a key of a mapping is `${{ insert }}`, in whose place the entries of its value come: GitHub's templates know it.
pub fn is_insert(key: &str) -> bool {
    let inner = key.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|inner| inner.trim() == "insert")
}

/// Bytes up to the `}}` that ends an expression; one in a quoted string doesn't.
fn expression_length(text: &str) -> Option<usize> {
    let mut quoted = false;
    let bytes = text.as_bytes();
    bytes.iter().enumerate().find_map(|(at, byte)| {
        quoted ^= *byte == b'\'';
        (!quoted && bytes[at..].starts_with(b"}}")).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Contexts;

    fn scope() -> Contexts {
        Contexts::from(serde_json::json!({"github": {"ref": "main", "n": 3}}))
    }

    #[test]
    fn expressions_are_replaced_and_the_rest_stays() {
        for (template, text) in [
            ("", ""),
            ("plain } }} {{ $ text", "plain } }} {{ $ text"),
            ("${{ github.ref }}", "main"),
            ("on ${{github.ref}}!", "on main!"),
            ("${{ github.ref }}${{ github.n }}", "main3"),
            ("${{ '}}' }} ${{ 'it''s }}' }}", "}} it's }}"),
            ("é${{ github.none }}é", "éé"),
            ("a ${{ github }}", "a Object"),
            ("$${{ github.ref }}}", "$main}"),
        ] {
            assert_eq!(Template::parse(template).unwrap().evaluate(&scope()).unwrap(), text, "{template}");
        }
    }

    #[test]
    fn a_single_expression_keeps_its_type() {
        let value = |text| Template::parse(text).unwrap().evaluate_value(&scope()).unwrap();
        assert_eq!(value("${{ github.n }}"), Value::Number(3.0));
        assert_eq!(value("${{ github.n }} "), Value::from("3 "));
        assert_eq!(value("3"), Value::from("3"));
    }

    #[test]
    fn the_length_is_that_of_the_expression_that_github_makes() {
        for (template, expression) in [
            ("plain {text}", ""),
            ("a ${{ github.ref }}", "format('a {0}', github.ref)"),
            ("it's {${{ 1 }}}${{ 2 }}é", "format('it''s {{{0}}}{1}é', 1, 2)"),
        ] {
            let length = Template::parse(template).unwrap().length_as_expression();
            assert_eq!(length, expression.encode_utf16().count(), "{template}");
        }
    }

    #[test]
    fn errors_point_into_the_template() {
        for (template, message, at) in [
            ("ab ${{ foo }}", "Unrecognized named-value: 'foo'", 7..10),
            ("é ${{ 1 + 2 }}", "Unexpected symbol: '+'", 9..10),
            ("a ${{  }}", "An expression was expected", 2..9),
            ("a ${{ 'x }}", "The expression is not closed", 2..11),
        ] {
            let error = Template::parse(template).unwrap_err();
            assert!(error.message.starts_with(message), "{error}");
            assert_eq!(error.at, at, "{template}");
        }
        insta::assert_snapshot!(Template::parse("ab ${{ foo }}").unwrap_err(),
            @"Unrecognized named-value: 'foo'. Located at position 1 within expression: foo");
    }

    #[test]
    fn a_literal_is_never_parsed() {
        let template = Template::literal("${{ nonsense");
        assert_eq!(template.as_literal(), Some("${{ nonsense"));
        assert_eq!(template.evaluate(&scope()).unwrap(), "${{ nonsense");
    }

    #[test]
    fn all_expressions_of_a_template_share_one_bound() {
        let big = Contexts::from(serde_json::json!({"github": {"s": "x".repeat(1 << 20)}}));
        let template = |n: usize| Template::parse(&"${{ github.s }}".repeat(n)).unwrap();
        assert!(template(4).evaluate(&big).is_ok());
        assert!(template(5).evaluate(&big).unwrap_err().message.contains("memory"));
    }
}
