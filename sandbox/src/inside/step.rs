//! One command: from init's fork to its exec.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::unistd::{Pid, chdir, setsid};

use super::confine::Confinement;
use crate::error::StartStage;
use crate::sys::process::{self, CStringArray};
use crate::sys::restrict;
use crate::wire::Run;

/// What failed, and why.
pub type NotStarted = (StartStage, Errno);

/// Starts a command with these three standard descriptors.
pub fn start(run: Run, stdio: &[OwnedFd; 3], confinement: &Confinement) -> Result<Pid, NotStarted> {
    let candidates = candidates(&run);
    let args = CStringArray::new(run.args);
    let env = CStringArray::new(run.env);
    let mut failed: Option<NotStarted> = None;
    let mut child = || {
        // Between here and exec: system calls only.
        let (stage, errno) = match prepare(&run.current_dir, run.terminal, stdio, confinement) {
            Err(not_started) => not_started,
            Ok(()) => {
                let mut last = Errno::ENOENT;
                for program in &candidates {
                    let errno = process::exec(program, &args, &env);
                    // As execvp(3): a program that can't be executed says more than one that isn't there.
                    if !matches!(errno, Errno::ENOENT | Errno::ENOTDIR) || last == Errno::ENOENT {
                        last = errno;
                    }
                    if !matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES) {
                        break;
                    }
                }
                (StartStage::Exec, last)
            }
        };
        failed = Some((stage, errno));
        127
    };
    // SAFETY: the closure makes system calls and writes to `failed` on this stack; it neither allocates
    // nor locks nor unwinds, and every path that isn't an exec returns.
    let pid = unsafe { process::vfork(0, &mut child) }.map_err(|e| (StartStage::Clone, e))?;
    match failed {
        None => Ok(pid),
        Some(not_started) => {
            let _ = nix::sys::wait::waitpid(pid, None);
            Err(not_started)
        }
    }
}

/// The order of what a fresh child does to itself.
fn prepare(
    current_dir: &CString,
    terminal: bool,
    stdio: &[OwnedFd; 3],
    confinement: &Confinement,
) -> Result<(), NotStarted> {
    setsid().map_err(|e| (StartStage::Session, e))?;
    for (number, fd) in stdio.iter().enumerate() {
        process::duplicate_to(fd.as_fd(), number as i32).map_err(|e| (StartStage::Descriptors, e))?;
    }
    if terminal {
        process::take_terminal().map_err(|e| (StartStage::Terminal, e))?;
    }
    chdir(current_dir.as_c_str()).map_err(|e| (StartStage::CurrentDir, e))?;
    if let Some(ruleset) = &confinement.ruleset {
        restrict::landlock(ruleset.as_fd()).map_err(|e| (StartStage::Landlock, e))?;
    }
    process::close_from(3).map_err(|e| (StartStage::Descriptors, e))?;
    process::reset_signals().map_err(|e| (StartStage::Signals, e))
}

/// Where the program may be: its path, or its name in each directory of its own `PATH`.
fn candidates(run: &Run) -> Vec<CString> {
    if run.program.as_bytes().contains(&b'/') {
        return vec![run.program.clone()];
    }
    let path = run.env.iter().rev().find_map(|entry| entry.as_bytes().strip_prefix(b"PATH="));
    std::env::split_paths(OsStr::from_bytes(path.unwrap_or(b"/usr/local/bin:/usr/bin:/bin")))
        .filter_map(|directory| {
            CString::new(directory.join(OsStr::from_bytes(run.program.as_bytes())).as_os_str().as_bytes())
                .ok()
        })
        .collect()
}
