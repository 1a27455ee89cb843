//! Matches the parts of a token.

use std::ops::Range;

use super::rule::{OPEN, Part};
use super::text::Text;

/// Where the secret stands if `lead`, `secret` and `tail` stand at `at`.
pub(super) fn find(
    text: &mut Text<'_>,
    at: usize,
    (lead, secret, tail): (&[Part], &[Part], &[Part]),
) -> Option<Range<usize>> {
    let start = parts(text, at, lead)?;
    let end = parts(text, start, secret)?;
    parts(text, end, tail)?;
    Some(start..end)
}

/// Where `parts` end that begin at `at`.
pub(super) fn parts(text: &mut Text<'_>, mut at: usize, parts: &[Part]) -> Option<usize> {
    for (index, part) in parts.iter().enumerate() {
        at = match part {
            Part::Lit(literal) => at + stands(text, at, literal).then_some(literal.len())?,
            Part::OneOf(literals) => at + literals.iter().find(|l| stands(text, at, l))?.len(),
            Part::Maybe(literal) => at + if stands(text, at, literal) { literal.len() } else { 0 },
            Part::Run { set, min, max } => {
                // One that more parts follow may be followed by its own kind.
                let last = index + 1 == parts.len();
                let most = match *max {
                    OPEN => usize::MAX,
                    max => usize::from(max) + usize::from(last),
                };
                let (end, count) = text.run(at, *set, most);
                let fits = count >= usize::from(*min) && (*max == OPEN || count <= usize::from(*max));
                fits.then_some(end)?
            }
        };
    }
    Some(at)
}

fn stands(text: &Text<'_>, at: usize, literal: &str) -> bool {
    text.from(at).starts_with(literal.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::rule::{at_least, between, exactly};
    use super::super::set;
    use super::*;

    #[test]
    fn parts_follow_each_other() {
        let shape = [Part::Lit("ab-"), between(2, 4, set::DIGIT), Part::Maybe("-"), exactly(3, set::LOWER)];
        let end = |text: &str| parts(&mut Text::new(text.as_bytes()), 0, &shape);
        assert_eq!(end("ab-12-xyz"), Some(9));
        assert_eq!(end("ab-1234xyz!"), Some(10));
        assert_eq!(end("ab-1-xyz"), None);
        assert_eq!(end("ab-12345xyz"), None);
        assert_eq!(end("ab-12-xyza"), None, "one too many");
        assert_eq!(end("ab-12-xy"), None);
    }

    #[test]
    fn an_open_end_leaves_nothing_behind() {
        let shape = [Part::OneOf(&["abc", "ab"]), at_least(3, set::ALNUM)];
        assert_eq!(parts(&mut Text::new(b"ab0123456789 x"), 0, &shape), Some(12));
    }
}
