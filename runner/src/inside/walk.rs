//! A walk through the files that patterns name. Its order is that of the package `@actions/glob`: it begins at what
//! stands before a pattern's first wildcard, in the order of the patterns; from there it goes depth first, the names
//! of a directory in the order of their bytes.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use nix::fcntl::OFlag;

use super::glob::{self, Patterns, Progress};

/// Most entries of directories that are looked at.
pub const MAX_ENTRIES: usize = 1_000_000;
/// Most bytes of a path (`PATH_MAX` with its zero), which bounds the depth too.
const MAX_PATH: usize = 4095;

/// How to walk.
#[derive(Clone, Debug)]
pub struct Walk {
    /// What becomes of links.
    pub links: Links,
    /// Links that lead out of this directory are passed by; it has no link in its path.
    pub within: Option<PathBuf>,
    /// Files and directories count whose names begin with a dot.
    pub hidden: bool,
    /// Most entries of directories that are looked at.
    pub max_entries: usize,
}

/// What becomes of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// They are what they lead to, but not in circles; one that leads nowhere is passed by.
    Follow,
    /// A link to a file is the file, one to a directory is passed by; one that leads nowhere is an error.
    Files,
    /// They are links.
    Keep,
}

/// What a walk has come by.
pub struct Item<'a> {
    /// Its path, as the patterns have it.
    pub path: &'a Path,
    /// The same without links that were followed.
    pub target: &'a Path,
    /// What is there.
    pub metadata: &'a Metadata,
}

/// Why a walk ends early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pattern is refused.
    #[error(transparent)]
    Pattern(#[from] glob::Error),
    /// It would take too long.
    #[error("the patterns lead through more than {0} files and directories; narrow them")]
    TooManyEntries(usize),
    /// No call of the kernel takes it.
    #[error("a path is longer than {MAX_PATH} bytes: `{}…`", shown(.0))]
    PathTooLong(PathBuf),
    /// The file system doesn't do what it is asked.
    #[error("cannot {action} `{}`: {error}", shown(.path))]
    Io {
        /// What failed.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Error {
    /// For `map_err`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |error| Error::Io { action, path, error }
    }
}

/// As much of a path as a message needs.
pub fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().take(200).collect()
}

/// There is no such path, or there isn't any more.
pub fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Opens what was a plain file; `None` where it has become something else.
pub fn open_file(path: &Path) -> io::Result<Option<File>> {
    // Were it a FIFO by now, opening it would not end.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file: File = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    Ok(file.metadata()?.is_file().then_some(file))
}

impl Walk {
    /// Gives `found` all that the patterns pick: files, directories before what is in them, and links that are kept.
    /// `origin` is the directory that the patterns are read from.
    pub fn run<E: From<Error>>(
        &self,
        patterns: &Patterns,
        origin: &Path,
        found: impl FnMut(Item<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut walking = Walking { walk: self, patterns, entries_left: self.max_entries, found };
        patterns.roots().iter().try_for_each(|root| walking.search(origin, root))
    }

    /// What a path is, and where: behind links, as far as they are to be followed.
    fn look(&self, path: &Path, picked: bool) -> io::Result<Option<(PathBuf, Metadata)>> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(e) if is_gone(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        if !metadata.is_symlink() || self.links == Links::Keep {
            return Ok(Some((path.to_owned(), metadata)));
        }
        let follow = self.links == Links::Follow;
        if !follow && !picked {
            return Ok(None);
        }
        let target = match self.inside(path) {
            Ok(Some(target)) => target,
            Ok(None) => return Ok(None),
            Err(e) if follow && (is_gone(&e) || is_circle(&e)) => return Ok(None),
            Err(e) if is_gone(&e) => {
                let why = "it is a link that leads nowhere; leave it out by a pattern with `!`";
                return Err(io::Error::new(ErrorKind::NotFound, why));
            }
            Err(e) => return Err(e),
        };
        let metadata = fs::symlink_metadata(&target)?;
        Ok((follow || !metadata.is_dir()).then_some((target, metadata)))
    }

    /// Where a path leads; `None` where that is out of bounds.
    fn inside(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        let real = fs::canonicalize(path)?;
        Ok(Some(real).filter(|real| self.within.as_ref().is_none_or(|within| real.starts_with(within))))
    }
}

fn is_circle(error: &io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ELOOP)
}

/// A directory that is being walked.
struct Directory {
    path: PathBuf,
    progress: Progress,
    /// Device and inode.
    id: (u64, u64),
    names: IntoIter<OsString>,
}

struct Walking<'a, F> {
    walk: &'a Walk,
    patterns: &'a Patterns,
    entries_left: usize,
    found: F,
}

impl<E: From<Error>, F: FnMut(Item<'_>) -> Result<(), E>> Walking<'_, F> {
    /// Goes to a path below the origin, and below it.
    fn search(&mut self, origin: &Path, root: &[String]) -> Result<(), E> {
        let mut path = origin.to_owned();
        let mut progress = self.patterns.start();
        for name in root {
            // The names before the last are directories, and may be links to such.
            match self.walk.inside(&path) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(e) if is_gone(&e) => return Ok(()),
                Err(e) => return Err(Error::io("find", path)(e).into()),
            }
            path.push(name);
            progress = self.patterns.step(&progress, name);
        }
        let mut stack: Vec<Directory> = Vec::new();
        stack.extend(self.visit(path, progress, &[])?);
        while let Some(directory) = stack.last_mut() {
            let Some(name) = directory.names.next() else {
                stack.pop();
                continue;
            };
            let path = directory.path.join(&name);
            let progress = self.patterns.step(&directory.progress, &name.to_string_lossy());
            let found = self.visit(path, progress, &stack)?;
            stack.extend(found);
        }
        Ok(())
    }

    /// Gives what is matched; tells a directory that is to be walked. `above` are those that it is in.
    fn visit(
        &mut self,
        path: PathBuf,
        progress: Progress,
        above: &[Directory],
    ) -> Result<Option<Directory>, E> {
        if !self.patterns.may_hold(&progress) {
            return Ok(None);
        }
        if !self.walk.hidden && path.file_name().is_some_and(|name| name.as_bytes().starts_with(b".")) {
            return Ok(None);
        }
        if path.as_os_str().len() > MAX_PATH {
            return Err(Error::PathTooLong(path).into());
        }
        let picked = self.patterns.pick(&progress);
        let found = self.walk.look(&path, picked).map_err(Error::io("look at", &path))?;
        let Some((target, metadata)) = found else { return Ok(None) };
        let id = (metadata.dev(), metadata.ino());
        let circle = metadata.is_dir() && above.iter().any(|directory| directory.id == id);
        if circle {
            return Ok(None);
        }
        if picked {
            (self.found)(Item { path: &path, target: &target, metadata: &metadata })?;
        }
        if !metadata.is_dir() {
            return Ok(None);
        }
        let names = self.names(&path)?;
        Ok(Some(Directory { path, progress, id, names }))
    }

    fn names(&mut self, path: &Path) -> Result<IntoIter<OsString>, E> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(Error::io("list", path))? {
            let name = entry.map_err(Error::io("list", path))?.file_name();
            self.entries_left =
                self.entries_left.checked_sub(1).ok_or(Error::TooManyEntries(self.walk.max_entries))?;
            names.push(name);
        }
        names.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
        Ok(names.into_iter())
    }
}

fn bytes(name: &OsStr) -> &[u8] {
    name.as_bytes()
}
