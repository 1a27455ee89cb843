//! The expression language of workflows (`${{ … }}`): parse and evaluate, to GitHub's documented semantics.

use std::sync::Arc;

mod ast;
mod condition;
mod fold;
mod function;
mod number;
mod template;
mod value;

pub use condition::Condition;
pub use function::{Function, StatusFunction};
pub use template::Template;
pub use value::{Kind, Object, Value};

/// Deepest nesting of an expression, as on GitHub.
pub const MAX_DEPTH: usize = 50;
/// Longest expression in characters, as on GitHub.
pub const MAX_LENGTH: usize = 21_000;

/// A parsed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    source: Arc<str>,
    root: ast::Node,
}
