//! The mount API of Linux 5.2 and later: `fsopen(2)`, `fsconfig(2)`, `fsmount(2)`, `open_tree(2)`,
//! `move_mount(2)`, `mount_setattr(2)`. Works on descriptors, so nothing is looked up by name twice.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr::null;

use super::{Result, check, check_fd};

/// `MOUNT_ATTR_*` of `linux/mount.h`.
pub const RDONLY: u64 = 0x1;
/// No set-user-id programs.
pub const NOSUID: u64 = 0x2;
/// No device nodes.
pub const NODEV: u64 = 0x4;
/// No programs.
pub const NOEXEC: u64 = 0x8;
/// Ids are mapped by a user namespace.
pub const IDMAP: u64 = 0x0010_0000;

const FSOPEN_CLOEXEC: u32 = 1;
const FSMOUNT_CLOEXEC: u32 = 1;
const FSCONFIG_SET_FLAG: u32 = 0;
const FSCONFIG_SET_STRING: u32 = 1;
const FSCONFIG_CMD_CREATE: u32 = 6;
const OPEN_TREE_CLONE: u32 = 1;
const AT_RECURSIVE: u32 = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH: u32 = 0x4;

/// A file system being configured.
pub struct FsContext(OwnedFd);

impl FsContext {
    /// Opens a context for a file system type.
    pub fn open(fs: &CStr) -> Result<Self> {
        // SAFETY: `fs` is a valid C string for the length of the call.
        check_fd(unsafe { libc::syscall(libc::SYS_fsopen, fs.as_ptr(), FSOPEN_CLOEXEC) }).map(FsContext)
    }

    /// Sets a string option.
    pub fn set(&self, key: &CStr, value: &CStr) -> Result<()> {
        self.config(FSCONFIG_SET_STRING, Some(key), Some(value))
    }

    /// Sets a flag option.
    pub fn flag(&self, key: &CStr) -> Result<()> {
        self.config(FSCONFIG_SET_FLAG, Some(key), None)
    }

    /// Creates the file system and gives a mount of it that is attached nowhere yet.
    pub fn mount(self, attributes: u64) -> Result<OwnedFd> {
        self.config(FSCONFIG_CMD_CREATE, None, None)?;
        // SAFETY: takes integers only.
        check_fd(unsafe { libc::syscall(libc::SYS_fsmount, self.0.as_raw_fd(), FSMOUNT_CLOEXEC, attributes) })
    }

    fn config(&self, command: u32, key: Option<&CStr>, value: Option<&CStr>) -> Result<()> {
        let key = key.map_or(null(), CStr::as_ptr);
        let value = value.map_or(null(), CStr::as_ptr);
        // SAFETY: both pointers are null or valid C strings for the length of the call.
        check(unsafe { libc::syscall(libc::SYS_fsconfig, self.0.as_raw_fd(), command, key, value, 0) })?;
        Ok(())
    }
}

/// A private, detached copy of the mount tree at `path`, submounts included.
pub fn clone_tree(dir: BorrowedFd<'_>, path: &CStr) -> Result<OwnedFd> {
    let flags = OPEN_TREE_CLONE | AT_RECURSIVE | libc::O_CLOEXEC as u32 | libc::AT_EMPTY_PATH as u32;
    // SAFETY: `path` is a valid C string for the length of the call.
    check_fd(unsafe { libc::syscall(libc::SYS_open_tree, dir.as_raw_fd(), path.as_ptr(), flags) })
}

/// Attaches a mount at `path` below `dir`.
pub fn attach(mount: &OwnedFd, dir: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    // SAFETY: both paths are valid C strings for the length of the call.
    check(unsafe {
        libc::syscall(
            libc::SYS_move_mount,
            mount.as_raw_fd(),
            c"".as_ptr(),
            dir.as_raw_fd(),
            path.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH,
        )
    })?;
    Ok(())
}

/// Layout of `struct mount_attr` in `linux/mount.h`, version 0.
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Sets attributes on a mount alone.
pub fn set_attributes(mount: BorrowedFd<'_>, set: u64) -> Result<()> {
    setattr(mount, 0, MountAttr { set, clear: 0, propagation: 0, userns_fd: 0 })
}

/// Sets attributes on a mount and on all that is mounted below it.
pub fn set_attributes_below(mount: BorrowedFd<'_>, set: u64) -> Result<()> {
    setattr(mount, AT_RECURSIVE, MountAttr { set, clear: 0, propagation: 0, userns_fd: 0 })
}

/// Maps ids on this mount by a user namespace: what its `uid_map` calls inside is the id on disk, what
/// it calls outside is the id that shows.
pub fn map_ids(mount: BorrowedFd<'_>, userns: BorrowedFd<'_>) -> Result<()> {
    let userns_fd = userns.as_raw_fd() as u64;
    setattr(mount, AT_RECURSIVE, MountAttr { set: IDMAP, clear: 0, propagation: 0, userns_fd })
}

fn setattr(mount: BorrowedFd<'_>, flags: u32, attr: MountAttr) -> Result<()> {
    // SAFETY: `attr` lives through the call and its size is passed along.
    check(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH as u32 | flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    })?;
    Ok(())
}

/// Makes the mount at `root` the root of this mount namespace and takes the old one away, with all that
/// is mounted on it.
pub fn pivot(root: &OwnedFd) -> Result<()> {
    nix::unistd::fchdir(root.as_fd())?;
    // SAFETY: both paths are valid C strings. The second "." stacks the old root on the new one, see
    // pivot_root(2), "pivot_root(".", ".")".
    check(unsafe { libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()) })?;
    nix::mount::umount2(c".", nix::mount::MntFlags::MNT_DETACH)?;
    nix::unistd::chdir(c"/")
}

/// Whether files of the file system that `dir` is on can have attributes of their users', in which an overlay without
/// privileges notes what it hides: tmpfs has none before Linux 6.6.
pub fn keeps_user_attributes(dir: BorrowedFd<'_>) -> bool {
    // SAFETY: the name is a C string, and a buffer of no length is not written to.
    let length =
        unsafe { libc::fgetxattr(dir.as_raw_fd(), c"user.overlay.opaque".as_ptr(), std::ptr::null_mut(), 0) };
    length >= 0 || nix::errno::Errno::last() != nix::errno::Errno::EOPNOTSUPP
}
