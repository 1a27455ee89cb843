//! Actions of other repositories, from their names to their files: policy, lock, store, sources.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

use super::Remote;
use super::fetch::{FetchError, Git, Host};
use super::lock::{self, Lock, Pin};
use super::source::{Location, Settings, Source};
use super::store::{CommitId, Store, StoreError, Stored};
use crate::capture::CaptureError;
use crate::state::State;

/// Where the files of actions are, inside.
const INSIDE: &str = "/home/runner/work/_actions";

/// All that decides what an action is.
#[derive(Debug)]
pub struct Actions {
    /// `[actions]`
    pub settings: Settings,
    /// The address of the repository's own forge.
    pub own: String,
    /// What git runs with.
    pub host: Host,
    /// Where the store is.
    pub state: State,
    /// What is pinned, where there is a lock.
    pub lock: Option<Lock>,
    /// What this run has obtained.
    known: Mutex<HashMap<String, Arc<Known>>>,
}

/// One version of a repository: locked while it is obtained, so that this happens once.
type Known = Mutex<Option<Result<Arc<Obtained>, ObtainError>>>;

/// The files of a repository at one version.
#[derive(Debug)]
pub struct Obtained {
    /// [`Remote::version`]
    pub version: String,
    /// Where it was found.
    pub source: String,
    /// Its commit, digest and files.
    pub stored: Stored,
    /// The lock says that it is these.
    pub pinned: bool,
    /// Where they are inside.
    pub inside: PathBuf,
}

/// Why an action can't be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ObtainError {
    /// A policy, the lock or the store is against it.
    #[error("{0}")]
    Refused(String),
    /// It can't be found or fetched.
    #[error("{0}")]
    Failed(String),
    /// Nobody wants it any more.
    #[error("the run was cancelled")]
    Stopped,
}

impl From<StoreError> for ObtainError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Changed { .. } => ObtainError::Refused(error.to_string()),
            other => ObtainError::Failed(other.to_string()),
        }
    }
}

impl From<FetchError> for ObtainError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Bound { error: CaptureError::Stopped, .. } => ObtainError::Stopped,
            other => ObtainError::Failed(other.to_string()),
        }
    }
}

impl Actions {
    /// Nothing is obtained yet.
    pub fn new(settings: Settings, own: String, host: Host, state: State, lock: Option<Lock>) -> Self {
        Actions { settings, own, host, state, lock, known: Mutex::default() }
    }

    /// The files of an action's repository. While they are fetched, `stop` becoming readable ends it.
    pub fn obtain(
        &self,
        remote: &Remote,
        stop: Option<BorrowedFd<'_>>,
    ) -> Result<Arc<Obtained>, ObtainError> {
        let version = remote.version();
        // A thread that panicked has left nothing half done here.
        let known =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(version).or_default().clone();
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return known.clone();
        }
        let obtained = self.look_up(remote, stop).map(Arc::new);
        if !matches!(obtained, Err(ObtainError::Stopped)) {
            *known = Some(obtained.clone());
        }
        obtained
    }

    fn look_up(&self, remote: &Remote, stop: Option<BorrowedFd<'_>>) -> Result<Obtained, ObtainError> {
        let version = remote.version();
        if !self.settings.allows(remote) {
            return Err(ObtainError::Refused(format!(
                "`{version}` is none of the actions and workflows that may be used here, which `allow` under `[actions]` \
                 of the configuration lists"
            )));
        }
        let written = CommitId::parse(&remote.reference);
        if self.settings.require_sha && written.is_none() {
            return Err(ObtainError::Refused(format!(
                "`{version}` is not named by a commit, which `require-sha` of the configuration demands"
            )));
        }
        let pin = self.lock.as_ref().and_then(|lock| lock.0.get(&version));
        if self.settings.require_lock && pin.is_none() {
            return Err(ObtainError::Refused(format!(
                "`{version}` is not in `{}`, which `require-lock` of the configuration demands; add it with \
                 `palisade lock`",
                lock::PATH
            )));
        }
        if let (Some(written), Some(pin)) = (&written, pin)
            && *written != pin.commit
        {
            let (path, pinned) = (lock::PATH, &pin.commit);
            return Err(ObtainError::Refused(format!("`{path}` has commit {pinned} for `{version}`")));
        }
        let commit = pin.map(|pin| pin.commit.clone()).or(written);
        let (source, stored) = self.find(remote, commit, pin, stop)?;
        let inside = inside(remote);
        Ok(Obtained { version, source, stored, pinned: pin.is_some(), inside })
    }

    /// Finds the files in the store or in a source.
    fn find(
        &self,
        remote: &Remote,
        commit: Option<CommitId>,
        pin: Option<&Pin>,
        stop: Option<BorrowedFd<'_>>,
    ) -> Result<(String, Stored), ObtainError> {
        let sources = self.settings.of(remote, &self.own).map_err(|e| ObtainError::Refused(e.to_string()))?;
        let directory = self.state.dir("actions").map_err(|e| ObtainError::Failed(e.to_string()))?;
        let store = Store::new(directory, self.settings.max_size.0);
        if let Some(pin) = pin {
            if let Some(stored) = store.get(&pin.commit, Some(&pin.tree))? {
                return Ok((pin.source.clone(), stored));
            }
            if let Some(other) = store.get(&pin.commit, None)? {
                return Err(drift(remote, pin, &other.digest.to_string()));
            }
        }
        let search = Search { actions: self, store: &store, remote, commit: commit.as_ref(), pin, stop };
        for source in &sources {
            if let Some(stored) = search.in_store(source)? {
                return Ok((source.to_string(), stored));
            }
        }
        let mut tried = Vec::new();
        for source in &sources {
            match search.in_source(source) {
                Ok(stored) => return Ok((source.to_string(), stored)),
                Err(Miss::Absent(why)) => tried.push(why),
                // Whatever a source gives for a commit is that commit, so that another will do as well.
                Err(Miss::Error(ObtainError::Failed(why))) if commit.is_some() => tried.push(why),
                Err(Miss::Error(error)) => return Err(error),
            }
        }
        let why = if tried.is_empty() { "there is no source for it".to_owned() } else { tried.join("; ") };
        Err(ObtainError::Failed(format!("cannot find `{}`: {why}", remote.version())))
    }
}

fn drift(remote: &Remote, pin: &Pin, found: &str) -> ObtainError {
    ObtainError::Refused(format!(
        "the files of `{}` at commit {} are not those of `{}`: their digest is {found}, and {} is locked",
        remote.version(),
        pin.commit,
        lock::PATH,
        pin.tree
    ))
}

/// A look for one version.
struct Search<'a> {
    actions: &'a Actions,
    store: &'a Store,
    remote: &'a Remote,
    commit: Option<&'a CommitId>,
    pin: Option<&'a Pin>,
    stop: Option<BorrowedFd<'a>>,
}

/// What a source doesn't give.
enum Miss {
    /// It doesn't have it: another may.
    Absent(String),
    /// It could have it.
    Error(ObtainError),
}

impl<E: Into<ObtainError>> From<E> for Miss {
    fn from(error: E) -> Self {
        Miss::Error(error.into())
    }
}

impl Search<'_> {
    /// What is named by its commit, and is known to be of this repository: that another has it says nothing of this one.
    fn in_store(&self, source: &Source) -> Result<Option<Stored>, ObtainError> {
        let location = source.locate(&self.remote.owner, &self.remote.name);
        let (Some(location), Some(commit)) = (location, self.commit) else { return Ok(None) };
        match self.store.last_known(&location.to_string(), commit.as_str()) {
            Some(_) => Ok(self.store.get(commit, None)?),
            None => Ok(None),
        }
    }

    fn in_source(&self, source: &Source) -> Result<Stored, Miss> {
        let Remote { owner, name, reference, .. } = self.remote;
        let Some(location) = source.locate(owner, name) else {
            return Err(Miss::Absent(format!("`{source}` has no repository `{owner}/{name}`")));
        };
        if self.actions.settings.offline && matches!(location, Location::Url(_)) {
            return self.offline(&location);
        }
        let making = self.store.make()?;
        let git = Git::start(&self.actions.host, &location, making.directory(), self.stop)?;
        let commit = match self.commit {
            Some(commit) => commit.clone(),
            None => {
                let commit = match git.resolve(reference) {
                    Err(absent @ FetchError::NoRepository(_)) => {
                        return Err(Miss::Absent(absent.to_string()));
                    }
                    resolved => resolved?,
                };
                for name in [reference, commit.as_str()] {
                    self.store.note_known(&location.to_string(), name, &commit)?;
                }
                if let Some(stored) = self.store.get(&commit, None)? {
                    return Ok(stored);
                }
                commit
            }
        };
        git.fetch(&commit)?;
        self.store.note_known(&location.to_string(), commit.as_str(), &commit)?;
        Ok(self.store.keep(making, &commit, |digest| match self.pin {
            Some(pin) if pin.tree != *digest => Err(drift(self.remote, pin, &digest.to_string())),
            _ => Ok(()),
        })?)
    }

    /// What is known without asking. What is named by its commit was looked for already.
    fn offline(&self, location: &Location) -> Result<Stored, Miss> {
        let known = match self.commit {
            Some(_) => None,
            None => self.store.last_known(&location.to_string(), &self.remote.reference),
        };
        let stored = known.map(|commit| self.store.get(&commit, None)).transpose()?.flatten();
        stored
            .ok_or_else(|| Miss::Absent(format!("`{location}` is not in the store, and palisade is offline")))
    }
}

/// Where an action's repository is inside, as on GitHub.
fn inside(remote: &Remote) -> PathBuf {
    let forge = remote.forge.as_deref().and_then(|forge| forge.split_once("://")).map(|(_, host)| host);
    let path = Path::new(INSIDE).join(forge.unwrap_or_default());
    path.join(&remote.owner).join(&remote.name).join(&remote.reference)
}

impl Obtained {
    /// A file of the repository, of at most so many bytes. Its links are followed as long as they stay in it.
    pub fn read(&self, path: &str, most: usize) -> io::Result<Vec<u8>> {
        let root =
            open(&self.stored.tree, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        let how = OpenHow::new()
            .flags(OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        let file = File::from(openat2(&root, path, how)?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "it is no file"));
        }
        let mut content = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut content)?;
        if content.len() > most {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it is larger than {most} bytes"),
            ));
        }
        Ok(content)
    }
}
