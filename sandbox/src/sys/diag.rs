//! Whose a socket is, asked of the kernel: one request of `sock_diag(7)`.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use super::Result;
use crate::wire::Transport;

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
const NLM_F_REQUEST: u16 = 1;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// Size of `struct nlmsghdr`.
const HEADER: usize = 16;
/// Where the inode stands in `struct inet_diag_msg`.
const INODE: usize = 68;

/// Opens it for the calling thread's network namespace.
pub fn open() -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkSockDiag)
}

/// The inode of the socket that has `own` for its own address and, where it is connected, `other` for the other's.
pub fn inode(diag: BorrowedFd<'_>, transport: Transport, own: SocketAddr, other: SocketAddr) -> Result<u64> {
    let (protocol, source, destination) = match transport {
        Transport::Tcp => (libc::IPPROTO_TCP, own, other),
        // "src and dst are swapped for historical reasons": `udp_dump_one` of `net/ipv4/udp_diag.c`.
        Transport::Udp => (libc::IPPROTO_UDP, other, own),
    };
    let family = if own.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let mut request = vec![0; HEADER];
    // struct inet_diag_req_v2: family, protocol, extensions, padding, states, then struct inet_diag_sockid: ports,
    // addresses, interface, cookie.
    request.extend([family as u8, protocol as u8, 0, 0]);
    request.extend(u32::MAX.to_ne_bytes());
    request.extend([source, destination].map(|end| end.port().to_be_bytes()).concat());
    for end in [source, destination] {
        let octets = match end.ip() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        request.extend(octets.into_iter().chain([0; 12]).take(16));
    }
    request.extend([0; 4]);
    request.extend([0xff; 8]);
    let length = request.len() as u32;
    request[..4].copy_from_slice(&length.to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    request[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    send(diag.as_raw_fd(), &request, MsgFlags::MSG_DONTWAIT)?;
    // The kernel has answered by now.
    let mut answer = [0; 512];
    let length = recv(diag.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
    let answer = &answer[..length];
    if answer.get(4..6) != Some(&SOCK_DIAG_BY_FAMILY.to_ne_bytes()) {
        return Err(Errno::ENOENT);
    }
    let inode = answer.get(HEADER + INODE..).and_then(|rest| rest.first_chunk());
    inode.map(|inode| u32::from_ne_bytes(*inode).into()).ok_or(Errno::EPROTO)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::fd::AsFd;
    use std::os::linux::fs::MetadataExt;

    use super::*;

    fn inode_of(socket: impl AsFd) -> u64 {
        std::fs::File::from(socket.as_fd().try_clone_to_owned().unwrap()).metadata().unwrap().st_ino()
    }

    #[test]
    fn a_socket_is_known_by_its_addresses() {
        let diag = open().unwrap();
        for at in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(at).unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_accepted, from) = listener.accept().unwrap();
            let ask = |from| inode(diag.as_fd(), Transport::Tcp, from, listener.local_addr().unwrap());
            assert_eq!(ask(from), Ok(inode_of(&stream)));
            let (server, client) = (UdpSocket::bind(at).unwrap(), UdpSocket::bind(at).unwrap());
            client.connect(server.local_addr().unwrap()).unwrap();
            let [own, other] = [&client, &server].map(|socket| socket.local_addr().unwrap());
            assert_eq!(inode(diag.as_fd(), Transport::Udp, own, other), Ok(inode_of(&client)));
            drop(client);
            assert_eq!(inode(diag.as_fd(), Transport::Udp, own, other), Err(Errno::ENOENT));
        }
    }
}
