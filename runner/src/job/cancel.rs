//! Stopping a job from outside: once asks its steps to end, twice ends them at once.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// How urgently a job is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Not at all.
    None,
    /// The running step is signalled and gets time; steps that run always still run.
    Asked,
    /// At once.
    AtOnce,
}

/// One job's order to stop. Its descriptors become readable and stay so; whoever has seen one stops
/// polling it.
#[derive(Debug)]
pub struct Cancel {
    urgency: AtomicU8,
    /// Why, where that isn't the user's own wish.
    why: OnceLock<String>,
    asked: EventFd,
    at_once: EventFd,
}

impl Cancel {
    /// No order yet.
    pub fn new() -> nix::Result<Cancel> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Cancel {
            urgency: AtomicU8::new(Urgency::None as u8),
            why: OnceLock::new(),
            asked: EventFd::from_flags(flags)?,
            at_once: EventFd::from_flags(flags)?,
        })
    }

    /// Gives the order, or makes it more urgent.
    pub fn order(&self, urgency: Urgency) {
        self.urgency.fetch_max(urgency as u8, Ordering::SeqCst);
        // An event counter that is full is readable already.
        if urgency >= Urgency::Asked {
            let _ = self.asked.write(1);
        }
        if urgency == Urgency::AtOnce {
            let _ = self.at_once.write(1);
        }
    }

    /// Asks to stop, and says why. The first word stands.
    pub fn ask(&self, why: String) {
        let _ = self.why.set(why);
        self.order(Urgency::Asked);
    }

    /// Why the order was given, where somebody said so.
    pub fn why(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// How urgent the order is.
    pub fn urgency(&self) -> Urgency {
        match self.urgency.load(Ordering::SeqCst) {
            0 => Urgency::None,
            1 => Urgency::Asked,
            _ => Urgency::AtOnce,
        }
    }

    /// Readable once the job was asked to stop.
    pub fn asked(&self) -> BorrowedFd<'_> {
        self.asked.as_fd()
    }

    /// Readable once the job is to stop at once.
    pub fn at_once(&self) -> BorrowedFd<'_> {
        self.at_once.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    fn readable(fd: BorrowedFd<'_>) -> bool {
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn an_order_grows_and_never_shrinks() {
        let cancel = Cancel::new().unwrap();
        assert_eq!(cancel.urgency(), Urgency::None);
        assert!(!readable(cancel.asked()) && !readable(cancel.at_once()));
        cancel.order(Urgency::Asked);
        assert!(readable(cancel.asked()) && !readable(cancel.at_once()));
        cancel.order(Urgency::AtOnce);
        cancel.order(Urgency::Asked);
        assert_eq!(cancel.urgency(), Urgency::AtOnce);
        assert!(readable(cancel.asked()) && readable(cancel.at_once()));
        cancel.ask("first".into());
        cancel.ask("second".into());
        assert_eq!((cancel.urgency(), cancel.why()), (Urgency::AtOnce, Some("first")));
    }
}
