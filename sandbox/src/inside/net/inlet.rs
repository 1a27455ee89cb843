//! Init's end of a gateway's way in: the addresses that lead to the gateway, the name server's sockets, and
//! further sockets on request. Init only makes them; what they are bound to and what is answered on them is the
//! gateway's, which is no part of the sandbox.

use std::fs::File;
use std::net::{IpAddr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::sockopt::{IpFreebind, Ipv6V6Only, ReuseAddr};
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, bind, listen, setsockopt, socket,
};

use crate::error::{Context, LayerError};
use crate::inlet::{self, MAX_SOCKETS, Synthetic, V4_LENGTH, V6_LENGTH};
use crate::inside::witness::{self, Ends};
use crate::report::LayerId;
use crate::sys::netlink::Routes;
use crate::wire::{self, Family, Held, Opened, Standing, Transport, Wanted};

/// Port of the name server.
const DNS_PORT: u16 = 53;
/// What the calling thread's network counts.
const COUNTERS: [&str; 2] = ["/proc/thread-self/net/snmp", "/proc/thread-self/net/snmp6"];

/// What the gateway is told first.
pub struct Opening {
    has_v6: bool,
    udp: OwnedFd,
    tcp: OwnedFd,
    /// What this network counts, as far as it can be read.
    counters: Vec<File>,
}

impl Opening {
    /// Gives the calling thread's network namespace the addresses that lead to the gateway, and opens the name
    /// server's sockets, so that what is asked before the gateway runs waits for it.
    pub fn make() -> Result<Self, LayerError> {
        let dns = Synthetic::DNS;
        let routes = Routes::open().layer(LayerId::Net, || "open routing netlink".into())?;
        routes
            .add_address(IpAddr::V4(dns.v4()), V4_LENGTH)
            .layer(LayerId::Net, || format!("give the loopback the address {}", dns.v4()))?;
        // A kernel without IPv6, or with it switched off, has IPv4 alone.
        let has_v6 = routes
            .add_address(IpAddr::V6(dns.v6()), 128)
            .and_then(|()| routes.add_local_prefix(inlet::v6_prefix(), V6_LENGTH))
            .is_ok();
        let open = |kind| {
            let socket = socket(AddressFamily::Inet, kind, FLAGS, None)?;
            setsockopt(&socket, ReuseAddr, &true)?;
            bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(dns.v4(), DNS_PORT)))?;
            Ok(socket)
        };
        let action = || format!("open the name server's sockets on {}", dns.v4());
        let udp = open(SockType::Datagram).layer(LayerId::Net, action)?;
        let tcp = open(SockType::Stream)
            .and_then(|tcp| listen(&tcp, Backlog::MAXALLOWABLE).map(|()| tcp))
            .layer(LayerId::Net, action)?;
        let counters = COUNTERS.iter().filter_map(|name| File::open(name).ok()).collect();
        Ok(Opening { has_v6, udp, tcp, counters })
    }

    /// Tells the gateway that the network stands, and where it hears of callers.
    pub fn send(self, gateway: &UnixStream, ends: Option<&Ends>) -> Result<(), LayerError> {
        let mut fds = vec![self.udp.as_raw_fd(), self.tcp.as_raw_fd()];
        fds.extend(ends.into_iter().flat_map(Ends::fds));
        let standing = Standing { has_v6: self.has_v6, of_callers: (fds.len() - 2) as u8 };
        fds.extend(self.counters.iter().map(AsRawFd::as_raw_fd));
        match wire::send(gateway, &standing, &fds) {
            // A gateway that is gone leaves a sandbox that reaches nothing; its caller sees it.
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            sent => sent
                .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))
                .layer(LayerId::Net, || "send the gateway its sockets".into()),
        }
    }
}

const FLAGS: SockFlag = SockFlag::SOCK_CLOEXEC.union(SockFlag::SOCK_NONBLOCK);

/// Answers one request of the gateway; `false` where it is gone.
pub fn answer(gateway: &UnixStream) -> bool {
    let (family, transport, count) = match wire::receive::<Wanted>(gateway) {
        Ok(Some((Wanted::Sockets { family, transport, count }, _))) => (family, transport, count),
        Ok(Some((Wanted::Holder(socket), _))) => {
            let holder = witness::holder(socket).map(Box::new);
            return wire::send(gateway, &Held(holder), &[]).is_ok();
        }
        Ok(None) | Err(_) => return false,
    };
    let made: Result<Vec<OwnedFd>, Errno> =
        (0..count.min(MAX_SOCKETS)).map(|_| make(family, transport)).collect();
    let sent = match made {
        Ok(sockets) => {
            let fds: Vec<_> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
            wire::send(gateway, &Opened(None), &fds)
        }
        Err(errno) => wire::send(gateway, &Opened(Some(errno as i32)), &[]),
    };
    sent.is_ok()
}

fn make(family: Family, transport: Transport) -> Result<OwnedFd, Errno> {
    let kind = match transport {
        Transport::Tcp => SockType::Stream,
        Transport::Udp => SockType::Datagram,
    };
    match family {
        Family::V4 => socket(AddressFamily::Inet, kind, FLAGS, None),
        Family::V6 => {
            let socket = socket(AddressFamily::Inet6, kind, FLAGS, None)?;
            setsockopt(&socket, Ipv6V6Only, &true)?;
            // The loopback has none of the prefix's addresses but the first.
            setsockopt(&socket, IpFreebind, &true)?;
            Ok(socket)
        }
    }
}
