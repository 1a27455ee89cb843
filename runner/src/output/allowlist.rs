//! What jobs reached, as rules that allow just that: `palisade run --net audit --suggest`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use indexmap::IndexMap;

use super::event::{Event, JobName};
use super::{Masked, Sink};
use crate::egress::narrow;
use crate::egress::record::{Outcome, times};

/// Gathers what was reached, and writes it at the end as a part of the configuration.
pub struct Allowlist<W> {
    to: W,
    /// What each job reached.
    jobs: IndexMap<JobName, BTreeSet<String>>,
    /// What came to nothing, which somebody has to decide about, with the rule that would allow it, if one would.
    rest: BTreeSet<(String, Option<String>)>,
}

impl<W: Write> Allowlist<W> {
    /// Writes there.
    pub fn new(to: W) -> Self {
        Allowlist { to, jobs: IndexMap::new(), rest: BTreeSet::new() }
    }
}

impl<W: Write + Send> Sink for Allowlist<W> {
    fn name(&self) -> String {
        "the allowlist".to_owned()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        let Event::NetworkSummary { job, table, .. } = &**event else { return Ok(()) };
        let rules = self.jobs.entry(job.clone()).or_default();
        if table.unnamed > 0 {
            let row = format!("refused  addresses without a name  {}", times(table.unnamed));
            self.rest.insert((row, None));
        }
        for row in &table.rows {
            match (row.outcome, &row.suggestion) {
                (Outcome::Reached, Some(rule)) => drop(rules.insert(rule.clone())),
                _ => drop(self.rest.insert((row.to_string(), row.suggestion.clone()))),
            }
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let mut text = String::from(
            "# Names that the jobs reached, for config.toml:\n[network]\nmode = \"allow\"\nallow = [\n",
        );
        let mut line = |parts: &[&str]| {
            parts.iter().for_each(|part| super::text::name(part, &mut text));
            text.push('\n');
        };
        let all: BTreeSet<&String> = self.jobs.values().flatten().collect();
        for rule in &all {
            line(&["  \"", rule, "\","]);
        }
        // A rule that a job reached something by, another one may have been refused something by.
        for (row, rule) in &self.rest {
            line(&["  # ", row]);
            if let Some(rule) = rule.as_ref().filter(|rule| !all.contains(rule)) {
                line(&["  # \"", rule, "\","]);
            }
        }
        line(&["]"]);
        line(&["# The same by job, for the `env` of each in the workflow, which can only take away:"]);
        for (job, rules) in &self.jobs {
            let list = rules.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let list = if list.is_empty() { narrow::NONE } else { &list };
            line(&["#   ", &job.0, ": { ", narrow::VARIABLE, ": \"", list, "\" }"]);
        }
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }
}
