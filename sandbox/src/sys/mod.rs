//! Raw system calls, one wrapper each. All the crate's `unsafe` that isn't the fork itself is here; but for
//! [`netlink`] and [`diag`] no wrapper allocates, so every other one may run between clone and exec.

use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;

pub mod caps;
pub mod diag;
pub mod memory;
pub mod mount;
pub mod net;
pub mod netlink;
pub mod notify;
pub mod process;
pub mod restrict;

/// Result of a system call.
pub type Result<T> = std::result::Result<T, Errno>;

/// Turns a system call's return value into a result.
fn check(ret: libc::c_long) -> Result<libc::c_long> {
    if ret < 0 { Err(Errno::last()) } else { Ok(ret) }
}

/// Turns a system call's return value into the descriptor that it made.
fn check_fd(ret: libc::c_long) -> Result<OwnedFd> {
    let fd = check(ret)?;
    // SAFETY: the kernel has just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
