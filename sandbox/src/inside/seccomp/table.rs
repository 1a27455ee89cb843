//! The system calls that a command in the sandbox doesn't get, each with the answer it gets instead and
//! the reason. What isn't here and was known when this was written is allowed; what is newer answers
//! `ENOSYS`, as an older kernel would, so that programs fall back.

use libc::*;

/// What a refused call gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This error.
    Errno(i32),
    /// This error if the low half of an argument shares a bit with the mask: argument, mask, error.
    AnyBit(u8, u32, i32),
    /// This error if the low half of an argument, under the mask, is one of these values: argument, mask,
    /// values, error.
    OneOf(u8, u32, &'static [u32], i32),
    /// This error unless the low half of an argument is one of these values: argument, values, error.
    NoneOf(u8, &'static [u32], i32),
    /// The rules for `socket(2)`: families `AF_UNIX`, `AF_INET` and `AF_INET6` with TCP, UDP and echo requests, and
    /// routing netlink, without which no C library lists its own addresses.
    Socket,
    /// The rules for `prlimit64(2)`: the process's own limits, of which that of core dumps stays as it is although
    /// setting it is answered as if it were done.
    OwnLimits,
}

use Answer::{AnyBit, Errno, NoneOf, OneOf, OwnLimits, Socket};

/// `asm-generic/ioctls.h`.
const TIOCSETD: u32 = 0x5423;

const NEW_NAMESPACES: u32 = (CLONE_NEWUSER
    | CLONE_NEWNS
    | CLONE_NEWPID
    | CLONE_NEWIPC
    | CLONE_NEWUTS
    | CLONE_NEWCGROUP
    | CLONE_NEWNET) as u32
    | 0x80; // CLONE_NEWTIME, linux/sched.h

const NODES: Answer = OneOf(1, S_IFMT, &[S_IFCHR, S_IFBLK], EPERM);
const NODES_AT: Answer = OneOf(2, S_IFMT, &[S_IFCHR, S_IFBLK], EPERM);

/// The newest system call that the table has been checked against: `file_setattr` of Linux 6.17.
pub const NEWEST: c_long = 469;

/// One row: the calls, the answer, the reason.
pub struct Row {
    /// Names, for the documentation and the report of a test.
    pub calls: &'static [(&'static str, c_long)],
    /// What they get.
    pub answer: Answer,
    /// Why.
    pub reason: &'static str,
}

macro_rules! rows {
    ($($reason:literal: $answer:expr => [$($call:ident),* $(,)?];)*) => {
        &[$(Row { calls: &[$((stringify!($call), calls::$call)),*], answer: $answer, reason: $reason }),*]
    };
}

/// The table.
pub const TABLE: &[Row] = rows! {
    "the mount family changes what a path means; the root is assembled before any command runs":
        Errno(EPERM) => [mount, umount2, pivot_root, chroot, move_mount, open_tree, open_tree_attr, fsopen,
            fsconfig, fsmount, fspick, mount_setattr];
    "a new user namespace gives capabilities over kernel code that was never meant for strangers":
        AnyBit(0, NEW_NAMESPACES, EPERM) => [clone, unshare];
    "its flags stand in memory, where a filter can't see them; C libraries fall back to clone":
        Errno(ENOSYS) => [clone3];
    "another namespace than the job's own":
        Errno(EPERM) => [setns];
    "kernel code supplied by the user":
        Errno(EPERM) => [bpf, init_module, finit_module, delete_module, kexec_load, kexec_file_load];
    "asynchronous system calls pass this filter by; libuv and others fall back to epoll":
        Errno(ENOSYS) => [io_uring_setup, io_uring_enter, io_uring_register];
    "stops the kernel at a page fault of the user's choice, the classic help for a race":
        Errno(EPERM) => [userfaultfd];
    "hardware counters and trace points see other processes and the kernel":
        Errno(EACCES) => [perf_event_open];
    "keyrings are shared along user ids, past the namespaces":
        Errno(EPERM) => [add_key, request_key, keyctl];
    "opens files by number instead of by path":
        Errno(EPERM) => [open_by_handle_at];
    "the other half of open_by_handle_at":
        Errno(EOPNOTSUPP) => [name_to_handle_at];
    "takes descriptors out of, or compares objects with, another process":
        Errno(EPERM) => [pidfd_getfd, kcmp];
    "limits of another process, init's too, which has the same user id; one's own are pid 0":
        OwnLimits => [prlimit64];
    "a core dump limit of 1 byte is what keeps a crash from the host's core handler; programs that forbid \
     themselves core dumps, and end where they can't, are told that it was done":
        OneOf(0, u32::MAX, &[RLIMIT_CORE], 0) => [setrlimit];
    "watches the whole file system":
        Errno(EPERM) => [fanotify_init, fanotify_mark];
    "types into the terminal of whoever holds its other end (TIOCSTI), pastes (TIOCLINUX), or puts a rarely tested \
     line discipline behind a terminal, which the kernel loads if it isn't there (TIOCSETD)":
        OneOf(1, u32::MAX, &[TIOCSTI as u32, TIOCLINUX as u32, TIOCSETD], EPERM) => [ioctl];
    "device nodes; FIFOs and plain files are fine":
        NODES_AT => [mknodat];
    "raw, packet, vsock, bluetooth, AF_ALG and other rarely tested families; SCTP, MPTCP and other such protocols":
        Socket => [socket];
    "makes a socket of any family before it finds that the family has no pairs, or has them (TIPC)":
        NoneOf(0, &[AF_UNIX as u32], EAFNOSUPPORT) => [socketpair];
    "execution domains switch off address space randomisation and other protections":
        NoneOf(0, &[0, 0x0008, 0x2_0000, 0x2_0008, u32::MAX], EPERM) => [personality];
    "the machine's clock":
        Errno(EPERM) => [settimeofday, clock_settime, clock_adjtime, adjtimex];
    "the machine itself":
        Errno(EPERM) => [reboot, swapon, swapoff, acct, quotactl, quotactl_fd, syslog, sethostname,
            setdomainname, vhangup];
    "moves pages of other processes between memory nodes":
        Errno(EPERM) => [move_pages, migrate_pages];
    "obsolete or never implemented":
        Errno(ENOSYS) => [nfsservctl, lookup_dcookie];
};

/// Rows for calls that only this architecture has.
#[cfg(target_arch = "x86_64")]
pub const ARCHITECTURE: &[Row] = rows! {
    "device nodes, by the older call": NODES => [mknod];
    "port input and output": Errno(EPERM) => [iopl, ioperm];
    "segment descriptors: kernel code that nothing but old emulators uses":
        Errno(ENOSYS) => [modify_ldt];
    "obsolete on this architecture":
        Errno(ENOSYS) => [uselib, _sysctl, sysfs, ustat, create_module, get_kernel_syms, query_module,
            afs_syscall, tuxcall, security, getpmsg, putpmsg, vserver];
};

/// Rows for calls that only this architecture has.
#[cfg(target_arch = "aarch64")]
pub const ARCHITECTURE: &[Row] = &[];

/// The numbers under the names that the kernel gives them.
#[allow(non_upper_case_globals, missing_docs)]
mod calls {
    use libc::c_long;

    macro_rules! numbers {
        ($($name:ident = $number:expr;)*) => { $(pub const $name: c_long = $number;)* };
    }

    numbers! {
        mount = libc::SYS_mount; umount2 = libc::SYS_umount2; pivot_root = libc::SYS_pivot_root;
        chroot = libc::SYS_chroot; move_mount = libc::SYS_move_mount; open_tree = libc::SYS_open_tree;
        open_tree_attr = 467; fsopen = libc::SYS_fsopen; fsconfig = libc::SYS_fsconfig;
        fsmount = libc::SYS_fsmount; fspick = libc::SYS_fspick; mount_setattr = libc::SYS_mount_setattr;
        clone = libc::SYS_clone; unshare = libc::SYS_unshare; clone3 = libc::SYS_clone3;
        setns = libc::SYS_setns; bpf = libc::SYS_bpf; init_module = libc::SYS_init_module;
        finit_module = libc::SYS_finit_module; delete_module = libc::SYS_delete_module;
        kexec_load = libc::SYS_kexec_load; kexec_file_load = libc::SYS_kexec_file_load;
        io_uring_setup = libc::SYS_io_uring_setup; io_uring_enter = libc::SYS_io_uring_enter;
        io_uring_register = libc::SYS_io_uring_register; userfaultfd = libc::SYS_userfaultfd;
        perf_event_open = libc::SYS_perf_event_open; add_key = libc::SYS_add_key;
        request_key = libc::SYS_request_key; keyctl = libc::SYS_keyctl;
        open_by_handle_at = libc::SYS_open_by_handle_at; name_to_handle_at = libc::SYS_name_to_handle_at;
        pidfd_getfd = libc::SYS_pidfd_getfd; kcmp = libc::SYS_kcmp; fanotify_init = libc::SYS_fanotify_init;
        fanotify_mark = libc::SYS_fanotify_mark; ioctl = libc::SYS_ioctl; mknodat = libc::SYS_mknodat;
        socket = libc::SYS_socket; personality = libc::SYS_personality;
        settimeofday = libc::SYS_settimeofday; clock_settime = libc::SYS_clock_settime;
        clock_adjtime = libc::SYS_clock_adjtime; adjtimex = libc::SYS_adjtimex; reboot = libc::SYS_reboot;
        swapon = libc::SYS_swapon; swapoff = libc::SYS_swapoff; acct = libc::SYS_acct;
        quotactl = libc::SYS_quotactl; quotactl_fd = 443; syslog = libc::SYS_syslog;
        sethostname = libc::SYS_sethostname; setdomainname = libc::SYS_setdomainname;
        vhangup = libc::SYS_vhangup; move_pages = libc::SYS_move_pages;
        migrate_pages = libc::SYS_migrate_pages; nfsservctl = libc::SYS_nfsservctl;
        lookup_dcookie = libc::SYS_lookup_dcookie; prlimit64 = libc::SYS_prlimit64;
        setrlimit = libc::SYS_setrlimit; socketpair = libc::SYS_socketpair;
    }

    #[cfg(target_arch = "x86_64")]
    numbers! {
        mknod = libc::SYS_mknod; iopl = libc::SYS_iopl; ioperm = libc::SYS_ioperm;
        modify_ldt = libc::SYS_modify_ldt; uselib = libc::SYS_uselib; _sysctl = libc::SYS__sysctl;
        sysfs = libc::SYS_sysfs; ustat = libc::SYS_ustat; create_module = 174; get_kernel_syms = 177;
        query_module = 178; afs_syscall = libc::SYS_afs_syscall; tuxcall = libc::SYS_tuxcall;
        security = libc::SYS_security; getpmsg = libc::SYS_getpmsg; putpmsg = libc::SYS_putpmsg;
        vserver = libc::SYS_vserver;
    }
}
