//! What is looked at, and looking at it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::OFlag;

use super::find::{Finder, Findings};
use super::hit::{Hit, Place, hits, shown};
use super::object::Objects;
use super::{Problem, Reach, Totals, Why};
use crate::mask::detect::Detector;

/// Largest binary file that is looked at unasked, in bytes.
const MAX_BINARY: u64 = 64 << 20;

/// Something that is to be looked at, or to be told in its turn.
pub(super) enum Subject {
    File {
        path: PathBuf,
        /// The same from the root of its repository, or of what was named.
        relative: PathBuf,
        /// Whether a symbolic link may be followed, since somebody named it.
        named: bool,
    },
    Object {
        repository: Arc<Path>,
        id: String,
        size: u64,
        place: Place,
    },
    Problem(Problem),
    /// What was passed over.
    Passed(Totals),
}

/// What came of it.
#[derive(Default)]
pub(super) struct Looked {
    pub hits: Vec<Hit>,
    pub problem: Option<Problem>,
    pub totals: Totals,
}

/// Looks at subjects, one at a time.
pub(super) struct Reader<'d> {
    finder: Finder<'d>,
    all: bool,
    /// The repository that was read last, ready for more.
    objects: Option<Objects>,
}

impl<'d> Reader<'d> {
    pub(super) fn new(detector: &'d Detector, reach: Reach) -> Self {
        Reader { finder: Finder::new(detector), all: reach.all, objects: None }
    }

    pub(super) fn look_at(&mut self, subject: Subject) -> Looked {
        match subject {
            Subject::File { path, relative, named } => self.file(path, &relative, named),
            Subject::Object { repository, id, size, place } => self.object(&repository, &id, size, place),
            Subject::Problem(problem) => Looked::of(problem),
            Subject::Passed(totals) => Looked { totals, ..Looked::default() },
        }
    }

    fn file(&mut self, path: PathBuf, relative: &Path, named: bool) -> Looked {
        let (file, size) = match open(&path, named) {
            Ok(Some(opened)) => opened,
            Ok(None) => return Looked::of_totals(Totals { special: 1, ..Totals::default() }),
            Err(e) => return Looked::failed(&Place::File { path }, &e),
        };
        let found = self.finder.find(file, self.all || size <= MAX_BINARY);
        let place = Place::File { path };
        let mut looked = Looked::new(found, size, place, relative);
        looked.totals.files = u64::from(looked.totals.failed + looked.totals.large == 0);
        looked
    }

    fn object(&mut self, repository: &Arc<Path>, id: &str, size: u64, place: Place) -> Looked {
        let objects = match self.objects.take() {
            Some(objects) if objects.is_of(repository) => Ok(objects),
            _ => Objects::of(repository),
        };
        let found = objects.and_then(|mut objects| {
            let found = objects.read(id, |from| self.finder.find(from, self.all || size <= MAX_BINARY))?;
            // A program that failed is no good for the next.
            self.objects = Some(objects);
            Ok(found)
        });
        let path = place.path().map(Path::to_owned).unwrap_or_default();
        let mut looked = Looked::new(found, size, place, &path);
        looked.totals.objects = u64::from(looked.totals.failed + looked.totals.large == 0);
        looked
    }
}

/// Opens a file for reading; `None` where there is something else.
fn open(path: &Path, named: bool) -> io::Result<Option<(File, u64)>> {
    // A pipe that has taken the file's place must not make this wait.
    let mut flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    if !named {
        flags |= OFlag::O_NOFOLLOW;
    }
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata.len())))
}

impl Looked {
    fn new(found: io::Result<Option<Findings>>, size: u64, place: Place, path: &Path) -> Looked {
        match found {
            Err(e) => Looked::failed(&place, &e),
            Ok(None) => Looked::of(Problem { place: place.to_string(), why: Why::Large(size) }),
            Ok(Some(Findings { found, omitted, bytes })) => Looked {
                problem: (omitted > 0)
                    .then(|| Problem { place: place.to_string(), why: Why::Omitted(omitted) }),
                hits: hits(found, place, path),
                totals: Totals { bytes, hits: omitted, ..Totals::default() },
            },
        }
    }

    fn failed(place: &Place, error: &io::Error) -> Looked {
        Looked::of(Problem { place: place.to_string(), why: Why::Failed(shown(&error.to_string())) })
    }

    fn of(problem: Problem) -> Looked {
        let mut totals = Totals::default();
        match problem.why {
            Why::Failed(_) => totals.failed = 1,
            Why::Large(_) => totals.large = 1,
            Why::Omitted(_) | Why::Shallow | Why::Index => {}
        }
        Looked { problem: Some(problem), totals, ..Looked::default() }
    }

    fn of_totals(totals: Totals) -> Looked {
        Looked { totals, ..Looked::default() }
    }
}
