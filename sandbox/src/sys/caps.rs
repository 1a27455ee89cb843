//! Capabilities: `capset(2)` and the `PR_CAP*` calls of `prctl(2)`.

use super::{Result, check};

/// Those that init needs to set the sandbox up; they are carried through its exec as ambient ones.
pub const FOR_SETUP: [u32; 10] = [
    CAP_CHOWN,
    CAP_DAC_OVERRIDE,
    CAP_FOWNER,
    CAP_SETGID,
    CAP_SETUID,
    CAP_SETPCAP,
    CAP_NET_BIND_SERVICE,
    CAP_NET_ADMIN,
    CAP_SYS_ADMIN,
    CAP_SYS_RESOURCE,
];

const CAP_CHOWN: u32 = 0;
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_FOWNER: u32 = 3;
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;
const CAP_SETPCAP: u32 = 8;
const CAP_NET_BIND_SERVICE: u32 = 10;
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_RESOURCE: u32 = 24;

const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Makes [`FOR_SETUP`] survive the next exec by a user that isn't root inside.
pub fn keep_for_exec() -> Result<()> {
    let mask = FOR_SETUP.iter().fold(0u32, |mask, cap| mask | 1 << cap);
    set(mask)?;
    for cap in FOR_SETUP {
        // SAFETY: takes integers only.
        check(unsafe {
            libc::syscall(libc::SYS_prctl, libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, cap, 0, 0)
        })?;
    }
    Ok(())
}

/// Gives up every capability for good: bounding and ambient sets emptied, the ways back locked, and
/// no_new_privs set.
pub fn drop_all() -> Result<()> {
    for cap in 0..64 {
        // SAFETY: takes integers only.
        let dropped = check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_CAPBSET_DROP, cap, 0, 0, 0) });
        match dropped {
            Ok(_) => {}
            // The first number that this kernel doesn't know.
            Err(nix::errno::Errno::EINVAL) => break,
            Err(e) => return Err(e),
        }
    }
    // SAFETY: takes integers only.
    check(unsafe {
        libc::syscall(libc::SYS_prctl, libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    })?;
    // NOROOT, NO_SETUID_FIXUP and NO_CAP_AMBIENT_RAISE, each with its lock, and the lock of KEEP_CAPS:
    // linux/securebits.h.
    const SECUREBITS: libc::c_ulong = 0b1110_1111;
    // SAFETY: takes integers only.
    check(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_SECUREBITS, SECUREBITS, 0, 0, 0) })?;
    set(0)?;
    super::restrict::no_new_privs()
}

/// Sets effective, permitted and inheritable to the capabilities below 32 in `mask`.
fn set(mask: u32) -> Result<()> {
    let header = Header { version: VERSION_3, pid: 0 };
    let low = Data { effective: mask, permitted: mask, inheritable: mask };
    let data = [low, Data { effective: 0, permitted: 0, inheritable: 0 }];
    // SAFETY: version 3 reads one header and two data elements, which live through the call.
    check(unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) })?;
    Ok(())
}
