//! The table attack × setting, and what in it is wrong.

use std::fmt::Write;

use palisade_sandbox::LayerId;

use super::{Host, Setting, Verdict};
use crate::table::Row;

/// The verdicts of all rows for one identity.
pub struct Report {
    /// Of whom.
    title: String,
    settings: Vec<Setting>,
    lines: Vec<(&'static Row, Vec<Verdict>)>,
}

impl Report {
    /// Runs every row in every setting.
    pub fn of(
        host: &mut Host,
        title: &str,
        rows: impl Iterator<Item = &'static Row>,
        settings: &[Setting],
    ) -> Report {
        host.check();
        let mut run = |row| settings.iter().map(|setting| host.run(row, *setting)).collect();
        let lines = rows.map(|row| (row, run(row))).collect();
        Report { title: title.to_owned(), settings: settings.to_vec(), lines }
    }

    /// How many rows could be tried: those that aren't void outside.
    pub fn tried(&self) -> usize {
        self.lines.iter().filter(|(_, verdicts)| matches!(verdicts[0], Verdict::Succeeded(_))).count()
    }

    /// What is wrong with rows that are attacks.
    pub fn breaches(&self) -> Vec<String> {
        self.complaints(|row, setting, verdict| match (setting, verdict) {
            (_, Verdict::Broken(why)) => Some(format!("says nothing: {why}")),
            (Setting::Outside, Verdict::Prevented(why)) => Some(format!("fails outside: {why}")),
            (Setting::Outside, _) => None,
            (_, Verdict::Succeeded(how)) if must_hold(row, setting) => Some(format!("got through: {how}")),
            (Setting::Inside, Verdict::Prevented(_) | Verdict::Void(_)) if row.open.is_some() => {
                Some(MENDED.into())
            }
            _ => None,
        })
    }

    /// What is wrong with rows that are harmless twins: they must succeed wherever they succeed outside.
    pub fn breakages(&self) -> Vec<String> {
        self.complaints(|row, setting, verdict| match verdict {
            Verdict::Succeeded(_) if row.open.is_some() && setting == Setting::Inside => Some(MENDED.into()),
            Verdict::Succeeded(_) => None,
            Verdict::Prevented(_) if row.open.is_some() && setting != Setting::Outside => None,
            Verdict::Prevented(why) | Verdict::Void(why) | Verdict::Broken(why) => {
                Some(format!("fails: {why}"))
            }
        })
    }

    fn complaints(&self, wrong: impl Fn(&Row, Setting, &Verdict) -> Option<String>) -> Vec<String> {
        let mut complaints = Vec::new();
        for (row, verdicts) in &self.lines {
            for (setting, verdict) in self.settings.iter().zip(verdicts) {
                if let Some(what) = wrong(row, *setting, verdict) {
                    complaints.push(format!("{} ({}, {}): {what}", row.name, self.title, setting.heading()));
                }
            }
        }
        complaints
    }

    /// The table in Markdown. A cell gives what each run came to, and in case of an attack by which error.
    pub fn to_markdown(&self) -> String {
        let mut out = format!("## {}\n\n| what | held by |", self.title);
        let headings: Vec<String> = self.settings.iter().map(|s| s.heading()).collect();
        // Writing to a string can't fail.
        let _ = writeln!(out, " {} |", headings.join(" | "));
        let _ = writeln!(out, "|{}", " --- |".repeat(2 + headings.len()));
        for (row, verdicts) in &self.lines {
            let held_by: Vec<&str> = row.held_by.iter().map(|layer| layer.as_str()).collect();
            let _ = write!(out, "| {}: {} | {} |", row.name, row.purpose, held_by.join(", "));
            for (setting, verdict) in self.settings.iter().zip(verdicts) {
                let _ = write!(out, " {} |", cell(row, *setting, verdict).replace(['|', '\n'], " "));
            }
            out.push('\n');
        }
        out
    }
}

/// What to say of an open finding that isn't one any more.
const MENDED: &str = "is as it should be: remove `open` from its row";

/// Whether an attack must fail in a setting: the layer that is off isn't the only one that holds it.
fn must_hold(row: &Row, setting: Setting) -> bool {
    match setting {
        _ if row.open.is_some() => false,
        Setting::Outside => false,
        Setting::Inside => true,
        Setting::Without(off) => row.held_by.iter().any(|layer: &LayerId| *layer != off),
    }
}

fn cell(row: &Row, setting: Setting, verdict: &Verdict) -> String {
    match (setting, verdict) {
        (Setting::Outside, Verdict::Succeeded(_)) => "succeeds".into(),
        (Setting::Outside, Verdict::Void(why)) => format!("void: {why}"),
        (Setting::Outside, Verdict::Prevented(why)) => format!("**fails**: {why}"),
        (_, Verdict::Succeeded(how)) if must_hold(row, setting) => format!("**through**: {how}"),
        (_, Verdict::Succeeded(_)) => match row.open {
            Some(finding) => format!("**through**, an open finding: {finding}"),
            None => "through, as expected".into(),
        },
        (_, Verdict::Prevented(why) | Verdict::Void(why)) => format!("held: {why}"),
        (_, Verdict::Broken(why)) => format!("**broken**: {why}"),
    }
}
