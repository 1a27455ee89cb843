//! Times as people and logs read them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time now, UTC, as RFC 3339 with milliseconds: `2026-08-01T12:00:00.123Z`.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339(since.as_secs(), since.subsec_millis())
}

/// Another time in the same form, to the second.
pub fn at(time: SystemTime) -> String {
    rfc3339(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(), 0)
}

fn rfc3339(seconds: u64, millis: u32) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{millis:03}Z")
}

/// The time that [`now`] gave.
pub fn parse(text: &str) -> Option<SystemTime> {
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let digits = text.get(range)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let fixed = [(4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"), (19, "."), (23, "Z")];
    if text.len() != 24 || fixed.iter().any(|(at, mark)| text.get(*at..at + 1) != Some(mark)) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    if year < 1970 || !(1..=12).contains(&month) || day == 0 {
        return None;
    }
    // Days from 1970 to a year's first of March before which the leap day is counted ("days from civil").
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(number(20..23)?))
}

/// Year, month and day of a day after 1970-01-01.
fn date(mut day: u64) -> (u64, usize, u64) {
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    // 400 years have 146,097 days; the loop below runs over what remains.
    let mut year = 1970 + 400 * (day / 146_097);
    day %= 146_097;
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    (year, month + 1, day + 1)
}

/// How long something took: `12 ms`, `3.4 s`, `5 min 06 s`, `2 h 05 min`.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds / 100 % 10),
        60_000..3_600_000 => format!("{} min {:02} s", milliseconds / 60_000, milliseconds / 1000 % 60),
        _ => format!("{} h {:02} min", milliseconds / 3_600_000, milliseconds / 60_000 % 60),
    }
}

/// A time in minutes, as `timeout-minutes` gives it: to the thousandth.
pub fn minutes(time: Duration) -> f64 {
    (time.as_secs_f64() / 0.06).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_shown_as_they_are_written() {
        for written in [0.001, 0.02, 0.03, 0.1, 1.5, 360.0] {
            assert_eq!(minutes(Duration::from_secs_f64(written * 60.0)).to_string(), written.to_string());
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (1_704_067_199, "2023-12-31T23:59:59.007Z"),
            (1_785_542_400, "2026-08-01T00:00:00.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
            (13_574_563_200, "2400-02-29T00:00:00.007Z"),
        ] {
            assert_eq!(rfc3339(seconds, 7), shown);
            let time = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(7);
            assert_eq!(parse(shown), Some(time), "{shown}");
        }
        for text in [
            "",
            "2026-08-01T12:00:00Z",
            "2026-13-01T12:00:00.000Z",
            "1969-08-01T12:00:00.000Z",
            "x026-08-01T12:00:00.000Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_read_well_at_any_size() {
        let shown: Vec<String> = [7, 999, 1_000, 59_999, 60_000, 306_000, 7_500_000].map(duration).into();
        assert_eq!(shown, ["7 ms", "999 ms", "1.0 s", "59.9 s", "1 min 00 s", "5 min 06 s", "2 h 05 min"]);
    }
}
