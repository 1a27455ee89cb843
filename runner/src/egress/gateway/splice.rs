//! Moving bytes from one socket to another within the kernel: `splice(2)` by way of a pipe.
//!
//! A direction holds a pipe only while there are bytes on their way, so that thousands of idle connections need
//! none. One pipe's worth is read at a time: a reader that is slow stops its sender.

use std::os::fd::{AsFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::sys::epoll::EpollFlags;
use nix::unistd::pipe2;

/// Size of a pipe, in bytes: more for one stream, less for the memory of many that are held up.
const PIPE: usize = 256 << 10;
/// Empty pipes that are kept for the next direction that needs one.
const SPARE: usize = 64;
/// What a turn ends with where more comes than may: no socket says so of itself.
pub const OVER: Errno = Errno::EDQUOT;
/// Calls before other connections have their turn.
pub const TURN: usize = 32;

/// One end of a connection, and what its last events said of it.
#[derive(Debug)]
pub struct Side {
    /// The socket.
    pub fd: OwnedFd,
    /// It may be read without waiting.
    pub readable: bool,
    /// It may be written without waiting.
    pub writable: bool,
}

impl Side {
    /// A socket that has had no event yet.
    pub fn new(fd: OwnedFd) -> Side {
        Side { fd, readable: false, writable: false }
    }

    /// Takes note of events. An error makes both calls say what it is.
    pub fn note(&mut self, events: EpollFlags) {
        let broken = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
        self.readable |= events.intersects(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | broken);
        self.writable |= events.intersects(EpollFlags::EPOLLOUT | broken);
    }
}

/// Where a direction stands after its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// An event must come first.
    Waits,
    /// There is more to do.
    Unfinished,
    /// The sender has ended, and all it sent is delivered.
    Ended,
}

#[derive(Debug)]
struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

/// Empty pipes.
#[derive(Debug, Default)]
pub struct Pipes(Vec<Pipe>);

impl Pipes {
    fn take(&mut self) -> nix::Result<Pipe> {
        if let Some(pipe) = self.0.pop() {
            return Ok(pipe);
        }
        let (out, into) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        // An ordinary user has so many bytes in pipes; beyond, a pipe is smaller.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(PIPE as i32));
        Ok(Pipe { out, into })
    }

    fn give_back(&mut self, pipe: Option<Pipe>) {
        self.0.extend(pipe.filter(|_| self.0.len() < SPARE));
    }
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Splice {
    pipe: Option<Pipe>,
    /// Bytes in the pipe.
    held: usize,
    ended: bool,
    /// Bytes that have been delivered.
    pub moved: u64,
    /// Bytes that have come, delivered or not.
    pub taken: u64,
    /// Bytes that may still come, where they have a limit; set before each turn.
    pub left: Option<u64>,
}

impl Splice {
    /// How many bytes are read at a time, of so many that could be. Where nothing may come any more, one tells an end from
    /// more.
    fn most(&self, most: usize) -> usize {
        self.left.and_then(|left| usize::try_from(left).ok()).unwrap_or(most).clamp(1, most)
    }

    /// Takes from what may still come.
    pub fn use_up(&mut self, length: usize) -> nix::Result<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(length as u64).ok_or(OVER)?;
        }
        Ok(())
    }

    /// Takes note of bytes that were read.
    fn came(&mut self, length: usize) -> nix::Result<()> {
        self.use_up(length)?;
        self.taken += length as u64;
        Ok(())
    }

    /// Moves what can be moved now.
    pub fn turn(&mut self, from: &mut Side, to: &mut Side, pipes: &mut Pipes) -> nix::Result<Turn> {
        for _ in 0..TURN {
            if self.held > 0 {
                if !to.writable {
                    return Ok(Turn::Waits);
                }
                self.deliver(to)?;
                continue;
            }
            if self.ended || !from.readable {
                pipes.give_back(self.pipe.take());
                return Ok(if self.ended { Turn::Ended } else { Turn::Waits });
            }
            self.fill(from, pipes)?;
        }
        Ok(Turn::Unfinished)
    }

    fn fill(&mut self, from: &mut Side, pipes: &mut Pipes) -> nix::Result<()> {
        let most = self.most(PIPE);
        let pipe = match self.pipe.take() {
            Some(pipe) => pipe,
            None => pipes.take()?,
        };
        let pipe = self.pipe.insert(pipe);
        match splice(from.fd.as_fd(), None, pipe.into.as_fd(), None, most, FLAGS) {
            Ok(0) => self.ended = true,
            Ok(length) => {
                self.came(length)?;
                self.held = length;
            }
            Err(Errno::EAGAIN) => from.readable = false,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    fn deliver(&mut self, to: &mut Side) -> nix::Result<()> {
        let Some(pipe) = &self.pipe else { return Err(Errno::EBADF) };
        match splice(pipe.out.as_fd(), None, to.fd.as_fd(), None, self.held, FLAGS) {
            Ok(length) => {
                self.held -= length;
                self.moved += length as u64;
            }
            Err(Errno::EAGAIN) => to.writable = false,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }
}

const FLAGS: SpliceFFlags = SpliceFFlags::SPLICE_F_MOVE.union(SpliceFFlags::SPLICE_F_NONBLOCK);
