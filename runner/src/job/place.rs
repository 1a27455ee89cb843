//! Where the jobs of a run take place: the sandbox's specification, the tree inside it, the tools.

use std::borrow::Cow;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use palisade_sandbox::{
    Access, Bind, Error, LayerId, LayerReport, Sandbox, Spare, Spec, Starting, Workspace,
};

use super::contexts::inside;
use crate::egress::Network;
use crate::git::Repository;
use crate::native::{Native, Tree};
use crate::order::{Leave, NoLeave};
use crate::output::event::LayerLine;
use crate::toolchain::Tools;
use crate::workflow::model::{Step, StepKind, Work, Workflow};
use crate::workspace::{Withheld, holds_credentials};

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
    /// What there is already of the first job's sandbox.
    ahead: Mutex<Ahead>,
    /// What the first job waits for once its sandbox stands.
    leave: Mutex<Option<Leave>>,
}

/// What was started ahead of a job.
#[derive(Debug, Default)]
enum Ahead {
    #[default]
    Nothing,
    Init(Spare),
    Early(Box<Early>),
    /// A sandbox of the place's own specification, or why there is none.
    Sandbox(Box<Result<Starting, Error>>),
}

/// A sandbox that sets itself up before its job is known: for one whose workspace is [empty](Place::empty) at first, and
/// that shows nothing but what every job sees.
#[derive(Debug)]
pub struct Early {
    spec: Spec,
    starting: Starting,
}

impl Early {
    /// Starts one.
    pub fn start(spare: Option<Spare>, spec: Spec, tools: &Tools, network: &Network) -> Result<Early, Error> {
        let spec = for_every_job(spec, tools, network);
        let starting = Sandbox::start_with(spare, &spec)?;
        Ok(Early { spec, starting })
    }

    /// The sandbox of a place; none where that shows more, or differs in anything else.
    fn of(self, place: &Place) -> Option<Starting> {
        let Early { spec, starting } = self;
        let fits = spec.directory(&place.workspace) == place.spec;
        (fits && starting.make_directory(&place.workspace).is_ok()).then_some(starting)
    }
}

/// What every job sees, and reaches, whichever it is.
fn for_every_job(spec: Spec, tools: &Tools, network: &Network) -> Spec {
    let spec = tools.shown_in(spec).shared_dir(inside::TEMP).network(network.mode.into());
    spec.callers(network.settings.attribution)
}

/// What a workspace shows.
struct Shown {
    /// None of one that is empty.
    layer: Option<(Access, Withheld)>,
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
        let layer = Some((access, withheld));
        Place::of(spec, Shown { layer, source, name, tree }, tools, network)
    }

    /// A place whose workspace is empty at first, as on a forge's own runner. `source` is where the tree will be on the
    /// host, if it will, and `name` that of the repository.
    pub fn empty(spec: Spec, source: PathBuf, name: &str, tools: Tools, network: Network) -> Place {
        let name = directory_name(Path::new(name));
        Place::of(spec, Shown { layer: None, source, name, tree: Tree::Empty }, tools, network)
    }

    fn of(spec: Spec, shown: Shown, tools: Tools, network: Network) -> Place {
        let Shown { layer, source, name, tree } = shown;
        let workspace = Path::new(WORK).join(&name).join(&name);
        let (spec, at) = (for_every_job(spec, &tools, &network), workspace.clone());
        let spec = match layer {
            None => spec.directory(at),
            Some((access, Withheld { hidden, replaced, .. })) => {
                spec.workspace(Workspace { source: source.clone(), at, access, hidden, replaced })
            }
        };
        let (ahead, leave) = Default::default();
        Place { spec, workspace, source, tree, tools, repository: false, network, native: true, ahead, leave }
    }

    /// Has the first job's sandbox be made of an init that was started ahead of time.
    pub fn with_spare(mut self, spare: Option<Spare>) -> Place {
        self.ahead = Mutex::new(spare.map_or(Ahead::Nothing, Ahead::Init));
        self
    }

    /// Has the first job's sandbox be one that was started before the place was known, where it fits.
    pub fn with_early(mut self, early: Option<Early>) -> Place {
        self.ahead = Mutex::new(early.map_or(Ahead::Nothing, |early| Ahead::Early(Box::new(early))));
        self
    }

    /// Has the first job's sandbox set itself up from now on, beside all that is left to find out: where it is known that no
    /// job of the workflow shows more than this place.
    pub fn start_ahead(&self, workflow: &Workflow) {
        let own = |step: &Step| match &step.kind {
            StepKind::Run { .. } => true,
            StepKind::Uses { action, .. } => self.native && Native::of(&action.value).is_some(),
        };
        let all_own = workflow.jobs.values().all(|job| match &job.work {
            Work::Steps(steps) => steps.iter().all(own),
            Work::Call(_) => false,
        });
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead = match std::mem::take(&mut *ahead) {
            Ahead::Init(spare) if all_own => {
                Ahead::Sandbox(Box::new(Sandbox::start_with(Some(spare), &self.spec)))
            }
            Ahead::Early(early) if all_own => Ahead::Sandbox(Box::new(self.start_by(*early))),
            other => other,
        };
    }

    fn start_by(&self, early: Early) -> Result<Starting, Error> {
        early.of(self).map_or_else(|| Sandbox::start(&self.spec), Ok)
    }

    /// Has the first job's steps wait for leave.
    pub fn with_leave(mut self, leave: Leave) -> Place {
        self.leave = Mutex::new(Some(leave));
        self
    }

    /// Waits until steps may begin.
    pub fn await_leave(&self) -> Result<(), NoLeave> {
        let leave = self.leave.lock().unwrap_or_else(PoisonError::into_inner).take();
        leave.map_or(Ok(()), Leave::wait)
    }

    /// Starts a sandbox here, which shows these trees too.
    pub fn start(&self, trees: Vec<Bind>) -> Result<Starting, Error> {
        let ahead = std::mem::take(&mut *self.ahead.lock().unwrap_or_else(PoisonError::into_inner));
        match ahead {
            Ahead::Sandbox(started) if trees.is_empty() => *started,
            Ahead::Early(early) if trees.is_empty() => self.start_by(*early),
            Ahead::Init(spare) => Sandbox::start_with(Some(spare), &self.spec_with(trees)),
            Ahead::Sandbox(_) | Ahead::Early(_) | Ahead::Nothing => Sandbox::start(&self.spec_with(trees)),
        }
    }

    fn spec_with(&self, trees: Vec<Bind>) -> Cow<'_, Spec> {
        trees
            .into_iter()
            .fold(Cow::Borrowed(&self.spec), |spec, tree| Cow::Owned(spec.into_owned().bind(tree)))
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
    /// its hooks. One of SHA-256 is none without its configuration, which is shown where there are no credentials in it.
    pub fn with_repository(self, repository: &Repository) -> Place {
        let is_needed = repository.is_sha256() && !holds_credentials(&repository.common_dir().join("config"));
        let parts = ["HEAD", "objects", "refs", "packed-refs", "shallow"]
            .into_iter()
            .chain(is_needed.then_some("config"));
        self.with_parts(repository, parts)
    }

    /// Shows jobs, read-only and at its own path, the repository to which the `.git` file of their tree points.
    pub fn with_linked(mut self, repository: &Repository) -> Place {
        for path in [repository.git_dir(), repository.common_dir()] {
            if let Ok(path) = path.canonicalize() {
                self.spec = self.spec.bind(Bind::read_only(path).as_own());
            }
        }
        self
    }

    /// Shows jobs palisade's own mirror of their repository. Its configuration holds no credentials, and tells which
    /// hash names its objects.
    pub fn with_mirror(self, repository: &Repository) -> Place {
        self.with_parts(repository, ["HEAD", "config", "objects", "refs", "packed-refs", "shallow"])
    }

    fn with_parts<'p>(mut self, repository: &Repository, parts: impl IntoIterator<Item = &'p str>) -> Place {
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
