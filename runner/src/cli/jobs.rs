//! `palisade jobs`: what is in the daemon's own queue.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use palisade_proto::event::branch;

use super::error::Error;
use super::print;
use super::setting::{QueueSetting, Setting};
use super::submit::short;
use super::table::table;
use crate::output::clock;
use crate::queue::wire::{Answer, Request};
use crate::queue::{Job, Run};

/// List the runs of the daemon's own queue, the newest first, with their jobs.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade jobs
  palisade jobs -n 100 | grep failure
  palisade jobs --json | jq '.[].jobs[] | select(.result == \"failure\") | .id'

EXIT CODES: 0, 3 the daemon refuses this user, 5 no daemon runs")]
pub struct Args {
    /// How many runs
    #[arg(short, long, value_name = "N", default_value_t = 10)]
    number: usize,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    queue: QueueSetting,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let mut asked = args.queue.ask(&args.setting, &Request::Jobs { most: args.number.min(10_000) }, None)?;
    let Answer::Runs(runs) = asked.answer()? else { return Err(super::setting::nonsense()) };
    let text = match args.json {
        true => format!("{}\n", serde_json::json!(runs)),
        false if runs.is_empty() => "the queue is empty; `palisade submit` hands a commit over\n".to_owned(),
        false => shown(&runs),
    };
    print::to_stdout(text)?;
    Ok(ExitCode::SUCCESS)
}

fn shown(runs: &[Run]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    let heading = ["ID", "STATE", "TIME", "WHAT", "COMMIT", "BY"].map(str::to_owned);
    let rows = runs.iter().flat_map(|run| {
        let state = run.result.map_or(run.state.as_str(), |result| result.as_str());
        let what = format!("{}: {} ({})", run.repository, run.workflow, run.event);
        let commit = format!("{} {}", short(&run.commit), branch(&run.reference));
        let time = took(Some(run.created), run.ended, now);
        let row = [run.run.to_string(), state.to_owned(), time, what, commit, run.user.clone()];
        std::iter::once(row).chain(run.jobs.iter().map(move |job| row_of(job, now)))
    });
    table(std::iter::once(heading).chain(rows))
}

fn row_of(job: &Job, now: i64) -> [String; 6] {
    let state = job.result.map_or(job.state.as_str(), |result| result.as_str());
    let about = match (&job.reason, job.step) {
        (Some(reason), _) => format!(": {reason}"),
        (None, Some((step, steps))) => format!(": step {} of {steps}", step + 1),
        (None, None) => String::new(),
    };
    let time = took(job.started, job.ended, now);
    let what = format!("  {}{about}", job.name);
    [job.id.to_string(), state.to_owned(), time, what, String::new(), String::new()]
}

fn took(from: Option<i64>, to: Option<i64>, now: i64) -> String {
    from.map_or(String::new(), |from| clock::duration((to.unwrap_or(now) - from).max(0) as u64))
}
