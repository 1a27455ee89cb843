//! What `palisade run --json` said, to be asked.

use serde_json::Value;

use crate::Outcome;

/// The events of a run, in order.
#[derive(Debug)]
pub struct Events(Vec<Value>);

impl Events {
    /// Reads what a run printed.
    pub fn of(outcome: &Outcome) -> Events {
        let parse = |line: &str| serde_json::from_str(line).expect("a JSON object on each line");
        Events(outcome.stdout.lines().map(parse).collect())
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    /// Those of one kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0.iter().filter(move |event| event["event"] == kind)
    }

    /// All that the steps of a job printed.
    pub fn log(&self, job: &str) -> String {
        self.of_kind("log").filter(|e| e["job"] == job).filter_map(|e| e["text"].as_str()).collect()
    }

    /// All that one step of a job printed.
    pub fn step_log(&self, job: &str, step: usize) -> String {
        let of_step = |e: &&Value| e["job"] == job && e["step"] == step;
        self.of_kind("log").filter(of_step).filter_map(|e| e["text"].as_str()).collect()
    }

    /// The result of a job.
    pub fn result(&self, job: &str) -> &str {
        self.of_kind("job_finished").find(|e| e["job"] == job).map_or("", |e| text(e, "result"))
    }

    /// Why a job ended so.
    pub fn reason(&self, job: &str) -> &str {
        self.of_kind("job_finished").find(|e| e["job"] == job).map_or("", |e| text(e, "reason"))
    }

    /// Names of the jobs in the order in which they ended.
    pub fn jobs(&self) -> Vec<&str> {
        self.of_kind("job_finished").map(|e| text(e, "job")).collect()
    }

    /// Outcome, conclusion and reason of each step of a job, in order.
    pub fn steps(&self, job: &str) -> Vec<String> {
        let steps = self.of_kind("step_finished").filter(|e| e["job"] == job);
        let shown = |e: &Value| {
            let (outcome, conclusion, reason) =
                (text(e, "outcome"), text(e, "conclusion"), text(e, "reason"));
            let allowed = if outcome == conclusion { String::new() } else { format!(" as {conclusion}") };
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{outcome}{allowed}{reason}")
        };
        steps.map(shown).collect()
    }

    /// Annotations of a level.
    pub fn annotations(&self, level: &str) -> Vec<&str> {
        self.of_kind("annotation").filter(|e| e["level"] == level).map(|e| text(e, "message")).collect()
    }
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_default()
}
