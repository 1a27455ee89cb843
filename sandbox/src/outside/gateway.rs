//! Confining a gateway: a process on the host's side that moves bytes between sockets and does nothing else. It
//! reads what hostile code sends, so it gives up files, programs and other processes before the first byte. It
//! keeps its user, whose sockets in the sandbox's network may be bound to any port.

use landlock::{ABI, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, Scope};
use libc::*;
use nix::errno::Errno;
use nix::unistd::geteuid;

use crate::error::{Context, LayerError};
use crate::inside::seccomp::{Answer, only};
use crate::report::LayerId;
use crate::sys;

/// The calls that a gateway needs; every other one is refused.
const CALLS: &[(c_long, Option<Answer>)] = &[
    // Sockets of the internet, and the bytes in them.
    (SYS_socket, Some(Answer::NoneOf(0, &[AF_INET as u32, AF_INET6 as u32], EAFNOSUPPORT))),
    // Within itself, where a proxy is spoken with by TLS.
    (SYS_socketpair, Some(Answer::NoneOf(0, &[AF_UNIX as u32], EAFNOSUPPORT))),
    (SYS_connect, None),
    (SYS_bind, None),
    (SYS_listen, None),
    (SYS_accept4, None),
    (SYS_shutdown, None),
    (SYS_getsockname, None),
    (SYS_getpeername, None),
    (SYS_getsockopt, None),
    (SYS_setsockopt, None),
    (SYS_recvfrom, None),
    (SYS_recvmsg, None),
    (SYS_sendto, None),
    (SYS_sendmsg, None),
    (SYS_read, None),
    (SYS_readv, None),
    (SYS_pread64, None),
    (SYS_write, None),
    (SYS_writev, None),
    (SYS_splice, None),
    (SYS_pipe2, None),
    (SYS_fcntl, None),
    (SYS_close, None),
    // Waiting.
    (SYS_epoll_create1, None),
    (SYS_epoll_ctl, None),
    (SYS_epoll_pwait, None),
    #[cfg(target_arch = "x86_64")]
    (SYS_epoll_wait, None),
    #[cfg(target_arch = "x86_64")]
    (SYS_poll, None),
    (SYS_ppoll, None),
    (SYS_clock_gettime, None),
    (SYS_futex, None),
    (SYS_restart_syscall, None),
    // Memory, none of it executable.
    (SYS_brk, None),
    (SYS_mmap, Some(Answer::AnyBit(2, PROT_EXEC as u32, EPERM))),
    (SYS_mprotect, Some(Answer::AnyBit(2, PROT_EXEC as u32, EPERM))),
    (SYS_munmap, None),
    (SYS_mremap, None),
    (SYS_madvise, None),
    // What the language's runtime does at its end.
    (SYS_getrandom, None),
    (SYS_rt_sigaction, None),
    (SYS_rt_sigprocmask, None),
    (SYS_rt_sigreturn, None),
    (SYS_sigaltstack, None),
    (SYS_getpid, None),
    (SYS_gettid, None),
    (SYS_tgkill, None),
    (SYS_exit, None),
    (SYS_exit_group, None),
];

/// Confines the calling process for good. What it still needs of the host's files it must have open.
pub fn confine() -> Result<(), LayerError> {
    sys::restrict::undumpable().layer(LayerId::Pid, || "make the gateway undumpable".into())?;
    if geteuid().is_root() {
        sys::caps::drop_all().layer(LayerId::Capabilities, || "drop the gateway's capabilities".into())?;
    } else {
        sys::restrict::no_new_privs()
            .layer(LayerId::Capabilities, || "set no_new_privs for the gateway".into())?;
    }
    // What a kernel without Landlock would have denied, the filter denies too: no call takes a path.
    if let Ok(abi) = sys::restrict::landlock_abi() {
        no_files(ABI::from(abi)).map_err(|e| {
            LayerError::new(LayerId::Landlock, format!("confine the gateway ({e})"), Errno::EINVAL)
        })?;
    }
    sys::restrict::seccomp(&only(CALLS))
        .layer(LayerId::Seccomp, || "install the gateway's system call filter".into())
}

/// A Landlock domain without any file, signal or abstract socket.
fn no_files(abi: ABI) -> Result<(), landlock::RulesetError> {
    use landlock::Access;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(abi))?;
    let scopes = Scope::from_all(abi);
    if !scopes.is_empty() {
        ruleset = ruleset.scope(scopes)?;
    }
    ruleset.create()?.restrict_self().map(drop)
}
