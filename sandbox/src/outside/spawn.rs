//! Starts init: this binary executed again, in new namespaces, with one descriptor and no memory, no
//! argument and no environment of its caller's.

use std::cell::Cell;
use std::ffi::CString;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::unistd::Pid;

use super::remedy;
use crate::error::LayerError;
use crate::inside;
use crate::report::LayerId;
use crate::sys::process::{self, CStringArray};
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
pub fn init(off: impl Fn(LayerId) -> bool) -> Result<Started, LayerError> {
    let (control, theirs) =
        UnixStream::pair().map_err(|e| LayerError::new(LayerId::User, "make a socket pair", errno_of(&e)))?;
    let program = c"/proc/self/exe";
    let args = CStringArray::new(vec![CString::new(inside::NAME).unwrap_or_default()]);
    let env = CStringArray::new(Vec::new());
    let failed: Cell<Option<(Stage, Errno)>> = Cell::new(None);
    let prepare = || -> Result<(), (Stage, Errno)> {
        caps::keep_for_exec().map_err(|e| (Stage::Capabilities, e))?;
        for number in 0..3 {
            process::duplicate_to(theirs.as_fd(), number).map_err(|e| (Stage::Descriptors, e))?;
        }
        process::close_from(3).map_err(|e| (Stage::Descriptors, e))?;
        process::reset_signals().map_err(|e| (Stage::Descriptors, e))?;
        Err((Stage::Exec, process::exec(program, &args, &env)))
    };
    let mut child = || {
        failed.set(prepare().err());
        127
    };
    let flags = namespaces(&off);
    // SAFETY: the closure makes system calls and writes to a cell on this stack; it neither allocates nor
    // locks nor unwinds, and returns where exec fails.
    let pid = unsafe { process::vfork(flags, &mut child) }.map_err(|errno| remedy::for_clone(errno))?;
    match failed.get() {
        None => Ok(Started { pid, control }),
        Some((stage, errno)) => {
            let _ = nix::sys::wait::waitpid(pid, None);
            let (layer, action) = match stage {
                Stage::Capabilities => (LayerId::User, "keep its capabilities for set-up"),
                Stage::Descriptors => (LayerId::User, "hand init its descriptors"),
                Stage::Exec => (LayerId::User, "execute init (/proc/self/exe)"),
            };
            Err(remedy::add(LayerError::new(layer, action, errno)))
        }
    }
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

/// Denies other processes of the same user the caller's memory and descriptors.
pub fn undumpable() -> Result<(), LayerError> {
    sys::restrict::undumpable().map_err(|e| LayerError::new(LayerId::Pid, "make this process undumpable", e))
}
