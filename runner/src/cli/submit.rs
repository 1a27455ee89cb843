//! `palisade submit`: hands a commit to the daemon's own queue.

mod plan;
mod stage;

use std::fs::File;
use std::io::{BufRead, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use super::error::Error;
use super::logs;
use super::run::note;
use super::sandbox::key_value;
use super::setting::{QueueSetting, Setting};
use crate::queue::Submission;
use crate::queue::wire::{Answer, Id, Request};

pub use plan::short;
pub use stage::git_in;

use plan::{Wanted, plan};
use stage::Source;

/// Most references of one push whose workflows are run.
const MAX_PUSHED: usize = 16;
/// Most bytes of what git says of a push.
const MAX_PUSH: u64 = 1 << 20;

/// Hand a commit to the daemon of this host, which runs its workflows.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES:
  palisade submit            the commit that is checked out here, as if it had been pushed
  palisade submit -f         and follow what it prints
  palisade submit /srv/git/app.git --ref v1.2
  palisade submit --workflow deploy --event workflow_dispatch --input level=3
  palisade submit --job test --json | jq -r '.[].run'

The commit goes to the daemon with its history and tags, as a bundle of git's: its user needn't be
able to read the repository, and changes that aren't committed are no part of it. The workflows
of the commit are read here; what runs is decided as `palisade run` decides it. Jobs begin in an
empty workspace, and actions/checkout fills it.

EXIT CODES: 0 it was taken in, with -f all runs succeeded, 1 with -f one didn't, 2 invalid input,
3 the daemon refuses this user, 5 no daemon runs or it has no room")]
pub struct Args {
    /// The repository, bare or not, or a directory in it [default: the current one]
    #[arg(value_name = "DIR|REPO")]
    directory: Option<PathBuf>,
    /// Branch, tag or commit
    #[arg(long, value_name = "REF", default_value = "HEAD")]
    r#ref: String,
    /// The event that starts workflows [default: push, with --input workflow_dispatch]
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Only this workflow, whatever its filters say
    #[arg(long, value_name = "FILE")]
    workflow: Option<PathBuf>,
    /// Run this job, and those that it needs (repeatable)
    #[arg(long, value_name = "ID")]
    job: Vec<String>,
    /// An input of `workflow_dispatch` (repeatable)
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    input: Vec<(String, String)>,
    /// Follow the runs until they end
    #[arg(short, long, conflicts_with = "json")]
    follow: bool,
    /// Print the runs as a JSON array
    #[arg(long)]
    json: bool,
    /// Submit what git says on standard input that was pushed: for the hook
    #[arg(long, hide = true)]
    pushed: bool,
    #[command(flatten)]
    queue: QueueSetting,
    #[command(flatten)]
    setting: Setting,
}

/// Runs it.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let source = Source::find(args.directory.as_deref().unwrap_or(".".as_ref()))?;
    if args.pushed {
        return pushed(&args, &source);
    }
    let dispatch = (!args.input.is_empty()).then_some("workflow_dispatch");
    let wanted = Wanted {
        workflow: args.workflow.as_deref(),
        event: args.event.as_deref().or(dispatch),
        before: None,
        jobs: &args.job,
        inputs: &args.input,
    };
    if args.r#ref == "HEAD" && source.is_dirty() {
        note("note: changes that aren't committed are no part of what runs");
    }
    let runs = submit(&args, &source, &args.r#ref, &wanted)?;
    if args.follow {
        return logs::follow(&args.queue, &args.setting, &runs);
    }
    Ok(ExitCode::SUCCESS)
}

/// Hands a commit over and says what was made of it; gives the runs.
fn submit(args: &Args, source: &Source, reference: &str, wanted: &Wanted<'_>) -> Result<Vec<Id>, Error> {
    let stage = source.stage(reference)?;
    let submission: Submission = plan(source, &stage, wanted)?;
    let bundle = stage.bundle()?;
    let bundle = File::open(&bundle).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (size, file) = bundle.map_err(|e| Error::input(format!("cannot read the bundle: {e}")))?;
    let commit = submission.commit.clone();
    let request = Request::Submit { submission: Box::new(submission), bundle: size };
    let mut asked = args.queue.ask(&args.setting, &request, Some(file))?;
    let accepted = match asked.answer()? {
        Answer::Accepted(accepted) => accepted,
        _ => return Err(super::setting::nonsense()),
    };
    if args.json {
        super::print::to_stdout(format!("{}\n", serde_json::json!(accepted)))?;
    } else {
        for run in &accepted {
            let jobs = if run.jobs == 1 { "1 job".to_owned() } else { format!("{} jobs", run.jobs) };
            let name = if run.name == run.file { String::new() } else { format!("{}, ", run.name) };
            let text = format!("run {} of {}: {name}{}, {jobs}", run.run, short(&commit), run.file);
            let text = crate::workflow::escape(&text);
            super::print::to_stdout(format!("{text}\n"))?;
        }
        if !args.follow {
            let ids: Vec<String> = accepted.iter().map(|run| run.run.to_string()).collect();
            super::print::to_stdout(format!("follow with: palisade logs -f {}\n", ids.join(" ")))?;
        }
    }
    Ok(accepted.iter().map(|run| Id { run: run.run, job: None }).collect())
}

/// Submits what was pushed. The push has happened already: what can't be submitted is told, and no failure of it.
fn pushed(args: &Args, source: &Source) -> Result<ExitCode, Error> {
    let mut count = 0;
    for line in std::io::stdin().lock().take(MAX_PUSH).lines() {
        let line = line.map_err(|e| Error::input(format!("standard input: {e}")))?;
        let mut words = line.split(' ');
        let (Some(before), Some(after), Some(reference)) = (words.next(), words.next(), words.next()) else {
            return Err(Error::input("standard input: this is not what git says of a push"));
        };
        let deleted = after.bytes().all(|b| b == b'0');
        if deleted || !["refs/heads/", "refs/tags/"].iter().any(|prefix| reference.starts_with(prefix)) {
            continue;
        }
        count += 1;
        if count > MAX_PUSHED {
            note(&format!("palisade: more than {MAX_PUSHED} references: the others start nothing"));
            break;
        }
        let wanted = Wanted { event: Some("push"), before: Some(before), ..Wanted::default() };
        if let Err(error) = submit(args, source, reference, &wanted) {
            note(&format!("palisade: {reference}: {error}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
