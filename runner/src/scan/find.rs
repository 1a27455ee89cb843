//! What is found in one text.

use std::io::{self, Read};

use sha2::Digest as _;

use super::decode::Decode;
use super::excerpt::excerpt;
use super::position::Position;
use super::windows::{WINDOW, Window, Windows};
use crate::mask::detect::{Context, Detector, Digest, Finding, Rule};

/// Most hits that are kept of one text; further ones are counted.
pub(super) const MAX_HITS: usize = 1000;
/// How much of a file is looked at to tell whether it is binary.
const PROBE: usize = 8 * 1024;

/// A credential in a text.
pub(super) struct Found {
    pub rule: &'static Rule,
    pub start: Position,
    /// After its last character.
    pub end: Position,
    /// Its line, masked.
    pub excerpt: String,
    /// Identifies the value.
    pub value: Digest,
    /// Whether it stands in one piece, so that `value` is its digest in a policy.
    pub whole: bool,
}

/// What was found in a text.
#[derive(Default)]
pub(super) struct Findings {
    pub found: Vec<Found>,
    /// How many more there were.
    pub omitted: u64,
    /// The size of what was looked at, in bytes.
    pub bytes: u64,
}

/// Looks through texts, one at a time.
pub(super) struct Finder<'d> {
    detector: &'d Detector,
    buffer: Vec<u8>,
    findings: Vec<Finding>,
}

impl<'d> Finder<'d> {
    pub(super) fn new(detector: &'d Detector) -> Self {
        Finder { detector, buffer: vec![0; WINDOW], findings: Vec::new() }
    }

    /// Looks through a text. `None` where it is binary and `binary` says that such a one isn't wanted.
    pub(super) fn find(&mut self, from: impl Read, binary: bool) -> io::Result<Option<Findings>> {
        let mut windows = Windows::new(Decode::new(from), &mut self.buffer);
        if !binary && windows.peek(PROBE)?.contains(&0) {
            return Ok(None);
        }
        let mut context = Context::default();
        let mut text = Text::default();
        while let Some(window) = windows.next()? {
            self.findings.clear();
            self.detector.scan(window.bytes, &mut context, &mut |finding| self.findings.push(finding));
            text.take(&window, &self.findings);
        }
        Ok(Some(text.out))
    }
}

/// One text while it is looked through.
#[derive(Default)]
struct Text {
    out: Findings,
    last: Last,
    /// How much of what comes next belongs to the finding before.
    covered: usize,
}

/// What became of the finding before, which the next may go on with.
#[derive(Clone, Copy, Default)]
enum Last {
    #[default]
    None,
    Kept,
    Omitted,
}

impl Text {
    fn take(&mut self, window: &Window<'_>, findings: &[Finding]) {
        let Findings { found, omitted, bytes } = &mut self.out;
        *bytes += window.fresh.len() as u64;
        let fresh = window.fresh.start + self.covered..window.fresh.end;
        let (mut at, mut position) = (0, window.start);
        for (index, finding) in findings.iter().enumerate() {
            let span = finding.span.clone();
            if !fresh.contains(&span.start) {
                continue;
            }
            let start = position.after(&window.bytes[at..span.start]);
            let end = start.after(&window.bytes[span.clone()]);
            (at, position) = (span.end, end);
            let secret = &window.bytes[span];
            let is_full = found.len() == MAX_HITS;
            match (self.last, found.last_mut()) {
                (Last::Kept, Some(last)) if finding.continued && last.rule == finding.rule => {
                    last.end = end;
                    last.whole = false;
                    last.value = sha256(&[&last.value, secret]);
                }
                (Last::Omitted, _) if finding.continued => {}
                _ if is_full => {
                    *omitted += 1;
                    self.last = Last::Omitted;
                }
                _ => {
                    found.push(Found {
                        rule: finding.rule,
                        start,
                        end,
                        excerpt: excerpt(window.bytes, findings, index),
                        value: sha256(&[secret]),
                        whole: !finding.continued,
                    });
                    self.last = Last::Kept;
                }
            }
        }
        self.covered = at.max(fresh.start).saturating_sub(fresh.end);
    }
}

fn sha256(parts: &[&[u8]]) -> Digest {
    let mut hash = sha2::Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::Policy;

    fn token(last: char) -> String {
        format!("{}-Zx4vQ9sT2mLk7RbW1nY{last}", "glpat")
    }

    fn find(text: &[u8]) -> Findings {
        let detector = Detector::new(Policy::default());
        Finder::new(&detector).find(text, true).unwrap().unwrap()
    }

    fn places(text: &[u8]) -> Vec<(&'static str, u64, u64, u64, u64)> {
        let of = |f: &Found| (f.rule.id, f.start.line, f.start.column, f.end.line, f.end.column);
        find(text).found.iter().map(of).collect()
    }

    const ID: &str = "gitlab-personal-access-token";

    #[test]
    fn lines_and_columns() {
        let text = format!("a\n\n→→ {} b {}\r\nc\n{}", token('a'), token('b'), token('c'));
        assert_eq!(places(text.as_bytes()), [(ID, 3, 4, 3, 30), (ID, 3, 33, 3, 59), (ID, 5, 1, 5, 27)]);
    }

    #[test]
    fn a_key_of_several_lines_is_one() {
        let line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2";
        let (begin, end) = (["-----BEGIN OPENSSH ", "PRIVATE KEY-----"].concat(), "-----END");
        let text = format!("x\n{begin}\n{line}\n{line}\nQUJD\n{end}\nx\n");
        let findings = find(text.as_bytes());
        let [found] = &findings.found[..] else { panic!("{} hits", findings.found.len()) };
        assert_eq!((found.start.line, found.start.column), (3, 1));
        assert_eq!((found.end.line, found.end.column), (5, 5));
        assert!(!found.whole && found.excerpt == format!("***({})", found.rule.id));
    }

    #[test]
    fn nothing_is_lost_or_doubled_where_a_long_line_is_cut() {
        // Sooner or later a token stands across a cut.
        let filler = 2003;
        let mut text = String::new();
        let mut count = 0;
        while text.len() < 5 * WINDOW {
            text.push_str(&token('d'));
            text.push(' ');
            text.push_str(&"lorem ".repeat(filler / 6));
            count += 1;
        }
        let findings = find(text.as_bytes());
        assert_eq!(findings.found.len(), count);
        assert_eq!(findings.bytes, text.len() as u64);
        let expected = |at: u64| 1 + at * (token('d').len() + 1 + filler / 6 * 6) as u64;
        for (at, found) in findings.found.iter().enumerate() {
            assert_eq!((found.start.line, found.start.column), (1, expected(at as u64)));
            assert!(!found.excerpt.contains("glpat"));
        }
        let dense = format!("{} ", token('d')).repeat(WINDOW / 10);
        let findings = find(dense.as_bytes());
        assert_eq!(findings.found.len() as u64 + findings.omitted, WINDOW as u64 / 10);
        assert_eq!(findings.found.len(), MAX_HITS);
    }

    #[test]
    fn utf16_and_binary_files() {
        let text = format!("key: {}\r\n", token('e'));
        let utf16: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        assert_eq!(places(&utf16), [(ID, 1, 6, 1, 32)]);
        let binary = [b"\0\x01\xFF\n\xC3", text.as_bytes(), b"\0"].concat();
        assert_eq!(places(&binary).len(), 1);
        let detector = Detector::new(Policy::default());
        assert!(Finder::new(&detector).find(&binary[..], false).unwrap().is_none());
        assert!(Finder::new(&detector).find(&utf16[..], false).unwrap().is_some());
    }

    #[test]
    fn a_value_is_known_by_its_digest() {
        let text = format!("{0} {0} {1}", token('f'), token('g'));
        let values: Vec<Digest> = find(text.as_bytes()).found.iter().map(|f| f.value).collect();
        assert_eq!(values[0], Digest::from(sha2::Sha256::digest(token('f'))));
        assert!(values[0] == values[1] && values[1] != values[2]);
    }
}
