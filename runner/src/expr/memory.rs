//! The bound on what an evaluation may hold, counted as GitHub's runner counts it.
//!
//! Source: `EvaluationMemory` and `MemoryCounter` in actions/runner. A text counts as one of .NET, whatever it takes
//! here: twice its UTF-16 units and 26 bytes. What the operands of a value took is given back once the value is text,
//! a number, a boolean or null, which hold nothing of them. What stands in a context counts when it is read.

use std::cell::Cell;

use super::error::EvalError;
use super::value::Value;

/// Most bytes that one evaluation may hold, and most of which one function may make a text.
pub const MAX_MEMORY: usize = 10 * 1024 * 1024;

/// What a text counts besides its letters, in bytes.
const TEXT: usize = 26;
/// What any other value counts, in bytes.
const OTHER: usize = 24;
/// What an item of a list that was made counts, in bytes.
const ITEM: usize = 8;

/// What is left of a bound in bytes.
#[derive(Debug)]
pub struct Memory {
    left: Cell<usize>,
}

/// How much was left before the operands of a value were evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

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

    /// Takes what a list counts without its items.
    pub fn take_list(&self) -> Result<(), EvalError> {
        self.take(OTHER)
    }

    /// Takes what an item of a new list counts.
    pub fn take_item(&self) -> Result<(), EvalError> {
        self.take(ITEM)
    }

    /// What is left now, for [`Memory::settle`].
    pub fn mark(&self) -> Mark {
        Mark(self.left.get())
    }

    /// Takes what a value counts; what its operands took since the mark is given back where it holds nothing of them.
    pub fn settle(&self, mark: Mark, value: &Value) -> Result<(), EvalError> {
        if value.is_primitive() {
            self.left.set(mark.0);
        }
        self.take(match value {
            Value::String(text) => TEXT + letters(text),
            _ => OTHER,
        })
    }
}

/// What the letters of a text count, in bytes.
fn letters(text: &str) -> usize {
    2 * if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// A text that grows within a bound of its own.
#[derive(Debug)]
pub struct BoundedText {
    text: String,
    memory: Memory,
}

impl BoundedText {
    /// An empty text that may grow up to this.
    pub fn new(bytes: usize) -> Self {
        BoundedText { text: String::new(), memory: Memory::new(bytes) }
    }

    /// Appends a piece, which counts as a text.
    pub fn push(&mut self, piece: &str) -> Result<(), EvalError> {
        self.memory.take(TEXT)?;
        self.push_more(piece)
    }

    /// Appends to the last piece.
    pub fn push_more(&mut self, piece: &str) -> Result<(), EvalError> {
        self.memory.take(letters(piece))?;
        self.text.push_str(piece);
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
