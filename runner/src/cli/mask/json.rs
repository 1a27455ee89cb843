//! A scan as one JSON document. Its schema:
//!
//! `hits`: `path` and `commit` or `tag` as far as there are, `line`, `column`, `end_line`, `end_column` (from 1, the end
//! exclusive), `rule`, `what`, `severity`, `excerpt`, `fingerprint`, and with `--digests` `digest`; `problems`: `place`
//! and `why`; `unlisted`: how many of both are left out; `totals`.

use std::borrow::Cow;

use serde::Serialize;

use super::super::{Blame, Error};
use super::scan::{List, digest};
use crate::scan::{Hit, Place, Problem, Totals};

#[derive(Serialize)]
struct Document<'a> {
    hits: Vec<Row<'a>>,
    problems: Vec<Trouble<'a>>,
    unlisted: u64,
    totals: &'a Totals,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    line: u64,
    column: u64,
    end_line: u64,
    end_column: u64,
    rule: &'a str,
    what: &'a str,
    severity: &'a str,
    excerpt: &'a str,
    fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
}

#[derive(Serialize)]
struct Trouble<'a> {
    place: &'a str,
    why: String,
}

/// The document.
pub(super) fn document(list: &List, totals: &Totals, digests: bool) -> Result<String, Error> {
    text(&Document {
        hits: list.hits.iter().map(|hit| Row::of(hit, digests)).collect(),
        problems: list.problems.iter().map(Trouble::of).collect(),
        unlisted: list.unlisted,
        totals,
    })
}

/// JSON, indented, with a newline.
pub(super) fn text(document: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(document);
    let text = text.map_err(|e| Error::new(Blame::Job, format!("writing the report failed: {e}")))?;
    Ok(text + "\n")
}

impl<'a> Trouble<'a> {
    fn of(Problem { place, why }: &'a Problem) -> Trouble<'a> {
        Trouble { place, why: why.to_string() }
    }
}

impl<'a> Row<'a> {
    fn of(hit: &'a Hit, digests: bool) -> Row<'a> {
        let tag = match &*hit.place {
            Place::Tag { name } => Some(name.as_str()),
            _ => None,
        };
        Row {
            path: hit.place.path().map(|path| path.to_string_lossy()),
            commit: hit.place.commit(),
            tag,
            line: hit.start.line,
            column: hit.start.column,
            end_line: hit.end.line,
            end_column: hit.end.column,
            rule: hit.rule.id,
            what: hit.rule.what,
            severity: hit.rule.severity.name(),
            excerpt: &hit.excerpt,
            fingerprint: &hit.fingerprint,
            digest: hit.digest().filter(|_| digests).map(|value| digest(&value)),
        }
    }
}
