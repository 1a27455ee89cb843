//! What is wrong with a file, where, and what to do about it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::render;
use super::span::Span;
use crate::lint::{Level, Lint};

/// Most diagnostics that are kept of one file; the rest is counted.
const MAX_KEPT: usize = 100;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file can't be used.
    Error,
    /// It can, but probably doesn't do what was meant.
    Warning,
}

impl Severity {
    /// The word that a report begins with.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What looked for it, if somebody may think otherwise: of every warning.
    pub lint: Option<Lint>,
    /// What is wrong.
    pub message: String,
    /// Where; `None` if it is the file as a whole.
    pub span: Option<Span>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            lint: None,
            message: message.into(),
            span: Some(span),
            help: None,
        }
    }

    /// A warning at a place.
    pub fn warning(lint: Lint, span: Span, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, lint: Some(lint), ..Diagnostic::error(span, message) }
    }

    /// An error of the file as a whole.
    pub fn whole_file(message: impl Into<String>) -> Self {
        Diagnostic { span: None, ..Diagnostic::error(Span::default(), message) }
    }

    /// Adds what to do about it.
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Adds the name that was probably meant, if there is one.
    pub fn did_you_mean(self, name: Option<&str>) -> Self {
        match name {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

/// Collects diagnostics while a file is read; bounded.
#[derive(Debug, Default)]
pub struct Collector {
    kept: Vec<Diagnostic>,
    /// What no excerpt shows.
    hidden: Vec<Span>,
    totals: Totals,
}

/// How many there are, kept or not.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    errors: usize,
    warnings: usize,
}

impl Totals {
    fn of(&mut self, severity: Severity) -> &mut usize {
        match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        }
    }
}

impl Collector {
    /// Adds one. It is made only if it is kept: a suggestion takes time to find. The same at the same place,
    /// which an alias can bring about, is kept once.
    pub fn add(&mut self, severity: Severity, make: impl FnOnce() -> Diagnostic) {
        if !self.is_full() {
            let diagnostic = make();
            if self.kept.contains(&diagnostic) {
                return;
            }
            self.kept.push(diagnostic);
        }
        *self.totals.of(severity) += 1;
    }

    /// Adds one that is at hand.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.add(diagnostic.severity, || diagnostic);
    }

    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.totals.errors > 0
    }

    /// Whether more would only be counted.
    pub fn is_full(&self) -> bool {
        self.kept.len() == MAX_KEPT
    }

    /// Keeps what stands at a place out of all excerpts.
    pub fn hide(&mut self, span: Span) {
        self.hidden.push(span);
    }

    /// Decides what becomes of each warning, by its lint and place.
    pub fn decide(&mut self, mut level: impl FnMut(Lint, Option<Span>) -> Level) {
        let totals = &mut self.totals;
        self.kept.retain_mut(|diagnostic| {
            let (Severity::Warning, Some(lint)) = (diagnostic.severity, diagnostic.lint) else { return true };
            let level = level(lint, diagnostic.span);
            totals.warnings -= usize::from(level != Level::Warn);
            if level == Level::Deny {
                totals.errors += 1;
                diagnostic.severity = Severity::Error;
            }
            level != Level::Allow
        });
    }

    /// What was collected, in the order of the file.
    pub fn finish(mut self, path: &Path, source: &str) -> Diagnostics {
        self.kept.sort_by_key(|diagnostic| diagnostic.span);
        Diagnostics {
            path: path.to_owned(),
            // Without a place to show, the text isn't needed.
            source: if self.kept.iter().any(|d| d.span.is_some()) {
                without(source, &self.hidden)
            } else {
                String::new()
            },
            list: self.kept,
            totals: self.totals,
        }
    }
}

/// A text of the same places in which nothing is left of some.
fn without(source: &str, hidden: &[Span]) -> String {
    let mut out = source.to_owned();
    for span in hidden {
        let (start, end) = (span.start as usize, span.end as usize);
        // A character may take several bytes; each becomes as many marks.
        if let Some(part) = out.get(start..end) {
            let marks: String = part.bytes().map(|b| if b == b'\n' { '\n' } else { '*' }).collect();
            out.replace_range(start..end, &marks);
        }
    }
    out
}

/// The diagnostics of one file, with the text they point into. Displays as a report for people.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    path: PathBuf,
    source: String,
    list: Vec<Diagnostic>,
    totals: Totals,
}

/// A diagnostic in the form of `--json`: lines and columns count from 1, columns in characters, the end is
/// exclusive.
#[derive(Serialize)]
struct Record<'a> {
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    lint: Option<&'static str>,
    message: &'a str,
    file: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

#[derive(Serialize)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl Diagnostics {
    /// The one error of a file that couldn't be read or parsed at all.
    pub fn of_file(path: &Path, message: impl Into<String>) -> Self {
        let mut collector = Collector::default();
        collector.push(Diagnostic::whole_file(message));
        collector.finish(path, "")
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Each of them, in the order of the file; at most 100.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many there are of a severity, also those that were not kept.
    pub fn count(&self, severity: Severity) -> usize {
        match severity {
            Severity::Error => self.totals.errors,
            Severity::Warning => self.totals.warnings,
        }
    }

    /// How many were not kept.
    pub fn omitted(&self) -> usize {
        self.totals.errors + self.totals.warnings - self.list.len()
    }

    /// The file that they are about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A report for people: message, place, excerpt with a caret, help.
    pub fn render(&self, colour: bool) -> String {
        let mut out = String::new();
        for diagnostic in &self.list {
            render::diagnostic(&mut out, diagnostic, &self.path, &self.source, colour);
        }
        if self.omitted() > 0 {
            out.push_str(&format!(
                "… and {} more in {}\n\n",
                self.omitted(),
                render::escape(&self.path.to_string_lossy())
            ));
        }
        out
    }

    /// One JSON object a line.
    pub fn json_lines(&self) -> String {
        let mut out = String::new();
        for diagnostic in &self.list {
            let record = Record {
                severity: diagnostic.severity,
                lint: diagnostic.lint.map(Lint::id),
                message: &diagnostic.message,
                file: self.path.to_string_lossy(),
                place: diagnostic.span.map(|span| {
                    let start = render::position(&self.source, span.start as usize);
                    let end = render::position(&self.source, span.end.max(span.start) as usize);
                    Place {
                        line: start.line,
                        column: start.column,
                        end_line: end.line,
                        end_column: end.column,
                    }
                }),
                help: diagnostic.help.as_deref(),
            };
            // Text and numbers under text keys always have a JSON form.
            out.push_str(&serde_json::to_string(&record).unwrap_or_default());
            out.push('\n');
        }
        out
    }
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}
