//! The launcher's side.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::geteuid;

use super::super::start::spawn;
use super::super::{BLANK, Journal, Severity};
use super::wire::{self, Program, Request};
use crate::socket;
use crate::state::State;

/// How long a request may take to come. Only the daemon is waited for, which sends it at once.
const REQUEST: Duration = Duration::from_secs(2);
/// Most processes at a time.
const MOST: usize = 4096;

/// Why it can't run.
#[derive(Debug, thiserror::Error)]
pub enum LauncherError {
    /// The directory of blank ones.
    #[error("cannot use the state directory: {0}")]
    State(io::Error),
    /// The socket.
    #[error("cannot listen on `{}`: {error}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// One, with what it has started.
#[derive(Debug)]
pub struct Launcher {
    listener: UnixListener,
    blank: PathBuf,
    arguments: Vec<OsString>,
    running: Vec<Running>,
    program: Program,
    /// The daemon is of a palisade that was installed after this one.
    is_old: bool,
    journal: Journal,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// Whom its end is told.
    daemon: UnixStream,
}

impl Launcher {
    /// Listens at a path. Jobs' processes get these arguments besides the directory.
    pub fn listen(
        path: &Path,
        state: &State,
        arguments: Vec<OsString>,
        journal: Journal,
    ) -> Result<Launcher, LauncherError> {
        let blank = state.dir(BLANK).map_err(LauncherError::State)?;
        let program = Program::own().map_err(LauncherError::State)?;
        let listener = socket::bind(path).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok(listener)
        });
        let listener = listener.map_err(|error| LauncherError::Socket { path: path.to_owned(), error })?;
        Ok(Launcher { listener, blank, arguments, running: Vec::new(), program, is_old: false, journal })
    }

    /// What becomes readable when somebody connects.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Answers who has connected.
    pub fn answer(&mut self) {
        let daemon = match self.listener.accept() {
            Ok((daemon, _)) => daemon,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            // Too many files are open: some will be closed.
            Err(_) => return std::thread::sleep(Duration::from_millis(100)),
        };
        match self.start(&daemon) {
            Ok(child) => self.running.push(Running { child, daemon }),
            // Somebody has only looked whether there is a launcher.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            // The daemon asks every second until there is another, and tells of it once.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                let _ = wire::not_started(&daemon, &error);
            }
            Err(error) => {
                let fields = [("error", &*error.to_string())];
                self.journal.write(Severity::Error, "cannot start a job's process", &fields);
                // Who doesn't wait for the answer gets none.
                let _ = wire::not_started(&daemon, &error);
            }
        }
    }

    fn start(&mut self, daemon: &UnixStream) -> io::Result<Child> {
        daemon.set_read_timeout(Some(REQUEST))?;
        daemon.set_write_timeout(Some(REQUEST))?;
        admits(daemon)?;
        let (Request { program, number }, order) = wire::asked(daemon)?;
        if program != self.program {
            self.is_old = is_replaced();
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                match self.is_old {
                    true => {
                        "it is of the palisade before this one, and ends once no job of that runs any more"
                    }
                    false => "it is of another palisade than the daemon, which is to be started again",
                },
            ));
        }
        if self.running.len() >= MOST {
            return Err(io::Error::other(format!("{MOST} processes run already")));
        }
        let (mut child, process) = spawn(&self.blank.join(number.to_string()), &self.arguments, order)?;
        if let Err(error) = wire::started(daemon, process.as_fd()) {
            let _ = child.kill().and_then(|()| child.wait());
            return Err(error);
        }
        Ok(child)
    }

    /// Tells the ends of those that have ended: to be called when the kernel says that one has.
    pub fn reap(&mut self) {
        self.running.retain_mut(|running| match running.child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                // A daemon that is gone finds it by itself when it is back.
                let _ = wire::ended(&running.daemon, status);
                false
            }
            Err(_) => false,
        });
    }

    /// Whether it is of no more use: the daemon is of a palisade that was installed since, and nothing runs any more.
    pub fn is_over(&self) -> bool {
        self.is_old && self.running.is_empty()
    }
}

impl Drop for Launcher {
    /// Those that run end with it.
    fn drop(&mut self) {
        for Running { child, .. } in &mut self.running {
            let _ = child.kill();
        }
        for Running { child, .. } in &mut self.running {
            let _ = child.wait();
        }
    }
}

/// Whether the file of this program has been replaced, so that the next launcher is of another.
fn is_replaced() -> bool {
    // `proc(5)`
    fs::read_link("/proc/self/exe").is_ok_and(|path| path.as_os_str().as_bytes().ends_with(b" (deleted)"))
}

/// Whether the rule `launcher-peer` has nothing against who has connected: it has to be the launcher's own user, which
/// the daemon is.
fn admits(daemon: &UnixStream) -> io::Result<()> {
    let (peer, own) = (getsockopt(daemon, sockopt::PeerCredentials)?.uid(), geteuid().as_raw());
    match peer == own {
        true => Ok(()),
        false => {
            let why = format!("rule launcher-peer: uid {peer} is not the daemon's user (uid {own})");
            Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
        }
    }
}
