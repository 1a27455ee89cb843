//! Which process asks for what: seen by init as it happens (`inside/witness/`), read by the gateway. It is told before the
//! call goes on, so that who has accepted a connection finds here whose it is. It decides nothing.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use serde::{Deserialize, Serialize};

use crate::wire::Transport;

/// Processes that are told apart at a time: a place's next process takes its number.
pub(crate) const PLACES: usize = 128;
/// Longest message; what a process is called by is bounded far below.
pub(crate) const MAX_MESSAGE: usize = 64 << 10;
/// Processes above one that are told.
pub(crate) const MAX_PARENTS: usize = 8;
/// Bytes of a command line that are told; arguments beyond are left out.
pub(crate) const MAX_COMMAND: usize = 1024;
/// The same of a process above.
pub(crate) const MAX_PARENT_COMMAND: usize = 256;
/// Bytes of a program's path that are told: its end.
pub(crate) const MAX_EXE: usize = 512;

/// A process of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number in the sandbox.
    pub pid: u32,
    /// Its program's path, as the kernel has it; empty where it can't be seen. Of a long one the end, behind a `…`.
    pub exe: String,
    /// Its arguments with spaces between, as the process has them in its memory by now. Where they are long, whole
    /// arguments are left out at the end, for which there is a `…`.
    pub command: String,
}

/// A process, and those above it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The process.
    pub process: Process,
    /// Its parent, that one's parent and so on, as far as the command that the sandbox was asked to run; eight at most.
    pub parents: Vec<Process>,
}

/// A process that has a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The youngest that has it.
    pub caller: Caller,
    /// No other one was found to have it.
    pub alone: bool,
}

/// One message of init's. Not more than one place's caller is in a message.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Seen {
    /// There is no listener; why.
    Blind(String),
    /// At this place is this one from now on.
    Caller(u8, Box<Caller>),
    /// The caller at this place asks for something.
    Asks(u8, Asked),
    /// So many messages weren't taken.
    Lost(u64),
}

/// What a process asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Whereto, as it stood in memory when the process asked.
    pub to: SocketAddr,
    /// By which transport; none where it is neither of both.
    pub transport: Option<Transport>,
    /// The inode of its socket, a number that no other has at the time.
    pub socket: u64,
}

/// A message as a gateway hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// Nothing will be seen; why.
    Blind(String),
    /// A process asks for something.
    Asks(std::rc::Rc<Caller>, Asked),
    /// So many weren't told: there were too many.
    Lost(u64),
}

/// The gateway's end.
#[derive(Debug)]
pub struct Sightings {
    from: OwnedFd,
    bell: OwnedFd,
    diag: Option<OwnedFd>,
    places: Vec<Option<std::rc::Rc<Caller>>>,
    buffer: Vec<u8>,
}

impl Sightings {
    pub(crate) fn new(from: OwnedFd, bell: OwnedFd, diag: Option<OwnedFd>) -> Sightings {
        Sightings { from, bell, diag, places: vec![None; PLACES], buffer: vec![0; MAX_MESSAGE] }
    }

    /// The next message, if there is one.
    pub fn hear(&mut self) -> Option<Sighting> {
        loop {
            let length = match recv(self.from.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) if length > 0 => length,
                Err(Errno::EINTR) => continue,
                // Init is gone, or has nothing to tell.
                Ok(_) | Err(_) => return None,
            };
            match postcard::from_bytes(&self.buffer[..length]) {
                Ok(Seen::Blind(why)) => return Some(Sighting::Blind(why)),
                Ok(Seen::Lost(count)) => return Some(Sighting::Lost(count)),
                Ok(Seen::Caller(place, caller)) => {
                    if let Some(known) = self.places.get_mut(usize::from(place)) {
                        *known = Some(std::rc::Rc::new(*caller));
                    }
                }
                Ok(Seen::Asks(place, asked)) => {
                    if let Some(caller) = self.places.get(usize::from(place)).cloned().flatten() {
                        return Some(Sighting::Asks(caller, asked));
                    }
                }
                // Init is of the same build.
                Err(_) => {}
            }
        }
    }

    /// The inode of the socket that a connection or datagrams come from, as the sandbox's kernel has it.
    pub fn socket_of(&self, transport: Transport, from: SocketAddr, to: SocketAddr) -> io::Result<u64> {
        let diag = self.diag.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        Ok(crate::sys::diag::inode(diag.as_fd(), transport, from, to)?)
    }
}

/// Readable some time after something was told; edge-triggered, it need not be read.
impl AsFd for Sightings {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
