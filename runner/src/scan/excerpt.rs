//! The line that a credential stands in, with every credential in it masked.

use crate::mask::MASK;
use crate::mask::detect::Finding;
use crate::output::text;

/// How much of the line is shown on either side, in bytes.
const SIDE: usize = 60;
/// Stands for what isn't shown.
const CUT: &str = "…";

/// The line of `findings[index]` in `bytes`, or what of it stands near, on one line and fit for a terminal.
/// `findings` are all that were found in `bytes`, in their order.
pub(super) fn excerpt(bytes: &[u8], findings: &[Finding], index: usize) -> String {
    let span = &findings[index].span;
    let line_start = memchr::memrchr(b'\n', &bytes[..span.start]).map_or(0, |newline| newline + 1);
    let line_end = memchr::memchr(b'\n', &bytes[span.end..]).map_or(bytes.len(), |at| span.end + at);
    let mut start = line_start.max(span.start.saturating_sub(SIDE));
    let mut end = line_end.min(span.end + SIDE);
    // Not within a character.
    while start < span.start && bytes[start] & 0xC0 == 0x80 {
        start += 1;
    }
    while end > span.end && bytes.get(end).is_some_and(|b| b & 0xC0 == 0x80) {
        end -= 1;
    }
    let first = findings[..index].iter().rposition(|f| f.span.end <= start).map_or(0, |before| before + 1);
    let mut shown = String::new();
    let mut at = start;
    for finding in findings[first..].iter().take_while(|f| f.span.start < end) {
        if at < finding.span.start {
            shown.push_str(&String::from_utf8_lossy(&bytes[at..finding.span.start]));
        }
        shown.push_str(&format!("{MASK}({})", finding.rule.id));
        at = finding.span.end;
    }
    if at < end {
        shown.push_str(&String::from_utf8_lossy(&bytes[at..end]));
    }
    let mut out = String::with_capacity(shown.len());
    if start > line_start {
        out.push_str(CUT);
    }
    text::name(shown.trim(), &mut out);
    if end < line_end {
        out.push_str(CUT);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::{Context, Detector, Policy};

    fn excerpts(text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let detector = Detector::new(Policy::default());
        detector.scan(text.as_bytes(), &mut Context::default(), &mut |finding| findings.push(finding));
        (0..findings.len()).map(|index| excerpt(text.as_bytes(), &findings, index)).collect()
    }

    /// A token of GitLab's, put together here so that none stands in this source.
    fn token() -> String {
        ["glpat", "-", "Zx4vQ9sT2mLk7RbW1nYc"].concat()
    }

    #[test]
    fn all_secrets_of_a_line_are_masked() {
        let token = token();
        let mask = "***(gitlab-personal-access-token)";
        let text = format!("before\n  one {token}\ttwo {token} \x1b[2Jend\nafter");
        let line = format!("one {mask}\ttwo {mask} end");
        assert_eq!(excerpts(&text), [line.clone(), line]);
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let token = token();
        for shift in 0..3 {
            let side = format!("{}{}", "x".repeat(shift), "→".repeat(50));
            let [shown] = &excerpts(&format!("{side} {token} {side}"))[..] else { panic!("one hit") };
            assert!(shown.starts_with('…') && shown.ends_with('…'), "{shown}");
            assert!(!shown.contains(char::REPLACEMENT_CHARACTER) && shown.len() < 180, "{shown}");
        }
    }

    #[test]
    fn a_secret_at_the_edge_is_masked_whole() {
        let token = token();
        for gap in 30..80 {
            let text = format!("{token} {} {token}", "y".repeat(gap));
            for shown in excerpts(&text) {
                assert!(!shown.contains(&token[..8]) && !shown.contains(&token[18..]), "{gap}: {shown}");
            }
        }
    }
}
