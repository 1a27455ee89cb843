//! The limits layer's inner half: rlimits, which every command inherits. The outer half is a cgroup that
//! init is born in, where the host delegates one.

use libc::{
    RLIMIT_CORE, RLIMIT_DATA, RLIMIT_FSIZE, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NOFILE, RLIMIT_NPROC,
    RLIMIT_RTPRIO,
};

use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::sys::restrict::{NO_CORE, limit};
use crate::wire::Plan;

/// Sets them; gives the evidence, and what is missing.
pub fn set(plan: &Plan) -> Result<(String, Option<String>), LayerError> {
    if plan.off.contains(&LayerId::Limits) {
        return Ok((String::new(), None));
    }
    let limits = &plan.limits;
    let mut rows = vec![
        ("RLIMIT_NOFILE", RLIMIT_NOFILE, limits.open_files),
        ("RLIMIT_CORE", RLIMIT_CORE, NO_CORE),
        ("RLIMIT_MEMLOCK", RLIMIT_MEMLOCK, 64 << 20),
        ("RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE, 819_200),
        ("RLIMIT_RTPRIO", RLIMIT_RTPRIO, 0),
    ];
    if let Some(size) = limits.file_size {
        rows.push(("RLIMIT_FSIZE", RLIMIT_FSIZE, size));
    }
    // A cgroup limits both in sum, and tells when it did: these would hide that.
    if plan.cgroup.is_none() {
        rows.push(("RLIMIT_NPROC", RLIMIT_NPROC, limits.processes));
        if let Some(memory) = limits.memory {
            rows.push(("RLIMIT_DATA", RLIMIT_DATA, memory));
        }
    }
    for (name, resource, value) in rows {
        limit(resource, value).layer(LayerId::Limits, || format!("set {name} to {value}"))?;
    }
    let each = format!("{} open files each, scratch {} MiB", limits.open_files, plan.disk >> 20);
    Ok(match &plan.cgroup {
        Some(cgroup) => (format!("{cgroup}; {each}"), None),
        None => {
            let each = format!("{} processes, {each}", limits.processes);
            (String::new(), Some(format!("rlimits only, no cgroup v2 is delegated to palisade: {each}")))
        }
    })
}
