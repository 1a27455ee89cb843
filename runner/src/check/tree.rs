//! What workflows use of their own repository: read once, and only if it is asked for.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::action::LocalPath;
use crate::action::manifest::{self, FILES, Manifest};
use crate::workflow::model::Workflow;
use crate::workflow::{examine, read_within};

/// A repository on this machine.
pub struct Tree {
    root: PathBuf,
    /// Whether paths from its root are paths from here.
    is_here: bool,
    actions: Cache<Manifest>,
    workflows: Cache<Workflow>,
}

type Cache<T> = RefCell<HashMap<LocalPath, Known<T>>>;

/// What is known of something that a workflow names.
pub enum Known<T> {
    /// It isn't there.
    Missing,
    /// It is there, and can't be read; why, if its own diagnostics don't say so.
    Broken(Option<String>),
    /// It says this.
    Is(Rc<T>),
}

impl<T> Known<T> {
    /// Whether its diagnostics say all that is wrong with it. Otherwise whoever names it is told.
    pub fn is_readable(&self) -> bool {
        matches!(self, Known::Broken(None) | Known::Is(_))
    }
}

impl<T> Clone for Known<T> {
    fn clone(&self) -> Self {
        match self {
            Known::Missing => Known::Missing,
            Known::Broken(why) => Known::Broken(why.clone()),
            Known::Is(value) => Known::Is(value.clone()),
        }
    }
}

impl Tree {
    /// The repository at `root`.
    pub fn new(root: &Path) -> Tree {
        let is_here = std::env::current_dir().is_ok_and(|here| here == root);
        Tree { root: root.to_owned(), is_here, actions: Cache::default(), workflows: Cache::default() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path from its root as people see it.
    pub fn shown(&self, path: &Path) -> PathBuf {
        if self.is_here { path.to_owned() } else { self.root.join(path) }
    }

    /// Reads a file of it, bounded.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        read_within(&self.root, path)
    }

    /// The file of an action, from the root.
    pub fn action_file(&self, action: &LocalPath) -> Option<PathBuf> {
        let directory = Path::new(action.as_str());
        FILES.iter().map(|name| directory.join(name)).find(|path| self.root.join(path).exists())
    }

    /// What an action says.
    pub fn action(&self, action: &LocalPath) -> Known<Manifest> {
        once(&self.actions, action, || match self.action_file(action) {
            None => Known::Missing,
            Some(file) => self.known(&file, |source| manifest::examine(source).value),
        })
    }

    /// What a workflow says.
    pub fn workflow(&self, file: &LocalPath) -> Known<Workflow> {
        once(&self.workflows, file, || self.known(Path::new(file.as_str()), |source| examine(source).value))
    }

    fn known<T>(&self, path: &Path, read: impl FnOnce(&[u8]) -> Option<T>) -> Known<T> {
        match self.read(path) {
            Ok(source) => read(&source).map_or(Known::Broken(None), |value| Known::Is(Rc::new(value))),
            Err(e) if e.kind() == ErrorKind::NotFound => Known::Missing,
            Err(e) => Known::Broken(Some(e.to_string())),
        }
    }
}

fn once<T>(cache: &Cache<T>, path: &LocalPath, read: impl FnOnce() -> Known<T>) -> Known<T> {
    if let Some(known) = cache.borrow().get(path) {
        return known.clone();
    }
    let known = read();
    cache.borrow_mut().insert(path.clone(), known.clone());
    known
}
