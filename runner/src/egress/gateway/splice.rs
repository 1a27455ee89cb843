//! Moving bytes from one socket to another within the kernel: `splice(2)` by way of a pipe.
//!
//! A direction holds a pipe only while there are bytes on their way, so that thousands of idle connections need
//! none. One pipe's worth is read at a time: a reader that is slow stops its sender. Pipes are bounded too, since each takes
//! two descriptors. What is short is carried without one: a read and a write cost less than two splices and the third that says
//! that there is no more.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, splice};
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{MsgFlags, recv, send};
use nix::unistd::pipe2;

/// Size of a pipe, in bytes: more for one stream, less for the memory of many that are held up.
const PIPE: usize = 256 << 10;
/// Empty pipes that are kept for the next direction that needs one.
const SPARE: usize = 64;
/// What a turn ends with where more comes than may: no socket says so of itself.
pub const OVER: Errno = Errno::EDQUOT;
/// Bytes that are carried without a pipe; where so many come at once, more is likely.
const CARRIED: usize = 8 << 10;
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
    /// It is told when it can be written again.
    pub told_of_room: bool,
    /// Its end may be read, or its error, after all that has come.
    ending: bool,
}

impl Side {
    /// A socket that has had no event yet.
    pub fn new(fd: OwnedFd) -> Side {
        Side { fd, readable: false, writable: false, told_of_room: true, ending: false }
    }

    /// A fresh connection, for which an event that it can be written would say nothing.
    pub fn fresh(fd: OwnedFd) -> Side {
        Side { writable: true, told_of_room: false, ..Side::new(fd) }
    }

    /// Takes note of events. An error makes both calls say what it is.
    pub fn note(&mut self, events: EpollFlags) {
        let broken = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
        self.ending |= events.intersects(EpollFlags::EPOLLRDHUP | broken);
        self.readable |= self.ending || events.contains(EpollFlags::EPOLLIN);
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
    _counted: Rc<()>,
}

/// Empty pipes, and how many there may be.
#[derive(Debug)]
pub struct Pipes {
    spare: Vec<Pipe>,
    /// One of these in each pipe.
    count: Rc<()>,
    most: usize,
}

impl Pipes {
    /// As many as this at a time.
    pub fn new(most: usize) -> Pipes {
        Pipes { spare: Vec::new(), count: Rc::new(()), most }
    }

    /// One, unless there are too many.
    fn take(&mut self) -> Option<Pipe> {
        if let Some(pipe) = self.spare.pop() {
            return Some(pipe);
        }
        if Rc::strong_count(&self.count) > self.most {
            return None;
        }
        let (out, into) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).ok()?;
        // An ordinary user has so many bytes in pipes; beyond, a pipe is smaller.
        let _ = fcntl(&into, FcntlArg::F_SETPIPE_SZ(PIPE as i32));
        Some(Pipe { out, into, _counted: self.count.clone() })
    }

    fn give_back(&mut self, pipe: Pipe) {
        if self.spare.len() < SPARE {
            self.spare.push(pipe);
        }
    }
}

/// Bytes on their way.
#[derive(Debug)]
enum Held {
    /// So many in a pipe.
    Piped(Pipe, usize),
    /// These, from a place on.
    Carried(Vec<u8>, usize),
}

/// One direction of a connection.
#[derive(Debug, Default)]
pub struct Splice {
    held: Option<Held>,
    /// The last read was full.
    bulk: bool,
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
        // The pipe of this turn, while it is empty.
        let mut empty = None;
        let turn = self.moves(from, to, pipes, &mut empty);
        if let Some(pipe) = empty {
            pipes.give_back(pipe);
        }
        turn
    }

    fn moves(
        &mut self,
        from: &mut Side,
        to: &mut Side,
        pipes: &mut Pipes,
        empty: &mut Option<Pipe>,
    ) -> nix::Result<Turn> {
        for _ in 0..TURN {
            match self.held.take() {
                Some(held) if !to.writable => {
                    self.held = Some(held);
                    return Ok(Turn::Waits);
                }
                Some(held) => self.deliver(held, to, empty)?,
                None if self.ended => return Ok(Turn::Ended),
                None if !from.readable => return Ok(Turn::Waits),
                None if !self.bulk => self.carry(from, to)?,
                None => match empty.take().or_else(|| pipes.take()) {
                    Some(pipe) => self.fill(from, pipe, empty)?,
                    None => self.carry(from, to)?,
                },
            }
        }
        Ok(Turn::Unfinished)
    }

    /// Reads and writes a few bytes.
    fn carry(&mut self, from: &mut Side, to: &mut Side) -> nix::Result<()> {
        let mut buffer = [0; CARRIED];
        let most = self.most(CARRIED);
        let length = match recv(from.fd.as_raw_fd(), &mut buffer[..most], MsgFlags::MSG_DONTWAIT) {
            Ok(0) => {
                self.ended = true;
                return Ok(());
            }
            Ok(length) => length,
            Err(Errno::EAGAIN) => {
                from.readable = false;
                return Ok(());
            }
            Err(Errno::EINTR) => return Ok(()),
            Err(errno) => return Err(errno),
        };
        self.came(length)?;
        self.bulk = length == most;
        // A read that isn't full has taken all there was; more is an event of its own, and so is an end.
        from.readable &= self.bulk || from.ending;
        let sent = match to.writable {
            true => written(to, send(to.fd.as_raw_fd(), &buffer[..length], SENDING))?,
            false => 0,
        };
        self.moved += sent as u64;
        if sent < length {
            self.held = Some(Held::Carried(buffer[sent..length].to_vec(), 0));
        }
        Ok(())
    }

    fn fill(&mut self, from: &mut Side, pipe: Pipe, empty: &mut Option<Pipe>) -> nix::Result<()> {
        match splice(from.fd.as_fd(), None, pipe.into.as_fd(), None, self.most(PIPE), FLAGS) {
            Ok(length) if length > 0 => {
                self.came(length)?;
                self.held = Some(Held::Piped(pipe, length));
                return Ok(());
            }
            Ok(_) => self.ended = true,
            Err(Errno::EAGAIN) => (from.readable, self.bulk) = (false, false),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
        *empty = Some(pipe);
        Ok(())
    }

    fn deliver(&mut self, held: Held, to: &mut Side, empty: &mut Option<Pipe>) -> nix::Result<()> {
        let result = match &held {
            Held::Piped(pipe, length) => splice(pipe.out.as_fd(), None, to.fd.as_fd(), None, *length, FLAGS),
            Held::Carried(bytes, at) => send(to.fd.as_raw_fd(), &bytes[*at..], SENDING),
        };
        let moved = written(to, result)?;
        self.moved += moved as u64;
        match held {
            Held::Piped(pipe, length) if length == moved => *empty = Some(pipe),
            Held::Piped(pipe, length) => self.held = Some(Held::Piped(pipe, length - moved)),
            Held::Carried(bytes, at) if bytes.len() == at + moved => {}
            Held::Carried(bytes, at) => self.held = Some(Held::Carried(bytes, at + moved)),
        }
        Ok(())
    }
}

/// The bytes that a call has written; none where it would have waited.
fn written(to: &mut Side, result: nix::Result<usize>) -> nix::Result<usize> {
    match result {
        Err(Errno::EAGAIN) => {
            to.writable = false;
            Ok(0)
        }
        Err(Errno::EINTR) => Ok(0),
        result => result,
    }
}

const SENDING: MsgFlags = MsgFlags::MSG_DONTWAIT.union(MsgFlags::MSG_NOSIGNAL);
const FLAGS: SpliceFFlags = SpliceFFlags::SPLICE_F_MOVE.union(SpliceFFlags::SPLICE_F_NONBLOCK);

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (UnixStream, Side) {
        let (mine, theirs) = UnixStream::pair().unwrap();
        theirs.set_nonblocking(true).unwrap();
        let mut side = Side::new(theirs.into());
        side.note(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT);
        (mine, side)
    }

    #[test]
    fn bytes_get_there_with_a_pipe_and_without() {
        for most in [1, 0] {
            let mut pipes = Pipes::new(most);
            let (mut sender, mut from) = pair();
            let (mut receiver, mut to) = pair();
            let sent: Vec<u8> = (0..100_000u32).map(|n| (n * 31 % 251) as u8).collect();
            sender.write_all(&sent).unwrap();
            drop(sender);
            let (mut splice, mut got, mut buffer) = (Splice::default(), Vec::new(), vec![0; 1000]);
            while splice.turn(&mut from, &mut to, &mut pipes) != Ok(Turn::Ended) {
                (from.readable, to.writable) = (true, true);
                let length = receiver.read(&mut buffer).unwrap();
                got.extend_from_slice(&buffer[..length]);
            }
            drop(to);
            receiver.read_to_end(&mut got).unwrap();
            assert!(got == sent, "{most} pipes");
            assert_eq!(splice.moved, 100_000);
            assert_eq!(Rc::strong_count(&pipes.count), 1 + most);
        }
    }

    #[test]
    fn a_direction_that_is_held_up_holds_a_pipe_until_it_ends() {
        let mut pipes = Pipes::new(1);
        let (mut sender, mut from) = pair();
        let (_receiver, mut to) = pair();
        sender.write_all(&[1; CARRIED + 1]).unwrap();
        let mut splice = Splice::default();
        splice.carry(&mut from, &mut to).unwrap();
        to.writable = false;
        assert_eq!(splice.turn(&mut from, &mut to, &mut pipes), Ok(Turn::Waits));
        assert!(pipes.take().is_none());
        drop(splice);
        assert!(pipes.take().is_some());
    }
}
