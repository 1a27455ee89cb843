//! Every rule's own examples, through the whole detector.

use std::collections::HashSet;

use super::super::rule::{Part, Rule, Shape};
use super::super::{Context, Detector, Policy};

/// A text and what is secret in it.
struct Sample {
    text: String,
    secret: Option<String>,
}

/// Reads an example: `¦` is a seam without meaning, `⏎` the end of a line, and `«…»` marks the secret where it isn't
/// all of the text.
fn sample(example: &str) -> Sample {
    let text = example.replace('¦', "");
    match text.split_once('«') {
        None => Sample { secret: Some(unescape(&text)), text: unescape(&text) },
        Some((before, rest)) => {
            let (secret, after) = rest.split_once('»').expect("a mark has an end");
            let after = unescape(after);
            Sample {
                text: format!("{}{}{after}", unescape(before), unescape(secret)),
                secret: Some(unescape(secret)),
            }
        }
    }
}

fn unescape(text: &str) -> String {
    text.replace("⏎", "\n")
}

/// What is found in a text: rule and secret, the pieces of one credential as one.
fn found(detector: &Detector, text: &str) -> Vec<(&'static str, String)> {
    let mut findings: Vec<(&'static str, String)> = Vec::new();
    detector.scan(text.as_bytes(), &mut Context::default(), &mut |finding| {
        let secret = &text[finding.span];
        match findings.last_mut() {
            Some((id, all)) if finding.continued && *id == finding.rule.id => {
                all.push('\n');
                all.push_str(secret);
            }
            _ => findings.push((finding.rule.id, secret.to_string())),
        }
    });
    findings
}

/// The texts in which an example is tried.
fn forms(rule: &Rule, sample: &Sample) -> Vec<String> {
    let text = &sample.text;
    match rule.shape {
        Shape::Named { names, .. } | Shape::Assigned { names, .. } if !text.contains(": ") => {
            let name = names[0];
            let upper = name.to_uppercase();
            vec![
                format!("{upper}={text}"),
                format!("10:01 {upper}={text} done"),
                format!("  \"{name}\": \"{text}\","),
                format!("{{\\\"{name}\\\":\\\"{text}\\\"}}"),
                format!("export MY_{upper}='{text}'"),
                format!("{name}: {text}"),
                format!("\"Env\": [\"A=1\", \"{upper}={text}\"],"),
                format!("+ docker run -e {upper}={text} image"),
                format!("- name: {upper}\n  value: {text}\n"),
                format!("{name} = \"{text}\"\r\n"),
                format!("\u{1b}[36m{upper}\u{1b}[0m: \u{1b}[33m{text}\u{1b}[0m"),
                format!("tool --{} {text}", name.replace('_', "-")),
            ]
        }
        _ if text.contains('\n') => vec![text.clone()],
        _ => vec![
            text.clone(),
            format!("it is {text}."),
            format!("KEY={text}"),
            format!("  \"key\": \"{text}\","),
            format!("{{\\\"key\\\":\\\"{text}\\\"}}"),
            format!("export KEY='{text}'"),
            format!("\u{1b}[32m{text}\u{1b}[0m"),
            format!("({text})"),
            format!("<{text}>, x"),
            format!("`{text}`; x"),
            format!("{text}\r\n"),
            format!("- key: {text} # here"),
        ],
    }
}

/// Texts in which an example stands right behind an escape that ends in a letter or a digit.
fn escaped(sample: &Sample) -> Vec<String> {
    let text = &sample.text;
    if text.contains('\n') {
        return Vec::new();
    }
    vec![
        format!("first\\nkey: {text}\\nlast"),
        format!("\\n{text}\\n"),
        format!("%22{text}%22"),
        format!("\\u0022{text}\\u0022"),
    ]
}

#[test]
fn every_rule_finds_its_examples_and_nothing_more_of_them() {
    let detector = Detector::new(Policy::default());
    let mut wrong = Vec::new();
    for rule in super::all() {
        let hits: Vec<&str> = rule.hits.lines().collect();
        if hits.len() < 2 {
            wrong.push(format!("{}: {} examples", rule.id, hits.len()));
        }
        for hit in hits {
            let sample = sample(hit);
            let expected = [(rule.id, sample.secret.clone().unwrap_or_default())];
            let mut texts = forms(rule, &sample);
            if matches!(rule.shape, Shape::Token { .. }) {
                texts.extend(escaped(&sample));
            }
            for text in texts {
                let found = found(&detector, &text);
                if found != expected {
                    wrong.push(format!(
                        "{}: in {text:?}\n  found    {found:?}\n  expected {expected:?}",
                        rule.id
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_rule_finds_its_counterexamples() {
    let detector = Detector::new(Policy::default());
    let mut wrong = Vec::new();
    for rule in super::all() {
        let misses: Vec<&str> = rule.misses.lines().collect();
        if misses.len() < 2 {
            wrong.push(format!("{}: {} counterexamples", rule.id, misses.len()));
        }
        for miss in misses {
            for text in forms(rule, &sample(miss)) {
                let found = found(&detector, &text);
                if found.iter().any(|(id, _)| *id == rule.id) {
                    wrong.push(format!("{}: in {text:?} found {found:?}", rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn ids_are_unique_and_sources_are_given() {
    let mut ids = HashSet::new();
    for rule in super::all() {
        assert!(ids.insert(rule.id), "{} twice", rule.id);
        let kebab = rule.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(kebab, "{}", rule.id);
        assert!(rule.source.contains(": ") && rule.source.contains('.'), "{}: {}", rule.id, rule.source);
        assert!(!rule.what.is_empty() && rule.what.len() < 80, "{}", rule.id);
        assert_eq!(super::find(rule.id), Some(rule));
    }
}

/// Runs take all they can get and give nothing back.
#[test]
fn no_part_starves_the_next() {
    fn first(part: &Part) -> Vec<u8> {
        match part {
            Part::Lit(literal) | Part::Maybe(literal) => vec![literal.as_bytes()[0]],
            Part::OneOf(literals) => literals.iter().map(|l| l.as_bytes()[0]).collect(),
            Part::Run { .. } => Vec::new(),
        }
    }
    for rule in super::all() {
        let Shape::Token { lead, secret, tail } = rule.shape else { continue };
        let parts: Vec<&Part> = lead.iter().chain(secret).chain(tail).collect();
        for pair in parts.windows(2) {
            if let Part::Run { set, min, max } = pair[0] {
                let starved = first(pair[1]).into_iter().any(|b| set.has(b));
                assert!(
                    min == max || !starved,
                    "{}: {:?} leaves nothing for {:?}",
                    rule.id,
                    pair[0],
                    pair[1]
                );
            }
            if let Part::OneOf(literals) = pair[0] {
                for (at, literal) in literals.iter().enumerate() {
                    let hidden = literals[at + 1..].iter().any(|later| later.starts_with(literal));
                    assert!(!hidden, "{}: {literal} hides a longer one", rule.id);
                }
            }
        }
    }
}
