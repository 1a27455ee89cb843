//! The workflows that a workflow calls, directly or not, read from its own tree.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::Diagnostics;
use super::model::{Work, Workflow};
use super::{discover, parse};

/// How deep workflows may call each other, the first included, as on GitHub.
const MAX_NESTING: usize = 10;
/// Most workflows that may be called by one, as on GitHub.
const MAX_CALLED: usize = 50;

/// Workflows by their paths within the tree.
#[derive(Clone, Debug, Default)]
pub struct Called(HashMap<String, Callee>);

#[derive(Clone, Debug)]
struct Callee {
    workflow: Arc<Workflow>,
    /// How deep it was called at most, as far as what it calls was looked at.
    depth: usize,
}

/// Why a workflow that is called can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CalledError {
    /// It can't be read.
    #[error("the workflow `./{path}` that job `{job}` calls can't be read: {why}")]
    Unreadable {
        /// Its path.
        path: String,
        /// Who calls it.
        job: String,
        /// Why.
        why: String,
    },
    /// It isn't valid.
    #[error("the workflow `./{path}` that job `{job}` calls can't be run:\n{why}")]
    Invalid {
        /// Its path.
        path: String,
        /// Who calls it.
        job: String,
        /// What is wrong with it.
        why: Box<Diagnostics>,
    },
    /// It can't be called so.
    #[error("job `{job}` can't call `./{path}`: {why}")]
    Mismatch {
        /// Its path.
        path: String,
        /// Who calls it.
        job: String,
        /// Why.
        why: String,
    },
    /// They call each other without end, or too deep.
    #[error("workflows call each other {how}: {}", chain.join(" → "))]
    Depth {
        /// In a circle, or too deep.
        how: String,
        /// The paths.
        chain: Vec<String>,
    },
}

impl Called {
    /// Reads all that `workflow` calls from the tree at `root`. What only another event would call is read too:
    /// a mistake is told before anything runs.
    pub fn by(workflow: &Workflow, root: &Path) -> Result<Called, CalledError> {
        let mut called = Called::default();
        called.add(workflow, root, &mut Vec::new())?;
        Ok(called)
    }

    /// The workflow at a path.
    pub fn get(&self, path: &str) -> Option<&Arc<Workflow>> {
        self.0.get(path).map(|callee| &callee.workflow)
    }

    fn add(&mut self, caller: &Workflow, root: &Path, chain: &mut Vec<String>) -> Result<(), CalledError> {
        for job in caller.jobs.values() {
            let Work::Call(call) = &job.work else { continue };
            let path = call.workflow.value.clone();
            let circle = chain.contains(&path);
            chain.push(path.clone());
            // The first workflow, which isn't in the chain, counts.
            if circle || chain.len() >= MAX_NESTING {
                let how = if circle { "in a circle".into() } else { format!("more than {MAX_NESTING} deep") };
                return Err(CalledError::Depth { how, chain: chain.clone() });
            }
            let callee = match self.0.get(&path) {
                Some(known) => known.workflow.clone(),
                None => {
                    let unreadable = |why: String| CalledError::Unreadable {
                        path: path.clone(),
                        job: job.id.value.clone(),
                        why,
                    };
                    if self.0.len() == MAX_CALLED {
                        return Err(unreadable(format!("more than {MAX_CALLED} are called")));
                    }
                    let source = read(root, &path).map_err(unreadable)?;
                    let parsed = parse(&source, Path::new(&path)).map_err(|why| CalledError::Invalid {
                        path: path.clone(),
                        job: job.id.value.clone(),
                        why: Box::new(why),
                    })?;
                    let callee = Arc::new(parsed.workflow);
                    self.0.insert(path.clone(), Callee { workflow: callee.clone(), depth: 0 });
                    callee
                }
            };
            call.check(&callee).map_err(|why| CalledError::Mismatch {
                path: path.clone(),
                job: job.id.value.clone(),
                why,
            })?;
            // Many ways may lead to it; only one that is longer tells something new.
            let depth = chain.len();
            if let Some(known) = self.0.get_mut(&path).filter(|known| known.depth < depth) {
                known.depth = depth;
                self.add(&callee, root, chain)?;
            }
            chain.pop();
        }
        Ok(())
    }
}

/// Reads a file of the tree that no link leads out of.
fn read(root: &Path, path: &str) -> Result<Vec<u8>, String> {
    let file = root.join(path);
    let real = file.canonicalize().map_err(|e| e.to_string())?;
    let root = root.canonicalize().map_err(|e| e.to_string())?;
    if !real.starts_with(&root) {
        return Err("a link leads out of the repository".into());
    }
    if !real.is_file() {
        return Err("it is no file".into());
    }
    discover::read(&real).map_err(|e| e.to_string())
}
