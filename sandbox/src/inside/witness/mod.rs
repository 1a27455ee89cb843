//! Sees which process asks for what, and tells the gateway, before the call goes on. The kernel stops each `connect(2)` of
//! a command, and each send that opens a connection (`seccomp_unotify(2)`), until init has had a look.
//!
//! It decides nothing: every call goes on, as it stands in the process's memory by then, which may be another than was seen.
//! What isn't seen, because the process doesn't let itself be looked at or too much is told at once, is as shut out or let
//! through as ever. Init looks at one call at a time, in turn with all else that it serves. While it doesn't, calls wait; if it
//! ends, everything in the sandbox does.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollTimeout;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};
use nix::unistd::Pid;

use self::process::Callers;
use super::seccomp;
use crate::error::{Context, LayerError};
use crate::inlet::Synthetic;
use crate::report::LayerId;
use crate::sightings::{Asked, Seen};
use crate::sys::{diag, notify};
use crate::wire::Transport;

pub use self::process::holder;

mod asked;
mod process;

/// Port of the name server.
const DNS_PORT: u16 = 53;
/// The gateway hears of connections by themselves; for what came to none the bell rings this much later.
const LATER: Duration = Duration::from_millis(20);
/// Where so much was told it rings at once: the kernel has room for some 200 messages.
const MUCH: u32 = 64;

/// Where the gateway hears of it.
pub struct Teller {
    to: OwnedFd,
    bell: EventFd,
    /// Messages that weren't taken.
    lost: u64,
    /// What was told since the bell rang: how much, and since when.
    news: Option<(u32, Instant)>,
}

/// The gateway's ends: the messages, what becomes readable after some, and whose sockets are.
pub struct Ends {
    from: OwnedFd,
    bell: OwnedFd,
    diag: Option<OwnedFd>,
}

impl Ends {
    /// The descriptors in the order of [`Standing`](crate::wire::Standing).
    pub fn fds(&self) -> impl Iterator<Item = RawFd> {
        [Some(&self.from), Some(&self.bell), self.diag.as_ref()].into_iter().flatten().map(AsRawFd::as_raw_fd)
    }
}

impl Teller {
    /// Makes both ends, in the network namespace that is to be the sandbox's.
    pub fn open() -> Result<(Teller, Ends), LayerError> {
        let open = || {
            let kind = SockType::SeqPacket;
            let (to, from) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
            let bell = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
            let theirs = bell.as_fd().try_clone_to_owned().map_err(|_| Errno::EMFILE)?;
            // A kernel without it can't tell two that ask for the same at the same time apart.
            Ok((
                Teller { to, bell, lost: 0, news: None },
                Ends { from, bell: theirs, diag: diag::open().ok() },
            ))
        };
        open().layer(LayerId::Net, || "open what the gateway hears of processes by".into())
    }

    /// Tells something; whether it was taken.
    fn tell(&mut self, seen: &Seen) -> bool {
        let send = |seen: &Seen| {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            postcard::to_stdvec(seen).is_ok_and(|message| send(self.to.as_raw_fd(), &message, flags).is_ok())
        };
        if self.lost > 0 && send(&Seen::Lost(self.lost)) {
            self.lost = 0;
        }
        let taken = self.lost == 0 && send(seen);
        if taken {
            let (count, since) = self.news.unwrap_or_else(|| (0, Instant::now()));
            self.news = Some((count + 1, since));
        } else {
            self.lost += 1;
            // Perhaps it takes some then.
            self.ring();
        }
        taken
    }

    /// How long until the bell is due, if it will be.
    fn due(&self) -> Option<Duration> {
        let (count, since) = self.news?;
        Some(if count >= MUCH { Duration::ZERO } else { LATER.saturating_sub(since.elapsed()) })
    }

    fn ring(&mut self) {
        self.news = None;
        // Full, it has rung often enough.
        let _ = self.bell.write(1);
    }
}

/// Sees what commands ask for.
pub struct Witness {
    listener: OwnedFd,
    teller: Teller,
    callers: Callers,
}

impl Witness {
    /// Confines this process and what it starts by the system call filter, and sees its commands from then on. Where the
    /// kernel has no listener for it, the filter is there all the same, and the gateway is told.
    pub fn confine(mut teller: Teller) -> Result<Result<Witness, Errno>, Errno> {
        let listen = || match can_look() {
            true => notify::listen(&seccomp::program(seccomp::Connects::Seen)),
            false => Err(Errno::EPERM),
        };
        match listen() {
            Ok(listener) => Ok(Ok(Witness { listener, teller, callers: Callers::default() })),
            Err(why) => {
                crate::sys::restrict::seccomp(&seccomp::program(seccomp::Connects::Unseen))?;
                teller.tell(&Seen::Blind(why.desc().to_owned()));
                Ok(Err(why))
            }
        }
    }

    /// Readable when a call waits.
    pub fn listener(&self) -> BorrowedFd<'_> {
        self.listener.as_fd()
    }

    /// Has the gateway read what it was told, if it is time for that; how long until it will be.
    pub fn ring(&mut self) -> PollTimeout {
        match self.teller.due() {
            None => PollTimeout::NONE,
            Some(Duration::ZERO) => {
                self.teller.ring();
                PollTimeout::NONE
            }
            // Rounded up, so that it is due then.
            Some(wait) => PollTimeout::try_from(wait + Duration::from_millis(1)).unwrap_or(PollTimeout::ZERO),
        }
    }

    /// Looks at the call that waits, and lets it go on.
    pub fn attend(&mut self) {
        let listener = self.listener.as_fd();
        // Who was killed meanwhile asks for nothing.
        let Ok(call) = notify::receive(listener) else { return };
        if let Some((place, caller, asked)) = look(&call, &mut self.callers)
            && call.waits(listener)
        {
            let known = match caller {
                Some(caller) => self.teller.tell(&Seen::Caller(place, caller)),
                None => true,
            };
            match known {
                true => drop(self.teller.tell(&Seen::Asks(place, asked))),
                // It is told with the next call.
                false => self.callers.forget(place),
            }
        }
        call.go_on(listener);
    }
}

/// Whether this process may read the memory of those it has started: what Yama restricts further than to these, nobody but
/// the administrator may (`Documentation/admin-guide/LSM/Yama.rst`).
fn can_look() -> bool {
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope");
    // A kernel without Yama has no such file.
    scope.map_or(true, |scope| matches!(scope.trim(), "0" | "1"))
}

type Look = (u8, Option<Box<crate::sightings::Caller>>, Asked);

/// What a call asks for, and who asks, if it is of interest and can be seen.
fn look(call: &notify::Notification, callers: &mut Callers) -> Option<Look> {
    let to = asked::whereto(call, Pid::from_raw(call.thread))?;
    if !leads_out(to) {
        return None;
    }
    let (transport, socket) = asked::socket(call.thread, call.arguments[0])?;
    let (place, caller) = callers.find(call.thread)?;
    Some((place, caller, Asked { to, transport, socket }))
}

/// Whether this is for the gateway to know: all but the sandbox's own loopback.
fn leads_out(to: SocketAddr) -> bool {
    let address = to.ip().to_canonical();
    if address == IpAddr::V4(Synthetic::DNS.v4()) {
        return to.port() == DNS_PORT;
    }
    // What is unspecified is the loopback, to a kernel that connects.
    !address.is_loopback() && !address.is_unspecified()
}

/// The transport of a socket, by the kernel's name for its protocol.
fn transport(name: &[u8]) -> Option<Transport> {
    match name {
        b"TCP" | b"TCPv6" | b"MPTCP" | b"MPTCPv6" => Some(Transport::Tcp),
        b"UDP" | b"UDPv6" => Some(Transport::Udp),
        _ => None,
    }
}
