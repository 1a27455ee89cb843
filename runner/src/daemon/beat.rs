//! When to ask again where there was nothing to do: those who wait for about as long wake together, for one wake-up of the
//! processor and with its caches warm. Hosts among each other don't.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::backoff::jittered;

/// The next moment at which some of them wake.
#[derive(Debug, Default)]
pub struct Beat(Mutex<Option<Instant>>);

impl Beat {
    /// The end of a pause of about this time: where somebody else wakes between a half and six fifths of it, then.
    pub fn next(&self, now: Instant, pause: Duration) -> Instant {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |at: &Instant| (now + pause / 2..=now + pause * 6 / 5).contains(at);
        match next.filter(fits) {
            Some(at) => at,
            None => *next.insert(now + jittered(pause)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_wait_as_long_wake_together() {
        let (beat, now, second) = (Beat::default(), Instant::now(), Duration::from_secs(1));
        let first = beat.next(now, second);
        assert!(first >= now + second * 4 / 5 && first <= now + second * 6 / 5);
        assert_eq!(beat.next(now + second / 10, second), first);
        // That would be too soon, or too late.
        let next = beat.next(first - second / 4, second);
        assert!(next > first);
        let soon = beat.next(now, second / 10);
        assert!(soon < first);
    }
}
