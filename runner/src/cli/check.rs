//! `palisade check`: validates workflow files and runs nothing.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{Blame, Error};
use crate::workflow::{self, Diagnostics, DiscoverError, Severity};

/// Validate workflow files
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade check
  palisade check .forgejo/workflows/ci.yml
  palisade check --json | jq -r 'select(.severity == \"error\") | \"\\(.file):\\(.line): \\(.message)\"'

Without FILE, checks all files of the first directory that exists of .forgejo/workflows,
.gitea/workflows and .github/workflows. The exit code is 2 if there is an error; warnings leave it 0.")]
pub struct Args {
    /// Workflow files
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print each diagnostic as a line of JSON, with file, line and column, to standard output
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let files = if args.files.is_empty() {
        workflow::discover(Path::new("")).map_err(not_found)?
    } else {
        args.files
    };
    let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
    let colour = err.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let mut tally = Tally::default();
    for file in &files {
        let diagnostics = diagnose(file);
        tally.add(&diagnostics);
        let result = if args.json {
            out.write_all(diagnostics.json_lines().as_bytes())
        } else {
            err.write_all(diagnostics.render(colour).as_bytes())
        };
        match result {
            // A reader that has read enough is no failure, but the verdict still counts.
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Error::input(format!("cannot write the report: {e}")));
            }
            _ => {}
        }
    }
    // Nobody is left to be told if this fails.
    let _ = writeln!(err, "{}", tally.summary());
    Ok(if tally.errors > 0 { ExitCode::from(Blame::Input.code()) } else { ExitCode::SUCCESS })
}

fn not_found(error: DiscoverError) -> Error {
    let hint = match &error {
        DiscoverError::Unreadable { .. } => "name the workflow file: `palisade check FILE`",
        _ => "name the workflow file, `palisade check FILE`, or go to the root of a repository",
    };
    Error::input(error).hint(hint)
}

fn diagnose(file: &Path) -> Diagnostics {
    match workflow::read(file) {
        Ok(bytes) => workflow::parse(&bytes, file).map_or_else(|errors| errors, |parsed| parsed.warnings),
        Err(e) => Diagnostics::of_file(file, format!("cannot read the file: {e}")),
    }
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
    fn a_file_that_cannot_be_read_is_an_error_among_others() {
        let directory = tempfile::tempdir().unwrap();
        let missing = diagnose(&directory.path().join("none.yml"));
        assert_eq!(missing.count(Severity::Error), 1);
        assert_eq!(diagnose(directory.path()).count(Severity::Error), 1);
        let mut tally = Tally::default();
        tally.add(&missing);
        assert_eq!(tally.summary(), "checked 1 file: 1 error, 0 warnings");
    }

    #[test]
    fn json_names_file_line_and_column() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "on: push\njobs: {}\nnmae: x\n").unwrap();
        let lines = diagnose(file.path()).json_lines();
        let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
        assert_eq!(first["file"], file.path().to_str().unwrap());
        assert_eq!((&first["line"], &first["column"]), (&2.into(), &7.into()));
        let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!(last["help"], "did you mean `name`?");
        assert_eq!(last["end_column"], 5);
    }
}
