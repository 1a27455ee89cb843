//! The synthetic `/etc`: one user, one group, one host, and nothing of the host's own.

use std::path::Path;

use super::root::Root;
use super::scratch::HOME;
use super::{GID, UID, USER};
use crate::error::LayerError;
use crate::inlet::Synthetic;
use crate::spec::Network;
use crate::wire::Plan;

/// Writes it.
pub fn write(plan: &Plan, root: &Root) -> Result<(), LayerError> {
    let host = &plan.hostname;
    let resolv = match plan.network {
        Network::None => Vec::new(),
        Network::Allow | Network::Audit => format!("nameserver {}\n", Synthetic::DNS.v4()).into_bytes(),
        Network::Host => std::fs::read("/etc/resolv.conf").unwrap_or_default(),
    };
    let hosts = match plan.network {
        Network::None | Network::Allow | Network::Audit => {
            format!("127.0.0.1 localhost {host}\n::1 localhost\n").into_bytes()
        }
        Network::Host => {
            let mut hosts = std::fs::read("/etc/hosts").unwrap_or_default();
            hosts.extend(format!("\n127.0.0.1 {host}\n").into_bytes());
            hosts
        }
    };
    let files: [(&str, &[u8]); 6] = [
        ("/etc/passwd", &format!("{USER}:x:{UID}:{GID}::{HOME}:/bin/bash\n").into_bytes()),
        ("/etc/group", &format!("{USER}:x:{GID}:\n").into_bytes()),
        ("/etc/hostname", &format!("{host}\n").into_bytes()),
        ("/etc/hosts", &hosts),
        ("/etc/resolv.conf", &resolv),
        ("/etc/nsswitch.conf", b"passwd: files\ngroup: files\nhosts: files dns\n"),
    ];
    root.mount_point(Path::new("/etc"), true)?;
    for (at, content) in files {
        root.file(Path::new(at), content)?;
    }
    for empty in ["/run", "/var"] {
        root.mount_point(Path::new(empty), true)?;
    }
    // Relative, so that they lead nowhere else while the host's root is still this process's.
    root.link(c"../run", Path::new("/var/run"))?;
    root.link(c"../tmp", Path::new("/var/tmp"))?;
    root.link(c"../proc/self/mounts", Path::new("/etc/mtab"))
}
