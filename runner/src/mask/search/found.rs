//! What is to be masked in the text that a stream holds.

use std::ops::Range;

/// Ordered spans, neither overlapping nor touching.
#[derive(Default)]
pub struct Found {
    spans: Vec<Range<usize>>,
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
    }
}
