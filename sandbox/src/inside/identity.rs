//! The user layer: one id inside, which is one unprivileged id outside.

use std::fs::OpenOptions;
use std::io::Write;

use nix::errno::Errno;

use super::{GID, UID};
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::sys::process;
use crate::wire::Identity;

/// Becomes the sandbox's user; gives the evidence.
pub fn assume(identity: Identity) -> Result<String, LayerError> {
    match identity {
        Identity::Caller { uid, gid } => {
            write("/proc/self/setgroups", "deny")?;
            write("/proc/self/uid_map", &format!("{UID} {uid} 1"))?;
            write("/proc/self/gid_map", &format!("{GID} {gid} 1"))?;
            Ok(format!("uid {UID} inside is uid {uid} outside, nothing else is mapped"))
        }
        Identity::Own { id } => {
            let layer = LayerId::User;
            process::drop_groups().layer(layer, || "drop the supplementary groups".into())?;
            process::become_group(GID).layer(layer, || format!("become group {GID}"))?;
            process::become_user(UID).layer(layer, || format!("become user {UID}"))?;
            Ok(format!("uid {UID} inside is uid {id} outside, which owns nothing there"))
        }
    }
}

/// Lets no user namespace be made below this one: a second wall beside the system call filter.
pub fn forbid_more() -> Result<(), LayerError> {
    write("/proc/sys/user/max_user_namespaces", "0")
}

fn write(path: &str, content: &str) -> Result<(), LayerError> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(0)))
        .layer(LayerId::User, || format!("write `{path}`"))
}
