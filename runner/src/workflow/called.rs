//! The workflows that a workflow calls, directly or not: of its own tree, and of other repositories.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::Diagnostics;
use super::file::WorkflowFile;
use super::model::{Call, Work, Workflow};
use super::render::Position;
use super::yaml::MAX_BYTES;
use super::{discover, parse};
use crate::action::{Actions, ObtainError, Obtained};

/// How deep workflows may call each other, the first included, as on GitHub.
pub const MAX_NESTING: usize = 10;
/// Most workflows that may be called by one, as on GitHub.
pub const MAX_CALLED: usize = 50;

/// Where workflow files come from.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    /// The repository of the workflow that calls the first, on the host.
    pub root: &'a Path,
    /// How other repositories are obtained.
    pub actions: &'a Actions,
    /// Readable once nobody wants it any more.
    pub stop: Option<BorrowedFd<'a>>,
}

/// Workflows by their files, named as from the tree at hand.
#[derive(Clone, Debug, Default)]
pub struct Called(HashMap<WorkflowFile, Callee>);

/// A workflow that is called.
#[derive(Clone, Debug)]
pub struct Callee {
    /// What it says.
    pub workflow: Arc<Workflow>,
    /// Its repository, where that isn't the one at hand.
    pub obtained: Option<Arc<Obtained>>,
    /// How deep it was called at most, as far as what it calls was looked at.
    depth: usize,
}

/// A job that calls a workflow, and where it says so.
#[derive(Clone, Debug)]
pub struct Caller {
    file: String,
    position: Position,
    job: String,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.file, self.position)
    }
}

/// Why a workflow that is called can't be used.
#[derive(Debug, thiserror::Error)]
pub enum CalledError {
    /// It can't be read.
    #[error("{by} the workflow `{file}` that job `{}` calls can't be read: {why}", by.job)]
    Unreadable {
        /// Which.
        file: String,
        /// Who calls it.
        by: Caller,
        /// Why.
        why: String,
    },
    /// Its repository can't be had.
    #[error("{by} the workflow `{file}` that job `{}` calls can't be had: {why}", by.job)]
    NotObtained {
        /// Which.
        file: String,
        /// Who calls it.
        by: Caller,
        /// Why.
        why: ObtainError,
    },
    /// It isn't valid.
    #[error("{by} the workflow `{file}` that job `{}` calls can't be run:\n{why}", by.job)]
    Invalid {
        /// Which.
        file: String,
        /// Who calls it.
        by: Caller,
        /// What is wrong with it.
        why: Box<Diagnostics>,
    },
    /// It can't be called so.
    #[error("{by} job `{}` can't call `{file}`: {why}", by.job)]
    Mismatch {
        /// Which.
        file: String,
        /// Who calls it.
        by: Caller,
        /// Why.
        why: String,
    },
    /// They call each other without end, or too deep.
    #[error("workflows call each other {how}: {}", chain.join(" → "))]
    Depth {
        /// In a circle, or too deep.
        how: String,
        /// The files.
        chain: Vec<String>,
    },
}

impl Called {
    /// Reads all that the workflow of `file` calls. What only another event would call is read too: a mistake is told
    /// before anything runs.
    pub fn by(workflow: &Workflow, file: &str, tree: Tree<'_>) -> Result<Called, CalledError> {
        let mut called = Called::default();
        called.add(workflow, file, tree, &mut Vec::new())?;
        Ok(called)
    }

    /// A workflow by its file.
    pub fn get(&self, file: &WorkflowFile) -> Option<&Callee> {
        self.0.get(file)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Callee> {
        self.0.values()
    }

    fn add(
        &mut self,
        caller: &Workflow,
        file_of_caller: &str,
        tree: Tree<'_>,
        chain: &mut Vec<WorkflowFile>,
    ) -> Result<(), CalledError> {
        for job in caller.jobs.values() {
            let Work::Call(call) = &job.work else { continue };
            let file = call.workflow.called_by(chain.last());
            let circle = chain.contains(&file);
            chain.push(file.clone());
            // The first workflow, which isn't in the chain, counts.
            if circle || chain.len() >= MAX_NESTING {
                let how = if circle { "in a circle".into() } else { format!("more than {MAX_NESTING} deep") };
                let chain = chain.iter().map(WorkflowFile::to_string).collect();
                return Err(CalledError::Depth { how, chain });
            }
            let by = Caller {
                file: file_of_caller.to_owned(),
                position: call.position,
                job: job.id.value.clone(),
            };
            let callee = self.callee(&file, by, call, tree)?;
            // Many ways may lead to it; only one that is longer tells something new.
            let depth = chain.len();
            if let Some(known) = self.0.get_mut(&file).filter(|known| known.depth < depth) {
                known.depth = depth;
                self.add(&callee, &file.to_string(), tree, chain)?;
            }
            chain.pop();
        }
        Ok(())
    }

    /// The workflow that a job calls, read if it isn't known yet.
    fn callee(
        &mut self,
        file: &WorkflowFile,
        by: Caller,
        call: &Call,
        tree: Tree<'_>,
    ) -> Result<Arc<Workflow>, CalledError> {
        let workflow = match self.0.get(file) {
            Some(known) => known.workflow.clone(),
            None if self.0.len() == MAX_CALLED => {
                let why = format!("more than {MAX_CALLED} are called");
                return Err(CalledError::Unreadable { file: file.to_string(), by, why });
            }
            None => {
                let (source, shown, obtained) = match file {
                    WorkflowFile::Here(path) => {
                        let shown = path.as_str();
                        let source = discover::read_within(tree.root, Path::new(shown));
                        (source.map_err(|e| discover::why_unread(&e)), shown.to_owned(), None)
                    }
                    WorkflowFile::Elsewhere(remote) => match tree.actions.obtain(remote, tree.stop) {
                        Ok(obtained) => {
                            let source =
                                obtained.read(&remote.path, MAX_BYTES).map_err(|e| discover::why_unread(&e));
                            (source, remote.to_string(), Some(obtained))
                        }
                        Err(why) => {
                            return Err(CalledError::NotObtained { file: file.to_string(), by, why });
                        }
                    },
                };
                let source = match source {
                    Ok(source) => source,
                    Err(why) => return Err(CalledError::Unreadable { file: file.to_string(), by, why }),
                };
                let workflow = match parse(&source, Path::new(&shown)) {
                    Ok(parsed) => Arc::new(parsed.workflow),
                    Err(why) => {
                        return Err(CalledError::Invalid { file: file.to_string(), by, why: Box::new(why) });
                    }
                };
                self.0.insert(file.clone(), Callee { workflow: workflow.clone(), obtained, depth: 0 });
                workflow
            }
        };
        match call.mismatches(&workflow).into_iter().next() {
            Some((_, why)) => Err(CalledError::Mismatch { file: file.to_string(), by, why }),
            None => Ok(workflow),
        }
    }
}
