//! The times of `on.schedule`. Source: "schedule" in GitHub's "Events that trigger workflows": five fields of POSIX
//! cron with `*`, `,`, `-`, `/` and three-letter names.

/// A field: its name, its least and greatest number, and names that stand for numbers from the least on.
struct Field {
    name: &'static str,
    least: u32,
    greatest: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, greatest: 59, names: &[] },
    Field { name: "hour", least: 0, greatest: 23, names: &[] },
    Field { name: "day of month", least: 1, greatest: 31, names: &[] },
    Field {
        name: "month",
        least: 1,
        greatest: 12,
        names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    },
    Field {
        name: "day of week",
        least: 0,
        greatest: 6,
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
    },
];

/// Words that stand for a time, which Forgejo and Gitea know and GitHub doesn't.
const WORDS: [&str; 7] = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];

/// Shortest time between two runs that GitHub keeps, in minutes.
pub const SHORTEST: u32 = 5;

/// A time of `schedule`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    /// Minutes between two runs at the least, as far as the first field tells.
    gap: u32,
}

/// Why a text is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Another number of fields.
    #[error("`cron` must have five fields, not {0}")]
    Fields(usize),
    /// A field that can't be read.
    #[error(
        "`{part}` can't be the {field}: it is {least} to {greatest}, `*`, ranges `a-b`, lists `a,b` and steps `*/n`"
    )]
    Field {
        /// What was found.
        part: String,
        /// The field's name.
        field: &'static str,
        /// Its least number.
        least: u32,
        /// Its greatest number.
        greatest: u32,
    },
    /// A word after `@` that nobody knows.
    #[error("`{0}` is no time that forges know")]
    Word(String),
}

impl Cron {
    /// Reads a time.
    ///
    /// # Errors
    /// Names the field that isn't right.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        if text.starts_with('@') {
            return match WORDS.contains(&text) {
                true => Ok(Cron { text: text.to_owned(), gap: 60 }),
                false => Err(CronError::Word(text.to_owned())),
            };
        }
        let parts: Vec<&str> = text.split_whitespace().collect();
        if parts.len() != FIELDS.len() {
            return Err(CronError::Fields(parts.len()));
        }
        let mut gap = u32::MAX;
        for (part, field) in parts.iter().zip(&FIELDS) {
            let set = field.read(part).ok_or_else(|| CronError::Field {
                part: (*part).to_owned(),
                field: field.name,
                least: field.least,
                greatest: field.greatest,
            })?;
            if field.name == "minute" {
                gap = shortest_gap(set);
            }
        }
        Ok(Cron { text: parts.join(" "), gap })
    }

    /// The time as text, fields one space apart.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Minutes between two runs at the least, at most 60.
    pub fn gap(&self) -> u32 {
        self.gap
    }

    /// Whether it is a word that GitHub doesn't know.
    pub fn is_word(&self) -> bool {
        self.text.starts_with('@')
    }

    /// Whether a payload's `schedule` is this time.
    pub fn is(&self, schedule: &str) -> bool {
        self.text.split(' ').eq(schedule.split_whitespace())
    }
}

/// The least difference between two minutes of the set, going round the hour.
fn shortest_gap(minutes: u64) -> u32 {
    let next = |from: u32| (1..=60).find(|gap| minutes >> ((from + gap) % 60) & 1 == 1);
    (0..60).filter(|minute| minutes >> minute & 1 == 1).filter_map(next).min().unwrap_or(60)
}

impl Field {
    /// The numbers of a field as bits; `None` if it can't be read.
    fn read(&self, text: &str) -> Option<u64> {
        let mut set = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(digits(step).filter(|step| *step > 0)?)),
                None => (part, None),
            };
            let (from, to) = match range.split_once('-') {
                _ if range == "*" => (self.least, self.greatest),
                Some((from, to)) => (self.number(from)?, self.number(to)?),
                // `5/15` counts from 5 to the end.
                None if step.is_some() => (self.number(range)?, self.greatest),
                None => (self.number(range)?, self.number(range)?),
            };
            if from > to {
                return None;
            }
            for number in (from..=to).step_by(step.unwrap_or(1) as usize) {
                set |= 1 << number;
            }
        }
        Some(set)
    }

    fn number(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(index) => self.least + u32::try_from(index).ok()?,
            None => digits(text)?,
        };
        (self.least..=self.greatest).contains(&number).then_some(number)
    }
}

fn digits(text: &str) -> Option<u32> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read() {
        for (text, gap) in [
            ("30 5 * * 1", 60),
            ("*/15 * * * *", 15),
            ("0,30 0-6/2 1,15 JAN-mar SUN", 30),
            ("5/20 4 * * *", 20),
            ("58,1 * * * *", 3),
            ("* * * * *", 1),
            ("@daily", 60),
        ] {
            assert_eq!(Cron::parse(text).map(|cron| cron.gap()), Ok(gap), "{text}");
        }
        assert!(Cron::parse(" 0  5 * * *").unwrap().is("0 5 * * *"));
        assert!(!Cron::parse("0 5 * * *").unwrap().is("0 6 * * *"));
    }

    #[test]
    fn a_wrong_field_is_named() {
        for (text, error) in [
            ("0 5 * *", "`cron` must have five fields, not 4"),
            ("60 5 * * *", "`60` can't be the minute: it is 0 to 59"),
            ("0 24 * * *", "`24` can't be the hour"),
            ("0 0 0 * *", "`0` can't be the day of month"),
            ("0 0 * 13 *", "`13` can't be the month"),
            ("0 0 * * 7", "`7` can't be the day of week: it is 0 to 6"),
            ("*/0 * * * *", "`*/0` can't be the minute"),
            ("5-1 * * * *", "`5-1` can't be the minute"),
            (", * * * *", "`,` can't be the minute"),
            ("+1 * * * *", "`+1` can't be the minute"),
            ("L * * * *", "`L` can't be the minute"),
            ("@reboot", "`@reboot` is no time that forges know"),
        ] {
            let found = Cron::parse(text).unwrap_err().to_string();
            assert!(found.starts_with(error), "{text}: {found}");
        }
    }

    proptest! {
        #[test]
        fn anything_is_a_time_or_an_error(text in "[0-9*/,@a-zA-Z -]{0,30}") {
            let _ = Cron::parse(&text);
        }
    }
}
