//! What is handed over: a commit, and what of its workflows is to run. Whoever submits has read the workflows; here it
//! is only seen to that what is said holds together and is not too much.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::advance::{advance, cancel_run};
use super::run::{Accepted, enter_group};
use super::store::{JobState, RunState};
use super::{Queue, QueueError, lock, millis};
use crate::action::store::CommitId;
use crate::environment::Person;
use crate::order::{Legs, Matrix};

/// The directory of bundles, in that of the queue.
pub const BUNDLES: &str = "bundles";
/// Most workflows that one submission starts.
pub const MAX_WORKFLOWS: usize = 64;
/// Most entries of `jobs:` of one of them.
const MAX_ENTRIES: usize = 1024;
/// Longest name of anything, in bytes.
const MAX_NAME: usize = 4096;
/// Longest text of a workflow, and of a payload or context, in bytes.
const MAX_TEXT: usize = 4 << 20;

/// A commit with what is to run of it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// `owner/name`
    pub repository: String,
    /// Where it is on this host.
    pub path: String,
    /// The full reference, or `HEAD`.
    pub reference: String,
    /// The commit.
    pub commit: String,
    /// The first line of its message.
    pub title: String,
    /// The event's name.
    pub event: String,
    /// The workflows that the event starts.
    pub workflows: Vec<Planned>,
}

/// A workflow.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// Its file, relative to the repository.
    pub file: String,
    /// What it is called.
    pub name: String,
    /// Its text.
    pub text: String,
    /// `github`, without `event`.
    pub github: Map<String, Json>,
    /// The event's payload.
    pub payload: Json,
    /// Its concurrency group, and whether that cancels what runs.
    pub group: Option<(String, bool)>,
    /// Its jobs, each after those that it needs.
    pub entries: Vec<Entry>,
}

/// An entry of `jobs:`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Which it needs, by their place.
    pub needs: Vec<usize>,
    /// It has an `if:`, so that it may run also where what it needs did not succeed.
    pub conditional: bool,
    /// The jobs that it comes to; none where that depends on what it needs.
    pub legs: Option<Legs>,
}

impl Submission {
    fn check(&self) -> Result<(), QueueError> {
        let invalid = |why: String| Err(QueueError::Invalid(why));
        if CommitId::parse(&self.commit).is_none() {
            return invalid(format!("`{}` is no commit", self.commit.escape_debug()));
        }
        if self.workflows.is_empty() || self.workflows.len() > MAX_WORKFLOWS {
            return invalid(format!("a submission has 1 to {MAX_WORKFLOWS} workflows"));
        }
        // It names a directory of the job's.
        let name = self.repository.rsplit('/').next().unwrap_or_default();
        if ["", ".", ".."].contains(&name) || self.repository.contains(char::is_control) {
            return invalid(format!("`{}` is no name of a repository", self.repository.escape_debug()));
        }
        let names = [&self.repository, &self.path, &self.reference, &self.title, &self.event];
        let workflows = self.workflows.iter();
        let mut names: Vec<&String> =
            names.into_iter().chain(workflows.flat_map(|planned| [&planned.file, &planned.name])).collect();
        for planned in &self.workflows {
            if planned.github.get("repository").and_then(Json::as_str) != Some(&self.repository) {
                return invalid("a workflow is of another repository".to_owned());
            }
            let texts = [planned.text.len(), planned.payload.to_string().len()];
            let github = Json::from(planned.github.clone()).to_string().len();
            if texts.iter().chain([&github]).any(|length| *length > MAX_TEXT) {
                return invalid(format!("a workflow or its event is longer than {MAX_TEXT} bytes"));
            }
            if planned.entries.is_empty() || planned.entries.len() > MAX_ENTRIES {
                return invalid(format!("a workflow has 1 to {MAX_ENTRIES} jobs"));
            }
            for (place, entry) in planned.entries.iter().enumerate() {
                if entry.needs.iter().any(|need| *need >= place) {
                    return invalid(format!(
                        "job `{}` stands before one that it needs",
                        entry.key.escape_debug()
                    ));
                }
                if entry.legs.as_ref().is_some_and(|legs| legs.jobs.len() > crate::job::matrix::MAX_JOBS) {
                    return invalid(format!("job `{}` has too many jobs", entry.key.escape_debug()));
                }
                names.push(&entry.key);
                names.extend(entry.legs.iter().flat_map(|legs| legs.jobs.iter().map(|leg| &leg.name)));
            }
        }
        match names.iter().any(|name| name.len() > MAX_NAME) {
            true => invalid(format!("a name is longer than {MAX_NAME} bytes")),
            false => Ok(()),
        }
    }

    fn jobs(&self) -> usize {
        let entries = self.workflows.iter().flat_map(|planned| &planned.entries);
        entries.map(|entry| entry.legs.as_ref().map_or(1, |legs| legs.jobs.len())).sum()
    }
}

impl Queue {
    /// Takes a submission in. Its bundle, so many bytes of `from`, is on the disk before anybody hears of it.
    pub fn submit(
        &self,
        submission: &Submission,
        by: &Person,
        size: u64,
        from: impl Read,
    ) -> Result<Vec<Accepted>, QueueError> {
        submission.check()?;
        let settings = self.settings();
        let most = settings.local.max_bundle.0;
        if size > most {
            let why = format!("the commit takes {size} bytes, and `local.max-bundle` is {most}");
            return Err(QueueError::Invalid(why));
        }
        self.check_room(submission.jobs())?;
        let free =
            statvfs(&self.directory).map(|fs| fs.blocks_available().saturating_mul(fs.fragment_size()));
        // A file system that doesn't tell is no reason to do nothing.
        let (free, least) = (free.unwrap_or(u64::MAX), settings.min_free);
        if free.saturating_sub(size) < least {
            return Err(QueueError::NoSpace { free, size, least });
        }
        let name = self.keep_bundle(size, from)?;
        let result = self.enter(submission, by, &name);
        if result.is_err() {
            let _ = fs::remove_file(self.bundles().join(&name));
        }
        result
    }

    fn check_room(&self, more: usize) -> Result<(), QueueError> {
        let most = self.settings().local.max_queue;
        let waiting = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'queued')";
        let waiting: usize = lock(&self.store).query_row(waiting, [], |row| row.get(0))?;
        if waiting + more > most { Err(QueueError::Full { waiting, most }) } else { Ok(()) }
    }

    fn keep_bundle(&self, size: u64, from: impl Read) -> Result<String, QueueError> {
        let directory = self.bundles();
        let mut number = millis(std::time::SystemTime::now());
        let (mut file, name) = loop {
            let name = format!("{number}.bundle");
            match File::create_new(directory.join(&name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => break (made?, name),
            }
        };
        // Nobody else enters the directory; the sandbox that git reads it in has another user.
        file.set_permissions(Permissions::from_mode(0o644))?;
        let kept = (|| {
            if io::copy(&mut from.take(size), &mut file)? != size {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the commit came only in part"));
            }
            file.sync_all()?;
            File::open(&directory)?.sync_all()
        })();
        if let Err(error) = kept {
            let _ = fs::remove_file(directory.join(&name));
            return Err(error.into());
        }
        Ok(name)
    }

    fn enter(&self, submission: &Submission, by: &Person, bundle: &str) -> Result<Vec<Accepted>, QueueError> {
        let mut store = lock(&self.store);
        let transaction = store.transaction()?;
        let accepted = submission
            .workflows
            .iter()
            .map(|planned| insert(&transaction, submission, planned, by, bundle))
            .collect::<Result<Vec<_>, _>>()?;
        transaction.commit()?;
        drop(store);
        self.told(true);
        Ok(accepted)
    }
}

fn insert(
    to: &Transaction<'_>,
    submission: &Submission,
    planned: &Planned,
    by: &Person,
    bundle: &str,
) -> Result<Accepted, QueueError> {
    let Submission { repository, path, reference, commit, title, event, .. } = submission;
    // What a tree says of itself may be a lie, but not who has handed it over.
    let identity = format!("uid:{} {path}", by.uid);
    let group = planned.group.as_ref().map(|(name, _)| name.as_str());
    to.execute(
        "INSERT INTO runs (user, repository, identity, reference, commit_id, title, event, file, name, workflow, \
         github, payload, bundle, group_name, state, created) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
        params![
            by.name.clone().unwrap_or_else(|| by.uid.to_string()),
            repository,
            identity,
            reference,
            commit,
            title,
            event,
            planned.file,
            planned.name,
            planned.text,
            serde_json::to_string(&planned.github)?,
            planned.payload.to_string(),
            bundle,
            group,
            RunState::Active,
            millis(std::time::SystemTime::now()),
        ],
    )?;
    let run = to.last_insert_rowid();
    let mut number = 0;
    for (place, entry) in planned.entries.iter().enumerate() {
        let (fail_fast, max_parallel) =
            entry.legs.as_ref().map_or((true, None), |legs| (legs.fail_fast, legs.max_parallel));
        to.execute(
            "INSERT INTO entries (run, number, key, needs, conditional, fail_fast, max_parallel) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                run,
                place,
                entry.key,
                serde_json::to_string(&entry.needs)?,
                entry.conditional,
                fail_fast,
                max_parallel
            ],
        )?;
        match &entry.legs {
            Some(legs) => insert_legs(to, run, place, &mut number, legs)?,
            None => insert_job(to, run, place, &mut number, &entry.key, &Matrix::Unknown)?,
        }
    }
    if let Some((name, cancels)) = &planned.group {
        for earlier in enter_group(to, run, &identity, name, *cancels)? {
            cancel_run(to, earlier, &format!("run {run} wants the concurrency group `{name}`"))?;
            advance(to, earlier)?;
        }
    }
    advance(to, run)?;
    Ok(Accepted { run, name: planned.name.clone(), file: planned.file.clone(), jobs: number })
}

/// Writes down the jobs of an entry.
pub fn insert_legs(
    to: &Transaction<'_>,
    run: i64,
    entry: usize,
    number: &mut usize,
    legs: &Legs,
) -> Result<(), QueueError> {
    let total = legs.jobs.len();
    for (index, leg) in legs.jobs.iter().enumerate() {
        let matrix = match &leg.matrix {
            Some(values) => Matrix::Leg { values: values.clone(), index, total },
            None => Matrix::None,
        };
        insert_job(to, run, entry, number, &leg.name, &matrix)?;
    }
    Ok(())
}

fn insert_job(
    to: &Transaction<'_>,
    run: i64,
    entry: usize,
    number: &mut usize,
    name: &str,
    matrix: &Matrix,
) -> Result<(), QueueError> {
    *number += 1;
    to.execute(
        "INSERT INTO jobs (run, number, entry, name, matrix, state) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![run, *number, entry, name, serde_json::to_string(matrix)?, JobState::Waiting],
    )?;
    Ok(())
}

/// Removes a bundle that no run needs any more.
pub fn remove_bundle(directory: &Path, name: &str) {
    // What stays is removed at the next start.
    let _ = fs::remove_file(directory.join(name));
}
