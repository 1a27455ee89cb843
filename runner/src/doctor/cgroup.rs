//! Whether a cgroup v2 is delegated to palisade, by which it limits memory and processor of a job in sum.

use std::fs::read_to_string;
use std::path::Path;

use palisade_sandbox::{LayerId, LayerState, Sandbox, Spec};

use super::Finding;

const ID: &str = "cgroup";
const NEEDED: [&str; 3] = ["memory", "pids", "cpu"];
/// Where systemd mounts the one hierarchy of version 2.
const MOUNT: &str = "/sys/fs/cgroup";

pub fn check() -> Finding {
    // Told by a sandbox, whose limits layer makes a cgroup of its own where it can.
    let held = Sandbox::create(&LayerId::ALL.into_iter().fold(Spec::new(), Spec::allow_degraded))
        .ok()
        .and_then(|sandbox| match sandbox.report().state(LayerId::Limits) {
            Some(LayerState::Held(evidence)) => Some(evidence.clone()),
            _ => None,
        });
    if let Some(evidence) = held {
        return Finding::ok(ID, format!("delegated ({evidence})"));
    }
    judge(
        read_to_string("/proc/self/cgroup").ok().as_deref(),
        read_to_string(Path::new(MOUNT).join("cgroup.controllers")).ok().as_deref(),
        nix::unistd::geteuid().is_root(),
    )
}

/// Why there is none.
fn judge(own: Option<&str>, controllers: Option<&str>, root: bool) -> Finding {
    let own = own.and_then(|own| own.lines().find_map(|line| line.strip_prefix("0::")));
    let (Some(own), Some(controllers)) = (own, controllers) else {
        return Finding::warn(
            ID,
            format!("no cgroup v2 at {MOUNT}: memory and processor of a job are limited by process only"),
            "boot with `systemd.unified_cgroup_hierarchy=1` on the kernel's command line",
        );
    };
    let missing: Vec<_> =
        NEEDED.into_iter().filter(|needed| !controllers.split_whitespace().any(|c| c == *needed)).collect();
    if !missing.is_empty() {
        return Finding::warn(
            ID,
            format!("cgroup v2 without its controllers {}", missing.join(", ")),
            "boot a kernel that has them, without `cgroup_disable=` and without their cgroup v1 hierarchies",
        );
    }
    let user = if root { "" } else { "--user " };
    Finding::warn(
        ID,
        format!("`{own}` is not delegated: memory and processor of a job are limited by process only"),
        format!(
            "start palisade by `systemd-run {user}--scope -p Delegate=yes palisade …`, or set `Delegate=yes` \
             in its systemd unit"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_text() {
        let remedy = |own, controllers, root| {
            judge(own, controllers, root).verdict.remedy().unwrap_or_default().to_owned()
        };
        let all = Some("cpuset cpu io memory hugetlb pids\n");
        assert!(remedy(Some("3:cpu:/x\n"), all, false).contains("unified_cgroup_hierarchy"));
        assert!(remedy(Some("0::/\n"), None, false).contains("unified_cgroup_hierarchy"));
        assert!(remedy(Some("0::/x\n"), Some("cpu io"), false).contains("cgroup_disable"));
        assert!(remedy(Some("1:net:/\n0::/x\n"), all, false).contains("systemd-run --user --scope"));
        assert!(remedy(Some("0::/x\n"), all, true).contains("systemd-run --scope"));
        assert!(judge(Some("0::/x\n"), Some("cpu io"), false).found.contains("memory, pids"));
    }
}
