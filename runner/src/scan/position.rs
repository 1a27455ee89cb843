//! Where something stands in a text.

/// A line and a column, both from 1. A column is a character: a byte that doesn't go on with one of UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl Position {
    /// The beginning of a text.
    pub const START: Position = Position { line: 1, column: 1 };

    /// The position after `bytes`, which stand at this one.
    pub(super) fn after(self, bytes: &[u8]) -> Position {
        let characters = |bytes: &[u8]| bytes.iter().filter(|b| **b & 0xC0 != 0x80).count() as u64;
        match memchr::memrchr(b'\n', bytes) {
            None => Position { column: self.column + characters(bytes), ..self },
            Some(last) => Position {
                line: self.line + memchr::memchr_iter(b'\n', bytes).count() as u64,
                column: 1 + characters(&bytes[last + 1..]),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_characters() {
        let at = |text: &str| Position::START.after(text.as_bytes());
        assert_eq!(at(""), Position::START);
        assert_eq!(at("añ→"), Position { line: 1, column: 4 });
        assert_eq!(at("a\n\nbc"), Position { line: 3, column: 3 });
        assert_eq!(at("a\n").after(b"b"), at("a\nb"));
    }
}
