//! What a call asks for: the address in the caller's memory, and which socket it is for.

use std::ffi::CString;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::sys::stat::stat;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use crate::sys::notify::Notification;
use crate::sys::process::attribute;
use crate::wire::Transport;

/// Size of the largest address of interest, `struct sockaddr_in6`.
const ADDRESS: usize = 28;

/// The address that a call has for its destination, as it stands in the caller's memory now; none where it isn't of the
/// internet, or can't be read.
pub fn whereto(call: &Notification, thread: Pid) -> Option<SocketAddr> {
    let [_, first, second, _, fifth, sixth] = call.arguments;
    let (at, length) = match call.call {
        libc::SYS_connect => (first, second),
        libc::SYS_sendto => (fifth, sixth),
        // struct msghdr, which is also the first part of struct mmsghdr: the name, and its length.
        libc::SYS_sendmsg | libc::SYS_sendmmsg => {
            let mut header = [0; 12];
            read(thread, first, &mut header)?;
            let (name, length) = header.split_first_chunk::<8>()?;
            (u64::from_ne_bytes(*name), u32::from_ne_bytes(length.try_into().ok()?).into())
        }
        _ => return None,
    };
    let mut bytes = [0; ADDRESS];
    let length = usize::try_from(length as u32).ok()?.min(ADDRESS);
    read(thread, at, &mut bytes[..length])?;
    address(&bytes[..length])
}

fn read(thread: Pid, at: u64, into: &mut [u8]) -> Option<()> {
    let base = usize::try_from(at).ok().filter(|base| *base != 0)?;
    let remote = [RemoteIoVec { base, len: into.len() }];
    let wanted = into.len();
    let read = process_vm_readv(thread, &mut [IoSliceMut::new(into)], &remote).ok()?;
    (read == wanted).then_some(())
}

/// Of `struct sockaddr_in` or `struct sockaddr_in6`.
fn address(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    let port = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
    match i32::from(family) {
        libc::AF_INET => {
            let octets: [u8; 4] = *bytes.get(4..)?.first_chunk()?;
            Some((Ipv4Addr::from(octets), port).into())
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = *bytes.get(8..)?.first_chunk()?;
            // One written as IPv4 within IPv6 is one of IPv4.
            Some(SocketAddr::new(Ipv6Addr::from(octets).to_canonical(), port))
        }
        _ => None,
    }
}

/// Which transport a thread's descriptor is for, and its inode.
pub fn socket(thread: i32, descriptor: u64) -> Option<(Option<Transport>, u64)> {
    let path = CString::new(format!("/proc/{thread}/fd/{}", descriptor as u32)).ok()?;
    let mut name = [0; 16];
    let length = attribute(&path, c"system.sockprotoname", &mut name)?;
    let name = name[..length].split(|byte| *byte == 0).next().unwrap_or_default();
    Some((super::transport(name), stat(path.as_c_str()).ok()?.st_ino))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn addresses_are_read_whatever_stands_there() {
        let mut v4 = [0; 16];
        v4[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        v4[2..8].copy_from_slice(&[1, 187, 192, 0, 2, 7]);
        assert_eq!(address(&v4), Some("192.0.2.7:443".parse().unwrap()));
        let mut v6 = [0; 28];
        v6[..2].copy_from_slice(&(libc::AF_INET6 as u16).to_ne_bytes());
        v6[2..4].copy_from_slice(&[0, 53]);
        v6[18..24].copy_from_slice(&[255, 255, 8, 8, 8, 8]);
        assert_eq!(address(&v6), Some("8.8.8.8:53".parse().unwrap()));
        for cut in [&v4[..7], &v6[..23], &v4[..1], &[], &[1, 0, b'/', b'a', 0, 0, 0, 0]] {
            assert_eq!(address(cut), None);
        }
    }

    #[test]
    fn memory_and_sockets_of_a_process_are_read() {
        let own = Pid::this();
        let mut read_back = [0; 4];
        let memory = *b"here";
        read(own, memory.as_ptr().addr() as u64, &mut read_back).unwrap();
        assert_eq!(read_back, memory);
        assert_eq!(read(own, 0, &mut read_back), None);
        assert_eq!(read(own, 8, &mut read_back), None);
        let socket_of = |fd: i32| socket(own.as_raw(), fd as u64);
        let udp = std::net::UdpSocket::bind("[::1]:0").unwrap();
        assert!(matches!(socket_of(udp.as_raw_fd()), Some((Some(Transport::Udp), inode)) if inode > 0));
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(matches!(socket_of(tcp.as_raw_fd()), Some((Some(Transport::Tcp), _))));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(socket_of(file.as_raw_fd()), None);
        assert_eq!(socket_of(-1), None);
    }
}
