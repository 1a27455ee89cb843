//! `palisade mask`: a filter that masks secrets in what another program prints; and a search for credentials in files.

mod json;
mod rules;
mod sarif;
mod scan;

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use zeroize::Zeroizing;

use super::{Blame, Error};
use crate::config::Config;
use crate::mask::detect::Action;
use crate::mask::{MaskStream, Masker, Secret};
use crate::output::StepLog;
use crate::output::event::Masking;

/// Largest file of secrets, in bytes.
const MAX_FILE: u64 = 16 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;

const EXAMPLES: &str = "\
EXAMPLES:
  make deploy 2>&1 | palisade mask --secrets .secrets
  printf '%s' '[\"one-line secret\", \"first line\\nsecond line\"]' > s.json
  ./release.sh 2>&1 | palisade mask --secrets s.json
  ./deploy.sh 2>&1 | palisade mask --detect --report json 2>report.json
  palisade mask --scan . --history
  palisade mask --scan src --report sarif >palisade.sarif
  palisade mask --rules

A scan looks at the files that git would commit, those that it tracks or doesn't ignore, and at the \
configuration in .git; outside of a repository at all files. Symbolic links are not followed, archives not \
unpacked. It prints where a credential stands, never the credential. The exit code is 0 if there is none, 1 if \
there is one, and 2 if a PATH or the history can't be read; single files that can't be are warnings.";

/// Mask secrets in what passes from standard input to standard output, or look for credentials in files.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// File with one secret a line, or a JSON array of strings for multi-line ones
    #[arg(long, value_name = "FILE", required_unless_present_any = ["detect", "scan", "rules"])]
    secrets: Option<PathBuf>,
    /// Mask what looks like a credential too
    #[arg(long)]
    detect: bool,
    /// Instead, look for credentials in files and directories
    #[arg(long, value_name = "PATH", num_args = 1.., conflicts_with_all = ["secrets", "detect", "rules"])]
    scan: Vec<PathBuf>,
    /// Also scan every version of every file, every commit and tag of the repositories that hold PATH
    #[arg(long, requires = "scan")]
    history: bool,
    /// Also scan what git ignores, all of `.git` but its objects, and binary files of more than 64 MiB
    #[arg(long, requires = "scan")]
    all: bool,
    /// Also print the SHA-256 of what was found, by which the configuration can allow it. Whoever sees that of a
    /// password can try passwords until one fits: don't publish it
    #[arg(long, requires = "scan")]
    digests: bool,
    /// Instead, list the kinds of credentials that are known
    #[arg(long, conflicts_with_all = ["secrets", "detect"])]
    rules: bool,
    /// Write a report: of a scan or the rules in place of the text; of masking, on standard error at the end
    #[arg(long, value_name = "FORMAT", value_enum)]
    report: Option<Report>,
    /// Configuration file [default: palisade/config.toml in $XDG_CONFIG_HOME]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Report {
    /// One JSON object
    Json,
    /// SARIF 2.1.0, of a scan
    Sarif,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    if args.rules {
        return rules::run(args.report);
    }
    palisade_sandbox::make_undumpable().map_err(super::sandbox::isolation)?;
    if !args.scan.is_empty() {
        return scan::run(args);
    }
    let as_json = match args.report {
        None => false,
        Some(Report::Json) => true,
        Some(Report::Sarif) => return Err(only_of_a_scan()),
    };
    let masker = if args.detect {
        let config = Config::find(args.config.as_deref()).map_err(Error::input)?;
        Masker::detecting(config.detect.policy(Some(Action::Mask)))
    } else {
        Masker::new()
    };
    for (name, secret) in args.secrets.as_deref().map(read_secrets).transpose()?.unwrap_or_default() {
        if let Err(refused) = masker.add(&name, &secret) {
            tell(&format!("warning: {refused}"));
        }
    }
    match filter(&mut masker.stream(), &mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => {}
        // Whoever reads has seen enough.
        Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
        Err(e) => return Err(Error::new(Blame::Job, format!("masking standard input failed: {e}"))),
    }
    let masking = Masking::of(&masker);
    if as_json {
        let report = serde_json::to_string(&masking);
        tell(&report.map_err(|e| Error::new(Blame::Job, format!("writing the report failed: {e}")))?);
    } else {
        masking.shown.iter().for_each(|late| tell(&format!("warning: {late}")));
    }
    Ok(ExitCode::SUCCESS)
}

fn only_of_a_scan() -> Error {
    Error::input("--report sarif: only a scan can be reported in this format").hint("use --report json")
}

/// Standard output is the filtered text alone.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn filter(stream: &mut MaskStream, from: &mut (impl Read + AsFd), to: &mut impl Write) -> io::Result<()> {
    let mut chunk = Zeroizing::new(vec![0; CHUNK]);
    let mut out = Vec::new();
    let mut settled = true;
    loop {
        if !settled && is_silent(from)? {
            stream.flush_after_silence(&mut out);
            settled = true;
        } else {
            match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => stream.push(&chunk[..n], &mut out),
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
            settled = !stream.holds();
        }
        to.write_all(&out)?;
        to.flush()?;
        out.clear();
    }
    stream.finish(&mut out);
    to.write_all(&out)?;
    to.flush()
}

/// Whether nothing comes for a while.
fn is_silent(from: &impl AsFd) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(StepLog::SILENCE).unwrap_or(PollTimeout::ZERO);
    match poll(&mut [PollFd::new(from.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(ready) => Ok(ready == 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// The secrets of a file, each with the name under which a refusal is told.
fn read_secrets(path: &Path) -> Result<Vec<(String, Secret)>, Error> {
    let shown = path.display();
    let unreadable = |e: io::Error| Error::input(format!("can't read the secrets in {shown}: {e}"));
    let mut bytes = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Error::input(format!("the secrets in {shown} are larger than 16 MiB")));
    }
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count();
        Error::input(format!("the secrets in {shown} aren't UTF-8 text: line {line}"))
            .hint("a secret that isn't text can't be masked by this command")
    })?;
    let secrets = parse_secrets(text).map_err(|e| {
        Error::input(format!("the secrets in {shown} aren't a JSON array of strings: {e}"))
            .hint("a file that begins with `[` is JSON; put a secret that begins so into an array: [\"[…\"]")
    })?;
    if secrets.is_empty() {
        return Err(Error::input(format!("there are no secrets in {shown}"))
            .hint("write one secret a line, or a JSON array of strings"));
    }
    let named = |(place, value): (String, String)| (format!("{place} of {shown}"), Secret::new(value));
    Ok(secrets.into_iter().map(named).collect())
}

/// Each secret with its place in the file.
fn parse_secrets(text: &str) -> Result<Vec<(String, String)>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if !text.trim_start().starts_with('[') {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        return Ok(lines.map(|(i, line)| (format!("line {}", i + 1), line.to_string())).collect());
    }
    // serde_json's own message can quote a value, which may be a secret: only the place is told.
    let values: Vec<String> = serde_json::from_str(text).map_err(|e| {
        let what = match e.classify() {
            serde_json::error::Category::Data => "not a string",
            _ => "not valid JSON",
        };
        format!("{what}, at line {} column {}", e.line(), e.column())
    })?;
    Ok((1..).zip(values).map(|(i, value)| (format!("entry {i}"), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_one_a_line_or_as_json() {
        let lines = parse_secrets("\u{feff}first one\r\n\n  \nsecond one").unwrap();
        assert_eq!(
            lines,
            [("line 1".into(), "first one".into()), ("line 4".into(), "second one".into())]
                as [(String, String); 2]
        );
        let json = parse_secrets(" [\"a\\nb\", \"c\"]").unwrap();
        assert_eq!(
            json,
            [("entry 1".into(), "a\nb".into()), ("entry 2".into(), "c".into())] as [(String, String); 2]
        );
    }

    #[test]
    fn errors_in_json_tell_the_place_but_not_the_value() {
        assert_eq!(parse_secrets("[\"a\",\n 123456]"), Err("not a string, at line 2 column 7".into()));
        assert_eq!(parse_secrets("[\"hunter2hunter2"), Err("not valid JSON, at line 1 column 16".into()));
    }
}
