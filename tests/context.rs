//! A clean machine round the built binary: fresh directories, a scrubbed environment, and everything it
//! said kept apart.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::binary::palisade;
use crate::redact::redact;

/// As whom commands run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// As the user who runs the tests.
    Current,
    /// As `nobody`, without any group: an ordinary user without subordinate ids. Only root can do that.
    Nobody,
}

/// The id of `nobody`, everywhere.
const NOBODY: u32 = 65534;

impl Identity {
    /// The user id.
    pub fn uid(self) -> u32 {
        match self {
            Identity::Current => nix::unistd::geteuid().as_raw(),
            Identity::Nobody => NOBODY,
        }
    }

    /// Makes a command run as this identity.
    pub fn apply(self, command: &mut Command) {
        if self == Identity::Nobody {
            // Setting the id as root also drops all supplementary groups.
            command.uid(NOBODY).gid(NOBODY);
        }
    }

    /// Gives a path to this identity.
    pub fn own(self, path: &Path) {
        if self == Identity::Nobody {
            chown(path, Some(NOBODY), Some(NOBODY)).expect("root can give a file away");
        }
    }
}

/// Fresh directories for one test, gone at its end.
pub struct Context {
    identity: Identity,
    root: TempDir,
}

impl Context {
    /// For the user who runs the tests.
    pub fn new() -> Context {
        Context::of(Identity::Current)
    }

    /// For an identity.
    pub fn of(identity: Identity) -> Context {
        // Not in /tmp, which is a place of its own inside of the sandbox: a file there would be out of
        // sight for that reason alone.
        let base =
            Some(Path::new("/var/tmp")).filter(|p| p.is_dir()).map_or_else(std::env::temp_dir, Into::into);
        let root = tempfile::Builder::new()
            .prefix("palisade-tests-")
            .tempdir_in(base)
            .expect("a temporary directory");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("own directory");
        let context = Context { identity, root };
        for dir in [
            context.home(),
            context.config(),
            context.state(),
            context.runtime(),
            context.tmp(),
            context.work(),
        ] {
            fs::create_dir_all(&dir).expect("a directory in a fresh one");
            identity.own(&dir);
        }
        fs::set_permissions(context.runtime(), fs::Permissions::from_mode(0o700)).expect("own directory");
        context
    }

    /// As whom commands run.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Everything of this context lies in here.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// `HOME`.
    pub fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// `XDG_CONFIG_HOME`.
    pub fn config(&self) -> PathBuf {
        self.root().join("config")
    }

    /// `XDG_STATE_HOME`.
    pub fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// `XDG_RUNTIME_DIR`.
    pub fn runtime(&self) -> PathBuf {
        self.root().join("runtime")
    }

    /// `TMPDIR`.
    pub fn tmp(&self) -> PathBuf {
        self.root().join("tmp")
    }

    /// The working directory.
    pub fn work(&self) -> PathBuf {
        self.root().join("work")
    }

    /// Writes a file in the working directory, with the directories above it.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> &Context {
        let path = self.work().join(name);
        for dir in Path::new(name).ancestors().skip(1).collect::<Vec<_>>().into_iter().rev() {
            let dir = self.work().join(dir);
            if !dir.exists() {
                fs::create_dir(&dir).expect("a directory below the working directory");
                self.identity.own(&dir);
            }
        }
        fs::write(&path, contents).expect("a file in the working directory");
        self.identity.own(&path);
        self
    }

    /// A command in this context, with nothing of the test's own environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.home())
            .env("XDG_CONFIG_HOME", self.config())
            .env("XDG_STATE_HOME", self.state())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("TMPDIR", self.tmp())
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .current_dir(self.work())
            .stdin(Stdio::null());
        self.identity.apply(&mut command);
        command
    }

    /// `palisade`, to be given arguments and run.
    pub fn palisade(&self) -> Invocation<'_> {
        Invocation { context: self, command: self.command(self.palisade_path()), input: None }
    }

    /// The `palisade` binary, where this identity may run it: cargo's output may lie in a private directory.
    pub fn palisade_path(&self) -> PathBuf {
        match self.identity {
            Identity::Current => palisade().to_path_buf(),
            Identity::Nobody => {
                let copy = self.root().join("bin/palisade");
                if copy.exists() { copy } else { install(palisade(), &self.root().join("bin")) }
            }
        }
    }

    /// Replaces this context's directories and all durations in a text.
    pub fn redact(&self, text: &str) -> String {
        let (home, config, state) = (self.home(), self.config(), self.state());
        let (runtime, tmp, work) = (self.runtime(), self.tmp(), self.work());
        let places = [
            (&*home, "HOME"),
            (&*config, "CONFIG"),
            (&*state, "STATE"),
            (&*runtime, "RUNTIME"),
            (&*tmp, "TMP"),
            (&*work, "WORK"),
            (self.root(), "ROOT"),
        ];
        redact(text, &places)
    }
}

impl Default for Context {
    fn default() -> Self {
        Context::new()
    }
}

/// One run of `palisade`.
#[must_use]
pub struct Invocation<'a> {
    context: &'a Context,
    command: Command,
    input: Option<Vec<u8>>,
}

impl Invocation<'_> {
    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets its working directory, below that of the context.
    pub fn current_dir(mut self, below: &str) -> Self {
        self.command.current_dir(self.context.work().join(below));
        self
    }

    /// Gives it standard input.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// The command behind it, for what this builder doesn't offer.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Outcome {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if self.input.is_some() {
            self.command.stdin(Stdio::piped());
        }
        let mut child = self.command.spawn().expect("palisade starts");
        let writer = self.input.take().zip(child.stdin.take()).map(|(bytes, mut pipe)| {
            // From a thread: both pipes may fill. A closed pipe is the program's own choice.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)))
        });
        let output = child.wait_with_output().expect("palisade ends");
        if let Some(writer) = writer {
            writer.join().expect("writing to a pipe doesn't panic");
        }
        Outcome {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: self.context.redact(&String::from_utf8_lossy(&output.stdout)),
            stderr: self.context.redact(&String::from_utf8_lossy(&output.stderr)),
        }
    }
}

/// How a run of `palisade` ended, with what differs from run to run redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code, if it exited.
    pub code: Option<i32>,
    /// The signal, if it died of one.
    pub signal: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// For snapshots: exit, then both streams.
impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => writeln!(f, "exit code: {code}")?,
            (None, signal) => writeln!(f, "signal: {}", signal.unwrap_or_default())?,
        }
        write!(f, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// Copies a program into a directory that everybody may read.
pub fn install(program: &Path, dir: &Path) -> PathBuf {
    fs::create_dir_all(dir).expect("a directory in a fresh one");
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("own directory");
    let copy = dir.join(program.file_name().expect("a program has a name"));
    write_program(&copy, File::open(program).expect("a program"));
    copy
}

/// Writes a script that everybody may read and execute.
pub fn script(path: &Path, text: &str) {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(text.as_bytes()).and_then(|()| file.rewind()).expect("a temporary file is written");
    write_program(path, file);
}

/// A process of its own writes a program: a test that forks beside this one would hand its child what this
/// process writes with, and what is open for writing can't be executed (`ETXTBSY`, execve(2)).
fn write_program(path: &Path, content: File) {
    let mut writer = Command::new("sh");
    writer.args(["-c", "cat >\"$0\" && chmod 755 \"$0\""]).arg(path).stdin(content);
    assert!(writer.status().expect("sh runs").success(), "{} is written", path.display());
}
