//! Comments that allow what a lint finds: `# palisade: allow(ID, ID)`, with a reason behind it.
//!
//! At the end of a line it speaks for that line. On a line of its own it speaks for what begins on the next one, with
//! all that is indented below it: a key, a step, a job. In a script it is a comment of the script, and speaks for the
//! lines in the same way.

use std::ops::Range;

use super::{Level, Lint};
use crate::workflow::diagnostic::Collector;
use crate::workflow::span::Span;

const MARK: &str = "palisade: allow(";
/// Most comments of a file that count; each takes a walk through what it speaks for.
const MAX: usize = 200;

/// What the comments of one file allow.
#[derive(Debug, Default)]
pub struct Allowances(Vec<Allowance>);

#[derive(Debug)]
struct Allowance {
    /// `None` where there is no such lint.
    lint: Option<Lint>,
    /// Its name in the comment.
    name: Span,
    /// For which bytes of the file it speaks.
    scope: Range<usize>,
    used: bool,
}

impl Allowances {
    /// Those in a file.
    pub fn of(source: &str) -> Allowances {
        let mut all = Vec::new();
        for (at, _) in source.match_indices(MARK).take(MAX) {
            let start = source[..at].rfind('\n').map_or(0, |end| end + 1);
            let Some(before) = source[start..at].trim_end().strip_suffix('#') else { continue };
            let alone = before.trim().is_empty();
            if !alone && !before.ends_with([' ', '\t']) {
                continue;
            }
            let line_end = line_end(source, at);
            let scope = if alone { below(source, line_end) } else { start..line_end };
            let list = at + MARK.len();
            let Some(length) = source[list..line_end].find(')') else { continue };
            let mut place = list;
            for name in source[list..list + length].split(',') {
                let id = name.trim();
                let begin = place + (name.len() - name.trim_start().len());
                let span = Span::new(begin, begin + id.len());
                all.push(Allowance { lint: Lint::find(id), name: span, scope: scope.clone(), used: false });
                place += name.len() + 1;
            }
        }
        Allowances(all)
    }

    /// Whether what a lint found at a place is allowed.
    pub fn allow(&mut self, lint: Lint, span: Option<Span>) -> bool {
        let at = span.map_or(0, |span| span.start as usize);
        let mut allowed = false;
        for allowance in &mut self.0 {
            if allowance.lint == Some(lint) && allowance.scope.contains(&at) {
                allowance.used = true;
                allowed = true;
            }
        }
        allowed
    }

    /// Takes out what is allowed.
    pub fn apply(&mut self, found: &mut Collector) {
        if !self.0.is_empty() {
            found.decide(|lint, span| if self.allow(lint, span) { Level::Allow } else { Level::Warn });
        }
    }

    /// Names of lints that don't exist, each with its place.
    pub fn unknown(&self) -> impl Iterator<Item = Span> {
        self.0.iter().filter(|allowance| allowance.lint.is_none()).map(|allowance| allowance.name)
    }

    /// Lints that had nothing to be allowed, each with its place.
    pub fn unused(&self) -> impl Iterator<Item = (Lint, Span)> {
        self.0.iter().filter(|allowance| !allowance.used).filter_map(|it| Some((it.lint?, it.name)))
    }
}

/// Where the line ends that a place is in.
fn line_end(source: &str, at: usize) -> usize {
    source[at..].find('\n').map_or(source.len(), |length| at + length)
}

/// What begins on the next line with something on it that is no comment, with all that is indented deeper.
fn below(source: &str, from: usize) -> Range<usize> {
    let mut lines = Lines { source, at: from + 1 };
    let Some(first) = lines.find(|line| !line.is_comment) else { return from..from };
    let mut end = first.end;
    for line in lines {
        // A list may stand at the same depth as its key.
        let belongs =
            line.indent > first.indent || (line.indent == first.indent && line.is_item && !first.is_item);
        if !belongs && !line.is_comment {
            break;
        }
        if belongs {
            end = line.end;
        }
    }
    first.start..end
}

/// Lines that aren't blank.
struct Lines<'s> {
    source: &'s str,
    at: usize,
}

struct Line {
    start: usize,
    end: usize,
    indent: usize,
    /// It begins an item of a list.
    is_item: bool,
    is_comment: bool,
}

impl Iterator for Lines<'_> {
    type Item = Line;
    fn next(&mut self) -> Option<Line> {
        loop {
            let start = self.at;
            let rest = self.source.get(start..)?;
            if rest.is_empty() {
                return None;
            }
            let end = line_end(self.source, start);
            self.at = end + 1;
            let line = &self.source[start..end];
            let text = line.trim_start();
            if !text.is_empty() {
                return Some(Line {
                    start,
                    end,
                    indent: line.len() - text.len(),
                    is_item: text == "-" || text.starts_with("- "),
                    is_comment: text.starts_with('#'),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a comment speaks for, of a file in which it allows one lint.
    fn scope(source: &str) -> &str {
        let all = Allowances::of(source);
        assert_eq!(all.0.len(), 1, "{source}");
        &source[all.0[0].scope.clone()]
    }

    #[test]
    fn a_comment_speaks_for_its_line_or_for_what_follows() {
        let step = "    - name: x\n      run: |\n        a\n\n        b";
        for (source, expected) in [
            (
                "a: 1\nb: 2 # palisade: allow(unpinned-action) ours\nc: 3\n",
                "b: 2 # palisade: allow(unpinned-action) ours",
            ),
            (&format!("steps:\n    # palisade: allow(always-empty)\n{step}\n    - run: y\n"), step),
            (
                "# palisade: allow(always-empty)\n\n# more\nsteps:\n- run: a\n- run: b\nx: 1\n",
                "steps:\n- run: a\n- run: b",
            ),
            ("x: #palisade: allow(always-empty)\n", "x: #palisade: allow(always-empty)"),
            ("# palisade: allow(always-empty)", ""),
            ("# palisade: allow(always-empty)\n", ""),
        ] {
            assert_eq!(scope(source), expected, "{source:?}");
        }
    }

    #[test]
    fn what_is_no_comment_allows_nothing() {
        for source in [
            "a: palisade: allow(x)",
            "a: x# palisade: allow(y)",
            "# palisade: allow(x",
            "# palisade allow(x)",
        ] {
            assert!(Allowances::of(source).0.is_empty(), "{source}");
        }
    }

    #[test]
    fn names_are_told_from_each_other() {
        let source = "a: 1 # palisade: allow(unpinned-action, nonsense , always-empty)\n";
        let mut all = Allowances::of(source);
        assert!(all.allow(Lint::UnpinnedAction, Some(Span::new(3, 4))));
        assert!(!all.allow(Lint::ScriptInjection, Some(Span::new(3, 4))));
        assert!(!all.allow(Lint::AlwaysEmpty, Some(Span::new(source.len(), source.len()))));
        let unknown: Vec<&str> = all.unknown().map(|span| span.of(source)).collect();
        assert_eq!(unknown, ["nonsense"]);
        let unused: Vec<_> = all.unused().map(|(lint, span)| (lint, span.of(source))).collect();
        assert_eq!(unused, [(Lint::AlwaysEmpty, "always-empty")]);
    }
}
