//! The start of a job's process: by the daemon itself, or by its launcher.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use nix::fcntl::posix_fallocate;
use nix::libc::{O_DIRECTORY, O_NOFOLLOW};

use super::launcher::{self, Launched};
use super::process::Waiting;
use crate::environment::within;

/// What the job's process says for people: why it could not even begin.
pub const STDERR: &str = "stderr";
/// The most of that which is told, in bytes.
pub const MAX_SAID: usize = 4096;
/// What of the starter's environment is none of a job's business.
const NOT_PASSED: [&str; 8] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "CREDENTIALS_DIRECTORY",
    "JOURNAL_STREAM",
    "INVOCATION_ID",
    "LISTEN_FDS",
    "LISTEN_PID",
];

/// How a job's process is started.
#[derive(Clone, Debug)]
pub enum Starter {
    /// By the daemon, with these arguments of `palisade job` besides the directory.
    Daemon(Vec<OsString>),
    /// By the launcher that listens at this path.
    Launcher(PathBuf),
}

/// A process that was started; its end is to be asked for.
#[derive(Debug)]
pub enum Started {
    /// By this process.
    Child(Child),
    /// By the launcher.
    Launched(Launched),
}

impl Starter {
    /// Starts one in a blank directory, to read its order from a pipe.
    pub fn start(&self, directory: &Path, order: OwnedFd) -> io::Result<(Started, Waiting)> {
        match self {
            Starter::Daemon(arguments) => {
                let (child, process) = spawn(directory, arguments, order)?;
                Ok((Started::Child(child), process))
            }
            Starter::Launcher(path) => {
                let (launched, process) = launcher::ask(path, directory, order)?;
                Ok((Started::Launched(launched), process))
            }
        }
    }
}

impl Started {
    /// How it ended, once it has; none where it ended well.
    pub fn end(&mut self) -> io::Result<Option<String>> {
        match self {
            Started::Child(child) => Ok(told(child.wait()?)),
            Started::Launched(launched) => Ok(launched.end().map_or_else(Some, told)),
        }
    }
}

/// What is told of an end.
fn told(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("it ended with exit code {code}")),
        (None, Some(signal)) => Some(format!("it was ended by signal {signal}")),
        (None, None) => Some(status.to_string()),
    }
}

/// Starts one as a child of this process.
pub fn spawn(directory: &Path, arguments: &[OsString], order: OwnedFd) -> io::Result<(Child, Waiting)> {
    let directory = OpenOptions::new().read(true).custom_flags(O_DIRECTORY | O_NOFOLLOW).open(directory)?;
    let stderr = within(&directory, STDERR);
    let stderr = File::options().write(true).create_new(true).mode(0o600).open(stderr)?;
    // Room for its last words, also on a disk that is full by then; without it they may be missing.
    let _ = posix_fallocate(&stderr, 0, MAX_SAID as i64);
    // Also after an upgrade it is this very program.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("palisade")
        // By a descriptor it finds its place, whatever that is called by then. With a working directory of its own it
        // would begin as a copy of the daemon.
        .args(["job", "--directory", "/proc/self/fd/1"])
        .args(arguments)
        .stdin(order)
        .stdout(directory)
        .stderr(stderr)
        // What a terminal sends to the daemon isn't meant for it.
        .process_group(0);
    for name in NOT_PASSED {
        command.env_remove(name);
    }
    let mut child = command.spawn()?;
    match Waiting::for_process(child.id()) {
        Ok(process) => Ok((child, process)),
        Err(error) => {
            let _ = child.kill().and_then(|()| child.wait());
            Err(error)
        }
    }
}
