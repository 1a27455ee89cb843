//! One command in a sandbox, and how it ended. Mirrors `std::process`, with two differences: the
//! environment starts empty, and a failed sandbox is never confused with a failed program.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A command to run in a [`Sandbox`](crate::Sandbox).
#[derive(Debug)]
pub struct Command {
    pub(crate) what: What,
    pub(crate) args: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) current_dir: PathBuf,
    pub(crate) stdio: [Stdio; 3],
    pub(crate) pty: bool,
}

/// What a command runs.
#[derive(Debug)]
pub(crate) enum What {
    Program(OsString),
    Builtin(&'static str),
}

/// Where one of the three standard descriptors leads.
#[derive(Debug)]
pub enum Stdio {
    /// `/dev/null`.
    Null,
    /// The caller's own descriptor of the same number.
    Inherit,
    /// This descriptor.
    Fd(OwnedFd),
}

impl Command {
    /// A command with an empty environment, in `/`, with all three descriptors on `/dev/null`.
    /// A `program` without a slash is looked up in the `PATH` of the command's own environment.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self::of(What::Program(program.as_ref().to_owned()))
    }

    /// As [`new`](Self::new), but a function that the program has given to
    /// [`init_if_asked`](crate::init_if_asked) under this name, so that nothing in the sandbox is relied on. It
    /// runs in a process of its own, confined as any command, that begins with a copy of init's memory: there
    /// may be what commands before it were given. Commands can't read it, and it must not pass it on.
    pub fn builtin(name: &'static str) -> Self {
        Self::of(What::Builtin(name))
    }

    fn of(what: What) -> Self {
        Command {
            what,
            args: Vec::new(),
            env: Vec::new(),
            current_dir: PathBuf::from("/"),
            stdio: [Stdio::Null, Stdio::Null, Stdio::Null],
            pty: false,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds an environment variable; a later one of the same name stands.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The working directory, a path inside the sandbox.
    pub fn current_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.current_dir = path.as_ref().to_owned();
        self
    }

    /// Standard input.
    pub fn stdin(mut self, stdio: Stdio) -> Self {
        self.stdio[0] = stdio;
        self
    }

    /// Standard output.
    pub fn stdout(mut self, stdio: Stdio) -> Self {
        self.stdio[1] = stdio;
        self
    }

    /// Standard error.
    pub fn stderr(mut self, stdio: Stdio) -> Self {
        self.stdio[2] = stdio;
        self
    }

    /// Makes standard input, which must then be a terminal, the controlling terminal of the command's
    /// session. Give it a fresh pseudo-terminal, never the caller's own.
    pub fn controlling_terminal(mut self, yes: bool) -> Self {
        self.pty = yes;
        self
    }
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code or signal.
    pub status: Status,
    /// What it and the children that it waited for have used.
    pub usage: Usage,
    /// How many processes it left behind that were killed after it.
    pub stragglers: u32,
}

/// Exit code or signal of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Status {
    /// The code as a shell would report it: 128 + n for signal n.
    pub fn shell_code(self) -> i32 {
        match self {
            Status::Code(code) => code,
            Status::Signal(signal) => 128 + signal,
        }
    }

    /// Exit code 0.
    pub fn success(self) -> bool {
        self == Status::Code(0)
    }
}

/// Resources used, from `getrusage(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// Largest resident set of one process, in bytes.
    pub max_rss: u64,
}

/// A signal that the sandbox passes on to the commands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// SIGINT
    Interrupt,
    /// SIGTERM
    Terminate,
    /// SIGHUP
    Hangup,
    /// SIGQUIT
    Quit,
    /// SIGUSR1
    User1,
    /// SIGUSR2
    User2,
    /// SIGKILL
    Kill,
}

impl Signal {
    pub(crate) fn number(self) -> i32 {
        match self {
            Signal::Interrupt => libc::SIGINT,
            Signal::Terminate => libc::SIGTERM,
            Signal::Hangup => libc::SIGHUP,
            Signal::Quit => libc::SIGQUIT,
            Signal::User1 => libc::SIGUSR1,
            Signal::User2 => libc::SIGUSR2,
            Signal::Kill => libc::SIGKILL,
        }
    }
}
