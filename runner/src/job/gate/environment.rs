//! The environment of a job: the rules of the configuration, the people who approve, and what the job gets then.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::super::cancel::Cancel;
use super::super::contexts::{RunContexts, View};
use super::super::execute::Resolve;
use super::super::schedule::Run;
use super::{Gates, Refusal};
use crate::environment::desk::{Desk, Waited, wait};
use crate::environment::review::Waiting;
use crate::environment::{MAX_NAME, Protection, ReviewRule};
use crate::output::Output;
use crate::output::event::{Annotation, Event, JobName, Level, Wait};
use crate::sealed;
use crate::state::State;
use crate::workflow::model::Environment;

/// An environment that a job may use.
#[derive(Debug)]
pub struct Entered {
    /// Its name.
    pub name: String,
    /// It is told that something is deployed to it.
    pub deployment: bool,
    /// The configuration has it.
    pub is_known: bool,
    /// People had to approve its use, and have.
    pub is_approved: bool,
    /// The run's contexts, with the variables and secrets of the environment.
    pub contexts: RunContexts,
}

/// Waits until a job may use its environment; none where the name is empty.
pub fn enter(
    environment: &Environment,
    run: &Run,
    job: &JobName,
    view: &View<'_>,
    cancel: &Cancel,
    output: &Output,
) -> Result<Option<Entered>, Refusal> {
    let wrong = |what: String| Refusal::from(format!("cannot evaluate `environment`: {what}"));
    let name = environment.name.evaluate(view).map_err(|e| wrong(e.to_string()))?;
    let deployment = environment.deployment.resolve(view).map_err(|e| wrong(e.to_string()))?;
    if name.is_empty() {
        return Ok(None);
    }
    if name.chars().nth(MAX_NAME).is_some() {
        return Err(wrong(format!("its name is longer than {MAX_NAME} characters")));
    }
    let none = Protection::default();
    let known = run.gates.environments.get(&name);
    let protection = known.unwrap_or(&none);
    protection
        .allows(&run.contexts.github_text("ref"))
        .map_err(|why| Refusal::by_rule(format!("the environment `{name}` is closed: {why}")))?;
    let gate = Gate { name: &name, run, job, cancel, output };
    gate.wait(protection)?;
    let tree = &run.place.source;
    let sealed::Opened { mut secrets, withheld } =
        sealed::open(&run.identity, tree, &name, known.is_some()).map_err(Refusal::by_rule)?;
    // What this machine's administrator says goes before what a repository says.
    secrets.extend(
        protection.secrets(tree).map_err(|e| {
            Refusal::from(format!("cannot read the secrets of the environment `{name}`: {e}"))
        })?,
    );
    let warn = |message: String| {
        let annotation = Annotation::new(Level::Warning, message);
        output.emit(Event::Annotation { job: job.clone(), step: None, annotation });
    };
    for (secret, value) in secrets.iter().filter(|(_, value)| !value.expose().is_empty()) {
        if let Err(refused) = output.masker().add(secret, value) {
            warn(refused.to_string());
        }
    }
    for (secret, why) in withheld {
        warn(format!("the sealed secret `{secret}` is withheld: {why}"));
    }
    let contexts = run.contexts.in_environment(&protection.vars, secrets);
    let (is_known, is_approved) = (known.is_some(), protection.review.is_some());
    Ok(Some(Entered { name, deployment, is_known, is_approved, contexts }))
}

struct Gate<'a> {
    name: &'a str,
    run: &'a Run,
    job: &'a JobName,
    cancel: &'a Cancel,
    output: &'a Output,
}

impl Gate<'_> {
    /// Waits for the people and the time that the environment wants.
    fn wait(&self, protection: &Protection) -> Result<(), Refusal> {
        let Gate { name, job, cancel, output, .. } = *self;
        let until = match protection.wait {
            Duration::ZERO => None,
            wait => Instant::now().checked_add(wait),
        };
        let mut desk = protection.review.as_ref().map(|rule| self.desk(rule)).transpose()?;
        if let (Some(desk), Some(rule)) = (&desk, &protection.review) {
            self.tell(Wait::Approval, self.how_to_approve(desk, rule));
        }
        if until.is_some() {
            let minutes = protection.wait.as_secs_f64() / 60.0;
            self.tell(Wait::Timer, format!("waits {minutes} min for the environment `{name}`"));
        }
        let waited = wait(desk.as_mut(), until, cancel.asked(), |review| {
            output.emit(Event::Reviewed {
                job: job.clone(),
                environment: name.to_owned(),
                approved: review.approve,
                by: review.by.to_string(),
                uid: review.by.uid,
                comment: Some(review.comment.clone()).filter(|comment| !comment.is_empty()),
            });
        });
        match waited.map_err(|e| Refusal::from(format!("cannot wait for the environment `{name}`: {e}")))? {
            Waited::Granted => Ok(()),
            Waited::Rejected(review) => {
                let mut why = format!("{} rejected its use of the environment `{name}`", review.by);
                if !review.comment.is_empty() {
                    let _ = write!(why, ": {}", review.comment);
                }
                Err(Refusal::by_rule(why))
            }
            Waited::Stopped => {
                let why = cancel.why().unwrap_or("it was cancelled");
                Err(Refusal::cancelled(format!("{why} while it waited for the environment `{name}`")))
            }
        }
    }

    fn desk(&self, rule: &ReviewRule) -> Result<Desk, Refusal> {
        let Gates { run, state, .. } = &self.run.gates;
        let failed = |e: std::io::Error| {
            Refusal::from(format!("nobody can approve its use of the environment `{}`: {e}", self.name))
        };
        // What jobs see could be what jobs approve by.
        if state.is_within(&self.run.place.source).map_err(failed)? {
            let why = "the state directory is in the tree that jobs see; name another with --state";
            return Err(failed(std::io::Error::other(why)));
        }
        let waiting = Waiting {
            run: run.clone(),
            job: self.output.shortened(&self.job.0),
            workflow: self.output.shortened(&self.run.name),
            environment: self.output.shortened(self.name),
            approved: 0,
            needed: rule.count,
            approvers: rule.names(),
        };
        Desk::open(state, waiting, rule.clone()).map_err(failed)
    }

    fn tell(&self, reason: Wait, message: String) {
        let (job, name) = (Some(self.job.clone()), self.name.to_owned());
        self.output.emit(Event::Waiting { job, reason, name, message });
    }

    fn how_to_approve(&self, desk: &Desk, rule: &ReviewRule) -> String {
        let Waiting { run, job, .. } = desk.waiting();
        let state = &self.run.gates.state;
        let approvals = if rule.count == 1 { "approval" } else { "approvals" };
        let mut message = format!("waits for {} {approvals} of the environment `{}`", rule.count, self.name);
        if !rule.approvers.is_empty() {
            let _ = write!(message, " by {}", rule.names());
        }
        let _ = write!(message, ": palisade approve {run} {}", quoted(job));
        // Others have another of their own.
        if let Some(root) = state.root().filter(|_| desk.is_shared() || *state != State::locate(None)) {
            let _ = write!(message, " --state {}", quoted(&root.to_string_lossy()));
        }
        message
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    match !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_one_word() {
        for (word, shown) in [
            ("deploy", "deploy"),
            ("a b", "'a b'"),
            ("", "''"),
            ("it's", r"'it'\''s'"),
            ("$(x)", "'$(x)'"),
            ("-x", "'-x'"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }
}
