//! Which process a directory belongs to: it holds a lock there while it lives, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file that is locked; its content is the process's number.
const LOCK: &str = "lock";

/// Holds a directory until the end of the process or of what this gives.
pub fn hold(directory: &Path) -> io::Result<File> {
    let mut lock = open(directory, true)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process has it"));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    lock.set_len(0)?;
    write!(lock, "{}", std::process::id())?;
    Ok(lock)
}

/// The process that holds a directory; none where nobody does.
pub fn holder(directory: &Path) -> io::Result<Option<u32>> {
    let mut lock = match open(directory, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            lock.rewind()?;
            Read::take(&lock, 32).read_to_string(&mut text)?;
            Ok(text.parse().ok())
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open(directory: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(directory.join(LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_directory_is_known_until_it_is_let_go() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(holder(dir.path()).unwrap(), None);
        let held = hold(dir.path()).unwrap();
        assert_eq!(holder(dir.path()).unwrap(), Some(std::process::id()));
        assert!(hold(dir.path()).unwrap_err().to_string().contains("another process"));
        drop(held);
        assert_eq!(holder(dir.path()).unwrap(), None);
    }
}
