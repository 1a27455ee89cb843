//! How a task goes, as the runner tells it.

use std::time::SystemTime;

use super::TaskId;
use super::wire::runner as wire;

/// Longest row of a log, in bytes; the servers cut what is longer.
pub const MAX_ROW: usize = 64 << 10;

/// Longest name of an output, in bytes; the servers silently drop an output with a longer one.
pub const MAX_OUTPUT_KEY: usize = 255;

/// Longest value of an output, in bytes; the servers silently drop an output with a longer one.
pub const MAX_OUTPUT_VALUE: usize = 1 << 20;

/// How a task or a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// All went well.
    Success,
    /// It failed.
    Failure,
    /// It was stopped.
    Cancelled,
    /// It never ran.
    Skipped,
}

impl Conclusion {
    /// What the wire's word means; none for what still runs.
    pub fn of(result: wire::Result) -> Option<Conclusion> {
        match result {
            wire::Result::Unspecified => None,
            wire::Result::Success => Some(Conclusion::Success),
            wire::Result::Failure => Some(Conclusion::Failure),
            wire::Result::Cancelled => Some(Conclusion::Cancelled),
            wire::Result::Skipped => Some(Conclusion::Skipped),
        }
    }
}

impl From<Conclusion> for wire::Result {
    fn from(conclusion: Conclusion) -> Self {
        match conclusion {
            Conclusion::Success => wire::Result::Success,
            Conclusion::Failure => wire::Result::Failure,
            Conclusion::Cancelled => wire::Result::Cancelled,
            Conclusion::Skipped => wire::Result::Skipped,
        }
    }
}

/// What the forge holds a task for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is to go on.
    Running,
    /// It has ended for the forge, which doesn't change any more: cancelled by somebody or replaced by a newer
    /// run, or failed for having taken too long. A task that still runs is to stop.
    Ended(Conclusion),
    /// A word that this client doesn't know.
    Unknown(i32),
}

impl Standing {
    pub(super) fn of(result: i32) -> Standing {
        match wire::Result::try_from(result).map(Conclusion::of) {
            Ok(None) => Standing::Running,
            Ok(Some(conclusion)) => Standing::Ended(conclusion),
            Err(_) => Standing::Unknown(result),
        }
    }
}

/// The state of a task. Each report tells all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskState {
    /// The task.
    pub task: TaskId,
    /// How it ended, if it did. It is final, and the forge then forgets the job's token.
    pub conclusion: Option<Conclusion>,
    /// When it began.
    pub started_at: Option<SystemTime>,
    /// When it ended; the servers need it with the conclusion.
    pub stopped_at: Option<SystemTime>,
    /// Its steps, as far as there is something to tell. A step that no report mentions waits for ever.
    pub steps: Vec<StepState>,
}

/// The state of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepState {
    /// Which of the workflow's steps, from 0.
    pub step: usize,
    /// How it ended, if it did: its outcome, without what `continue-on-error` makes of it.
    pub conclusion: Option<Conclusion>,
    /// When it began.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub stopped_at: Option<SystemTime>,
    /// The row of the log that it begins at. Steps follow each other without a gap.
    pub log_index: u64,
    /// How many rows it has.
    pub log_length: u64,
}

/// A row of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// When it was written.
    pub time: SystemTime,
    /// Its text, without a line end; of what is longer than [`MAX_ROW`] the servers keep the beginning.
    pub content: String,
}

fn result(conclusion: Option<Conclusion>) -> i32 {
    conclusion.map_or(wire::Result::Unspecified, wire::Result::from) as i32
}

/// Counts are within what a disk holds; a number beyond is as good as the largest.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl From<&TaskState> for wire::TaskState {
    fn from(state: &TaskState) -> Self {
        wire::TaskState {
            id: state.task.0,
            result: result(state.conclusion),
            started_at: state.started_at.map(Into::into),
            stopped_at: state.stopped_at.map(Into::into),
            steps: state.steps.iter().map(Into::into).collect(),
        }
    }
}

impl From<&StepState> for wire::StepState {
    fn from(state: &StepState) -> Self {
        wire::StepState {
            id: signed(state.step as u64),
            result: result(state.conclusion),
            started_at: state.started_at.map(Into::into),
            stopped_at: state.stopped_at.map(Into::into),
            log_index: signed(state.log_index),
            log_length: signed(state.log_length),
        }
    }
}

/// As who plays the server reads it: a number below 0 counts as 0, a word that isn't known as none.
impl From<&wire::TaskState> for TaskState {
    fn from(state: &wire::TaskState) -> Self {
        TaskState {
            task: TaskId(state.id),
            conclusion: Conclusion::of(state.result()),
            started_at: state.started_at.as_ref().and_then(wire::Timestamp::time),
            stopped_at: state.stopped_at.as_ref().and_then(wire::Timestamp::time),
            steps: state.steps.iter().map(StepState::from).collect(),
        }
    }
}

impl From<&wire::StepState> for StepState {
    fn from(state: &wire::StepState) -> Self {
        StepState {
            step: usize::try_from(state.id).unwrap_or(0),
            conclusion: Conclusion::of(state.result()),
            started_at: state.started_at.as_ref().and_then(wire::Timestamp::time),
            stopped_at: state.stopped_at.as_ref().and_then(wire::Timestamp::time),
            log_index: u64::try_from(state.log_index).unwrap_or(0),
            log_length: u64::try_from(state.log_length).unwrap_or(0),
        }
    }
}

impl From<&LogRow> for wire::LogRow {
    fn from(row: &LogRow) -> Self {
        wire::LogRow { time: Some(row.time.into()), content: row.content.clone() }
    }
}
