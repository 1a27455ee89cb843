//! A `/dev` with nothing in it that reaches hardware: six harmless nodes, and pseudo-terminals of the
//! sandbox's own.

use std::ffi::CStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::here;
use super::root::Root;
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::sys::mount::{self, FsContext, NOEXEC, NOSUID};
use crate::wire::Plan;

/// Nodes shown from the host; the number of each is the same on every Linux (`Documentation/admin-guide/
/// devices.txt`).
const NODES: &[&CStr] =
    &[c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/random", c"/dev/urandom", c"/dev/tty"];

/// POSIX message queues. `mq_open(3)` does without the mount, but Landlock looks for a rule at its root.
pub const QUEUES: &str = "/dev/mqueue";

const LINKS: &[(&CStr, &str)] = &[
    (c"/proc/self/fd", "/dev/fd"),
    (c"fd/0", "/dev/stdin"),
    (c"fd/1", "/dev/stdout"),
    (c"fd/2", "/dev/stderr"),
    (c"pts/ptmx", "/dev/ptmx"),
];

/// Makes the mount points and links that it is made of.
pub fn make_mount_points(root: &Root) -> Result<(), LayerError> {
    for node in NODES {
        root.mount_point(path(node), false)?;
    }
    root.mount_point(Path::new("/dev/pts"), true)?;
    root.mount_point(Path::new(QUEUES), true)?;
    for (target, at) in LINKS {
        root.link(target, Path::new(at))?;
    }
    Ok(())
}

/// Attaches the nodes and the pseudo-terminals.
pub fn attach(plan: &Plan, root: &Root) -> Result<(), LayerError> {
    for node in NODES {
        let mount = mount::clone_tree(here(), node)
            .layer(LayerId::Mount, || format!("clone the node at `{}`", path(node).display()))?;
        mount::set_attributes(mount.as_fd(), NOSUID | NOEXEC)
            .layer(LayerId::Mount, || format!("restrict the node at `{}`", path(node).display()))?;
        root.attach(&mount, path(node))?;
    }
    let pts = FsContext::open(c"devpts")
        .and_then(|fs| {
            fs.set(c"ptmxmode", c"0666")?;
            fs.set(c"mode", c"0620")?;
            fs.mount(NOSUID | NOEXEC)
        })
        .layer(LayerId::Mount, || "mount private pseudo-terminals".into())?;
    root.attach(&pts, Path::new("/dev/pts"))?;
    if plan.off.contains(&LayerId::Ipc) {
        // They would be the host's.
        return Ok(());
    }
    let queues = FsContext::open(c"mqueue")
        .and_then(|fs| fs.mount(NOSUID | NOEXEC))
        .layer(LayerId::Ipc, || "mount the sandbox's message queues".into())?;
    root.attach(&queues, Path::new(QUEUES))
}

fn path(node: &CStr) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(node.to_bytes()))
}
