//! Init's loop: starts commands on request, reaps, passes signals on, and ends when its caller does.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::confine::Confinement;
use super::root::make_directories;
use super::witness::Witness;
use super::{net, step};
use crate::command::{Exit, Status};
use crate::spec::Stragglers;
use crate::sys::process::{Ended, reap, unlock_terminal};
use crate::wire::{self, Opened, Outcome, Request, Run};

/// A command that runs, and the pipe that its outcome goes to.
struct Running {
    pid: Pid,
    outcome: File,
}

/// Serves the caller, the gateway's requests for sockets, and calls that wait to be seen, until the caller's end of the
/// socket is closed; gives init's exit code.
pub fn serve(
    control: &UnixStream,
    mut gateway: Option<UnixStream>,
    mut witness: Option<Witness>,
    confinement: Confinement,
    stragglers: Stragglers,
) -> i32 {
    let mut init = Init { confinement, stragglers, running: Vec::new() };
    let mut children = SigSet::empty();
    children.add(Signal::SIGCHLD);
    if sigprocmask(SigmaskHow::SIG_BLOCK, Some(&children), None).is_err() {
        return 1;
    }
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let Ok(ended) = SignalFd::with_flags(&children, flags) else { return 1 };
    loop {
        let patience = witness.as_mut().map_or(PollTimeout::NONE, Witness::ring);
        let mut fds = vec![
            PollFd::new(control.as_fd(), PollFlags::POLLIN),
            PollFd::new(ended.as_fd(), PollFlags::POLLIN),
        ];
        let others = [gateway.as_ref().map(AsFd::as_fd), witness.as_ref().map(Witness::listener)];
        fds.extend(others.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)));
        match poll(&mut fds, patience) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return 1,
        }
        let mut ready = fds.iter().map(|fd| fd.any() == Some(true));
        let [ordered, child] = [0, 1].map(|_| ready.next() == Some(true));
        let [asked, seen] = others.map(|fd| fd.is_some() && ready.next() == Some(true));
        if let Some(witness) = witness.as_mut().filter(|_| seen) {
            witness.attend();
        }
        if child {
            while let Ok(Some(_)) = ended.read_signal() {}
            init.reap();
        }
        if asked {
            gateway = gateway.filter(net::inlet::answer);
        }
        if ordered {
            match wire::receive::<Request>(control) {
                Ok(Some((Request::Run(run), fds))) => init.run(run, fds),
                Ok(Some((Request::Signal(signal), _))) => {
                    let _ = kill(EVERYBODY, Signal::try_from(signal.number()).unwrap_or(Signal::SIGKILL));
                }
                // Whoever asks for it has commands that count on it.
                Ok(Some((Request::Directory(at), _))) => {
                    if in_root(&at).is_err() {
                        return 1;
                    }
                }
                Ok(Some((Request::Terminal, fds))) => open_terminal(fds),
                Ok(Some((Request::Listen, fds))) => net::listen::answer(fds),
                // The caller is gone, or isn't one that we understand: the kernel ends the rest.
                Ok(Some((Request::Prepare | Request::Setup(_), _)) | None) | Err(_) => return 0,
            }
        }
    }
}

/// To PID 1, all processes but itself: kill(2).
const EVERYBODY: Pid = Pid::from_raw(-1);

struct Init {
    confinement: Confinement,
    stragglers: Stragglers,
    running: Vec<Running>,
}

impl Init {
    fn run(&mut self, run: Run, fds: Vec<OwnedFd>) {
        let Ok([stdin, stdout, stderr, outcome]) = <[OwnedFd; 4]>::try_from(fds) else { return };
        let outcome = File::from(outcome);
        match step::start(run, &[stdin, stdout, stderr], &self.confinement) {
            Ok(pid) => self.running.push(Running { pid, outcome }),
            Err((stage, errno)) => report(outcome, &Outcome::NotStarted { stage, errno: errno as i32 }),
        }
    }

    fn reap(&mut self) {
        while let Ok(Some(ended)) = reap(false) {
            self.ended(ended);
        }
    }

    /// A child has ended: a command, or an orphan that init has inherited.
    fn ended(&mut self, ended: Ended) {
        let Some(index) = self.running.iter().position(|r| r.pid == ended.pid) else { return };
        let Running { outcome, .. } = self.running.swap_remove(index);
        // With other commands still running, nobody can tell whose the rest is.
        let killed =
            if self.stragglers == Stragglers::Kill && self.running.is_empty() { kill_everybody() } else { 0 };
        report(
            outcome,
            &Outcome::Ended(Exit { status: ended.status, usage: ended.usage, stragglers: killed }),
        );
    }
}

/// Kills all processes in the sandbox and waits until they are gone; gives how many there were. One pass
/// is enough: the kernel signals them all at once, and a fork in the middle fails for its pending signal.
fn kill_everybody() -> u32 {
    while let Ok(Some(_)) = reap(false) {}
    if kill(EVERYBODY, Signal::SIGKILL).is_err() {
        return 0;
    }
    let mut killed = 0;
    while let Ok(Some(ended)) = reap(true) {
        killed += u32::from(ended.status == Status::Signal(libc::SIGKILL));
    }
    killed
}

/// Makes a directory and its parents on the scratch file system.
fn in_root(at: &Path) -> Result<(), Errno> {
    let root = open(c"/", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    make_directories(root.as_fd(), at)
}

/// Opens a pseudo-terminal of the sandbox's own instance and sends its master side.
fn open_terminal(fds: Vec<OwnedFd>) {
    let Some(answer) = fds.into_iter().next().map(UnixStream::from) else { return };
    let opened = open(c"/dev/ptmx", OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty())
        .and_then(|master| unlock_terminal(master.as_fd()).map(|()| master));
    let _ = match opened {
        Ok(master) => wire::send(&answer, &Opened(None), &[master.as_raw_fd()]),
        Err(errno) => wire::send(&answer, &Opened(Some(errno as i32)), &[]),
    };
}

fn report(mut to: File, outcome: &Outcome) {
    if let Ok(bytes) = postcard::to_stdvec(outcome) {
        // A caller that has closed its end doesn't want to know.
        let _ = to.write_all(&bytes);
    }
}
