//! The value of `if:`.

use super::{Expr, Template};

/// The value of `if:`, with or without `${{ }}`.
#[derive(Clone, Debug)]
pub struct Condition {
    test: Test,
    implicit_success: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Expr(Expr),
    Text(Template),
}
