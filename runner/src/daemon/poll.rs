//! Asks a forge for jobs, as long as there is room for one.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::statvfs::statvfs;

use super::backoff::{Backoff, jittered};
use super::deliver;
use super::process::Process;
use super::task::{Directory, Key, Record};
use super::{Daemon, Phase, Runner, Severity};
use crate::forge::{Assigned, ForgeError};

/// Between two questions of which the first got no job; and where a job has just begun or ended.
const IDLE: Duration = Duration::from_secs(1);
const LIVELY: Duration = Duration::from_millis(250);
/// How often the forge is to look in any case: another runner may have been quicker, and then it tells of nothing new.
const AFRESH: Duration = Duration::from_secs(30);
/// Between attempts at a forge that doesn't answer: the first, and the longest.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);
/// Most jobs that have ended and whose forges don't know it yet, beyond which none is taken.
const MAX_UNTOLD: usize = 256;
/// Between looks whether there is disk space again, and after a task that couldn't be written down.
pub const NO_SPACE: Duration = Duration::from_secs(10);

/// Begins, in a thread of its own.
pub fn spawn(daemon: Arc<Daemon>, runner: Arc<Runner>) {
    let name = format!("poll {}", runner.id);
    let failed = std::thread::Builder::new().name(name).spawn({
        let (daemon, runner) = (daemon.clone(), runner.clone());
        move || Poll { daemon, runner, backoff: Backoff::new(RETRY, RETRY_MOST), no_space: false }.run()
    });
    if let Err(error) = failed {
        let error = error.to_string();
        daemon.journal.write(
            Severity::Error,
            "cannot ask for jobs",
            &[("runner", &runner.id), ("error", &error)],
        );
    }
}

struct Poll {
    daemon: Arc<Daemon>,
    runner: Arc<Runner>,
    backoff: Backoff,
    /// It was told that there is no disk space.
    no_space: bool,
}

impl Poll {
    fn run(mut self) {
        if !self.announce() {
            return;
        }
        let mut afresh = Instant::now();
        loop {
            let enough = || self.daemon.phase() > Phase::Running || self.runner.is_retired();
            let Some(slot) = self.daemon.slots.take(&self.runner.id, enough) else { return self.retired() };
            if !self.has_space() || self.daemon.untold() >= MAX_UNTOLD || self.daemon.is_troubled() {
                drop(slot);
                self.daemon.pause(NO_SPACE);
                continue;
            }
            match self.runner.fetch(afresh <= Instant::now()) {
                Ok(Some(assigned)) => {
                    self.answered();
                    if !self.begin(assigned, slot) {
                        self.daemon.pause(NO_SPACE);
                    } else if self.runner.is_for_one_job() {
                        return;
                    }
                    afresh = Instant::now();
                }
                Ok(None) => {
                    self.answered();
                    drop(slot);
                    if afresh <= Instant::now() {
                        afresh = Instant::now() + jittered(AFRESH);
                    }
                    let pause = match self.runner.is_lively() {
                        _ if self.runner.tells_news() => AFRESH,
                        true => LIVELY,
                        false => IDLE,
                    };
                    let until = self.daemon.beat.next(Instant::now(), pause);
                    self.daemon.pause_unless(until, || self.runner.has_news());
                }
                Err(ForgeError::Revoked(why)) => return self.revoked(&why),
                Err(error) => {
                    drop(slot);
                    self.failed(&error);
                }
            }
        }
    }

    /// Says that the runner is there; false where it isn't one any more.
    fn announce(&mut self) -> bool {
        while self.daemon.phase() == Phase::Running && !self.runner.is_retired() {
            match self.runner.announce() {
                Ok(()) => {
                    self.answered();
                    let fields = [("runner", self.runner.id.as_str()), ("forge", &self.runner.address)];
                    self.daemon.journal.write(Severity::Info, "waiting for jobs", &fields);
                    return true;
                }
                Err(ForgeError::Revoked(why)) => {
                    self.revoked(&why);
                    return false;
                }
                Err(error) => self.failed(&error),
            }
        }
        false
    }

    /// False where the task can't be written down.
    fn begin(&self, Assigned { task, order, since }: Assigned, slot: super::slots::Slot) -> bool {
        let key = Key { runner: self.runner.id.clone(), task };
        let text = |key: &str| order.github.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let record = Record {
            key: key.clone(),
            repository: text("repository"),
            job: order.job.clone(),
            taken: SystemTime::now(),
            most_steps: order.most_steps(),
        };
        let Daemon { journal, blanks, tasks, finished, .. } = &*self.daemon;
        let (ready, made) = match self.daemon.ready() {
            Ok(ready) => {
                let directory = Ok(ready.directory().to_owned());
                (Ok(ready), directory)
            }
            Err(error) => (Err(error), blanks.take()),
        };
        let claimed = made.and_then(|made| Directory::claim(tasks, finished, (&made, blanks), record));
        match claimed {
            Ok(Some(directory)) => {
                let process = match ready {
                    Ok(ready) => ready.take(directory.path(), &order),
                    Err(error) => Process::not_started(directory.path(), &error),
                };
                self.runner.has_job();
                if let Some(since) = since {
                    self.daemon.metrics.queued(&self.runner.id, since.elapsed().unwrap_or_default());
                }
                let repository = directory.record().repository.clone();
                let fields = [("repository", repository.as_str()), ("job", &order.job)];
                journal.task(Severity::Info, &key, "taking a task", &fields);
                deliver::begin(&self.daemon, &self.runner, directory, process, slot);
            }
            Ok(None) => {
                if let Ok(ready) = ready {
                    self.daemon.spare.put_back(ready);
                }
                self.runner.begun(task);
                journal.task(Severity::Warning, &key, "the forge gave a task again: it runs once", &[]);
            }
            // The forge gives it again, or gives it up in its own time.
            Err(error) => {
                self.daemon.not_begun(&self.runner, &key, &error);
                return false;
            }
        }
        true
    }

    /// Whether there is disk space for a job.
    fn has_space(&mut self) -> bool {
        let least = self.daemon.settings().min_free;
        let free =
            statvfs(&self.daemon.tasks).map(|fs| fs.blocks_available().saturating_mul(fs.fragment_size()));
        // A file system that doesn't tell is no reason to do nothing.
        let enough = free.map_or(true, |free| free >= least);
        self.daemon.no_space.store(!enough, Ordering::SeqCst);
        if enough == self.no_space {
            self.no_space = !enough;
            let (severity, message) = match enough {
                true => (Severity::Info, "there is disk space again"),
                false => (Severity::Error, "too little disk space: no job is taken"),
            };
            let (free, least) = (free.unwrap_or_default().to_string(), least.to_string());
            let fields = [("runner", self.runner.id.as_str()), ("free", &free), ("min-free", &least)];
            self.daemon.journal.write(severity, message, &fields);
        }
        enough
    }

    fn answered(&mut self) {
        if !self.backoff.is_fresh() {
            let fields = [("runner", self.runner.id.as_str())];
            self.daemon.journal.write(Severity::Info, "the forge answers again", &fields);
        }
        self.backoff.reset();
    }

    fn failed(&mut self, error: &ForgeError) {
        if self.backoff.is_fresh() {
            let fields = [("runner", self.runner.id.as_str()), ("error", &error.to_string())];
            self.daemon.journal.write(Severity::Warning, "the forge does not answer as it should", &fields);
        }
        self.daemon.pause(self.backoff.next());
    }

    fn retired(&self) {
        if self.runner.is_retired() {
            let fields = [("runner", self.runner.id.as_str())];
            self.daemon.journal.write(
                Severity::Info,
                "its registration is gone: no more jobs of it are taken",
                &fields,
            );
        }
    }

    fn revoked(&self, why: &str) {
        if self.runner.is_for_one_job() {
            return self.runner.spend();
        }
        let help = format!("palisade unregister {}", self.runner.id);
        let fields = [("runner", self.runner.id.as_str()), ("error", why), ("help", &help)];
        self.daemon.journal.write(Severity::Error, "the forge does not know this runner any more", &fields);
    }
}
