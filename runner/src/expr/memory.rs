//! The bound on what an evaluation may make.

use std::cell::Cell;

use super::error::EvalError;

/// Most bytes that one evaluation may make, as on GitHub. Everything made counts until the evaluation
/// ends, so the bound holds for time too; what stands in a context counts nothing.
pub const MAX_MEMORY: usize = 10 * 1024 * 1024;

/// What is left of a bound in bytes.
#[derive(Debug)]
pub struct Memory {
    left: Cell<usize>,
}

impl Memory {
    /// The given number of bytes, all left.
    pub fn new(bytes: usize) -> Self {
        Memory { left: Cell::new(bytes) }
    }

    /// Takes bytes before they are made.
    pub fn take(&self, bytes: usize) -> Result<(), EvalError> {
        let left = self.left.get().checked_sub(bytes).ok_or_else(|| {
            EvalError::new("The maximum allowed memory size was exceeded while evaluating the expression")
        })?;
        self.left.set(left);
        Ok(())
    }
}

/// A text that grows within a bound.
#[derive(Debug)]
pub struct BoundedText<'m> {
    text: String,
    memory: &'m Memory,
}

impl<'m> BoundedText<'m> {
    /// An empty text.
    pub fn new(memory: &'m Memory) -> Self {
        BoundedText { text: String::new(), memory }
    }

    /// Appends.
    pub fn push(&mut self, text: &str) -> Result<(), EvalError> {
        self.memory.take(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    /// Appends what counts nothing.
    pub fn push_free(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The whole text.
    pub fn finish(self) -> String {
        self.text
    }
}
