//! The side of the run: a socket for each job that waits for people, which only those can reach who may enter the
//! directory where it is. Jobs see neither.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{Gid, fchownat};

use super::review::{Answer, DIRECTORY, MAX_COMMENT, Request, SUFFIX, Waiting, open, receive, send, within};
use super::{Person, ReviewRule};
use crate::state::State;

/// One that a job waits at.
#[derive(Debug)]
pub struct Desk {
    listener: UnixListener,
    file: PathBuf,
    waiting: Waiting,
    rule: ReviewRule,
    /// Who has approved.
    approved: BTreeSet<u32>,
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// Let it pass.
    pub approve: bool,
    /// Who.
    pub by: Person,
    /// For the record.
    pub comment: String,
}

/// How waiting ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Waited {
    /// All that has to be is.
    Granted,
    /// Somebody said no.
    Rejected(Review),
    /// There was an order to stop.
    Stopped,
}

impl Desk {
    /// Opens one for a job of a run.
    pub fn open(state: &State, waiting: Waiting, rule: ReviewRule) -> Result<Desk> {
        let path = state.dir(DIRECTORY)?;
        let directory = open(&path)?;
        let mut number = 0;
        let (listener, name) = loop {
            number += 1;
            let name = format!("{}-{number}{SUFFIX}", waiting.run);
            match UnixListener::bind(within(&directory, &name)) {
                Err(e) if e.kind() == ErrorKind::AddrInUse => continue,
                bound => break (bound?, name),
            }
        };
        let desk = Desk { listener, file: path.join(&name), waiting, rule, approved: BTreeSet::new() };
        desk.listener.set_nonblocking(true)?;
        desk.share(&directory, &name)?;
        Ok(desk)
    }

    /// Lets the group of the directory connect, if it may enter that. Until then only the owner can.
    fn share(&self, directory: &File, name: &str) -> Result<()> {
        let metadata = directory.metadata()?;
        let mut mode = 0o600;
        if metadata.mode() & 0o010 != 0 {
            fchownat(
                directory,
                name,
                None,
                Some(Gid::from_raw(metadata.gid())),
                nix::fcntl::AtFlags::empty(),
            )?;
            mode = 0o660;
        }
        fs::set_permissions(&self.file, Permissions::from_mode(mode))
    }

    /// Whether others than its owner can connect.
    pub fn is_shared(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.mode() & 0o020 != 0)
    }

    /// What waits at it.
    pub fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    fn missing(&self) -> usize {
        self.rule.count.saturating_sub(self.approved.len())
    }

    /// Answers one that has connected; gives what it said, if that counts.
    fn serve(&mut self) -> Result<Option<Review>> {
        let stream = match self.listener.accept() {
            Ok((stream, _)) => stream,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {
                return Ok(None);
            }
            Err(e) => return Err(e),
        };
        // Whatever goes wrong with one that has connected is no matter of those that come after it.
        let served = || -> Result<Option<Review>> {
            stream.set_nonblocking(false)?;
            // All of it is read before anything is answered: what is left unread would take the answer with it.
            let request = receive(&stream)?;
            let by = match Person::at(&stream) {
                Ok(person) => person,
                Err(e) => {
                    send(&stream, &Answer::Refused { why: e.to_string() })?;
                    return Ok(None);
                }
            };
            let (approve, comment) = match request {
                Request::Describe => {
                    let approved = self.approved.len();
                    send(&stream, &Answer::Waiting(Waiting { approved, ..self.waiting.clone() }))?;
                    return Ok(None);
                }
                Request::Review { approve, comment } => (approve, comment),
            };
            if let Err(why) = self.admits(&by, approve, &comment) {
                send(&stream, &Answer::Refused { why })?;
                return Ok(None);
            }
            Ok(Some(Review { approve, by, comment }))
        };
        let Ok(Some(review)) = served() else { return Ok(None) };
        if review.approve {
            self.approved.insert(review.by.uid);
        }
        let missing = if review.approve { self.missing() } else { 0 };
        // Who doesn't wait for the answer has spoken all the same.
        let _ = send(&stream, &Answer::Recorded { missing });
        Ok(Some(review))
    }

    fn admits(&self, by: &Person, approve: bool, comment: &str) -> std::result::Result<(), String> {
        if comment.chars().nth(MAX_COMMENT).is_some() {
            return Err(format!("a comment has no more than {MAX_COMMENT} characters"));
        }
        self.rule.admits(by, nix::unistd::geteuid().as_raw())?;
        if approve && self.approved.contains(&by.uid) {
            return Err(format!("{by} has approved already; another has to"));
        }
        Ok(())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // One that stays is removed by the next `palisade approve`.
        let _ = fs::remove_file(&self.file);
    }
}

/// Waits until enough people have approved at the desk and it is `until`, until somebody rejects, or until `stop` is
/// readable. `said` is told all that counts.
pub fn wait(
    mut desk: Option<&mut Desk>,
    until: Option<Instant>,
    stop: BorrowedFd<'_>,
    mut said: impl FnMut(&Review),
) -> Result<Waited> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let due = left.is_none_or(|left| left.is_zero());
        let missing = desk.as_ref().map_or(0, |desk| desk.missing());
        if due && missing == 0 {
            return Ok(Waited::Granted);
        }
        // What doesn't fit waits in parts.
        let timeout = match left.filter(|left| !left.is_zero()) {
            Some(left) => PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let listener = desk.as_ref().map(|desk| desk.listener.as_fd());
        let mut fds: Vec<PollFd<'_>> = [Some(stop), listener]
            .into_iter()
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(Error::from(e)),
        }
        let readable = |index: usize| fds.get(index).is_some_and(|fd| fd.any() == Some(true));
        if readable(0) {
            return Ok(Waited::Stopped);
        }
        if readable(1)
            && let Some(desk) = desk.as_deref_mut()
            && let Some(review) = desk.serve()?
        {
            said(&review);
            if !review.approve {
                return Ok(Waited::Rejected(review));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::review::Reviews;
    use super::*;
    use nix::sys::eventfd::EventFd;
    use std::time::Duration;

    struct Bench {
        dir: tempfile::TempDir,
        state: State,
    }

    impl Bench {
        fn new() -> Bench {
            let dir = tempfile::tempdir().unwrap();
            // Longer than a socket's address can be.
            let state = State::locate(Some(dir.path().join("x".repeat(150))));
            Bench { dir, state }
        }

        fn desk(&self, count: usize) -> Desk {
            let waiting = Waiting {
                run: "0a1b2c3d".into(),
                job: "deploy".into(),
                workflow: "CI".into(),
                environment: "production".into(),
                approved: 0,
                needed: count,
                approvers: String::new(),
            };
            let rule = ReviewRule { approvers: Vec::new(), count, others_only: false };
            Desk::open(&self.state, waiting, rule).unwrap()
        }

        fn reviews(&self) -> Reviews {
            Reviews::find(&self.state).unwrap().unwrap()
        }
    }

    /// Waits at a desk while `ask` is done.
    fn during(desk: &mut Desk, ask: impl FnOnce() + Send) -> Waited {
        let stop = EventFd::new().unwrap();
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                ask();
                stop.write(1).unwrap();
            });
            let waited = wait(Some(desk), None, stop.as_fd(), |_| {}).unwrap();
            asking.join().unwrap();
            waited
        })
    }

    #[test]
    fn one_approval_is_enough_where_one_is_needed() {
        let bench = Bench::new();
        let mut desk = bench.desk(1);
        let waited = during(&mut desk, || {
            let reviews = bench.reviews();
            assert_eq!(reviews.waiting().map(|w| w.job.as_str()).collect::<Vec<_>>(), ["deploy"]);
            assert_eq!(reviews.review("0a1b2c3d", "other", true, "").unwrap(), None);
            let answer = reviews.review("0a1b2c3d", "deploy", true, "go").unwrap();
            assert_eq!(answer, Some(Answer::Recorded { missing: 0 }));
        });
        assert_eq!(waited, Waited::Granted);
        drop(desk);
        assert_eq!(bench.reviews().waiting().count(), 0);
        assert!(bench.dir.path().exists());
    }

    #[test]
    fn one_person_approves_once() {
        let bench = Bench::new();
        let waited = during(&mut bench.desk(2), || {
            let reviews = bench.reviews();
            let approve = || reviews.review("0a1b2c3d", "deploy", true, "").unwrap().unwrap();
            assert_eq!(approve(), Answer::Recorded { missing: 1 });
            assert!(matches!(approve(), Answer::Refused { why } if why.contains("has approved already")));
            assert_eq!(bench.reviews().waiting().next().unwrap().approved, 1);
        });
        assert_eq!(waited, Waited::Stopped);
    }

    #[test]
    fn one_rejection_ends_it() {
        let bench = Bench::new();
        let waited = during(&mut bench.desk(2), || {
            let long = "x".repeat(MAX_COMMENT + 1);
            let reviews = bench.reviews();
            let reject =
                |comment: &str| reviews.review("0a1b2c3d", "deploy", false, comment).unwrap().unwrap();
            assert!(matches!(reject(&long), Answer::Refused { .. }));
            assert_eq!(reject("not today"), Answer::Recorded { missing: 0 });
        });
        assert!(matches!(waited, Waited::Rejected(review) if review.comment == "not today"));
    }

    #[test]
    fn what_is_no_request_changes_nothing() {
        use std::io::Write;
        let bench = Bench::new();
        let waited = during(&mut bench.desk(1), || {
            let directory = open(&bench.state.root().unwrap().join(DIRECTORY)).unwrap();
            for bytes in [&b"\n"[..], b"{\"review\":{\"approve\":true}}\n", &[0xFF; 70_000]] {
                let mut stream =
                    std::os::unix::net::UnixStream::connect(within(&directory, "0a1b2c3d-1.sock")).unwrap();
                // It may be refused before all of it is read.
                let _ = stream.write_all(bytes);
                let _ = stream.shutdown(std::net::Shutdown::Write);
                assert!(receive::<Answer>(&stream).is_err());
            }
        });
        assert_eq!(waited, Waited::Stopped);
    }

    #[test]
    fn a_socket_that_a_killed_process_left_is_forgotten() {
        let bench = Bench::new();
        let desk = bench.desk(1);
        let left = desk.file.with_file_name("dead-1.sock");
        fs::hard_link(&desk.file, &left).unwrap();
        drop(desk);
        assert!(left.exists());
        assert_eq!(bench.reviews().waiting().count(), 0);
        assert!(!left.exists());
    }

    #[test]
    fn the_group_of_the_directory_can_connect_where_it_may_enter() {
        let bench = Bench::new();
        let mode = |desk: &Desk| fs::metadata(&desk.file).unwrap().mode() & 0o777;
        let desk = bench.desk(1);
        assert_eq!((mode(&desk), desk.is_shared()), (0o600, false));
        fs::set_permissions(desk.file.parent().unwrap(), Permissions::from_mode(0o750)).unwrap();
        let desk = bench.desk(1);
        assert_eq!((mode(&desk), desk.is_shared()), (0o660, true));
    }

    #[test]
    fn time_alone_can_be_waited_for() {
        let stop = EventFd::new().unwrap();
        let until = Some(Instant::now() + Duration::from_millis(1));
        assert_eq!(wait(None, until, stop.as_fd(), |_| {}).unwrap(), Waited::Granted);
        stop.write(1).unwrap();
        let until = Some(Instant::now() + Duration::from_hours(24 * 365));
        assert_eq!(wait(None, until, stop.as_fd(), |_| {}).unwrap(), Waited::Stopped);
    }
}
