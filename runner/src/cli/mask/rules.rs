//! `palisade mask --rules`: which kinds of credentials are known.

use std::process::ExitCode;

use super::super::{Error, print};
use super::Report;
use crate::mask::detect::{Rule, rules};

/// Prints the table of rules.
pub fn run(report: Option<Report>) -> Result<ExitCode, Error> {
    let text = match report {
        None => table(),
        Some(Report::Json) => json(),
        Some(Report::Sarif) => return Err(super::only_of_a_scan()),
    };
    print::to_stdout(text)?;
    Ok(ExitCode::SUCCESS)
}

fn table() -> String {
    let width = |of: fn(&Rule) -> &str| rules::kinds().map(|rule| of(rule).len()).max().unwrap_or_default();
    let (id, severity, what) = (width(|r| r.id), width(|r| r.severity.name()), width(|r| r.what));
    let line =
        |r: &Rule| format!("{:id$}  {:severity$}  {:what$}  {}\n", r.id, r.severity.name(), r.what, r.source);
    rules::kinds().map(line).collect()
}

/// An array of objects, one a line.
fn json() -> String {
    let object = |rule: &'static Rule| {
        let (severity, url) = (rule.severity.name(), rule.url());
        serde_json::json!({
            "id": rule.id, "severity": severity, "what": rule.what, "source": rule.source, "url": url
        })
        .to_string()
    };
    format!("[\n{}\n]\n", rules::kinds().map(object).collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_a_line_of_four_columns() {
        let table = table();
        let ids: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(ids, rules::kinds().map(|rule| rule.id).collect::<Vec<_>>());
        assert!(ids.contains(&"aws-access-key-id") && ids.contains(&"aws-secret-access-key"));
        let columns = |line: &str| line.split("  ").filter(|column| !column.trim().is_empty()).count();
        assert!(table.lines().all(|line| columns(line) == 4), "{table}");
    }

    #[test]
    fn json_says_the_same_with_links() {
        let all: Vec<serde_json::Value> = serde_json::from_str(&json()).unwrap();
        assert_eq!(all.len(), rules::kinds().count());
        for rule in &all {
            let url = rule["url"].as_str().unwrap();
            let host = url.strip_prefix("https://").unwrap().split('/').next().unwrap();
            assert!(host.contains('.') && url.bytes().all(|b| b.is_ascii_graphic()), "{rule}");
        }
    }
}
