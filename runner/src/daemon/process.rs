//! The process that runs a job: started for it (`start`), or found where an earlier daemon had it started.

use std::fs::{self, File};
use std::io::{self, PipeWriter, Write, pipe};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::start::{MAX_SAID, STDERR, Started, Starter};
use crate::hold::{hold, holder};
use crate::order::{Order, expected};

/// How long a process that is to end at once may take.
const LAST_GRACE: Duration = Duration::from_secs(10);
/// A job's process.
#[derive(Debug)]
pub struct Process {
    directory: PathBuf,
    alive: Option<Alive>,
    /// How it ended, where that is known.
    end: Option<String>,
    /// Its job begins when this is closed.
    leave: Option<PipeWriter>,
}

#[derive(Debug)]
struct Alive {
    process: Waiting,
    /// None where another daemon had it started.
    started: Option<Started>,
}

/// A job's process that has no job yet, and nothing secret. It ends with this.
#[derive(Debug)]
pub struct Ready {
    directory: PathBuf,
    alive: Option<Alive>,
    /// What its order goes through.
    order: Option<PipeWriter>,
}

impl Ready {
    /// Starts one in a blank directory, which makes ready for a job of this forge, or of none.
    pub fn start(starter: &Starter, directory: PathBuf, forge: Option<&str>) -> io::Result<Ready> {
        let (from, mut order) = pipe()?;
        order.write_all(&expected(forge))?;
        let (started, process) = starter.start(&directory, from.into())?;
        Ok(Ready { directory, alive: Some(Alive { process, started: Some(started) }), order: Some(order) })
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether it still waits for a job.
    pub fn is_waiting(&self) -> bool {
        self.alive.as_ref().is_some_and(|alive| matches!(alive.process.wait(Duration::ZERO), Ok(false)))
    }

    /// Hands it the order of the task that its directory has become that of. It makes ready, and begins when it has
    /// [leave](Process::give_leave).
    pub fn take(mut self, directory: &Path, order: &Order) -> Process {
        let (alive, mut leave) = (self.alive.take(), self.order.take());
        if let Some(pipe) = &mut leave {
            let base = std::env::current_dir().unwrap_or_else(|_| "/".into());
            // One that has ended already tells why by itself.
            let _ = order.hand(&base, pipe);
        }
        Process { directory: directory.to_owned(), alive, end: None, leave }
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        let Some(Alive { process, started }) = &mut self.alive else { return };
        let _ = process.signal(Signal::KILL);
        if let Some(started) = started {
            let _ = started.end();
        }
        // What is left is found, and removed, at the next start.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Process {
    /// One that there never was.
    pub fn not_started(directory: &Path, error: &io::Error) -> Process {
        let end = Some(format!("cannot start it: {error}"));
        Process { directory: directory.to_owned(), alive: None, end, leave: None }
    }

    /// Has its job begin.
    pub fn give_leave(&mut self) {
        self.leave = None;
    }

    /// Ends it before its job has begun.
    pub fn withdraw(mut self) {
        if let Some(alive) = &self.alive {
            let _ = alive.process.signal(Signal::KILL);
        }
        let _ = self.wait(LAST_GRACE);
    }

    /// Whether its end isn't known yet.
    pub fn is_alive(&self) -> bool {
        self.alive.is_some()
    }

    /// Another hold of it, for who ends it; none where it has ended or can't be held.
    pub fn waiting(&self) -> Option<Waiting> {
        Some(Waiting(self.alive.as_ref()?.process.0.try_clone().ok()?))
    }

    /// The process of a task that an earlier daemon began. Where there is none any more there won't be one: `None`
    /// comes with the lock that sees to it.
    pub fn find(directory: &Path) -> io::Result<(Process, Option<File>)> {
        let directory = directory.to_owned();
        let held = match hold(&directory) {
            Ok(lock) => Some(lock),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => None,
            Err(error) => return Err(error),
        };
        if let Some(lock) = held {
            return Ok((Process { directory, alive: None, end: None, leave: None }, Some(lock)));
        }
        let gone = |directory| Ok((Process { directory, alive: None, end: None, leave: None }, None));
        let Some(pid) = holder(&directory)? else { return gone(directory) };
        let Ok(process) = Waiting::for_process(pid) else { return gone(directory) };
        // The number may have gone to another process in between.
        if holder(&directory)? != Some(pid) {
            return gone(directory);
        }
        let alive = Some(Alive { process, started: None });
        Ok((Process { directory, alive, end: None, leave: None }, None))
    }

    /// Waits for its end, but not for longer than this; tells whether it has ended.
    pub fn wait(&mut self, time: Duration) -> io::Result<bool> {
        let Some(alive) = &mut self.alive else { return Ok(true) };
        if !alive.process.wait(time)? {
            return Ok(false);
        }
        if let Some(started) = &mut alive.started {
            self.end = started.end()?;
        }
        self.alive = None;
        Ok(true)
    }

    /// Asks it to end; asked again, it ends at once.
    pub fn ask(&self) {
        if let Some(alive) = &self.alive {
            // One that has ended needn't.
            let _ = alive.process.signal(Signal::TERM);
        }
    }

    /// Ends it, by force where it takes too long.
    pub fn end(&mut self) {
        self.ask();
        self.ask();
        let until = Instant::now() + LAST_GRACE;
        while Instant::now() < until {
            if matches!(self.wait(Duration::from_millis(100)), Ok(true)) {
                return;
            }
        }
        if let Some(alive) = &self.alive {
            let _ = alive.process.signal(Signal::KILL);
        }
        // A child whose end nobody sees stays as a zombie.
        let _ = self.wait(LAST_GRACE);
    }

    /// Why it ended without saying so by an event.
    pub fn why(&self) -> String {
        let said = fs::read(self.directory.join(STDERR)).unwrap_or_default();
        let said = String::from_utf8_lossy(&said[said.len().saturating_sub(MAX_SAID)..]);
        let said = said.trim_end_matches('\0').trim().to_owned();
        match (&self.end, said.as_str()) {
            (None, "") => "it was ended together with the daemon, or by a restart of the host".to_owned(),
            (Some(end), "") => end.clone(),
            (None, said) => said.to_owned(),
            (Some(end), said) => format!("{end}: {said}"),
        }
    }
}

/// A process that somebody waits for the end of.
#[derive(Debug)]
pub struct Waiting(OwnedFd);

impl AsFd for Waiting {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Waiting {
    /// By a descriptor of it.
    pub fn of(process: OwnedFd) -> Waiting {
        Waiting(process)
    }

    /// By its number.
    pub fn for_process(pid: u32) -> io::Result<Waiting> {
        Ok(Waiting(open(pid)?))
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        Ok(pidfd_send_signal(&self.0, signal)?)
    }

    /// Waits for its end, but not for longer than this; tells whether it has ended.
    pub fn wait(&self, time: Duration) -> io::Result<bool> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX)) {
            Ok(0) | Err(nix::errno::Errno::EINTR) => Ok(false),
            Ok(_) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// Ends the process of a task that an earlier daemon began and nobody wants any more.
pub fn end(directory: &Path) {
    if let Ok((mut process, _lock)) = Process::find(directory) {
        process.end();
    }
}

fn open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no number of a process"))?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}
