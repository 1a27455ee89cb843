//! `[[secret]]` of the configuration: secrets that are kept elsewhere, which jobs have them, and how they are fetched. They
//! are fetched for each job anew and kept nowhere.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result as IoResult};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Claims;
use super::condition::Conditions;
use super::grant::Decision;
use crate::dotenv;
use crate::mask::Secret;

/// What a reference begins with.
const SCHEME: &str = "secret://";
/// Most of them.
const MAX: usize = 256;
/// Largest value in bytes.
const MAX_VALUE: usize = 64 << 10;
/// How long a program may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often its end is looked for.
const PAUSE: Duration = Duration::from_millis(2);

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Reference>")]
pub struct References(Vec<Reference>);

impl TryFrom<Vec<Reference>> for References {
    type Error = String;
    fn try_from(all: Vec<Reference>) -> Result<Self, String> {
        if all.len() > MAX {
            return Err(format!("there are more than {MAX} secrets"));
        }
        Ok(References(all))
    }
}

impl References {
    /// In their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Reference> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One secret.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Reference {
    /// What jobs call it.
    pub name: String,
    from: Place,
    allow: Vec<Conditions>,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    /// A file has it.
    File(PathBuf),
    /// A program prints it.
    Exec(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    name: String,
    from: String,
    allow: Vec<Conditions>,
}

impl TryFrom<Table> for Reference {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let Table { name, from, allow } = table;
        if !dotenv::is_name(&name) {
            return Err(format!("`{}` can't be the name of a secret", name.escape_debug()));
        }
        let parts = from.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'));
        let from = match parts {
            Some(("file", path)) => Place::File(format!("/{path}").into()),
            Some(("exec", path)) => Place::Exec(format!("/{path}").into()),
            _ => {
                return Err(format!(
                    "secret `{name}`: `from` is `{SCHEME}file/PATH` or `{SCHEME}exec/PATH`, with the whole path"
                ));
            }
        };
        Ok(Reference { name, from, allow })
    }
}

impl Reference {
    /// Why a job with these claims can't have it, if it can't.
    pub fn why_not(&self, claims: &Claims) -> Option<String> {
        let rules = self.allow.iter().map(|rule| rule.check(claims)).collect();
        Decision { always: Vec::new(), rules }.why_not()
    }

    /// Fetches it. Jobs see `tree`: what it is fetched from can't be in it.
    pub fn fetch(&self, tree: &Path) -> Result<Secret, String> {
        let (path, fetched) = match &self.from {
            Place::File(path) => (path, read(path, tree)),
            Place::Exec(path) => (path, run(path, tree)),
        };
        let told = |e: Error| format!("cannot fetch the secret `{}`: `{}`: {e}", self.name, path.display());
        let invalid = |why: &str| told(Error::new(ErrorKind::InvalidData, why));
        let bytes = fetched.map_err(told)?;
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
fn open(path: &Path, tree: &Path, mask: u32) -> IoResult<File> {
    let refused = |why| Error::new(ErrorKind::PermissionDenied, why);
    if path.canonicalize()?.starts_with(tree) {
        return Err(refused("it is in the tree that jobs see"));
    }
    let file = File::open(path)?;
    if file.metadata()?.mode() & mask != 0 {
        return Err(refused("others can read or change it; take that away with `chmod`"));
    }
    Ok(file)
}

fn read(path: &Path, tree: &Path) -> IoResult<Zeroizing<Vec<u8>>> {
    take(open(path, tree, 0o027)?)
}

/// As much as shows that it is too much.
fn take(from: impl Read) -> IoResult<Zeroizing<Vec<u8>>> {
    // Room from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_VALUE + 2));
    from.take(MAX_VALUE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs a program, with nothing of this process's environment, for what it prints.
fn run(path: &Path, tree: &Path) -> IoResult<Zeroizing<Vec<u8>>> {
    open(path, tree, 0o022)?;
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
    let printed = hears.recv_timeout(PATIENCE);
    let whole = matches!(&printed, Ok(Ok(bytes)) if bytes.len() <= MAX_VALUE);
    // One that has printed all may still have something to do, but not for ever.
    let pid = Pid::from_raw(child.id() as i32);
    // Only looked at, not waited for: until then its number is nobody else's, nor that of its group.
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while whole && waitid(Id::Pid(pid), look)? == WaitStatus::StillAlive && Instant::now() < until {
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
            match run(&program, Path::new("/nonexistent")) {
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
