//! A value of several lines: programs print it line by line.

use super::{Found, Reason, lines_of, ordinary};

/// Adds every line that holds something.
pub fn find(text: &[u8], found: &mut Found) {
    if text.contains(&b'\n') || text.contains(&b'\r') {
        lines_of(text)
            .filter(|line| !ordinary::is_scaffold(line))
            .for_each(|line| found.add(line, Reason::Line));
    }
}
