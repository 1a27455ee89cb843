//! The value of `if:`.

use super::error::{EvalError, ParseError};
use super::eval::Scope;
use super::{Expr, StatusFunction, Template};

/// The value of `if:`, with or without `${{ }}`.
#[derive(Clone, Debug)]
pub struct Condition {
    test: Test,
    /// No status function stands anywhere in it, so the job must not have failed.
    implicit_success: bool,
}

#[derive(Clone, Debug)]
enum Test {
    /// An expression, maybe blank.
    Expr(Expr),
    /// `${{ }}`: one expression, or amid other text, which is true unless it comes out empty.
    Template(Template),
}

impl Test {
    fn placed_exprs(&self) -> impl Iterator<Item = (usize, &Expr)> {
        let (expr, template) = match self {
            Test::Expr(expr) => (Some((0, expr)), None),
            Test::Template(template) => (None, Some(template)),
        };
        expr.into_iter().chain(template.into_iter().flat_map(Template::placed_exprs))
    }
}

impl Condition {
    /// Parses the value of `if:`.
    pub fn parse(source: &str) -> Result<Condition, ParseError> {
        let template = Template::parse(source)?;
        let test = match template.is_literal() {
            true => Test::Expr(Expr::parse(source)?),
            false => Test::Template(template),
        };
        let implicit_success = !test.placed_exprs().any(|(_, expr)| expr.calls_status_function());
        Ok(Condition { test, implicit_success })
    }

    /// Whether the step or job is to run.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<bool, EvalError> {
        if self.implicit_success && !scope.status(StatusFunction::Success) {
            return Ok(false);
        }
        match &self.test {
            Test::Expr(expr) if expr.source().trim().is_empty() => Ok(true),
            Test::Expr(expr) => Ok(expr.evaluate(scope)?.truthy()),
            Test::Template(template) => Ok(template.evaluate_value(scope)?.truthy()),
        }
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        match &self.test {
            Test::Expr(expr) => expr.source(),
            Test::Template(template) => template.source(),
        }
    }

    /// The expressions, in order, each with where it begins in the [source](Condition::source).
    pub fn placed_exprs(&self) -> impl Iterator<Item = (usize, &Expr)> {
        self.test.placed_exprs()
    }

    /// Whether `${{ }}` stands amid other text, which makes the condition true whatever it says: worth a
    /// warning.
    pub fn is_always_true_text(&self) -> bool {
        matches!(&self.test, Test::Template(template) if template.single_expr().is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Contexts;

    #[test]
    fn success_is_implied_unless_a_status_function_stands_anywhere() {
        let after = |status, condition| {
            let scope =
                Contexts::from(serde_json::json!({"github": {"ref": "main"}, "job": {"status": status}}));
            Condition::parse(condition).unwrap().evaluate(&scope).unwrap()
        };
        // condition, after success, after failure, after cancellation
        for (condition, success, failure, cancelled) in [
            ("", true, false, false),
            (" \n", true, false, false),
            ("true", true, false, false),
            ("false", false, false, false),
            ("success()", true, false, false),
            ("${{ always() }}", true, true, true),
            ("failure()", false, true, false),
            ("Cancelled()", false, false, true),
            ("!cancelled()", true, true, false),
            ("github.ref == 'main'", true, false, false),
            ("${{ github.ref == 'main' }}", true, false, false),
            ("github.ref == 'main' || failure()", true, true, true),
            ("github.ref == 'x' && failure()", false, false, false),
            ("contains(format('{0}', always()), 'true')", true, true, true),
            ("github.ref == 'always()'", false, false, false),
            ("${{ github.ref }} == 'x'", true, false, false),
            ("${{ false }}\n", true, false, false),
            ("${{ always() }} ", true, true, true),
            ("0", false, false, false),
            ("'text'", true, false, false),
        ] {
            assert_eq!(after("success", condition), success, "{condition:?} after success");
            assert_eq!(after("failure", condition), failure, "{condition:?} after failure");
            assert_eq!(after("cancelled", condition), cancelled, "{condition:?} after cancellation");
        }
    }

    #[test]
    fn text_around_an_expression_is_told() {
        assert!(Condition::parse("${{ false }} ").unwrap().is_always_true_text());
        assert!(!Condition::parse("${{ false }}").unwrap().is_always_true_text());
        assert!(!Condition::parse("false").unwrap().is_always_true_text());
    }
}
