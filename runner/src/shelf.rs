//! A directory of entries that are kept between runs, each a directory of its own.
//!
//! An entry appears by a rename once it is whole, and is never changed. Who uses or makes one holds a lock on its
//! directory, which the kernel lets go when the process ends, however it ends; what nobody holds can be removed. When
//! an entry was last used is its directory's time of modification.

use std::fs::{self, File, FileTimes, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the directories of entries in the making begin with.
const MAKING: &str = "making-";
/// What those of entries begin with that are on their way out.
const LEAVING: &str = "leaving-";

/// The directory.
#[derive(Clone, Debug)]
pub struct Shelf(PathBuf);

/// An entry in the making; gone at the end unless it was put on the shelf.
#[derive(Debug)]
pub struct Making {
    directory: PathBuf,
    lock: File,
    kept: bool,
}

/// An entry, which stays as long as this does.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    lock: File,
}

/// The file system doesn't do what it is asked.
#[derive(Debug, thiserror::Error)]
#[error("`{}`: {error}", path.display())]
pub struct ShelfError {
    /// With what.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// For `map_err`: adds the path.
pub fn told(path: &Path) -> impl FnOnce(io::Error) -> ShelfError + '_ {
    move |error| ShelfError { path: path.to_owned(), error }
}

impl Shelf {
    /// In a directory that exists.
    pub fn new(directory: PathBuf) -> Shelf {
        Shelf(directory)
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.0
    }

    /// The names of what is there; whole entries, and what else somebody has put there.
    pub fn names(&self) -> Result<Vec<String>, ShelfError> {
        Ok(self.all()?.into_iter().filter(|name| !is_unfinished(name)).collect())
    }

    /// Where the entry of a name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A place to make an entry in. What was left in the middle by processes that have ended goes.
    pub fn make(&self) -> Result<Making, ShelfError> {
        for name in self.all()?.iter().filter(|name| is_unfinished(name)) {
            let path = self.path(name);
            if take(&path)?.is_some() {
                remove(&path)?;
            }
        }
        let mut number = 0;
        loop {
            number += 1;
            let directory = self.path(&format!("{MAKING}{}-{number}", std::process::id()));
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

    /// Puts an entry in its place; `None` where there is one of this name. What has not found its place stays for
    /// as long as `making` does.
    pub fn put(&self, making: &mut Making, name: &str) -> Result<Option<PathBuf>, ShelfError> {
        let path = self.path(name);
        // Whoever finds it from now on may use it.
        making.lock.lock_shared().map_err(told(&path))?;
        match fs::rename(&making.directory, &path) {
            Ok(()) => {
                making.kept = true;
                Ok(Some(path))
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
                Ok(None)
            }
            Err(e) => Err(told(&path)(e)),
        }
    }

    /// Holds an entry against removal; `None` where there is none.
    pub fn hold(&self, name: &str) -> Result<Option<Held>, ShelfError> {
        let path = self.path(name);
        let Some(lock) = open(&path)? else { return Ok(None) };
        lock.lock_shared().map_err(told(&path))?;
        // It may have gone while this waited.
        Ok(path.is_dir().then_some(Held { path, lock }))
    }

    /// Removes an entry unless somebody holds it; whether it is gone by this.
    pub fn remove(&self, name: &str) -> Result<bool, ShelfError> {
        let path = self.path(name);
        let Some(_lock) = take(&path)? else { return Ok(false) };
        let leaving = self.path(&format!("{LEAVING}{name}"));
        match fs::rename(&path, &leaving) {
            // Another process was faster.
            Err(_) => Ok(false),
            Ok(()) => remove(&leaving).map(|()| true),
        }
    }

    /// Removes what was used least recently of the entries named so until the rest fits; what is in use stays.
    /// `bytes` tells the size of an entry in its directory; nothing for one that was put there by nobody who knows
    /// how, which goes first.
    pub fn evict(
        &self,
        max_size: u64,
        named: impl Fn(&str) -> bool,
        bytes: impl Fn(&Path) -> Option<u64>,
    ) -> Result<(), ShelfError> {
        let mut entries = Vec::new();
        for name in self.names()?.into_iter().filter(|name| named(name)) {
            let path = self.path(&name);
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let bytes = bytes(&path);
            let used = bytes.map(|_| (metadata.mtime(), metadata.mtime_nsec()));
            entries.push((used, bytes.unwrap_or(0), name));
        }
        entries.sort_unstable();
        let mut size: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, name) in entries {
            if size <= max_size {
                break;
            }
            if self.remove(&name)? {
                size -= bytes;
            }
        }
        Ok(())
    }

    /// Bytes of all files of entries, those in the making included.
    pub fn bytes(&self) -> Result<u64, ShelfError> {
        Ok(self.all()?.iter().map(|name| self.bytes_of(name)).sum())
    }

    /// Bytes of all files of entries in the making.
    pub fn bytes_in_making(&self) -> Result<u64, ShelfError> {
        Ok(self.all()?.iter().filter(|name| is_unfinished(name)).map(|name| self.bytes_of(name)).sum())
    }

    fn bytes_of(&self, name: &str) -> u64 {
        // What has gone meanwhile takes no room.
        let files = fs::read_dir(self.path(name)).into_iter().flatten().flatten();
        files.map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum()
    }

    fn all(&self) -> Result<Vec<String>, ShelfError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0).map_err(told(&self.0))? {
            names.extend(entry.map_err(told(&self.0))?.file_name().into_string());
        }
        Ok(names)
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

impl Held {
    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes note that it is used now, so that it goes last. Where that can't be noted it only goes earlier.
    pub fn used(&self) {
        let _ = self.lock.set_times(FileTimes::new().set_modified(SystemTime::now()));
    }
}

fn is_unfinished(name: &str) -> bool {
    name.starts_with(MAKING) || name.starts_with(LEAVING)
}

fn remove(path: &Path) -> Result<(), ShelfError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(told(path)(e)),
        _ => Ok(()),
    }
}

/// Takes an entry that nobody holds.
fn take(path: &Path) -> Result<Option<File>, ShelfError> {
    let Some(file) = open(path)? else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(told(path)(error)),
    }
}

fn open(path: &Path) -> Result<Option<File>, ShelfError> {
    match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => Ok(Some(opened.map_err(told(path))?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shelf() -> (tempfile::TempDir, Shelf) {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().to_owned());
        (dir, shelf)
    }

    fn put(shelf: &Shelf, name: &str, content: &str) -> bool {
        let mut making = shelf.make().unwrap();
        fs::write(making.directory().join("file"), content).unwrap();
        shelf.put(&mut making, name).unwrap().is_some()
    }

    #[test]
    fn the_first_of_a_name_stays() {
        let (_dir, shelf) = shelf();
        assert!(put(&shelf, "a", "1") && !put(&shelf, "a", "2"));
        assert_eq!(shelf.names().unwrap(), ["a"]);
        let held = shelf.hold("a").unwrap().unwrap();
        assert_eq!(fs::read_to_string(held.path().join("file")).unwrap(), "1");
        assert!(!shelf.remove("a").unwrap());
        drop(held);
        assert!(shelf.remove("a").unwrap() && shelf.hold("a").unwrap().is_none());
    }

    #[test]
    fn what_was_left_in_the_middle_is_swept() {
        let (dir, shelf) = shelf();
        for left in ["making-1-0", "leaving-a"] {
            fs::create_dir(dir.path().join(left)).unwrap();
            fs::write(dir.path().join(left).join("part"), "x").unwrap();
        }
        let making = shelf.make().unwrap();
        let own = making.directory().file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(shelf.all().unwrap(), [own]);
        // Not what is in the making.
        let other = shelf.make().unwrap();
        assert!(making.directory().is_dir() && other.directory().is_dir());
        drop((making, other));
        assert!(shelf.all().unwrap().is_empty());
    }

    #[test]
    fn what_was_used_least_recently_goes_and_what_is_in_use_stays() {
        let (_dir, shelf) = shelf();
        for name in ["a", "b", "c", "d"] {
            put(&shelf, name, "12");
        }
        fs::create_dir(shelf.path("strange")).unwrap();
        fs::create_dir(shelf.path("_other")).unwrap();
        let held = shelf.hold("a").unwrap().unwrap();
        shelf.hold("b").unwrap().unwrap().used();
        let bytes = |path: &Path| fs::metadata(path.join("file")).ok().map(|m| m.len());
        shelf.evict(4, |name| !name.starts_with('_'), bytes).unwrap();
        let mut left = shelf.names().unwrap();
        left.sort();
        // `c` and `d` are older than `b`.
        assert_eq!(left, ["_other", "a", "b"]);
        drop(held);
    }
}
