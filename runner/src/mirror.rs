//! Copies of a forge's repositories on this host, so that jobs check them out without a network: git, in a sandbox of
//! its own and with the job's own token, brings one up to date before a job begins, which then sees it read-only.

use std::fs::{self, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::action::fetch::{FetchError, Git, Host};
use crate::action::source::Location;
use crate::action::store::CommitId;
use crate::mask::Secret;
use crate::state::State;

/// One repository.
#[derive(Debug)]
pub struct Mirror {
    directory: PathBuf,
    location: Location,
}

impl Mirror {
    /// The copy of the repository at `url`, whether there is one yet or not.
    pub fn of(state: &State, url: &str) -> io::Result<Mirror> {
        // Names of repositories are a forge's to choose; a digest is a file name.
        let name: String = Sha256::digest(url.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let directory = state.dir("mirrors")?.join(name);
        fs::create_dir_all(&directory)?;
        Ok(Mirror { directory, location: Location::Url(url.to_owned()) })
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
        let lock = File::create(self.directory.join("lock"))?;
        lock.lock()?;
        let git = Git::start(host, &self.location, &self.directory, stop)?;
        let git = match token {
            Some(token) => git.with_token(token),
            None => git,
        };
        git.mirror(reference, commit)
    }

    /// The repository, a bare one.
    pub fn repository(&self) -> PathBuf {
        self.directory.join(crate::action::fetch::MIRROR)
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
