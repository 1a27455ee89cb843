//! User notifications of seccomp, by which a process hears of calls that others make: `seccomp_unotify(2)`. Here it only
//! listens: each call goes on as it was meant.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;

use super::{Result, check, check_fd};

/// A call that waits until it may go on.
pub struct Notification {
    id: u64,
    /// The thread that makes it, as the listening process's PID namespace numbers it.
    pub thread: i32,
    /// Its number.
    pub call: libc::c_long,
    /// Its arguments.
    pub arguments: [u64; 6],
}

/// As [`restrict::seccomp`](super::restrict::seccomp), with a filter that may say `SECCOMP_RET_USER_NOTIF`; gives where
/// such calls are heard. `EBUSY` where this process is heard by another listener already: a thread has one at most.
pub fn listen(filter: &[libc::sock_filter]) -> Result<OwnedFd> {
    let mut sizes = libc::seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
    // SAFETY: the kernel writes one such structure, which lives through the call.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_NOTIF_SIZES, 0, &raw mut sizes) })?;
    // The kernel would write past ours.
    if usize::from(sizes.seccomp_notif) > size_of::<libc::seccomp_notif>() {
        return Err(Errno::EOPNOTSUPP);
    }
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    let install = |flags: libc::c_ulong| {
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        // SAFETY: `program` points to `len` instructions, which live through the call; the kernel only reads.
        check_fd(unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) })
    };
    // A call that is heard isn't interrupted by signals, after which it would be heard again; since Linux 5.19.
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let uninterrupted = install(listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
    let listener = match uninterrupted {
        Err(Errno::EINVAL) => install(listener)?,
        installed => installed?,
    };
    /// `SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP` of `linux/seccomp.h`, since Linux 6.6: who waits for whom is known.
    const SYNC_WAKE_UP: u64 = 1;
    // SAFETY: takes an integer; an older kernel refuses it, and is slower.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
    Ok(listener)
}

/// Takes one call, once the listener is readable. `ENOENT` where its thread has been killed since.
pub fn receive(listener: BorrowedFd<'_>) -> Result<Notification> {
    // SAFETY: plain data, for which all zeroes is a valid value, and what the kernel wants to find there.
    let mut heard: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one such structure of this size, see `listen`.
    check(i64::from(unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut heard)
    }))?;
    Ok(Notification {
        id: heard.id,
        thread: heard.pid as i32,
        call: heard.data.nr.into(),
        arguments: heard.data.args,
    })
}

impl Notification {
    /// Whether the call still waits: then what was read of its thread is of its thread, and not of a later one with the
    /// same number.
    pub fn waits(&self, listener: BorrowedFd<'_>) -> bool {
        // SAFETY: reads an integer, which lives through the call.
        unsafe {
            libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const self.id) == 0
        }
    }

    /// Has the call go on, whatever it is by now.
    pub fn go_on(self, listener: BorrowedFd<'_>) {
        let flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        let mut answer = libc::seccomp_notif_resp { id: self.id, val: 0, error: 0, flags };
        // SAFETY: the kernel reads one such structure, which lives through the call. It fails where the thread is gone.
        unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    }
}
