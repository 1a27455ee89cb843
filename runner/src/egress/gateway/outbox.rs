//! What the gateway tells its caller, a line of JSON each, without ever waiting for it.

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};

use crate::egress::record::{Attempt, Ledger, Notice, Outcome, Unnamed};

/// Most bytes that wait for a caller who doesn't read.
const MAX_WAITING: usize = 4 << 20;
/// What isn't urgent waits so long for more, since each message wakes the caller.
const LATER: Duration = Duration::from_millis(50);
/// So many bytes wait for nothing.
const ENOUGH: usize = 16 << 10;

/// The control socket, and what is to go over it.
#[derive(Debug)]
pub struct Outbox {
    control: UnixStream,
    waiting: Vec<u8>,
    /// When it is sent, where it waits for more.
    later: Option<Instant>,
    ledger: Ledger,
}

impl Outbox {
    /// For this socket.
    pub fn new(control: UnixStream) -> Outbox {
        Outbox { control, waiting: Vec::new(), later: None, ledger: Ledger::default() }
    }

    /// Tells an attempt, if it is one that is told: at once, unless it was reached. Whether something waits for the caller.
    pub fn tell(&mut self, attempt: Attempt, now: Instant) -> bool {
        if self.ledger.note(&attempt) && self.waiting.len() < MAX_WAITING {
            let urgent = attempt.outcome != Outcome::Reached;
            self.push(&Notice::Attempt(attempt));
            match urgent || self.waiting.len() > ENOUGH {
                true => self.flush(),
                false => drop(self.later.get_or_insert(now + LATER)),
            }
        }
        !self.waiting.is_empty() && self.later.is_none()
    }

    /// When what waits for more is to be sent.
    pub fn deadline(&self) -> Option<Instant> {
        self.later
    }

    /// Tells that a step's rules hold; whether something waits for the caller.
    pub fn entered(&mut self) -> bool {
        self.push(&Notice::Entered);
        self.flush();
        !self.waiting.is_empty()
    }

    /// Tells of attempts at addresses without a name; whether something waits for the caller.
    pub fn unnamed(&mut self, unnamed: Unnamed) -> bool {
        self.ledger.note_unnamed(unnamed.attempts);
        if self.waiting.len() < MAX_WAITING {
            self.push(&Notice::Unnamed(unnamed));
            self.flush();
        }
        !self.waiting.is_empty()
    }

    /// Takes note of why, and how often, it isn't known which process it was.
    pub fn fall_short(&mut self, (why, unseen): (Option<String>, u64)) {
        self.ledger.fall_short(why, unseen);
    }

    fn push(&mut self, notice: &Notice) {
        // Plain data always serializes.
        if let Ok(line) = serde_json::to_vec(notice) {
            self.waiting.extend(line);
            self.waiting.push(b'\n');
        }
    }

    /// Sends what can be sent now.
    pub fn flush(&mut self) {
        self.later = None;
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        while !self.waiting.is_empty() {
            match send(self.control.as_raw_fd(), &self.waiting, flags) {
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Says the last word, and waits until it is taken.
    pub fn finish(mut self, broken: Option<String>) -> io::Result<()> {
        let table = std::mem::take(&mut self.ledger).table();
        self.push(&broken.map_or(Notice::Table(table), Notice::Broken));
        self.control.write_all(&self.waiting)
    }
}

impl AsFd for Outbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}
