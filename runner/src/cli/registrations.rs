//! `palisade registrations`: the forges that this host is registered at.

use std::process::ExitCode;

use serde_json::json;

use super::error::Error;
use super::setting::Setting;
use super::{forges, print};
use crate::registration::Registration;

/// List the forges that this host is registered at.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade registrations
  palisade registrations --json | jq -r .instance")]
pub struct Args {
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let all = Registration::all(&args.setting.state_as_owner()?).map_err(forges::failed)?;
    let mut text = String::new();
    for registration in &all {
        let known = &registration.known;
        if args.json {
            let mut line = json!(known);
            line["id"] = registration.id().into();
            text.push_str(&format!("{line}\n"));
        } else {
            let once = if known.ephemeral { ", for one job" } else { "" };
            let labels = known.labels.join(", ");
            let scope = known.scope.as_ref().map(|scope| format!(" for {scope}")).unwrap_or_default();
            text.push_str(&format!(
                "{}: {} at {}{scope} ({labels}){once}\n",
                registration.id(),
                known.forge,
                known.instance
            ));
        }
    }
    if all.is_empty() && !args.json {
        text.push_str("nothing is registered; `palisade register` does it\n");
    }
    print::to_stdout(text)?;
    Ok(ExitCode::SUCCESS)
}
