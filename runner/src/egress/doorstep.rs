//! A job's way out before anything takes it. A gateway is a program of its own, and many a job asks for no name: it is
//! started by the first question to the job's name server, before which nothing leads out; what is asked until it runs waits
//! in the job's own sockets. So it is where something was tried by address, which is the gateway's to count.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use palisade_sandbox::{DnsSockets, Inlet, Opened};

use super::OfStep;
use super::gateway::unnamed::UnnamedCount;
use super::gateway::{NAME, Orders};
use super::proxy::Credentials;

/// Where a gateway is started once it is needed.
#[derive(Debug, Default)]
pub struct Doorstep(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    Waiting(Box<Waiting>),
    /// The gateway runs.
    Open(Process),
    /// It can't be started.
    Failed(io::Error),
    /// There is none, and won't be.
    #[default]
    Closed,
}

/// All that a gateway is started with.
#[derive(Debug)]
struct Waiting {
    orders: Orders,
    credentials: Option<Credentials>,
    inlet: UnixStream,
    /// This side's end of the control socket, and the gateway's.
    control: UnixStream,
    theirs: UnixStream,
    /// Once the network stands.
    seen: Option<Arc<Seen>>,
}

/// What shows that a gateway is needed.
#[derive(Debug)]
struct Seen {
    dns: DnsSockets,
    unnamed: UnnamedCount,
}

impl Doorstep {
    /// For a sandbox with this inlet; gives this side's end of the control socket too.
    pub fn new(
        orders: Orders,
        credentials: Option<Credentials>,
        inlet: OwnedFd,
    ) -> io::Result<(Doorstep, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        let (inlet, control) = (inlet.into(), ours.try_clone()?);
        let waiting = Waiting { orders, credentials, inlet, control, theirs, seen: None };
        Ok((Doorstep(Mutex::new(State::Waiting(Box::new(waiting)))), ours))
    }

    /// Waits until a gateway is needed and starts it; false where there is to be none. `control` is this side's end.
    pub fn wait(&self, control: &UnixStream) -> io::Result<bool> {
        let inlet = match &*self.state() {
            State::Waiting(waiting) => Some(waiting.inlet.try_clone()?),
            _ => None,
        };
        if let Some(inlet) = inlet
            && comes([inlet.as_fd()], control)?
        {
            let seen = match &mut *self.state() {
                State::Waiting(waiting) => Some(waiting.seen()),
                _ => None,
            };
            let needed = match seen {
                Some(Some(seen)) => comes([seen.dns.udp.as_fd(), seen.dns.tcp.as_fd()], control)?,
                // The sandbox has ended before its network stood: the gateway will say so.
                Some(None) => true,
                None => false,
            };
            if needed {
                self.state().open();
            }
        }
        let mut state = self.state();
        match std::mem::take(&mut *state) {
            State::Failed(error) => Err(error),
            State::Open(process) => {
                *state = State::Open(process);
                Ok(true)
            }
            State::Waiting(_) | State::Closed => Ok(false),
        }
    }

    /// Takes note that a step begins, with rules where they differ from those of the step before. False where a gateway is
    /// to be told: one that runs, also because of what the step before has tried.
    pub fn enter(&self, step: usize, rules: Option<&OfStep>) -> bool {
        let mut state = self.state();
        let State::Waiting(waiting) = &mut *state else { return false };
        if waiting.is_needed() {
            // By the time that the gateway counts, the next step may have tried more.
            waiting.orders.tried = waiting.seen.as_ref().map(|seen| seen.unnamed.all());
            state.open();
            return false;
        }
        waiting.orders.step = Some(step);
        if let Some(rules) = rules {
            waiting.orders.of_step = rules.clone();
        }
        true
    }

    /// The job is over: a gateway that wasn't needed never will be.
    pub fn finish(&self) {
        let mut state = self.state();
        if let State::Waiting(waiting) = &mut *state {
            match waiting.is_needed() {
                true => state.open(),
                false => *state = State::Closed,
            }
        }
    }

    /// Ends the gateway, where there is one.
    pub fn close(&self) {
        *self.state() = State::Closed;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&mut self) {
        match std::mem::take(self) {
            State::Waiting(waiting) => {
                *self = waiting.start().map_or_else(State::Failed, State::Open);
            }
            other => *self = other,
        }
    }
}

impl Waiting {
    /// What comes to the sandbox's network, once that stands; none where it never will.
    fn seen(&mut self) -> Option<Arc<Seen>> {
        if self.seen.is_none() {
            // Who asks is told to the gateway, which finds it waiting.
            let Opened { dns, counters, sightings: _ } = Inlet::peek(&self.inlet).ok()?;
            self.seen = Some(Arc::new(Seen { dns, unnamed: UnnamedCount::new(counters) }));
        }
        self.seen.clone()
    }

    /// Whether anything was asked or tried.
    fn is_needed(&mut self) -> bool {
        self.seen().is_some_and(|seen| {
            let asked = poll(&mut watched([seen.dns.udp.as_fd(), seen.dns.tcp.as_fd()]), PollTimeout::ZERO);
            asked != Ok(0) || seen.unnamed.all().unnamed > 0
        })
    }

    fn start(self) -> io::Result<Process> {
        let Waiting { mut orders, credentials, inlet, mut control, theirs, seen: _ } = self;
        let child = Command::new("/proc/self/exe")
            .arg0(NAME)
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(inlet)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::null())
            // What ends the job by its own signals must not end this first.
            .process_group(0)
            .spawn()?;
        // From here on an error ends it.
        let process = Process(child);
        let after = credentials.as_ref().map_or("", Credentials::expose);
        orders.credentials = credentials.is_some().then_some(after.len());
        let mut line = serde_json::to_vec(&orders)?;
        line.push(b'\n');
        control.write_all(&line)?;
        control.write_all(after.as_bytes())?;
        Ok(process)
    }
}

/// Waits until one of these can be read; false where the control socket can be, or has no other end any more.
fn comes<const N: usize>(fds: [BorrowedFd<'_>; N], control: &UnixStream) -> io::Result<bool> {
    let mut all: Vec<_> = watched([control.as_fd()]).into_iter().chain(watched(fds)).collect();
    while let Err(errno) = poll(&mut all, PollTimeout::NONE) {
        if errno != Errno::EINTR {
            return Err(errno.into());
        }
    }
    Ok(all[0].any() == Some(false))
}

fn watched<const N: usize>(fds: [BorrowedFd<'_>; N]) -> [PollFd<'_>; N] {
    fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN))
}

/// The process; killed and reaped when dropped.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
