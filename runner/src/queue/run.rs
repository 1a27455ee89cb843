//! Runs: their concurrency groups, what is shown of them, their end by somebody's will, and how long they are kept.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::advance::{advance, cancel_job, cancel_run};
use super::store::{Column, JobState, RunState};
use super::wire::Id;
use super::{Queue, QueueError, lock, millis};
use crate::environment::Person;
use crate::forge::TaskId;
use crate::output::event::Conclusion;

/// A run that was taken in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Accepted {
    /// Its number.
    pub run: i64,
    /// What its workflow is called.
    pub name: String,
    /// The workflow's file.
    pub file: String,
    /// How many jobs it has, as far as that is known.
    pub jobs: usize,
}

/// A run, as `palisade jobs` shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Run {
    /// Its number.
    pub run: i64,
    /// `owner/name`
    pub repository: String,
    /// The full reference, or `HEAD`.
    pub reference: String,
    /// The commit.
    pub commit: String,
    /// The first line of its message.
    pub title: String,
    /// The event's name.
    pub event: String,
    /// What its workflow is called.
    pub workflow: String,
    /// Who has submitted it.
    pub user: String,
    /// `pending`, `active` or `done`.
    pub state: String,
    /// How it has ended.
    pub result: Option<Conclusion>,
    /// When it was submitted, in milliseconds since 1970.
    pub created: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// Its jobs.
    pub jobs: Vec<Job>,
}

/// One of its jobs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// `RUN.NUMBER`
    pub id: Id,
    /// What it is called.
    pub name: String,
    /// `waiting`, `queued`, `running` or `done`.
    pub state: String,
    /// How it has ended.
    pub result: Option<Conclusion>,
    /// Why it ended so without having run.
    pub reason: Option<String>,
    /// The step that runs, from 0, and how many there are.
    pub step: Option<(usize, usize)>,
    /// When it began, in milliseconds since 1970.
    pub started: Option<i64>,
    /// When it ended.
    pub ended: Option<i64>,
    /// What it gave.
    pub outputs: serde_json::Value,
    /// The number by which the daemon knows it.
    pub task: TaskId,
}

impl Queue {
    /// The last runs, the newest first; or one.
    pub fn runs(&self, only: Option<i64>, most: usize) -> Result<Vec<Run>, QueueError> {
        let store = lock(&self.store);
        let mut rows = store.prepare(
            "SELECT id, repository, reference, commit_id, title, event, name, user, state, result, created, ended \
             FROM runs WHERE ?1 IS NULL OR id = ?1 ORDER BY id DESC LIMIT ?2",
        )?;
        let run = |row: &rusqlite::Row<'_>| {
            let result: Option<Column<Conclusion>> = row.get(9)?;
            Ok(Run {
                run: row.get(0)?,
                repository: row.get(1)?,
                reference: row.get(2)?,
                commit: row.get(3)?,
                title: row.get(4)?,
                event: row.get(5)?,
                workflow: row.get(6)?,
                user: row.get(7)?,
                state: row.get(8)?,
                result: result.map(|result| result.0),
                created: row.get(10)?,
                ended: row.get(11)?,
                jobs: Vec::new(),
            })
        };
        let mut runs = rows.query_map(params![only, most], run)?.collect::<Result<Vec<_>, _>>()?;
        for run in &mut runs {
            run.jobs = self.jobs_of(&store, run.run)?;
        }
        Ok(runs)
    }

    fn jobs_of(&self, store: &Connection, run: i64) -> Result<Vec<Job>, QueueError> {
        let steps = lock(&self.steps);
        let mut rows = store.prepare(
            "SELECT number, name, state, result, reason, id, started, ended, outputs FROM jobs \
             WHERE run = ?1 AND state <> 'expanded' ORDER BY entry, number",
        )?;
        let job = |row: &rusqlite::Row<'_>| {
            let result: Option<Column<Conclusion>> = row.get(3)?;
            let task = TaskId(row.get(5)?);
            let state: JobState = row.get(2)?;
            let state = match state {
                JobState::Waiting => "waiting",
                JobState::Queued | JobState::Given => "queued",
                JobState::Running => "running",
                JobState::Done | JobState::Expanded => "done",
            };
            let step = steps.get(&task).and_then(|(step, steps)| step.map(|step| (step, *steps)));
            let outputs: String = row.get(8)?;
            Ok(Job {
                id: Id { run, job: Some(row.get(0)?) },
                name: row.get(1)?,
                state: state.to_owned(),
                result: result.map(|result| result.0),
                reason: row.get(4)?,
                step,
                started: row.get(6)?,
                ended: row.get(7)?,
                outputs: serde_json::from_str(&outputs).unwrap_or_default(),
                task,
            })
        };
        Ok(rows.query_map([run], job)?.collect::<Result<_, _>>()?)
    }

    /// One run, if there is one, with one of its jobs only where that is asked for.
    pub fn find(&self, id: Id) -> Result<Run, QueueError> {
        let mut run = self.runs(Some(id.run), 1)?.pop().ok_or(QueueError::Unknown(id))?;
        if id.job.is_some() {
            run.jobs.retain(|job| job.id == id);
            if run.jobs.is_empty() {
                return Err(QueueError::Unknown(id));
            }
        }
        Ok(run)
    }

    /// Cancels a run or a job; tells how many jobs hadn't ended.
    pub fn cancel(&self, id: Id, by: &Person) -> Result<usize, QueueError> {
        let found = self.find(id)?;
        let why = format!("cancelled by {by}");
        let mut store = lock(&self.store);
        let transaction = store.transaction()?;
        let count = match id.job {
            None => cancel_run(&transaction, id.run, &why)?,
            Some(_) => {
                let tasks = found.jobs.iter().map(|job| job.task.0);
                let mut count = 0;
                for task in tasks {
                    count += usize::from(cancel_job(&transaction, id.run, task, &why)?);
                }
                count
            }
        };
        let news = advance(&transaction, id.run)?;
        transaction.commit()?;
        drop(store);
        self.told(news);
        self.forget_old()?;
        Ok(count)
    }

    /// Removes runs that are over: beyond so many, or for so long. And bundles that no run needs any more.
    pub fn forget_old(&self) -> Result<(), QueueError> {
        let settings = self.settings().local;
        let before = millis(SystemTime::now()) - settings.keep_for.0.as_millis() as i64;
        let mut store = lock(&self.store);
        let transaction = store.transaction()?;
        let old = transaction
            .prepare(
                "SELECT id FROM runs WHERE state = 'done' AND (ended < ?1 OR id NOT IN \
                 (SELECT id FROM runs WHERE state = 'done' ORDER BY ended DESC, id DESC LIMIT ?2))",
            )?
            .query_map(params![before, settings.keep_runs], |row| row.get(0))?
            .collect::<Result<Vec<i64>, _>>()?;
        let mut tasks = Vec::new();
        for run in &old {
            let mut rows = transaction.prepare("SELECT id FROM jobs WHERE run = ?1")?;
            tasks
                .extend(rows.query_map([run], |row| row.get(0).map(TaskId))?.collect::<Result<Vec<_>, _>>()?);
            for table in ["DELETE FROM jobs WHERE run = ?1", "DELETE FROM entries WHERE run = ?1"] {
                transaction.execute(table, [run])?;
            }
            transaction.execute("DELETE FROM runs WHERE id = ?1", [run])?;
        }
        let bundles = transaction
            .prepare(
                "SELECT DISTINCT bundle FROM runs WHERE bundle <> '' AND bundle NOT IN \
                 (SELECT bundle FROM runs WHERE state <> 'done')",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<Vec<String>, _>>()?;
        for bundle in &bundles {
            transaction.execute("UPDATE runs SET bundle = '' WHERE bundle = ?1", [bundle])?;
        }
        transaction.commit()?;
        drop(store);
        for task in tasks {
            // What stays is removed at the next start.
            let _ = std::fs::remove_file(self.log_path(task));
        }
        for bundle in bundles {
            super::submission::remove_bundle(&self.bundles(), &bundle);
        }
        Ok(())
    }
}

/// Has a run wait for its concurrency group, where another has it; gives those that it takes the place of.
pub fn enter_group(
    to: &Transaction<'_>,
    run: i64,
    identity: &str,
    name: &str,
    cancels: bool,
) -> Result<Vec<i64>, QueueError> {
    let of_group = |state: RunState| -> Result<Vec<i64>, QueueError> {
        let mut rows = to.prepare(
            "SELECT id FROM runs WHERE identity = ?1 AND group_name = ?2 COLLATE NOCASE AND state = ?3 AND id <> ?4",
        )?;
        let rows = rows.query_map(params![identity, name, state, run], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let (active, mut replaced) = (of_group(RunState::Active)?, of_group(RunState::Pending)?);
    if !active.is_empty() {
        to.execute("UPDATE runs SET state = ?1 WHERE id = ?2", params![RunState::Pending, run])?;
    }
    if cancels {
        replaced.extend(active);
    }
    Ok(replaced)
}

/// The run that has the group of another now that this one has ended.
pub fn next_of_group(to: &Transaction<'_>, ended: i64) -> Result<Option<i64>, QueueError> {
    let same = "identity = (SELECT identity FROM runs WHERE id = ?1) AND group_name = \
                (SELECT group_name FROM runs WHERE id = ?1) COLLATE NOCASE";
    let active = format!("SELECT count(*) FROM runs WHERE {same} AND state = 'active'");
    if to.query_row(&active, [ended], |row| row.get::<_, i64>(0))? > 0 {
        return Ok(None);
    }
    let next = format!("SELECT id FROM runs WHERE {same} AND state = 'pending' ORDER BY id LIMIT 1");
    let next: Option<i64> = to.query_row(&next, [ended], |row| row.get(0)).optional()?;
    if let Some(next) = next {
        to.execute("UPDATE runs SET state = ?1 WHERE id = ?2", params![RunState::Active, next])?;
    }
    Ok(next)
}
