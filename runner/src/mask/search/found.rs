//! What is to be masked in the text that a stream holds.

use std::ops::Range;
use std::sync::Arc;

/// Ordered spans, neither overlapping nor touching.
#[derive(Default)]
pub struct Found {
    spans: Vec<Range<usize>>,
    /// What stands in a span, where it is exactly one credential that nobody registered.
    labels: Vec<(Range<usize>, &'static str)>,
    whole: Vec<(Arc<str>, usize)>,
}

impl Found {
    /// Adds a span, united with those that it overlaps or touches.
    pub fn cover(&mut self, mut span: Range<usize>) {
        let first = self.spans.partition_point(|s| s.end < span.start);
        let past = self.spans.partition_point(|s| s.start <= span.end);
        if first < past {
            span.start = span.start.min(self.spans[first].start);
            span.end = span.end.max(self.spans[past - 1].end);
        }
        self.spans.splice(first..past, [span]);
    }

    /// Adds a credential that nobody registered.
    pub fn label(&mut self, span: Range<usize>, label: &'static str) {
        self.labels.push((span.clone(), label));
        self.cover(span);
    }

    /// What is said of a span.
    pub fn label_of(&self, span: &Range<usize>) -> Option<&'static str> {
        self.labels.iter().find(|(of, _)| of == span).map(|(_, label)| *label)
    }

    /// Whether all of `span` is masked already.
    pub fn covers(&self, span: &Range<usize>) -> bool {
        let at = self.spans.partition_point(|s| s.end < span.end);
        self.spans.get(at).is_some_and(|s| s.start <= span.start)
    }

    /// Takes note of a value that stands in the text as a whole.
    pub fn note_whole(&mut self, name: &Arc<str>, at: usize) {
        if !self.whole.iter().any(|(known, _)| Arc::ptr_eq(known, name)) {
            self.whole.push((name.clone(), at));
        }
    }

    /// What those values are called that stood in the text as a whole, and where the first of each did. Places
    /// aren't moved when the text loses its beginning.
    pub fn whole(&self) -> &[(Arc<str>, usize)] {
        &self.whole
    }

    /// The spans.
    pub fn spans(&self) -> &[Range<usize>] {
        &self.spans
    }

    /// The text lost its first `count` bytes.
    pub fn shift(&mut self, count: usize) {
        self.spans.retain_mut(|s| {
            *s = s.start.saturating_sub(count)..s.end.saturating_sub(count);
            s.end > 0
        });
        self.labels.retain_mut(|(s, _)| {
            let whole = s.start >= count;
            *s = s.start.saturating_sub(count)..s.end.saturating_sub(count);
            whole
        });
    }
}
