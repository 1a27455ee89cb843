//! The layers that init puts on itself and its children once the root stands: capabilities, seccomp, and
//! the Landlock ruleset, which each command enforces on itself so that it is in a domain below init's.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, Scope,
};
use nix::errno::Errno;

use super::root::{HostTrees, Writable};
use super::seccomp::Connects;
use super::witness::{Teller, Witness};
use super::{ReportBuilder, dev, seccomp};
use crate::error::{Context, LayerError};
use crate::report::{LayerId, LayerState};
use crate::spec::Network;
use crate::sys;
use crate::wire::Plan;

/// What a command still has to put on itself.
pub struct Confinement {
    /// The Landlock ruleset, unless the layer is off.
    pub ruleset: Option<OwnedFd>,
}

/// Confines init, and prepares what confines its children; with a teller, gives who sees them.
pub fn confine(
    plan: &Plan,
    host: &HostTrees,
    writable: &[Writable],
    teller: Option<Teller>,
    report: &mut ReportBuilder<'_>,
) -> Result<(Confinement, Option<Witness>), LayerError> {
    let ruleset = if plan.off.contains(&LayerId::Landlock) {
        report.add(LayerId::Landlock, String::new());
        None
    } else {
        let abi = sys::restrict::landlock_abi()
            .layer(LayerId::Landlock, || "find Landlock in this kernel".into())?;
        let ruleset = landlock_ruleset(abi, plan, host, writable).map_err(|e| {
            LayerError::new(LayerId::Landlock, format!("build its ruleset ({e})"), Errno::EINVAL)
        })?;
        report.add_as(LayerId::Landlock, landlock_state(abi, plan.network));
        ruleset
    };
    if !plan.off.contains(&LayerId::Capabilities) {
        sys::caps::drop_all().layer(LayerId::Capabilities, || "drop all capabilities".into())?;
    }
    report.add(LayerId::Capabilities, "none, no_new_privs".into());
    let mut evidence = format!("{} system calls refused", seccomp::refused());
    let mut witness = None;
    if !plan.off.contains(&LayerId::Seccomp) {
        let action = || "install the system call filter".into();
        match teller {
            None => {
                sys::restrict::seccomp(&seccomp::program(Connects::Unseen)).layer(LayerId::Seccomp, action)?
            }
            Some(teller) => match Witness::confine(teller).layer(LayerId::Seccomp, action)? {
                Ok(sees) => witness = Some(sees),
                Err(why) => {
                    evidence.push_str(&format!("; which process connects isn't seen: {}", why.desc()))
                }
            },
        }
    }
    report.add(LayerId::Seccomp, evidence);
    Ok((Confinement { ruleset }, witness))
}

/// What Landlock holds at an ABI. What an older one doesn't, the other layers hold: a read-only mount keeps files from being
/// cut, `/dev` has six nodes, and what is in another namespace is out of reach.
/// Source: "Landlock: unprivileged access control" in the kernel's documentation, "Previous limitations".
fn landlock_state(abi: i32, network: Network) -> LayerState {
    // Abstract sockets belong to the network namespace, so with the host's this wall is the only one.
    if abi < 6 && network == Network::Host {
        let why = "abstract sockets of the host can be reached (ABI 6 would hold them)";
        return LayerState::Degraded(format!("ABI {abi}: {why}"));
    }
    let later = [
        (3, "cutting files", "mount"),
        (5, "orders to devices", "mount"),
        (6, "abstract sockets", "net"),
        (6, "signals", "pid"),
    ];
    let missing = later.iter().filter(|(since, ..)| abi < *since);
    let missing: Vec<String> = missing.map(|(_, what, layer)| format!("{what} (layer {layer})")).collect();
    match missing.as_slice() {
        [] => LayerState::Held(format!("ABI {abi}: files, abstract sockets, signals")),
        missing => LayerState::Weaker(format!(
            "ABI {abi}: files; held by one layer alone, since this kernel's Landlock can't: {}",
            missing.join(", ")
        )),
    }
}

/// The plan of the root once more, as Landlock rules.
fn landlock_ruleset(
    abi: i32,
    plan: &Plan,
    host: &HostTrees,
    writable: &[Writable],
) -> Result<Option<OwnedFd>, Box<dyn std::error::Error>> {
    let abi = ABI::from(abi);
    let all = AccessFs::from_all(abi);
    let mut ruleset =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(all)?;
    let scopes = Scope::from_all(abi);
    if !scopes.is_empty() {
        ruleset = ruleset.scope(scopes)?;
    }
    let mut rules = Rules { ruleset: ruleset.create()?, all };
    let read = AccessFs::Execute | AccessFs::ReadFile | AccessFs::ReadDir;
    let below = |path: &Path, tops: &[&str]| tops.iter().any(|top| path.starts_with(top));
    rules.allow("/", AccessFs::ReadDir.into())?;
    rules.allow("/etc", read)?;
    rules.allow("/proc", AccessFs::ReadFile | AccessFs::ReadDir)?;
    rules.allow("/dev", AccessFs::ReadDir | AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::IoctlDev)?;
    if !plan.off.contains(&LayerId::Ipc) {
        rules.allow(dev::QUEUES, all)?;
    }
    for (path, directory) in host.readable().filter(|(path, _)| !below(path, &["/etc"])) {
        rules.allow(path, if directory { read } else { AccessFs::Execute | AccessFs::ReadFile })?;
    }
    for (path, directory) in host.writable() {
        rules.allow(path, if directory { all } else { all & AccessFs::from_file(abi) })?;
    }
    for Writable(path) in writable {
        rules.allow(path, all)?;
    }
    if let Some(workspace) = plan.workspace.as_ref().filter(|w| !below(&w.at, &["/home", "/tmp"])) {
        rules.allow(&workspace.at, all)?;
    }
    Ok(rules.ruleset.into())
}

struct Rules {
    ruleset: RulesetCreated,
    all: BitFlags<AccessFs>,
}

impl Rules {
    fn allow(
        &mut self,
        path: impl AsRef<Path>,
        access: BitFlags<AccessFs>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let path = path.as_ref();
        let fd = PathFd::new(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let beneath = PathBeneath::new(fd.as_fd(), access & self.all);
        (&mut self.ruleset).add_rule(beneath).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_landlock_is_told_of_and_does_unless_it_is_the_only_wall() {
        let none = |abi| landlock_state(abi, Network::None);
        let (LayerState::Weaker(two), LayerState::Weaker(five)) = (none(2), none(5)) else { panic!() };
        let prefix = "files; held by one layer alone, since this kernel's Landlock can't:";
        assert_eq!(
            two,
            format!(
                "ABI 2: {prefix} cutting files (layer mount), orders to devices (layer mount), \
                 abstract sockets (layer net), signals (layer pid)"
            )
        );
        assert_eq!(five, format!("ABI 5: {prefix} abstract sockets (layer net), signals (layer pid)"));
        assert!(matches!(none(6), LayerState::Held(_)));
        assert!(matches!(landlock_state(5, Network::Host), LayerState::Degraded(_)));
        assert!(matches!(landlock_state(6, Network::Host), LayerState::Held(_)));
    }
}
