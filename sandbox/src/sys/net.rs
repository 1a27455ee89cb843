//! The one network device that a sandbox has; who is at the other end of a socket.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::{Result, check};

/// Brings the loopback of the calling network namespace up; the kernel gives it its addresses.
pub fn loopback_up() -> Result<()> {
    let socket: OwnedFd = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    // SAFETY: ifreq is plain data, for which all zeroes is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l' as libc::c_char;
    request.ifr_name[1] = b'o' as libc::c_char;
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which lives through the call.
    check(i64::from(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }))?;
    Ok(())
}

/// Writes the supplementary groups that a Unix socket's peer had when it connected, as far as there is room, and gives how
/// many there are (`SO_PEERGROUPS`, Linux 4.13).
pub fn peer_groups(socket: BorrowedFd<'_>, into: &mut [u32]) -> Result<usize> {
    let mut bytes = size_of_val(into) as libc::socklen_t;
    // SAFETY: `into` is writable for the length that is passed along, in which the kernel gives back the one needed.
    let got = check(i64::from(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            into.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    }));
    match got {
        Ok(_) | Err(Errno::ERANGE) => Ok(bytes as usize / size_of::<u32>()),
        Err(error) => Err(error),
    }
}
