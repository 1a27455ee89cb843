//! `palisade check`: validates workflow files and runs nothing.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indexmap::IndexMap;

use super::workflows::root_of;
use super::{Blame, Error, print};
use crate::check::Checker;
use crate::config::Config;
use crate::lint::Lint;
use crate::workflow::{self, Diagnostics, DiscoverError, Severity};

/// Validate workflow files
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade check
  palisade check .forgejo/workflows/ci.yml
  palisade check --strict --allow unpinned-action
  palisade check --json | jq -r 'select(.severity == \"error\") | \"\\(.file):\\(.line): \\(.message)\"'

Without FILE, checks all files of the first directory that exists of .forgejo/workflows,
.gitea/workflows and .github/workflows. Workflows that these call and actions that they use of
the same repository are checked too. Nothing is run and nothing is fetched.

What lints find are warnings; docs/lints.md explains each. A comment in the file allows one:
`# palisade: allow(ID)`, at the end of the line or on a line above the key, step or job.
The exit code is 2 if there is an error; warnings leave it 0.")]
pub struct Args {
    /// Workflow files
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Don't tell what this lint finds (repeatable)
    #[arg(long, value_name = "ID")]
    allow: Vec<Lint>,
    /// Make what this lint finds an error (repeatable)
    #[arg(long, value_name = "ID")]
    deny: Vec<Lint>,
    /// Make what any lint finds an error, unless it is allowed
    #[arg(long)]
    strict: bool,
    /// List the lints and check nothing
    #[arg(long, conflicts_with_all = ["files", "allow", "deny", "strict", "json"])]
    lints: bool,
    /// Print each diagnostic as a line of JSON, with file, line and column, to standard output
    #[arg(long)]
    json: bool,
    /// Configuration file [default: palisade/config.toml in $XDG_CONFIG_HOME]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    if args.lints {
        print::to_stdout(table())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(lint) = args.allow.iter().find(|lint| args.deny.contains(lint)) {
        let message = format!("`{}` is both allowed and denied", lint.id());
        return Err(Error::input(message).hint("leave out --allow or --deny"));
    }
    let config = Config::find(args.config.as_deref()).map_err(Error::input)?;
    let levels = config.check.with(&args.allow, &args.deny, args.strict);
    let files = if args.files.is_empty() {
        workflow::discover(Path::new("")).map_err(not_found)?
    } else {
        args.files
    };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let colour = super::colour_on_stderr();
    let mut tally = Tally::default();
    let mut told = |diagnostics: Diagnostics| {
        tally.add(&diagnostics);
        let result = if args.json {
            out.write_all(diagnostics.json_lines().as_bytes())
        } else {
            err.write_all(diagnostics.render(colour).as_bytes())
        };
        match result {
            // A reader that has read enough is no failure, but the verdict still counts.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::input(format!("cannot write the report: {e}")))
            }
            _ => Ok(()),
        }
    };
    for (root, files) in by_repository(files) {
        let checker =
            Checker::new(&root, config.detect.policy(None), levels.clone()).map_err(Error::input)?;
        checker.check(files, &mut told)?;
    }
    // Nobody is left to be told if this fails.
    let _ = writeln!(err, "{}", tally.summary());
    Ok(if tally.errors > 0 { ExitCode::from(Blame::Input.code()) } else { ExitCode::SUCCESS })
}

/// The files with the root of the repository that they are in, in their order.
fn by_repository(files: Vec<PathBuf>) -> IndexMap<PathBuf, Vec<PathBuf>> {
    let mut all: IndexMap<PathBuf, Vec<PathBuf>> = IndexMap::new();
    for file in files {
        // One that isn't there is told when it is read.
        let real = file.canonicalize().unwrap_or_else(|_| file.clone());
        let root = real.parent().map(root_of).unwrap_or(&real).to_owned();
        all.entry(root).or_default().push(file);
    }
    all
}

/// Each lint with what it finds.
fn table() -> String {
    let width = Lint::ALL.iter().map(|lint| lint.id().len()).max().unwrap_or_default();
    Lint::ALL.iter().map(|lint| format!("{:width$}  {}\n", lint.id(), lint.title())).collect()
}

fn not_found(error: DiscoverError) -> Error {
    let hint = match &error {
        DiscoverError::Unreadable { .. } => "name the workflow file: `palisade check FILE`",
        _ => "name the workflow file, `palisade check FILE`, or go to the root of a repository",
    };
    Error::input(error).hint(hint)
}

/// What was found in all files.
#[derive(Default)]
struct Tally {
    files: usize,
    errors: usize,
    warnings: usize,
    omitted: usize,
}

impl Tally {
    fn add(&mut self, diagnostics: &Diagnostics) {
        self.files += 1;
        self.errors += diagnostics.count(Severity::Error);
        self.warnings += diagnostics.count(Severity::Warning);
        self.omitted += diagnostics.omitted();
    }

    fn summary(&self) -> String {
        let count = |n: usize, noun: &str| match n {
            1 => format!("1 {noun}"),
            n => format!("{n} {noun}s"),
        };
        let (files, errors) = (count(self.files, "file"), count(self.errors, "error"));
        let omitted = match self.omitted {
            0 => String::new(),
            n => format!(" ({n} of them not shown)"),
        };
        format!("checked {files}: {errors}, {}{omitted}", count(self.warnings, "warning"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts() {
        let mut tally = Tally::default();
        tally.add(&Diagnostics::of_file(Path::new("x.yml"), "wrong"));
        assert_eq!(tally.summary(), "checked 1 file: 1 error, 0 warnings");
        tally.add(&Diagnostics::of_file(Path::new("y.yml"), "wrong"));
        assert_eq!(tally.summary(), "checked 2 files: 2 errors, 0 warnings");
    }
}
