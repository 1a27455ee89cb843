//! Jobs as the daemon takes them: one is given, begun, told of and ended.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde_json::{Map, Value as Json};

use super::advance::{advance, ancestors, entries, jobs, results};
use super::store::{self, Column, JobState};
use super::submission::insert_legs;
use super::{Queue, QueueError, lock, millis};
use crate::forge::{Assigned, Ended, TaskId};
use crate::local::NO_FORGE;
use crate::order::{LEGS, Legs, Matrix, Need, Order, Part};
use crate::output::event::Conclusion;

/// The job that can run, is the oldest, and isn't one too many of its matrix.
const NEXT: &str = "
SELECT jobs.id FROM jobs JOIN entries ON entries.run = jobs.run AND entries.number = jobs.entry
WHERE jobs.state = 'queued' AND (entries.max_parallel IS NULL OR entries.max_parallel >
    (SELECT count(*) FROM jobs AS others WHERE others.run = jobs.run AND others.entry = jobs.entry
     AND others.state IN ('given', 'running')))
ORDER BY jobs.id LIMIT 1";

/// Since when a job could run: its run was submitted then, or the last job ended that it needs.
const SINCE: &str = "
SELECT max(runs.created, coalesce((
    SELECT max(needed.ended) FROM jobs AS needed
    JOIN entries ON entries.run = jobs.run AND entries.number = jobs.entry
    JOIN json_each(entries.needs) AS need ON need.value = needed.entry
    WHERE needed.run = jobs.run), 0))
FROM jobs JOIN runs ON runs.id = jobs.run WHERE jobs.id = ?1";

impl Queue {
    /// Gives the next job that can run.
    pub fn give(&self) -> Result<Option<Assigned>, QueueError> {
        // Whatever comes from here on is news again.
        self.news.store(false, std::sync::atomic::Ordering::SeqCst);
        let mut store = lock(&self.store);
        let transaction = store.transaction()?;
        // One that was given and not begun is given again.
        let given = "SELECT id FROM jobs WHERE state = 'given' ORDER BY id LIMIT 1";
        let mut next: Option<i64> = transaction.query_row(given, [], |row| row.get(0)).optional()?;
        if next.is_none() {
            next = transaction.query_row(NEXT, [], |row| row.get(0)).optional()?;
        }
        let Some(next) = next else { return Ok(None) };
        let order = self.order(&transaction, next)?;
        let since: u64 = transaction.query_row(SINCE, [next], |row| row.get(0))?;
        transaction.execute("UPDATE jobs SET state = ?1 WHERE id = ?2", params![JobState::Given, next])?;
        transaction.commit()?;
        let since = Some(UNIX_EPOCH + Duration::from_millis(since));
        Ok(Some(Assigned { task: TaskId(next), order, since }))
    }

    fn order(&self, from: &Transaction<'_>, id: i64) -> Result<Order, QueueError> {
        let (run, entry, matrix): (i64, usize, String) =
            from.query_row("SELECT run, entry, matrix FROM jobs WHERE id = ?1", [id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let entries = entries(from, run)?;
        let jobs = jobs(from, run)?;
        let results = results(entries.len(), &jobs);
        let key = entries.get(entry).map(|entry| entry.key.clone());
        let key = key.ok_or_else(|| QueueError::Damaged(format!("job {id} has no entry")))?;
        let needs = ancestors(&entries, entry).into_iter().map(|place| {
            let mut outputs: BTreeMap<String, String> = BTreeMap::new();
            for job in jobs.iter().filter(|job| job.entry == place) {
                for (name, value) in serde_json::from_str::<BTreeMap<String, String>>(&job.outputs)? {
                    // Of several jobs that set an output, the last that gives it a value stands.
                    if !value.is_empty() || !outputs.contains_key(&name) {
                        outputs.insert(name, value);
                    }
                }
            }
            let id = entries[place].key.clone();
            let result = results[place].unwrap_or(Conclusion::Failure);
            Ok(Need { id, result, outputs, direct: entries[entry].needs.contains(&place) })
        });
        let needs = needs.collect::<Result<Vec<_>, QueueError>>()?;
        let read = |row: &rusqlite::Row<'_>| {
            let text = |column| row.get::<_, String>(column);
            Ok((text(0)?, text(1)?, text(2)?, text(3)?, text(4)?, text(5)?))
        };
        let columns = "SELECT workflow, file, github, payload, identity, bundle FROM runs WHERE id = ?1";
        let (workflow, file, github, payload, identity, bundle) = from.query_row(columns, [run], read)?;
        let mut github: Map<String, Json> = serde_json::from_str(&github)?;
        for name in ["run_id", "run_number"] {
            github.insert(name.to_owned(), run.to_string().into());
        }
        Ok(Order {
            workflow,
            file,
            job: key,
            // What a tree says of where it came from opens no forge: `actions.forges` does.
            server: NO_FORGE.to_owned(),
            actions: None,
            github,
            event: serde_json::from_str(&payload)?,
            vars: BTreeMap::new(),
            secrets: Vec::new(),
            needs,
            runner: host_name(),
            prefixes: Vec::new(),
            tokens: Vec::new(),
            variables: Vec::new(),
            id_token: None,
            summaries: None,
            part: Some(Part {
                identity,
                bundle: self.bundles().join(bundle),
                matrix: serde_json::from_str(&matrix)?,
            }),
        })
    }

    /// A job is written down on this host: it isn't given again.
    pub fn begun(&self, task: TaskId) -> Result<(), QueueError> {
        lock(&self.store).execute(
            "UPDATE jobs SET state = ?1, started = ?2 WHERE id = ?3 AND state = ?4",
            params![JobState::Running, millis(SystemTime::now()), task.0, JobState::Given],
        )?;
        self.told(false);
        Ok(())
    }

    /// After a start: of the jobs that were begun, this host goes on with `tasks`. Others are lost. What is in `ended` has run,
    /// whatever the database knows of it: a disk that failed may have given back an older one. Their numbers are not used
    /// again.
    pub fn resumed(&self, tasks: &[TaskId], ended: &[TaskId]) -> Result<(), QueueError> {
        let open = {
            let store = lock(&self.store);
            store::use_no_number_to(&store, tasks.iter().chain(ended).map(|task| task.0).max().unwrap_or(0))?;
            let mut rows =
                store.prepare("SELECT id, state FROM jobs WHERE state <> 'done' AND state <> 'expanded'")?;
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0).map(TaskId)?, row.get(1)?));
            rows.query_map([], read)?.collect::<Result<Vec<(TaskId, JobState)>, _>>()?
        };
        for (task, state) in open.into_iter().filter(|(task, _)| !tasks.contains(task)) {
            let why = if ended.contains(&task) {
                "it has run, and the queue's database does not know how it ended"
            } else if state == JobState::Running {
                "it was lost: nothing of it is in the state directory"
            } else {
                continue;
            };
            let ended = Ended { result: Conclusion::Failure, outputs: Vec::new(), at: SystemTime::now() };
            self.end(task, &ended, Some(why))?;
        }
        Ok(())
    }

    /// Takes note of the step that a job is at; tells whether it is to go on.
    pub fn progress(&self, task: TaskId, step: Option<usize>, steps: usize) -> Result<bool, QueueError> {
        let before = lock(&self.steps).insert(task, (step, steps));
        if before != Some((step, steps)) {
            self.told(false);
        }
        let (state, cancel) = self.standing(&lock(&self.store), task)?;
        Ok(cancel.is_none() && state != JobState::Done)
    }

    fn standing(&self, store: &Connection, task: TaskId) -> Result<(JobState, Option<String>), QueueError> {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found =
            store.query_row("SELECT state, cancel FROM jobs WHERE id = ?1", [task.0], read).optional()?;
        found.ok_or_else(|| QueueError::Damaged(format!("there is no job {task}")))
    }

    /// A job has ended, and all of its log is here. Said again, it changes nothing.
    pub fn end(&self, task: TaskId, ended: &Ended, why: Option<&str>) -> Result<(), QueueError> {
        let mut store = lock(&self.store);
        let (state, cancel) = self.standing(&store, task)?;
        if matches!(state, JobState::Done | JobState::Expanded) {
            return Ok(());
        }
        let transaction = store.transaction()?;
        let (run, entry, matrix): (i64, usize, String) =
            transaction.query_row("SELECT run, entry, matrix FROM jobs WHERE id = ?1", [task.0], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let (mut state, mut ended, mut reason) = (JobState::Done, ended.clone(), why.or(cancel.as_deref()));
        let damaged;
        if serde_json::from_str::<Matrix>(&matrix)? == Matrix::Unknown && ended.result == Conclusion::Success
        {
            match expand(&transaction, run, entry, &ended) {
                Ok(()) => state = JobState::Expanded,
                Err(error) => {
                    damaged = error.to_string();
                    (ended.result, reason) = (Conclusion::Failure, Some(damaged.as_str()));
                }
            }
            ended.outputs.clear();
        }
        let outputs: Map<String, Json> =
            ended.outputs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        transaction.execute(
            "UPDATE jobs SET state = ?1, result = ?2, reason = ?3, outputs = ?4, ended = ?5 WHERE id = ?6",
            params![
                state,
                Column(ended.result),
                reason,
                Json::from(outputs).to_string(),
                millis(ended.at),
                task.0
            ],
        )?;
        // A place among those of its matrix is free.
        advance(&transaction, run)?;
        transaction.commit()?;
        drop(store);
        lock(&self.steps).remove(&task);
        lock(&self.logs).remove(&task);
        self.told(true);
        self.forget_old()
    }
}

/// Puts the jobs of a matrix, which are known now, in the place of the one that told them.
fn expand(to: &Transaction<'_>, run: i64, entry: usize, ended: &Ended) -> Result<(), QueueError> {
    let told = ended.outputs.iter().find(|(name, _)| name == LEGS).map(|(_, value)| value.as_str());
    let legs: Legs = serde_json::from_str(told.unwrap_or_default())
        .map_err(|error| QueueError::Invalid(format!("its matrix can't be read: {error}")))?;
    if legs.jobs.is_empty() || legs.jobs.len() > crate::job::matrix::MAX_JOBS {
        return Err(QueueError::Invalid(format!("its matrix makes {} jobs", legs.jobs.len())));
    }
    to.execute(
        "UPDATE entries SET fail_fast = ?1, max_parallel = ?2 WHERE run = ?3 AND number = ?4",
        params![legs.fail_fast, legs.max_parallel, run, entry],
    )?;
    let mut number: usize =
        to.query_row("SELECT max(number) FROM jobs WHERE run = ?1", [run], |row| row.get(0))?;
    insert_legs(to, run, entry, &mut number, &legs)
}

/// `runner.name`
fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "local".into())
}
