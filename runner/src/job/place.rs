//! Where the jobs of a run take place: the sandbox's specification, the tree inside it, the tools.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use palisade_sandbox::{
    Access, Bind, Error, LayerId, LayerReport, Sandbox, Spare, Spec, Starting, Workspace,
};

use super::contexts::inside;
use crate::egress::Network;
use crate::git::Repository;
use crate::native::Tree;
use crate::order::Leave;
use crate::output::event::LayerLine;
use crate::toolchain::Tools;
use crate::workspace::Withheld;

/// The same for every job of a run; each job makes a sandbox of its own from it.
#[derive(Debug)]
pub struct Place {
    /// The sandbox.
    pub spec: Spec,
    /// `github.workspace`
    pub workspace: PathBuf,
    /// The tree on the host: where the repository's own actions are looked for ahead of its jobs.
    pub source: PathBuf,
    /// Whether that is what jobs change.
    pub tree: Tree,
    /// `PATH` and the variables of the tools on it.
    pub tools: Tools,
    /// The tree's git repository is shown at [`inside::REPOSITORY`].
    pub repository: bool,
    /// What jobs can reach.
    pub network: Network,
    /// Palisade's own code runs for the actions that it has of its own.
    pub native: bool,
    /// What the first job's sandbox is made of.
    spare: Mutex<Option<Spare>>,
    /// What the first job waits for once its sandbox stands.
    leave: Mutex<Option<Leave>>,
}

/// What a workspace shows.
struct Shown {
    source: PathBuf,
    name: String,
    tree: Tree,
}

/// Where workspaces are, inside.
const WORK: &str = "/home/runner/work";
/// Longest name of a directory that a tree's own name gives.
const MAX_NAME: usize = 64;

impl Place {
    /// Completes a specification by a tree, the tools and the network.
    pub fn new(
        spec: Spec,
        source: PathBuf,
        access: Access,
        withheld: Withheld,
        tools: Tools,
        network: Network,
    ) -> Place {
        let name = directory_name(&source);
        let tree = match access {
            Access::Copy => Tree::Copy,
            Access::Write => Tree::Original,
        };
        Place::of(spec, Shown { source, name, tree }, withheld, tools, network)
    }

    /// A place whose workspace is empty at first, as on a forge's own runner. `nothing` is an empty directory, which
    /// stays empty, and `name` that of the repository.
    pub fn empty(spec: Spec, nothing: PathBuf, name: &str, tools: Tools, network: Network) -> Place {
        let tree = Shown { source: nothing, name: directory_name(Path::new(name)), tree: Tree::Empty };
        Place::of(spec, tree, Withheld::default(), tools, network)
    }

    fn of(spec: Spec, shown: Shown, withheld: Withheld, tools: Tools, network: Network) -> Place {
        let Shown { source, name, tree } = shown;
        let workspace = Path::new(WORK).join(&name).join(&name);
        let layer = Workspace {
            source: source.clone(),
            at: workspace.clone(),
            access: match tree {
                Tree::Copy | Tree::Empty => Access::Copy,
                Tree::Original => Access::Write,
            },
            hidden: withheld.hidden,
            replaced: withheld.replaced,
        };
        let spec =
            tools.shown_in(spec).workspace(layer).shared_dir(inside::TEMP).network(network.mode.into());
        let spec = spec.callers(network.settings.attribution);
        let (spare, leave) = Default::default();
        Place { spec, workspace, source, tree, tools, repository: false, network, native: true, spare, leave }
    }

    /// Has the first job's sandbox be made of an init that was started ahead of time.
    pub fn with_spare(mut self, spare: Option<Spare>) -> Place {
        self.spare = Mutex::new(spare);
        self
    }

    /// Has the first job's steps wait for leave.
    pub fn with_leave(mut self, leave: Leave) -> Place {
        self.leave = Mutex::new(Some(leave));
        self
    }

    /// Waits until steps may begin.
    pub fn await_leave(&self) {
        let leave = self.leave.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(leave) = leave {
            leave.wait();
        }
    }

    /// Starts a sandbox here, by this specification or one with more in it.
    pub fn start(&self, spec: &Spec) -> Result<Starting, Error> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        Sandbox::start_with(spare, spec)
    }

    /// How each layer of a job's isolation stands, with what its network opens of itself.
    pub fn layers(&self, sandbox: &Sandbox) -> Vec<LayerLine> {
        let line = |line: &LayerReport| {
            let mut detail = line.state.detail().to_owned();
            if line.layer == LayerId::Net
                && let [rule, ..] = &self.network.settings.private[..]
            {
                detail.push_str(&format!(", the job's forge ({rule}) among them"));
            }
            if line.layer == LayerId::Net && self.network.proxy().is_some() {
                detail.push_str("; by way of a proxy");
            }
            LayerLine { layer: line.layer.to_string(), state: line.state.as_str().to_owned(), detail }
        };
        sandbox.report().layers.iter().map(line).collect()
    }

    /// Shows jobs the tree's git repository without its configuration, which may hold credentials, and without
    /// its hooks.
    pub fn with_repository(self, repository: &Repository) -> Place {
        self.with_parts(repository, &["HEAD", "objects", "refs", "packed-refs", "shallow"])
    }

    /// Shows jobs palisade's own mirror of their repository. Its configuration holds no credentials, and tells which
    /// hash names its objects.
    pub fn with_mirror(self, repository: &Repository) -> Place {
        self.with_parts(repository, &["HEAD", "config", "objects", "refs", "packed-refs", "shallow"])
    }

    fn with_parts(mut self, repository: &Repository, parts: &[&str]) -> Place {
        let objects = repository.common_dir().join("objects").metadata();
        let private = objects.is_ok_and(|objects| objects.permissions().mode() & 0o005 != 0o005);
        for part in parts {
            let path = repository.common_dir().join(part);
            // The paths of a sandbox's specification are absolute and lead through no link.
            if let Ok(path) = path.canonicalize() {
                let at = Path::new(inside::REPOSITORY).join(part);
                let bind = Bind::read_only(path).at(at);
                self.spec = self.spec.bind(if private { bind.as_own() } else { bind });
            }
        }
        self.repository = true;
        self
    }

    /// Has upstream's code run for every action.
    pub fn without_native(mut self) -> Place {
        self.native = false;
        self
    }
}

/// The tree's own name, as far as it is plain.
fn directory_name(source: &Path) -> String {
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let name: String = name.chars().take(MAX_NAME).map(plain).collect();
    if name.is_empty() || name.starts_with(['.', '_']) { format!("w{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_named_after_its_tree_where_that_is_plain() {
        for (source, name) in [
            ("/srv/tool", "tool"),
            ("/srv/a b:ü", "a-b--"),
            ("/", "w"),
            ("/srv/.hidden", "w.hidden"),
            ("/srv/_temp", "w_temp"),
        ] {
            assert_eq!(directory_name(Path::new(source)), name);
        }
        assert_eq!(directory_name(Path::new(&format!("/{}", "x".repeat(200)))).len(), MAX_NAME);
    }
}
