//! Concurrency groups on one machine: of all that ask for a group, one has it at a time.
//!
//! Whoever asks has a ticket: a file with a number, below the state directory, which its process holds locked. Of
//! those that are locked, the lowest has the group. A ticket says what its owner wants, so that everybody can see by
//! looking what becomes of them; nothing is sent. When a process ends, however it ends, the kernel lets its lock go,
//! and whoever looks next removes the file.
//! Source of the rules: "Control the concurrency of workflows and jobs" in GitHub's documentation.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::state::State;
use crate::workflow::model::Queue;

/// Longest name of a group in characters, as on GitHub.
pub const MAX_NAME: usize = 400;
/// Most that may wait for one group, as on GitHub.
pub const MAX_WAITING: usize = 100;
/// Most bytes of a ticket.
const MAX_TICKET: u64 = 4096;
/// How often those look that have a group or wait for one, in milliseconds.
const LOOK: u8 = 100;

/// The groups of one repository.
#[derive(Clone, Debug)]
pub struct Groups {
    state: State,
    /// Which repository.
    repository: String,
}

/// What somebody wants of a group.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its name: in any case it is the same group.
    pub group: String,
    /// Who has the group is to end.
    pub cancel_in_progress: bool,
    /// Whether those that wait go on waiting.
    pub queue: Queue,
    /// Who asks, for the others to read: masked and short.
    pub who: String,
}

/// What a ticket says.
#[derive(Debug, Serialize, Deserialize)]
struct Claim {
    who: String,
    cancels: bool,
    replaces: bool,
}

/// One's place among those that ask for a group; given up when this is dropped.
#[derive(Debug)]
pub struct Ticket {
    /// Where the directories of all groups are, of which one at a time looks.
    groups: PathBuf,
    directory: PathBuf,
    number: u64,
    _lock: File,
}

/// Where somebody stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has the group; somebody may want it to end.
    Has {
        /// Who.
        wanted_by: Option<String>,
    },
    /// It waits.
    Waits {
        /// Who has the group.
        holder: String,
    },
    /// Somebody waits in its place.
    Replaced {
        /// Who.
        by: String,
    },
}

/// How asking ended.
#[derive(Debug)]
pub enum Asked {
    /// The group is one's own.
    Has(Ticket),
    /// Somebody else waits in one's place.
    Replaced {
        /// Who.
        by: String,
    },
    /// As many wait as may.
    Full,
    /// There was an order to stop.
    Stopped,
}

impl Groups {
    /// The groups of a repository.
    pub fn new(state: State, repository: String) -> Groups {
        Groups { state, repository }
    }

    /// Waits until the group is free, until `stop` is readable, or until somebody else takes the place. `waits` is
    /// told who has the group, each time that it is another.
    pub fn ask(&self, wish: &Wish, stop: BorrowedFd<'_>, mut waits: impl FnMut(&str)) -> io::Result<Asked> {
        let groups = self.state.dir("concurrency")?;
        let directory = groups.join(self.key(&wish.group));
        let mut ticket = None;
        let mut told = String::new();
        loop {
            if ticket.is_none() {
                ticket = match Ticket::draw(&groups, &directory, wish)? {
                    Drawn::Ticket(ticket) => Some(ticket),
                    Drawn::Full => return Ok(Asked::Full),
                    Drawn::NotNow => None,
                };
            }
            if let Some(drawn) = ticket.take() {
                match drawn.look()? {
                    Some(Standing::Has { .. }) => return Ok(Asked::Has(drawn)),
                    Some(Standing::Replaced { by }) => return Ok(Asked::Replaced { by }),
                    Some(Standing::Waits { holder }) if holder != told => {
                        waits(&holder);
                        told = holder;
                    }
                    Some(Standing::Waits { .. }) | None => {}
                }
                ticket = Some(drawn);
            }
            if is_readable(stop)? {
                return Ok(Asked::Stopped);
            }
        }
    }

    /// The name of a group's directory: names come from workflows, so they are no part of it.
    fn key(&self, group: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.repository.as_bytes());
        hash.update([0]);
        hash.update(group.to_lowercase().as_bytes());
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

enum Drawn {
    Ticket(Ticket),
    Full,
    /// Somebody else is looking.
    NotNow,
}

impl Ticket {
    fn draw(groups: &Path, directory: &Path, wish: &Wish) -> io::Result<Drawn> {
        let Some(_alone) = alone(groups)? else { return Ok(Drawn::NotNow) };
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        let others = others(directory, None)?;
        if wish.queue == Queue::Max && others.len() > MAX_WAITING {
            return Ok(Drawn::Full);
        }
        let number = others.last().map_or(1, |(last, _)| last + 1);
        let file = directory.join(number.to_string());
        let lock = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
            // The last one that was here has just removed the directory.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Drawn::NotNow),
            opened => opened?,
        };
        lock.try_lock()?;
        let claim = Claim {
            who: wish.who.clone(),
            cancels: wish.cancel_in_progress,
            replaces: wish.queue == Queue::Single,
        };
        (&lock).write_all(&serde_json::to_vec(&claim)?)?;
        let (groups, directory) = (groups.to_owned(), directory.to_owned());
        Ok(Drawn::Ticket(Ticket { groups, directory, number, _lock: lock }))
    }

    /// Where one stands; `None` while somebody else is looking.
    fn look(&self) -> io::Result<Option<Standing>> {
        let Some(_alone) = alone(&self.groups)? else { return Ok(None) };
        let others = others(&self.directory, Some(self.number))?;
        let after = || others.iter().filter(|(number, _)| *number > self.number).map(|(_, claim)| claim);
        Ok(Some(match others.first().filter(|(number, _)| *number < self.number) {
            None => Standing::Has { wanted_by: after().find(|c| c.cancels).map(|c| c.who.clone()) },
            Some((_, holder)) => match after().find(|claim| claim.replaces) {
                Some(newer) => Standing::Replaced { by: newer.who.clone() },
                None => Standing::Waits { holder: holder.who.clone() },
            },
        }))
    }

    /// Keeps the group until the answer is dropped. `wanted` is told, once, who wants its holder to end.
    pub fn keep(self, wanted: impl FnOnce(&str) + Send + 'static) -> io::Result<Kept> {
        let end = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let stop = end.clone();
        let thread = std::thread::Builder::new().name("group".into()).spawn(move || {
            let mut wanted = Some(wanted);
            // Where looking fails, it has the group still: the lock is what counts.
            while let Ok(false) = is_readable(stop.as_fd()) {
                if wanted.is_some()
                    && let Ok(Some(Standing::Has { wanted_by: Some(who) })) = self.look()
                    && let Some(wanted) = wanted.take()
                {
                    wanted(&who);
                }
            }
        })?;
        Ok(Kept { end, thread: Some(thread) })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // What can't be removed is removed by the next one that looks: it isn't locked any more.
        let _ = fs::remove_file(self.directory.join(self.number.to_string()));
        // Not empty as long as others ask.
        let _ = fs::remove_dir(&self.directory);
    }
}

/// A group that one has.
#[derive(Debug)]
pub struct Kept {
    end: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let _ = self.end.write(1);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The right to look, until it is dropped; `None` while another has it.
fn alone(groups: &Path) -> io::Result<Option<File>> {
    let directory = File::open(groups)?;
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The tickets of others whose processes live, by number. Those of others that don't are removed.
fn others(directory: &Path, own: Option<u64>) -> io::Result<Vec<(u64, Claim)>> {
    let mut others = Vec::new();
    let entries = match fs::read_dir(directory) {
        // The last one that was here has just removed it.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(others),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if Some(number) == own {
            continue;
        }
        let file = match File::open(entry.path()) {
            // Its owner has just given it up.
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => others.push((number, claim(file))),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
    others.sort_by_key(|(number, _)| *number);
    Ok(others)
}

/// What a ticket says. One whose owner was ended while it wrote wants nothing.
fn claim(file: File) -> Claim {
    let mut text = Vec::new();
    let read = file.take(MAX_TICKET).read_to_end(&mut text);
    let claim = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
    claim.unwrap_or(Claim { who: "somebody".into(), cancels: false, replaces: false })
}

/// Waits for a descriptor, but not for longer than until it is time to look.
fn is_readable(fd: BorrowedFd<'_>) -> io::Result<bool> {
    match poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], PollTimeout::from(LOOK)) {
        Ok(ready) => Ok(ready > 0),
        Err(nix::errno::Errno::EINTR) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(who: &str) -> Wish {
        Wish { group: "deploy".into(), cancel_in_progress: false, queue: Queue::Single, who: who.into() }
    }

    struct Bench {
        _dir: tempfile::TempDir,
        groups: PathBuf,
    }

    impl Bench {
        fn new() -> Bench {
            let dir = tempfile::tempdir().unwrap();
            Bench { groups: dir.path().to_owned(), _dir: dir }
        }

        fn draw(&self, wish: &Wish) -> Option<Ticket> {
            match Ticket::draw(&self.groups, &self.groups.join("g"), wish).unwrap() {
                Drawn::Ticket(ticket) => Some(ticket),
                Drawn::Full => None,
                Drawn::NotNow => panic!("nobody else looks"),
            }
        }
    }

    fn stands(ticket: &Ticket) -> Standing {
        ticket.look().unwrap().unwrap()
    }

    fn has(wanted_by: Option<&str>) -> Standing {
        Standing::Has { wanted_by: wanted_by.map(str::to_owned) }
    }

    #[test]
    fn one_has_it_one_waits_and_who_comes_replaces_who_waits() {
        let bench = Bench::new();
        let first = bench.draw(&wish("first")).unwrap();
        let second = bench.draw(&wish("second")).unwrap();
        assert_eq!(
            (stands(&first), stands(&second)),
            (has(None), Standing::Waits { holder: "first".into() })
        );
        let third = bench.draw(&wish("third")).unwrap();
        assert_eq!(stands(&second), Standing::Replaced { by: "third".into() });
        drop(second);
        drop(first);
        assert_eq!(stands(&third), has(None));
        drop(third);
        assert!(!bench.groups.join("g").exists());
    }

    #[test]
    fn who_has_it_is_told_that_it_is_wanted() {
        let bench = Bench::new();
        let first = bench.draw(&wish("first")).unwrap();
        let second = bench.draw(&Wish { cancel_in_progress: true, ..wish("second") }).unwrap();
        assert_eq!(stands(&first), has(Some("second")));
        drop(first);
        assert_eq!(stands(&second), has(None));
    }

    #[test]
    fn a_queue_is_served_in_its_order_and_has_an_end() {
        let bench = Bench::new();
        let queued = |who: &str| Wish { queue: Queue::Max, ..wish(who) };
        let mut all: Vec<Ticket> =
            (0..=MAX_WAITING).map(|n| bench.draw(&queued(&n.to_string())).unwrap()).collect();
        assert!(bench.draw(&queued("too many")).is_none());
        drop(all.remove(0));
        assert_eq!((stands(&all[0]), stands(&all[1])), (has(None), Standing::Waits { holder: "1".into() }));
    }

    #[test]
    fn what_a_killed_process_leaves_counts_for_nothing() {
        let bench = Bench::new();
        let left = bench.groups.join("g/7");
        fs::create_dir(bench.groups.join("g")).unwrap();
        fs::write(&left, r#"{"who":"ghost","cancels":true,"replaces":true}"#).unwrap();
        fs::write(bench.groups.join("g/note"), "").unwrap();
        let ticket = bench.draw(&wish("first")).unwrap();
        assert_eq!(stands(&ticket), has(None));
        assert!(!left.exists());
        let cut = bench.draw(&wish("cut")).unwrap();
        fs::write(bench.groups.join("g").join(cut.number.to_string()), "{\"who").unwrap();
        assert_eq!(stands(&ticket), has(None));
    }

    #[test]
    fn one_at_a_time_looks() {
        let bench = Bench::new();
        let ticket = bench.draw(&wish("first")).unwrap();
        let alone = alone(&bench.groups).unwrap().unwrap();
        assert_eq!(ticket.look().unwrap(), None);
        drop(alone);
        assert_eq!(stands(&ticket), has(None));
    }

    #[test]
    fn names_are_the_same_in_any_case_and_never_paths() {
        let groups = |repository: &str| Groups::new(State::locate(None), repository.into());
        let key = |name: &str| groups("r").key(name);
        assert_eq!(key("Prod"), key("prod"));
        assert_ne!(key("prod"), groups("s").key("prod"));
        for name in ["../../etc", "/", "", "a\0b", &"x".repeat(1 << 20)] {
            assert!(key(name).len() == 32 && key(name).bytes().all(|b| b.is_ascii_hexdigit()), "{name:?}");
        }
    }
}
