//! The launcher's absence, where jobs are started by one: for a moment it is waited for with a job that was taken, and then
//! none is taken until it is there again.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Journal, Severity};

/// How long it is waited for. A service manager starts the next one at once.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between attempts to reach it.
const AGAIN: Duration = Duration::from_millis(100);

/// Since when there is none.
#[derive(Debug, Default)]
pub struct Absence(Mutex<Option<Instant>>);

impl Absence {
    /// Whether there is none.
    pub fn is_there(&self) -> bool {
        self.since().is_some()
    }

    /// Whether it is too long for a job to wait.
    pub fn is_long(&self) -> bool {
        self.since().is_some_and(|since| since.elapsed() > PATIENCE)
    }

    /// Tries to start something, once more and more where there is no launcher for a moment.
    pub fn bridge<T>(&self, start: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            match start() {
                Err(error) if error.kind() == ErrorKind::NotConnected && Instant::now() < until => {
                    std::thread::sleep(AGAIN);
                }
                started => return started,
            }
        }
    }

    /// Takes note of how a start went.
    pub fn note<T>(&self, started: &io::Result<T>, journal: &Journal) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match started {
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                if since.is_none() {
                    *since = Some(Instant::now());
                    let fields = [("error", &*error.to_string())];
                    journal.write(Severity::Error, "no job can be started", &fields);
                }
            }
            // Also where it fails otherwise, there is one.
            _ => {
                if since.take().is_some() {
                    journal.write(Severity::Info, "jobs can be started again", &[]);
                }
            }
        }
    }

    fn since(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
