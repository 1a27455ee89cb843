//! `palisade man`: the manual pages, from the same source as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Error, print};

/// Print a manual page, in roff.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade man | man -l -
  palisade man sandbox | man -l -
  palisade man --dir /usr/local/share/man/man1")]
pub struct Args {
    /// The command that the page is about; without it, palisade as a whole
    #[arg(conflicts_with = "dir")]
    command: Option<String>,
    /// Write all pages into this directory, which is made where it isn't there
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    match (args.dir, args.command) {
        (Some(dir), _) => write_all(&whole, &dir)
            .map_err(|e| Error::input(format!("cannot write manual pages to `{}`: {e}", dir.display())))?,
        (None, None) => print::to_stdout(page(&whole))?,
        (None, Some(name)) => match whole.find_subcommand(&name) {
            Some(command) => print::to_stdout(page(command))?,
            None => {
                let known: Vec<_> = whole.get_subcommands().map(Command::get_name).collect();
                return Err(Error::input(format!("palisade has no command `{name}`"))
                    .hint(format!("the commands are {}", known.join(", "))));
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn write_all(whole: &Command, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    std::iter::once(whole)
        .chain(whole.get_subcommands())
        .try_for_each(|command| fs::write(dir.join(format!("{}.1", page_name(command))), page(command)))
}

/// `palisade`, or `palisade-sandbox`.
fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> Vec<u8> {
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let version = env!("CARGO_PKG_VERSION");
    let man = Man::new(command.clone().after_help(None::<&str>).version(None))
        .source(format!("palisade {version}"))
        .manual("palisade");
    let mut out = Vec::new();
    // Writing to memory doesn't fail.
    let _ = man.render(&mut out);
    out.extend(sections(&after).into_bytes());
    out
}

/// What stands below the options in `--help`: a line in capitals begins a section, indented lines stay as
/// they are, others are paragraphs.
fn sections(text: &str) -> String {
    let mut out = String::new();
    for paragraph in text.split("\n\n") {
        let mut lines = paragraph.lines().peekable();
        if let Some(heading) = lines.next_if(|line| is_heading(line)) {
            out += &format!(".SH {}\n", heading.trim_end_matches(':'));
        }
        let Some(first) = lines.peek() else { continue };
        let (begin, end) = if first.starts_with(' ') { (".PP\n.nf\n", ".fi\n") } else { (".PP\n", "") };
        out += begin;
        for line in lines {
            out += &escape(line.strip_prefix("  ").unwrap_or(line));
            out.push('\n');
        }
        out += end;
    }
    out
}

fn is_heading(line: &str) -> bool {
    let line = line.trim_end_matches(':');
    !line.is_empty() && line.chars().all(|c| c.is_ascii_uppercase() || c == ' ')
}

/// Text that roff takes for text (groff(7), "Escape sequences").
fn escape(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga");
    if line.starts_with('.') { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_below_the_options_becomes_sections() {
        let text = "EXAMPLES:\n  a -x 'b\\n'\n\n  .c\n\nSome `text`,\ntwo lines.\n\nMore.";
        insta::assert_snapshot!(sections(text), @r"
        .SH EXAMPLES
        .PP
        .nf
        a \-x \(aqb\en\(aq
        .fi
        .PP
        .nf
        \&.c
        .fi
        .PP
        Some \(gatext\(ga,
        two lines.
        .PP
        More.
        ");
    }
}
