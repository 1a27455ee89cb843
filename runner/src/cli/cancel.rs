//! `palisade cancel`: ends runs and jobs of the daemon's own queue.

use std::process::ExitCode;

use super::error::Error;
use super::print;
use super::setting::{QueueSetting, Setting};
use crate::queue::wire::{Answer, Id, Request};

/// Cancel a run or a job of the daemon's own queue.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade cancel 7        all jobs of run 7
  palisade cancel 7.2      its second job
  palisade cancel 7 8

Jobs that run are asked to end, and steps with `if: always()` still run; jobs that haven't begun
never do.

EXIT CODES: 0, also where all had ended, 2 there is no such run, 3 the daemon refuses this user,
5 no daemon runs")]
pub struct Args {
    /// Numbers of runs or jobs
    #[arg(value_name = "ID", required = true)]
    ids: Vec<Id>,
    #[command(flatten)]
    queue: QueueSetting,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    for id in args.ids {
        let mut asked = args.queue.ask(&args.setting, &Request::Cancel { id }, None)?;
        let Answer::Cancelled(count) = asked.answer()? else { return Err(super::setting::nonsense()) };
        print::to_stdout(match count {
            0 => format!("{id} had ended already\n"),
            1 => format!("{id}: 1 job is cancelled\n"),
            count => format!("{id}: {count} jobs are cancelled\n"),
        })?;
    }
    Ok(ExitCode::SUCCESS)
}
