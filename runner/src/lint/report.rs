//! Where lints put what they find.

use std::fmt::Display;
use std::ops::Range;

use super::Lint;
use super::text::Text;
use crate::workflow::diagnostic::{Collector, Diagnostic, Severity};
use crate::workflow::scalar::part_span;
use crate::workflow::span::Span;

/// What is found in one file.
pub struct Report<'a> {
    source: &'a str,
    found: &'a mut Collector,
}

impl<'a> Report<'a> {
    /// Of the file with this content.
    pub fn new(source: &'a str, found: &'a mut Collector) -> Self {
        Report { source, found }
    }

    /// The file's content.
    pub fn source(&self) -> &'a str {
        self.source
    }

    /// Adds a warning at a place.
    pub fn warn(&mut self, lint: Lint, span: Span, message: impl Display, help: impl Display) {
        let diagnostic = || Diagnostic::warning(lint, span, message.to_string()).help(help.to_string());
        self.found.add(Severity::Warning, diagnostic);
    }

    /// Adds a warning at a part of a text.
    pub fn warn_part(
        &mut self,
        lint: Lint,
        (text, part): (&Text<'_>, Range<usize>),
        message: impl Display,
        help: impl Display,
    ) {
        // A place takes a search through the text, which those that are only counted don't need.
        self.found.add(Severity::Warning, || {
            let span = part_span(self.source, text.span, text.source, part);
            Diagnostic::warning(lint, span, message.to_string()).help(help.to_string())
        });
    }

    /// Whether more would only be counted.
    pub fn is_full(&self) -> bool {
        self.found.is_full()
    }

    /// Keeps what stands at a place out of every report.
    pub fn hide(&mut self, span: Span) {
        self.found.hide(span);
    }
}
