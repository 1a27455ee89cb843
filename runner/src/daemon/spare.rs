//! The process of the next job, which is started ahead, so that the job finds it ready: it has its namespaces and waits.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use super::process::Ready;

/// One, or none.
#[derive(Debug, Default)]
pub struct Spare(Mutex<Option<Ready>>);

impl Spare {
    /// Takes the one that there is. One that is being made is waited for.
    pub fn take(&self) -> Option<Ready> {
        self.lock().take().filter(Ready::is_waiting)
    }

    /// Has one be there, unless somebody else sees to it.
    pub fn prepare(&self, make: impl FnOnce() -> io::Result<Option<Ready>>) {
        let mut spare = match self.0.try_lock() {
            Ok(spare) => spare,
            Err(TryLockError::Poisoned(spare)) => spare.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if !spare.as_ref().is_some_and(Ready::is_waiting) {
            // The job that finds none makes its own, and tells why that fails.
            *spare = make().unwrap_or_default();
        }
    }

    /// Has one be there that wasn't needed after all.
    pub fn put_back(&self, ready: Ready) {
        self.lock().get_or_insert(ready);
    }

    /// Has none be there.
    pub fn discard(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Ready>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
