//! Moments as protobuf has them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::wire::runner::Timestamp;

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let seconds = |whole: Duration| i64::try_from(whole.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Timestamp { seconds: seconds(since), nanos: since.subsec_nanos() as i32 },
            // Nanoseconds always count forwards.
            Err(before) => match before.duration().subsec_nanos() {
                0 => Timestamp { seconds: -seconds(before.duration()), nanos: 0 },
                nanos => Timestamp {
                    seconds: (-seconds(before.duration())).saturating_sub(1),
                    nanos: (1_000_000_000 - nanos) as i32,
                },
            },
        }
    }
}

impl Timestamp {
    /// The moment, where this system's clock can have it.
    pub fn time(&self) -> Option<SystemTime> {
        let nanos = Duration::from_nanos(u64::try_from(self.nanos).ok()?);
        let seconds = Duration::from_secs(self.seconds.unsigned_abs());
        let whole =
            if self.seconds < 0 { UNIX_EPOCH.checked_sub(seconds) } else { UNIX_EPOCH.checked_add(seconds) };
        whole?.checked_add(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_there_and_back() {
        for (seconds, nanos) in [(0, 0), (1_795_539_110, 967_000_000), (-1, 1), (-1, 0), (-5, 999_999_999)] {
            let stamp = Timestamp { seconds, nanos };
            let time = stamp.time().unwrap();
            assert_eq!((Timestamp::from(time).seconds, Timestamp::from(time).nanos), (seconds, nanos));
        }
        for (seconds, nanos) in [(i64::MAX, i32::MAX), (0, -1)] {
            assert_eq!(Timestamp { seconds, nanos }.time(), None);
        }
    }
}
