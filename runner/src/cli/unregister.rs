//! `palisade unregister`: takes no more jobs of a forge.

use std::process::ExitCode;

use super::error::Error;
use super::setting::Setting;
use super::{forges, print};
use crate::registration::Registration;

/// Forget a registration: no more jobs of its forge come here.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade registrations
  palisade unregister build-host

Its token is removed from this host. The forge has no call by which a runner removes itself: it
shows the runner as offline until it is removed in the forge's settings, under Actions, Runners.

EXIT CODES: 0 success, 2 there is no such registration")]
pub struct Args {
    /// What it is called on this host
    #[arg(value_name = "NAME")]
    id: String,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let forgotten =
        Registration::forget(&args.setting.state_as_owner()?, &args.id).map_err(forges::failed)?;
    let known = &forgotten.known;
    print::to_stdout(format!(
        "forgot `{}`; remove the runner `{}` (number {}) in the settings of {}\n",
        forgotten.id(),
        known.name,
        known.number,
        known.instance
    ))?;
    Ok(ExitCode::SUCCESS)
}
