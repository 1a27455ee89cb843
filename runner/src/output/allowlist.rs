//! What jobs reached, as rules that allow just that: `palisade run --net audit --suggest`.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::event::Event;
use super::{Masked, Sink};
use crate::egress::record::Outcome;

/// Gathers what was reached, and writes it at the end as a part of the configuration.
pub struct Allowlist<W> {
    to: W,
    rules: BTreeSet<String>,
    /// What came to nothing, which somebody has to decide about.
    rest: BTreeSet<String>,
}

impl<W: Write> Allowlist<W> {
    /// Writes there.
    pub fn new(to: W) -> Self {
        Allowlist { to, rules: BTreeSet::new(), rest: BTreeSet::new() }
    }
}

impl<W: Write + Send> Sink for Allowlist<W> {
    fn name(&self) -> String {
        "the allowlist".to_owned()
    }

    fn event(&mut self, event: &Masked) -> io::Result<()> {
        let Event::NetworkSummary { table, .. } = &**event else { return Ok(()) };
        if table.unnamed > 0 {
            self.rest.insert(format!("refused  addresses without a name  {} times", table.unnamed));
        }
        for row in &table.rows {
            match (row.outcome, &row.suggestion) {
                (Outcome::Reached, Some(rule)) => drop(self.rules.insert(rule.clone())),
                _ => drop(self.rest.insert(row.to_string())),
            }
        }
        Ok(())
    }

    fn close(&mut self) -> io::Result<()> {
        let mut text = String::from("# Names that the jobs reached, for config.toml:\n");
        for row in &self.rest {
            text.push_str("# ");
            super::text::name(row, &mut text);
            text.push('\n');
        }
        text.push_str("[network]\nmode = \"allow\"\nallow = [\n");
        for rule in &self.rules {
            text.push_str("  \"");
            super::text::name(rule, &mut text);
            text.push_str("\",\n");
        }
        text.push_str("]\n");
        self.to.write_all(text.as_bytes())?;
        self.to.flush()
    }
}
