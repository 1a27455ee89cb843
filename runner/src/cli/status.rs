//! `palisade status`: what the daemon does.

use std::process::ExitCode;

use serde_json::json;

use super::error::{Blame, Error};
use super::setting::Setting;
use super::{forges, print};
use crate::daemon::{self, Health, Standing};
use crate::forge::{Waiting, local};
use crate::registration::Registration;

/// Show what the daemon does.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade status
  palisade status --json | jq '.tasks[] | .job'
  sudo -u palisade palisade status --state /var/lib/palisade

EXIT CODES: 0 a daemon runs, 5 none does")]
pub struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let state = args.setting.state_as_owner()?;
    let registrations = Registration::all(&state).map_err(forges::failed)?;
    let running = daemon::process(&state).map_err(Error::input)?.is_some();
    let standing = Standing::read(&state).map_err(|e| Error::input(format!("the daemon's status: {e}")))?;
    let standing = standing.filter(|_| running);
    let text = if args.json {
        let runners: Vec<_> =
            registrations.iter().map(|r| json!({ "id": r.id(), "forge": r.known })).collect();
        format!("{}\n", json!({ "running": running, "registrations": runners, "daemon": standing }))
    } else {
        shown(&registrations, standing.as_ref())
    };
    print::to_stdout(text)?;
    Ok(ExitCode::from(if running { 0 } else { Blame::Forge.code() }))
}

fn shown(registrations: &[Registration], standing: Option<&Standing>) -> String {
    let mut text = String::new();
    match standing {
        Some(s) => text.push_str(&format!(
            "daemon {} (process {}): {}, {} of {} slots taken\n",
            s.version,
            s.pid,
            s.phase,
            s.tasks.iter().filter(|task| !task.over).count(),
            s.capacity
        )),
        None => text.push_str("no daemon runs; start it with `palisade daemon`\n"),
    }
    let hindered = standing.map(|standing| standing.hindered).unwrap_or_default();
    if hindered.no_space {
        text.push_str("too little disk space (`daemon.min-free`): no job is taken\n");
    }
    if hindered.no_launcher {
        text.push_str("no launcher (`palisade launcher`) answers: no job is taken\n");
    }
    for registration in registrations {
        let known = &registration.known;
        let mut served = standing.into_iter().flat_map(|standing| &standing.runners);
        let served = served.find(|served| served.id == registration.id());
        let most = match served.and_then(|served| served.capacity) {
            Some(1) => ", at most 1 job at a time".to_owned(),
            Some(most) => format!(", at most {most} jobs at a time"),
            None => String::new(),
        };
        let failing = match served.map(|served| &served.health) {
            Some(Health { failing_since: Some(since), last_error }) => {
                let seconds = since.elapsed().unwrap_or_default().as_secs();
                format!(", failing for {seconds} s: {}", last_error.as_deref().unwrap_or_default())
            }
            _ => String::new(),
        };
        let (kind, instance) = (known.forge, &known.instance);
        text.push_str(&format!("runner {}: {kind} at {instance}{most}{failing}\n", registration.id()));
    }
    if let Some(standing) = standing {
        let own = standing.runners.iter().find(|served| served.id == local::RUNNER);
        let waiting = match own.and_then(|served| served.waiting) {
            Some(Waiting { jobs, since: Some(since) }) => {
                let seconds = since.elapsed().unwrap_or_default().as_secs();
                match jobs {
                    1 => format!(", where 1 job waits, for {seconds} s"),
                    _ => format!(", where {jobs} jobs wait, the oldest for {seconds} s"),
                }
            }
            _ => String::new(),
        };
        text.push_str(&format!(
            "runner {}: this host's own queue, which `palisade jobs` lists{waiting}\n",
            local::RUNNER
        ));
    }
    for task in standing.into_iter().flat_map(|standing| &standing.tasks) {
        let step = match task.step {
            Some(step) => format!("step {} of {}", step + 1, task.steps),
            None if task.over => "over".to_owned(),
            None => "starting".to_owned(),
        };
        let (sent, rows) = task.rows;
        text.push_str(&format!(
            "task {} of {}: {} {}: {step}, {sent} of {rows} rows of its log {}\n",
            task.key.task,
            task.key.runner,
            task.repository,
            task.job,
            if task.key.runner == local::RUNNER { "kept" } else { "at the forge" }
        ));
    }
    text
}
