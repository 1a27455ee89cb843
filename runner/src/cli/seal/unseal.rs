//! `palisade unseal`: a sealed secret's value, for who has a runner's key.

use std::path::PathBuf;
use std::process::ExitCode;

use super::super::error::{Blame, Error};
use super::super::print;
use super::key;
use crate::sealed::{PATH, Sealed};
use crate::state::State;

/// Print a secret that is sealed to this runner
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade unseal --name NPM_TOKEN --environment production | wc -c

Run it where the runner's key is. The value goes to standard output as it is.

EXIT CODES: 0 success, 2 invalid input, 3 it is for other keys, or isn't what was sealed")]
pub struct Args {
    /// The secret's name
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The environment whose jobs get it, where several have one of this name
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
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
    let sealed = Sealed::read(&super::root(args.directory.as_deref())?).map_err(Error::input)?;
    let fits = |header: &crate::sealed::Header| {
        header.name().eq_ignore_ascii_case(&args.name)
            && args.environment.as_ref().is_none_or(|environment| header.is_of(environment))
    };
    let found: Vec<_> = sealed.entries().iter().filter(|entry| fits(&entry.header)).collect();
    let entry = match found[..] {
        [entry] => entry,
        [] => return Err(Error::input(format!("`{PATH}` has no such secret"))),
        _ => {
            let all: Vec<String> = found.iter().map(|entry| super::told(&entry.header)).collect();
            return Err(Error::input(format!("there are several:\n  {}", all.join("\n  ")))
                .hint("name the environment with --environment"));
        }
    };
    let keys = key::keyring(&State::locate(args.state))?;
    keys.current().ok_or_else(key::none)?;
    let value = entry.open(&keys).map_err(|e| Error::new(Blame::Policy, e))?;
    print::to_stdout(value.expose())?;
    Ok(ExitCode::SUCCESS)
}
