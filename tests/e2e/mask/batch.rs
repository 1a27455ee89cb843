//! Many cases in one run of the filter: each a secret in a form, at some place of ordinary text.

use palisade_tests::{Leak, Oracle, Random};

use crate::filter::{Filter, MAX_CHUNK};
use crate::forms::{Form, Place};
use crate::text;

/// Ordinary text on either side of a case, at least.
const MARGIN: usize = 200;
/// So many letters and digits next to a secret may be masked along with it: they may go on as the secret
/// does, by chance.
const SLACK: usize = 8;
/// So much of the text round a secret the oracle gets to see.
const CONTEXT: usize = 40;

/// A case.
pub struct Case {
    /// The row of the table to which it belongs.
    pub row: &'static str,
    /// The form's name.
    pub form: &'static str,
    /// The secret's kind.
    pub kind: &'static str,
    /// The text before the secret.
    before: Vec<u8>,
    /// The secret in its form.
    body: Vec<u8>,
    /// The text after the secret.
    after: Vec<u8>,
    cut: Cut,
}

/// How a case is cut into chunks.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Nowhere,
    Lines,
    Sizes,
    /// Each byte of the secret alone.
    Bytes,
    Middle,
}

const CUTS: [Cut; 5] = [Cut::Nowhere, Cut::Lines, Cut::Sizes, Cut::Bytes, Cut::Middle];

/// What became of a case.
pub struct Verdict {
    /// What was recovered.
    pub leak: Option<Leak>,
    /// What is wrong with the text round it.
    pub shredded: Option<String>,
    /// What came out, where the secret stood.
    pub shown: String,
}

impl Case {
    /// Puts a form somewhere.
    pub fn new(row: &'static str, form: &Form, kind: &'static str, body: Vec<u8>, r: &mut Random) -> Case {
        let (mut before, mut after) = (text::lines(r, MARGIN), text::lines(r, MARGIN));
        if form.place == Place::Lines {
            after.insert(0, '\n');
        } else {
            let (mut left, mut right) = text::neighbours(r);
            if form.place == Place::Apart {
                left.push(' ');
                right.insert(0, ' ');
            }
            if r.below(2) == 0 {
                before.push_str(&text::line(r));
            }
            before.push_str(&left);
            after.insert_str(0, &format!("{right}\n"));
        }
        Case {
            row,
            form: form.name,
            kind,
            before: before.into(),
            body,
            after: after.into(),
            cut: *r.pick(&CUTS),
        }
    }

    /// The text of the case.
    pub fn text(&self) -> Vec<u8> {
        [&self.before[..], &self.body, &self.after].concat()
    }

    fn chunks(&self, r: &mut Random) -> Vec<Vec<u8>> {
        let text = self.text();
        match self.cut {
            Cut::Nowhere => vec![text],
            Cut::Lines => text.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect(),
            Cut::Sizes => {
                let mut rest = &text[..];
                let mut chunks = Vec::new();
                while !rest.is_empty() {
                    let (chunk, tail) = rest.split_at(r.within(1..=64).min(rest.len()));
                    chunks.push(chunk.to_vec());
                    rest = tail;
                }
                chunks
            }
            Cut::Bytes => {
                let single = self.body.iter().map(|b| vec![*b]);
                [self.before.clone()].into_iter().chain(single).chain([self.after.clone()]).collect()
            }
            Cut::Middle => {
                let (left, right) = self.body.split_at(r.below(self.body.len() + 1));
                vec![[&self.before, left].concat(), [right, &self.after].concat()]
            }
        }
    }

    fn judge(&self, output: &[u8], oracle: &Oracle) -> Verdict {
        let common = |a: &mut dyn Iterator<Item = (&u8, &u8)>| a.take_while(|(a, b)| a == b).count();
        let head = common(&mut output.iter().zip(&self.before));
        let tail = common(&mut output.iter().rev().zip(self.after.iter().rev())).min(output.len() - head);
        let left = letters(&self.before[head..]);
        let right = letters(&self.after[..self.after.len() - tail]);
        let shredded = (left > SLACK || right > SLACK)
            .then(|| format!("{left} letters before and {right} letters after it are gone"));
        let shown = &output[head.saturating_sub(CONTEXT)..(output.len() - tail + CONTEXT).min(output.len())];
        let leak = oracle.leak(shown);
        Verdict { leak, shredded, shown: shown.escape_ascii().to_string() }
    }
}

/// Runs cases through one filter that knows these secrets.
pub fn run(cases: &[Case], secrets: &[&str], oracle: &Oracle, r: &mut Random) -> Vec<Verdict> {
    let mut filter = Filter::start(secrets);
    for (i, case) in cases.iter().enumerate() {
        filter.chunk(marker(i).as_bytes());
        for chunk in case.chunks(r) {
            for part in chunk.chunks(MAX_CHUNK) {
                filter.chunk(part);
            }
        }
    }
    filter.chunk(marker(cases.len()).as_bytes());
    let filtered = filter.finish();
    assert_eq!(filtered.code, Some(0), "{}", filtered.errors);
    let output = &filtered.output;
    let mut at = 0;
    // Where each case begins, and where the line before it does; nowhere if that line is gone.
    let places: Vec<Option<(usize, usize)>> = (0..=cases.len())
        .map(|i| {
            let marker = marker(i);
            let found = output[at..].windows(marker.len()).position(|w| w == marker.as_bytes())?;
            let place = (at + found, at + found + marker.len());
            at = place.1;
            Some(place)
        })
        .collect();
    let judge = |(i, case): (usize, &Case)| match places[i] {
        Some((_, begins)) => {
            let ends = places[i + 1..].iter().flatten().next().map_or(output.len(), |next| next.0);
            case.judge(&output[begins..ends], oracle)
        }
        None => {
            // It is no one's text, so it counts for the case after it; the one before may have caused it.
            let last = &cases[i.saturating_sub(1)];
            let shredded = format!("the line between it and `{}` of {} is gone", last.row, last.kind);
            Verdict { leak: None, shredded: Some(shredded), shown: String::new() }
        }
    };
    cases.iter().enumerate().map(judge).collect()
}

/// How many letters and digits a text has beside those of control sequences.
fn letters(text: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        rest = match tail.strip_prefix(b"[") {
            Some(sequence) if *byte == 0x1b => {
                let end =
                    sequence.iter().position(u8::is_ascii_alphabetic).map_or(sequence.len(), |at| at + 1);
                &sequence[end..]
            }
            _ => tail,
        };
        count += usize::from(byte.is_ascii_alphanumeric());
    }
    count
}

fn marker(i: usize) -> String {
    format!("--- here begins case {i} ---\n")
}
