//! Looks for credentials in files and in the history of git repositories, with the rules of
//! [`detect`](crate::mask::detect).
//!
//! [`Root`] is a path that somebody named; `walk` and `history` say what of it is looked at, `find` what is
//! found in one text, [`Hit`] how it is told. Texts are looked at in several threads, in constant memory each, and
//! told in a stable order. Neither a hit nor its fingerprint holds anything of the credential.

mod decode;
mod excerpt;
mod find;
mod history;
mod hit;
mod in_order;
mod object;
mod position;
mod root;
mod subject;
mod walk;
mod windows;

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;

pub use hit::{Hit, Place};
pub use position::Position;
pub use root::{Root, RootError};

use crate::mask::detect::{AllowedPaths, Detector, Digest};
use subject::{Reader, Subject};

/// What is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Also what git ignores, all of `.git` but its objects, and large binary files.
    pub all: bool,
    /// Also the history of the repositories that hold the roots.
    pub history: bool,
}

/// What a scan tells as it goes.
#[derive(Debug)]
pub enum Told {
    /// A credential.
    Hit(Box<Hit>),
    /// Something that could not be looked at, or was not.
    Problem(Problem),
}

/// Something that could not be looked at, or was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What it is about, fit for a terminal.
    pub place: String,
    /// What is the matter.
    pub why: Why,
}

/// Why something was not looked at, or not fully.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It could not be read.
    #[error("can't be read: {0}")]
    Failed(String),
    /// A binary file that is too large to be worth the time.
    #[error("skipped: a binary file of {0} bytes; --all looks at it too")]
    Large(u64),
    /// So many hits that not all are told.
    #[error("{0} more hits are not listed")]
    Omitted(u64),
    /// The history is not all here.
    #[error("the history is cut: this is a shallow clone; `git fetch --unshallow` gets the rest")]
    Shallow,
    /// git tracks files that it also ignores, but its index can't be read to tell which.
    #[error("the index is of a kind that isn't understood: tracked files that are also ignored need --all")]
    Index,
}

/// What was looked at, and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Totals {
    /// Files that were looked at.
    pub files: u64,
    /// Versions of files, commits and tags that were looked at.
    pub objects: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Hits, those that aren't listed included.
    pub hits: u64,
    /// Symbolic links, which are not followed.
    pub links: u64,
    /// Pipes, sockets and devices.
    pub special: u64,
    /// Binary files that were too large.
    pub large: u64,
    /// What could not be read.
    pub failed: u64,
}

/// Why a scan came to no end.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// git doesn't run.
    #[error("cannot run git: {0}")]
    Git(#[source] io::Error),
    /// git failed, and has said why.
    #[error("git cannot list the history of `{0}`")]
    History(String),
}

/// Looks at all of `roots` but the files whose paths, from the root of their repository, are `allowed`. Where it fails,
/// what it told before stands.
///
/// `tell` is called in the order of the roots and, within each, of the paths, then of the commits; it can end the scan.
pub fn scan(
    detector: &Detector,
    allowed: &AllowedPaths,
    roots: &[Root],
    reach: Reach,
    tell: &mut dyn FnMut(Told) -> ControlFlow<()>,
) -> (Totals, Result<(), ScanError>) {
    let mut totals = Totals::default();
    let mut seen = Seen::default();
    let result = in_order::in_order(
        |give| list(allowed, roots, reach, give),
        || {
            let mut reader = Reader::new(detector, reach);
            move |subject| reader.look_at(subject)
        },
        |looked| {
            totals.add(&looked.totals);
            for hit in looked.hits {
                if seen.is_new(&hit) {
                    totals.hits += 1;
                    tell(Told::Hit(Box::new(hit)))?;
                }
            }
            looked.problem.map_or(ControlFlow::Continue(()), |problem| tell(Told::Problem(problem)))
        },
    );
    (totals, result)
}

/// Gives everything that is to be looked at.
fn list(
    allowed: &AllowedPaths,
    roots: &[Root],
    reach: Reach,
    give: &mut dyn FnMut(Subject) -> ControlFlow<()>,
) -> Result<(), ScanError> {
    let mut repositories = HashSet::new();
    for root in roots {
        if walk::walk(root, reach.all, allowed, give).is_break() {
            return Ok(());
        }
        if let Some(repository) = root.repository()
            && reach.history
            && repositories.insert(repository.canonicalize().unwrap_or_else(|_| repository.to_owned()))
            && history::list(repository, allowed, give)?.is_break()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// What of the history was told: the versions of a file all hold what one of them brought in.
#[derive(Default)]
struct Seen(HashSet<(Option<std::path::PathBuf>, &'static str, Digest)>);

impl Seen {
    fn is_new(&mut self, hit: &Hit) -> bool {
        match &*hit.place {
            Place::File { .. } => true,
            place => self.0.insert((place.path().map(Into::into), hit.rule.id, hit.value)),
        }
    }
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        let Totals { files, objects, bytes, hits, links, special, large, failed } = other;
        self.files += files;
        self.objects += objects;
        self.bytes += bytes;
        self.hits += hits;
        self.links += links;
        self.special += special;
        self.large += large;
        self.failed += failed;
    }
}
