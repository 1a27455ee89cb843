//! Secrets that a file of this host has, or that a program of it prints.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result as IoResult};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use zeroize::Zeroizing;

use super::{MAX_VALUE, SCHEME};
use crate::mask::Secret;

/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often its end is looked for.
const PAUSE: Duration = Duration::from_millis(2);
/// How often it is looked whether anybody still waits.
const GLANCE: Duration = Duration::from_millis(50);

/// Where a secret is on this host.
#[derive(Clone, Debug, PartialEq)]
pub enum Here {
    /// A file has it.
    File(PathBuf),
    /// A program prints it.
    Program(PathBuf),
}

impl Here {
    /// Reads `secret://file/PATH` or `secret://exec/PATH`.
    pub fn parse(text: &str) -> Option<Here> {
        match text.strip_prefix(SCHEME)?.split_once('/')? {
            ("file", path) => Some(Here::File(format!("/{path}").into())),
            ("exec", path) => Some(Here::Program(format!("/{path}").into())),
            _ => None,
        }
    }

    /// Fetches it. Jobs see what is `shown`: what it is fetched from can't be there. `stop` says that nobody waits any more.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn fetch(&self, shown: &[PathBuf], stop: &dyn Fn() -> bool) -> Result<Secret, String> {
        let (path, fetched) = match self {
            Here::File(path) => (path, read(path, shown)),
            Here::Program(path) => (path, run(path, shown, stop)),
        };
        let bytes = fetched.map_err(|e| format!("`{}`: {e}", path.display()))?;
        let invalid = |why: &str| format!("`{}`: {why}", path.display());
        if bytes.len() > MAX_VALUE {
            return Err(invalid("the value is larger than 64 KiB"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| invalid("the value is no UTF-8 text"))?;
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        match text {
            "" => Err(invalid("the value is empty")),
            text => Ok(Secret::new(text.to_owned())),
        }
    }
}

/// Opens what others can't do with what `mask` says.
fn open(path: &Path, shown: &[PathBuf], mask: u32) -> IoResult<File> {
    let refused = |why: &str| Error::new(ErrorKind::PermissionDenied, why);
    let place = path.canonicalize()?;
    for tree in shown {
        // What isn't there shows nothing.
        if tree.canonicalize().is_ok_and(|tree| place.starts_with(tree)) {
            return Err(refused(&format!("jobs see it: it is in `{}`", tree.display())));
        }
    }
    let file = File::open(path)?;
    if file.metadata()?.mode() & mask != 0 {
        return Err(refused("others can read or change it; take that away with `chmod`"));
    }
    Ok(file)
}

fn read(path: &Path, shown: &[PathBuf]) -> IoResult<Zeroizing<Vec<u8>>> {
    take(open(path, shown, 0o027)?)
}

/// As much as shows that it is too much.
fn take(from: impl Read) -> IoResult<Zeroizing<Vec<u8>>> {
    // Room from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_VALUE + 2));
    from.take(MAX_VALUE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs a program, with nothing of this process's environment, for what it prints.
fn run(path: &Path, shown: &[PathBuf], stop: &dyn Fn() -> bool) -> IoResult<Zeroizing<Vec<u8>>> {
    open(path, shown, 0o022)?;
    let mut child = Command::new(path)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir("/")
        // What it starts ends with it.
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (told, hears) = mpsc::channel();
    let printed = child.stdout.take();
    std::thread::Builder::new().name("secret".into()).spawn(move || {
        // Who waited may have left.
        let _ = told.send(printed.map_or_else(|| Ok(Zeroizing::default()), take));
    })?;
    let until = Instant::now() + PATIENCE;
    let printed = loop {
        let left = until.saturating_duration_since(Instant::now());
        let heard = hears.recv_timeout(left.min(GLANCE));
        let goes_on = matches!(heard, Err(RecvTimeoutError::Timeout)) && !left.is_zero();
        if !goes_on || stop() {
            break heard;
        }
    };
    let whole = matches!(&printed, Ok(Ok(bytes)) if bytes.len() <= MAX_VALUE);
    // One that has printed all may still have something to do, but not for ever.
    let pid = Pid::from_raw(child.id() as i32);
    // Only looked at, not waited for: until then its number is nobody else's, nor that of its group.
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while whole && waitid(Id::Pid(pid), look)? == WaitStatus::StillAlive && Instant::now() < until && !stop()
    {
        std::thread::sleep(PAUSE);
    }
    killpg(pid, Signal::SIGKILL)?;
    let status = child.wait()?;
    let printed =
        printed.map_err(|_| Error::new(ErrorKind::TimedOut, "it printed no value within 10 s"))??;
    match status.success() || printed.len() > MAX_VALUE {
        true => Ok(printed),
        false => Err(Error::other(format!("it failed: {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_program_leaves_behind_ends_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("program");
        std::fs::write(&program, "#!/bin/sh\nsleep 1000 >/dev/null 2>&1 &\necho $!\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let printed = loop {
            match run(&program, &[], &|| false) {
                // Another test's process, not yet executed, has the file open as this one had.
                Err(e) if e.kind() == ErrorKind::ExecutableFileBusy => {}
                printed => break printed.unwrap(),
            }
        };
        let left = format!("/proc/{}/stat", std::str::from_utf8(&printed).unwrap().trim());
        // One that nobody waits for stays as a name.
        let lives = || std::fs::read_to_string(&left).is_ok_and(|stat| !stat.contains(") Z "));
        let until = Instant::now() + PATIENCE;
        while lives() {
            assert!(Instant::now() < until, "it lives on");
            std::thread::sleep(PAUSE);
        }
    }
}
