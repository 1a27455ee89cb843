//! `palisade approve`: the jobs that wait for people, and the word of one.

use std::path::PathBuf;
use std::process::ExitCode;

use super::error::{Blame, Error};
use super::print;
use super::table::table;
use crate::environment::review::{Answer, MAX_COMMENT, Reviews, Waiting};
use crate::state::State;

/// Let a job use an environment that it waits for, or not
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  palisade approve                              what waits
  palisade approve 0a1b2c3d deploy              let the job `deploy` of that run pass
  palisade approve 0a1b2c3d deploy --reject --comment 'not on a Friday'

RUN and JOB are as the run shows them. Who has said what is in the run's events and in its log.

The user who runs it can approve, and so can the members of a group: that of the directory
`approvals` in the state directory, where the group may enter it (chmod 750). Which of them,
`[environment.NAME]` of the run's configuration decides.

EXIT CODES: 0 success, 2 invalid input, 3 a rule is against it")]
pub struct Args {
    /// The run's id
    #[arg(value_name = "RUN", requires = "job")]
    run: Option<String>,
    /// The job's name
    #[arg(value_name = "JOB")]
    job: Option<String>,
    /// Refuse it: the job fails
    #[arg(long, requires = "job")]
    reject: bool,
    /// Why, for the record
    #[arg(long, value_name = "TEXT", requires = "job")]
    comment: Option<String>,
    /// Print what waits as JSON, one job a line
    #[arg(long, conflicts_with = "job")]
    json: bool,
    /// The state directory of the run [default: palisade in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<ExitCode, Error> {
    let state = State::locate(args.state);
    let reviews = Reviews::find(&state).map_err(|e| Error::input(format!("cannot tell what waits: {e}")))?;
    let waiting: Vec<&Waiting> = reviews.iter().flat_map(Reviews::waiting).collect();
    let said = match (args.run, args.job) {
        (Some(run), Some(job)) => {
            let comment = args.comment.unwrap_or_default();
            let review = Review { run: &run, job: &job, approve: !args.reject, comment: &comment };
            review.give(reviews.as_ref(), &waiting)?
        }
        _ if args.json => lines(&waiting),
        _ => listed(&waiting),
    };
    print::to_stdout(said)?;
    Ok(ExitCode::SUCCESS)
}

/// What somebody says of a job.
struct Review<'a> {
    run: &'a str,
    job: &'a str,
    approve: bool,
    comment: &'a str,
}

impl Review<'_> {
    /// Says it; tells what has become of it.
    fn give(&self, reviews: Option<&Reviews>, waiting: &[&Waiting]) -> Result<String, Error> {
        let Review { run, job, approve, comment } = *self;
        if comment.chars().nth(MAX_COMMENT).is_some() {
            return Err(Error::input(format!("--comment: it has more than {MAX_COMMENT} characters")));
        }
        let answer = reviews.and_then(|reviews| reviews.review(run, job, approve, comment).transpose());
        let answer = answer.transpose();
        match answer.map_err(|e| Error::input(format!("the run `{run}` doesn't answer: {e}")))? {
            None => {
                let error = Error::input(format!("no job `{job}` of a run `{run}` waits"));
                Err(error.hint(match waiting.is_empty() {
                    true => "nothing waits here; a run that waits says which --state it has".to_owned(),
                    false => format!("this waits:\n{}", listed(waiting).trim_end()),
                }))
            }
            Some(Answer::Recorded { .. }) if !approve => Ok("rejected: the job fails\n".into()),
            Some(Answer::Recorded { missing: 0 }) => Ok("approved\n".into()),
            Some(Answer::Recorded { missing: 1 }) => Ok("approved; one more has to\n".into()),
            Some(Answer::Recorded { missing }) => Ok(format!("approved; {missing} more have to\n")),
            Some(Answer::Refused { why }) => Err(Error::new(Blame::Policy, format!("refused: {why}"))),
            Some(Answer::Waiting(_)) => Err(Error::input(format!("the run `{run}` took it for a question"))),
        }
    }
}

fn lines(waiting: &[&Waiting]) -> String {
    // Text and numbers under text keys always have a JSON form.
    waiting.iter().map(|waiting| serde_json::to_string(waiting).unwrap_or_default() + "\n").collect()
}

fn listed(waiting: &[&Waiting]) -> String {
    if waiting.is_empty() {
        return "nothing waits\n".to_owned();
    }
    let heading = ["RUN", "JOB", "ENVIRONMENT", "WORKFLOW", "APPROVED", "BY"].map(str::to_owned);
    let row = |waiting: &&Waiting| {
        let Waiting { run, job, workflow, environment, approved, needed, approvers } = (*waiting).clone();
        let approvers = if approvers.is_empty() { "anybody here".to_owned() } else { approvers };
        [run, job, environment, workflow, format!("{approved} of {needed}"), approvers]
    };
    table(std::iter::once(heading).chain(waiting.iter().map(row)))
}
