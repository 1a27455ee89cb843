//! `palisade hook`: has a git repository submit what is pushed to it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::error::Error;
use super::print;
use super::setting::Setting;
use super::submit::git_in;

/// The hook that git runs when what was pushed is there.
const NAME: &str = "post-receive";
/// By what it is known as palisade's.
const MARK: &str = "# Made by `palisade hook install`";

/// Make a git repository a CI server: what is pushed to it is submitted.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade hook install /srv/git/app.git
  palisade hook uninstall /srv/git/app.git

A push then prints the number of each run and how to follow it. Whoever pushes has to be able to
reach the daemon: as its user, or as a member of the group `palisade` where the configuration
names a socket. Where that fails the push goes through all the same, and says so.

EXIT CODES: 0, 2 there is no repository, or it has another hook")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Put the hook in
    Install(Install),
    /// Take it out
    Uninstall(Uninstall),
}

#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade hook install /srv/git/app.git")]
struct Install {
    /// The repository, bare or not
    #[arg(value_name = "REPO")]
    repository: PathBuf,
    #[command(flatten)]
    setting: Setting,
}

#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade hook uninstall /srv/git/app.git")]
struct Uninstall {
    /// The repository, bare or not
    #[arg(value_name = "REPO")]
    repository: PathBuf,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    match args.command {
        Command::Install(Install { repository, setting }) => install(&repository, &setting)?,
        Command::Uninstall(Uninstall { repository }) => uninstall(&repository)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn install(repository: &Path, setting: &Setting) -> Result<(), Error> {
    let path = path(repository)?;
    let failed = |e: io::Error| Error::input(format!("`{}`: {e}", path.display()));
    if path.exists() && !is_ours(&path) {
        return Err(Error::input(format!("`{}` is another hook", path.display()))
            .hint("have it run `palisade submit --pushed REPO`, with what git says on its standard input"));
    }
    let program = std::env::current_exe().map_err(failed)?;
    let new = path.with_extension("palisade");
    fs::create_dir_all(path.parent().unwrap_or(repository)).map_err(failed)?;
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o755).open(&new).map_err(failed)?;
    file.write_all(script(&program, setting).as_bytes()).map_err(failed)?;
    fs::rename(&new, &path).map_err(failed)?;
    print::to_stdout(format!("what is pushed to {} is submitted from now on\n", repository.display()))
}

fn uninstall(repository: &Path) -> Result<(), Error> {
    let path = path(repository)?;
    if !path.exists() {
        return print::to_stdout(format!("{} has no hook of palisade's\n", repository.display()));
    }
    if !is_ours(&path) {
        return Err(Error::input(format!("`{}` is another hook; it stays", path.display())));
    }
    fs::remove_file(&path).map_err(|e| Error::input(format!("`{}`: {e}", path.display())))?;
    print::to_stdout(format!("what is pushed to {} starts nothing any more\n", repository.display()))
}

/// Where a repository has the hook.
fn path(repository: &Path) -> Result<PathBuf, Error> {
    let failed = |why: String| Error::input(format!("{}: {why}", repository.display()));
    if !repository.is_dir() {
        return Err(failed("not a directory".to_owned()));
    }
    let hooks = git_in(repository, &["rev-parse", "--path-format=absolute", "--git-common-dir"]);
    Ok(PathBuf::from(hooks.map_err(failed)?.trim_end_matches('\n')).join("hooks").join(NAME))
}

fn is_ours(path: &Path) -> bool {
    fs::read_to_string(path).is_ok_and(|text| text.contains(MARK))
}

fn script(program: &Path, setting: &Setting) -> String {
    let options =
        setting.arguments_given().into_iter().map(|word| format!(" {}", quoted(&word.to_string_lossy())));
    let options: String = options.collect();
    format!(
        "#!/bin/sh\n{MARK}; `palisade hook uninstall` takes it out.\n\
         repository=$PWD\n\
         # What git has set for this repository would confuse it in others.\n\
         unset $(git rev-parse --local-env-vars)\n\
         exec {} submit --pushed{options} \"$repository\"\n",
        quoted(&program.to_string_lossy())
    )
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
