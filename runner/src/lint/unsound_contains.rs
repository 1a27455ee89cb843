//! Lists that are written as text: `contains('refs/heads/main refs/heads/dev', github.ref)` is true for `refs/heads/m`.

use super::text::Text;
use super::{Lint, Report, Subject};

/// Looks at every condition.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    for block in &subject.blocks {
        let job = block.job.and_then(|job| job.condition.as_ref());
        let steps = block.steps.iter().filter_map(|step| step.condition.as_ref());
        for condition in job.into_iter().chain(steps) {
            let text = Text::from(condition);
            for found in text.searched_texts() {
                // One word is searched on purpose.
                let words: Vec<&str> =
                    found.text.split([' ', ',', '|', ';']).filter(|word| !word.is_empty()).collect();
                if words.len() < 2 {
                    continue;
                }
                let message =
                    format!("`{}` is also found where it is a part of a word", text.part(&found.reading.at));
                let list = words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
                let help = format!("search a list: `fromJSON('[{list}]')`");
                report.warn_part(Lint::UnsoundContains, (&text, found.reading.at), message, help);
            }
        }
    }
}
