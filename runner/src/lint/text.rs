//! A text with expressions as lints look at it: whatever key it is the value of.

use std::ops::Range;

use crate::expr::{Condition, Expr, Reading, SearchedText, Template};
use crate::workflow::span::{Span, Spanned};

/// A text of the file.
pub struct Text<'a> {
    /// What it says, without the marks of YAML.
    pub source: &'a str,
    /// Where it is written.
    pub span: Span,
    exprs: Vec<(usize, &'a Expr)>,
}

impl<'a> From<&'a Spanned<Template>> for Text<'a> {
    fn from(template: &'a Spanned<Template>) -> Self {
        let exprs = template.value.placed_exprs().collect();
        Text { source: template.value.source(), span: template.span, exprs }
    }
}

impl<'a> From<&'a Spanned<Condition>> for Text<'a> {
    fn from(condition: &'a Spanned<Condition>) -> Self {
        let exprs = condition.value.placed_exprs().collect();
        Text { source: condition.value.source(), span: condition.span, exprs }
    }
}

impl<'a> Text<'a> {
    /// What its expressions read, with the places in the text.
    pub fn readings(&self) -> impl Iterator<Item = Reading<'a>> {
        self.exprs
            .iter()
            .flat_map(|&(start, expr)| expr.readings().into_iter().map(move |reading| moved(reading, start)))
    }

    /// Where its expressions look for a context in a text that is written out.
    pub fn searched_texts(&self) -> impl Iterator<Item = SearchedText<'a>> {
        self.exprs.iter().flat_map(|&(start, expr)| {
            let found = expr.searched_texts().into_iter();
            found.map(move |found| SearchedText { reading: moved(found.reading, start), ..found })
        })
    }

    /// What is written at a place.
    pub fn part(&self, at: &Range<usize>) -> &'a str {
        self.source.get(at.clone()).unwrap_or_default()
    }
}

fn moved(reading: Reading<'_>, by: usize) -> Reading<'_> {
    Reading { at: reading.at.start + by..reading.at.end + by, ..reading }
}
