//! How many jobs of a run run side by side, also where workflows call others.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// The places for jobs.
#[derive(Debug)]
pub struct Slots(Mutex<State>);

#[derive(Debug)]
struct State {
    free: usize,
    /// Who wants to know of a place that becomes free.
    waiting: Vec<Arc<EventFd>>,
    /// How many workflows were called.
    calls: usize,
}

/// Most workflows that are called in a run: matrices of calls of calls multiply.
pub const MAX_CALLS: usize = 1000;

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Slot(Arc<Slots>);

impl Slots {
    /// So many places.
    pub fn new(free: usize) -> Arc<Slots> {
        Arc::new(Slots(Mutex::new(State { free, waiting: Vec::new(), calls: 0 })))
    }

    /// Counts the call of a workflow; whether there may be one more.
    pub fn count_call(&self) -> bool {
        let mut state = self.state();
        state.calls += 1;
        state.calls <= MAX_CALLS
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place. Where there is none, `wake` is written to once there is one that can be asked for again.
    pub fn take(self: &Arc<Self>, wake: &Arc<EventFd>) -> Option<Slot> {
        let mut state = self.state();
        if state.free == 0 {
            if !state.waiting.iter().any(|known| Arc::ptr_eq(known, wake)) {
                state.waiting.push(wake.clone());
            }
            return None;
        }
        state.free -= 1;
        Some(Slot(self.clone()))
    }

    /// Takes a place as soon as there is one; `None` once `stop` is readable.
    pub fn wait(self: &Arc<Self>, stop: BorrowedFd<'_>) -> nix::Result<Option<Slot>> {
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        loop {
            if let Some(slot) = self.take(&wake) {
                return Ok(Some(slot));
            }
            let mut fds =
                [PollFd::new(wake.as_fd(), PollFlags::POLLIN), PollFd::new(stop, PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => return Err(e),
            }
            if fds[1].any() == Some(true) {
                return Ok(None);
            }
            let _ = wake.read();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.free += 1;
        for waiting in state.waiting.drain(..) {
            // A counter that is full is readable already.
            let _ = waiting.write(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_told_of_a_free_place() {
        let slots = Slots::new(1);
        let wake = || Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap());
        let (first, second) = (wake(), wake());
        let slot = slots.take(&first).unwrap();
        assert!(slots.take(&first).is_none() && slots.take(&second).is_none());
        assert!(first.read().is_err());
        drop(slot);
        assert!(first.read().is_ok() && second.read().is_ok());
        assert!(slots.take(&second).is_some());
    }

    #[test]
    fn a_place_is_waited_for_until_there_is_an_order_to_stop() {
        let slots = Slots::new(1);
        let stop = EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap();
        let slot = slots.wait(stop.as_fd()).unwrap().unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| slots.wait(stop.as_fd()).unwrap().is_some());
            drop(slot);
            assert!(waiting.join().unwrap());
            let slot = slots.take(&Arc::new(EventFd::new().unwrap())).unwrap();
            let waiting = scope.spawn(|| slots.wait(stop.as_fd()).unwrap().is_some());
            stop.write(1).unwrap();
            assert!(!waiting.join().unwrap());
            drop(slot);
        });
    }
}
