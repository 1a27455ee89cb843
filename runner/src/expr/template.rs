//! Text with `${{ }}` in it.

use std::sync::Arc;

use super::Expr;

/// Text with any number of `${{ }}` in it.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<str>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Expr(Expr),
}
