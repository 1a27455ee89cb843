//! The sandbox's own writable space: one file system in memory, limited in size and inodes, for `/home`,
//! `/tmp`, `/dev/shm` and the workspace's changes. It is gone with the last process, whatever ends it.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::{Mode, mkdirat};

use super::root::{Root, UNDER_CONSTRUCTION, Writable, make_directories, relative, tmpfs};
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::sys::mount::{self, NODEV, NOSUID};
use crate::wire::Plan;

/// Directories of the scratch file system, where they appear, and their modes.
const PARTS: &[(&str, &str, u32)] =
    &[("tmp", "/tmp", 0o1777), ("home", "/home", 0o755), ("shm", "/dev/shm", 0o1777)];

/// Whether a path inside lies on the scratch file system.
pub fn holds(at: &Path) -> bool {
    at.starts_with("/var/tmp") || PARTS.iter().any(|(_, part, _)| at.starts_with(part))
}

/// Makes the mount points of its parts.
pub fn make_mount_points(root: &Root) -> Result<(), LayerError> {
    [UNDER_CONSTRUCTION, "/dev"]
        .into_iter()
        .chain(PARTS.iter().map(|(_, at, _)| *at))
        .try_for_each(|at| root.mount_point(Path::new(at), true))
}

/// Home directory of the one user.
pub const HOME: &str = "/home/runner";

/// The scratch file system while the root is assembled.
pub struct Scratch {
    fd: OwnedFd,
}

/// Makes it, with its directories.
pub fn create(plan: &Plan, root: &Root) -> Result<Scratch, LayerError> {
    let layer = LayerId::Mount;
    let number = |n: u64| CString::new(n.to_string()).unwrap_or_default();
    let fd = tmpfs(&number(plan.disk), &number(plan.limits.inodes), c"0755", NOSUID | NODEV)
        .layer(layer, || format!("make a scratch file system of {} bytes", plan.disk))?;
    root.attach(&fd, Path::new(UNDER_CONSTRUCTION))?;
    for (name, _, mode) in PARTS {
        mkdirat(&fd, *name, Mode::from_bits_truncate(*mode))
            .layer(layer, || format!("make scratch directory `{name}`"))?;
    }
    Ok(Scratch { fd })
}

impl Scratch {
    /// Its descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Attaches its parts to the new root.
    pub fn attach(&self, root: &Root) -> Result<Vec<Writable>, LayerError> {
        for (name, at, _) in PARTS {
            let name = CString::new(*name).unwrap_or_default();
            let part = mount::clone_tree(self.fd(), &name)
                .layer(LayerId::Mount, || format!("clone scratch directory `{}`", name.to_string_lossy()))?;
            root.attach(&part, Path::new(at))?;
        }
        make_directories(root.fd(), Path::new(HOME)).layer(LayerId::Mount, || format!("make `{HOME}`"))?;
        Ok(PARTS.iter().map(|(_, at, _)| Writable(at.into())).collect())
    }

    /// Makes and opens the directory that the caller shares.
    pub fn open_shared_dir(&self, plan: &Plan, root: &Root) -> Result<Option<OwnedFd>, LayerError> {
        let Some(at) = &plan.shared_dir else { return Ok(None) };
        root.directory(at)?;
        openat(root.fd(), relative(at), OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .layer(LayerId::Mount, || format!("open `{}`", at.display()))
            .map(Some)
    }
}
