//! A command in a sandbox whose output is for palisade and not for a log: bounded in size and time.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use palisade_sandbox::{Child, Command, Sandbox, Signal, Status, Stdio};

/// Most bytes that are kept of what it says on standard error: its last ones.
const MAX_STDERR: usize = 8 << 10;

/// What it may take.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// Most bytes on its standard output.
    pub stdout: usize,
    /// How long it may run.
    pub time: Duration,
    /// Readable once nobody wants it any more.
    pub stop: Option<BorrowedFd<'a>>,
}

/// How it ended.
#[derive(Debug)]
pub struct Captured {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// The end of its standard error.
    pub stderr: String,
    /// Its exit code or signal.
    pub status: Status,
}

/// Why there is no end to tell of.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// It could not be started or watched.
    #[error(transparent)]
    Sandbox(#[from] palisade_sandbox::Error),
    /// Pipes.
    #[error("cannot read its output: {0}")]
    Io(#[from] io::Error),
    /// More output than is allowed.
    #[error("it printed more than {0} bytes")]
    TooMuch(usize),
    /// It took too long.
    #[error("it took longer than {} seconds", .0.as_secs())]
    TooLong(Duration),
    /// Nobody wants it any more.
    #[error("the run was cancelled")]
    Stopped,
}

impl From<Errno> for CaptureError {
    fn from(errno: Errno) -> Self {
        CaptureError::Io(errno.into())
    }
}

/// Runs it to its end. Where a bound is passed, everything in the sandbox is killed.
pub fn capture(sandbox: &Sandbox, command: Command, bounds: Bounds<'_>) -> Result<Captured, CaptureError> {
    let (mut stdout, stdout_end) = pipe()?;
    let (mut stderr, stderr_end) = pipe()?;
    let child = sandbox.spawn(command.stdout(Stdio::Fd(stdout_end)).stderr(Stdio::Fd(stderr_end)))?;
    let mut reading = Reading { stdout: Vec::new(), stderr: Vec::new(), most: bounds.stdout };
    let watched = reading.until_end(&child, &mut stdout, &mut stderr, bounds);
    if watched.is_err() {
        // Where that fails the sandbox has ended, and the child with it.
        let _ = sandbox.signal(Signal::Kill);
    }
    let exit = child.wait()?;
    watched?;
    let stderr = String::from_utf8_lossy(&reading.stderr).into_owned();
    Ok(Captured { stdout: reading.stdout, stderr, status: exit.status })
}

fn pipe() -> io::Result<(File, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((File::from(OwnedFd::from(reader)), writer.into()))
}

struct Reading {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    most: usize,
}

impl Reading {
    fn until_end(
        &mut self,
        child: &Child,
        stdout: &mut File,
        stderr: &mut File,
        bounds: Bounds<'_>,
    ) -> Result<(), CaptureError> {
        let until = Instant::now().checked_add(bounds.time);
        let (mut out_open, mut err_open) = (true, true);
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(CaptureError::TooLong(bounds.time));
            }
            let wait = left.map_or(PollTimeout::NONE, |left| {
                i32::try_from(left.as_millis() + 1)
                    .ok()
                    .and_then(|ms| ms.try_into().ok())
                    .unwrap_or(PollTimeout::MAX)
            });
            let on = |open: bool| if open { PollFlags::POLLIN } else { PollFlags::empty() };
            let mut fds = vec![PollFd::new(child.as_fd(), PollFlags::POLLIN)];
            fds.extend(bounds.stop.map(|stop| PollFd::new(stop, PollFlags::POLLIN)));
            // A closed pipe would be reported over and over.
            fds.extend(out_open.then(|| PollFd::new(stdout.as_fd(), on(out_open))));
            fds.extend(err_open.then(|| PollFd::new(stderr.as_fd(), on(err_open))));
            match poll(&mut fds, wait) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let ended = fds[0].any() == Some(true);
            if bounds.stop.is_some() && fds[1].any() == Some(true) {
                return Err(CaptureError::Stopped);
            }
            if out_open {
                out_open = self.read_stdout(stdout)?;
            }
            if err_open {
                err_open = self.read_stderr(stderr)?;
            }
            // Whoever else holds the pipes' ends has nothing more to tell.
            if ended {
                return Ok(());
            }
        }
    }

    /// Reads what there is; whether more may come.
    fn read_stdout(&mut self, pipe: &mut File) -> Result<bool, CaptureError> {
        let open = drain(pipe, |bytes| {
            self.stdout.extend_from_slice(bytes);
            self.stdout.len() <= self.most
        })?;
        if self.stdout.len() > self.most { Err(CaptureError::TooMuch(self.most)) } else { Ok(open) }
    }

    fn read_stderr(&mut self, pipe: &mut File) -> Result<bool, CaptureError> {
        Ok(drain(pipe, |bytes| {
            self.stderr.extend_from_slice(bytes);
            let over = self.stderr.len().saturating_sub(MAX_STDERR);
            self.stderr.drain(..over);
            true
        })?)
    }
}

/// Reads until there is nothing more for now, or `take` has enough; whether more may come.
fn drain(pipe: &mut File, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut buffer = [0; 64 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(read) if take(&buffer[..read]) => {}
            Ok(_) => return Ok(true),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(e) => return Err(e),
        }
    }
}
