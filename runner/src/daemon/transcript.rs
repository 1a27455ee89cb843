//! What a job's process says, as a forge wants it told: rows of a log, and the states of the steps. The same events
//! always give the same rows, so that nothing has to be kept of what was delivered: the forge knows.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::egress::record::Table;
use crate::forge::{Ended, Row, StepState};
use crate::output::clock;
use crate::output::event::{Conclusion, Level};

/// Longest row, in bytes: forges cut what is longer than 64 KiB.
const MAX_ROW: usize = 60 << 10;
/// Most steps whose states are told.
const MAX_STEPS: usize = 10_000;

/// Takes a job's events in.
#[derive(Debug, Default)]
pub struct Transcript {
    /// Rows tell when steps begin and end.
    headings: bool,
    /// How many steps there are at most, where the job's process never said.
    most_steps: usize,
    steps: Vec<StepState>,
    /// The step that runs.
    open: Option<usize>,
    /// Where the rows end of the step that ended last; none before the first.
    mark: Option<u64>,
    /// How many rows there were.
    rows: u64,
    /// A row that isn't complete.
    unfinished: String,
    last: Option<SystemTime>,
    /// When the job began, and how long its sandbox took.
    begun: Option<SystemTime>,
    set_up: Option<Duration>,
    /// How many places were masked.
    masked: u64,
    /// What the job gave, before the last event.
    told: Option<Told>,
    ended: Option<Ended>,
}

/// How a job ended, in its own words.
#[derive(Debug)]
struct Told {
    result: Conclusion,
    outputs: Vec<(String, String)>,
}

/// Palisade's own events, as far as a forge hears of them.
#[derive(Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Said {
    RunStarted {
        steps: usize,
    },
    Waiting {
        message: String,
    },
    Actions {
        actions: Vec<Action>,
    },
    Layers {
        layers: Vec<Layer>,
    },
    StepStarted {
        step: usize,
        name: String,
    },
    Log {
        text: String,
    },
    GroupStarted {
        title: String,
    },
    GroupEnded {},
    Annotation(Annotation),
    NetworkSummary(Table),
    Summary {
        markdown: String,
    },
    Issued {
        grant: Option<String>,
        secret: Option<String>,
        provider: String,
        subject: String,
        audience: Option<String>,
        expires: Option<String>,
    },
    StepFinished {
        step: usize,
        name: String,
        outcome: Conclusion,
        reason: Option<String>,
    },
    JobFinished {
        result: Conclusion,
        reason: Option<String>,
        outputs: Vec<(String, String)>,
    },
    JobStarted {},
    RunFinished {
        reason: Option<String>,
        masked: u64,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Action {
    uses: String,
    source: String,
    commit: String,
}

#[derive(Deserialize)]
struct Layer {
    layer: String,
    state: String,
    detail: String,
}

#[derive(Deserialize)]
struct Annotation {
    level: Level,
    message: String,
    title: Option<String>,
    file: Option<String>,
    line: Option<u32>,
}

/// A line that is no event.
#[derive(Debug, thiserror::Error)]
#[error("the job's process said what is no event: {0}")]
pub struct NoEvent(String);

/// Where rows go, all of one time.
struct Rows<'a> {
    time: SystemTime,
    to: &'a mut Vec<Row>,
}

impl Transcript {
    /// Of nothing yet. With `headings`, rows tell when steps begin and end: `##[step]` and `##[done]`. A job that ends
    /// before it said which steps it has is told to have skipped `most_steps`: forges show a step that they hear nothing of
    /// as one that waits, and heed none that they don't have.
    pub fn new(headings: bool, most_steps: usize) -> Transcript {
        Transcript { headings, most_steps: most_steps.min(MAX_STEPS), ..Transcript::default() }
    }

    /// Takes one line of events; rows that it gives are appended to `rows`.
    pub fn take(&mut self, line: &str, rows: &mut Vec<Row>) -> Result<(), NoEvent> {
        // The time goes first, as `output::Json` writes it.
        let (time, rest) = line
            .strip_prefix("{\"time\":\"")
            .and_then(|rest| rest.split_once("\","))
            .ok_or_else(|| NoEvent("it has no time".into()))?;
        let time = clock::parse(time).ok_or_else(|| NoEvent(format!("`{time}` is no time")))?;
        let said = serde_json::from_str(&format!("{{{rest}")).map_err(|e| NoEvent(e.to_string()))?;
        self.last = Some(time);
        self.said(said, &mut Rows { time, to: rows });
        Ok(())
    }

    /// The job's steps.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// How the job ended, once it has.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// How long it took to set the job's sandbox up, once it stands.
    pub fn set_up(&self) -> Option<Duration> {
        self.set_up
    }

    /// How many places of its output were masked, once it has ended.
    pub fn masked(&self) -> u64 {
        self.masked
    }

    /// How many rows there were in all.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends a job whose process will say nothing more.
    pub fn cut_off(&mut self, reason: &str, rows: &mut Vec<Row>) {
        let now = SystemTime::now();
        let time = self.last.map_or(now, |last| last.max(now));
        let mut rows = Rows { time, to: rows };
        self.complete(&mut rows);
        self.told = Some(Told { result: Conclusion::Failure, outputs: Vec::new() });
        self.command("error", "", reason, &mut rows);
        self.end(time, &mut rows);
    }

    fn said(&mut self, said: Said, rows: &mut Rows<'_>) {
        if !matches!(said, Said::Log { .. }) {
            self.complete(rows);
        }
        match said {
            Said::RunStarted { steps } => {
                self.steps = vec![StepState::default(); steps.min(MAX_STEPS)];
            }
            Said::Waiting { message } => self.command("notice", "", &message, rows),
            Said::Actions { actions } => {
                self.row("##[group]Actions", rows);
                for Action { uses, source, commit } in actions {
                    self.row(&format!("{uses}: commit {commit}, from {source}"), rows);
                }
                self.row("##[endgroup]", rows);
            }
            Said::Layers { layers } => {
                self.set_up = self.begun.and_then(|begun| rows.time.duration_since(begun).ok());
                self.layers(&layers, rows);
            }
            Said::StepStarted { step, name } => match self.steps.get_mut(step) {
                Some(state) => {
                    state.started = Some(rows.time);
                    state.log_index = self.mark.unwrap_or(self.rows);
                    state.log_length = self.rows - state.log_index;
                    self.open = Some(step);
                    if self.headings {
                        self.row(&format!("##[step]{name}"), rows);
                    }
                }
                // A stage of an action before or after all steps.
                None => self.row(&format!("##[group]{name}"), rows),
            },
            Said::Log { text } => self.log(&text, rows),
            Said::GroupStarted { title } => self.row(&format!("##[group]{title}"), rows),
            Said::GroupEnded {} => self.row("##[endgroup]", rows),
            Said::Annotation(annotation) => self.annotation(&annotation, rows),
            Said::NetworkSummary(table) if table.is_empty() => {}
            Said::NetworkSummary(table) => {
                self.row("##[group]Network: what was reached and what was not", rows);
                table.lines().iter().for_each(|line| self.row(line, rows));
                self.row("##[endgroup]", rows);
            }
            Said::Summary { markdown } => {
                self.row("##[group]Summary", rows);
                self.log(markdown.trim_end(), rows);
                self.complete(rows);
                self.row("##[endgroup]", rows);
            }
            Said::Issued { grant, secret, provider, subject, audience, expires } => {
                let to = audience.map(|audience| format!(" to {audience}")).unwrap_or_default();
                let until = expires.map(|expires| format!(", until {expires}")).unwrap_or_default();
                let by = match (grant, secret) {
                    (Some(grant), _) => format!("grant {grant}"),
                    (None, secret) => format!("secret {}", secret.unwrap_or_default()),
                };
                let message = format!("issued {provider} of {by} for {subject}{to}{until}");
                self.command("notice", "", &message, rows);
            }
            Said::StepFinished { step, name, outcome, reason } => {
                self.step_finished(step, &name, outcome, reason.as_deref(), rows);
            }
            Said::JobFinished { result, reason, outputs } => {
                match (reason, result) {
                    (None, _) => {}
                    (Some(reason), Conclusion::Failure) => self.command("error", "", &reason, rows),
                    (Some(reason), _) => self.log(&format!("{}: {reason}\n", result.as_str()), rows),
                }
                self.told = Some(Told { result, outputs });
            }
            Said::JobStarted {} => self.begun = Some(rows.time),
            Said::RunFinished { reason, masked } => {
                self.masked = masked;
                if let Some(reason) = reason {
                    self.command("error", "", &reason, rows);
                }
                self.end(rows.time, rows);
            }
            Said::Other => {}
        }
    }

    fn layers(&mut self, layers: &[Layer], rows: &mut Rows<'_>) {
        let others = layers.iter().filter(|layer| layer.state != "held");
        let others: Vec<String> = others.map(|layer| format!(", {} {}", layer.layer, layer.state)).collect();
        let held = layers.len() - others.len();
        let title = format!("##[group]Isolation: {held} of {} layers held{}", layers.len(), others.concat());
        self.row(&title, rows);
        for Layer { layer, state, detail } in layers {
            self.row(&format!("{layer}: {state}: {detail}"), rows);
        }
        self.row("##[endgroup]", rows);
    }

    fn annotation(&mut self, annotation: &Annotation, rows: &mut Rows<'_>) {
        let Annotation { level, message, title, file, line } = annotation;
        let command = match level {
            Level::Debug => "debug",
            Level::Notice => "notice",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        let place = match (file, line) {
            (Some(file), Some(line)) => format!(" file={file},line={line}"),
            (Some(file), None) => format!(" file={file}"),
            (None, _) => String::new(),
        };
        match title {
            Some(title) => self.command(command, &place, &format!("{title}: {message}"), rows),
            None => self.command(command, &place, message, rows),
        }
    }

    /// A row that forges show as an annotation, with what follows the first line below it.
    fn command(&mut self, command: &str, place: &str, message: &str, rows: &mut Rows<'_>) {
        let mut lines = message.lines();
        if let Some(first) = lines.next() {
            self.row(&format!("::{command}{place}::{first}"), rows);
        }
        for line in lines {
            self.row(line, rows);
        }
    }

    fn step_finished(
        &mut self,
        step: usize,
        name: &str,
        outcome: Conclusion,
        reason: Option<&str>,
        rows: &mut Rows<'_>,
    ) {
        let own = step < self.steps.len();
        if let Some(reason) = reason {
            let text = if own { reason.to_owned() } else { format!("{name}: {reason}") };
            self.command(if outcome == Conclusion::Failure { "error" } else { "notice" }, "", &text, rows);
        }
        let Some(state) = self.steps.get_mut(step) else {
            if outcome != Conclusion::Skipped {
                self.row("##[endgroup]", rows);
            }
            return;
        };
        let started = state.started;
        if self.headings {
            let time = started.and_then(|started| rows.time.duration_since(started).ok());
            let time = time.map(|time| format!(" in {}", clock::duration(time.as_millis() as u64)));
            self.row(&format!("##[done]{name}: {}{}", outcome.as_str(), time.unwrap_or_default()), rows);
        }
        let Some(state) = self.steps.get_mut(step) else { return };
        state.result = Some(outcome);
        state.stopped = Some(rows.time);
        if state.started.is_none() {
            state.log_index = self.mark.unwrap_or(self.rows);
        } else {
            self.mark = Some(self.rows);
        }
        self.open = None;
    }

    fn end(&mut self, time: SystemTime, rows: &mut Rows<'_>) {
        let Told { result, outputs } =
            self.told.take().unwrap_or(Told { result: Conclusion::Failure, outputs: Vec::new() });
        let open = self.open.take();
        if open.is_some() {
            self.mark = Some(self.rows);
        }
        let mark = self.mark;
        if self.steps.is_empty() {
            self.steps = vec![StepState::default(); self.most_steps];
        }
        for (index, state) in self.steps.iter_mut().enumerate().filter(|(_, state)| state.result.is_none()) {
            state.stopped = Some(time);
            state.result = Some(match result {
                Conclusion::Cancelled => Conclusion::Cancelled,
                _ if open == Some(index) => Conclusion::Failure,
                _ => Conclusion::Skipped,
            });
            if state.started.is_none() {
                state.log_index = mark.unwrap_or(self.rows);
            }
        }
        // A log is closed with its last row, so there has to be one that comes with the end.
        self.row(&format!("The job has ended: {}", result.as_str()), rows);
        self.ended = Some(Ended { result, outputs, at: time });
    }

    /// Lines that a step printed; the last may be in parts.
    fn log(&mut self, text: &str, rows: &mut Rows<'_>) {
        for part in text.split_inclusive('\n') {
            match part.strip_suffix('\n') {
                Some(end) if self.unfinished.is_empty() => self.put(end, false, rows),
                Some(end) => {
                    let mut line = std::mem::take(&mut self.unfinished);
                    line.push_str(end);
                    self.put(&line, false, rows);
                }
                None => {
                    self.unfinished.push_str(part);
                    // A line without an end doesn't grow without one.
                    if self.unfinished.len() > MAX_ROW {
                        self.complete(rows);
                    }
                }
            }
        }
    }

    fn complete(&mut self, rows: &mut Rows<'_>) {
        if !self.unfinished.is_empty() {
            let line = std::mem::take(&mut self.unfinished);
            self.put(&line, false, rows);
        }
    }

    fn row(&mut self, line: &str, rows: &mut Rows<'_>) {
        self.put(line, true, rows);
    }

    fn put(&mut self, line: &str, own: bool, rows: &mut Rows<'_>) {
        let mut rest = line;
        loop {
            let (text, more) = rest.split_at(rest.floor_char_boundary(MAX_ROW));
            rows.to.push(Row { time: rows.time, text: text.to_owned(), own });
            self.rows += 1;
            if more.is_empty() {
                break;
            }
            rest = more;
        }
        if let Some(state) = self.open.and_then(|step| self.steps.get_mut(step)) {
            state.log_length = self.rows - state.log_index;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(events: &[&str]) -> (Transcript, Vec<String>) {
        let mut transcript = Transcript::default();
        let mut rows = Vec::new();
        for event in events {
            let line = format!("{{\"time\":\"2026-08-01T12:00:00.123Z\",\"event\":{event}}}");
            transcript.take(&line, &mut rows).unwrap();
        }
        (transcript, rows.into_iter().map(|row| row.text).collect())
    }

    fn ranges(transcript: &Transcript) -> Vec<(u64, u64, Option<Conclusion>)> {
        let range = |step: &StepState| (step.log_index, step.log_length, step.result);
        transcript.steps().iter().map(range).collect()
    }

    #[test]
    fn the_rows_of_steps_follow_each_other_without_a_gap() {
        let (transcript, rows) = told(&[
            r#""run_started","workflow":"CI","trigger":"push","jobs":1,"steps":3"#,
            r#""layers","job":"a","layers":[{"layer":"net","state":"held","detail":"none"},{"layer":"limits","state":"degraded","detail":"no cgroup"}]"#,
            r#""step_started","job":"a","step":3,"name":"Pre x""#,
            r#""log","job":"a","step":3,"text":"before\n""#,
            r#""step_finished","job":"a","step":3,"name":"Pre x","outcome":"success","conclusion":"success","milliseconds":1,"reason":null"#,
            r#""step_started","job":"a","step":0,"name":"One""#,
            r#""log","job":"a","step":0,"text":"a\nprom""#,
            r#""log","job":"a","step":0,"text":"pt\n""#,
            r#""step_finished","job":"a","step":0,"name":"One","outcome":"failure","conclusion":"success","milliseconds":1,"reason":"exit code 3""#,
            r#""annotation","job":"a","step":null,"level":"warning","message":"between","title":null,"file":"x.rs","line":3,"end_line":null,"column":null,"end_column":null"#,
            r#""step_finished","job":"a","step":1,"name":"Two","outcome":"skipped","conclusion":"skipped","milliseconds":0,"reason":null"#,
            r#""step_started","job":"a","step":2,"name":"Three""#,
            r#""log","job":"a","step":2,"text":"open""#,
            r#""step_finished","job":"a","step":2,"name":"Three","outcome":"success","conclusion":"success","milliseconds":1,"reason":null"#,
            r#""step_started","job":"a","step":4,"name":"Post x""#,
            r#""step_finished","job":"a","step":4,"name":"Post x","outcome":"failure","conclusion":"failure","milliseconds":1,"reason":"exit code 1""#,
            r#""network_summary","job":"a","mode":"allow","rows":[{"name":"a.test","port":443,"udp":false,"outcome":"reached","count":2,"sent":1,"received":2,"programs":["curl"],"steps":[0,2],"reason":null,"suggestion":null}],"untold":0,"beyond":0,"unnamed":1,"unattributed":null,"unseen":0"#,
            r#""job_finished","job":"a","result":"failure","milliseconds":1,"reason":"too late","outputs":[["o","1"]]"#,
            r#""run_finished","result":"failure","milliseconds":1,"reason":null,"masked":0,"credentials":{},"shown":[]"#,
        ]);
        insta::assert_snapshot!(rows.join("\n"), @"
        ##[group]Isolation: 1 of 2 layers held, limits degraded
        net: held: none
        limits: degraded: no cgroup
        ##[endgroup]
        ##[group]Pre x
        before
        ##[endgroup]
        a
        prompt
        ::error::exit code 3
        ::warning file=x.rs,line=3::between
        open
        ##[group]Post x
        ::error::Post x: exit code 1
        ##[endgroup]
        ##[group]Network: what was reached and what was not
        reached  a.test:443  2 times, 1 bytes sent, 2 received, by curl, in steps 1, 3
        refused  addresses without a name  once
        ##[endgroup]
        ::error::too late
        The job has ended: failure
        ");
        use Conclusion::{Failure, Skipped, Success};
        assert_eq!(
            ranges(&transcript),
            [(7, 3, Some(Failure)), (10, 0, Some(Skipped)), (10, 2, Some(Success))]
        );
        let ended = transcript.ended().unwrap();
        assert_eq!((ended.result, ended.outputs.len()), (Failure, 1));
        assert_eq!(transcript.rows(), rows.len() as u64);
    }

    #[test]
    fn a_job_that_is_cut_off_leaves_no_step_without_a_result() {
        let (mut transcript, _) = told(&[
            r#""run_started","workflow":"CI","trigger":"push","jobs":1,"steps":2"#,
            r#""step_started","job":"a","step":0,"name":"One""#,
            r#""log","job":"a","step":0,"text":"half a li""#,
        ]);
        assert!(transcript.ended().is_none());
        let mut rows = Vec::new();
        transcript.cut_off("it was killed", &mut rows);
        let rows: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        assert_eq!(rows, ["half a li", "::error::it was killed", "The job has ended: failure"]);
        use Conclusion::{Failure, Skipped};
        assert_eq!(ranges(&transcript), [(0, 2, Some(Failure)), (2, 0, Some(Skipped))]);
        assert_eq!(transcript.ended().unwrap().result, Failure);
    }

    #[test]
    fn a_job_that_never_said_its_steps_has_skipped_them() {
        use Conclusion::{Cancelled, Skipped};
        let mut transcript = Transcript::new(false, 2);
        transcript.cut_off("it was killed", &mut Vec::new());
        assert_eq!(ranges(&transcript), [(1, 0, Some(Skipped)), (1, 0, Some(Skipped))]);
        assert!(transcript.steps().iter().all(|step| step.stopped.is_some()));
        let mut transcript = Transcript::new(false, 1);
        for line in [
            r#""run_started","workflow":"CI","trigger":"push","jobs":1,"steps":0"#,
            r#""job_finished","job":"a","result":"cancelled","milliseconds":1,"reason":null,"outputs":[]"#,
            r#""run_finished","result":"cancelled","milliseconds":1,"reason":null,"masked":0"#,
        ] {
            transcript
                .take(&format!("{{\"time\":\"2026-08-01T12:00:00.123Z\",\"event\":{line}}}"), &mut Vec::new())
                .unwrap();
        }
        assert_eq!(ranges(&transcript), [(0, 0, Some(Cancelled))]);
        assert!(Transcript::new(false, usize::MAX).most_steps <= MAX_STEPS);
    }

    #[test]
    fn a_long_line_is_told_in_several_rows() {
        let text = "é".repeat(MAX_ROW);
        let (_, rows) = told(&[&format!(r#""log","job":"a","step":0,"text":"{text}\n""#)]);
        assert!(rows.len() > 1 && rows.iter().all(|row| row.len() <= MAX_ROW));
        assert_eq!(rows.concat(), text);
    }

    #[test]
    fn an_error_of_many_lines_is_one() {
        let (_, rows) = told(&[
            r#""job_finished","job":"a","result":"failure","milliseconds":1,"reason":"the workflow is not valid:\nerror: what\n\n --> w.yml:1:1","outputs":[]"#,
        ]);
        assert_eq!(rows, ["::error::the workflow is not valid:", "error: what", "", " --> w.yml:1:1"]);
    }

    #[test]
    fn what_is_no_event_is_told() {
        for line in [
            "",
            "{}",
            "{\"time\":\"now\",\"event\":\"log\"}",
            "{\"time\":\"2026-08-01T12:00:00.123Z\",\"event\":",
        ] {
            assert!(Transcript::default().take(line, &mut Vec::new()).is_err(), "{line}");
        }
    }
}
