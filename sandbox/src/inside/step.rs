//! One command: from init's fork to its exec, or to the function of this binary that it is.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::catch_unwind;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{Pid, chdir, pipe2, setsid};

use super::confine::Confinement;
use crate::error::StartStage;
use crate::sys::process::{self, CStringArray};
use crate::sys::restrict;
use crate::wire::{Run, What};

/// What failed, and why.
pub type NotStarted = (StartStage, Errno);

/// Starts a command with these three standard descriptors.
pub fn start(run: Run, stdio: &[OwnedFd; 3], confinement: &Confinement) -> Result<Pid, NotStarted> {
    let Run { what, args, env, current_dir, terminal } = run;
    let fresh = Fresh { current_dir, terminal, stdio, confinement };
    match what {
        What::Program(program) => execute(program, args, env, &fresh),
        What::Builtin(name) => call(&name, &args, env, &fresh),
    }
}

/// What a fresh child turns itself into.
struct Fresh<'a> {
    current_dir: CString,
    terminal: bool,
    stdio: &'a [OwnedFd; 3],
    confinement: &'a Confinement,
}

fn execute(
    program: CString,
    args: Vec<CString>,
    env: Vec<CString>,
    fresh: &Fresh<'_>,
) -> Result<Pid, NotStarted> {
    let candidates = candidates(&program, &env);
    let args = CStringArray::new(std::iter::once(program).chain(args).collect());
    let env = CStringArray::new(env);
    let mut failed: Option<NotStarted> = None;
    let mut child = || {
        // Between here and exec: system calls only.
        let (stage, errno) = match fresh.prepare(None) {
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

/// Runs a function of this binary in a child. It needs memory of its own, so a pipe tells what failed before
/// the function began.
fn call(name: &str, args: &[CString], env: Vec<CString>, fresh: &Fresh<'_>) -> Result<Pid, NotStarted> {
    let function = crate::builtin(name).ok_or((StartStage::Exec, Errno::ENOENT))?;
    let args: Vec<OsString> = args.iter().map(|arg| OsStr::from_bytes(arg.as_bytes()).to_owned()).collect();
    let (told, teller) = pipe2(OFlag::O_CLOEXEC).map_err(|e| (StartStage::Descriptors, e))?;
    // SAFETY: init serves with one thread: that which made the network namespace was joined before.
    let Some(pid) = (unsafe { process::fork(0) }).map_err(|e| (StartStage::Clone, e))? else {
        // From here on nothing may return to init's own code.
        let code = match fresh.prepare(Some(teller.as_fd())) {
            Ok(()) => {
                drop(teller);
                process::replace_environment(env);
                let code = catch_unwind(|| function(&args)).unwrap_or(PANICKED);
                // As at the end of `main`.
                let _ = std::io::stdout().flush();
                code
            }
            Err((stage, errno)) => {
                let told = postcard::to_stdvec(&(stage, errno as i32)).unwrap_or_default();
                let _ = File::from(teller).write_all(&told);
                NOT_STARTED
            }
        };
        process::exit_now(code.into())
    };
    drop(teller);
    let mut failed = Vec::new();
    // A child that was killed has told nothing; its end shows why.
    let _ = File::from(told).read_to_end(&mut failed);
    match postcard::from_bytes::<(StartStage, i32)>(&failed) {
        Err(_) => Ok(pid),
        Ok((stage, errno)) => {
            let _ = nix::sys::wait::waitpid(pid, None);
            Err((stage, Errno::from_raw(errno)))
        }
    }
}

/// Exit code of a builtin that panicked, as of any program in Rust.
const PANICKED: u8 = 101;
/// Exit code of a builtin's process that never came to it; nobody sees it.
const NOT_STARTED: u8 = 127;

impl Fresh<'_> {
    /// The order of what a fresh child does to itself. Of the descriptors besides the three, only `keep` stays.
    fn prepare(&self, keep: Option<BorrowedFd<'_>>) -> Result<(), NotStarted> {
        setsid().map_err(|e| (StartStage::Session, e))?;
        for (number, fd) in self.stdio.iter().enumerate() {
            process::duplicate_to(fd.as_fd(), number as i32).map_err(|e| (StartStage::Descriptors, e))?;
        }
        if self.terminal {
            process::take_terminal().map_err(|e| (StartStage::Terminal, e))?;
        }
        chdir(self.current_dir.as_c_str()).map_err(|e| (StartStage::CurrentDir, e))?;
        if let Some(ruleset) = &self.confinement.ruleset {
            restrict::landlock(ruleset.as_fd()).map_err(|e| (StartStage::Landlock, e))?;
        }
        match keep {
            None => process::close_from(3),
            Some(keep) => process::close_from_but(3, keep),
        }
        .map_err(|e| (StartStage::Descriptors, e))?;
        process::reset_signals().map_err(|e| (StartStage::Signals, e))
    }
}

/// Where the program may be: its path, or its name in each directory of its own `PATH`.
fn candidates(program: &CString, env: &[CString]) -> Vec<CString> {
    if program.as_bytes().contains(&b'/') {
        return vec![program.clone()];
    }
    let path = env.iter().rev().find_map(|entry| entry.as_bytes().strip_prefix(b"PATH="));
    std::env::split_paths(OsStr::from_bytes(path.unwrap_or(b"/usr/local/bin:/usr/bin:/bin")))
        .filter_map(|directory| {
            CString::new(directory.join(OsStr::from_bytes(program.as_bytes())).as_os_str().as_bytes()).ok()
        })
        .collect()
}
