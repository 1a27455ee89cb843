//! A sandbox that stands, and the commands in it.

use std::fs::File;
use std::io::Read;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{Pid, pipe2};

use crate::command::{Command, Exit, Signal, Stdio, What};
use crate::error::{Error, LayerError};
use crate::outside::cgroup::{Cgroup, Reached};
use crate::outside::{plan, remedy, spawn};
use crate::report::{LayerId, LayerReport, LayerState, Report};
use crate::shared_dir::SharedDir;
use crate::spec::{InitMemory, Network, Spec};
use crate::sys::process::{copy_terminal_size, terminal_peer};
use crate::wire::{self, Identity, Opened, Outcome, Reply, Request, Run};

/// A sandbox whose init has been started and is setting it up.
#[derive(Debug)]
#[must_use = "a sandbox ends when this is dropped"]
pub struct Starting {
    init: Init,
    identity: Identity,
    inlet: Option<OwnedFd>,
    /// Yet to come.
    awaits_dir: bool,
    shared_dir: Option<SharedDir>,
}

/// A sandbox: set up once, runs many commands. Dropping it kills everything in it.
#[derive(Debug)]
pub struct Sandbox {
    init: Init,
    report: Report,
    shared_dir: Option<SharedDir>,
}

/// An init that was started ahead of time, while its caller finds out what the sandbox is to be: it has its namespaces
/// and waits. It is used once, or ends when this is dropped.
#[derive(Debug)]
pub struct Spare {
    init: Init,
}

/// The init process; killed and reaped when dropped.
#[derive(Debug)]
struct Init {
    pid: Pid,
    control: UnixStream,
    /// Dropped after the process has ended.
    cgroup: Option<Cgroup>,
}

impl Drop for Init {
    fn drop(&mut self) {
        spawn::kill(self.pid);
    }
}

impl Starting {
    /// Orders a command, which starts as soon as the sandbox stands, and never where it doesn't: saves the
    /// way there and back.
    pub fn spawn(&self, command: Command) -> Result<Child, Error> {
        self.init.spawn(command)
    }

    /// Orders an empty directory below `/home` or `/tmp` that the specification didn't know of
    /// ([`Spec::directory`]): it is there for every command that is ordered later. Where it can't be made, the sandbox
    /// ends.
    pub fn make_directory(&self, at: &Path) -> Result<(), Error> {
        let at = plan::directory(at)?;
        wire::send(&self.init.control, &Request::Directory(at), &[])
            .map_err(|e| Error::Ended(format!("before a directory was made in it: {e}")))
    }

    /// The gateway's way in, once: for the process that opens an [`Inlet`](crate::Inlet) with it. There is none
    /// where the specification asks for no gateway or the layer `net` is off.
    pub fn take_inlet(&mut self) -> Option<OwnedFd> {
        self.inlet.take()
    }

    /// Waits until the sandbox stands. Every layer that isn't off by configuration then holds, or is
    /// degraded where the specification allows that.
    pub fn ready(mut self) -> Result<Sandbox, Error> {
        self.shared_dir()?;
        match self.reply()? {
            (Reply::Ready(report), _) => Ok(Sandbox { init: self.init, report, shared_dir: self.shared_dir }),
            (Reply::SharedDir | Reply::Failed(_), _) => Err(confused()),
        }
    }

    /// The directory that the specification asked for: waits until it is there, which is well before the sandbox stands.
    /// What it gets then is what the first command finds.
    pub fn shared_dir(&mut self) -> Result<Option<&SharedDir>, Error> {
        if std::mem::take(&mut self.awaits_dir) {
            let (Reply::SharedDir, fds) = self.reply()? else { return Err(confused()) };
            self.shared_dir = fds.into_iter().next().map(|dir| SharedDir::new(dir, self.identity));
        }
        Ok(self.shared_dir.as_ref())
    }

    /// What init says next, unless it failed.
    fn reply(&self) -> Result<(Reply, Vec<OwnedFd>), Error> {
        match wire::receive(&self.init.control) {
            Ok(Some((Reply::Failed(error), _))) => Err(Error::Layer(remedy::add(error))),
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(ended("its init went away".into())),
            Err(e) => Err(ended(e.to_string())),
        }
    }
}

fn ended(what: String) -> Error {
    Error::Ended(format!("while it was set up: {what}"))
}

fn confused() -> Error {
    ended("its init said something else than was to come".into())
}

impl Spare {
    /// Starts one. The memory is as [`Spec::init_memory`] has it.
    pub fn start(memory: InitMemory) -> Result<Spare, Error> {
        crate::armed()?;
        let init = Init::start(memory, |_| false)?;
        wire::send(&init.control, &Request::Prepare, &[])
            .map_err(|e| Error::Ended(format!("before it was prepared: {e}")))?;
        Ok(Spare { init })
    }

    /// Whether a sandbox of this specification can be made of it: one with all of its namespaces.
    fn suits(&self, spec: &Spec) -> bool {
        let namespaces = [LayerId::Ipc, LayerId::Uts, LayerId::Cgroup, LayerId::Net];
        spec.network != Network::Host && !namespaces.iter().any(|layer| spec.off.contains(layer))
    }
}

impl Sandbox {
    /// Starts to set a sandbox up; the caller can do other work until [`Starting::ready`].
    pub fn start(spec: &Spec) -> Result<Starting, Error> {
        Sandbox::start_with(None, spec)
    }

    /// The same, with an init that was started ahead of time, where there is one that suits.
    pub fn start_with(spare: Option<Spare>, spec: &Spec) -> Result<Starting, Error> {
        crate::armed()?;
        let off =
            |layer| spec.off.contains(&layer) || (layer == LayerId::Net && spec.network == Network::Host);
        if let Some(layer) = [LayerId::User, LayerId::Mount, LayerId::Pid].into_iter().find(|l| off(*l)) {
            return Err(Error::Spec(format!(
                "layer `{layer}` can't be switched off: the others stand on it"
            )));
        }
        let mut init = match spare.filter(|spare| spare.suits(spec)) {
            Some(spare) => spare.init,
            None => Init::start(spec.init_memory, off)?,
        };
        if !off(LayerId::Limits) {
            init.cgroup = Cgroup::create(init.pid, &spec.limits).map_err(|e| {
                Error::Layer(LayerError::new(LayerId::Limits, e.to_string(), spawn::errno_of(&e)))
            })?;
        }
        let planned = plan::make(spec, init.pid, init.cgroup.as_ref())?;
        let identity = planned.plan.identity;
        let inlet = match planned.plan.network.has_gateway() {
            true => Some(UnixStream::pair().map_err(|e| {
                Error::Layer(LayerError::new(LayerId::Net, "make a socket pair", spawn::errno_of(&e)))
            })?),
            false => None,
        };
        let theirs = inlet.as_ref().map(|(_, theirs)| theirs.as_raw_fd());
        let fds: Vec<_> = planned.trees.iter().map(AsRawFd::as_raw_fd).chain(theirs).collect();
        wire::send(&init.control, &Request::Setup(Box::new(planned.plan)), &fds)
            .map_err(|e| Error::Ended(format!("before it was set up: {e}")))?;
        let (inlet, awaits_dir) = (inlet.map(|(ours, _)| ours.into()), spec.shared_dir.is_some());
        Ok(Starting { init, identity, inlet, awaits_dir, shared_dir: None })
    }

    /// Sets a sandbox up.
    pub fn create(spec: &Spec) -> Result<Sandbox, Error> {
        Sandbox::start(spec)?.ready()
    }

    /// How each layer stands.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// How often it reached limits of all its processes together.
    pub fn reached(&self) -> Reached {
        self.init.cgroup.as_ref().map(Cgroup::reached).unwrap_or_default()
    }

    /// The directory that the specification asked for.
    pub fn shared_dir(&self) -> Option<&SharedDir> {
        self.shared_dir.as_ref()
    }

    /// Starts a command. A program that can't be executed shows in [`Child::wait`].
    pub fn spawn(&self, command: Command) -> Result<Child, Error> {
        self.init.spawn(command)
    }

    /// Ends the sandbox without waiting for the kernel to take its namespaces down: for a caller that is
    /// about to exit. No process of it runs any more when a command has ended and stragglers are killed;
    /// init itself goes as soon as the caller's end of its socket is closed.
    pub fn end(self) {
        let Sandbox { init, .. } = self;
        // A cgroup can be removed only when it is empty, so then the wait is worth it.
        if init.cgroup.is_none() {
            let _ = nix::sys::signal::kill(init.pid, nix::sys::signal::Signal::SIGKILL);
            std::mem::forget(init);
        }
    }

    /// Opens a pseudo-terminal of the sandbox's own; a command gets its slave side as its standard
    /// descriptors and [`Command::controlling_terminal`].
    pub fn open_terminal(&self) -> Result<Terminal, Error> {
        let failed = |e: std::io::Error| Error::Ended(format!("while it opened a terminal: {e}"));
        let master = self.open(&Request::Terminal).map_err(failed)?;
        Ok(Terminal { master })
    }

    /// Opens a socket that listens on the sandbox's own loopback, for the caller to answer there: only commands of
    /// the sandbox can reach it. An error where the sandbox has the host's network.
    pub fn listen(&self) -> Result<TcpListener, Error> {
        let own =
            |line: &&LayerReport| line.layer == LayerId::Net && !matches!(line.state, LayerState::Off(_));
        if !self.report.layers.iter().any(|line| own(&line)) {
            return Err(Error::Spec("it has no network of its own that a socket could listen in".into()));
        }
        let failed = |e: std::io::Error| Error::Ended(format!("while it opened a socket: {e}"));
        self.open(&Request::Listen).map(TcpListener::from).map_err(failed)
    }

    /// Has init open something.
    fn open(&self, request: &Request) -> std::io::Result<OwnedFd> {
        let (ours, theirs) = UnixStream::pair()?;
        wire::send(&self.init.control, request, &[theirs.as_raw_fd()])?;
        drop(theirs);
        match wire::receive::<Opened>(&ours)? {
            Some((Opened(None), fds)) => fds.into_iter().next().ok_or_else(|| Errno::EBADF.into()),
            Some((Opened(Some(errno)), _)) => Err(Errno::from_raw(errno).into()),
            None => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Sends a signal to every process in the sandbox.
    pub fn signal(&self, signal: Signal) -> Result<(), Error> {
        wire::send(&self.init.control, &Request::Signal(signal), &[])
            .map_err(|e| Error::Ended(format!("before a signal could be passed on: {e}")))
    }
}

impl Init {
    fn start(memory: InitMemory, off: impl Fn(LayerId) -> bool) -> Result<Init, Error> {
        let spawn::Started { pid, control } = spawn::init(memory, off).map_err(Error::Layer)?;
        Ok(Init { pid, control, cgroup: None })
    }

    fn spawn(&self, command: Command) -> Result<Child, Error> {
        let (program, what) = match command.what {
            What::Program(program) => (
                program.to_string_lossy().into_owned(),
                wire::What::Program(wire::c_string("program", program)?),
            ),
            What::Builtin(name) if crate::builtin(name).is_none() => {
                return Err(Error::Spec(format!(
                    "there is no builtin `{name}`; give it to `palisade_sandbox::init_if_asked`"
                )));
            }
            What::Builtin(name) => (name.to_owned(), wire::What::Builtin(name.to_owned())),
        };
        let run = Run {
            what,
            args: command
                .args
                .into_iter()
                .map(|arg| wire::c_string("argument", arg))
                .collect::<Result<_, _>>()?,
            env: environment(&command.env)?,
            current_dir: wire::c_string("working directory", command.current_dir.into_os_string())?,
            terminal: command.pty,
        };
        let lost = |e: std::io::Error| Error::Ended(format!("before `{program}` was started: {e}"));
        let (outcome, theirs) = pipe2(OFlag::O_CLOEXEC).map_err(|e| lost(e.into()))?;
        let stdio: Vec<OwnedFd> = command
            .stdio
            .into_iter()
            .enumerate()
            .map(|(number, stdio)| descriptor(number, stdio))
            .collect::<Result<_, _>>()
            .map_err(|e| Error::Spec(format!("cannot run `{program}`: {e}")))?;
        let fds: Vec<_> = stdio.iter().chain([&theirs]).map(AsRawFd::as_raw_fd).collect();
        wire::send(&self.control, &Request::Run(run), &fds).map_err(lost)?;
        Ok(Child { program, outcome: File::from(outcome) })
    }
}

/// `KEY=VALUE` strings; the last of a name stands.
fn environment(env: &[(std::ffi::OsString, std::ffi::OsString)]) -> Result<Vec<std::ffi::CString>, Error> {
    let mut last = std::collections::HashMap::with_capacity(env.len());
    for (index, (key, _)) in env.iter().enumerate() {
        last.insert(key.as_os_str(), index);
    }
    env.iter()
        .enumerate()
        .filter(|(index, (key, _))| last.get(key.as_os_str()) == Some(index))
        .map(|(_, (key, value))| {
            let mut entry = Vec::with_capacity(key.len() + value.len() + 2);
            entry.extend_from_slice(key.as_bytes());
            entry.push(b'=');
            entry.extend_from_slice(value.as_bytes());
            std::ffi::CString::new(entry).map_err(|_| {
                let name = key.to_string_lossy();
                Error::Spec(format!("environment variable `{}` holds a NUL byte", name.escape_debug()))
            })
        })
        .collect()
}

fn descriptor(number: usize, stdio: Stdio) -> std::io::Result<OwnedFd> {
    let fd = match stdio {
        Stdio::Null => return Ok(File::options().read(true).write(true).open("/dev/null")?.into()),
        Stdio::Fd(fd) => fd,
        Stdio::Inherit => match number {
            0 => std::io::stdin().as_fd().try_clone_to_owned()?,
            1 => std::io::stdout().as_fd().try_clone_to_owned()?,
            _ => std::io::stderr().as_fd().try_clone_to_owned()?,
        },
    };
    let kind = SFlag::from_bits_truncate(fstat(&fd)?.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFDIR {
        // One fchdir(2) would be out of the root.
        let name = ["input", "output", "error"][number];
        return Err(std::io::Error::other(format!("standard {name} is a directory of the host")));
    }
    Ok(fd)
}

/// The master side of a pseudo-terminal in a sandbox.
#[derive(Debug)]
pub struct Terminal {
    master: OwnedFd,
}

impl Terminal {
    /// Opens the slave side.
    pub fn slave(&self) -> std::io::Result<OwnedFd> {
        Ok(terminal_peer(self.master.as_fd())?)
    }

    /// Gives it the size of another terminal.
    pub fn resize_as(&self, other: BorrowedFd<'_>) -> std::io::Result<()> {
        Ok(copy_terminal_size(other, self.master.as_fd())?)
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}

/// A command that has been started. Its descriptor becomes readable when its end is known; dropping it
/// lets the command run on.
#[derive(Debug)]
pub struct Child {
    program: String,
    outcome: File,
}

impl AsFd for Child {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.outcome.as_fd()
    }
}

impl Child {
    /// Waits for its end. By then its stragglers are gone too, unless the specification keeps them.
    pub fn wait(mut self) -> Result<Exit, Error> {
        let mut bytes = Vec::new();
        self.outcome
            .read_to_end(&mut bytes)
            .map_err(|e| Error::Ended(format!("while `{}` ran: {e}", self.program)))?;
        match postcard::from_bytes(&bytes) {
            Ok(Outcome::Ended(exit)) => Ok(exit),
            Ok(Outcome::NotStarted { stage, errno }) => {
                Err(Error::Start { program: self.program, what: stage, errno: Errno::from_raw(errno) })
            }
            Err(_) => Err(Error::Ended(format!("while `{}` ran: its init was killed", self.program))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_stands_and_a_mistake_names_no_value() {
        let pairs = |pairs: &[(&str, &str)]| {
            environment(&pairs.iter().map(|(key, value)| (key.into(), value.into())).collect::<Vec<_>>())
        };
        let entries = pairs(&[("A", "1"), ("B", "2"), ("A", "3")]).unwrap();
        assert_eq!(entries, [c"B=2".to_owned(), c"A=3".to_owned()]);
        let error = pairs(&[("A\n", "secret\0")]).unwrap_err().to_string();
        assert!(error.contains(r"`A\n` holds a NUL byte") && !error.contains("secret"), "{error}");
    }
}
