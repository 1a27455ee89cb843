//! Copies of a forge's repositories on this host, so that jobs check them out without a network: git, in a sandbox of
//! its own and with the job's own token, brings one up to date before a job begins, which then sees it read-only. They
//! are entries of a shelf: those that no job holds go when there are too many bytes, the least used first.

use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::action::fetch::{FetchError, Git, Host};
use crate::action::source::Location;
use crate::action::store::CommitId;
use crate::mask::Secret;
use crate::shelf::{Held, Shelf, ShelfError};
use crate::state::State;

/// The directory of copies.
const DIRECTORY: &str = "mirrors";
/// The file in an entry that says how many bytes it has.
const BYTES: &str = "bytes";
/// From how many packs on they are put together: each fetch that brings something leaves one.
const MANY_PACKS: usize = 50;

/// One repository; its copy stays for as long as this does.
#[derive(Debug)]
pub struct Mirror {
    shelf: Shelf,
    held: Held,
    max_size: u64,
    location: Location,
}

impl Mirror {
    /// The copy of the repository at `url`, whether there is one yet or not; all copies may have `max_size` bytes.
    pub fn of(state: &State, max_size: u64, url: &str) -> io::Result<Mirror> {
        Mirror::at(state, max_size, url, Location::Url(url.to_owned()))
    }

    /// The copy of a repository that bundles are handed in of; `identity` tells it from all others.
    pub fn of_bundle(state: &State, max_size: u64, identity: &str, bundle: &Path) -> io::Result<Mirror> {
        Mirror::at(state, max_size, identity, Location::Bundle(bundle.to_owned()))
    }

    fn at(state: &State, max_size: u64, identity: &str, location: Location) -> io::Result<Mirror> {
        // Names of repositories are others' to choose; a digest is a file name.
        let name: String =
            Sha256::digest(identity.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let shelf = Shelf::new(state.dir(DIRECTORY)?);
        let held = loop {
            fs::create_dir_all(shelf.path(&name))?;
            // It may have gone before it was held.
            if let Some(held) = shelf.hold(&name).map_err(failed)? {
                break held;
            }
        };
        Ok(Mirror { shelf, held, max_size, location })
    }

    /// Brings it up to date: branches, tags, `reference`, and `commit`.
    pub fn update(
        &self,
        host: &Host,
        token: Option<Secret>,
        reference: &str,
        commit: &CommitId,
        stop: Option<BorrowedFd<'_>>,
    ) -> Result<(), FetchError> {
        let lock = File::create(self.held.path().join("lock"))?;
        lock.lock()?;
        let git = Git::start(host, &self.location, self.held.path(), stop)?;
        let git = match token {
            Some(token) => git.with_token(token),
            None => git,
        };
        let before = self.packs();
        git.mirror(reference, commit)?;
        self.held.used();
        let packs = self.packs();
        if packs >= MANY_PACKS {
            // Where git can't, the copy is slower and no worse.
            let _ = git.tidy_mirror();
        }
        if packs != before {
            self.make_room()?;
        }
        Ok(())
    }

    /// How many packs there are.
    fn packs(&self) -> usize {
        let files = fs::read_dir(self.repository().join("objects/pack")).into_iter().flatten().flatten();
        files.filter(|file| file.path().extension().is_some_and(|kind| kind == "pack")).count()
    }

    /// Removes other copies where there is too much.
    fn make_room(&self) -> io::Result<()> {
        fs::write(self.held.path().join(BYTES), bytes_in(self.held.path()).to_string())?;
        let bytes = |path: &Path| fs::read_to_string(path.join(BYTES)).ok()?.parse().ok();
        self.shelf.evict(self.max_size, |_| true, bytes).map_err(failed)
    }

    /// The repository, a bare one.
    pub fn repository(&self) -> PathBuf {
        self.held.path().join(crate::action::fetch::MIRROR)
    }

    /// Puts the files of a commit into `directory`, which must not exist; gives where in it they are.
    pub fn files(
        &self,
        host: &Host,
        commit: &CommitId,
        directory: &Path,
        stop: Option<BorrowedFd<'_>>,
    ) -> Result<PathBuf, FetchError> {
        fs::create_dir(directory)?;
        let here = Location::Path(self.repository());
        Git::start(host, &here, directory, stop)?.fetch(commit)?;
        Ok(directory.join("tree"))
    }
}

fn failed(error: ShelfError) -> io::Error {
    io::Error::new(error.error.kind(), error.to_string())
}

/// Bytes of all files below a directory. What can't be read, or has gone meanwhile, counts for nothing.
fn bytes_in(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let bytes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_that_no_job_holds_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path().to_owned()));
        let mirror = |url: &str| {
            let mirror = Mirror::of(&state, 250, url).unwrap();
            fs::create_dir_all(mirror.repository()).unwrap();
            fs::write(mirror.repository().join("objects"), [0; 100]).unwrap();
            mirror.held.used();
            mirror.make_room().unwrap();
            mirror
        };
        let (first, second) =
            (mirror("https://forge.example/o/first"), mirror("https://forge.example/o/second"));
        let paths = [first.repository(), second.repository()];
        drop(second);
        // The first is older, and held.
        let third = mirror("https://forge.example/o/third");
        assert_eq!(paths.map(|path| path.exists()), [true, false]);
        assert!(third.repository().exists());
    }
}
