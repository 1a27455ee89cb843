//! The trees of actions that were fetched, by commit and digest, for all jobs of this user.
//!
//! An entry is a directory `<commit>-<digest>` with the files in `tree` and their size in `bytes`. It appears by a
//! rename once it is whole, is never changed, and is verified whenever it is used. Who uses or makes an entry holds
//! a lock on its directory, which the kernel lets go when the process ends, however it ends.

use std::fmt;
use std::fs::{self, File, FileTimes, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::tree::{self, TreeDigest, TreeError};

/// What the directories of entries in the making begin with.
const MAKING: &str = "making-";
/// What those of entries begin with that are on their way out.
const LEAVING: &str = "leaving-";
/// Where commits are noted that references had.
const REFERENCES: &str = "references";
/// Most of these notes.
const MAX_NOTES: usize = 10_000;

/// The name of a commit: 40 or 64 hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(String);

impl CommitId {
    /// Reads one; a shortened one is none.
    pub fn parse(text: &str) -> Option<CommitId> {
        let whole = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        whole.then(|| CommitId(text.to_ascii_lowercase()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The store.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    /// Bytes that it may hold, what is in use besides.
    max_size: u64,
}

/// A tree of the store, which stays as long as this does.
#[derive(Debug)]
pub struct Stored {
    /// Its commit.
    pub commit: CommitId,
    /// Its digest.
    pub digest: TreeDigest,
    /// Where the files are.
    pub tree: PathBuf,
    _lock: File,
}

/// A directory for an entry in the making; gone at the end unless it was kept.
#[derive(Debug)]
pub struct Making {
    directory: PathBuf,
    lock: File,
    kept: bool,
}

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be read or written.
    #[error("the store of actions, `{}`: {error}", path.display())]
    Io {
        /// What of it.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is fetched is no tree that can be kept.
    #[error("its tree is refused: {0}")]
    Tree(#[from] TreeError),
    /// An entry isn't what it was.
    #[error(
        "the stored tree of commit {commit} was changed: it was {was} and is {is}; \
         find out by whom, then remove `{}`", path.display()
    )]
    Changed {
        /// Its commit.
        commit: CommitId,
        /// The digest under which it was kept.
        was: TreeDigest,
        /// The digest that it has.
        is: TreeDigest,
        /// Where it is.
        path: PathBuf,
    },
}

fn told(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |error| StoreError::Io { path: path.to_owned(), error }
}

impl Store {
    /// The store in a directory that exists.
    pub fn new(directory: PathBuf, max_size: u64) -> Store {
        Store { directory, max_size }
    }

    /// The tree of a commit, verified; the one with this digest where one is given.
    pub fn get(&self, commit: &CommitId, digest: Option<&TreeDigest>) -> Result<Option<Stored>, StoreError> {
        for (path, entry) in self.entries()? {
            let Entry::Whole { commit: known, digest: was } = entry else { continue };
            if known != *commit || digest.is_some_and(|digest| *digest != was) {
                continue;
            }
            let Some(lock) = hold(&path)? else { continue };
            let tree = path.join("tree");
            let is = tree::read(&tree)?.digest;
            if is != was {
                return Err(StoreError::Changed { commit: known, was, is, path });
            }
            // The entry that is used last goes last; where that can't be noted it only goes earlier.
            let _ = lock.set_times(FileTimes::new().set_modified(SystemTime::now()));
            return Ok(Some(Stored { commit: known, digest: is, tree, _lock: lock }));
        }
        Ok(None)
    }

    /// A place to make an entry in.
    pub fn make(&self) -> Result<Making, StoreError> {
        self.sweep()?;
        let mut number = 0;
        loop {
            number += 1;
            let directory = self.directory.join(format!("{MAKING}{}-{number}", std::process::id()));
            match fs::create_dir(&directory) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made.map_err(told(&directory))?,
            }
            let Some(lock) = open(&directory)? else { continue };
            // Where another process took it for left behind, it is gone already.
            if lock.try_lock().is_ok() && directory.is_dir() {
                return Ok(Making { directory, lock, kept: false });
            }
        }
    }

    /// Keeps the tree that was made in `tree` of `making`, unless `refuse` says why not, given its digest.
    pub fn keep<E: From<StoreError>>(
        &self,
        mut making: Making,
        commit: &CommitId,
        refuse: impl FnOnce(&TreeDigest) -> Result<(), E>,
    ) -> Result<Stored, E> {
        let read = tree::read(&making.directory.join("tree")).map_err(StoreError::Tree)?;
        refuse(&read.digest)?;
        let bytes = making.directory.join("bytes");
        fs::write(&bytes, read.bytes.to_string()).map_err(told(&bytes))?;
        let path = self.directory.join(format!("{commit}-{}", read.digest.digits()));
        // Whoever finds it from now on may use it.
        making.lock.lock_shared().map_err(told(&path))?;
        match fs::rename(&making.directory, &path) {
            Ok(()) => making.kept = true,
            // What is there already is the same, or is told to be something else when it is read.
            Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
            }
            Err(e) => return Err(told(&path)(e).into()),
        }
        let stored = self.get(commit, Some(&read.digest))?;
        let stored = stored.ok_or_else(|| told(&path)(io::ErrorKind::NotFound.into()))?;
        drop(making);
        self.evict()?;
        Ok(stored)
    }

    /// The commit that a reference of a repository had when it was last looked up.
    pub fn last_known(&self, repository: &str, reference: &str) -> Option<CommitId> {
        CommitId::parse(fs::read_to_string(self.note(repository, reference)).ok()?.trim())
    }

    /// Takes note of the commit that a reference has.
    pub fn note_known(&self, repository: &str, reference: &str, commit: &CommitId) -> Result<(), StoreError> {
        let path = self.note(repository, reference);
        let directory = self.directory.join(REFERENCES);
        fs::create_dir_all(&directory).map_err(told(&directory))?;
        // Replaced as a whole, so that nobody reads half of it.
        let fresh =
            directory.join(format!("{MAKING}{}-{:?}", std::process::id(), std::thread::current().id()));
        fs::write(&fresh, commit.as_str()).map_err(told(&fresh))?;
        fs::rename(&fresh, &path).map_err(told(&path))?;
        trim(&directory, MAX_NOTES).map_err(told(&directory))
    }

    fn note(&self, repository: &str, reference: &str) -> PathBuf {
        let digest = Sha256::digest(format!("{repository}\0{reference}"));
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(REFERENCES).join(name)
    }

    fn entries(&self) -> Result<Vec<(PathBuf, Entry)>, StoreError> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(told(&self.directory))? {
            let entry = entry.map_err(told(&self.directory))?;
            if let Some(kind) = entry.file_name().to_str().and_then(Entry::parse) {
                entries.push((entry.path(), kind));
            }
        }
        Ok(entries)
    }

    /// Removes what processes left behind that were ended in the middle.
    fn sweep(&self) -> Result<(), StoreError> {
        for (path, entry) in self.entries()? {
            if matches!(entry, Entry::Unfinished) && take(&path)?.is_some() {
                fs::remove_dir_all(&path).map_err(told(&path))?;
            }
        }
        Ok(())
    }

    /// Removes what was used least recently until the rest fits; what is in use stays.
    fn evict(&self) -> Result<(), StoreError> {
        let mut whole = Vec::new();
        for (path, entry) in self.entries()? {
            let (Entry::Whole { .. }, Ok(metadata)) = (entry, fs::metadata(&path)) else { continue };
            // An entry without a size was put there by nobody who knows how: it is to go first.
            let bytes = fs::read_to_string(path.join("bytes")).ok().and_then(|text| text.parse().ok());
            whole.push((bytes.map(|_| (metadata.mtime(), metadata.mtime_nsec())), bytes.unwrap_or(0), path));
        }
        whole.sort_unstable();
        let mut size: u64 = whole.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in whole {
            if size <= self.max_size {
                break;
            }
            let Some(_lock) = take(&path)? else { continue };
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let leaving = self.directory.join(format!("{LEAVING}{name}"));
            match fs::rename(&path, &leaving) {
                // Another process was faster.
                Err(_) => continue,
                Ok(()) => fs::remove_dir_all(&leaving).map_err(told(&leaving))?,
            }
            size -= bytes;
        }
        Ok(())
    }
}

impl Making {
    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        if !self.kept {
            // What can't be removed now is swept later.
            let _ = fs::remove_dir_all(&self.directory);
        }
    }
}

enum Entry {
    Whole { commit: CommitId, digest: TreeDigest },
    Unfinished,
}

impl Entry {
    fn parse(name: &str) -> Option<Entry> {
        if name.starts_with(MAKING) || name.starts_with(LEAVING) {
            return Some(Entry::Unfinished);
        }
        let (commit, digest) = name.split_once('-')?;
        let digest = TreeDigest::parse(&format!("sha256:{digest}"))?;
        Some(Entry::Whole { commit: CommitId::parse(commit)?, digest })
    }
}

/// Removes the oldest files of a directory beyond a number, and a few more, so that this isn't to be done each time.
fn trim(directory: &Path, most: usize) -> io::Result<()> {
    let entries = fs::read_dir(directory)?.collect::<io::Result<Vec<_>>>()?;
    if entries.len() <= most {
        return Ok(());
    }
    // What another process has removed meanwhile is gone as well.
    let aged =
        entries.iter().filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())));
    let mut aged: Vec<_> = aged.collect();
    aged.sort_unstable();
    for (_, path) in aged.iter().take(entries.len() - most + most / 10) {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Holds an entry against eviction; `None` where it is gone.
fn hold(path: &Path) -> Result<Option<File>, StoreError> {
    let Some(file) = open(path)? else { return Ok(None) };
    file.lock_shared().map_err(told(path))?;
    // It may have gone while this waited.
    Ok(path.is_dir().then_some(file))
}

/// Takes an entry that nobody holds.
fn take(path: &Path) -> Result<Option<File>, StoreError> {
    let Some(file) = open(path)? else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(told(path)(error)),
    }
}

fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => Ok(Some(opened.map_err(told(path))?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(digit: char) -> CommitId {
        CommitId::parse(&digit.to_string().repeat(40)).unwrap()
    }

    fn store(max_size: u64) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().to_owned(), max_size);
        (dir, store)
    }

    fn add(store: &Store, commit: &CommitId, content: &str) -> Result<Stored, StoreError> {
        let making = store.make()?;
        fs::create_dir(making.directory().join("tree")).unwrap();
        fs::write(making.directory().join("tree/file"), content).unwrap();
        store.keep(making, commit, |_| Ok(()))
    }

    fn names(store: &Store) -> Vec<String> {
        let entries = fs::read_dir(&store.directory).unwrap();
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_was_kept_is_found_again() {
        let (_dir, store) = store(100);
        assert!(store.get(&commit('a'), None).unwrap().is_none());
        let kept = add(&store, &commit('a'), "1").unwrap();
        let found = store.get(&commit('a'), Some(&kept.digest)).unwrap().unwrap();
        assert_eq!(fs::read_to_string(found.tree.join("file")).unwrap(), "1");
        // The same once more is the same entry, and a commit with another tree is another.
        add(&store, &commit('a'), "1").unwrap();
        assert_eq!(names(&store).len(), 1);
        let other = add(&store, &commit('a'), "2").unwrap();
        assert_ne!(other.digest, kept.digest);
        assert_eq!(store.get(&commit('a'), Some(&kept.digest)).unwrap().unwrap().digest, kept.digest);
    }

    #[test]
    fn a_changed_entry_is_told_with_both_digests() {
        let (_dir, store) = store(100);
        let kept = add(&store, &commit('a'), "1").unwrap();
        fs::write(kept.tree.join("file"), "evil").unwrap();
        let error = store.get(&commit('a'), None).unwrap_err().to_string();
        let is = tree::read(&kept.tree).unwrap().digest;
        assert!(error.contains(&kept.digest.to_string()) && error.contains(&is.to_string()), "{error}");
    }

    #[test]
    fn what_is_refused_is_not_kept() {
        let (_dir, store) = store(100);
        let making = store.make().unwrap();
        fs::create_dir(making.directory().join("tree")).unwrap();
        let refused =
            store.keep(making, &commit('a'), |_| Err(StoreError::Tree(TreeError::Bound("1 byte".into()))));
        assert!(matches!(refused, Err(StoreError::Tree(_))));
        assert!(names(&store).is_empty());
    }

    #[test]
    fn what_was_used_least_recently_goes_and_what_is_in_use_stays() {
        let (_dir, store) = store(5);
        let held = add(&store, &commit('a'), "12").unwrap();
        drop(add(&store, &commit('b'), "12").unwrap());
        drop(add(&store, &commit('c'), "1").unwrap());
        assert_eq!(names(&store).len(), 3);
        drop(store.get(&commit('b'), None).unwrap().unwrap());
        drop(add(&store, &commit('d'), "123").unwrap());
        // `a` is the oldest, but held; `c` is older than `b`, and `d` holds itself while it comes.
        let left = |digit| store.get(&commit(digit), None).unwrap().is_some();
        assert_eq!(['a', 'b', 'c', 'd'].map(left), [true, false, false, true]);
        drop(held);
    }

    #[test]
    fn what_was_left_in_the_middle_is_swept() {
        let (dir, store) = store(100);
        fs::create_dir(dir.path().join("making-1-0")).unwrap();
        fs::write(dir.path().join("making-1-0/part"), "x").unwrap();
        let making = store.make().unwrap();
        assert_eq!(names(&store), [making.directory().file_name().unwrap().to_str().unwrap()]);
        // Not what is in the making.
        let other = store.make().unwrap();
        assert!(making.directory().is_dir() && other.directory().is_dir());
    }

    #[test]
    fn references_are_noted() {
        let (_dir, store) = store(100);
        assert_eq!(store.last_known("https://forge.example/o/r", "v1"), None);
        store.note_known("https://forge.example/o/r", "v1", &commit('a')).unwrap();
        store.note_known("https://forge.example/o/r", "v1", &commit('b')).unwrap();
        assert_eq!(store.last_known("https://forge.example/o/r", "v1"), Some(commit('b')));
        assert_eq!(store.last_known("https://forge.example/o/r", "v2"), None);
    }

    #[test]
    fn the_oldest_notes_go() {
        let dir = tempfile::tempdir().unwrap();
        for age in 0..20u64 {
            let file = File::create(dir.path().join(age.to_string())).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 - age)).unwrap();
        }
        trim(dir.path(), 20).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 20);
        trim(dir.path(), 10).unwrap();
        let mut left: Vec<u64> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap())
            .collect();
        left.sort_unstable();
        assert_eq!(left, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[test]
    fn a_commit_has_its_whole_name() {
        assert!(CommitId::parse(&"a".repeat(64)).is_some());
        assert_eq!(CommitId::parse(&"A".repeat(40)), Some(commit('a')));
        for other in ["", "abc1234", &"g".repeat(40), &"a".repeat(41)] {
            assert!(CommitId::parse(other).is_none(), "{other}");
        }
    }
}
