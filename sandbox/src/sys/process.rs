//! Making processes and looking after them: clone as the kernel has it, exec, wait with usage.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use super::{Result, check};
use crate::command::{Status, Usage};
use crate::memory::StartString;

/// Size of the stack on which a child runs until its exec; it only makes system calls there.
const CHILD_STACK: usize = 64 * 1024;

/// Starts a child in new namespaces (`flags`, `CLONE_NEW*`) that shares this process's memory until it
/// has executed another program or ended; the caller is suspended that long (`CLONE_VFORK`).
///
/// # Safety
/// `child` runs in the caller's memory while other threads of the caller go on. It must neither allocate
/// nor take a lock nor unwind, and must end in a successful exec or return its exit code.
pub unsafe fn vfork(flags: c_int, child: &mut dyn FnMut() -> c_int) -> Result<Pid> {
    extern "C" fn enter(argument: *mut c_void) -> c_int {
        // SAFETY: `argument` is the `&mut &mut dyn FnMut` below, alive as the parent is suspended.
        let child = unsafe { &mut *argument.cast::<&mut dyn FnMut() -> c_int>() };
        child()
    }
    let mut stack = vec![0u64; CHILD_STACK / 8];
    let mut child = child;
    let argument: *mut &mut dyn FnMut() -> c_int = &raw mut child;
    // SAFETY: one past the end of the allocation; stacks grow down, and the vector keeps it aligned to 8;
    // clone(3) aligns it further.
    let top = unsafe { stack.as_mut_ptr().add(stack.len()) };
    let flags = flags | libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: stack and argument outlive the child's use of them, since CLONE_VFORK suspends this thread
    // until the child has left this memory; the rest is the caller's promise.
    let pid = unsafe { libc::clone(enter, top.cast(), flags, argument.cast()) };
    check(pid.into()).map(|pid| Pid::from_raw(pid as i32))
}

/// Starts a child in new namespaces (`flags`, `CLONE_NEW*`) that goes on in a copy of this process's
/// memory; gives `None` in the child.
///
/// # Safety
/// No other thread may exist: it would be missing in the child, with the locks that it held.
pub unsafe fn fork(flags: c_int) -> Result<Option<Pid>> {
    // SAFETY: without CLONE_VM and with a null stack this is fork(2); the rest is the caller's promise.
    let pid = check(unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) })?;
    Ok((pid != 0).then(|| Pid::from_raw(pid as i32)))
}

/// Ends the calling process without running what its parent has put off to its own end.
pub fn exit_now(code: c_int) -> ! {
    // SAFETY: takes an integer and doesn't return.
    unsafe { libc::_exit(code) }
}

/// Where this process's arguments and environment stand in its memory: the kernel puts their strings one
/// after the other.
pub struct StartStrings {
    start: *mut u8,
    length: usize,
}

impl StartStrings {
    /// Finds them; `None` where they aren't where the kernel put them any more.
    pub fn find() -> Option<Self> {
        unsafe extern "C" {
            static program_invocation_name: *mut c_char;
            static environ: *const *const c_char;
        }
        // SAFETY: glibc has set it before main, and nobody writes to it.
        let start = unsafe { program_invocation_name };
        // SAFETY: as above.
        let mut entry = unsafe { environ };
        let mut end = start.cast_const();
        loop {
            // SAFETY: the array ends with a null pointer, at which this loop ends.
            let string = unsafe { *entry };
            if string.is_null() {
                break;
            }
            end = end.max(string);
            // SAFETY: not past the null pointer, see above.
            entry = unsafe { entry.add(1) };
        }
        // SAFETY: `end` is the start of a C string: the last of the environment, or argument zero.
        let last = unsafe { CStr::from_ptr(end) };
        let length = (end.addr() + last.count_bytes()).checked_sub(start.addr())?;
        // Within what execve(2) accepts; else `environ` has moved to the heap.
        (length < 8 << 20).then_some(StartStrings { start: start.cast(), length })
    }

    /// The string of this number, arguments first.
    pub fn get(&self, number: usize) -> Option<&[u8]> {
        // SAFETY: the range is readable and belongs to this process as long as it lives, see `wipe`.
        let all = unsafe { std::slice::from_raw_parts(self.start.cast_const(), self.length) };
        all.split(|byte| *byte == 0).nth(number)
    }

    /// Shows each to `keep`, arguments first, and overwrites what is longer than the length that it gives.
    ///
    /// No other thread may exist: it could be reading them.
    pub fn erase(self, mut keep: impl FnMut(StartString<'_>) -> usize) {
        let arguments = std::env::args_os().len();
        let mut at = 0;
        for index in 0.. {
            if at >= self.length {
                break;
            }
            // SAFETY: within the range, see `wipe`.
            let start = unsafe { self.start.add(at) };
            // SAFETY: the strings lie one after the other, each with its zero at the end.
            let string = unsafe { CStr::from_ptr(start.cast_const().cast()) }.to_bytes();
            let length = string.len();
            let kept = keep(match index < arguments {
                true => StartString::Argument(string),
                false => StartString::Variable(string),
            });
            let kept = kept.min(length);
            // SAFETY: not past the string's own end.
            let rest = unsafe { start.add(kept) };
            // SAFETY: the string is writable, see `wipe`, and no longer borrowed.
            unsafe { std::ptr::write_bytes(rest, 0, length - kept) };
            at += length + 1;
        }
    }

    /// Overwrites them.
    pub fn wipe(self) {
        // SAFETY: the strings lie one after the other in this range of the initial stack, which is
        // writable; afterwards each of them is a valid empty string.
        unsafe { std::ptr::write_bytes(self.start, 0, self.length) };
    }
}

/// An array of C strings as exec wants it: pointers with a null at the end.
pub struct CStringArray {
    /// Owns what `pointers` points to.
    _strings: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl CStringArray {
    /// Takes the strings.
    pub fn new(strings: Vec<CString>) -> Self {
        let pointers = strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect();
        CStringArray { _strings: strings, pointers }
    }
}

/// Executes a program; returns only when that failed.
pub fn exec(program: &CStr, argv: &CStringArray, envp: &CStringArray) -> nix::errno::Errno {
    // SAFETY: all three are valid: a C string, and null-terminated arrays of such by construction.
    unsafe { libc::execve(program.as_ptr(), argv.pointers.as_ptr(), envp.pointers.as_ptr()) };
    nix::errno::Errno::last()
}

/// What a child of this process has come to.
pub struct Ended {
    /// Which child.
    pub pid: Pid,
    /// How it ended.
    pub status: Status,
    /// What it used.
    pub usage: Usage,
}

/// Reaps one child that has ended; `None` where none has. `Err(ECHILD)` where there is no child at all.
/// With `block`, waits for one.
pub fn reap(block: bool) -> Result<Option<Ended>> {
    let mut status: c_int = 0;
    // SAFETY: rusage is plain data, for which all zeroes is a valid value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    let options = if block { 0 } else { libc::WNOHANG } | libc::__WALL;
    // SAFETY: both pointers are valid to write to for the length of the call.
    let pid = check(i64::from(unsafe { libc::wait4(-1, &raw mut status, options, &raw mut usage) }))?;
    if pid == 0 {
        return Ok(None);
    }
    let status = if libc::WIFSIGNALED(status) {
        Status::Signal(libc::WTERMSIG(status))
    } else {
        Status::Code(libc::WEXITSTATUS(status))
    };
    let usage = Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        max_rss: usage.ru_maxrss.unsigned_abs() * 1024,
    };
    Ok(Some(Ended { pid: Pid::from_raw(pid as i32), status, usage }))
}

fn duration(time: libc::timeval) -> Duration {
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_usec.unsigned_abs() as u32 * 1000)
}

/// Makes `from` also known as `to`, without close-on-exec.
pub fn duplicate_to(from: BorrowedFd<'_>, to: i32) -> Result<()> {
    // SAFETY: takes integers only; `to` is a number that the caller has given up (a standard descriptor
    // of a process about to exec).
    check(i64::from(unsafe { libc::dup2(from.as_raw_fd(), to) }))?;
    Ok(())
}

/// Closes every descriptor from `first` on, in a process about to exec.
pub fn close_from(first: u32) -> Result<()> {
    // SAFETY: the calling process executes another program next and uses none of them again.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) })?;
    Ok(())
}

/// As [`close_from`], but for one descriptor, which is not below `first`.
pub fn close_from_but(first: u32, keep: BorrowedFd<'_>) -> Result<()> {
    let keep = keep.as_raw_fd().unsigned_abs();
    for (first, last) in [(first, keep.saturating_sub(1)), (keep + 1, u32::MAX)] {
        if first <= last {
            // SAFETY: the calling process, a fresh child, uses none of them again and ends without dropping
            // what owned them.
            check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })?;
        }
    }
    Ok(())
}

/// Replaces the calling process's environment by these `NAME=value` strings, which stay for good.
///
/// No other thread may exist: it could be reading it.
pub fn replace_environment(entries: Vec<CString>) {
    // SAFETY: no other thread reads the environment, see above.
    unsafe { libc::clearenv() };
    for entry in entries {
        // SAFETY: as above; the string becomes a part of the environment and is never freed.
        unsafe { libc::putenv(entry.into_raw()) };
    }
}

/// Back to the signal handling of a fresh process: nothing blocked, default dispositions.
pub fn reset_signals() -> Result<()> {
    // SAFETY: sigset_t is plain data, for which all zeroes is the empty set on Linux.
    let none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `none` is a valid set to read.
    check(i64::from(unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) }))?;
    // An ignored signal stays ignored through exec: SIGPIPE by Rust's runtime, the others where the caller
    // was started in a shell's background or by nohup.
    for signal in [libc::SIGPIPE, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGTERM] {
        // SAFETY: installs the default action, no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    Ok(())
}

/// Makes the terminal on descriptor 0 the controlling one of the calling session leader.
pub fn take_terminal() -> Result<()> {
    // SAFETY: TIOCSCTTY takes an integer argument.
    check(i64::from(unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) }))?;
    Ok(())
}

/// Unlocks the slave side of a pseudo-terminal.
pub fn unlock_terminal(master: BorrowedFd<'_>) -> Result<()> {
    let locked: c_int = 0;
    // SAFETY: TIOCSPTLCK reads an int, which lives through the call.
    check(i64::from(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const locked) }))?;
    Ok(())
}

/// Opens the slave side of a pseudo-terminal, wherever its file system is mounted.
pub fn terminal_peer(master: BorrowedFd<'_>) -> Result<std::os::fd::OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes an integer argument.
    super::check_fd(i64::from(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) }))
}

/// Copies the size of one terminal to another.
pub fn copy_terminal_size(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<()> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes a winsize.
    check(i64::from(unsafe { libc::ioctl(from.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) }))?;
    // SAFETY: TIOCSWINSZ reads a winsize.
    check(i64::from(unsafe { libc::ioctl(to.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) }))?;
    Ok(())
}

/// Opens a path below `dir` following neither symbolic links nor `..` out of it (`openat2(2)`).
pub fn open_beneath(
    dir: BorrowedFd<'_>,
    path: &CStr,
    flags: c_int,
    mode: u32,
) -> Result<std::os::fd::OwnedFd> {
    /// `struct open_how` of `linux/openat2.h`.
    #[repr(C)]
    struct OpenHow {
        flags: u64,
        mode: u64,
        resolve: u64,
    }
    let resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
    let how = OpenHow { flags: flags as u64, mode: mode.into(), resolve };
    // SAFETY: `path` is a C string and `how` has the size that is passed along; both live through the call.
    super::check_fd(unsafe {
        libc::syscall(libc::SYS_openat2, dir.as_raw_fd(), path.as_ptr(), &raw const how, size_of::<OpenHow>())
    })
}

/// Sets the calling thread's file system ids, which decide whose files it makes and may open; gives the
/// former ones.
pub fn set_fs_ids(uid: u32, gid: u32) -> (u32, u32) {
    // SAFETY: takes integers only, affects this thread only, and can't fail.
    let old_gid = unsafe { libc::setfsgid(gid) };
    // SAFETY: as above.
    let old_uid = unsafe { libc::setfsuid(uid) };
    (old_uid as u32, old_gid as u32)
}

/// A child that does nothing, in namespaces of its own, until it is dropped or its parent is gone. It is a user of its
/// parent's memory and descriptors, not of copies, which would be the dearest part of it.
pub struct Paused {
    pid: Pid,
    _stack: Vec<u64>,
}

impl Paused {
    /// Starts one in new namespaces (`flags`, `CLONE_NEW*`).
    pub fn start(flags: c_int) -> Result<Paused> {
        /// Stack of a child that makes three system calls, in bytes.
        const STACK: usize = 16 * 1024;
        extern "C" fn rest(parent: *mut c_void) -> c_int {
            // SAFETY: takes integers only.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            // SAFETY: takes no argument, touches no memory.
            if unsafe { libc::getppid() } as usize != parent as usize {
                return 1;
            }
            loop {
                // SAFETY: no argument, touches no memory.
                unsafe { libc::pause() };
            }
        }
        let mut stack = vec![0u64; STACK / 8];
        // SAFETY: one past the end of the allocation; stacks grow down, and clone(3) aligns it.
        let top = unsafe { stack.as_mut_ptr().add(stack.len()) };
        let flags = flags | libc::CLONE_VM | libc::CLONE_FILES | libc::SIGCHLD;
        // The child has its parent's handlers; none may run in it.
        let blocked = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let parent = std::process::id() as usize as *mut c_void;
        // SAFETY: the stack outlives the child, which `drop` waits for; on it the child only makes calls that don't fail, so
        // that it doesn't even write `errno`, and no signal but the last is let through to it.
        let pid = check(unsafe { libc::clone(rest, top.cast(), flags, parent) }.into());
        // First of all it has its owner, which ends it before its stack is gone, whatever else fails.
        let paused = pid.map(|pid| Paused { pid: Pid::from_raw(pid as i32), _stack: stack });
        blocked.thread_set_mask()?;
        paused
    }

    /// Its number.
    pub fn pid(&self) -> Pid {
        self.pid
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGKILL);
        while waitpid(self.pid, None) == Err(Errno::EINTR) {}
    }
}

/// Empties the supplementary groups of the calling thread; a library's `setgroups` would stop all others.
pub fn drop_groups() -> Result<()> {
    // SAFETY: a count of zero reads no list.
    check(unsafe { libc::syscall(libc::SYS_setgroups, 0, std::ptr::null::<u32>()) })?;
    Ok(())
}

/// Sets all three group ids of the calling thread.
pub fn become_group(gid: u32) -> Result<()> {
    // SAFETY: takes integers only.
    check(unsafe { libc::syscall(libc::SYS_setresgid, gid, gid, gid) })?;
    Ok(())
}

/// Sets all three user ids of the calling thread.
pub fn become_user(uid: u32) -> Result<()> {
    // SAFETY: takes integers only.
    check(unsafe { libc::syscall(libc::SYS_setresuid, uid, uid, uid) })?;
    Ok(())
}

/// Reads an extended attribute of what a path leads to; gives its length, or nothing where there is none that fits.
pub fn attribute(path: &CStr, name: &CStr, into: &mut [u8]) -> Option<usize> {
    // SAFETY: both names are C strings and `into` is writable for the length that is passed along.
    let length =
        unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), into.as_mut_ptr().cast(), into.len()) };
    usize::try_from(length).ok()
}
