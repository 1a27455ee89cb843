//! How many jobs run at a time: in all, and of one registration.

use std::collections::{BTreeMap, HashMap};
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
    capacity: Capacity,
    taken: usize,
    /// How many of these each registration has.
    of: HashMap<String, usize>,
}

/// How many places there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// In all.
    pub all: usize,
    /// At most of a registration; of one that isn't here, as many as there are.
    pub of: BTreeMap<String, usize>,
}

/// A place of a registration's; it becomes free with this.
#[derive(Debug)]
pub struct Slot(Slots, String);

impl Counts {
    fn is_full(&self, runner: &str) -> bool {
        let own = self.of.get(runner).copied().unwrap_or_default();
        self.taken >= self.capacity.all || self.capacity.of.get(runner).is_some_and(|most| own >= *most)
    }

    fn take(&mut self, runner: &str) {
        self.taken += 1;
        *self.of.entry(runner.to_owned()).or_default() += 1;
    }

    fn leave(&mut self, runner: &str) {
        self.taken -= 1;
        if let Some(own) = self.of.get_mut(runner) {
            *own -= 1;
        }
    }
}

impl Slots {
    /// So many, all free.
    pub fn new(capacity: Capacity) -> Slots {
        let (freed, called, of) = Default::default();
        Slots(Arc::new(Shared { counts: Mutex::new(Counts { capacity, taken: 0, of }), freed, called }))
    }

    /// Takes a place for a job of a registration as soon as one is free; none once `enough`.
    pub fn take(&self, runner: &str, enough: impl Fn() -> bool) -> Option<Slot> {
        let full = |counts: &mut Counts| counts.is_full(runner) && !enough();
        let counts = self.counts();
        let mut counts = self.0.freed.wait_while(counts, full).unwrap_or_else(PoisonError::into_inner);
        if enough() {
            return None;
        }
        counts.take(runner);
        Some(Slot(self.clone(), runner.to_owned()))
    }

    /// Takes a place although there may be none: for a job that runs already.
    pub fn take_anyway(&self, runner: &str) -> Slot {
        self.counts().take(runner);
        Slot(self.clone(), runner.to_owned())
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.counts().taken
    }

    /// Changes how many there are. Jobs that run go on.
    pub fn set_capacity(&self, capacity: Capacity) {
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
        let was_full = counts.is_full(&self.1);
        counts.leave(&self.1);
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
        let slots = Slots::new(Capacity { all: 1, ..Capacity::default() });
        let slot = slots.take("a", || false).unwrap();
        let waiting = std::thread::spawn({
            let slots = slots.clone();
            move || slots.take("b", || false).is_some()
        });
        drop(slot);
        assert!(waiting.join().unwrap());
        let _anyway = (slots.take_anyway("a"), slots.take_anyway("b"));
        assert!(slots.take("a", || true).is_none());
        slots.set_capacity(Capacity { all: 3, ..Capacity::default() });
        assert!(slots.take("a", || false).is_some());
    }

    #[test]
    fn a_registration_takes_no_more_places_than_it_may() {
        let slots = Slots::new(Capacity { all: 3, of: BTreeMap::from([("a".to_owned(), 1)]) });
        let first = slots.take("a", || false).unwrap();
        let others = (slots.take("b", || false).unwrap(), slots.take("b", || false).unwrap());
        drop(others);
        let waiting = std::thread::spawn({
            let slots = slots.clone();
            move || slots.take("a", || false).map(|slot| slot.1.clone())
        });
        drop(first);
        assert_eq!(waiting.join().unwrap().as_deref(), Some("a"));
        assert_eq!(slots.taken(), 0);
    }
}
