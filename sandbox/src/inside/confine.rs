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
use crate::report::LayerId;
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
        let scopes = if abi >= 6 {
            "files, abstract sockets, signals"
        } else {
            "files; abstract sockets and signals are held by the net and pid namespaces alone"
        };
        // Abstract sockets belong to the network namespace, so with the host's this wall is the only one.
        let missing = (abi < 6 && plan.network == Network::Host).then(|| {
            format!("ABI {abi}: abstract sockets of the host can be reached (ABI 6 would hold them)")
        });
        report.add_state(LayerId::Landlock, format!("ABI {abi}: {scopes}"), missing);
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
