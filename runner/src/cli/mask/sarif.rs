//! A scan as a SARIF log, which code hosts and editors show beside the code.
//!
//! Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; `security-severity` is what
//! GitHub's "SARIF support for code scanning" sorts by.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

use super::super::Error;
use super::json;
use super::scan::List;
use crate::mask::detect::{Rule, Severity, rules};
use crate::scan::{Hit, Place, Problem};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Names our fingerprints, and how they are made, in `partialFingerprints`.
const FINGERPRINT: &str = "maskedLine/v1";

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Value,
    column_kind: &'static str,
    invocations: [Value; 1],
    results: Vec<Found>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    rule_id: &'static str,
    rule_index: usize,
    level: &'static str,
    message: Value,
    locations: [Value; 1],
    partial_fingerprints: Value,
    #[serde(skip_serializing_if = "Value::is_null")]
    properties: Value,
}

/// The log of a scan, which may not have come to its end.
pub(super) fn document(list: &List, is_complete: bool) -> Result<String, Error> {
    let kinds: Vec<&Rule> = rules::kinds().collect();
    let index: HashMap<&str, usize> = kinds.iter().enumerate().map(|(at, rule)| (rule.id, at)).collect();
    let driver = json!({
        "name": env!("CARGO_PKG_NAME"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": kinds.into_iter().map(descriptor).collect::<Vec<_>>(),
    });
    let mut notifications: Vec<Value> = list.problems.iter().map(notification).collect();
    if list.unlisted > 0 {
        notifications.push(warning(format!("{} more hits and warnings are not listed", list.unlisted)));
    }
    let invocation = json!({
        "executionSuccessful": is_complete, "toolExecutionNotifications": notifications
    });
    let run = Run {
        tool: json!({ "driver": driver }),
        column_kind: "unicodeCodePoints",
        invocations: [invocation],
        results: list.hits.iter().map(|hit| found(hit, &index)).collect(),
    };
    json::text(&Log { schema: SCHEMA, version: "2.1.0", runs: [run] })
}

fn descriptor(rule: &Rule) -> Value {
    let mut descriptor = json!({
        "id": rule.id,
        "shortDescription": { "text": rule.what },
        "fullDescription": { "text": format!("{}. Format: {}", rule.what, rule.source) },
        "defaultConfiguration": { "level": level(rule.severity) },
        "properties": { "tags": ["security"], "security-severity": score(rule.severity) },
    });
    if let Some(url) = rule.url() {
        descriptor["helpUri"] = url.into();
    }
    descriptor
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low => "note",
    }
}

/// Within the range for which GitHub shows the same word.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.5",
        Severity::Low => "2.0",
    }
}

fn notification(Problem { place, why }: &Problem) -> Value {
    warning(format!("{place}: {why}"))
}

fn warning(text: String) -> Value {
    json!({ "level": "warning", "message": { "text": text } })
}

fn found(hit: &Hit, index: &HashMap<&str, usize>) -> Found {
    let Hit { rule, place, .. } = hit;
    let whence = match &**place {
        Place::File { .. } => String::new(),
        Place::Blob { commit, .. } => format!(", since commit {commit}"),
        Place::Commit { .. } | Place::Tag { .. } => format!(", in {place}"),
    };
    Found {
        rule_id: rule.id,
        rule_index: index.get(rule.id).copied().unwrap_or_default(),
        level: level(rule.severity),
        message: json!({ "text": format!("{}{whence}", rule.what) }),
        locations: [location(hit)],
        partial_fingerprints: json!({ FINGERPRINT: hit.fingerprint }),
        properties: place.commit().map_or(Value::Null, |commit| json!({ "commit": commit })),
    }
}

/// A place in a file; a commit or a tag is a logical one.
fn location(hit: &Hit) -> Value {
    match hit.place.path() {
        Some(path) => json!({
            "physicalLocation": {
                "artifactLocation": { "uri": uri(path) },
                "region": {
                    "startLine": hit.start.line,
                    "startColumn": hit.start.column,
                    "endLine": hit.end.line,
                    "endColumn": hit.end.column,
                    "snippet": { "text": hit.excerpt },
                },
            },
        }),
        None => json!({ "logicalLocations": [{ "fullyQualifiedName": hit.place.to_string() }] }),
    }
}

/// A path as a URI reference (RFC 3986): a relative one stays relative, for the consumer to resolve.
fn uri(path: &Path) -> String {
    let mut uri = String::from(if path.is_absolute() { "file://" } else { "" });
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_uris() {
        assert_eq!(uri(Path::new("src/a b:%é.rs")), "src/a%20b%3A%25%C3%A9.rs");
        assert_eq!(uri(Path::new("/srv/a")), "file:///srv/a");
    }

    #[test]
    fn scores_are_ordered_as_severities_are() {
        let all = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
        assert!(all.is_sorted());
        assert!(all.map(|severity| score(severity).parse::<f64>().unwrap()).is_sorted());
        assert_eq!(all.map(level), ["note", "warning", "error", "error"]);
    }
}
