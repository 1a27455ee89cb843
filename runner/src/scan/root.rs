//! A path that somebody named, and the repository that holds it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A path that is to be looked at.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
    is_dir: bool,
    repository: Option<PathBuf>,
}

/// Why a path can't be looked at.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It isn't there, or not for this user.
    #[error("cannot read `{}`: {error}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A pipe, a socket or a device.
    #[error("`{}` is neither a file nor a directory", .0.display())]
    Special(PathBuf),
    /// Its history was asked for, and it has none.
    #[error("`{}` is not in a git repository, so it has no history", .0.display())]
    NoHistory(PathBuf),
}

impl Root {
    /// Looks whether the path can be looked at.
    pub fn open(path: &Path) -> Result<Root, RootError> {
        let unreadable = |error| RootError::Unreadable { path: path.to_owned(), error };
        let kind = fs::metadata(path).map_err(unreadable)?.file_type();
        if kind.is_dir() {
            fs::read_dir(path).map_err(unreadable)?;
        } else if kind.is_file() {
            File::open(path).map_err(unreadable)?;
        } else {
            return Err(RootError::Special(path.to_owned()));
        }
        Ok(Root { path: path.to_owned(), is_dir: kind.is_dir(), repository: repository_around(path) })
    }

    /// Requires that there is a history.
    pub fn with_history(self) -> Result<Root, RootError> {
        if self.repository.is_some() { Ok(self) } else { Err(RootError::NoHistory(self.path)) }
    }

    /// As it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it is a directory.
    pub(super) fn is_dir(&self) -> bool {
        self.is_dir
    }

    /// The root of the work tree that holds it, or the bare repository that it is; with all links resolved.
    pub(super) fn repository(&self) -> Option<&Path> {
        self.repository.as_deref()
    }
}

fn repository_around(path: &Path) -> Option<PathBuf> {
    let real = path.canonicalize().ok()?;
    real.ancestors().find(|dir| dir.join(".git").exists() || is_git_dir(dir)).map(Path::to_owned)
}

/// Whether a directory is git's own. Source: "gitrepository-layout".
pub(super) fn is_git_dir(dir: &Path) -> bool {
    dir.join("objects").is_dir() && dir.join("refs").is_dir() && dir.join("HEAD").is_file()
}
