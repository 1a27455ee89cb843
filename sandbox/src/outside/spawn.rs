//! Starts init in new namespaces, with one descriptor of its caller's and nothing else. It is this binary executed
//! again, so that it has no memory of its caller's either. Half of what that costs is the C library asking the
//! processor for its features, which traps in a virtual machine; a caller that holds no secret, as palisade when it
//! begins, can have init start from a copy of its memory instead.

use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::unistd::Pid;

use super::remedy;
use crate::error::LayerError;
use crate::inside;
use crate::memory::is_only_thread;
use crate::report::LayerId;
use crate::spec::InitMemory;
use crate::sys::process::{self, CStringArray, StartStrings};
use crate::sys::{self, caps};

/// A started init and the control socket to it.
pub struct Started {
    pub pid: Pid,
    pub control: UnixStream,
}

#[derive(Clone, Copy)]
enum Stage {
    Capabilities,
    Descriptors,
    Exec,
}

/// Starts init in new namespaces of all layers but those in `off`.
pub fn init(memory: InitMemory, off: impl Fn(LayerId) -> bool) -> Result<Started, LayerError> {
    let (control, theirs) =
        UnixStream::pair().map_err(|e| LayerError::new(LayerId::User, "make a socket pair", errno_of(&e)))?;
    let flags = namespaces(&off);
    let strings = if memory == InitMemory::Copied { copyable() } else { None };
    let pid = match strings {
        Some(strings) => forked(flags, &theirs, strings)?,
        None => executed(flags, &theirs)?,
    };
    Ok(Started { pid, control })
}

/// Whether init may start from a copy of this memory: only while no other thread exists.
fn copyable() -> Option<StartStrings> {
    if is_only_thread() { StartStrings::find() } else { None }
}

fn forked(flags: i32, theirs: &UnixStream, strings: StartStrings) -> Result<Pid, LayerError> {
    // SAFETY: `copyable` has seen no other thread, and only a thread could have made one since.
    match unsafe { process::fork(flags) }.map_err(remedy::for_clone)? {
        Some(pid) => Ok(pid),
        None => {
            strings.wipe();
            let code = match descriptors(theirs) {
                Ok(()) => inside::main(),
                Err(_) => 1,
            };
            process::exit_now(code)
        }
    }
}

fn executed(flags: i32, theirs: &UnixStream) -> Result<Pid, LayerError> {
    let program = c"/proc/self/exe";
    let args = CStringArray::new(vec![CString::new(inside::NAME).unwrap_or_default()]);
    let env = CStringArray::new(Vec::new());
    let mut failed: Option<(Stage, Errno)> = None;
    let prepare = || -> Result<(), (Stage, Errno)> {
        caps::keep_for_exec().map_err(|e| (Stage::Capabilities, e))?;
        descriptors(theirs).map_err(|e| (Stage::Descriptors, e))?;
        Err((Stage::Exec, process::exec(program, &args, &env)))
    };
    let mut child = || {
        failed = prepare().err();
        127
    };
    // SAFETY: the closure makes system calls and writes to a variable on this stack; it neither allocates
    // nor locks nor unwinds, and returns where exec fails.
    let pid = unsafe { process::vfork(flags, &mut child) }.map_err(remedy::for_clone)?;
    let Some((stage, errno)) = failed else { return Ok(pid) };
    let _ = nix::sys::wait::waitpid(pid, None);
    let (layer, action) = match stage {
        Stage::Capabilities => (LayerId::User, "keep its capabilities for set-up"),
        Stage::Descriptors => (LayerId::User, "hand init its descriptors"),
        Stage::Exec => (LayerId::User, "execute init (/proc/self/exe)"),
    };
    Err(remedy::add(LayerError::new(layer, action, errno)))
}

/// Leaves a fresh init nothing but the control socket, as its standard descriptors.
fn descriptors(theirs: &UnixStream) -> Result<(), Errno> {
    for number in 0..3 {
        process::duplicate_to(theirs.as_fd(), number)?;
    }
    process::close_from(3)?;
    process::reset_signals()
}

fn namespaces(off: &impl Fn(LayerId) -> bool) -> i32 {
    [
        // Never without these two: all else stands on them.
        (None, libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID),
        (Some(LayerId::Ipc), libc::CLONE_NEWIPC),
        (Some(LayerId::Uts), libc::CLONE_NEWUTS),
        // The network namespace isn't among them: init makes it beside its other work.
        (Some(LayerId::Cgroup), libc::CLONE_NEWCGROUP),
    ]
    .into_iter()
    .filter(|(layer, _)| layer.is_none_or(|l| !off(l)))
    .fold(0, |flags, (_, flag)| flags | flag)
}

/// The error number in an I/O error.
pub fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}

/// Kills init, and with it everything in its sandbox, and waits for its end.
pub fn kill(pid: Pid) {
    let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    while nix::sys::wait::waitpid(pid, None) == Err(Errno::EINTR) {}
}

/// Denies other processes of the same user the caller's memory and descriptors, and the system its core dumps.
pub fn undumpable() -> Result<(), LayerError> {
    sys::restrict::undumpable()
        // For programs that it executes, which are dumpable again and may have been told something.
        .and_then(|()| sys::restrict::limit(libc::RLIMIT_CORE, sys::restrict::NO_CORE))
        .map_err(|e| LayerError::new(LayerId::Pid, "make this process undumpable", e))
}
