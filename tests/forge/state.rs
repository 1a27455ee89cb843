//! What the forge knows: runners, tasks, and what they told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use palisade_proto::forgejo::{Conclusion, LogRow, TaskState};

use super::REGISTRATION_TOKEN;
use super::fault::{Faults, Method};
use super::job::{Job, Tokens};

/// Everything.
pub struct State {
    /// The registration tokens that are taken.
    pub registration_tokens: BTreeSet<String>,
    /// The runners, in the order of their registration.
    pub runners: Vec<RunnerRecord>,
    /// The tasks, in the order in which they came.
    pub tasks: Vec<TaskRecord>,
    /// How many calls came of each method, those that met a fault included.
    pub calls: BTreeMap<Method, u64>,
    /// Rules of the protocol that were broken, in order.
    pub violations: Vec<String>,
    pub(super) address: String,
    pub(super) tasks_version: i64,
    pub(super) faults: Faults,
    /// What was given for a key of a request.
    pub(super) given: HashMap<String, Vec<i64>>,
    issued: u64,
}

/// A runner as the forge knows it.
#[derive(Clone, Debug)]
pub struct RunnerRecord {
    /// Its number.
    pub id: i64,
    /// Its identifier.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether it takes one task ever.
    pub ephemeral: bool,
    /// Whether the forge has forgotten it.
    pub revoked: bool,
    /// How often it has started (Declare).
    pub declared: u32,
    /// How often it asked for work.
    pub fetches: u32,
    /// How often it called after it was forgotten.
    pub calls_when_revoked: u32,
    /// The most tasks that it had at a time.
    pub most_tasks: usize,
    pub(super) token: String,
}

/// A task and what a runner told of it.
#[derive(Clone, Debug)]
pub struct TaskRecord {
    /// Its number.
    pub id: i64,
    /// The runner that has it, by its identifier.
    pub runner: Option<String>,
    /// How often it was handed out: more than once only by a fault or a repeated request.
    pub handed_out: u32,
    /// When it was handed out first.
    pub handed_out_at: Option<SystemTime>,
    /// The states that were told while it ran, in order; the final one is the last.
    pub states: Vec<TaskState>,
    /// The rows of its log, if they are kept.
    pub rows: Vec<LogRow>,
    /// How many rows its log has.
    pub row_count: usize,
    /// How many bytes the rows have.
    pub row_bytes: u64,
    /// How many bytes the requests with rows had on their way, perhaps packed.
    pub received_bytes: u64,
    /// How many rows came that were there already.
    pub rows_again: usize,
    /// Whether the log was closed with its last row.
    pub log_closed: bool,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// The summaries of its steps.
    pub summaries: BTreeMap<usize, String>,
    pub(super) job: Job,
    pub(super) tokens: Tokens,
    /// How the server ended it, before its runner did.
    pub(super) ended_by_server: Option<Conclusion>,
    /// The server doesn't know it any more.
    pub(super) removed: bool,
    /// What the runner knows that the server has: rows, and the end.
    pub(super) rows_told: usize,
    pub(super) end_told: bool,
}

impl TaskRecord {
    /// How it ended for the forge.
    pub fn conclusion(&self) -> Option<Conclusion> {
        self.ended_by_server.or_else(|| self.states.last()?.conclusion)
    }

    /// How its runner says that it ended.
    pub fn told(&self) -> Option<Conclusion> {
        self.states.last()?.conclusion
    }

    /// Whether its runner has told its end.
    pub fn reported(&self) -> bool {
        self.told().is_some()
    }

    /// The log as text, a row a line.
    pub fn log(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", row.content)).collect()
    }
}

/// What stands in a runtime token, to be read by anybody.
fn claims(job: i64) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!({ "JobID": job }).to_string())
}

impl State {
    pub(super) fn new() -> State {
        State {
            registration_tokens: BTreeSet::from([REGISTRATION_TOKEN.to_owned()]),
            runners: Vec::new(),
            tasks: Vec::new(),
            calls: BTreeMap::new(),
            violations: Vec::new(),
            address: String::new(),
            tasks_version: 1,
            faults: Faults::default(),
            given: HashMap::new(),
            issued: 0,
        }
    }

    /// A task by its number.
    pub fn task(&self, id: i64) -> Option<&TaskRecord> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// A runner by its identifier.
    pub fn runner(&self, uuid: &str) -> Option<&RunnerRecord> {
        self.runners.iter().find(|runner| runner.uuid == uuid)
    }

    /// How many calls came of a method.
    pub fn calls_of(&self, method: Method) -> u64 {
        self.calls.get(&method).copied().unwrap_or(0)
    }

    pub(super) fn runner_mut(&mut self, uuid: &str) -> Option<&mut RunnerRecord> {
        self.runners.iter_mut().find(|runner| runner.uuid == uuid)
    }

    pub(super) fn task_mut(&mut self, id: i64) -> Option<&mut TaskRecord> {
        self.tasks.iter_mut().find(|task| task.id == id)
    }

    pub(super) fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// A token or an identifier that was never given before, of 40 hexadecimal digits.
    pub(super) fn fresh(&mut self) -> String {
        self.issued += 1;
        let mut random = crate::Random::new(self.issued ^ 0xf04e);
        random.text("0123456789abcdef", 40)
    }

    /// A runner that nobody else is, with its token.
    pub(super) fn new_runner(&mut self, name: String, ephemeral: bool) -> &mut RunnerRecord {
        let digits = self.fresh();
        let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..32]];
        let (uuid, token) = (groups.join("-"), self.fresh());
        let at = self.runners.len();
        self.runners.push(RunnerRecord {
            id: 1 + at as i64,
            uuid,
            name,
            version: String::new(),
            labels: Vec::new(),
            ephemeral,
            revoked: false,
            declared: 0,
            fetches: 0,
            calls_when_revoked: 0,
            most_tasks: 0,
            token,
        });
        &mut self.runners[at]
    }

    pub(super) fn enqueue(&mut self, job: Job) -> i64 {
        // Numbers that aren't those of rows, steps or versions, so that one can't pass for another.
        let id = 101 + self.tasks.len() as i64;
        let runtime = format!("{}.{}.{}", self.fresh(), claims(id), self.fresh());
        let tokens = Tokens { job: self.fresh(), runtime };
        self.tasks.push(TaskRecord {
            id,
            runner: None,
            handed_out: 0,
            handed_out_at: None,
            states: Vec::new(),
            rows: Vec::new(),
            row_count: 0,
            row_bytes: 0,
            received_bytes: 0,
            rows_again: 0,
            log_closed: false,
            outputs: BTreeMap::new(),
            summaries: BTreeMap::new(),
            job,
            tokens,
            ended_by_server: None,
            removed: false,
            rows_told: 0,
            end_told: false,
        });
        self.tasks_version += 1;
        id
    }

    /// What has ended stays as it is.
    pub(super) fn end_by_server(&mut self, id: i64, conclusion: Conclusion) {
        if let Some(task) = self.task_mut(id)
            && task.conclusion().is_none()
        {
            task.ended_by_server = Some(conclusion);
            let runner = task.runner.clone();
            self.forget_ephemeral(runner.as_deref());
        }
    }

    /// A runner for one task is gone with that.
    pub(super) fn forget_ephemeral(&mut self, uuid: Option<&str>) {
        if let Some(runner) = uuid.and_then(|uuid| self.runner_mut(uuid)) {
            runner.revoked |= runner.ephemeral;
        }
    }

    /// Runners may not know what they were answered: it may come again.
    pub(super) fn forget_told(&mut self) {
        for task in &mut self.tasks {
            task.rows_told = 0;
            task.end_told = false;
        }
    }

    /// How many tasks a runner has at the moment.
    pub(super) fn running(&self, uuid: &str) -> usize {
        self.tasks.iter().filter(|task| task.runner.as_deref() == Some(uuid) && !task.reported()).count()
    }

    /// For who waits in vain.
    pub(super) fn summary(&self) -> String {
        let mut text = format!("calls: {:?}\nviolations: {:?}\n", self.calls, self.violations);
        for runner in &self.runners {
            text += &format!("{runner:?}\n");
        }
        for task in &self.tasks {
            text += &format!(
                "task {}: runner {:?}, ends {:?}, {} states, {} rows (closed: {})\n",
                task.id,
                task.runner,
                task.conclusion(),
                task.states.len(),
                task.row_count,
                task.log_closed
            );
            for row in task.rows.iter().rev().take(20).rev() {
                text += &format!("    {}\n", row.content);
            }
        }
        text
    }
}
