//! Draws a diagnostic for people, in the manner of compilers. What comes from the file is escaped: a
//! workflow can't write control sequences to the terminal of whoever checks it.

use std::fmt::Write;
use std::path::Path;

use super::diagnostic::{Diagnostic, Severity};

/// Most columns of an excerpt; a longer line is cut round the caret.
const WIDTH: usize = 100;
/// Columns before the caret that stay when a line is cut.
const BEFORE: usize = 40;
/// Most characters of a message or help.
const MAX_TEXT: usize = 500;

/// Line and column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Where a byte offset stands. An offset within a character or after the end counts as the one before.
pub fn position(source: &str, offset: usize) -> Position {
    let before = &source[..source.floor_char_boundary(offset)];
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    Position { line, column: before[start..].chars().count() + 1 }
}

/// Text in which nothing steers a terminal or hides from the reader.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| escape_char(c, &mut out));
    out
}

fn escape_char(c: char, out: &mut String) {
    let unseen =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    match c {
        '\t' => out.push_str("    "),
        _ if c.is_control() || unseen => out.extend(c.escape_default()),
        _ => out.push(c),
    }
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", escape(&text[..at])),
        None => escape(text),
    }
}

struct Paint(bool);

impl Paint {
    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn frame(&self, text: &str) -> String {
        self.with("1;34", text)
    }

    fn severity(&self, severity: Severity, text: &str) -> String {
        self.with(if severity == Severity::Error { "1;31" } else { "1;33" }, text)
    }

    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Appends a diagnostic and an empty line.
pub fn diagnostic(out: &mut String, diagnostic: &Diagnostic, path: &Path, source: &str, colour: bool) {
    let paint = Paint(colour);
    let severity = diagnostic.severity;
    let lint = diagnostic.lint.map(|lint| format!("[{}]", lint.id())).unwrap_or_default();
    let message = paint.bold(&format!("{lint}: {}", shorten(&diagnostic.message)));
    let path = escape(&path.to_string_lossy());
    let mut text = format!("{}{message}\n", paint.severity(severity, severity.name()));
    let mut margin = " ".repeat(2);
    if let Some(span) = diagnostic.span {
        let start = source.floor_char_boundary(span.start as usize);
        let end = source.floor_char_boundary(span.end as usize).max(start);
        let at = position(source, start);
        let number = at.line.to_string();
        margin = " ".repeat(number.len() + 1);
        let bar = paint.frame("|");
        let (line, caret) = excerpt(source, start, end);
        let arrow = paint.frame("-->");
        text.extend([
            format!("{}{arrow} {path}:{}:{}\n", &margin[1..], at.line, at.column),
            format!("{margin}{bar}\n"),
            format!("{} {bar} {line}", paint.frame(&number)).trim_end().to_owned() + "\n",
            format!(
                "{margin}{bar} {}{}\n",
                " ".repeat(caret.0),
                paint.severity(severity, &"^".repeat(caret.1))
            ),
        ]);
    } else {
        text.push_str(&format!(" {} {path}\n", paint.frame("-->")));
    }
    if let Some(help) = &diagnostic.help {
        let equals = paint.frame("=");
        text.push_str(&format!("{margin}{equals} {}: {}\n", paint.bold("help"), shorten(help)));
    }
    text.push('\n');
    // Writing to a string doesn't fail.
    let _ = out.write_str(&text);
}

/// The escaped line at a place, cut to the width, with the caret's column (from 0) and length.
fn excerpt(source: &str, start: usize, end: usize) -> (String, (usize, usize)) {
    let line_start = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = source[start..].find('\n').map_or(source.len(), |at| start + at);
    let end = end.min(line_end);

    let first = match source[line_start..start].char_indices().rev().nth(BEFORE - 1) {
        Some((at, _)) if source[line_start..line_end].chars().nth(WIDTH).is_some() => line_start + at,
        _ => line_start,
    };
    let last = source[first..line_end].char_indices().nth(WIDTH).map_or(line_end, |(at, _)| first + at);

    let mut line = String::from(if first > line_start { "…" } else { "" });
    line.push_str(&escape(&source[first..start]));
    let column = line.chars().count();
    line.push_str(&escape(&source[start..end.min(last)]));
    let length = (line.chars().count() - column).max(1);
    line.push_str(&escape(source[end.min(last)..last].trim_end_matches('\r')));
    if last < line_end {
        line.push('…');
    }
    (line, (column, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::Lint;
    use crate::workflow::span::Span;

    fn draw(source: &str, start: usize, end: usize) -> String {
        let mut out = String::new();
        let found = Diagnostic::error(Span::new(start, end), "bad").help("better");
        diagnostic(&mut out, &found, Path::new("a.yml"), source, false);
        out
    }

    #[test]
    fn the_line_is_shown_with_a_caret() {
        insta::assert_snapshot!(draw("one\ntwé three\n", 9, 14), @r"
        error: bad
         --> a.yml:2:5
          |
        2 | twé three
          |     ^^^^^
          = help: better
        ");
    }

    #[test]
    fn a_place_of_several_lines_or_none_gets_a_caret_on_its_first_line() {
        insta::assert_snapshot!(draw("a: b\nc", 3, 6), @r"
        error: bad
         --> a.yml:1:4
          |
        1 | a: b
          |    ^
          = help: better
        ");
        insta::assert_snapshot!(draw("", 0, 0), @r"
        error: bad
         --> a.yml:1:1
          |
        1 |
          | ^
          = help: better
        ");
        assert_eq!(draw("a", 7, 3).matches('^').count(), 1);
    }

    #[test]
    fn a_long_line_is_cut_round_the_caret() {
        let source = format!("{}HERE{}", "x".repeat(5000), "y".repeat(5000));
        insta::assert_snapshot!(draw(&source, 5000, 5004), @r"
        error: bad
         --> a.yml:1:5001
          |
        1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxHEREyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…
          |                                          ^^^^
          = help: better
        ");
    }

    #[test]
    fn nothing_from_the_file_reaches_the_terminal_as_a_control_sequence() {
        insta::assert_snapshot!(draw("a\t\x1b[31mred\u{202e}\r\n", 2, 7), @r"
        error: bad
         --> a.yml:1:3
          |
        1 | a    \u{1b}[31mred\u{202e}
          |      ^^^^^^^^^^
          = help: better
        ");
        let mut out = String::new();
        let found = Diagnostic::whole_file("\x1b]0;title\x07");
        diagnostic(&mut out, &found, Path::new("\x1b.yml"), "", false);
        assert!(!out.contains('\x1b') && !out.contains('\x07'));
    }

    #[test]
    fn colour_is_only_added() {
        let mut out = String::new();
        let found = Diagnostic::warning(Lint::UnknownEvent, Span::new(0, 1), "bad").help("better");
        diagnostic(&mut out, &found, Path::new("a.yml"), "a", true);
        assert!(out.starts_with("\x1b[1;33mwarning\x1b[0m"));
    }
}
