//! The raw calls of the attack programs: all that is unsafe in them.

use std::ffi::CStr;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::AtomicU64;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

use crate::outcome::{Attempt, Step, Stop, prevented};

/// An argument of a system call. Memory is only ever lent by reference.
pub enum Arg<'a> {
    /// A number, flag or descriptor; never an address of memory of this process.
    Number(i64),
    /// Bytes that the kernel reads.
    In(&'a [u8]),
    /// Bytes that the kernel may write.
    Out(&'a mut [u8]),
}

macro_rules! numbers {
    ($($t:ty),*) => { $(impl From<$t> for Arg<'_> { fn from(n: $t) -> Self { Arg::Number(n as i64) } })* };
}
numbers!(i32, i64, u32, u64, usize);

impl<'a> From<&'a CStr> for Arg<'a> {
    fn from(text: &'a CStr) -> Self {
        Arg::In(text.to_bytes_with_nul())
    }
}
impl<'a> From<&'a [u8]> for Arg<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Arg::In(bytes)
    }
}
impl<'a> From<&'a mut [u8]> for Arg<'a> {
    fn from(bytes: &'a mut [u8]) -> Self {
        Arg::Out(bytes)
    }
}
impl From<&OwnedFd> for Arg<'_> {
    fn from(fd: &OwnedFd) -> Self {
        Arg::Number(fd.as_raw_fd().into())
    }
}
/// One system call by number.
pub fn raw(number: libc::c_long, args: &mut [Arg<'_>]) -> Result<i64, Errno> {
    let mut raw = [0i64; 6];
    for (slot, arg) in raw.iter_mut().zip(args.iter_mut()) {
        *slot = match arg {
            Arg::Number(n) => *n,
            Arg::In(bytes) => bytes.as_ptr() as i64,
            Arg::Out(bytes) => bytes.as_mut_ptr() as i64,
        };
    }
    // SAFETY: pointers come from live references of the right mutability, and every caller lends as many
    // bytes as the call that it names reads or writes.
    let result = unsafe { libc::syscall(number, raw[0], raw[1], raw[2], raw[3], raw[4], raw[5]) };
    Errno::result(result)
}

/// `call!(SYS_kill, pid, 0)`.
macro_rules! call {
    ($name:ident $(, $arg:expr)* $(,)?) => {
        $crate::sys::raw(libc::$name, &mut [$($crate::sys::Arg::from($arg)),*])
    };
}
pub(crate) use call;

/// Takes over a descriptor that a call returned.
pub fn owned(fd: i64) -> OwnedFd {
    use std::os::fd::FromRawFd;
    // SAFETY: the callers pass what the kernel just returned as a new descriptor, and nothing else owns it.
    unsafe { OwnedFd::from_raw_fd(fd as i32) }
}

/// Numbers as the bytes of a C structure of 64-bit fields.
pub fn words(fields: &[u64]) -> Vec<u8> {
    fields.iter().flat_map(|n| n.to_ne_bytes()).collect()
}

/// Numbers as the bytes of a C structure of 32-bit fields.
pub fn halves(fields: &[u32]) -> Vec<u8> {
    fields.iter().flat_map(|n| n.to_ne_bytes()).collect()
}

/// The address of memory that outlives the process's interest in it, for structures that hold pointers.
pub fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr() as u64
}

/// Starts a child that runs `body` and exits with its code.
pub fn fork(body: impl FnOnce() -> i32) -> Result<Pid, Errno> {
    // SAFETY: the attack programs that fork have one thread, so the child may run any code.
    match unsafe { nix::unistd::fork()? } {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => std::process::exit(body()),
    }
}

/// Runs an attempt in a child process, for what would harm or end the caller.
pub fn in_child(attempt: impl FnOnce() -> Attempt) -> Attempt {
    let (reader, writer) = std::io::pipe().step("pipe")?;
    let child = fork(|| {
        let mut writer = writer.try_clone().expect("the pipe's end can be duplicated");
        let (tag, text) = match attempt() {
            Ok(text) => ('+', text),
            Err(Stop::Prevented(text)) => ('-', text),
            Err(Stop::Void(text)) => ('~', text),
            Err(Stop::Broken(text)) => ('!', text),
        };
        i32::from(write!(writer, "{tag}{text}").is_err())
    })
    .step("fork")?;
    drop(writer);
    let mut told = String::new();
    let mut reader = reader;
    reader.read_to_string(&mut told).step("read what the child said")?;
    let status = waitpid(child, None).step("wait for the child")?;
    match (told.get(..1), status) {
        (Some("+"), _) => Ok(told.split_off(1)),
        (Some("-"), _) => prevented(told.split_off(1)),
        (Some("~"), _) => Err(Stop::Void(told.split_off(1))),
        (Some(_), _) => Err(Stop::Broken(told)),
        (None, WaitStatus::Signaled(_, signal, _)) => prevented(format!("killed by {signal}")),
        (None, status) => prevented(format!("the child ended without a word: {status:?}")),
    }
}

/// `clone` with namespace flags; the child ends at once.
pub fn clone(flags: i32) -> Result<(), Errno> {
    // SAFETY: without CLONE_VM this is fork: no stack is needed, and the child only exits.
    let pid = Errno::result(unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) })?;
    reap_or_exit(pid)
}

/// `clone3` with namespace flags; the child ends at once.
pub fn clone3(flags: u64) -> Result<(), Errno> {
    let mut args = [0u64; 11];
    (args[0], args[4]) = (flags, libc::SIGCHLD as u64);
    // SAFETY: the structure is live and its size is passed along; without CLONE_VM this is fork.
    let pid = Errno::result(unsafe { libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args)) })?;
    reap_or_exit(pid)
}

fn reap_or_exit(pid: i64) -> Result<(), Errno> {
    if pid == 0 {
        // SAFETY: ends the child without running anything of its parent's.
        unsafe { libc::_exit(0) };
    }
    waitpid(Pid::from_raw(pid as i32), None).map(drop)
}

/// `getpid` through the 32-bit system call gate.
#[cfg(target_arch = "x86_64")]
pub fn getpid_by_int80() -> i64 {
    let mut number: i64 = 20;
    // SAFETY: the gate takes its number in eax and clobbers r8 to r11 at most; getpid touches no memory.
    unsafe {
        std::arch::asm!("int 0x80", inout("rax") number, out("r8") _, out("r9") _, out("r10") _, out("r11") _);
    }
    i64::from(number as i32)
}

/// Maps a System V shared memory segment.
pub fn shmat(id: i64, size: usize) -> Result<&'static mut [u8], Errno> {
    // SAFETY: the kernel chooses a free range of `size` bytes or fails; it is never unmapped.
    unsafe {
        let start = libc::shmat(id as i32, std::ptr::null(), 0);
        if start as isize == -1 {
            return Err(Errno::last());
        }
        Ok(std::slice::from_raw_parts_mut(start.cast(), size))
    }
}

/// Anonymous memory, of which every page is touched.
pub fn touched_memory(size: usize) -> Result<(), Errno> {
    // SAFETY: a fresh private mapping of `size` bytes, written within its bounds only.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let start = libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0);
        if start == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        for page in (0..size).step_by(4096) {
            start.cast::<u8>().add(page).write_volatile(1);
        }
    }
    Ok(())
}

/// Writes machine code into fresh memory, makes it executable and calls it: `mov eax, 42; ret`.
#[cfg(target_arch = "x86_64")]
pub fn just_in_time() -> Result<i32, Errno> {
    const CODE: [u8; 6] = [0xb8, 42, 0, 0, 0, 0xc3];
    // SAFETY: a fresh mapping of one page receives a complete function that touches only eax, and is
    // executable before it is called.
    unsafe {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let page = libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0);
        if page == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        std::ptr::copy_nonoverlapping(CODE.as_ptr(), page.cast(), CODE.len());
        Errno::result(libc::mprotect(page, 4096, libc::PROT_READ | libc::PROT_EXEC))?;
        Ok(std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> i32>(page)())
    }
}

/// Installs a handler that only sets a flag.
pub fn handle(signal: nix::sys::signal::Signal, handler: extern "C" fn(libc::c_int)) -> Result<(), Errno> {
    use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, sigaction};
    let action = SigAction::new(SigHandler::Handler(handler), SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handlers of these programs store to an atomic, which is safe in a signal handler.
    unsafe { sigaction(signal, &action) }.map(drop)
}

/// The descriptors above standard error that this process was started with.
pub fn inherited() -> Vec<i32> {
    (3..1024).filter(|fd| call!(SYS_fcntl, *fd, libc::F_GETFD).is_ok()).collect()
}

/// `connect(2)` by an IPv4 address that another thread may change meanwhile.
pub fn connect_shared(socket: &OwnedFd, address: &[AtomicU64; 2]) -> Result<(), Errno> {
    let length = size_of_val(address);
    // SAFETY: the kernel reads as many bytes as the array has, which lives through the call; it takes them as they are.
    Errno::result(unsafe { libc::syscall(libc::SYS_connect, socket.as_raw_fd(), address.as_ptr(), length) })
        .map(drop)
}

/// Puts a filter on this process by which `connect(2)` fails with `EDOM`, or, where it is to be heard, waits for a listener; gives
/// the listener then.
pub fn filter_connect(heard: bool) -> Result<i64, Errno> {
    let answer =
        if heard { libc::SECCOMP_RET_USER_NOTIF } else { libc::SECCOMP_RET_ERRNO | libc::EDOM as u32 };
    let statement = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let code = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_connect as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, answer),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: code.len() as u16, filter: code.as_ptr().cast_mut() };
    let flags = if heard { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER } else { 0 };
    // SAFETY: the program points to as many instructions as it says, which live through the call; the kernel only reads.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program)
    })
}
