//! `palisade drain`: the daemon's end when its jobs have ended.

use std::process::ExitCode;
use std::time::Duration;

use super::error::{Blame, Error};
use super::run::note;
use super::setting::Setting;
use crate::daemon::{self, Standing};

/// Have the daemon take no more jobs, and end when those that run have ended.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade drain
  palisade drain --no-wait
  palisade drain && apt-get upgrade && systemctl start palisade

No job is cancelled, however long it takes. The service manager doesn't start the daemon again by itself.

EXIT CODES: 0 the daemon has ended, or with --no-wait will, 5 none runs")]
pub struct Args {
    /// Don't wait for the end
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    setting: Setting,
}

/// Between looks at what is left.
const LOOK: Duration = Duration::from_secs(1);

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let state = args.setting.state_as_owner()?;
    let failed = |e: std::io::Error| Error::new(Blame::Forge, format!("cannot reach the daemon: {e}"));
    let Some(daemon) = daemon::drain(&state).map_err(failed)? else {
        return Err(Error::new(Blame::Forge, "no daemon runs with this state directory"));
    };
    let mut told = None;
    while !args.no_wait && !daemon.wait(LOOK).map_err(failed)? {
        let left = Standing::read(&state).ok().flatten().map(|standing| standing.tasks.len());
        if left != told
            && let Some(left) = left
        {
            note(&format!("waiting for {left} jobs"));
        }
        told = left;
    }
    Ok(ExitCode::SUCCESS)
}
