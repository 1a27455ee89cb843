//! The process that runs a job: started here, or found where an earlier daemon started it.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::posix_fallocate;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::hold::{hold, holder};
use crate::order::Order;

/// What the job's process says for people: why it could not even begin.
const STDERR: &str = "stderr";
/// The most of that which is told, in bytes.
const MAX_SAID: usize = 4096;
/// How long a process that is to end at once may take.
const LAST_GRACE: Duration = Duration::from_secs(10);
/// What of the daemon's environment is none of a job's business.
const NOT_PASSED: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "CREDENTIALS_DIRECTORY",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
    "LISTEN_FDS",
    "LISTEN_PID",
];

/// How a job's process is started.
#[derive(Clone, Debug)]
pub struct Starter {
    /// Arguments of `palisade job`, besides the directory.
    pub arguments: Vec<std::ffi::OsString>,
}

/// A job's process.
#[derive(Debug)]
pub struct Process {
    directory: PathBuf,
    alive: Option<Alive>,
    /// How it ended, where that is known.
    end: Option<String>,
    /// Its job begins when this is closed.
    leave: Option<ChildStdin>,
}

#[derive(Debug)]
struct Alive {
    process: Waiting,
    /// None where another daemon started it.
    child: Option<Child>,
}

/// A job's process that has no job yet, and nothing secret. It ends with this.
#[derive(Debug)]
pub struct Ready {
    directory: PathBuf,
    alive: Option<Alive>,
}

impl Starter {
    /// Starts one in a blank directory.
    pub fn start(&self, directory: PathBuf) -> io::Result<Ready> {
        let stderr = File::options().write(true).create_new(true).mode(0o600).open(directory.join(STDERR))?;
        // Room for its last words, also on a disk that is full by then; without it they may be missing.
        let _ = posix_fallocate(&stderr, 0, MAX_SAID as i64);
        // Also after an upgrade it is this very program.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("palisade")
            // By a descriptor it finds its place, whatever that is called by then. With a working directory of its own it
            // would begin as a copy of the daemon.
            .args(["job", "--directory", "/proc/self/fd/1"])
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(File::open(&directory)?)
            .stderr(stderr)
            // What a terminal sends to the daemon isn't meant for it.
            .process_group(0);
        for name in NOT_PASSED {
            command.env_remove(name);
        }
        let mut child = command.spawn()?;
        let process = match Waiting::for_process(child.id()) {
            Ok(process) => process,
            Err(error) => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(error);
            }
        };
        Ok(Ready { directory, alive: Some(Alive { process, child: Some(child) }) })
    }
}

impl Ready {
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
        let mut alive = self.alive.take();
        let mut leave = alive.as_mut().and_then(|alive| alive.child.as_mut()?.stdin.take());
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
        let Some(alive) = &mut self.alive else { return };
        if let Some(child) = &mut alive.child {
            let _ = child.kill().and_then(|()| child.wait());
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
        let alive = Some(Alive { process, child: None });
        Ok((Process { directory, alive, end: None, leave: None }, None))
    }

    /// Waits for its end, but not for longer than this; tells whether it has ended.
    pub fn wait(&mut self, time: Duration) -> io::Result<bool> {
        let Some(alive) = &mut self.alive else { return Ok(true) };
        if !alive.process.wait(time)? {
            return Ok(false);
        }
        if let Some(child) = &mut alive.child {
            let status = child.wait()?;
            self.end = match (status.code(), status.signal()) {
                (Some(0), _) => None,
                (Some(code), _) => Some(format!("it ended with exit code {code}")),
                (None, Some(signal)) => Some(format!("it was ended by signal {signal}")),
                (None, None) => Some(status.to_string()),
            };
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

impl Waiting {
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
