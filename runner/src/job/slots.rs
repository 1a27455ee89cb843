//! How many jobs of a run run side by side, also where workflows call others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::eventfd::EventFd;

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
    use nix::sys::eventfd::EfdFlags;

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
}
