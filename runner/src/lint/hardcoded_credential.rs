//! Credentials that are written in the file, found by what finds them in output.

use super::{Lint, Report};
use crate::mask::detect::{Context, Detector, Severity};
use crate::workflow::span::Span;

/// Looks at the whole file.
pub fn check(detector: &Detector, report: &mut Report<'_>) {
    detector.scan(report.source().as_bytes(), &mut Context::default(), &mut |found| {
        let span = Span::new(found.span.start, found.span.end);
        report.hide(span);
        if found.continued || found.rule.severity == Severity::Low {
            return;
        }
        let message = format!("a credential stands here: {} ({})", found.rule.what, found.rule.id);
        let help =
            "whoever can read the repository has it: replace it by a new one, and keep that as a secret";
        report.warn(Lint::HardcodedCredential, span, message, help);
    });
}
