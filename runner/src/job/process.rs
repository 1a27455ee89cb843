//! One command in the sandbox: its output to the log, its end to the caller, and between them the orders
//! to stop and the deadlines.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;
use palisade_sandbox::{Child, Error, Exit, Sandbox, Signal};

use super::cancel::{Cancel, Urgency};
use crate::output::StepLog;

/// After SIGINT a command has this long before SIGTERM, as on GitHub.
const AFTER_INTERRUPT: Duration = Duration::from_millis(7500);
/// After SIGTERM it has this long before SIGKILL, as on GitHub.
const AFTER_TERMINATE: Duration = Duration::from_millis(2500);
/// Size of the pipe and of one read: fewer changes of context while a step prints much.
const PIPE: usize = 1 << 20;

/// Why a command was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The job was asked to stop, or to stop at once.
    Cancelled,
    /// Its step's `timeout-minutes`.
    StepTimeout,
    /// Its job's `timeout-minutes`, or the time that a cancelled job has for its last steps.
    JobTimeout,
}

/// What may stop a command.
pub struct Watch<'a> {
    /// Orders from outside.
    pub cancel: &'a Cancel,
    /// The job was asked to stop before: only an order to stop at once counts.
    pub already_asked: bool,
    /// The step's end at the latest.
    pub step_deadline: Option<Instant>,
    /// The job's end at the latest.
    pub job_deadline: Option<Instant>,
}

/// How a command ended.
pub struct Ended {
    /// Its exit, or why it could not be started.
    pub exit: Result<Exit, Error>,
    /// What stopped it, if it didn't end by itself.
    pub stop: Option<Stop>,
}

/// Makes the pipe for a command's output.
pub fn output_pipe() -> std::io::Result<(File, OwnedFd)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // The system may grant less.
    let _ = fcntl(&write, FcntlArg::F_SETPIPE_SZ(PIPE as i32));
    Ok((File::from(read), write))
}

/// What was done so far to make a command end.
enum Pressure {
    None,
    Interrupted(Instant),
    Terminated(Instant),
    Killed,
}

impl Pressure {
    /// When the next signal is due.
    fn due(&self) -> Option<Instant> {
        match self {
            Pressure::Interrupted(at) => Some(*at + AFTER_INTERRUPT),
            Pressure::Terminated(at) => Some(*at + AFTER_TERMINATE),
            Pressure::None | Pressure::Killed => None,
        }
    }
}

/// Where a command's output goes.
pub trait Reader {
    /// Takes a chunk.
    fn take(&mut self, chunk: &[u8]);
    /// Whether a flush could show more than is shown.
    fn wants_flush(&self) -> bool;
    /// Shows it.
    fn flush(&mut self);
}

impl Reader for StepLog<'_> {
    fn take(&mut self, chunk: &[u8]) {
        self.write(chunk);
    }

    fn wants_flush(&self) -> bool {
        StepLog::wants_flush(self)
    }

    fn flush(&mut self) {
        self.flush_idle();
    }
}

/// Output that is kept, up to a limit.
pub struct Captured {
    content: Vec<u8>,
    limit: usize,
    too_much: bool,
}

impl Captured {
    /// For so many bytes.
    pub fn new(limit: usize) -> Self {
        Captured { content: Vec::new(), limit, too_much: false }
    }

    /// All of it; `None` where it was more.
    pub fn content(self) -> Option<Vec<u8>> {
        (!self.too_much).then_some(self.content)
    }
}

impl Reader for Captured {
    fn take(&mut self, chunk: &[u8]) {
        let room = self.limit - self.content.len();
        self.too_much |= chunk.len() > room;
        self.content.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }

    fn wants_flush(&self) -> bool {
        false
    }

    fn flush(&mut self) {}
}

/// Waits for a command's end while its output goes to its reader. `buffer` is scratch space.
pub fn wait(
    sandbox: &Sandbox,
    child: Child,
    mut output: File,
    log: &mut impl Reader,
    watch: &Watch<'_>,
    buffer: &mut Vec<u8>,
) -> Ended {
    if buffer.is_empty() {
        // Fresh zeroes cost nothing until they are written over; filling a vector touches every page.
        *buffer = vec![0; PIPE];
    }
    let mut pressure = Pressure::None;
    let mut stop = None;
    let mut open = true;
    loop {
        let now = Instant::now();
        if matches!(pressure, Pressure::None) {
            let passed = |deadline: Option<Instant>| deadline.is_some_and(|at| at <= now);
            stop = if watch.cancel.urgency() != Urgency::None && !watch.already_asked {
                Some(Stop::Cancelled)
            } else if passed(watch.step_deadline) {
                Some(Stop::StepTimeout)
            } else if passed(watch.job_deadline) {
                Some(Stop::JobTimeout)
            } else {
                None
            };
            if stop.is_some() {
                pressure = press(sandbox, Signal::Interrupt, Pressure::Interrupted(now));
            }
        } else if pressure.due().is_some_and(|at| at <= now) {
            pressure = match pressure {
                Pressure::Interrupted(_) => press(sandbox, Signal::Terminate, Pressure::Terminated(now)),
                _ => press(sandbox, Signal::Kill, Pressure::Killed),
            };
        }
        if watch.cancel.urgency() == Urgency::AtOnce && !matches!(pressure, Pressure::Killed) {
            stop = stop.or(Some(Stop::Cancelled));
            pressure = press(sandbox, Signal::Kill, Pressure::Killed);
        }

        let idle = matches!(pressure, Pressure::None);
        let mut fds = [
            PollFd::new(child.as_fd(), PollFlags::POLLIN),
            PollFd::new(watch.cancel.at_once(), on(!matches!(pressure, Pressure::Killed))),
            PollFd::new(watch.cancel.asked(), on(idle && !watch.already_asked)),
            PollFd::new(output.as_fd(), PollFlags::POLLIN),
        ];
        // A closed pipe would be reported over and over.
        let watched = if open { fds.len() } else { fds.len() - 1 };
        let deadline =
            if idle { earliest([watch.step_deadline, watch.job_deadline]) } else { pressure.due() };
        let silence = log.wants_flush().then_some(now + StepLog::SILENCE);
        let ready = poll(&mut fds[..watched], timeout(now, earliest([deadline, silence])));
        let (ended, readable) = (fds[0].any() == Some(true), open && fds[3].any() == Some(true));
        if ready == Ok(0) && log.wants_flush() {
            log.flush();
        }
        if ended {
            // Its writers are gone, or are stragglers that may write on: what the pipe held when the
            // command ended is no more than its size.
            let mut rest = PIPE;
            while rest > 0 && open {
                rest = rest.saturating_sub(transfer(&mut output, log, buffer, &mut open).unwrap_or(PIPE));
            }
            return Ended { exit: child.wait(), stop };
        }
        if readable {
            transfer(&mut output, log, buffer, &mut open);
        }
    }
}

fn on(watched: bool) -> PollFlags {
    if watched { PollFlags::POLLIN } else { PollFlags::empty() }
}

/// Sends a signal to everything in the sandbox. Where that fails the sandbox has ended, which the child's
/// descriptor tells.
fn press(sandbox: &Sandbox, signal: Signal, then: Pressure) -> Pressure {
    let _ = sandbox.signal(signal);
    then
}

/// One read's worth of output to the log; `None` where there is none now.
fn transfer(output: &mut File, log: &mut impl Reader, buffer: &mut [u8], open: &mut bool) -> Option<usize> {
    match output.read(buffer) {
        Ok(0) => {
            *open = false;
            None
        }
        Ok(read) => {
            log.take(&buffer[..read]);
            Some(read)
        }
        Err(e) if e.kind() == std::io::ErrorKind::Interrupted => Some(0),
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(_) => {
            *open = false;
            None
        }
    }
}

fn earliest<const N: usize>(times: [Option<Instant>; N]) -> Option<Instant> {
    times.into_iter().flatten().min()
}

/// Rounded up, so that a deadline has passed when it is looked at.
pub fn timeout(now: Instant, until: Option<Instant>) -> PollTimeout {
    let Some(until) = until else { return PollTimeout::NONE };
    let wait = until.saturating_duration_since(now).as_micros().div_ceil(1000);
    PollTimeout::try_from(i32::try_from(wait).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_never_ends_too_early() {
        let now = Instant::now();
        assert_eq!(timeout(now, None), PollTimeout::NONE);
        assert_eq!(timeout(now, Some(now)), PollTimeout::ZERO);
        assert_eq!(timeout(now, Some(now + Duration::from_micros(1))), PollTimeout::from(1u8));
        assert_eq!(timeout(now, Some(now + Duration::from_micros(1001))), PollTimeout::from(2u8));
        let far = timeout(now, Some(now + Duration::from_secs(100 * 24 * 3600)));
        assert_eq!(far.as_millis(), Some(i32::MAX as u32));
    }

    #[test]
    fn what_is_captured_is_bounded_and_never_cut_in_silence() {
        let captured = |chunks: &[&str]| {
            let mut captured = Captured::new(4);
            chunks.iter().for_each(|chunk| captured.take(chunk.as_bytes()));
            captured.content()
        };
        assert_eq!(captured(&["ab", "cd"]).as_deref(), Some(&b"abcd"[..]));
        assert_eq!(captured(&["ab", "cde", "f"]), None);
    }

    #[test]
    fn signals_come_in_order_and_with_time_between_them() {
        let now = Instant::now();
        assert_eq!(Pressure::Interrupted(now).due(), Some(now + Duration::from_millis(7500)));
        assert_eq!(Pressure::Terminated(now).due(), Some(now + Duration::from_millis(2500)));
        assert!(Pressure::Killed.due().is_none() && Pressure::None.due().is_none());
    }
}
