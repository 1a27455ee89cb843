//! Artifacts in a directory of this machine.
//!
//! An entry of the shelf is `<run>.<id>`: `artifact.json` says what it is, beside its archive. Numbers and names are
//! given under a lock, so that several processes may work for one run. Artifacts go when their time is over, and those
//! whose time is over soonest when there is no room, but none of a run that still goes on: as long as it does, its
//! process holds a lock on `runs/<run>`.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::stream::{self, Archive};
use super::{Artifact, ArtifactName, Artifacts, Digest, NewArtifact, StoreError, Upload, read_description};
use crate::limits::Size;
use crate::shelf::{Making, Shelf, told};
use crate::state::State;

/// The directory in that of the state.
const DIRECTORY: &str = "artifacts";
/// The directory of what tells which runs go on.
const RUNS: &str = "runs";
/// The file that is locked while names and numbers are given.
const LOCK: &str = "lock";
/// What an entry is.
const DESCRIPTION: &str = "artifact.json";
/// Longest name of an archive's file without its suffix, in bytes.
const MAX_FILE_NAME: usize = 100;

/// `[artifacts]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// How many days an artifact is kept at most, and where it doesn't say.
    pub retention_days: u16,
    /// How many bytes the store may hold.
    pub max_size: Size,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { retention_days: 90, max_size: Size(10 << 30) }
    }
}

/// Whose artifacts they are.
#[derive(Clone, Debug)]
pub struct OfRun {
    /// What nobody else has called a run: letters, digits and dashes.
    pub name: String,
    /// Which attempt at its jobs this is, from 1: what an earlier one has uploaded, it may upload anew.
    pub attempt: u64,
}

impl OfRun {
    /// A run that nobody has tried before.
    pub fn first(name: String) -> OfRun {
        OfRun { name, attempt: 1 }
    }
}

/// The artifacts of one run.
#[derive(Debug)]
pub struct LocalArtifacts {
    state: State,
    settings: Settings,
    run: OfRun,
    /// Once something is to be kept.
    open: Mutex<Option<Arc<Store>>>,
}

impl LocalArtifacts {
    /// Those of a run. Nothing is made before something is kept.
    pub fn new(state: State, settings: Settings, run: OfRun) -> Self {
        LocalArtifacts { state, settings, run, open: Mutex::new(None) }
    }

    fn opened(&self) -> Option<Arc<Store>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open(&self) -> Result<Arc<Store>, StoreError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = &*open {
            return Ok(store.clone());
        }
        let shelf = Shelf::new(self.state.dir(DIRECTORY).map_err(StoreError::State)?);
        let runs = shelf.path(RUNS);
        fs::create_dir_all(&runs).map_err(told(&runs))?;
        let path = runs.join(&self.run.name);
        // Nobody takes the mark for one that is left behind before it is locked.
        let lock = lock(&shelf)?;
        let alive = File::create(&path).map_err(told(&path))?;
        alive.lock_shared().map_err(told(&path))?;
        drop(lock);
        let store = Store { shelf, run: self.run.clone(), settings: self.settings, _alive: alive };
        Ok(open.insert(Arc::new(store)).clone())
    }
}

impl Artifacts for LocalArtifacts {
    fn list(&self) -> Result<Vec<Artifact>, StoreError> {
        let is_there = || self.state.root().is_some_and(|root| root.join(DIRECTORY).is_dir());
        match self.opened() {
            Some(store) => store.list(),
            // Another process may have kept something for this run: each job of a forge has its own.
            None if is_there() => self.open()?.list(),
            None => Ok(Vec::new()),
        }
    }

    fn begin(&self, new: NewArtifact) -> Result<Box<dyn Upload<Artifact>>, StoreError> {
        let store = self.open()?;
        store.make_room()?;
        let making = store.shelf.make()?;
        let archive = Archive::create(making.directory().join(file_name(&new.name)))?;
        Ok(Box::new(Incoming { store, making, archive, new }))
    }

    fn open(&self, artifact: &Artifact) -> Result<File, StoreError> {
        stream::open(&artifact.path, artifact.digest)
    }

    fn retention(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.settings.retention_days))
    }
}

/// An artifact on its way.
struct Incoming {
    store: Arc<Store>,
    making: Making,
    archive: Archive,
    new: NewArtifact,
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.archive.write(bytes, || self.store.make_room())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload<Artifact> for Incoming {
    fn keep(self: Box<Self>) -> Result<Artifact, StoreError> {
        let Incoming { store, mut making, archive, new } = *self;
        store.make_room()?;
        let (path, size, digest) = archive.end();
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let description = Description {
            name: new.name.clone(),
            file: file.clone(),
            size,
            digest,
            expires: seconds(SystemTime::now()).saturating_add(new.retention.as_secs()),
            attempt: store.run.attempt,
        };
        let path = making.directory().join(DESCRIPTION);
        let text = serde_json::to_vec(&description).map_err(|e| told(&path)(e.into()))?;
        fs::write(&path, text).map_err(told(&path))?;

        let _lock = lock(&store.shelf)?;
        let all = store.list()?;
        let old = all.iter().find(|artifact| artifact.name == new.name);
        if let Some(old) = old
            && !new.overwrite
            && store.attempt(old.id) >= store.run.attempt
        {
            return Err(StoreError::Taken);
        }
        let id = all.iter().map(|artifact| artifact.id).max().unwrap_or(0) + 1;
        let entry = store.shelf.put(&mut making, &store.entry(id))?.ok_or(StoreError::Taken)?;
        if let Some(old) = old {
            // Where somebody still holds it, the newer one goes before it.
            store.shelf.remove(&store.entry(old.id))?;
        }
        Ok(Artifact { id, name: new.name, size, digest, path: entry.join(file) })
    }
}

/// The directory while it is in use.
#[derive(Debug)]
struct Store {
    shelf: Shelf,
    run: OfRun,
    settings: Settings,
    /// Locked as long as the run goes on.
    _alive: File,
}

/// `artifact.json`
#[derive(Serialize, Deserialize)]
struct Description {
    name: ArtifactName,
    /// The archive.
    file: String,
    size: u64,
    digest: Digest,
    /// Seconds since 1970.
    expires: u64,
    /// Which attempt at the run's jobs it is of.
    #[serde(default)]
    attempt: u64,
}

impl Store {
    fn entry(&self, id: u64) -> String {
        format!("{}.{id}", self.run.name)
    }

    /// Which attempt an artifact is of.
    fn attempt(&self, id: u64) -> u64 {
        self.describe(&self.entry(id)).map_or(0, |description| description.attempt)
    }

    fn list(&self) -> Result<Vec<Artifact>, StoreError> {
        let mut artifacts: Vec<Artifact> = Vec::new();
        for name in self.shelf.names()? {
            let Some((run, id)) = parts(&name) else { continue };
            if run != self.run.name {
                continue;
            }
            let Some(Description { name, file, size, digest, .. }) = self.describe(&name) else { continue };
            let path = self.shelf.path(&self.entry(id)).join(file);
            artifacts.push(Artifact { id, name, size, digest, path });
        }
        artifacts.sort_by_key(|artifact| std::cmp::Reverse(artifact.id));
        // One that was overwritten while somebody held it.
        let mut names = std::collections::HashSet::new();
        artifacts.retain(|artifact| names.insert(artifact.name.clone()));
        artifacts.reverse();
        Ok(artifacts)
    }

    /// What an entry is; nothing where it is none, or has gone.
    fn describe(&self, name: &str) -> Option<Description> {
        let description: Description = read_description(&self.shelf.path(name).join(DESCRIPTION))?;
        // It was written by this program, but names a file.
        (!description.file.contains('/') && description.file != "..").then_some(description)
    }

    /// Removes what is over its time, and more where that isn't enough; fails where nothing more can go.
    fn make_room(&self) -> Result<(), StoreError> {
        let now = seconds(SystemTime::now());
        let mut entries = Vec::new();
        for name in self.shelf.names()? {
            let Some((run, _)) = parts(&name) else { continue };
            let expires = self.describe(&name).map_or(0, |description| description.expires);
            entries.push((expires, run.to_owned(), name));
        }
        entries.sort_unstable();
        let max = self.settings.max_size.0;
        let mut full = self.shelf.bytes()? > max;
        for (expires, run, name) in entries {
            if expires > now && !full {
                break;
            }
            if self.goes_on(&run)? {
                continue;
            }
            self.shelf.remove(&name)?;
            full = full && self.shelf.bytes()? > max;
        }
        self.forget_runs()?;
        if full { Err(StoreError::Full { table: "artifacts", max }) } else { Ok(()) }
    }

    /// Whether a process works for a run.
    fn goes_on(&self, run: &str) -> Result<bool, StoreError> {
        let path = self.shelf.path(RUNS).join(run);
        let file = match File::open(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            opened => opened.map_err(told(&path))?,
        };
        match file.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(told(&path)(error).into()),
        }
    }

    /// Removes the marks of runs that are over.
    fn forget_runs(&self) -> Result<(), StoreError> {
        let _lock = lock(&self.shelf)?;
        let runs = self.shelf.path(RUNS);
        for entry in fs::read_dir(&runs).map_err(told(&runs))? {
            let name = entry.map_err(told(&runs))?.file_name();
            let path = runs.join(&name);
            if name.to_str().is_some_and(|run| matches!(self.goes_on(run), Ok(false)))
                && let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(told(&path)(error).into());
            }
        }
        Ok(())
    }
}

/// Keeps other processes and threads from giving names and numbers.
fn lock(shelf: &Shelf) -> Result<File, StoreError> {
    let path = shelf.path(LOCK);
    let file = File::create(&path).map_err(told(&path))?;
    file.lock().map_err(told(&path))?;
    Ok(file)
}

/// Run and number that an entry's name tells.
fn parts(name: &str) -> Option<(&str, u64)> {
    let (run, id) = name.rsplit_once('.')?;
    Some((run, id.parse().ok()?))
}

/// Since 1970.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A plain name for an archive, by which people know it.
fn file_name(name: &ArtifactName) -> PathBuf {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.as_str().chars().map(plain).take(MAX_FILE_NAME).collect();
    let dot = if name.starts_with(['.', '-']) { "_" } else { "" };
    format!("{dot}{name}.zip").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const DAY: Duration = Duration::from_hours(24);

    fn store(dir: &TempDir, run: &str, max_size: u64) -> LocalArtifacts {
        let settings = Settings { retention_days: 90, max_size: Size(max_size) };
        let state = State::locate(Some(dir.path().to_owned()));
        LocalArtifacts::new(state, settings, OfRun::first(run.to_owned()))
    }

    fn add(
        store: &LocalArtifacts,
        name: &str,
        content: &str,
        retention: Duration,
    ) -> Result<Artifact, StoreError> {
        let name = ArtifactName::parse(name).unwrap();
        let mut upload = store.begin(NewArtifact { name, retention, overwrite: content.contains("over") })?;
        upload.write_all(content.as_bytes()).unwrap();
        upload.keep()
    }

    fn names(store: &LocalArtifacts) -> Vec<String> {
        store.list().unwrap().iter().map(|artifact| format!("{}:{}", artifact.id, artifact.name)).collect()
    }

    #[test]
    fn a_run_sees_its_own_and_a_name_is_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (store(&dir, "1", 10_000), store(&dir, "2", 10_000));
        assert!(names(&one).is_empty() && !dir.path().join(DIRECTORY).exists());
        let a = add(&one, "a", "first", DAY).unwrap();
        add(&one, "b/../c".replace('/', ".").as_str(), "x", DAY).unwrap();
        add(&two, "a", "other", DAY).unwrap();
        assert!(matches!(add(&one, "a", "again", DAY), Err(StoreError::Taken)));
        assert_eq!((names(&one), names(&two)), (vec!["1:a".into(), "2:b....c".into()], vec!["1:a".into()]));
        assert_eq!(io::read_to_string(Artifacts::open(&one, &a).unwrap()).unwrap(), "first");
        // A process that works for the same run.
        let again = store(&dir, "1", 10_000);
        assert_eq!(names(&again), names(&one));
        add(&again, "a", "over", DAY).unwrap();
        assert_eq!(names(&one), ["2:b....c", "3:a"]);
        assert!(matches!(Artifacts::open(&one, &a), Err(StoreError::Gone)));
    }

    #[test]
    fn another_attempt_at_a_job_uploads_anew() {
        let dir = tempfile::tempdir().unwrap();
        let first = store(&dir, "1", 10_000);
        add(&first, "a", "first", DAY).unwrap();
        add(&first, "b", "first", DAY).unwrap();
        let mut second = store(&dir, "1", 10_000);
        second.run.attempt = 2;
        let a = add(&second, "a", "second", DAY).unwrap();
        assert_eq!(names(&second), ["2:b", "3:a"]);
        assert_eq!(io::read_to_string(Artifacts::open(&second, &a).unwrap()).unwrap(), "second");
        assert!(matches!(add(&second, "a", "again", DAY), Err(StoreError::Taken)));
        assert!(matches!(add(&first, "a", "late", DAY), Err(StoreError::Taken)));
    }

    #[test]
    fn what_was_changed_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "1", 10_000);
        let artifact = add(&store, "a", "first", DAY).unwrap();
        fs::write(&artifact.path, "evil").unwrap();
        let error = Artifacts::open(&store, &artifact).unwrap_err().to_string();
        assert!(error.contains(&artifact.digest.to_string()) && error.contains("was changed"), "{error}");
    }

    #[test]
    fn what_is_not_kept_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "1", 10_000);
        let name = ArtifactName::parse("a").unwrap();
        let mut upload = store.begin(NewArtifact { name, retention: DAY, overwrite: false }).unwrap();
        upload.write_all(b"half").unwrap();
        drop(upload);
        assert!(names(&store).is_empty());
        assert_eq!(store.opened().unwrap().shelf.bytes().unwrap(), 0);
    }

    #[test]
    fn the_first_to_be_over_goes_and_a_run_that_goes_on_keeps_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let over = store(&dir, "1", 10_000);
        add(&over, "old", "x", Duration::ZERO).unwrap();
        add(&over, "soon", "x", DAY).unwrap();
        add(&over, "late", "x", 2 * DAY).unwrap();
        let on = store(&dir, "2", 10_000);
        add(&on, "mine", "x", Duration::ZERO).unwrap();
        // As long as a run goes on nothing of it goes.
        assert_eq!(names(&over).len(), 3);
        let runs = || fs::read_dir(dir.path().join(DIRECTORY).join(RUNS)).unwrap().count();
        assert_eq!(runs(), 2);
        drop(over);
        add(&on, "next", "x", DAY).unwrap();
        let again = store(&dir, "1", 10_000);
        again.open().unwrap();
        assert_eq!(names(&again), ["2:soon", "3:late"]);
        drop(again);
        let used = on.opened().unwrap().shelf.bytes().unwrap();
        let full = store(&dir, "3", used + 150);
        add(&full, "more", &"x".repeat(100), DAY).unwrap();
        add(&full, "most", "x", DAY).unwrap();
        let again = store(&dir, "1", 10_000);
        again.open().unwrap();
        assert_eq!(names(&again), ["3:late"]);
        drop(again);
        // What is there is of runs that go on, or gone.
        let error = add(&full, "large", &"x".repeat(10_000), DAY).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!(
            (names(&on), names(&full)),
            (vec!["1:mine".into(), "2:next".into()], vec!["1:more".into(), "2:most".into()])
        );
        assert_eq!(runs(), 2);
    }
}
