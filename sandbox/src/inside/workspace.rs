//! The workspace: a copy of a tree that costs nothing (an overlay whose changes go to the scratch file
//! system), a real copy where the kernel has no overlay for us, or the tree itself. And other trees that are shown as
//! copies.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstatat, mknodat};

use super::root::{HostTrees, Root, make_directories};
use super::scratch::Scratch;
use super::{GID, UID};
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::spec::Access;
use crate::sys::mount::{self, FsContext, NODEV, NOSUID, RDONLY};
use crate::wire::{Plan, PlannedWorkspace};

const LAYER: LayerId = LayerId::Mount;

/// Puts the workspace in its place below the new root.
pub fn attach(plan: &Plan, host: &HostTrees, scratch: &Scratch, root: &Root) -> Result<(), LayerError> {
    let (Some(workspace), Some(tree)) = (&plan.workspace, &host.workspace) else { return Ok(()) };
    mount::set_attributes_below(tree.as_fd(), NOSUID | NODEV)
        .layer(LAYER, || "restrict the workspace's tree".into())?;
    root.mount_point(&workspace.at, true)?;
    if workspace.access == Access::Write {
        return root.attach(tree, &workspace.at);
    }
    let layers = Layers::make(tree, scratch, "")?;
    let changes = layers.changes.as_fd();
    let possible = mapped(tree)? && mount::keeps_user_attributes(changes);
    let overlay = if possible { layers.overlay(tree.as_fd()) } else { Err(Errno::EINVAL) };
    match overlay {
        Ok(overlay) => {
            prepare_changes(workspace, tree.as_fd(), changes, true)?;
            root.attach(&overlay, &workspace.at)
        }
        Err(errno) if is_no_overlay(errno) => {
            let mut copy = Copy { hidden: &workspace.hidden, failed: None };
            let copied = copy.directory(tree.as_fd(), changes, Path::new(""));
            copied.layer(LAYER, || {
                let path = copy.failed.take().unwrap_or_else(|| ".".into());
                format!("copy `{}` of the workspace's tree", path.display())
            })?;
            prepare_changes(workspace, tree.as_fd(), changes, false)?;
            let copied = mount::clone_tree(changes, c"").layer(LAYER, || "clone the copy".into())?;
            root.attach(&copied, &workspace.at)
        }
        Err(errno) => Err(errno).layer(LAYER, || "lay an overlay over the workspace".into()),
    }
}

/// Whether the tree belongs to the sandbox's user and group: an overlay can't copy up, on a write, what
/// belongs to an id that isn't mapped.
fn mapped(tree: &OwnedFd) -> Result<bool, LayerError> {
    let stat = nix::sys::stat::fstat(tree).layer(LAYER, || "look at the workspace's tree".into())?;
    Ok(stat.st_uid == UID && stat.st_gid == GID)
}

/// There is none for us, or none of this tree.
fn is_no_overlay(errno: Errno) -> bool {
    matches!(errno, Errno::ENODEV | Errno::EPERM | Errno::EINVAL | Errno::EOPNOTSUPP)
}

/// What an overlay over a tree needs on the scratch file system.
struct Layers {
    changes: OwnedFd,
    work: OwnedFd,
}

impl Layers {
    /// Makes them; `suffix` tells them from those of other trees.
    fn make(tree: &OwnedFd, scratch: &Scratch, suffix: &str) -> Result<Layers, LayerError> {
        let [changes, work, lower] = ["changes", "work", "tree"].map(|part| format!("{part}{suffix}"));
        for part in [&changes, &work, &lower] {
            make_directories(scratch.fd(), Path::new(part))
                .layer(LAYER, || format!("make directory `{part}`"))?;
        }
        // Attached, since older kernels make no overlay of a detached tree; `/proc` will cover it.
        CString::new(lower)
            .map_err(|_| Errno::EINVAL)
            .and_then(|lower| mount::attach(tree, scratch.fd(), &lower))
            .layer(LAYER, || "attach a tree below its changes".into())?;
        let open = |part: &str| {
            openat(scratch.fd(), part, OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
                .layer(LAYER, || format!("open directory `{part}`"))
        };
        Ok(Layers { changes: open(&changes)?, work: open(&work)? })
    }

    fn overlay(&self, tree: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
        // Names of descriptors, so that nothing in the tree's real path can be taken for a separator.
        let path = |fd: BorrowedFd<'_>| {
            CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd())).map_err(|_| Errno::EINVAL)
        };
        let fs = FsContext::open(c"overlay")?;
        fs.set(c"lowerdir", &path(tree)?)?;
        fs.set(c"upperdir", &path(self.changes.as_fd())?)?;
        fs.set(c"workdir", &path(self.work.as_fd())?)?;
        // Without a privilege over `trusted.*`, overlayfs keeps its marks in `user.overlay.*`.
        fs.flag(c"userxattr")?;
        fs.mount(NOSUID | NODEV)
    }
}

/// Puts the trees of which the sandbox has a copy in their places.
pub fn attach_copies(host: &HostTrees, scratch: &Scratch, root: &Root) -> Result<(), LayerError> {
    for (number, (tree, at)) in host.copied().enumerate() {
        mount::set_attributes_below(tree.as_fd(), RDONLY | NOSUID | NODEV)
            .layer(LAYER, || format!("restrict the tree of `{}`", at.display()))?;
        root.mount_point(at, true)?;
        let layers = Layers::make(tree, scratch, &format!("-{number}"))?;
        copy_mode(tree.as_fd(), layers.changes.as_fd(), c"")
            .layer(LAYER, || format!("set the mode of `{}`", at.display()))?;
        if !mapped(tree)? {
            open_up(tree.as_fd(), layers.changes.as_fd(), UPPERMOST)
                .layer(LAYER, || format!("make directories above those of `{}`", at.display()))?;
        }
        match layers.overlay(tree.as_fd()) {
            Ok(overlay) => root.attach(&overlay, at)?,
            // What can only be read is better than nothing.
            Err(errno) if is_no_overlay(errno) => root.attach(tree, at)?,
            Err(errno) => {
                return Err(errno).layer(LAYER, || format!("lay an overlay over `{}`", at.display()));
            }
        }
    }
    Ok(())
}

/// How deep something can be added to a copy of what belongs to somebody else: a tool and a version of it.
const UPPERMOST: usize = 2;
/// Most directories that are made for that.
const MAX_OPENED: usize = 10_000;

/// Makes the uppermost directories of a tree among its changes, so that something can be added to them: an overlay
/// can't copy up what belongs to an id that isn't mapped.
fn open_up(tree: BorrowedFd<'_>, changes: BorrowedFd<'_>, depth: usize) -> Result<(), Errno> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut directory = nix::dir::Dir::from_fd(openat(tree, ".", flags, Mode::empty())?)?;
    for entry in directory.iter().take(MAX_OPENED) {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let stat = fstatat(tree, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFDIR {
            continue;
        }
        nix::sys::stat::mkdirat(changes, name, Mode::from_bits_truncate(0o755))?;
        // What this user can't read, no command can either.
        if depth > 1
            && let Ok(below) = openat(tree, name, flags, Mode::empty())
        {
            open_up(below.as_fd(), openat(changes, name, flags, Mode::empty())?.as_fd(), depth - 1)?;
        }
    }
    Ok(())
}

/// Hides and replaces what the caller asked for.
fn prepare_changes(
    workspace: &PlannedWorkspace,
    tree: BorrowedFd<'_>,
    changes: BorrowedFd<'_>,
    whiteouts: bool,
) -> Result<(), LayerError> {
    copy_mode(tree, changes, c"").layer(LAYER, || "set the workspace's mode".into())?;
    for path in workspace.hidden.iter().filter(|_| whiteouts) {
        // A whiteout is a character device 0/0, which anyone may make since Linux 5.8.
        parents(tree, changes, path)
            .and_then(|()| mknodat(changes, path.as_c_str(), SFlag::S_IFCHR, Mode::empty(), 0))
            .layer(LAYER, || format!("hide `{}`", path.to_string_lossy()))?;
    }
    for (path, content) in &workspace.replaced {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        parents(tree, changes, path)
            .and_then(|()| openat(changes, path.as_c_str(), flags, Mode::from_bits_truncate(0o644)))
            .and_then(|fd| write_all(fd.as_fd(), content))
            .layer(LAYER, || format!("replace `{}`", path.to_string_lossy()))?;
    }
    Ok(())
}

/// Makes the directories above `path` among the changes, with the modes that they have in the tree. One may stand in
/// place of a file.
fn parents(tree: BorrowedFd<'_>, changes: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let path = Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()));
    let above: Vec<&Path> = path.ancestors().skip(1).filter(|p| !p.as_os_str().is_empty()).collect();
    for directory in above.into_iter().rev() {
        let name = CString::new(directory.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
        let is_directory = |fd| match fstatat(fd, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
            Err(errno) => Err(errno),
        };
        if is_directory(changes)? == Some(false) {
            nix::unistd::unlinkat(changes, name.as_c_str(), nix::unistd::UnlinkatFlags::NoRemoveDir)?;
        }
        make_directories(changes, directory)?;
        if is_directory(tree)? == Some(true) {
            copy_mode(tree, changes, &name)?;
        }
    }
    Ok(())
}

fn copy_mode(from: BorrowedFd<'_>, to: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let mode = fstatat(from, path, AtFlags::AT_EMPTY_PATH | AtFlags::AT_SYMLINK_NOFOLLOW)?.st_mode;
    let path = if path.is_empty() { c"." } else { path };
    fchmodat(to, path, Mode::from_bits_truncate(mode), FchmodatFlags::FollowSymlink)
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = nix::unistd::write(fd, bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// A real copy, where there is no overlay: directories, files and symbolic links; reflinked where the file
/// systems can.
struct Copy<'a> {
    hidden: &'a [CString],
    /// The path at which it failed.
    failed: Option<PathBuf>,
}

impl Copy<'_> {
    fn directory(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, at: &Path) -> Result<(), Errno> {
        let listing =
            openat(from, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let mut directory = nix::dir::Dir::from_fd(listing)?;
        for entry in directory.iter() {
            let entry = entry?;
            let name = entry.file_name();
            let path = at.join(std::ffi::OsStr::from_bytes(name.to_bytes()));
            let hidden = self.hidden.iter().any(|h| h.to_bytes() == path.as_os_str().as_bytes());
            if name != c"." && name != c".." && !hidden {
                self.entry(from, to, name, &path).inspect_err(|_| {
                    self.failed.get_or_insert(path);
                })?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &CStr,
        path: &Path,
    ) -> Result<(), Errno> {
        let stat = fstatat(from, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        let mode = Mode::from_bits_truncate(stat.st_mode);
        let flags = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFDIR => {
                nix::sys::stat::mkdirat(to, name, mode | Mode::S_IRWXU)?;
                let below = openat(from, name, flags | OFlag::O_DIRECTORY, Mode::empty())?;
                let copy = openat(to, name, flags | OFlag::O_DIRECTORY, Mode::empty())?;
                self.directory(below.as_fd(), copy.as_fd(), path)
            }
            SFlag::S_IFLNK => {
                nix::unistd::symlinkat(nix::fcntl::readlinkat(from, name)?.as_os_str(), to, name)
            }
            SFlag::S_IFREG => {
                let source = std::fs::File::from(openat(from, name, flags | OFlag::O_RDONLY, Mode::empty())?);
                let write = flags | OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
                let target = std::fs::File::from(openat(to, name, write, mode | Mode::S_IWUSR)?);
                std::io::copy(&mut &source, &mut &target)
                    .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))?;
                Ok(())
            }
            // Sockets, FIFOs and devices are no part of a tree that anybody works on.
            _ => Ok(()),
        }
    }
}
