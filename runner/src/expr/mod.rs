//! The expression language of workflows (`${{ … }}`): parse and evaluate, to GitHub's documented semantics.
//!
//! [`Expr`] is one expression, [`Template`] text that holds some, [`Condition`] the value of `if:`. They are
//! parsed once and evaluated late, against a [`Scope`].

use std::sync::Arc;

mod ast;
mod condition;
mod contexts;
mod error;
mod eval;
mod fold;
mod format;
mod function;
mod json;
mod lex;
mod memory;
mod nearest;
mod number;
mod parse;
mod reading;
mod template;
#[cfg(test)]
mod tests;
mod value;

pub use condition::Condition;
pub use contexts::Contexts;
pub use error::{EvalError, ParseError, ParseErrorKind};
pub use eval::Scope;
pub use function::{Function, StatusFunction};
pub use json::read as read_json;
pub use memory::{MAX_MEMORY, Memory};
pub(crate) use nearest::nearest;
pub use reading::{Flow, Reading, SearchedText};
pub use template::{Template, is_insert};
pub use value::{Kind, Object, Value};

/// Deepest nesting of an expression, as on GitHub.
pub const MAX_DEPTH: usize = 50;
/// Longest expression in UTF-16 units, as on GitHub.
pub const MAX_LENGTH: usize = 21_000;

/// The contexts that GitHub documents.
pub const CONTEXTS: [&str; 12] = [
    "github", "env", "vars", "job", "jobs", "steps", "runner", "secrets", "strategy", "matrix", "needs",
    "inputs",
];

/// What Forgejo and Gitea call `github` too.
const ALIASES: [&str; 3] = ["forgejo", "forge", "gitea"];

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    source: Arc<str>,
    root: ast::Node,
}

impl Expr {
    /// Parses an expression, without `${{ }}`, that may read the documented [`CONTEXTS`], by the names of other forges
    /// too.
    pub fn parse(source: &str) -> Result<Expr, ParseError> {
        Expr::parse_with(source, &CONTEXTS)
    }

    /// Parses an expression that may read just the given contexts.
    pub fn parse_with(source: &str, contexts: &[&str]) -> Result<Expr, ParseError> {
        Ok(Expr { root: parse::parse(source, contexts)?, source: source.into() })
    }

    /// The text as written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it reads of contexts, name by name, with its places in the [source](Expr::source).
    pub fn readings(&self) -> Vec<Reading<'_>> {
        reading::all(&self.root, &self.source)
    }

    /// Where it looks for a context in a text that is written out.
    pub fn searched_texts(&self) -> Vec<SearchedText<'_>> {
        reading::searched(&self.root, &self.readings())
    }

    /// The functions that it calls.
    pub fn functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        self.root.visit(&mut |node| {
            if let ast::Node::Call { function, .. } = node {
                found.push(*function);
            }
        });
        found
    }

    /// Whether a status function stands anywhere in it.
    pub fn calls_status_function(&self) -> bool {
        self.functions().iter().any(|function| matches!(function, Function::Status(_)))
    }

    /// Whether a status function in it names jobs.
    pub fn names_jobs(&self) -> bool {
        let mut found = false;
        self.root.visit(&mut |node| {
            found |= matches!(node, ast::Node::Call { function: Function::Status(_), arguments } if !arguments.is_empty());
        });
        found
    }

    /// The value of the expression in a scope.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvalError> {
        self.evaluate_within(scope, &Memory::new(MAX_MEMORY))
    }

    fn evaluate_within(&self, scope: &dyn Scope, memory: &Memory) -> Result<Value, EvalError> {
        eval::evaluate(&self.root, scope, memory).map_err(|error| error.within(&self.source))
    }
}
