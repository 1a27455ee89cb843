//! A `/dev` with nothing in it that reaches hardware: six harmless nodes, and pseudo-terminals of the
//! sandbox's own.

use std::ffi::CStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::here;
use super::root::Root;
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::sys::mount::{self, FsContext, NOEXEC, NOSUID};

/// Nodes shown from the host; the number of each is the same on every Linux (`Documentation/admin-guide/
/// devices.txt`).
pub const NODES: &[&CStr] =
    &[c"/dev/null", c"/dev/zero", c"/dev/full", c"/dev/random", c"/dev/urandom", c"/dev/tty"];

const LINKS: &[(&CStr, &str)] = &[
    (c"/proc/self/fd", "/dev/fd"),
    (c"fd/0", "/dev/stdin"),
    (c"fd/1", "/dev/stdout"),
    (c"fd/2", "/dev/stderr"),
    (c"pts/ptmx", "/dev/ptmx"),
];

/// Makes it.
pub fn attach(root: &Root) -> Result<(), LayerError> {
    for node in NODES {
        let at = Path::new(std::ffi::OsStr::from_bytes(node.to_bytes()));
        let mount = mount::clone_tree(here(), node)
            .layer(LayerId::Mount, || format!("clone the node at `{}`", at.display()))?;
        mount::set_attributes(std::os::fd::AsFd::as_fd(&mount), NOSUID | NOEXEC)
            .layer(LayerId::Mount, || format!("restrict the node at `{}`", at.display()))?;
        root.attach(&mount, at, false)?;
    }
    let pts = FsContext::open(c"devpts")
        .and_then(|fs| {
            fs.set(c"ptmxmode", c"0666")?;
            fs.set(c"mode", c"0620")?;
            fs.mount(NOSUID | NOEXEC)
        })
        .layer(LayerId::Mount, || "mount private pseudo-terminals".into())?;
    root.attach(&pts, Path::new("/dev/pts"), true)?;
    for (target, at) in LINKS {
        root.link(target, Path::new(at))?;
    }
    Ok(())
}
