//! A directory that the caller and the commands in a sandbox share. The commands own it and may put
//! anything there, so nothing in it is followed and every size is bounded.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::renameat;
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::sys::process::{open_beneath, set_fs_ids};
use crate::wire::Identity;

/// The caller's handle of the directory that [`Spec::shared_dir`](crate::Spec::shared_dir) asked for.
#[derive(Debug)]
pub struct SharedDir {
    dir: Arc<OwnedFd>,
    /// As who files are touched, where that isn't the caller.
    owner: Option<u32>,
}

impl SharedDir {
    pub(crate) fn new(dir: OwnedFd, identity: Identity) -> Self {
        let owner = match identity {
            Identity::Caller { .. } => None,
            Identity::Own { id } => Some(id),
        };
        SharedDir { dir: Arc::new(dir), owner }
    }

    /// Makes a file of this name, which must not exist, with this mode and content.
    pub fn write(&self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        self.as_owner(|| {
            let mut file = File::from(open_beneath(self.dir.as_fd(), &c_name(name)?, flags, 0o600)?);
            fchmod(&file, Mode::from_bits_truncate(mode))?;
            file.write_all(content)
        })
    }

    /// Makes a file of this name, or replaces the one there is, at once for whoever reads it.
    pub fn replace(&self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let new = format!("{name}.new");
        // Left by a caller that was stopped in between, or put there by a command.
        let _ = self.remove(&new);
        self.write(&new, mode, content)?;
        self.as_owner(|| {
            Ok(renameat(&*self.dir, c_name(&new)?.as_c_str(), &*self.dir, c_name(name)?.as_c_str())?)
        })
    }

    /// Another handle of the same directory.
    pub fn try_clone(&self) -> io::Result<SharedDir> {
        Ok(SharedDir { dir: self.dir.clone(), owner: self.owner })
    }

    /// Touches several files, by the handle that `action` is given: a privileged caller becomes the sandbox's user once for
    /// all of them. Nothing but these files belongs there.
    pub fn together<T>(&self, action: impl FnOnce(&SharedDir) -> T) -> T {
        let as_one = SharedDir { dir: self.dir.clone(), owner: None };
        self.as_owner(|| action(&as_one))
    }

    /// Reads a file of at most `limit` bytes. Whatever isn't a plain file (a symbolic link, a FIFO) is
    /// refused, and so is a larger one.
    pub fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let flags = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
        self.as_owner(|| {
            let not_plain = || io::Error::new(io::ErrorKind::InvalidData, "is not a plain file any more");
            let file = match open_beneath(self.dir.as_fd(), &c_name(name)?, flags, 0) {
                // A symbolic link, a socket, and a FIFO that nobody reads.
                Err(Errno::ELOOP | Errno::ENXIO) => return Err(not_plain()),
                opened => File::from(opened?),
            };
            if !file.metadata()?.is_file() {
                return Err(not_plain());
            }
            let mut content = Vec::new();
            file.take(limit + 1).read_to_end(&mut content)?;
            if content.len() as u64 > limit {
                let what = format!("is larger than {limit} bytes");
                return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
            }
            Ok(content)
        })
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        self.as_owner(|| Ok(unlinkat(&*self.dir, c_name(name)?.as_c_str(), UnlinkatFlags::NoRemoveDir)?))
    }

    /// Touches files as the sandbox's user, not as a privileged caller: what that user can't open, a
    /// caller has no business with, and what is made belongs to that user.
    fn as_owner<T>(&self, action: impl FnOnce() -> T) -> T {
        match self.owner {
            None => action(),
            Some(id) => {
                let (uid, gid) = set_fs_ids(id, id);
                let result = action();
                set_fs_ids(uid, gid);
                result
            }
        }
    }
}

fn c_name(name: &str) -> io::Result<CString> {
    CString::new(name).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a name with a NUL in it"))
}
