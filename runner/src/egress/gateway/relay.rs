//! A connection that stands: both its sides, and what moves between them.

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, Shutdown, recv, send, shutdown};

use super::quota::Bytes;
use super::splice::{OVER, Pipes, Side, Splice, TURN, Turn};
use super::stream::{Greeting, READ};
use crate::egress::http::{HttpError, Requests};
use crate::egress::upgrade::Answer;

/// Both sides, and what moves between them.
#[derive(Debug)]
pub struct Open {
    /// The server's side.
    pub server: Side,
    up: Up,
    down: Down,
    finished: [bool; 2],
}

/// The way to the server.
#[derive(Debug)]
struct Up {
    queue: Queue,
    /// Bytes that came otherwise than by `splice`.
    read: u64,
    requests: Option<Requests>,
    ended: bool,
    splice: Splice,
}

/// The way to the client.
#[derive(Debug)]
struct Down {
    queue: Queue,
    /// Bytes that came otherwise than by `splice`.
    read: u64,
    /// The server is to say whether it changes the protocol.
    answer: Option<Answer>,
    splice: Splice,
}

/// What was looked at and is to be sent before anything else.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    at: usize,
    /// Bytes that were sent.
    sent: u64,
}

/// Why a connection ended otherwise than by both ends.
#[derive(Debug)]
pub enum Broken {
    /// One side's socket failed, by a reset as a rule.
    Socket,
    /// A later request wasn't for the name.
    Refused(String),
    /// More came than may.
    Over,
}

impl From<Errno> for Broken {
    fn from(errno: Errno) -> Broken {
        if errno == OVER { Broken::Over } else { Broken::Socket }
    }
}

impl From<HttpError> for Broken {
    fn from(error: HttpError) -> Broken {
        Broken::Refused(error.to_string())
    }
}

impl Open {
    /// Connects both sides; what the client has said goes first.
    pub fn new(server: Side, greeting: Greeting) -> Open {
        let (bytes, requests, read) = greeting.into_parts();
        let answer = requests.as_ref().filter(|requests| requests.is_waiting()).map(|_| Answer::default());
        let queue = Queue { bytes, ..Queue::default() };
        let up = Up { queue, read, requests, ended: false, splice: Splice::default() };
        let down = Down { queue: Queue::default(), read: 0, answer, splice: Splice::default() };
        Open { server, up, down, finished: [false; 2] }
    }

    /// Bytes to the server, and to the client.
    pub fn moved(&self) -> (u64, u64) {
        let Open { up, down, .. } = self;
        (up.queue.sent + up.splice.moved, down.queue.sent + down.splice.moved)
    }

    /// Bytes that have come from both sides, delivered or not.
    pub fn taken(&self) -> Bytes {
        let Open { up, down, .. } = self;
        Bytes { sent: up.read + up.splice.taken, received: down.read + down.splice.taken }
    }

    /// Lets so many more bytes come in the next turn.
    pub fn let_come(&mut self, left: Bytes) {
        self.up.splice.left = Some(left.sent);
        self.down.splice.left = Some(left.received);
    }

    /// Moves what can be moved now, both ways. An error ends the connection on both sides.
    pub fn turn(&mut self, client: &mut Side, pipes: &mut Pipes) -> Result<Turn, Broken> {
        let Open { server, up, down, finished } = self;
        let before = *finished;
        let mut turns = [Turn::Ended; 2];
        if !before[0] {
            turns[0] = up.turn(client, server, pipes)?;
        }
        if !before[1] {
            turns[1] = down.turn(server, client, pipes, up)?;
        }
        *finished = turns.map(|turn| turn == Turn::Ended);
        // Where both ways are at their end, closing the sockets says so.
        if *finished == [true; 2] {
            return Ok(Turn::Ended);
        }
        for (way, to) in [&*server, &*client].into_iter().enumerate() {
            if finished[way] && !before[way] {
                let _ = shutdown(to.fd.as_raw_fd(), Shutdown::Write);
            }
        }
        Ok(if turns.contains(&Turn::Unfinished) { Turn::Unfinished } else { Turn::Waits })
    }
}

impl Queue {
    /// Sends what can be sent now; whether nothing is left.
    fn send(&mut self, to: &mut Side) -> nix::Result<bool> {
        while self.at < self.bytes.len() {
            if !to.writable {
                return Ok(false);
            }
            match send(to.fd.as_raw_fd(), &self.bytes[self.at..], MsgFlags::MSG_NOSIGNAL) {
                Ok(length) => {
                    self.at += length;
                    self.sent += length as u64;
                }
                Err(Errno::EAGAIN) => to.writable = false,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        if self.at > 0 {
            (self.bytes, self.at) = (Vec::new(), 0);
        }
        Ok(true)
    }
}

impl Up {
    fn turn(&mut self, client: &mut Side, server: &mut Side, pipes: &mut Pipes) -> Result<Turn, Broken> {
        for _ in 0..TURN {
            if !self.queue.send(server)? {
                return Ok(Turn::Waits);
            }
            let Some(requests) = &mut self.requests else {
                return Ok(self.splice.turn(client, server, pipes)?);
            };
            if self.ended {
                return Ok(Turn::Ended);
            }
            if requests.is_waiting() || !client.readable {
                return Ok(Turn::Waits);
            }
            let mut buffer = [0; READ];
            match recv(client.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(0) => self.ended = true,
                Ok(length) => {
                    self.read += length as u64;
                    self.splice.use_up(length)?;
                    requests.take(&buffer[..length], &mut self.queue.bytes)?;
                }
                Err(Errno::EAGAIN) => client.readable = false,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(Turn::Unfinished)
    }

    /// The server has answered whether the protocol changes.
    fn answered(&mut self, changes: bool) -> Result<(), Broken> {
        if let Some(requests) = &mut self.requests {
            requests.answered(changes, &mut self.queue.bytes)?;
        }
        if changes {
            self.requests = None;
        }
        Ok(())
    }
}

impl Down {
    fn turn(
        &mut self,
        server: &mut Side,
        client: &mut Side,
        pipes: &mut Pipes,
        up: &mut Up,
    ) -> Result<Turn, Broken> {
        for _ in 0..TURN {
            if !self.queue.send(client)? {
                return Ok(Turn::Waits);
            }
            let Some(answer) = &mut self.answer else {
                return Ok(self.splice.turn(server, client, pipes)?);
            };
            if !server.readable {
                return Ok(Turn::Waits);
            }
            let mut buffer = [0; READ];
            let changes = match recv(server.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(0) => Some(false),
                Ok(length) => {
                    self.read += length as u64;
                    self.splice.use_up(length)?;
                    self.queue.bytes.extend_from_slice(&buffer[..length]);
                    answer.take(&buffer[..length])
                }
                Err(Errno::EAGAIN) => {
                    server.readable = false;
                    None
                }
                Err(Errno::EINTR) => None,
                Err(errno) => return Err(errno.into()),
            };
            if let Some(changes) = changes {
                self.answer = None;
                up.answered(changes)?;
                // The other way has waited for this.
                return Ok(Turn::Unfinished);
            }
        }
        Ok(Turn::Unfinished)
    }
}
