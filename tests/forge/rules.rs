//! The rules that a runner has to keep, as far as a server can see them.

use palisade_proto::forgejo::wire::runner as wire;
use palisade_proto::forgejo::{MAX_ROW, StepState, TaskState};

use super::state::{State, TaskRecord};

/// Shorter secrets can be in anything by chance, in bytes.
const SHORTEST_SECRET: usize = 6;

/// No secret of any task may be in what is sent, in clear.
pub(super) fn secrets(state: &mut State, call: &str, sent: &[&[u8]]) {
    let mut found = Vec::new();
    for task in state.tasks.iter().filter(|task| task.runner.is_some()) {
        let tokens = [("the job's token", &task.tokens.job), ("the runtime token", &task.tokens.runtime)];
        let secrets = task.job.secrets.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in secrets.chain(tokens).filter(|(_, value)| value.len() >= SHORTEST_SECRET) {
            if sent.iter().any(|sent| memchr::memmem::find(sent, value.as_bytes()).is_some()) {
                found.push(format!("{call}: `{name}` of task {} is in the request", task.id));
            }
        }
    }
    state.violations.extend(found);
}

/// The state that comes after `task`'s last one.
pub(super) fn next_state(task: &TaskRecord, next: &TaskState) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |what: String| broken.push(format!("UpdateTask of task {}: {what}", task.id));
    let last = task.states.last();
    if next.conclusion.is_some() {
        if next.stopped_at.is_none() {
            say("it has ended, but not when".to_owned());
        }
        let open = next.steps.iter().filter(|step| step.conclusion.is_none()).map(|step| step.step);
        for step in open {
            say(format!("step {step} never ends"));
        }
        for step in
            (0..task.job.steps.unwrap_or(0)).filter(|step| !next.steps.iter().any(|s| s.step == *step))
        {
            say(format!("nothing is told of step {step}"));
        }
    }
    if last.is_some_and(|last| last.started_at.is_some() && last.started_at != next.started_at) {
        say("it began at another time before".to_owned());
    }
    for step in &next.steps {
        if task.job.steps.is_some_and(|steps| step.step >= steps) {
            say(format!("there is no step {}", step.step));
        }
        let before = last.and_then(|last| last.steps.iter().find(|before| before.step == step.step));
        if let Some(before) = before {
            step_after(before, step).into_iter().for_each(&mut say);
        }
    }
    if next.steps.windows(2).any(|pair| pair[0].step >= pair[1].step) {
        say("its steps aren't in order".to_owned());
    }
    let with_rows: Vec<_> = next.steps.iter().filter(|step| step.log_length > 0).collect();
    for pair in with_rows.windows(2) {
        if pair[0].log_index + pair[0].log_length != pair[1].log_index {
            say(format!(
                "step {} has rows {}+{}, step {} begins at {}",
                pair[0].step, pair[0].log_index, pair[0].log_length, pair[1].step, pair[1].log_index
            ));
        }
    }
    if let Some(step) = with_rows.last().filter(|_| next.conclusion.is_some())
        && step.log_index + step.log_length > task.row_count as u64
    {
        say(format!("step {} has rows that the log hasn't", step.step));
    }
    broken
}

fn step_after(before: &StepState, after: &StepState) -> Option<String> {
    let step = after.step;
    if before.conclusion.is_some() && before.conclusion != after.conclusion {
        return Some(format!("step {step} ended as {:?}, now {:?}", before.conclusion, after.conclusion));
    }
    if before.started_at.is_some() && before.started_at != after.started_at {
        return Some(format!("step {step} began at another time before"));
    }
    if before.log_length > 0 && before.log_index != after.log_index {
        return Some(format!("step {step} began at row {}, now {}", before.log_index, after.log_index));
    }
    (after.log_length < before.log_length).then(|| format!("step {step} loses rows"))
}

/// Rows that come for a task's log.
pub(super) fn rows(task: &TaskRecord, request: &wire::UpdateLogRequest) -> Vec<String> {
    let mut broken = Vec::new();
    let mut say = |what: String| broken.push(format!("UpdateLog of task {}: {what}", task.id));
    let (index, have) = (request.index.max(0) as usize, task.row_count);
    if request.index < 0 || index > have {
        say(format!("rows from {} on, but there are {have}", request.index));
    }
    if index < task.rows_told && !request.rows.is_empty() {
        say(format!("rows from {index} on, though {} were acknowledged", task.rows_told));
    }
    // What closed the log may come again, where its answer was lost.
    if request.no_more && !task.log_closed && index + request.rows.len() <= have {
        say("it closes the log without a new row, which no server heeds".to_owned());
    }
    if task.log_closed && index + request.rows.len() > have {
        say("rows after the log was closed".to_owned());
    }
    for (row, known) in request.rows.iter().zip(task.rows.iter().skip(index)) {
        if row.content != known.content {
            say(format!("a row that was `{}` is now `{}`", known.content, row.content));
        }
    }
    for (offset, row) in request.rows.iter().enumerate() {
        let number = index + offset;
        if row.time.is_none() {
            say(format!("row {number} has no time"));
        }
        if row.content.len() > MAX_ROW {
            say(format!("row {number} has {} bytes", row.content.len()));
        }
        if row.content.contains(['\n', '\r']) {
            say(format!("row {number} has a line end in it"));
        }
    }
    broken
}
