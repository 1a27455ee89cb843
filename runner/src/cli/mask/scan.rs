//! `palisade mask --scan`: which credentials stand in files and in the history of repositories.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use super::super::{Blame, Error, print};
use super::{Args, Report, json, sarif};
use crate::config::Config;
use crate::mask::detect::{Action, Detector, Digest};
use crate::scan::{self, Hit, Problem, Reach, Root, Told, Totals};

/// Most warnings that are written to the terminal.
const MAX_WARNINGS: usize = 100;
/// Most hits and problems that a document lists; further ones are counted.
const MAX_LISTED: usize = 100_000;

/// Scans and reports.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let config = Config::find(args.config.as_deref()).map_err(Error::input)?;
    let reach = Reach { all: args.all, history: args.history };
    let open = |path| {
        let root = Root::open(path)?;
        if reach.history { root.with_history() } else { Ok(root) }
    };
    let roots: Result<Vec<Root>, _> = args.scan.iter().map(|path| open(path)).collect();
    let roots = roots.map_err(Error::input)?;
    // Here a kind is only passed over if its own rule is off: nobody scans to find nothing.
    let detector = Detector::new(config.detect.policy(Some(Action::Mask)));
    let mut list = List::default();
    let mut people = People::new(args.digests, args.report.is_none());
    let (totals, end) = scan::scan(&detector, config.detect.allowed_paths(), &roots, reach, &mut |told| {
        people.tell(&told)?;
        if args.report.is_some() {
            list.add(told);
        }
        ControlFlow::Continue(())
    });
    people.finish()?;
    match args.report {
        None => {}
        Some(Report::Json) => print::to_stdout(json::document(&list, &totals, args.digests)?)?,
        Some(Report::Sarif) => print::to_stdout(sarif::document(&list, end.is_ok())?)?,
    }
    end.map_err(|e| Error::input(format!("the scan is not complete: {e}")))?;
    warn(&summary(&totals));
    if totals.hits > 0 && args.report.is_none() {
        warn(HELP);
    }
    Ok(if totals.hits > 0 { ExitCode::from(Blame::Job.code()) } else { ExitCode::SUCCESS })
}

const HELP: &str = "  help: what is no credential can be allowed in `[detect]` of config.toml: its digest (--digests), \
                    its path, or its rule";

/// What a document tells.
#[derive(Default)]
pub(super) struct List {
    pub hits: Vec<Hit>,
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub unlisted: u64,
}

impl List {
    fn add(&mut self, told: Told) {
        match told {
            Told::Hit(hit) if self.hits.len() < MAX_LISTED => self.hits.push(*hit),
            Told::Problem(problem) if self.problems.len() < MAX_LISTED => self.problems.push(problem),
            _ => self.unlisted += 1,
        }
    }
}

/// `sha256:` and the digits, as the configuration takes it.
pub(super) fn digest(digest: &Digest) -> String {
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

/// Tells hits on standard output, if no document goes there, and problems on standard error.
struct People {
    out: io::BufWriter<io::Stdout>,
    hits: bool,
    digests: bool,
    /// Whether somebody may be watching.
    live: bool,
    warnings: usize,
    failed: Option<io::Error>,
}

impl People {
    fn new(digests: bool, hits: bool) -> People {
        let live = io::stdout().is_terminal();
        let out = io::BufWriter::new(io::stdout());
        People { out, hits, digests, live, warnings: 0, failed: None }
    }

    fn tell(&mut self, told: &Told) -> ControlFlow<()> {
        match told {
            Told::Hit(hit) if self.hits => self.failed = self.hit(hit).err(),
            Told::Hit(_) => {}
            Told::Problem(problem) => self.problem(problem),
        }
        if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn hit(&mut self, hit: &Hit) -> io::Result<()> {
        let Hit { rule, place, start, excerpt, .. } = hit;
        let (id, what, severity) = (rule.id, rule.what, rule.severity.name());
        writeln!(self.out, "{place}:{}:{}: {id}: {what} ({severity})", start.line, start.column)?;
        writeln!(self.out, "    {excerpt}")?;
        if let Some(value) = hit.digest().filter(|_| self.digests) {
            writeln!(self.out, "    {}", digest(&value))?;
        }
        if self.live { self.out.flush() } else { Ok(()) }
    }

    fn problem(&mut self, Problem { place, why }: &Problem) {
        self.warnings += 1;
        if self.warnings <= MAX_WARNINGS {
            warn(&format!("warning: {place}: {why}"));
        }
    }

    /// Writes what is left.
    fn finish(mut self) -> Result<(), Error> {
        if let Some(more @ 1..) = self.warnings.checked_sub(MAX_WARNINGS) {
            warn(&format!("warning: {more} more warnings"));
        }
        match self.failed.take().map_or_else(|| self.out.flush(), Err) {
            // A reader that has seen enough is no failure, and what it saw decides.
            Err(e) if e.kind() != ErrorKind::BrokenPipe => {
                Err(Error::input(format!("cannot write to standard output: {e}")))
            }
            _ => Ok(()),
        }
    }
}

/// Nobody is left to be told if this fails.
fn warn(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn summary(totals: &Totals) -> String {
    let count = |n: u64, noun: &str| match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    };
    let Totals { files, objects, bytes, hits, links, special, large, failed } = *totals;
    let history =
        if objects > 0 { format!(", {} of history", count(objects, "object")) } else { String::new() };
    let passed: Vec<String> = [
        (links, "symbolic link"),
        (special, "special file"),
        (large, "large binary file"),
        (failed, "unreadable file"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, noun)| count(n, noun))
    .collect();
    let passed =
        if passed.is_empty() { String::new() } else { format!("; not looked at: {}", passed.join(", ")) };
    format!("scanned {}{history} ({}): {}{passed}", count(files, "file"), size(bytes), count(hits, "hit"))
}

/// A size in a unit that keeps it short.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{size:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_tells_what_was_not_looked_at() {
        let totals = Totals { files: 1, bytes: 999, ..Totals::default() };
        assert_eq!(summary(&totals), "scanned 1 file (999 bytes): 0 hits");
        let totals = Totals {
            files: 20,
            objects: 300,
            bytes: 1_234_567,
            hits: 1,
            links: 1,
            special: 2,
            large: 3,
            failed: 4,
        };
        insta::assert_snapshot!(summary(&totals), @"scanned 20 files, 300 objects of history (1.2 MB): 1 hit; not looked at: 1 symbolic link, 2 special files, 3 large binary files, 4 unreadable files");
    }
}
