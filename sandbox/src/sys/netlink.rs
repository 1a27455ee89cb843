//! Addresses and routes of the calling network namespace: the three messages of rtnetlink(7) that a sandbox with
//! a gateway needs.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use super::Result;

/// The loopback's index in every network namespace: `LOOPBACK_IFINDEX` of `include/net/flow.h`.
const LOOPBACK: u32 = 1;

// linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h
const NLMSG_ERROR: u16 = 2;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
/// No duplicate address detection: the address can be used at once.
const IFA_F_NODAD: u8 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RT_TABLE_LOCAL: u8 = 255;
const RTPROT_BOOT: u8 = 3;
const RTN_LOCAL: u8 = 2;

/// Routing netlink of the calling thread's network namespace.
pub struct Routes(OwnedFd);

impl Routes {
    /// Opens it.
    pub fn open() -> Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute).map(Routes)
    }

    /// Gives the loopback one more address. On a loopback the kernel takes all of an IPv4 address's prefix for
    /// its own.
    pub fn add_address(&self, address: IpAddr, prefix: u8) -> Result<()> {
        let family = family(address);
        let mut request = Request::new(RTM_NEWADDR);
        // struct ifaddrmsg: family, prefix length, flags, scope, interface.
        request.put(&[family, prefix, IFA_F_NODAD, 0]);
        request.put(&LOOPBACK.to_ne_bytes());
        request.attribute(IFA_LOCAL, &octets(address));
        request.attribute(IFA_ADDRESS, &octets(address));
        self.order(request)
    }

    /// Makes a whole prefix of IPv6 addresses the namespace's own.
    pub fn add_local_prefix(&self, prefix: Ipv6Addr, length: u8) -> Result<()> {
        let mut request = Request::new(RTM_NEWROUTE);
        // struct rtmsg: family, destination and source length, type of service, table, protocol, scope, type.
        let inet6 = libc::AF_INET6 as u8;
        request.put(&[inet6, length, 0, 0, RT_TABLE_LOCAL, RTPROT_BOOT, 0, RTN_LOCAL]);
        request.put(&[0; 4]);
        request.attribute(RTA_DST, &prefix.octets());
        request.attribute(RTA_OIF, &LOOPBACK.to_ne_bytes());
        self.order(request)
    }

    /// Sends a request and waits for its answer.
    fn order(&self, request: Request) -> Result<()> {
        send(self.0.as_raw_fd(), &request.finish(), MsgFlags::empty())?;
        let mut answer = [0u8; 256];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        // struct nlmsghdr, then the negated error number.
        let word = |at: usize| answer[..length].get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes);
        let kind = answer[..length].get(4..6).and_then(|b| Some(u16::from_ne_bytes(b.try_into().ok()?)));
        match (kind, word(HEADER)) {
            (Some(NLMSG_ERROR), Some(0)) => Ok(()),
            (Some(NLMSG_ERROR), Some(error)) => Err(Errno::from_raw(-error)),
            _ => Err(Errno::EPROTO),
        }
    }
}

fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Size of `struct nlmsghdr`.
const HEADER: usize = 16;

/// A request in the making.
struct Request(Vec<u8>);

impl Request {
    fn new(kind: u16) -> Self {
        let mut header = vec![0; HEADER];
        header[4..6].copy_from_slice(&kind.to_ne_bytes());
        let flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        header[6..8].copy_from_slice(&flags.to_ne_bytes());
        Request(header)
    }

    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// All values here are multiples of four bytes long, so nothing needs padding.
    fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.put(&(value.len() as u16 + 4).to_ne_bytes());
        self.put(&kind.to_ne_bytes());
        self.put(value);
    }

    /// The request with its length in place.
    fn finish(mut self) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0
    }
}
