//! Restrictions that a process puts on itself: `landlock_restrict_self(2)`, `seccomp(2)`, rlimits,
//! `prctl(2)` dumpability.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::{Result, check};

/// The Landlock ABI of this kernel, or why there is none.
pub fn landlock_abi() -> Result<i32> {
    const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: with the version flag the kernel reads no attribute.
    let abi = check(unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0usize,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    })?;
    Ok(abi as i32)
}

/// Enforces a Landlock ruleset on the calling process and its future children.
pub fn landlock(ruleset: BorrowedFd<'_>) -> Result<()> {
    // SAFETY: takes integers only.
    check(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) })?;
    Ok(())
}

/// Installs a seccomp filter on the calling process and its future children.
pub fn seccomp(filter: &[libc::sock_filter]) -> Result<()> {
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: `program` points to `len` instructions, which live through the call; the kernel only reads.
    check(unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) })?;
    Ok(())
}

/// Denies other processes of the same user this one's memory, descriptors and core dumps.
pub fn undumpable() -> Result<()> {
    // SAFETY: takes integers only.
    check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 0, 0, 0, 0) })?;
    Ok(())
}

/// Denies the calling process and its future children every privilege that an exec could give.
pub fn no_new_privs() -> Result<()> {
    // SAFETY: takes integers only.
    check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
    Ok(())
}

/// The limit of core dumps by which there are none: less than any file takes, and by its value a word to the kernel not
/// to start the host's handler, which it would at 0. Source: the kernel's `fs/coredump.c`, where a core goes to a pipe.
pub const NO_CORE: u64 = 1;

/// Sets soft and hard limit of a resource to `value`, or to the hard limit where that is lower.
pub fn limit(resource: libc::__rlimit_resource_t, value: u64) -> Result<()> {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `old` is a valid rlimit to write to.
    check(i64::from(unsafe { libc::getrlimit(resource, &raw mut old) }))?;
    let value = value.min(old.rlim_max);
    let new = libc::rlimit { rlim_cur: value, rlim_max: value };
    // SAFETY: `new` is a valid rlimit to read.
    check(i64::from(unsafe { libc::setrlimit(resource, &raw const new) }))?;
    Ok(())
}

/// Whether a file has this extended attribute with the value `1`.
pub fn has_attribute(path: &std::path::Path, name: &str) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let (Ok(path), Ok(name)) =
        (std::ffi::CString::new(path.as_os_str().as_bytes()), std::ffi::CString::new(name))
    else {
        return false;
    };
    let mut value = [0u8; 2];
    // SAFETY: both names are C strings and `value` is writable for the length that is passed along.
    let length =
        unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len()) };
    length == 1 && value[0] == b'1'
}
