//! `palisade seal key`: the keys of this runner.

use std::path::PathBuf;
use std::process::ExitCode;

use super::super::error::Error;
use super::super::{print, run::note};
use crate::sealed::Keyring;
use crate::state::State;

/// Make and show this runner's keys
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade seal key init > runner.pub      makes the key and prints its public half
  palisade seal key show > runner.pub      prints it again
  palisade seal key rotate > runner.pub    a new one; then `palisade reseal --to runner.pub`
  palisade seal key forget                 the old ones: what is sealed to them only is lost

Run it as the user whose jobs open secrets: the daemon's, with its --state.

EXIT CODES: 0 success, 2 there is a key already, or none")]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// The state directory [default: palisade in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR", global = true)]
    state: Option<PathBuf>,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make this runner's key, and print its public half
    #[command(after_help = "EXAMPLES
  palisade seal key init > runner.pub")]
    Init,
    /// Make a new key; the old ones still open what is sealed to them
    #[command(after_help = "EXAMPLES
  palisade seal key rotate > runner.pub")]
    Rotate,
    /// Print the public half of the newest key
    #[command(after_help = "EXAMPLES
  palisade seal key show > runner.pub")]
    Show,
    /// Remove all keys but the newest
    #[command(after_help = "EXAMPLES
  palisade seal key forget")]
    Forget,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let state = State::locate(args.state);
    let failed = |e: std::io::Error| Error::input(format!("the keys of sealed secrets: {e}"));
    let mut keys = keyring(&state)?;
    match (args.action, keys.current().is_some()) {
        (Action::Init, true) => {
            return Err(Error::input("this runner has a key already")
                .hint("`palisade seal key show` prints it, `palisade seal key rotate` makes another one"));
        }
        (Action::Init, false) | (Action::Rotate, true) => keys.add(&state).map_err(failed)?,
        (Action::Show, true) => {}
        (Action::Forget, true) => {
            let gone = keys.forget_old().map_err(failed)?;
            note(&format!("old keys removed: {gone}"));
        }
        (_, false) => return Err(none()),
    }
    let current = keys.current().ok_or_else(none)?;
    print::to_stdout(format!("{}\n", current.public()))?;
    Ok(ExitCode::SUCCESS)
}

/// This runner's keys.
pub fn keyring(state: &State) -> Result<Keyring, Error> {
    Keyring::read(state).map_err(|e| Error::input(format!("the keys of sealed secrets: {e}")))
}

/// There is no key here.
pub fn none() -> Error {
    Error::input("this runner has no key of sealed secrets")
        .hint("`palisade seal key init` makes one; name the daemon's state directory with --state")
}
