//! A gateway's way into a sandbox's network: sockets that init makes inside and passes out, for the process on
//! the host's side that answers them. Which addresses lead to it is decided here too, for both sides.
//!
//! The sandbox has a loopback and nothing else. Two prefixes of it are its own as a whole, so that a socket can be
//! bound to any address of them. Binding one to a privileged port takes a capability over the sandbox's network;
//! by the kernel's rules the owner of a user namespace has it, which is the user who made the sandbox.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;

use crate::sightings::{Holder, Sightings};
use crate::wire::{self, Family, Held, Standing, Transport, Wanted};

/// Addresses for benchmarks of network devices, which nothing on the internet has: RFC 2544, appendix C.2.2.
const V4: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
/// A prefix of unique local addresses: RFC 4193.
const V6: Ipv6Addr = Ipv6Addr::new(0xfd70, 0x616c, 0x6973, 0, 0, 0, 0, 0);
/// Length of the prefix of [`V4`].
pub(crate) const V4_LENGTH: u8 = 15;
/// Length of the prefix of [`V6`].
pub(crate) const V6_LENGTH: u8 = 64;
/// Most sockets in one answer.
pub(crate) const MAX_SOCKETS: u8 = 64;
/// An init that hasn't answered by then never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// One of the addresses of a sandbox that lead to its gateway, by number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Synthetic(u32);

impl Synthetic {
    /// How many there are.
    pub const COUNT: u32 = (1 << (32 - V4_LENGTH)) - 2;
    /// The address of the name server.
    pub const DNS: Synthetic = Synthetic(1);

    /// The address of a number.
    pub fn new(number: u32) -> Option<Synthetic> {
        (1..=Self::COUNT).contains(&number).then_some(Synthetic(number))
    }

    /// Its IPv4 spelling.
    pub fn v4(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(V4) + self.0)
    }

    /// Which one an address is, in either spelling.
    pub fn of(address: IpAddr) -> Option<Synthetic> {
        let number = match address {
            IpAddr::V4(address) => u32::from(address).checked_sub(u32::from(V4)),
            IpAddr::V6(address) => {
                u128::from(address).checked_sub(u128::from(V6)).and_then(|number| number.try_into().ok())
            }
        };
        number.and_then(Synthetic::new)
    }

    /// Its number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Its IPv6 spelling.
    pub fn v6(self) -> Ipv6Addr {
        Ipv6Addr::from(u128::from(V6) + u128::from(self.0))
    }
}

/// The prefix of IPv6 addresses that is the sandbox's own.
pub(crate) fn v6_prefix() -> Ipv6Addr {
    V6
}

/// The gateway's end. The sandbox has ended when it becomes readable without having been asked.
#[derive(Debug)]
pub struct Inlet {
    control: UnixStream,
    has_v6: bool,
}

/// What a gateway is given besides its inlet.
#[derive(Debug)]
pub struct Opened {
    /// Where the sandbox's name server is reached.
    pub dns: DnsSockets,
    /// Which process asks for what, unless nobody is to know.
    pub sightings: Option<Sightings>,
    /// What the network counts.
    pub counters: Counters,
}

/// Where a sandbox's name server is reached: sockets that are bound to [`Synthetic::DNS`], port 53.
#[derive(Debug)]
pub struct DnsSockets {
    /// Datagrams.
    pub udp: OwnedFd,
    /// Connections; it listens.
    pub tcp: OwnedFd,
}

/// What a sandbox's network counts: `/proc/net/snmp` of it, and `/proc/net/snmp6` where it has IPv6.
#[derive(Debug)]
pub struct Counters(pub Vec<File>);

impl Inlet {
    /// Waits until the sandbox's network stands. `fd` is what [`Starting::take_inlet`](crate::Starting::take_inlet)
    /// gave. An error where the sandbox ended before.
    pub fn open(fd: OwnedFd) -> io::Result<(Inlet, Opened)> {
        let control = UnixStream::from(fd);
        let (standing, fds) = wire::receive::<Standing>(&control)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        control.set_read_timeout(Some(PATIENCE))?;
        let opened = Opened::of(&standing, fds)?;
        Ok((Inlet { control, has_v6: standing.has_v6 }, opened))
    }

    /// Copies of what [`open`](Self::open) will give, for who only looks whether it is needed. Waits as that does.
    pub fn peek(fd: &UnixStream) -> io::Result<Opened> {
        let (standing, fds) = wire::peek(fd)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Opened::of(&standing, fds)
    }

    /// Whether the sandbox has IPv6.
    pub fn has_v6(&self) -> bool {
        self.has_v6
    }

    /// Has stream sockets made for IPv4. None is bound or blocks.
    pub fn stream_v4(&self) -> io::Result<Vec<OwnedFd>> {
        self.ask(Family::V4, Transport::Tcp, BATCH)
    }

    /// As [`stream_v4`](Self::stream_v4), for IPv6 alone; they may be bound to any address.
    pub fn stream_v6(&self) -> io::Result<Vec<OwnedFd>> {
        self.ask(Family::V6, Transport::Tcp, BATCH)
    }

    /// Has a datagram socket made for IPv4, or for IPv6 alone, as [`stream_v4`](Self::stream_v4) and
    /// [`stream_v6`](Self::stream_v6).
    pub fn datagram(&self, v6: bool) -> io::Result<OwnedFd> {
        let family = if v6 { Family::V6 } else { Family::V4 };
        self.ask(family, Transport::Udp, 1)?.pop().ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Has the process looked for that has the socket with this inode, among what the processes of the sandbox have open; none
    /// where it isn't found, or doesn't let itself be looked at.
    pub fn holder(&self, socket: u64) -> io::Result<Option<Holder>> {
        wire::send(&self.control, &Wanted::Holder(socket), &[])?;
        let answer = wire::receive::<Held>(&self.control)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(answer.0.0.map(|holder| *holder))
    }

    fn ask(&self, family: Family, transport: Transport, count: u8) -> io::Result<Vec<OwnedFd>> {
        wire::send(&self.control, &Wanted::Sockets { family, transport, count }, &[])?;
        match wire::receive::<wire::Opened>(&self.control)? {
            Some((wire::Opened(None), fds)) if !fds.is_empty() => Ok(fds),
            Some((wire::Opened(errno), _)) => Err(Errno::from_raw(errno.unwrap_or(libc::EPROTO)).into()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Opened {
    /// What comes with [`Standing`].
    fn of(standing: &Standing, fds: Vec<OwnedFd>) -> io::Result<Opened> {
        let mut fds = fds.into_iter();
        let (Some(udp), Some(tcp)) = (fds.next(), fds.next()) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let mut of_callers = fds.by_ref().take(standing.of_callers.into()).collect::<Vec<_>>().into_iter();
        let sightings = match (of_callers.next(), of_callers.next()) {
            (Some(from), Some(bell)) => Some(Sightings::new(from, bell, of_callers.next())),
            _ => None,
        };
        let counters = Counters(fds.map(File::from).collect());
        Ok(Opened { dns: DnsSockets { udp, tcp }, sightings, counters })
    }
}

/// Sockets that are asked for at a time: the way to init and back costs more than one of them.
const BATCH: u8 = 16;

impl AsFd for Inlet {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_in_its_prefix_and_none_is_the_first_or_the_last() {
        assert_eq!(Synthetic::DNS.v4(), Ipv4Addr::new(198, 18, 0, 1));
        let last = Synthetic::new(Synthetic::COUNT).unwrap();
        assert_eq!(last.v4(), Ipv4Addr::new(198, 19, 255, 254));
        assert_eq!(last.v6().segments()[..4], V6.segments()[..4]);
        for address in [IpAddr::from(last.v4()), last.v6().into()] {
            assert_eq!(Synthetic::of(address), Some(last));
        }
        for address in ["198.17.255.255", "198.20.0.0", "198.18.0.0", "fd70:616c:6973:1::1", "::1"] {
            assert_eq!(Synthetic::of(address.parse().unwrap()), None);
        }
        assert_eq!(Synthetic::new(0), None);
        assert_eq!(Synthetic::new(Synthetic::COUNT + 1), None);
    }
}
