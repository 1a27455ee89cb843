//! How many jobs run at a time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The places that jobs take. Cheap to clone; all clones are the same.
#[derive(Clone, Debug)]
pub struct Slots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    counts: Mutex<Counts>,
    /// A place has become free, where there was none.
    freed: Condvar,
    /// Those who pause are to look again.
    called: Condvar,
}

#[derive(Debug)]
struct Counts {
    capacity: usize,
    taken: usize,
}

/// A place; it becomes free with this.
#[derive(Debug)]
pub struct Slot(Slots);

impl Slots {
    /// So many, all free.
    pub fn new(capacity: usize) -> Slots {
        let (freed, called) = Default::default();
        Slots(Arc::new(Shared { counts: Mutex::new(Counts { capacity, taken: 0 }), freed, called }))
    }

    /// Takes a place as soon as one is free; none once `enough`.
    pub fn take(&self, enough: impl Fn() -> bool) -> Option<Slot> {
        let full = |counts: &mut Counts| counts.taken >= counts.capacity && !enough();
        let counts = self.counts();
        let mut counts = self.0.freed.wait_while(counts, full).unwrap_or_else(PoisonError::into_inner);
        if enough() {
            return None;
        }
        counts.taken += 1;
        Some(Slot(self.clone()))
    }

    /// Takes a place although there may be none: for a job that runs already.
    pub fn take_anyway(&self) -> Slot {
        self.counts().taken += 1;
        Slot(self.clone())
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.counts().taken
    }

    /// Changes how many there are. Jobs that run go on.
    pub fn set_capacity(&self, capacity: usize) {
        self.counts().capacity = capacity;
        self.wake();
    }

    /// Has all who wait look again whether it is enough.
    pub fn wake(&self) {
        // Whoever has looked and not yet begun to wait holds the lock.
        drop(self.counts());
        self.0.freed.notify_all();
        self.0.called.notify_all();
    }

    /// Waits for a moment, or for `enough`.
    pub fn wait_until(&self, until: Instant, enough: impl Fn() -> bool) {
        let mut counts = self.counts();
        while !enough() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            counts = self.0.called.wait_timeout(counts, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.0.counts();
        let was_full = counts.taken >= counts.capacity;
        counts.taken -= 1;
        drop(counts);
        // Each question to a forge takes a place for a moment: most of the time nobody waits for it.
        if was_full {
            self.0.0.freed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_once_and_free_again() {
        let slots = Slots::new(1);
        let slot = slots.take(|| false).unwrap();
        let waiting = std::thread::spawn({
            let slots = slots.clone();
            move || slots.take(|| false).is_some()
        });
        drop(slot);
        assert!(waiting.join().unwrap());
        let _anyway = (slots.take_anyway(), slots.take_anyway());
        assert!(slots.take(|| true).is_none());
        slots.set_capacity(3);
        assert!(slots.take(|| false).is_some());
    }
}
