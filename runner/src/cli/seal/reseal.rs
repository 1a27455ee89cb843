//! `palisade reseal`: the same secrets, sealed to other keys.

use std::path::PathBuf;
use std::process::ExitCode;

use super::super::error::{Blame, Error};
use super::super::print;
use super::key;
use crate::sealed::{Entry, PATH, Sealed};
use crate::state::State;

/// Seal a repository's secrets again, to other keys
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade seal key rotate > runner.pub && palisade reseal --to runner.pub
  palisade reseal --to runner.pub --to another.pub      one more runner can open them

Run it where a key is that opens all of them: nothing is written where one can't be opened. Who
had the old key and the old file can still read the values: change those that may be known.

EXIT CODES: 0 success, 2 invalid input, 3 one is for other keys, or isn't what was sealed")]
pub struct Args {
    /// File with public keys of runners, one a line, which can all open them (repeatable)
    #[arg(long, value_name = "FILE", required = true)]
    to: Vec<PathBuf>,
    /// Directory of the repository, instead of the one around the current directory
    #[arg(short = 'C', value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The state directory [default: palisade in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    palisade_sandbox::make_undumpable().map_err(super::super::sandbox::isolation)?;
    let to = super::recipients(&args.to)?;
    let root = super::root(args.directory.as_deref())?;
    let mut sealed = Sealed::read(&root).map_err(Error::input)?;
    if sealed.entries().is_empty() {
        return Err(Error::input(format!("there are no sealed secrets in {}", root.join(PATH).display())));
    }
    let keys = key::keyring(&State::locate(args.state))?;
    keys.current().ok_or_else(key::none)?;
    let again = |entry: &Entry| {
        let told = super::told(&entry.header);
        let value = entry.open(&keys).map_err(|e| Error::new(Blame::Policy, format!("{told}: {e}")))?;
        Entry::seal(entry.header.clone(), &value, &to).map_err(Error::input)
    };
    let entries: Vec<Entry> = sealed.entries().iter().map(again).collect::<Result<_, _>>()?;
    let count = entries.len();
    for entry in entries {
        sealed.put(entry);
    }
    sealed.write(&root).map_err(Error::input)?;
    let noun = if count == 1 { "secret" } else { "secrets" };
    print::to_stdout(format!("sealed {count} {noun} again in {PATH}: commit it\n"))?;
    Ok(ExitCode::SUCCESS)
}
