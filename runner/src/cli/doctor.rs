//! `palisade doctor`: whether this machine gives palisade what it needs.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use super::{Blame, Error, print};
use crate::doctor;
use crate::state::State;

/// Check this machine: isolation, tools, configuration, and the forges that it is registered at.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade doctor
  palisade doctor --json | jq -r 'select(.verdict != \"ok\") | .remedy'
  systemd-run --user --scope -p Delegate=yes palisade doctor
  sudo -u palisade palisade doctor --state /var/lib/palisade

Each line is ok, warn (jobs run, but with less) or fail (jobs don't run), the check's
name, and what was found; below a warn or fail stands what to do.

The exit code is 0 where nothing failed, 4 otherwise.")]
pub struct Args {
    /// Configuration file [default: palisade/config.toml in $XDG_CONFIG_HOME]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory for what is kept, with the registrations [default: palisade in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Print one JSON object a line, with `id`, `verdict`, `found` and `remedy`
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let findings = doctor::examine(args.config.as_deref(), &State::locate(args.state));
    let colour = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::io::stdout().is_terminal();
    print::to_stdout(if args.json { doctor::json(&findings) } else { doctor::text(&findings, colour) })?;
    Ok(ExitCode::from(if doctor::failed(&findings) { Blame::Isolation.code() } else { 0 }))
}
