//! Sockets on the sandbox's own loopback that its caller answers: what comes in there is from inside, and from nowhere
//! else.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, socket};

use crate::wire::{self, Opened};

/// Opens one at a port that the kernel chooses, and sends it.
pub fn answer(fds: Vec<OwnedFd>) {
    let Some(answer) = fds.into_iter().next().map(UnixStream::from) else { return };
    let _ = match open() {
        Ok(listener) => wire::send(&answer, &Opened(None), &[listener.as_raw_fd()]),
        Err(errno) => wire::send(&answer, &Opened(Some(errno as i32)), &[]),
    };
}

fn open() -> Result<OwnedFd, Errno> {
    let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(listener.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)))?;
    listen(&listener, Backlog::MAXALLOWABLE)?;
    Ok(listener)
}
