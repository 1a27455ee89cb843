//! Signals that end a command, as something to wait for.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::error::{Blame, Error};
use crate::job::Interrupts;

/// SIGINT, SIGTERM and SIGHUP as orders to stop the run.
pub struct Signals(SignalFd);

impl Signals {
    /// From now on they end nothing by themselves.
    pub fn block() -> Result<Self, Error> {
        Signals::of(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP])
    }

    /// The same of other signals.
    pub fn of(signals: &[Signal]) -> Result<Self, Error> {
        let set: SigSet = signals.iter().copied().collect();
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)
            .and_then(|()| SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK))
            .map(Signals)
            .map_err(|e| Error::new(Blame::Isolation, format!("cannot catch signals: {e}")))
    }
}

impl Signals {
    /// The next one that has come.
    pub fn next(&self) -> Option<Signal> {
        let info = self.0.read_signal().ok().flatten()?;
        i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())
    }
}

impl Interrupts for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn take(&self) -> usize {
        std::iter::from_fn(|| self.0.read_signal().ok().flatten()).count()
    }
}
