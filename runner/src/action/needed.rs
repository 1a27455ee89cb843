//! What the steps of a job use of other repositories, directly and through composite actions: all of it is obtained
//! before the job begins.

use std::collections::HashMap;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use super::manifest::{self, Manifest, Read, Runs};
use super::obtain::{Actions, ObtainError, Obtained};
use super::{LocalPath, Remote, Uses};
use crate::native::Native;
use crate::workflow::model::{Step, StepKind};
use crate::workflow::{MAX_BYTES, read_within};

/// How deep actions may use each other, as on GitHub.
pub const MAX_NESTING: usize = 10;
/// Most actions that a job may use, nested ones included.
const MAX_ACTIONS: usize = 1000;

/// The actions of a job.
#[derive(Debug, Default)]
pub struct Needed {
    /// Their repositories, by version, in the order in which they were met.
    versions: Vec<Arc<Obtained>>,
    /// Their files, by version and path.
    manifests: HashMap<(String, String), Arc<Loaded>>,
}

/// An action that was read.
#[derive(Debug)]
pub struct Loaded {
    /// What its file says.
    pub read: Arc<Read>,
    /// Its repository.
    pub obtained: Arc<Obtained>,
}

/// Where to look.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// How actions are obtained.
    pub actions: &'a Actions,
    /// The job's own tree, on the host, for its own actions.
    pub root: &'a Path,
    /// Palisade's own actions stand in for upstream's.
    pub native: bool,
    /// Readable once nobody wants it any more.
    pub stop: Option<BorrowedFd<'a>>,
}

impl Search<'_> {
    /// Whether palisade has the action itself.
    fn has_itself(&self, uses: &Uses) -> bool {
        self.native && Native::of(uses).is_some()
    }
}

impl Needed {
    /// All that these steps need.
    pub fn of(steps: &[Step], search: Search<'_>) -> Result<Needed, ObtainError> {
        let mut needed = Needed::default();
        needed.add(steps, search, 0)?;
        Ok(needed)
    }

    /// The repositories.
    pub fn versions(&self) -> &[Arc<Obtained>] {
        &self.versions
    }

    /// An action that was obtained.
    pub fn get(&self, remote: &Remote) -> Option<&Arc<Loaded>> {
        self.manifests.get(&(remote.version(), remote.path.clone()))
    }

    fn add(&mut self, steps: &[Step], search: Search<'_>, depth: usize) -> Result<(), ObtainError> {
        if depth >= MAX_NESTING {
            // The step that goes too deep fails when it runs.
            return Ok(());
        }
        for step in steps {
            match &step.kind {
                StepKind::Uses { action, .. } if !search.has_itself(action) => match &action.value {
                    Uses::Remote(remote) => self.add_remote(remote, search, depth)?,
                    Uses::Local(path) => {
                        // What isn't there yet, or isn't valid, is told when the step runs.
                        let found = local(search.root, path);
                        if let Some(Runs::Composite { steps }) = found.map(|manifest| manifest.runs) {
                            self.add(&steps, search, depth + 1)?;
                        }
                    }
                    Uses::Image(_) => {}
                },
                _ => {}
            }
        }
        Ok(())
    }

    fn add_remote(&mut self, remote: &Remote, search: Search<'_>, depth: usize) -> Result<(), ObtainError> {
        let key = (remote.version(), remote.path.clone());
        if self.manifests.contains_key(&key) {
            return Ok(());
        }
        if self.manifests.len() == MAX_ACTIONS {
            return Err(ObtainError::Failed(format!("the job uses more than {MAX_ACTIONS} actions")));
        }
        let obtained = search.actions.obtain(remote, search.stop)?;
        let look = |path: &Path| obtained.read(&path.to_string_lossy(), MAX_BYTES);
        let read = manifest::find(&Uses::Remote(remote.clone()), Path::new(&remote.path), look)
            .map_err(ObtainError::Failed)?;
        let loaded = Arc::new(Loaded { read: Arc::new(read), obtained: obtained.clone() });
        if self.versions.iter().all(|known| known.version != obtained.version) {
            self.versions.push(obtained);
        }
        self.manifests.insert(key, loaded.clone());
        match &loaded.read.manifest.runs {
            Runs::Composite { steps } => self.add(steps, search, depth + 1),
            _ => Ok(()),
        }
    }
}

/// An action of the job's own tree, as far as it is there.
fn local(root: &Path, path: &LocalPath) -> Option<Manifest> {
    let look = |path: &Path| read_within(root, path);
    Some(manifest::find(&"", Path::new(path.as_str()), look).ok()?.manifest)
}
