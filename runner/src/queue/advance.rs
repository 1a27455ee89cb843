//! What becomes of the jobs of a run when something has happened. The rules are those of the engine's own scheduler
//! (`job/schedule.rs`), for jobs that are processes of their own.

use std::time::SystemTime;

use rusqlite::{Transaction, params};

use super::run::next_of_group;
use super::store::{Column, JobState, RunState, run_state};
use super::{QueueError, millis};
use crate::job::together;
use crate::output::event::Conclusion;

/// An entry of `jobs:`.
pub struct Entry {
    /// Its key.
    pub key: String,
    /// Which it needs, by their place; all stand before it.
    pub needs: Vec<usize>,
    conditional: bool,
    fail_fast: bool,
}

/// A job.
pub struct Job {
    id: i64,
    /// The place of its entry.
    pub entry: usize,
    /// Where it is.
    pub state: JobState,
    /// How it has ended.
    pub result: Option<Conclusion>,
    /// What it gave: a JSON object.
    pub outputs: String,
}

/// The entries of a run, by their place.
pub fn entries(from: &Transaction<'_>, run: i64) -> Result<Vec<Entry>, QueueError> {
    let mut rows = from
        .prepare("SELECT key, needs, conditional, fail_fast FROM entries WHERE run = ?1 ORDER BY number")?;
    let rows =
        rows.query_map([run], |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?)))?;
    rows.map(|row| {
        let (key, needs, conditional, fail_fast) = row?;
        Ok(Entry { key, needs: serde_json::from_str(&needs)?, conditional, fail_fast })
    })
    .collect()
}

/// The jobs of a run that count: not those in whose place the jobs of their matrix are.
pub fn jobs(from: &Transaction<'_>, run: i64) -> Result<Vec<Job>, QueueError> {
    let mut rows = from.prepare(
        "SELECT id, entry, state, result, outputs FROM jobs WHERE run = ?1 AND state <> 'expanded' ORDER BY id",
    )?;
    let job = |row: &rusqlite::Row<'_>| {
        let result: Option<Column<Conclusion>> = row.get(3)?;
        let result = result.map(|result| result.0);
        Ok(Job { id: row.get(0)?, entry: row.get(1)?, state: row.get(2)?, result, outputs: row.get(4)? })
    };
    Ok(rows.query_map([run], job)?.collect::<Result<_, _>>()?)
}

/// The result of each entry whose jobs have all ended.
pub fn results(entries: usize, jobs: &[Job]) -> Vec<Option<Conclusion>> {
    let result = |entry| {
        let own = jobs.iter().filter(|job| job.entry == entry);
        let ended: Option<Vec<Conclusion>> = own.map(|job| job.result).collect();
        ended.filter(|ended| !ended.is_empty()).map(|ended| together(&ended))
    };
    (0..entries).map(result).collect()
}

/// All entries that one needs, directly or not.
pub fn ancestors(entries: &[Entry], of: usize) -> Vec<usize> {
    let mut found = vec![false; entries.len()];
    // Each needs only what stands before it, so one pass backwards meets all.
    found[of] = true;
    for place in (0..=of).rev().filter(|place| *place < entries.len()) {
        if found[place] {
            entries[place].needs.iter().filter(|need| **need < place).for_each(|need| found[*need] = true);
        }
    }
    (0..of).filter(|place| found[*place]).collect()
}

/// Has everything go on that can; tells whether there may be a job to run.
pub fn advance(to: &Transaction<'_>, run: i64) -> Result<bool, QueueError> {
    if run_state(to, run)? != Some(RunState::Active) {
        return Ok(false);
    }
    let entries = entries(to, run)?;
    let mut jobs = jobs(to, run)?;
    let mut news = false;
    for (place, entry) in entries.iter().enumerate() {
        let failed = |job: &&Job| job.entry == place && job.result == Some(Conclusion::Failure);
        if entry.fail_fast && jobs.iter().any(|job| failed(&job)) {
            for job in jobs.iter_mut().filter(|job| job.entry == place) {
                stop(to, job, "another job of its matrix failed")?;
            }
        }
        let results = results(entries.len(), &jobs);
        if results[place].is_some() || entry.needs.iter().any(|need| results[*need].is_none()) {
            continue;
        }
        let before = ancestors(&entries, place);
        let good = before.iter().all(|entry| results[*entry] == Some(Conclusion::Success));
        for job in jobs.iter_mut().filter(|job| job.entry == place && job.state == JobState::Waiting) {
            if good || entry.conditional {
                job.state = JobState::Queued;
                to.execute("UPDATE jobs SET state = ?1 WHERE id = ?2", params![job.state, job.id])?;
            } else {
                settle(to, job, Conclusion::Skipped, "a job that it needs did not succeed")?;
            }
        }
        news |= jobs.iter().any(|job| job.entry == place && job.state == JobState::Queued);
    }
    let results: Option<Vec<Conclusion>> = results(entries.len(), &jobs).into_iter().collect();
    if let Some(results) = results {
        // A run of which nothing ran hasn't failed.
        let result = match together(&results) {
            Conclusion::Skipped => Conclusion::Success,
            result => result,
        };
        to.execute(
            "UPDATE runs SET state = ?1, result = ?2, ended = ?3 WHERE id = ?4",
            params![RunState::Done, Column(result), millis(SystemTime::now()), run],
        )?;
        if let Some(next) = next_of_group(to, run)? {
            news |= advance(to, next)?;
        }
    }
    Ok(news)
}

/// Cancels all jobs of a run that haven't ended; tells how many there were.
pub fn cancel_run(to: &Transaction<'_>, run: i64, why: &str) -> Result<usize, QueueError> {
    // One that waits for its group doesn't any more.
    to.execute(
        "UPDATE runs SET state = ?1 WHERE id = ?2 AND state = ?3",
        params![RunState::Active, run, RunState::Pending],
    )?;
    let mut count = 0;
    for mut job in jobs(to, run)? {
        count += usize::from(stop(to, &mut job, why)?);
    }
    Ok(count)
}

/// Cancels a job, if it hasn't ended.
pub fn cancel_job(to: &Transaction<'_>, run: i64, id: i64, why: &str) -> Result<bool, QueueError> {
    match jobs(to, run)?.iter_mut().find(|job| job.id == id) {
        Some(job) => stop(to, job, why),
        None => Ok(false),
    }
}

fn stop(to: &Transaction<'_>, job: &mut Job, why: &str) -> Result<bool, QueueError> {
    match job.state {
        JobState::Waiting | JobState::Queued => settle(to, job, Conclusion::Cancelled, why)?,
        JobState::Given | JobState::Running => {
            to.execute("UPDATE jobs SET cancel = coalesce(cancel, ?1) WHERE id = ?2", params![why, job.id])?;
        }
        JobState::Done | JobState::Expanded => return Ok(false),
    }
    Ok(true)
}

/// Ends a job that hasn't begun.
fn settle(to: &Transaction<'_>, job: &mut Job, result: Conclusion, why: &str) -> Result<(), QueueError> {
    (job.state, job.result) = (JobState::Done, Some(result));
    to.execute(
        "UPDATE jobs SET state = ?1, result = ?2, reason = ?3, ended = ?4 WHERE id = ?5",
        params![job.state, Column(result), why, millis(SystemTime::now()), job.id],
    )?;
    Ok(())
}
