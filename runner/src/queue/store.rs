//! Runs and jobs, in SQLite: each change is on the disk before anybody hears of it.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension};

use super::QueueError;
use crate::forge::Waiting;
use crate::output::event::Conclusion;

/// The file.
const FILE: &str = "queue.db";
/// What `user_version` is with these tables.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL,
    repository TEXT NOT NULL,
    identity TEXT NOT NULL,
    reference TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    title TEXT NOT NULL,
    event TEXT NOT NULL,
    file TEXT NOT NULL,
    name TEXT NOT NULL,
    workflow TEXT NOT NULL,
    github TEXT NOT NULL,
    payload TEXT NOT NULL,
    bundle TEXT NOT NULL,
    group_name TEXT,
    state TEXT NOT NULL,
    result TEXT,
    created INTEGER NOT NULL,
    ended INTEGER
) STRICT;
CREATE TABLE entries (
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    key TEXT NOT NULL,
    needs TEXT NOT NULL,
    conditional INTEGER NOT NULL,
    fail_fast INTEGER NOT NULL,
    max_parallel INTEGER,
    PRIMARY KEY (run, number)
) STRICT;
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    entry INTEGER NOT NULL,
    name TEXT NOT NULL,
    matrix TEXT NOT NULL,
    state TEXT NOT NULL,
    result TEXT,
    reason TEXT,
    outputs TEXT NOT NULL DEFAULT '{}',
    cancel TEXT,
    started INTEGER,
    ended INTEGER
) STRICT;
CREATE INDEX jobs_of_run ON jobs (run);
CREATE INDEX jobs_open ON jobs (state) WHERE state <> 'done';
";

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// Another run has its concurrency group.
    Pending,
    /// Its jobs run as they can.
    Active,
    /// All of them have ended.
    Done,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// What it needs has not ended.
    Waiting,
    /// It can run.
    Queued,
    /// It was given to the daemon, which has not written that down.
    Given,
    /// The daemon has it.
    Running,
    /// It has ended.
    Done,
    /// The jobs of its matrix are in its place.
    Expanded,
}

/// What stands in a column as a word.
trait Word: Copy + PartialEq + 'static {
    const WORDS: &'static [(Self, &'static str)];
}

impl Word for RunState {
    const WORDS: &'static [(Self, &'static str)] =
        &[(RunState::Pending, "pending"), (RunState::Active, "active"), (RunState::Done, "done")];
}

impl Word for JobState {
    const WORDS: &'static [(Self, &'static str)] = &[
        (JobState::Waiting, "waiting"),
        (JobState::Queued, "queued"),
        (JobState::Given, "given"),
        (JobState::Running, "running"),
        (JobState::Done, "done"),
        (JobState::Expanded, "expanded"),
    ];
}

/// A word in a column.
pub struct Column<T>(pub T);

fn word_of<T: Word>(value: T) -> &'static str {
    T::WORDS.iter().find(|(known, _)| *known == value).map_or("", |(_, word)| word)
}

macro_rules! word {
    ($type:ty) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(word_of(*self).into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let text = value.as_str()?;
                let known = <$type as Word>::WORDS.iter().find(|(_, word)| *word == text);
                known.map(|(value, _)| *value).ok_or(FromSqlError::InvalidType)
            }
        }
    };
}

word!(RunState);
word!(JobState);

/// Conclusions are the engine's.
const CONCLUSIONS: [Conclusion; 4] =
    [Conclusion::Success, Conclusion::Failure, Conclusion::Cancelled, Conclusion::Skipped];

impl ToSql for Column<Conclusion> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_str().into())
    }
}

impl FromSql for Column<Conclusion> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        let known = CONCLUSIONS.into_iter().find(|conclusion| conclusion.as_str() == text);
        known.map(Column).ok_or(FromSqlError::InvalidType)
    }
}

/// Opens the database in a directory, or makes it.
pub fn open(directory: &Path) -> Result<Connection, QueueError> {
    let store = Connection::open(directory.join(FILE))?;
    store.busy_timeout(Duration::from_secs(5))?;
    // What was committed survives also a loss of power.
    store.pragma_update(None, "journal_mode", "wal")?;
    store.pragma_update(None, "synchronous", "full")?;
    let version: i64 = store.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => store.execute_batch(&format!("BEGIN; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;"))?,
        VERSION => {}
        other => {
            return Err(QueueError::Damaged(format!(
                "it is of version {other}, which another palisade has made"
            )));
        }
    }
    Ok(store)
}

/// Has jobs to come numbered from behind `last`.
pub fn use_no_number_to(store: &Connection, last: i64) -> Result<(), QueueError> {
    let set = store.execute("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'jobs'", [last])?;
    if set == 0 && last > 0 {
        store.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('jobs', ?1)", [last])?;
    }
    Ok(())
}

/// The names of the bundles that are needed yet, and the numbers of all jobs.
pub fn files(store: &Connection) -> Result<(HashSet<String>, HashSet<i64>), QueueError> {
    let mut bundles = store.prepare("SELECT DISTINCT bundle FROM runs WHERE state <> 'done'")?;
    let bundles = bundles.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut jobs = store.prepare("SELECT id FROM jobs")?;
    let jobs = jobs.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok((bundles, jobs))
}

/// What waits to be run.
pub fn waiting(store: &Connection) -> Result<Waiting, QueueError> {
    let waiting = "SELECT count(*), min(runs.created) FROM jobs JOIN runs ON runs.id = jobs.run
                   WHERE jobs.state IN ('waiting', 'queued')";
    let (jobs, since) =
        store.query_row(waiting, [], |row| Ok((row.get(0)?, row.get::<_, Option<u64>>(1)?)))?;
    let since = since.map(|millis| UNIX_EPOCH + Duration::from_millis(millis));
    Ok(Waiting { jobs, since })
}

/// Where a run is; none where there is no such run.
pub fn run_state(store: &Connection, run: i64) -> Result<Option<RunState>, QueueError> {
    Ok(store.query_row("SELECT state FROM runs WHERE id = ?1", [run], |row| row.get(0)).optional()?)
}
