//! What is said over the queue's socket: a request, a line of JSON, behind which a submission has its bundle; and answers,
//! each a line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::run::{Accepted, Run};
use super::submission::Submission;
use crate::output::event::Conclusion;

/// Longest line of either side, in bytes: workflows with their payloads.
pub const MAX_LINE: u64 = 32 << 20;

/// The number of a run, `7`, or of a job of it, `7.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id {
    /// The run.
    pub run: i64,
    /// The job's number in it.
    pub job: Option<i64>,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.job {
            Some(job) => write!(f, "{}.{job}", self.run),
            None => self.run.fmt(f),
        }
    }
}

impl FromStr for Id {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no number of a run, such as 7, or of a job of it, such as 7.2");
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|_| plain).ok_or_else(wrong)
        };
        match text.split_once('.') {
            Some((run, job)) => Ok(Id { run: number(run)?, job: Some(number(job)?) }),
            None => Ok(Id { run: number(text)?, job: None }),
        }
    }
}

impl TryFrom<String> for Id {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.to_string()
    }
}

/// What is asked.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// To take a commit in.
    Submit {
        /// What of it.
        submission: Box<Submission>,
        /// How many bytes of a bundle come behind this line.
        bundle: u64,
    },
    /// Which runs there are, the newest first.
    Jobs {
        /// How many at most.
        most: usize,
    },
    /// What a run or a job has printed.
    Log {
        /// Which.
        id: Id,
        /// Until it ends.
        follow: bool,
    },
    /// To cancel a run or a job.
    Cancel {
        /// Which.
        id: Id,
    },
}

/// What is answered.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The runs that were made of a submission.
    Accepted(Vec<Accepted>),
    /// Those that there are.
    Runs(Vec<Run>),
    /// So many jobs had not ended.
    Cancelled(usize),
    /// A log begins.
    Log {
        /// What the workflow is called.
        workflow: String,
        /// The event's name.
        event: String,
        /// The first line of the commit's message.
        title: String,
        /// How many jobs it is of.
        jobs: usize,
    },
    /// A row of a log.
    Row {
        /// Whose.
        job: Id,
        /// What the job is called.
        name: String,
        /// When it was written, in milliseconds since 1970.
        time: u64,
        /// It is palisade's word, not what a step has printed.
        own: bool,
        /// Without a line end.
        text: String,
    },
    /// A job has ended; all rows of it came before.
    Ended {
        /// Which.
        job: Id,
        /// What it is called.
        name: String,
        /// How.
        result: Conclusion,
        /// Why, where it did not run or was cancelled.
        reason: Option<String>,
        /// How long it took, in milliseconds.
        milliseconds: u64,
    },
    /// Nothing more comes; how what was asked for has ended, if it has.
    End(Option<Conclusion>),
    /// What was asked for makes no sense.
    Invalid(String),
    /// It can't be done now.
    Failed(String),
    /// A rule is against it.
    Refused(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_jobs_have_numbers() {
        for text in ["7", "7.2"] {
            assert_eq!(text.parse::<Id>().unwrap().to_string(), text);
        }
        for text in ["", ".", "7.", ".2", "-1", "+1", "7.2.1", "x", "99999999999999999999"] {
            assert!(text.parse::<Id>().is_err(), "{text}");
        }
    }
}
