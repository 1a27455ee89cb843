//! The directory of a task, and what is kept of one that is over.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Journal, Severity};
use crate::forge::TaskId;

/// What a directory says of its task.
const RECORD: &str = "task.json";
/// How long it is remembered that a task is over: longer than any forge gives it out again.
const REMEMBERED: Duration = Duration::from_hours(7 * 24);

/// One task of one runner.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub struct Key {
    /// The runner.
    pub runner: String,
    /// The number that its forge gives it.
    pub task: TaskId,
}

impl Key {
    /// The name of its directory.
    pub fn name(&self) -> String {
        format!("{}-{}", self.runner, self.task)
    }
}

/// A task, as `palisade status` shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Shown {
    /// Which.
    #[serde(flatten)]
    pub key: Key,
    /// `owner/name`
    pub repository: String,
    /// The job's key under `jobs:`.
    pub job: String,
    /// When it was taken.
    pub taken: SystemTime,
    /// The step that runs, from 0.
    pub step: Option<usize>,
    /// How many there are.
    pub steps: usize,
    /// Its process has ended; what is left is to tell the forge.
    pub over: bool,
    /// How many rows of its log the forge has, and how many there are.
    pub rows: (u64, u64),
}

/// What is written down of a task; nothing of it is secret.
#[derive(Debug, Deserialize, Serialize)]
pub struct Record {
    /// Which it is.
    #[serde(flatten)]
    pub key: Key,
    /// `owner/name`
    pub repository: String,
    /// The job's key under `jobs:`.
    pub job: String,
    /// When it was taken.
    pub taken: SystemTime,
    /// How many steps it has at most.
    #[serde(default)]
    pub most_steps: usize,
}

/// The directory.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    record: Record,
}

/// The tasks of a runner that are remembered to be over.
pub fn ended(finished: &Path, runner: &str) -> io::Result<Vec<TaskId>> {
    let mut tasks = Vec::new();
    for entry in finished.read_dir()? {
        let name = entry?.file_name();
        let number =
            name.to_str().and_then(|name| name.strip_prefix(runner)?.strip_prefix('-')?.parse().ok());
        tasks.extend(number.map(TaskId));
    }
    Ok(tasks)
}

/// Makes a directory for a task that is yet to come, among others of the kind.
pub fn blank(among: &Path) -> io::Result<PathBuf> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let path = among.join(MADE.fetch_add(1, Ordering::Relaxed).to_string());
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}

impl Directory {
    /// Makes a blank directory that of a task that was just taken; none for one that is here already, or was. Its job
    /// may begin once this is on the disk ([`sync`](Self::sync)).
    pub fn create(
        tasks: &Path,
        finished: &Path,
        blank: &Path,
        record: Record,
    ) -> io::Result<Option<Directory>> {
        let name = record.key.name();
        let path = tasks.join(&name);
        if path.exists() || finished.join(&name).exists() {
            return Ok(None);
        }
        File::create(blank.join(RECORD))?.write_all(&serde_json::to_vec(&record)?)?;
        fs::rename(blank, &path)?;
        Ok(Some(Directory { path, record }))
    }

    /// Waits until it is on the disk.
    pub fn sync(&self, tasks: &Path) -> io::Result<()> {
        let (record, tasks) = (File::open(self.path.join(RECORD))?, File::open(tasks)?);
        // One wait for both.
        std::thread::scope(|scope| {
            let other = std::thread::Builder::new().spawn_scoped(scope, || record.sync_all())?;
            tasks.sync_all()?;
            other.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes has failed")))
        })
    }

    /// All that there are.
    pub fn all(tasks: &Path, journal: &Journal) -> io::Result<Vec<Directory>> {
        let mut all = Vec::new();
        for entry in tasks.read_dir()? {
            let path = entry?.path();
            match fs::read(path.join(RECORD)).map(|text| serde_json::from_slice(&text)) {
                Ok(Ok(record)) => all.push(Directory { path, record }),
                _ => {
                    let shown = path.display().to_string();
                    journal.write(Severity::Warning, "removing what is no task", &[("path", &shown)]);
                    fs::remove_dir_all(&path)?;
                }
            }
        }
        Ok(all)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its task.
    pub fn key(&self) -> Key {
        self.record.key.clone()
    }

    /// What was written down of it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Removes what is in it, and keeps it to remember that its task is over. Its way there is one step, so that nothing
    /// has to be on the disk before anything else.
    pub fn finish(self, finished: &Path) -> io::Result<()> {
        let over = finished.join(self.record.key.name());
        fs::rename(&self.path, &over)?;
        clear(&over)
    }

    /// Removes it.
    pub fn remove(self) {
        // What is left is found, and removed, at the next start.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Forgets tasks that were over long ago, and removes what killed daemons have left of others.
pub fn forget_old(finished: &Path) -> io::Result<()> {
    for entry in finished.read_dir()? {
        let path = entry?.path();
        let found = path.metadata()?;
        let age = found.modified()?.elapsed().unwrap_or_default();
        match found.is_dir() {
            true => clear(&path)?,
            // Of a daemon before this one.
            false if age > REMEMBERED => fs::remove_file(&path)?,
            false => {}
        }
        if found.is_dir() && age > REMEMBERED {
            fs::remove_dir(&path)?;
        }
    }
    Ok(())
}

/// Removes what is in a directory. Somebody else may do the same.
fn clear(directory: &Path) -> io::Result<()> {
    for entry in directory.read_dir()? {
        let entry = entry?;
        let removed = match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path()),
            false => fs::remove_file(entry.path()),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(task: i64) -> Record {
        let key = Key { runner: "main".into(), task: TaskId(task) };
        Record { key, repository: "o/r".into(), job: "a".into(), taken: SystemTime::now(), most_steps: 1 }
    }

    #[test]
    fn a_task_is_begun_once() {
        let dir = tempfile::tempdir().unwrap();
        let (tasks, finished) = (dir.path().join("tasks"), dir.path().join("finished"));
        fs::create_dir(&tasks).unwrap();
        fs::create_dir(&finished).unwrap();
        let create = |task| {
            let blank = blank(dir.path()).unwrap();
            let created = Directory::create(&tasks, &finished, &blank, record(task)).unwrap();
            created.inspect(|directory| directory.sync(&tasks).unwrap())
        };
        let first = create(7).unwrap();
        assert!(create(7).is_none());
        fs::create_dir(tasks.join("what")).unwrap();
        let journal = Journal::of_process();
        let all = Directory::all(&tasks, &journal).unwrap();
        assert_eq!(all.iter().map(Directory::key).collect::<Vec<_>>(), [first.key()]);
        assert_eq!(tasks.read_dir().unwrap().count(), 1);
        first.finish(&finished).unwrap();
        assert!(create(7).is_none());
        assert!(create(8).is_some());
        forget_old(&finished).unwrap();
        assert!(create(7).is_none());
    }
}
