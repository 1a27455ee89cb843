//! From a [`Spec`] to a [`Plan`]: paths checked, sizes decided, and, for a privileged caller, trees
//! cloned with its rights.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::unistd::{Pid, getegid, geteuid};

use super::cgroup::Cgroup;
use super::{idmap, remedy};
use crate::error::{Context, Error};
use crate::report::LayerId;
use crate::spec::{Access, Bind, Network, Spec, Workspace};
use crate::wire::{Identity, MAX_TREES, Plan, PlannedBind, PlannedWorkspace, Source, c_string};

/// A plan, and the trees that go with it to init.
pub struct Planned {
    pub plan: Plan,
    pub trees: Vec<OwnedFd>,
}

/// Makes the plan for an init that has been started.
pub fn make(spec: &Spec, init: Pid, cgroup: Option<&Cgroup>) -> Result<Planned, Error> {
    let identity = identity(init)?;
    let mut trees = Trees { identity, detached: Vec::new() };
    let binds = spec
        .binds
        .iter()
        .map(|bind| {
            let at = absolute("bind", &bind.at)?;
            if bind.writable == Some(Access::Copy) {
                in_scratch("copy", &at)?;
            }
            Ok(PlannedBind { source: trees.bind(bind)?, at, writable: bind.writable })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let workspace = spec.workspace.as_ref().map(|w| trees.workspace(w)).transpose()?;
    let directories = spec.directories.iter().map(|at| directory(at)).collect::<Result<_, Error>>()?;
    let shared_dir = spec.shared_dir.as_deref().map(|at| absolute("shared directory", at)).transpose()?;
    let network_off = spec.network == Network::Host;
    let plan = Plan {
        hostname: spec.hostname.clone(),
        binds,
        workspace,
        directories,
        shared_dir,
        network: if spec.off.contains(&LayerId::Net) { Network::Host } else { spec.network },
        // The filter is what the kernel stops a call by.
        callers: spec.callers && spec.network.has_gateway() && !spec.off.contains(&LayerId::Seccomp),
        limits: spec.limits.clone(),
        disk: spec.limits.disk.unwrap_or_else(default_disk),
        stragglers: spec.stragglers,
        off: spec.off.iter().copied().filter(|l| !(network_off && *l == LayerId::Net)).collect(),
        may_degrade: spec.may_degrade.iter().copied().collect(),
        identity,
        cgroup: cgroup.map(|c| c.evidence(&spec.limits)),
    };
    Ok(Planned { plan, trees: trees.detached })
}

/// A directory that is made on the scratch file system.
pub fn directory(at: &Path) -> Result<PathBuf, Error> {
    let at = absolute("directory", at)?;
    in_scratch("directory", &at).map(|()| at)
}

fn identity(init: Pid) -> Result<Identity, Error> {
    if idmap::privileged() {
        let id = idmap::own_id(init);
        idmap::map_user(init, id).map_err(|e| Error::Layer(remedy::add(e)))?;
        Ok(Identity::Own { id })
    } else {
        Ok(Identity::Caller { uid: geteuid().as_raw(), gid: getegid().as_raw() })
    }
}

/// Trees of the host on their way to init.
struct Trees {
    identity: Identity,
    detached: Vec<OwnedFd>,
}

impl Trees {
    /// An ordinary caller's init has the caller's rights and clones by path; a privileged caller clones
    /// itself, since init has none.
    fn take(&mut self, path: &Path) -> Result<Source, Error> {
        let name = c_string("path", path.as_os_str().to_owned())?;
        match self.identity {
            Identity::Caller { .. } => Ok(Source::Path(name)),
            Identity::Own { .. } => {
                let tree = idmap::tree(&name)
                    .layer(LayerId::Mount, || format!("clone the tree at `{}`", path.display()))
                    .map_err(Error::Layer)?;
                self.pass(tree)
            }
        }
    }

    fn bind(&mut self, bind: &Bind) -> Result<Source, Error> {
        let Identity::Own { id } = self.identity else { return self.take(&bind.source) };
        if !bind.own && bind.writable != Some(Access::Copy) {
            return self.take(&bind.source);
        }
        let name = c_string("path", bind.source.as_os_str().to_owned())?;
        let tree = idmap::tree(&name)
            .layer(LayerId::Mount, || format!("clone the tree at `{}`", bind.source.display()))
            .map_err(Error::Layer)?;
        match idmap::show_as(&tree, id, &bind.source) {
            Err(e) if !idmap::unsupported(&e) => Err(Error::Layer(remedy::add(e))),
            _ => self.pass(tree),
        }
    }

    fn pass(&mut self, tree: OwnedFd) -> Result<Source, Error> {
        if self.detached.len() == MAX_TREES {
            return Err(Error::Spec(format!("more than {MAX_TREES} paths of the host are to be shown")));
        }
        self.detached.push(tree);
        Ok(Source::Detached(self.detached.len() - 1))
    }

    fn workspace(&mut self, workspace: &Workspace) -> Result<PlannedWorkspace, Error> {
        let at = absolute("workspace", &workspace.at)?;
        let source = match self.identity {
            Identity::Caller { .. } => self.take(&workspace.source)?,
            Identity::Own { id } => {
                let name = c_string("path", workspace.source.as_os_str().to_owned())?;
                let tree = idmap::tree(&name)
                    .layer(LayerId::Mount, || format!("clone the tree at `{}`", workspace.source.display()))
                    .map_err(Error::Layer)?;
                match idmap::show_as(&tree, id, &workspace.source) {
                    // Init then makes a real copy, of what the sandbox's user may read.
                    Err(e) if workspace.access == Access::Copy && idmap::unsupported(&e) => {}
                    other => other.map_err(|e| Error::Layer(remedy::add(e)))?,
                }
                self.pass(tree)?
            }
        };
        let hidden =
            workspace.hidden.iter().map(|path| relative("hidden path", path)).collect::<Result<_, _>>()?;
        let replaced = workspace
            .replaced
            .iter()
            .map(|(path, content)| Ok((relative("replaced file", path)?, content.clone())))
            .collect::<Result<_, Error>>()?;
        Ok(PlannedWorkspace { source, at, access: workspace.access, hidden, replaced })
    }
}

/// What is the sandbox's own must appear where its own writable space is.
fn in_scratch(what: &str, at: &Path) -> Result<(), Error> {
    if ["/home", "/tmp"].iter().any(|top| at.starts_with(top)) {
        return Ok(());
    }
    Err(Error::Spec(format!("the {what} `{}` must appear below `/home` or `/tmp`", at.display())))
}

fn absolute(what: &str, path: &Path) -> Result<std::path::PathBuf, Error> {
    let plain = path.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    if !plain || !path.is_absolute() || path.parent().is_none() || path.to_str().is_none() {
        let path = path.display();
        return Err(Error::Spec(format!(
            "{what} `{path}` must be an absolute path in UTF-8 below `/`, without `..`"
        )));
    }
    Ok(path.to_owned())
}

fn relative(what: &str, path: &Path) -> Result<CString, Error> {
    if path.as_os_str().is_empty() || !path.components().all(|c| matches!(c, Component::Normal(_))) {
        return Err(Error::Spec(format!("{what} `{}` must be relative, without `..`", path.display())));
    }
    c_string(what, path.as_os_str().to_owned())
}

/// Half of the machine's memory, since that is where the scratch file system lives.
fn default_disk() -> u64 {
    nix::sys::sysinfo::sysinfo().map_or(1 << 30, |info| info.ram_total() / 2)
}
