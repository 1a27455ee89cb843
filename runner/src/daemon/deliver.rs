//! One task, from its process to its forge's last word, in a thread of its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backoff::Backoff;
use super::leash::Leash;
use super::process::Process;
use super::slots::Slot;
use super::task::{Directory, Key, Shown};
use super::transcript::Transcript;
use super::{Daemon, Runner, Severity};
use crate::forge::{ForgeError, Progress, Row, Standing, StepState};
use crate::order::EVENTS;
use crate::output::event::Conclusion;

/// How often a task is looked at while nothing happens.
const TICK: Duration = Duration::from_millis(100);
/// For how long the next job's process isn't started, so that it takes no time from this job's start.
const HEAD_START: Duration = Duration::from_millis(20);
/// How often the forge hears that a job goes on; by its answers it tells of a cancellation.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Between attempts at a forge that doesn't answer: the first, and the longest.
const RETRY: Duration = Duration::from_millis(500);
const RETRY_MOST: Duration = Duration::from_secs(10);
/// How long the end of a job is offered to a forge that doesn't take it.
const GIVE_UP: Duration = Duration::from_hours(24);
/// What a row takes besides its text, in bytes, in memory and in a call: many rows have next to none.
const ROW: usize = 64;
/// Most rows in one call, in bytes; forges and proxies bound what they take.
const MAX_BATCH: usize = 1 << 20;
/// Most rows that wait in memory, in bytes: the rest waits in the file.
const MAX_WAITING: usize = 4 << 20;
/// Longest line of the file of events, in bytes: what one event can be, escaped.
const MAX_LINE: u64 = 64 << 20;

/// Begins a task that was just taken.
pub fn begin(daemon: &Arc<Daemon>, runner: &Arc<Runner>, directory: Directory, process: Process, slot: Slot) {
    let time = daemon.settings().max_job_time;
    let task = Task::new(daemon, runner, directory, (process, None), slot, Some(0), time);
    if runner.gives_next() {
        spawn(task, Task::write_down);
    } else if let Some(task) = task.write_down() {
        spawn(task, Some);
    }
}

/// Goes on with a task that an earlier daemon began.
pub fn resume(daemon: &Arc<Daemon>, runner: &Arc<Runner>, directory: Directory) {
    let found = match Process::find(directory.path()) {
        Ok(found) => found,
        Err(error) => (Process::not_started(directory.path(), &error), None),
    };
    let over = if found.0.is_alive() { "goes on" } else { "is over" };
    daemon.journal.task(Severity::Info, &directory.key(), "taking a task over", &[("process", over)]);
    let age = directory.record().taken.elapsed().unwrap_or_default();
    let left = daemon.settings().max_job_time.saturating_sub(age);
    let slot = daemon.slots.take_anyway(&runner.id);
    spawn(Task::new(daemon, runner, directory, found, slot, None, left), Some);
}

fn spawn(task: Task, begin: impl FnOnce(Task) -> Option<Task> + Send + 'static) {
    let (daemon, key) = (task.daemon.clone(), task.key.clone());
    let run = move || begin(task).map_or((), Task::run);
    let spawned = std::thread::Builder::new().name(format!("task {}", key.task)).spawn(run);
    if let Err(error) = spawned {
        // Its directory is still there: the next start of the daemon takes it over.
        daemon.journal.task(Severity::Error, &key, "cannot tell of a task", &[("error", &error.to_string())]);
    }
}

/// What a row takes, in bytes.
fn size(row: &Row) -> usize {
    row.text.len() + ROW
}

struct Task {
    daemon: Arc<Daemon>,
    runner: Arc<Runner>,
    key: Key,
    directory: Directory,
    process: Process,
    /// Keeps any other process from beginning it, where its own is gone.
    _lock: Option<File>,
    /// Its place, until its process has ended.
    slot: Option<Slot>,
    /// What ends its process; none where that has ended before.
    leash: Option<Arc<Leash>>,
    events: Option<BufReader<File>>,
    /// The beginning of a line whose end isn't there yet.
    partial: Vec<u8>,
    transcript: Transcript,
    /// Rows that the forge doesn't have, and how long they are together.
    rows: Vec<Row>,
    waiting: usize,
    /// How many the forge has; not known of a task that was taken over.
    has: Option<u64>,
    batch: usize,
    log_closed: bool,
    /// What the forge was told last of each step: whether it had begun, and its result; and when to tell again.
    told: Vec<(bool, Option<Conclusion>)>,
    heartbeat: Instant,
    /// When the next job's process is to be started ahead; none once that was done.
    prepare: Option<Instant>,
    backoff: Backoff,
    next: Instant,
    failing: Option<Instant>,
    /// Why its forge wants to hear nothing more of it: that doesn't know it, or its runner.
    unwanted: Option<ForgeError>,
}

/// Whether there is anything left to do.
#[derive(PartialEq, Eq)]
enum Left {
    Something,
    Nothing,
}

impl Task {
    fn new(
        daemon: &Arc<Daemon>,
        runner: &Arc<Runner>,
        directory: Directory,
        (process, lock): (Process, Option<File>),
        slot: Slot,
        has: Option<u64>,
        time: Duration,
    ) -> Task {
        let now = Instant::now();
        let leash = daemon.leash(&directory.key(), &process, time);
        // One that shows no states of steps needs no end of theirs.
        let most_steps = if runner.shows_steps() { directory.record().most_steps } else { 0 };
        let task = Task {
            daemon: daemon.clone(),
            runner: runner.clone(),
            key: directory.key(),
            directory,
            process,
            _lock: lock,
            slot: Some(slot),
            leash,
            events: None,
            partial: Vec::new(),
            transcript: Transcript::new(!runner.shows_steps(), most_steps),
            rows: Vec::new(),
            waiting: 0,
            has,
            batch: MAX_BATCH,
            log_closed: false,
            told: Vec::new(),
            heartbeat: now,
            prepare: Some(now + HEAD_START),
            backoff: Backoff::new(RETRY, RETRY_MOST),
            next: now,
            failing: None,
            unwanted: None,
        };
        task.show();
        task
    }

    /// Writes down that it was taken, waits until that is on the disk, and gives its job leave to begin. Where that fails, the task is
    /// the forge's again.
    fn write_down(mut self) -> Option<Task> {
        match self.directory.write_down(&self.daemon.tasks) {
            Ok(()) => {
                self.runner.begun(self.key.task);
                self.process.give_leave();
                Some(self)
            }
            Err(error) => {
                let Task { daemon, runner, key, directory, process, .. } = self;
                process.withdraw();
                directory.remove();
                daemon.shown().remove(&key);
                daemon.not_begun(&runner, &key, &error);
                None
            }
        }
    }

    fn run(mut self) {
        loop {
            let over = self.wait();
            if let Err(error) = self.read(over) {
                self.cut_off(&format!("cannot read what the job's process said: {error}"));
            }
            if over {
                // What is left is a thread that waits for a forge: `MAX_UNTOLD` bounds those.
                if self.slot.take().is_some() {
                    // Who takes the place asks a forge first: by the answer the next process is under way.
                    self.prepare_next();
                }
                if self.transcript.ended().is_none() && self.waiting < MAX_WAITING {
                    let why = self.process.why();
                    let torn = match self.partial.len() {
                        0 => String::new(),
                        bytes => format!("; the last {bytes} bytes that it said are no whole event"),
                    };
                    self.cut_off(&format!("the job's process ended before the job did: {why}{torn}"));
                }
            }
            if self.next <= Instant::now() {
                match self.tell(over) {
                    Ok(Left::Nothing) => return self.finish(),
                    Ok(Left::Something) => self.answered(),
                    Err(error @ (ForgeError::Revoked(_) | ForgeError::Gone(_))) => self.unwanted(error),
                    Err(error) => {
                        if self.failed(&error) {
                            return self.abandon(&error);
                        }
                    }
                }
            }
            if over && let Some(why) = self.unwanted.take() {
                return self.abandon(&why);
            }
            self.show();
            if self.prepare.is_some_and(|at| at <= Instant::now()) {
                self.prepare_next();
            }
        }
    }

    fn prepare_next(&mut self) {
        self.prepare = None;
        self.daemon.prepare();
    }

    /// Waits until there may be something to do; tells whether the process has ended.
    fn wait(&mut self) -> bool {
        let busy = !self.rows.is_empty() && self.next <= Instant::now();
        let tick = if self.prepare.is_some() { HEAD_START } else { TICK };
        let time = if busy { Duration::ZERO } else { tick };
        if !self.process.is_alive() {
            if !self.rows.is_empty() || self.next > Instant::now() {
                std::thread::sleep(time);
            }
            return true;
        }
        self.process.wait(time).unwrap_or_else(|error| {
            self.journal(Severity::Error, "cannot wait for the job's process", &error.to_string());
            std::thread::sleep(TICK);
            false
        })
    }

    /// Reads what the process has said since, as far as there is room for it.
    fn read(&mut self, over: bool) -> io::Result<()> {
        if self.events.is_none() {
            match File::open(self.directory.path().join(EVENTS)) {
                Ok(file) => self.events = Some(BufReader::with_capacity(256 << 10, file)),
                // It says nothing before it is there.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        while self.waiting < MAX_WAITING && self.transcript.ended().is_none() {
            let Some(events) = &mut self.events else { return Ok(()) };
            if io::Read::take(&mut *events, MAX_LINE).read_until(b'\n', &mut self.partial)? == 0 {
                return Ok(());
            }
            if self.partial.last() != Some(&b'\n') {
                if self.partial.len() as u64 >= MAX_LINE {
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a line has no end"));
                }
                if over {
                    continue;
                }
                return Ok(());
            }
            let line = std::mem::take(&mut self.partial);
            let (before, first) = (self.rows.len(), self.transcript.rows());
            let taken = std::str::from_utf8(&line).map_err(io::Error::other).and_then(|line| {
                self.transcript.take(line.trim_end(), &mut self.rows).map_err(io::Error::other)
            });
            self.partial = line;
            self.partial.clear();
            taken?;
            self.keep_new(before, first);
        }
        Ok(())
    }

    /// Drops rows that the forge has already: those from `before` on are new, and the first of them has the number
    /// `first`.
    fn keep_new(&mut self, before: usize, first: u64) {
        let known = self.has.unwrap_or(0).saturating_sub(first) as usize;
        let known = known.min(self.rows.len() - before);
        self.rows.drain(before..before + known);
        self.waiting += self.rows[before..].iter().map(size).sum::<usize>();
    }

    fn cut_off(&mut self, why: &str) {
        if self.transcript.ended().is_some() {
            return;
        }
        self.process.ask();
        let (before, first) = (self.rows.len(), self.transcript.rows());
        self.transcript.cut_off(why, &mut self.rows);
        self.keep_new(before, first);
        self.journal(Severity::Error, "a job was cut off", why);
    }

    /// Tells the forge what it doesn't know.
    fn tell(&mut self, over: bool) -> Result<Left, ForgeError> {
        let task = self.key.task;
        if self.has.is_none() {
            let has = self.runner.append(task, 0, &[], false)?;
            self.has = Some(has);
            let first = self.transcript.rows() - self.rows.len() as u64;
            self.waiting = 0;
            self.keep_new(0, first);
            return Ok(Left::Something);
        }
        self.tell_rows()?;
        let ended = self.transcript.ended().is_some() && self.rows.is_empty() && over;
        let standings = |steps: &[StepState]| -> Vec<_> {
            steps.iter().map(|step| (step.started.is_some(), step.result)).collect()
        };
        let now = standings(self.transcript.steps());
        let changed = self.told != now;
        if !ended && !changed && self.heartbeat > Instant::now() {
            return Ok(Left::Something);
        }
        let progress = Progress {
            started: self.directory.record().taken,
            steps: self.transcript.steps(),
            ended: self.transcript.ended().filter(|_| ended),
        };
        let standing = self.runner.report(task, &progress)?;
        if ended {
            return Ok(Left::Nothing);
        }
        self.told = now;
        self.heartbeat = Instant::now() + HEARTBEAT;
        if standing == Standing::Over && self.leash.as_ref().is_some_and(|leash| leash.ask()) {
            self.journal(Severity::Info, "ending a job", "its forge says that it is over");
        }
        Ok(Left::Something)
    }

    fn tell_rows(&mut self) -> Result<(), ForgeError> {
        while !self.rows.is_empty() {
            let (mut count, mut sum) = (0, 0);
            for row in &self.rows {
                if count > 0 && sum + size(row) > self.batch {
                    break;
                }
                (count, sum) = (count + 1, sum + size(row));
            }
            let first = self.has.unwrap_or(0);
            let last = self.transcript.ended().is_some() && count == self.rows.len();
            let has = if self.log_closed {
                first + count as u64
            } else {
                match self.runner.append(self.key.task, first, &self.rows[..count], last) {
                    Ok(has) => has,
                    Err(ForgeError::LogClosed(why) | ForgeError::Refused(why)) => {
                        self.journal(Severity::Warning, "the forge takes no more of a job's log", &why);
                        self.log_closed = true;
                        continue;
                    }
                    Err(ForgeError::TooLarge(_)) if count > 1 => {
                        self.batch = (self.batch / 2).max(1);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            };
            if has < first {
                return Err(ForgeError::Transient(format!(
                    "the forge has lost rows of the log: it has {has} of {first}"
                )));
            }
            let known = ((has - first) as usize).min(self.rows.len());
            self.waiting -= self.rows.drain(..known).map(|row| size(&row)).sum::<usize>();
            self.has = Some(has);
            if known == 0 {
                return Err(ForgeError::Transient("the forge took no row of the log".into()));
            }
            if !last && self.process.is_alive() && self.waiting < MAX_WAITING / 2 {
                break;
            }
        }
        Ok(())
    }

    fn answered(&mut self) {
        if self.failing.take().is_some() {
            self.journal(Severity::Info, "the forge answers again", "");
        }
        self.backoff.reset();
    }

    /// Tells whether it is no use to go on.
    fn failed(&mut self, error: &ForgeError) -> bool {
        let now = Instant::now();
        if self.failing.is_none() {
            self.journal(Severity::Warning, "the forge does not answer as it should", &error.to_string());
        }
        let since = *self.failing.get_or_insert(now);
        self.next = now + self.backoff.next();
        let refused = matches!(error, ForgeError::Refused(_));
        !self.process.is_alive() && (refused || now.duration_since(since) >= GIVE_UP)
    }

    /// Ends a job that its forge wants to hear nothing of any more, its last steps included.
    fn unwanted(&mut self, why: ForgeError) {
        if self.leash.as_ref().is_some_and(|leash| leash.ask()) {
            self.journal(Severity::Info, "ending a job", &why.to_string());
        }
        self.next = Instant::now() + GIVE_UP;
        self.unwanted = Some(why);
    }

    fn finish(self) {
        let ended = self.transcript.ended();
        let result = ended.map_or(Conclusion::Failure, |ended| ended.result);
        let fields = [("result", result.as_str())];
        self.daemon.journal.task(Severity::Info, &self.key, "a task is over", &fields);
        if let Some(ended) = ended {
            let time = ended.at.duration_since(self.directory.record().taken).unwrap_or_default();
            self.daemon.metrics.job(&self.key.runner, result, time);
        }
        if let Some(time) = self.transcript.set_up() {
            self.daemon.metrics.set_up(time);
        }
        self.daemon.metrics.masked(self.transcript.masked());
        self.forget();
    }

    /// Gives a task up whose end nobody wants to know.
    fn abandon(mut self, why: &ForgeError) {
        let severity = match why {
            // Somebody has removed its run.
            ForgeError::Gone(_) => Severity::Info,
            // A forge forgets a runner for one job with that job, also where somebody cancels it.
            ForgeError::Revoked(_) if self.runner.is_for_one_job() => Severity::Info,
            _ => Severity::Error,
        };
        self.journal(severity, "giving a task up", &why.to_string());
        if self.process.is_alive() {
            self.process.end();
        }
        self.forget();
    }

    fn forget(self) {
        let Task { daemon, runner, key, directory, .. } = self;
        if let Err(error) = directory.finish(&daemon.finished) {
            daemon.journal.task(
                Severity::Error,
                &key,
                "cannot remove a task's directory",
                &[("error", &error.to_string())],
            );
        }
        daemon.shown().remove(&key);
        runner.has_job();
        runner.spend();
    }

    fn show(&self) {
        let record = self.directory.record();
        let steps = self.transcript.steps();
        let shown = Shown {
            key: self.key.clone(),
            repository: record.repository.clone(),
            job: record.job.clone(),
            taken: record.taken,
            step: steps.iter().position(|step| step.started.is_some() && step.result.is_none()),
            steps: steps.len(),
            over: !self.process.is_alive(),
            rows: (self.has.unwrap_or(0), self.transcript.rows()),
        };
        self.daemon.shown().insert(self.key.clone(), shown);
    }

    fn journal(&self, severity: Severity, message: &str, why: &str) {
        let field = [("reason", why)];
        let fields = if why.is_empty() { &field[..0] } else { &field[..] };
        self.daemon.journal.task(severity, &self.key, message, fields);
    }
}
