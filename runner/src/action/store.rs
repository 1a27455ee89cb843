//! The trees of actions that were fetched, by commit and digest, for all jobs of this user.
//!
//! An entry of the shelf is `<commit>-<digest>`, with the files in `tree` and their size in `bytes`. It is verified
//! whenever it is used.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::tree::{self, TreeDigest, TreeError};
use crate::shelf::{Held, Making, Shelf, ShelfError, told};

/// Where commits are noted that references had.
const REFERENCES: &str = "references";
/// The file of an entry with the size of its tree.
const BYTES: &str = "bytes";
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
    shelf: Shelf,
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
    _held: Held,
}

/// Why the store can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It can't be read or written.
    #[error("the store of actions, {0}")]
    Io(#[from] ShelfError),
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

impl Store {
    /// The store in a directory that exists.
    pub fn new(directory: PathBuf, max_size: u64) -> Store {
        Store { shelf: Shelf::new(directory), max_size }
    }

    /// The tree of a commit, verified; the one with this digest where one is given.
    pub fn get(&self, commit: &CommitId, digest: Option<&TreeDigest>) -> Result<Option<Stored>, StoreError> {
        for name in self.shelf.names()? {
            let Some((known, was)) = entry(&name) else { continue };
            if known != *commit || digest.is_some_and(|digest| *digest != was) {
                continue;
            }
            let Some(held) = self.shelf.hold(&name)? else { continue };
            let tree = held.path().join("tree");
            let is = tree::read(&tree)?.digest;
            if is != was {
                return Err(StoreError::Changed { commit: known, was, is, path: held.path().to_owned() });
            }
            held.used();
            return Ok(Some(Stored { commit: known, digest: is, tree, _held: held }));
        }
        Ok(None)
    }

    /// A place to make an entry in.
    pub fn make(&self) -> Result<Making, StoreError> {
        Ok(self.shelf.make()?)
    }

    /// Keeps the tree that was made in `tree` of `making`, unless `refuse` says why not, given its digest.
    pub fn keep<E: From<StoreError>>(
        &self,
        mut making: Making,
        commit: &CommitId,
        refuse: impl FnOnce(&TreeDigest) -> Result<(), E>,
    ) -> Result<Stored, E> {
        let read = tree::read(&making.directory().join("tree")).map_err(StoreError::Tree)?;
        refuse(&read.digest)?;
        let bytes = making.directory().join(BYTES);
        fs::write(&bytes, read.bytes.to_string()).map_err(told(&bytes)).map_err(StoreError::Io)?;
        let name = format!("{commit}-{}", read.digest.digits());
        // What is there already is the same, or is told to be something else when it is read.
        self.shelf.put(&mut making, &name).map_err(StoreError::Io)?;
        let stored = self.get(commit, Some(&read.digest))?;
        let gone = || StoreError::Io(told(&self.shelf.path(&name))(io::ErrorKind::NotFound.into()));
        let stored = stored.ok_or_else(gone)?;
        drop(making);
        let bytes = |path: &Path| fs::read_to_string(path.join(BYTES)).ok()?.parse().ok();
        let evicted = self.shelf.evict(self.max_size, |name| entry(name).is_some(), bytes);
        evicted.map_err(StoreError::Io)?;
        Ok(stored)
    }

    /// The commit that a reference of a repository had when it was last looked up.
    pub fn last_known(&self, repository: &str, reference: &str) -> Option<CommitId> {
        CommitId::parse(fs::read_to_string(self.note(repository, reference)).ok()?.trim())
    }

    /// Takes note of the commit that a reference has.
    pub fn note_known(&self, repository: &str, reference: &str, commit: &CommitId) -> Result<(), StoreError> {
        let path = self.note(repository, reference);
        let directory = self.shelf.path(REFERENCES);
        fs::create_dir_all(&directory).map_err(told(&directory))?;
        // Replaced as a whole, so that nobody reads half of it.
        let fresh = directory.join(format!("{}-{:?}", std::process::id(), std::thread::current().id()));
        fs::write(&fresh, commit.as_str()).map_err(told(&fresh))?;
        fs::rename(&fresh, &path).map_err(told(&path))?;
        Ok(trim(&directory, MAX_NOTES).map_err(told(&directory))?)
    }

    fn note(&self, repository: &str, reference: &str) -> PathBuf {
        let digest = Sha256::digest(format!("{repository}\0{reference}"));
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.shelf.path(REFERENCES).join(name)
    }
}

/// What the name of an entry says.
fn entry(name: &str) -> Option<(CommitId, TreeDigest)> {
    let (commit, digest) = name.split_once('-')?;
    let digest = TreeDigest::parse(&format!("sha256:{digest}"))?;
    Some((CommitId::parse(commit)?, digest))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::SystemTime;

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
        let entries = fs::read_dir(store.shelf.directory()).unwrap();
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
