//! Identity for a privileged caller: the sandbox's user is an id of its own on the host, and the
//! workspace's files are shown to it as its own by an id-mapped mount.

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::stat::fstat;
use nix::unistd::Pid;

use super::spawn::errno_of;
use crate::error::{Context, LayerError};
use crate::inside::{GID, UID};
use crate::report::LayerId;
use crate::sys::mount;
use crate::sys::process::Paused;

/// First of the ids that sandboxes of a privileged palisade run under. Above what systemd gives to
/// containers and below 2^31 (<https://systemd.io/UIDS-GIDS/>), so that nothing on a host has them.
const FIRST: u32 = 1_879_113_728;
/// Process ids are below this (`PID_MAX_LIMIT` of `linux/threads.h`).
const MOST_PIDS: u32 = 1 << 22;

/// Whether this process may map ids as it likes: it is root, and not only root of a user namespace that
/// hasn't these ids (`unshare --map-root-user`, a rootless container).
pub fn privileged() -> bool {
    nix::unistd::geteuid().is_root()
        && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| has_own_ids(&map))
}

/// Whether a `uid_map` has all the ids that sandboxes may get.
fn has_own_ids(uid_map: &str) -> bool {
    uid_map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(str::parse::<u64>);
        let (Some(Ok(inside)), Some(Ok(_)), Some(Ok(count))) = (fields.next(), fields.next(), fields.next())
        else {
            return false;
        };
        inside <= FIRST.into() && inside + count > u64::from(FIRST + MOST_PIDS)
    })
}

/// An id for the sandbox of this init; two sandboxes at a time have two.
pub fn own_id(init: Pid) -> u32 {
    FIRST + init.as_raw().unsigned_abs()
}

/// Maps the sandbox's user to `id` outside.
pub fn map_user(init: Pid, id: u32) -> Result<(), LayerError> {
    write_map(init, "uid_map", &format!("{UID} {id} 1"))?;
    write_map(init, "gid_map", &format!("{GID} {id} 1"))
}

fn write_map(pid: Pid, map: &str, content: &str) -> Result<(), LayerError> {
    let path = format!("/proc/{pid}/{map}");
    std::fs::write(&path, content)
        .map_err(|e| errno_of(&e))
        .layer(LayerId::User, || format!("write `{content}` to `{path}`"))
}

/// A detached tree of a host path.
pub fn tree(path: &CStr) -> Result<OwnedFd, Errno> {
    mount::clone_tree(nix::fcntl::AT_FDCWD, path)
}

/// Shows a detached tree's files, as far as they belong to the owner of its top, as files of `id`.
pub fn show_as(tree: &OwnedFd, id: u32, path: &Path) -> Result<(), LayerError> {
    let layer = LayerId::Mount;
    let owner = fstat(tree).layer(layer, || format!("look at `{}`", path.display()))?;
    let holder =
        Paused::start(libc::CLONE_NEWUSER).layer(layer, || "make a user namespace to map ids by".into())?;
    write_map(holder.pid(), "uid_map", &format!("{} {id} 1", owner.st_uid))?;
    write_map(holder.pid(), "gid_map", &format!("{} {id} 1", owner.st_gid))?;
    let namespace = File::open(format!("/proc/{}/ns/user", holder.pid()))
        .map_err(|e| errno_of(&e))
        .layer(layer, || "open a user namespace to map ids by".into())?;
    mount::map_ids(tree.as_fd(), namespace.as_fd())
        .layer(layer, || format!("map the owner of `{}` to the sandbox's user", path.display()))
}

/// Whether a tree's file system is one that can't map ids (tmpfs before Linux 6.3, network file systems).
pub fn unsupported(error: &LayerError) -> bool {
    matches!(Errno::from_raw(error.errno), Errno::EINVAL | Errno::EOPNOTSUPP)
}

#[cfg(test)]
mod tests {
    use super::has_own_ids;

    #[test]
    fn only_a_map_with_all_own_ids_counts() {
        assert!(has_own_ids("         0          0 4294967295\n"));
        assert!(!has_own_ids("0 1000 1\n"));
        assert!(!has_own_ids("0 1000 1\n1 100000 65536\n"));
        assert!(!has_own_ids("0 0 1879113729\n"));
        assert!(!has_own_ids(""));
        assert!(!has_own_ids("x y z\n"));
    }
}
