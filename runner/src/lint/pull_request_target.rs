//! Code of a stranger in a run that has the repository's secrets and a token that may write. Source: "Keeping your
//! GitHub Actions and workflows secure: Preventing pwn requests" of the GitHub Security Lab.

use super::script::scripts;
use super::subject::{Block, official};
use super::text::Text;
use super::{Lint, Report, Subject};
use crate::expr::Reading;
use crate::workflow::model::Step;

/// Events that a stranger can bring about and whose runs have all rights.
const EVENTS: [&str; 3] = ["pull_request_target", "workflow_run", "issue_comment"];

/// Where a stranger's code is, in `github`.
const HEADS: &[&[&str]] = &[
    &["head_ref"],
    &["event", "pull_request", "head"],
    &["event", "pull_request", "merge_commit_sha"],
    &["event", "workflow_run", "head_branch"],
    &["event", "workflow_run", "head_commit"],
    &["event", "workflow_run", "head_repository"],
    &["event", "workflow_run", "head_sha"],
    &["event", "workflow_run", "pull_requests"],
];

/// What a condition reads to let only code of the repository itself, or of people it knows, through.
const GUARDS: &[&[&str]] = &[
    &["event", "pull_request", "head", "repo"],
    &["event", "pull_request", "author_association"],
    &["event", "comment", "author_association"],
    &["event", "workflow_run", "event"],
    &["event", "workflow_run", "head_repository"],
];

/// Looks at the checkouts of workflows with such an event.
pub fn check(subject: &Subject<'_>, report: &mut Report<'_>) {
    let Some(event) = EVENTS.into_iter().find(|event| subject.starts_by(event)) else { return };
    for block in &subject.blocks {
        for step in block.steps.iter().filter(|step| !is_guarded(block, step)) {
            checkout(step, event, report);
            fetch(step, event, report);
        }
    }
}

fn checkout(step: &Step, event: &str, report: &mut Report<'_>) {
    let Some((_, with)) = official(step, "checkout") else { return };
    for (name, value) in with {
        if !["ref", "repository"].iter().any(|input| name.eq_ignore_ascii_case(input)) {
            continue;
        }
        let text = Text::from(value);
        let head = text.readings().find(|reading| reads(reading, HEADS)).map(|reading| reading.at);
        let pull = text.source.find("refs/pull/").map(|at| at..text.source.len());
        if let Some(at) = head.or(pull) {
            told(event, (&text, at), report);
        }
    }
}

/// A script that fetches a pull request.
fn fetch(step: &Step, event: &str, report: &mut Report<'_>) {
    for script in scripts(step) {
        let text = script.text;
        for line in text.source.lines() {
            let by_git = (line.contains("git fetch") || line.contains("git pull")) && line.contains("pull/");
            let mark = if line.contains("gh pr checkout") { "gh pr checkout" } else { "git " };
            if (by_git || mark != "git ")
                && let Some(at) = line.find(mark)
            {
                let start = line.as_ptr() as usize - text.source.as_ptr() as usize;
                told(event, (&text, start + at..start + line.trim_end().len()), report);
            }
        }
    }
}

fn told(event: &str, place: (&Text<'_>, std::ops::Range<usize>), report: &mut Report<'_>) {
    let message =
        format!("this is code of whoever opened the pull request, and a run by `{event}` has the secrets");
    let help = "check strangers' code out in a workflow of `pull_request`, which has none; or test in `if` whose it is";
    report.warn_part(Lint::PullRequestTargetCheckout, place, message, help);
}

fn is_guarded(block: &Block<'_>, step: &Step) -> bool {
    let job = block.job.and_then(|job| job.condition.as_ref());
    let mut conditions = step.condition.iter().chain(job);
    conditions.any(|condition| Text::from(condition).readings().any(|reading| reads(&reading, GUARDS)))
}

/// Whether a reading begins with one of these paths in `github`.
fn reads(reading: &Reading<'_>, paths: &[&[&str]]) -> bool {
    let begins = |path: &&[&str]| {
        let mut names = reading.path.iter();
        path.iter().all(|name| {
            names.next().is_some_and(|read| read.is_some_and(|read| read.eq_ignore_ascii_case(name)))
        })
    };
    reading.context == "github" && paths.iter().any(begins)
}
