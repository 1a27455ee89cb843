//! Expressions: parse and evaluate.
