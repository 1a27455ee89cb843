//! How long to wait before the next attempt: longer after each failure, and never all at once.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Waits that grow.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// From `first`, doubled each time, up to `most`.
    pub fn new(first: Duration, most: Duration) -> Backoff {
        Backoff { first, most, failures: 0 }
    }

    /// It went well.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether it went well the last time.
    pub fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// It failed: the time until the next attempt.
    pub fn next(&mut self) -> Duration {
        let wait = self.first.saturating_mul(1 << self.failures.min(16)).min(self.most);
        self.failures += 1;
        jittered(wait)
    }
}

/// About this time: between four fifths and six fifths of it, so that many runners don't ask at once.
pub fn jittered(time: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 401;
    time.mul_f64(0.8 + random as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_most_and_begin_anew() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 10);
        let near = |wait: Duration, seconds: u32| {
            wait >= second * seconds * 8 / 10 && wait <= second * seconds * 12 / 10
        };
        for seconds in [1, 2, 4, 8, 10, 10] {
            assert!(near(backoff.next(), seconds));
        }
        backoff.reset();
        assert!(backoff.is_fresh() && near(backoff.next(), 1));
        for _ in 0..100 {
            backoff.next();
        }
    }
}
