//! The directory of a task, and what is kept of one that is over.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::{Journal, Severity};
use crate::forge::TaskId;
use crate::order::RECORD;

/// What a record takes on the disk before it is written, in bytes: more than nearly any needs.
const BLANK: usize = 4096;
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
    /// It was on the disk while it was blank.
    settled: bool,
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

/// Directories of tasks that are yet to come, each with a record that is yet to be written. One that is on the disk by the
/// time that its task comes has that task wait for nothing but what is written over the blank: no file system has to write
/// down a name, a size or a place for that.
#[derive(Clone, Debug)]
pub struct Blanks(Arc<Stock>);

#[derive(Debug)]
struct Stock {
    among: PathBuf,
    made: AtomicU64,
    /// Somebody makes some.
    filling: AtomicBool,
    settled: Mutex<Settled>,
}

/// Those that are on the disk.
#[derive(Debug, Default)]
struct Settled {
    /// In stock.
    left: Vec<PathBuf>,
    /// Given out, but not to a task yet.
    given: HashSet<PathBuf>,
}

/// How many are in stock at most, and how few before more are made.
const STOCK: RangeInclusive<usize> = 3..=8;

impl Blanks {
    /// Such that are made in this directory.
    pub fn new(among: PathBuf) -> Blanks {
        let (made, filling, settled) = Default::default();
        Blanks(Arc::new(Stock { among, made, filling, settled }))
    }

    /// One from the stock, or else a new one.
    pub fn take(&self) -> io::Result<PathBuf> {
        let mut settled = self.0.settled();
        let taken = settled.left.pop();
        settled.given.extend(taken.clone());
        let low = settled.left.len() < *STOCK.start();
        drop(settled);
        let taken = taken.map_or_else(|| self.0.make(), Ok);
        if low && !self.0.filling.swap(true, Ordering::SeqCst) {
            let blanks = self.clone();
            // Without it each task waits for more.
            let fill = move || blanks.0.fill();
            if std::thread::Builder::new().name("blanks".into()).spawn(fill).is_err() {
                self.0.filling.store(false, Ordering::SeqCst);
            }
        }
        taken
    }

    /// Gives one to a task; tells whether it is on the disk.
    fn give(&self, blank: &Path) -> bool {
        self.0.settled().given.remove(blank)
    }
}

impl Stock {
    fn make(&self) -> io::Result<PathBuf> {
        let path = self.among.join(self.made.fetch_add(1, Ordering::Relaxed).to_string());
        DirBuilder::new().mode(0o700).create(&path)?;
        File::create(path.join(RECORD))?.write_all(&[b' '; BLANK])?;
        Ok(path)
    }

    fn fill(&self) {
        let sync = |path: &Path| File::open(path)?.sync_all();
        let one = || -> io::Result<PathBuf> {
            let blank = self.make()?;
            sync(&blank.join(RECORD)).and_then(|()| sync(&blank)).and_then(|()| sync(&self.among))?;
            Ok(blank)
        };
        while self.settled().left.len() < *STOCK.end()
            && let Ok(blank) = one()
        {
            self.settled().left.push(blank);
        }
        // Processes that ended before they had a task have taken theirs with them.
        self.settled().given.retain(|blank| blank.exists());
        self.filling.store(false, Ordering::SeqCst);
    }

    fn settled(&self) -> MutexGuard<'_, Settled> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes the blanks that an earlier daemon has left. One whose record is written is none: its disk knew what was written,
/// but not yet that it had been given its task's name.
pub fn restore(blanks: &Path, tasks: &Path, finished: &Path) -> io::Result<()> {
    for left in blanks.read_dir()? {
        let left = left?.path();
        let name = read(&left).map(|record| record.key.name());
        match name.filter(|name| !tasks.join(name).exists() && !finished.join(name).exists()) {
            Some(name) => fs::rename(&left, tasks.join(name))?,
            None => fs::remove_dir_all(&left)?,
        }
    }
    Ok(())
}

/// What is written down in a directory; none in a blank one.
fn read(directory: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(directory.join(RECORD)).ok()?).ok()
}

impl Directory {
    /// Gives a blank directory the name of a task that was just taken; none for one that is here already, or was. Its job
    /// may begin once it is [written down](Self::write_down).
    pub fn claim(
        tasks: &Path,
        finished: &Path,
        (blank, blanks): (&Path, &Blanks),
        record: Record,
    ) -> io::Result<Option<Directory>> {
        let name = record.key.name();
        let path = tasks.join(&name);
        if path.exists() || finished.join(&name).exists() {
            return Ok(None);
        }
        fs::rename(blank, &path)?;
        Ok(Some(Directory { path, record, settled: blanks.give(blank) }))
    }

    /// Writes down which task it is of, and waits until that is on the disk. Its new name needn't be ([`restore`]).
    pub fn write_down(&self, tasks: &Path) -> io::Result<()> {
        let record = File::options().write(true).open(self.path.join(RECORD))?;
        record.write_all_at(&serde_json::to_vec(&self.record)?, 0)?;
        if self.settled {
            return record.sync_data();
        }
        let (directory, tasks) = (File::open(&self.path)?, File::open(tasks)?);
        // One wait for all.
        std::thread::scope(|scope| {
            let other = std::thread::Builder::new().spawn_scoped(scope, || record.sync_all())?;
            directory.sync_all().and_then(|()| tasks.sync_all())?;
            other.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes has failed")))
        })
    }

    /// All that there are.
    pub fn all(tasks: &Path, journal: &Journal) -> io::Result<Vec<Directory>> {
        let mut all = Vec::new();
        for entry in tasks.read_dir()? {
            let path = entry?.path();
            match read(&path) {
                Some(record) => all.push(Directory { path, record, settled: true }),
                None => {
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
        let blanks = Blanks::new(dir.path().to_owned());
        let create = |task| {
            let blank = blanks.take().unwrap();
            let created = Directory::claim(&tasks, &finished, (&blank, &blanks), record(task)).unwrap();
            created.inspect(|directory| directory.write_down(&tasks).unwrap())
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

    #[test]
    fn a_task_is_known_by_its_record_also_where_its_name_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let [blank, tasks, finished] = ["blank", "tasks", "finished"].map(|name| dir.path().join(name));
        for path in [&blank, &tasks, &finished] {
            fs::create_dir(path).unwrap();
        }
        let blanks = Blanks::new(blank.clone());
        let left = |task, settled: bool| {
            // The first is made when it is wanted, and others with it.
            let path = if settled { blanks.take().unwrap() } else { blanks.0.make().unwrap() };
            let claimed = Directory::claim(&tasks, &finished, (&path, &blanks), record(task)).unwrap();
            let directory = claimed.unwrap();
            assert_eq!(directory.settled, settled);
            directory.write_down(&tasks).unwrap();
            // As after a crash of the host.
            fs::rename(directory.path(), &path).unwrap();
            path
        };
        assert!(!blanks.give(&blanks.take().unwrap()));
        while blanks.0.filling.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        left(1, true);
        left(2, false);
        // Written down twice, as a disk with errors may have it, and ended.
        left(2, false);
        left(3, true);
        fs::create_dir(finished.join("main-3")).unwrap();
        let torn = left(4, true);
        File::options().write(true).open(torn.join(RECORD)).unwrap().write_all_at(&[0; 20], 20).unwrap();
        assert!(blank.read_dir().unwrap().count() > 5);
        restore(&blank, &tasks, &finished).unwrap();
        assert_eq!(blank.read_dir().unwrap().count(), 0);
        let all = Directory::all(&tasks, &Journal::of_process()).unwrap();
        let mut all: Vec<i64> = all.iter().map(|directory| directory.key().task.0).collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
    }
}
