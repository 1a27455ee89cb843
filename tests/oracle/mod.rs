//! Tries to get a secret out of text in which it should be masked.
//!
//! It knows nothing of how palisade masks. It does what a person would do who suspects a secret in a log:
//! leaves out what looks like noise, decodes what looks encoded, again and again, and looks for the secret
//! or a piece of it in everything that this gives. So it also finds forms that nobody thought of.

mod decode;
mod dump;
mod escape;
mod strip;
mod target;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use target::{Kind, Targets};

/// Decodings after each other, e.g. base64 of base64 of JSON.
const MAX_DECODINGS: usize = 3;
/// Noise is removed before the first decoding or after it: with more, the ways multiply and find nothing more.
const MAX_DECODINGS_BEFORE_STRIP: usize = 1;

/// What must not be recovered.
pub struct Oracle {
    targets: Targets,
}

/// A piece of a secret that was recovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// How, from the outermost form inwards; empty where it stands in clear.
    pub via: Vec<&'static str>,
    /// What was recovered.
    pub fragment: String,
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let via = if self.via.is_empty() { "in clear".into() } else { self.via.join(", then ") };
        write!(f, "`{}` ({via})", self.fragment.escape_default())
    }
}

/// Text to look at, and how it was got.
struct View {
    bytes: Vec<u8>,
    via: Vec<&'static str>,
    kind: Kind,
    decodings: usize,
    strips: usize,
    last: Step,
}

/// How a view was got.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Decoded,
    Stripped,
    /// Nothing more is made of it.
    Turned,
}

impl Oracle {
    /// For these secrets. A piece of one counts from half of its characters and from 12 characters on, or the
    /// whole if it is shorter.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Oracle {
        let mut targets = Targets::default();
        for secret in secrets {
            targets.add(secret.as_ref());
        }
        Oracle { targets }
    }

    /// The first piece of a secret that it can get out of a text.
    pub fn leak(&self, text: &[u8]) -> Option<Leak> {
        self.search(text, usize::MAX)
    }

    /// As [`Oracle::leak`], but of two forms inside of each other at most: for large texts of which the parts
    /// were looked at thoroughly.
    pub fn glance(&self, text: &[u8]) -> Option<Leak> {
        self.search(text, 2)
    }

    fn search(&self, text: &[u8], max_steps: usize) -> Option<Leak> {
        let mut seen = HashSet::new();
        let first = View {
            bytes: text.to_vec(),
            via: Vec::new(),
            kind: Kind::Exact,
            decodings: 0,
            strips: 0,
            last: Step::Decoded,
        };
        let mut level = vec![first];
        while !level.is_empty() {
            let mut next = Vec::new();
            for view in level {
                let mut hasher = DefaultHasher::new();
                (&view.bytes, view.kind).hash(&mut hasher);
                if !seen.insert(hasher.finish()) {
                    continue;
                }
                if let Some(fragment) = self.targets.find(&view.bytes, view.kind) {
                    let fragment = String::from_utf8_lossy(fragment).into_owned();
                    return Some(Leak { via: view.via, fragment });
                }
                if view.via.len() < max_steps {
                    view.undo(&mut next);
                }
            }
            level = next;
        }
        None
    }
}

impl View {
    /// All that can be made of it in one step.
    fn undo(&self, out: &mut Vec<View>) {
        if self.kind == Kind::Alphanumeric || self.last == Step::Turned {
            return;
        }
        let text = readable(&self.bytes);
        let mut make = |name, bytes: Vec<u8>, kind, last| {
            if !bytes.is_empty() && bytes != self.bytes {
                let mut via = self.via.clone();
                via.push(name);
                let decodings = self.decodings + usize::from(last == Step::Decoded);
                let strips = self.strips + usize::from(last == Step::Stripped);
                out.push(View { bytes, via, kind, decodings, strips, last });
            }
        };
        if self.last != Step::Stripped && self.decodings <= MAX_DECODINGS_BEFORE_STRIP {
            strip::all(&text, |name, bytes, kind| make(name, bytes, kind, Step::Stripped));
        }
        if self.decodings < MAX_DECODINGS {
            decode::all(&text, |name, bytes| make(name, bytes, Kind::Exact, Step::Decoded));
        }
        if self.decodings < MAX_DECODINGS && (self.decodings == 0 || self.strips == 0) {
            escape::all(&text, &mut |name, bytes| make(name, bytes, Kind::Exact, Step::Decoded));
        }
        if self.decodings < 2 {
            decode::turn(&text, |name, bytes| make(name, bytes, Kind::Exact, Step::Turned));
        }
    }
}

/// The parts of decoded bytes that look like text or UTF-16: what was decoded at the wrong alignment, or
/// wasn't encoded at all, doesn't.
fn readable(bytes: &[u8]) -> Vec<u8> {
    const MIN_RUN: usize = 8;
    let mut out = Vec::with_capacity(bytes.len());
    let mut end = |run: &mut Vec<u8>| {
        if run.len() >= MIN_RUN {
            out.append(run);
            out.push(b'\n');
        }
        run.clear();
    };
    let mut run = Vec::new();
    for chunk in bytes.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                14..=26 | 28..=31 | 127 => end(&mut run),
                _ => run.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            end(&mut run);
        }
    }
    if run.len() == bytes.len() {
        return run;
    }
    end(&mut run);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "hunter2-Hunter3+x/Y";

    fn via(text: &str) -> Option<String> {
        Oracle::new([SECRET]).leak(text.as_bytes()).map(|leak| leak.via.join(", "))
    }

    #[test]
    fn finds_what_stands_in_clear_and_pieces_of_it() {
        assert_eq!(via("a hunter2-Hunter3+x/Y b").as_deref(), Some(""));
        assert_eq!(via("a er2-Hunter3+ b").as_deref(), Some(""));
        assert_eq!(via("a er2-Hunter3 b"), None, "eleven characters");
        assert_eq!(via("a *** b"), None);
    }

    #[test]
    fn undoes_one_form_inside_of_another() {
        // base64 of base64 of "the password is hunter2-Hunter3+x/Y"
        let twice = "ZEdobElIQmhjM04zYjNKa0lHbHpJR2gxYm5SbGNqSXRTSFZ1ZEdWeU15dDRMMWs9";
        assert!(via(twice).is_some());
        assert!(via(&twice.replace("Rrb", "Rr b")).is_some());
        assert!(via("68 75 6e 74 65 72 32 2d 48 75 6e 74 65 72 33 2b").is_some());
        assert!(via("%68%75%6e%74%65%72%32%2d%48%75%6e%74%65%72%33%2b").is_some());
        assert!(via("h-u-n-t-e-r-2---H-u-n-t-e-r-3").is_some());
        assert!(via("Y/x+3retnuH-2retnuh").is_some());
        assert!(via("uhagre2-Uhagre3+k/L").is_some());
    }
}
