//! The mount layer: a root assembled from nothing, entered by `pivot_root(2)`. It is itself a small
//! read-only file system that holds mount points and the synthetic `/etc`; what it shows of the host is
//! an allowlist, mounted read-only.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlink};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat, mknodat};
use nix::unistd::symlinkat;

use super::{here, scratch};
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::spec::Access;
use crate::sys::mount::{self, FsContext, NODEV, NOEXEC, NOSUID, RDONLY};
use crate::wire::{Plan, Source};

/// What every sandbox shows of the host where it exists, read-only. Programs, libraries and the parts of
/// `/etc` that they can't do without and that tell nothing about the host's people or services.
const ALLOWLIST: &[&CStr] = &[
    c"/usr",
    c"/opt",
    c"/nix/store",
    c"/etc/alternatives",
    c"/etc/crypto-policies",
    c"/etc/fonts",
    c"/etc/java-11-openjdk",
    c"/etc/java-17-openjdk",
    c"/etc/java-21-openjdk",
    c"/etc/java-25-openjdk",
    c"/etc/ld.so.cache",
    c"/etc/maven",
    c"/etc/mime.types",
    c"/etc/perl",
    c"/etc/php",
    c"/etc/pki/ca-trust",
    c"/etc/pki/tls",
    c"/etc/protocols",
    c"/etc/services",
    c"/etc/ssl/certs",
    c"/etc/ssl/openssl.cnf",
];

/// The same, where the host has a symbolic link more often than not; then it is the link that is shown.
const LINKS: &[&CStr] =
    &[c"/bin", c"/sbin", c"/lib", c"/lib32", c"/lib64", c"/libx32", c"/etc/localtime", c"/etc/os-release"];

/// A tree of the host, cloned and not attached yet.
struct HostTree {
    mount: OwnedFd,
    at: PathBuf,
    /// Nothing for one that can only be read.
    writable: Option<Access>,
    directory: bool,
}

/// All that a sandbox shows of the host.
pub struct HostTrees {
    trees: Vec<HostTree>,
    links: Vec<(CString, PathBuf)>,
    /// The workspace's tree.
    pub workspace: Option<OwnedFd>,
}

/// A path that a command may write below.
pub struct Writable(pub PathBuf);

impl HostTrees {
    /// Clones them all, with the rights of the calling process.
    pub fn open(plan: &Plan, trees: Vec<OwnedFd>) -> Result<Self, LayerError> {
        let mut detached: Vec<Option<OwnedFd>> = trees.into_iter().map(Some).collect();
        let mut take = |source: &Source| match source {
            Source::Path(path) => {
                let mount = mount::clone_tree(here(), path);
                mount.layer(LayerId::Mount, || format!("clone the tree at `{}`", path.to_string_lossy()))
            }
            Source::Detached(index) => detached
                .get_mut(*index)
                .and_then(Option::take)
                .ok_or(Errno::EBADF)
                .layer(LayerId::Mount, || "use a tree that the caller passed".into()),
        };
        let workspace = plan.workspace.as_ref().map(|w| take(&w.source)).transpose()?;
        let mut host = HostTrees { trees: Vec::with_capacity(32), links: Vec::new(), workspace };
        for path in ALLOWLIST {
            host.allow(path)?;
        }
        for path in LINKS {
            host.allow_link(path)?;
        }
        for bind in &plan.binds {
            host.push(take(&bind.source)?, bind.at.clone(), bind.writable)?;
        }
        Ok(host)
    }

    /// Shows a path of the host where it exists.
    fn allow(&mut self, path: &CStr) -> Result<(), LayerError> {
        match mount::clone_tree(here(), path) {
            Ok(mount) => self.push(mount, to_path(path).to_owned(), None),
            Err(Errno::ENOENT | Errno::EACCES) => Ok(()),
            Err(errno) => {
                Err(errno).layer(LayerId::Mount, || format!("clone the tree at `{}`", path.to_string_lossy()))
            }
        }
    }

    /// The same for what may be a symbolic link.
    fn allow_link(&mut self, path: &CStr) -> Result<(), LayerError> {
        match readlink(path).map(|target| CString::new(relative_link(path, target.into_vec()))) {
            Ok(Ok(target)) => self.links.push((target, to_path(path).to_owned())),
            Err(Errno::EINVAL) => self.allow(path)?,
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, mount: OwnedFd, at: PathBuf, writable: Option<Access>) -> Result<(), LayerError> {
        let stat = fstat(&mount).layer(LayerId::Mount, || format!("look at `{}`", at.display()))?;
        let directory = is_directory(&stat);
        self.trees.push(HostTree { mount, at, writable, directory });
        Ok(())
    }

    /// Attaches the read-only ones below the new root, which is still writable itself, and the links.
    pub fn attach_read_only(&self, root: &Root) -> Result<(), LayerError> {
        for (target, at) in &self.links {
            root.link(target, at)?;
        }
        for tree in self.trees.iter().filter(|t| t.writable.is_none() && !scratch::holds(&t.at)) {
            root.mount_point(&tree.at, tree.directory)?;
            root.attach(&tree.mount, &tree.at)?;
        }
        Ok(())
    }

    /// Makes the mount points that the others need in the root.
    pub fn make_mount_points(&self, root: &Root) -> Result<(), LayerError> {
        let mut others = self.trees.iter().filter(|t| t.writable.is_some() && !scratch::holds(&t.at));
        others.try_for_each(|t| root.mount_point(&t.at, t.directory))
    }

    /// Attaches the others: writable ones, and those in the sandbox's own writable space.
    pub fn attach_rest(&self, root: &Root) -> Result<(), LayerError> {
        for HostTree { mount, at, writable, directory } in &self.trees {
            let in_scratch = scratch::holds(at);
            let attributes = match writable {
                // The workspace's business too.
                Some(Access::Copy) => continue,
                None if !in_scratch => continue,
                None => RDONLY | NOSUID | NODEV,
                Some(Access::Write) => NOSUID | NODEV,
            };
            mount::set_attributes_below(mount.as_fd(), attributes)
                .layer(LayerId::Mount, || format!("restrict the mount at `{}`", at.display()))?;
            if in_scratch {
                root.mount_point(at, *directory)?;
            }
            root.attach(mount, at)?;
        }
        Ok(())
    }

    /// Paths that may be read and executed, for a second wall over the same plan; with whether each is a
    /// directory.
    pub fn readable(&self) -> impl Iterator<Item = (&Path, bool)> {
        self.trees.iter().filter(|t| t.writable.is_none()).map(|t| (t.at.as_path(), t.directory))
    }

    /// Paths of the host that may be written.
    pub fn writable(&self) -> impl Iterator<Item = (&Path, bool)> {
        let written = self.trees.iter().filter(|t| t.writable == Some(Access::Write));
        written.map(|t| (t.at.as_path(), t.directory))
    }

    /// Trees of which the sandbox has a copy, and where they appear.
    pub fn copied(&self) -> impl Iterator<Item = (&OwnedFd, &Path)> {
        let copied = self.trees.iter().filter(|t| t.writable == Some(Access::Copy));
        copied.map(|t| (&t.mount, t.at.as_path()))
    }
}

fn is_directory(stat: &FileStat) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR
}

/// The new root while it is assembled; it is attached over the old one, out of every path's way.
pub struct Root {
    fd: OwnedFd,
}

impl Root {
    /// Makes it, empty but for the directory that hides what is under construction.
    pub fn create() -> Result<Self, LayerError> {
        let fd = tmpfs(c"1m", c"1024", c"0755", NOSUID | NODEV)
            .layer(LayerId::Mount, || "make the root file system".into())?;
        mount::attach(&fd, here(), c"/").layer(LayerId::Mount, || "attach the root file system".into())?;
        Ok(Root { fd })
    }

    /// Its descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Makes a directory and its parents.
    pub fn directory(&self, at: &Path) -> Result<(), LayerError> {
        make_directories(self.fd(), at).layer(LayerId::Mount, || format!("make directory `{}`", at.display()))
    }

    /// Makes a symbolic link.
    pub fn link(&self, target: &CStr, at: &Path) -> Result<(), LayerError> {
        if at.components().count() > 2 {
            self.parent(at)?;
        }
        symlinkat(target, self.fd(), relative(at))
            .layer(LayerId::Mount, || format!("make symbolic link `{}`", at.display()))
    }

    /// Writes a file.
    pub fn file(&self, at: &Path, content: &[u8]) -> Result<(), LayerError> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        openat(self.fd(), relative(at), flags, Mode::from_bits_truncate(0o644))
            .and_then(|fd| nix::unistd::write(fd, content))
            .layer(LayerId::Mount, || format!("write `{}`", at.display()))?;
        Ok(())
    }

    /// Makes what a mount needs to be attached at, where it isn't there.
    pub fn mount_point(&self, at: &Path, directory: bool) -> Result<(), LayerError> {
        if directory {
            return self.directory(at);
        }
        let make = || mknodat(self.fd(), relative(at), SFlag::S_IFREG, Mode::from_bits_truncate(0o644), 0);
        match make() {
            Err(Errno::ENOENT) => {
                self.parent(at)?;
                make()
            }
            Err(Errno::EEXIST) => Ok(()),
            other => other,
        }
        .layer(LayerId::Mount, || format!("make mount point `{}`", at.display()))
    }

    /// Attaches a mount at its mount point.
    pub fn attach(&self, mount: &OwnedFd, at: &Path) -> Result<(), LayerError> {
        mount::attach(mount, self.fd(), &c_path(at)?)
            .layer(LayerId::Mount, || format!("attach `{}`", at.display()))
    }

    /// Makes the root and all that is attached to it so far read-only, without devices and set-user-id
    /// programs: one call for all the host's trees.
    pub fn seal(&self) -> Result<(), LayerError> {
        mount::set_attributes_below(self.fd(), RDONLY | NOSUID | NODEV)
            .layer(LayerId::Mount, || "make the root and the host's trees read-only".into())
    }

    /// Mounts `/proc`, which covers what lay under construction.
    pub fn attach_proc(&self) -> Result<(), LayerError> {
        let proc = FsContext::open(c"proc")
            .and_then(|fs| {
                // Processes that a command can't trace, init first of all, aren't there for it.
                fs.set(c"hidepid", c"ptraceable")?;
                fs.mount(RDONLY | NOSUID | NODEV | NOEXEC)
            })
            .layer(LayerId::Pid, || "mount a private /proc".into())?;
        self.attach(&proc, Path::new(UNDER_CONSTRUCTION))
    }

    /// Makes it the root of this process and of all that it starts; the host's is gone.
    pub fn enter(self, host: &HostTrees) -> Result<String, LayerError> {
        mount::pivot(&self.fd).layer(LayerId::Mount, || "enter the new root".into())?;
        let writable = host.writable().count();
        let read_only = host.readable().count();
        Ok(format!("assembled root: {read_only} paths of the host read-only, {writable} writable"))
    }

    fn parent(&self, at: &Path) -> Result<(), LayerError> {
        at.parent().filter(|p| *p != Path::new("/")).map_or(Ok(()), |parent| self.directory(parent))
    }
}

/// Where the scratch file system and other building material are attached until `/proc` covers them.
pub const UNDER_CONSTRUCTION: &str = "/proc";

/// A detached tmpfs.
pub fn tmpfs(size: &CStr, inodes: &CStr, mode: &CStr, attributes: u64) -> Result<OwnedFd, Errno> {
    let fs = FsContext::open(c"tmpfs")?;
    fs.set(c"size", size)?;
    fs.set(c"nr_inodes", inodes)?;
    fs.set(c"mode", mode)?;
    fs.mount(attributes)
}

/// Makes a directory and its parents below `dir`.
pub fn make_directories(dir: BorrowedFd<'_>, at: &Path) -> Result<(), Errno> {
    let at = relative(at);
    match mkdirat(dir, at, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(Errno::ENOENT) => {
            at.parent().map_or(Err(Errno::ENOENT), |parent| make_directories(dir, parent))?;
            mkdirat(dir, at, Mode::from_bits_truncate(0o755))
        }
        Err(errno) => Err(errno),
    }
}

/// A path inside, relative to the root's descriptor.
pub fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

fn c_path(path: &Path) -> Result<CString, LayerError> {
    CString::new(relative(path).as_os_str().as_bytes())
        .map_err(|_| LayerError::new(LayerId::Mount, "use a path with a NUL in it", Errno::EINVAL))
}

/// The target of a link at the root made relative, so that it leads nowhere else while the host's root is
/// still this process's.
fn relative_link(link: &CStr, target: Vec<u8>) -> Vec<u8> {
    let at_root = !link.to_bytes()[1..].contains(&b'/');
    if at_root && target.starts_with(b"/") { target[1..].to_vec() } else { target }
}

fn to_path(path: &CStr) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path.to_bytes()))
}
