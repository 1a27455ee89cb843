//! `palisade daemon`: takes jobs from forges, has each run by a process of its own, and tells the forges how they go. It
//! never parses a workflow.
//!
//! A task is a directory (`task`): the job's process (`process`, started as `start` says, ahead by `spare`) holds a lock
//! in it and writes events to a file there, and a thread (`deliver`) reads that file and tells the forge rows and states
//! (`transcript`). Where a `launcher` starts processes, its `absence` is bridged. What was delivered the forge knows by its
//! acknowledgements, so that an outage, a restart and a takeover are the same thing: read on, ask the forge how many rows
//! it has, go on from there. `poll` asks for jobs, together with others by `beat`, `slots` says how many there may be,
//! `leash` ends those that go on for too long. `journal` is the daemon's own log, `status`, `tail` and `metrics` say how it
//! stands.

mod absence;
pub(crate) mod backoff;
mod beat;
mod deliver;
mod journal;
mod launcher;
mod leash;
mod listen;
mod metrics;
mod notify;
mod poll;
mod process;
mod runner;
mod slots;
mod spare;
mod start;
mod status;
mod tail;
mod task;
mod transcript;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use crate::forge::local;
use crate::hold::{hold, holder};
use crate::state::State;

pub use journal::{Journal, Severity};
pub use launcher::{Launcher, LauncherError};
pub use notify::Notify;
pub use process::Waiting;
pub use runner::{Health, Runner};
pub use slots::Capacity;
pub use start::Starter;
pub use status::Standing;
pub use tail::last_lines;
pub use task::Shown;

use absence::Absence;
use beat::Beat;
use leash::Leash;
use metrics::{Metrics, Moment};
use process::{Process, Ready};
use slots::Slots;
use spare::Spare;
use status::{Hindered, Status};
use task::{Blanks, Directory, Key};

/// The daemon's own directory, in the state directory.
const OWN: &str = "daemon";
/// The directory of those that are for tasks yet to come.
const BLANK: &str = "blank";

/// What an administrator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How many jobs run at a time.
    pub capacity: Capacity,
    /// How long jobs may go on after an order to end.
    pub shutdown_grace: Duration,
    /// How long a job may take at most.
    pub max_job_time: Duration,
    /// Bytes of free space in the state directory below which no job is taken.
    pub min_free: u64,
    /// How a job's process is started.
    pub starter: Starter,
    /// Whether the next job's process is started ahead.
    pub spare: bool,
}

/// How far the daemon is from its end; only ever grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Jobs are taken.
    Running,
    /// None is taken, those that run go on.
    Draining,
    /// Those that run are told to end.
    Cancelling,
    /// They are ended.
    Ending,
}

/// Why the daemon can't run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Its own files.
    #[error("cannot use the state directory: {0}")]
    State(#[from] io::Error),
    /// There is one already.
    #[error("another daemon runs with this state directory ({})", .0.display())]
    Running(PathBuf),
}

/// The daemon, shared by its threads.
pub struct Daemon {
    settings: RwLock<Settings>,
    slots: Slots,
    beat: Beat,
    spare: Spare,
    phase: AtomicU8,
    journal: Journal,
    blanks: Blanks,
    tasks: PathBuf,
    finished: PathBuf,
    status: Status,
    metrics: Metrics,
    /// The registrations that are served.
    runners: Mutex<Vec<Arc<Runner>>>,
    /// The tasks that aren't over.
    active: Mutex<HashMap<Key, task::Shown>>,
    /// What ends the jobs that run.
    leashes: Mutex<Vec<Weak<Leash>>>,
    /// There is too little disk space for a job.
    no_space: AtomicBool,
    /// When a task couldn't be written down.
    trouble: Mutex<Option<Instant>>,
    absence: Absence,
    _lock: File,
}

/// The process of the daemon with this state directory; none where none runs.
pub fn process(state: &State) -> io::Result<Option<u32>> {
    state.root().map_or(Ok(None), |root| holder(&root.join(OWN)))
}

/// Has it take no more jobs and end when those that run have ended.
pub fn drain(state: &State) -> io::Result<Option<Waiting>> {
    let Some(pid) = process(state)? else { return Ok(None) };
    let waiting = Waiting::for_process(pid)?;
    // The number may have gone to another process in between.
    if process(state)? != Some(pid) {
        return Ok(None);
    }
    waiting.signal(rustix::process::Signal::USR1)?;
    Ok(Some(waiting))
}

/// Where the key of a runner's open request for a job stands.
pub fn request_key(state: &State, runner: &str) -> io::Result<File> {
    let path = state.dir(OWN)?.join(format!("request-{runner}"));
    File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

/// The configuration that jobs' processes read: as the daemon has taken it, whatever the file holds since.
pub fn kept_config(state: &State) -> Option<PathBuf> {
    state.root().map(|root| root.join(OWN).join("config.toml"))
}

/// Keeps it for them.
pub fn keep_config(state: &State, text: &str) -> io::Result<()> {
    let new = state.dir(OWN)?.join("config.toml.new");
    std::fs::write(&new, text)?;
    std::fs::rename(&new, new.with_extension(""))
}

impl Daemon {
    /// Makes ready; takes over nothing yet.
    pub fn new(settings: Settings, state: &State, journal: Journal) -> Result<Arc<Daemon>, DaemonError> {
        let own = state.dir(OWN)?;
        let lock = match hold(&own) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                return Err(DaemonError::Running(own));
            }
            held => held?,
        };
        let (blank, tasks, finished) = (state.dir(BLANK)?, state.dir("tasks")?, state.dir("finished")?);
        task::restore(&blank, &tasks, &finished)?;
        Ok(Arc::new(Daemon {
            slots: Slots::new(settings.capacity.clone()),
            beat: Beat::default(),
            spare: Spare::default(),
            settings: RwLock::new(settings),
            phase: AtomicU8::new(Phase::Running as u8),
            journal,
            blanks: Blanks::new(blank),
            tasks,
            finished,
            status: Status::new(own.join(status::FILE)),
            metrics: Metrics::default(),
            runners: Mutex::default(),
            active: Mutex::default(),
            leashes: Mutex::default(),
            no_space: AtomicBool::new(false),
            trouble: Mutex::default(),
            absence: Absence::default(),
            _lock: lock,
        }))
    }

    /// Forgets tasks that were over long ago: to be called at the start, and now and then.
    pub fn forget_old(&self) {
        if let Err(error) = task::forget_old(&self.finished) {
            let fields = [("error", &*error.to_string())];
            self.journal.write(Severity::Warning, "cannot forget old tasks", &fields);
        }
    }

    /// Goes on with the tasks that an earlier daemon left. Those of runners that there are no more are ended.
    pub fn take_over(self: &Arc<Self>, runners: &[Arc<Runner>]) -> Result<(), DaemonError> {
        let directories = Directory::all(&self.tasks, &self.journal)?;
        for runner in runners {
            let own = directories.iter().map(Directory::key).filter(|key| key.runner == runner.id);
            let ended = task::ended(&self.finished, &runner.id)?;
            runner.resumed(&own.map(|key| key.task).collect::<Vec<_>>(), &ended);
        }
        for directory in directories {
            let key = directory.key();
            match runners.iter().find(|runner| runner.id == key.runner) {
                Some(runner) => deliver::resume(self, runner, directory),
                None => {
                    let why = "its registration is gone";
                    self.journal.task(Severity::Warning, &key, "ending a task", &[("reason", why)]);
                    process::end(directory.path());
                    directory.remove();
                }
            }
        }
        Ok(())
    }

    /// Takes jobs of a runner from now on.
    pub fn serve(self: &Arc<Self>, runner: Arc<Runner>) {
        let mut runners = self.runners();
        runners.retain(|runner| !runner.is_retired());
        runners.push(runner.clone());
        drop(runners);
        poll::spawn(self.clone(), runner);
    }

    /// Has the next job find its process ready: to be called after a job has begun, and every second or so.
    pub fn prepare(&self) {
        let settings = self.settings();
        // Whether there is a launcher again is known by starting one.
        if !settings.spare && !self.absence.is_there() {
            return self.spare.discard();
        }
        self.spare.prepare(|| match self.phase() {
            Phase::Running => self.start_process(&settings.starter).map(Some),
            _ => Ok(None),
        });
    }

    /// A job's process: the one that is ready, or a new one.
    fn ready(&self) -> io::Result<Ready> {
        match self.spare.take() {
            Some(ready) => Ok(ready),
            None => {
                let starter = self.settings().starter;
                self.absence.bridge(|| self.start_process(&starter))
            }
        }
    }

    fn start_process(&self, starter: &Starter) -> io::Result<Ready> {
        let directory = self.blanks.take()?;
        // A forge of several is as good a guess as another.
        let forge = self.runners().iter().find(|runner| runner.id != local::RUNNER).cloned();
        let forge = forge.as_ref().map(|runner| &*runner.address);
        let started = Ready::start(starter, directory.clone(), forge);
        if started.is_err() {
            let _ = std::fs::remove_dir_all(&directory);
        }
        self.absence.note(&started, &self.journal);
        started
    }

    /// Goes on to a phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::SeqCst);
        self.spare.discard();
        self.slots.wake();
        self.hold_jobs();
    }

    /// Has jobs end whose time is over, or all of them where the daemon is to end: to be called every second or so.
    pub fn hold_jobs(&self) {
        let (now, phase) = (Instant::now(), self.phase());
        let mut leashes = self.leashes.lock().unwrap_or_else(PoisonError::into_inner);
        leashes.retain(|leash| {
            let leash = leash.upgrade();
            leash.inspect(|leash| leash.hold(now, phase, &self.journal)).is_some()
        });
    }

    /// Puts a task's process on a leash, with so much time for the job; none where it has ended.
    fn leash(&self, key: &Key, process: &Process, time: Duration) -> Option<Arc<Leash>> {
        let leash = Arc::new(Leash::new(key.clone(), process.waiting()?, time));
        self.leashes.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&leash));
        Some(leash)
    }

    /// Has those who wait look again what there is to do.
    pub fn wake(&self) {
        self.slots.wake();
    }

    /// Where the daemon is.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            0 => Phase::Running,
            1 => Phase::Draining,
            2 => Phase::Cancelling,
            _ => Phase::Ending,
        }
    }

    /// A task couldn't be written down: it is to be given again, in a while.
    fn not_begun(&self, runner: &Runner, key: &Key, error: &io::Error) {
        let fields = [("error", &*error.to_string())];
        self.journal.task(Severity::Error, key, "cannot begin a task", &fields);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        runner.again(key.task);
    }

    /// Whether no job is to be taken: one couldn't be written down just now, or can't be started.
    fn is_troubled(&self) -> bool {
        let trouble = *self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        self.absence.is_long() || trouble.is_some_and(|last| last.elapsed() < poll::NO_SPACE)
    }

    /// Why no job is taken, for who asks how it stands.
    fn hindered(&self) -> Hindered {
        Hindered { no_space: self.no_space.load(Ordering::SeqCst), no_launcher: self.absence.is_there() }
    }

    /// How many jobs have ended that their forges don't know of yet.
    fn untold(&self) -> usize {
        self.shown().values().filter(|task| task.over).count()
    }

    /// Whether there is a task that isn't over.
    pub fn has_tasks(&self) -> bool {
        !self.shown().is_empty()
    }

    /// Whether no task is left. A place is also taken by who asks a forge for a job: there may be one in its answer.
    pub fn is_idle(&self) -> bool {
        self.slots.taken() == 0 && !self.has_tasks()
    }

    /// Changes what an administrator decides, for the jobs to come.
    pub fn set(&self, settings: Settings) {
        self.slots.set_capacity(settings.capacity.clone());
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// What an administrator has decided.
    pub fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The daemon's own log.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Writes down how it stands, for `palisade status`.
    pub fn write_status(&self) {
        let runners = self.runners().clone();
        let told = self.status.write(
            self.phase(),
            (&self.settings().capacity, self.hindered()),
            &runners,
            self.shown().values(),
        );
        if let Err(error) = told {
            self.journal.write(
                Severity::Warning,
                "cannot write the status",
                &[("error", &error.to_string())],
            );
        }
    }

    /// Answers who asks for metrics, at this address.
    pub fn listen(self: &Arc<Self>, address: SocketAddr) {
        if let Err(error) = listen::spawn(self, address) {
            listen::failed(self, address, &error);
        }
    }

    fn metrics_text(&self) -> String {
        let (runners, tasks) = (self.runners().clone(), self.shown().values().cloned().collect::<Vec<_>>());
        self.metrics.text(&Moment {
            capacity: self.settings().capacity.all,
            tasks: &tasks,
            runners: &runners,
        })
    }

    fn runners(&self) -> MutexGuard<'_, Vec<Arc<Runner>>> {
        self.runners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, HashMap<Key, task::Shown>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the daemon runs; less where it begins to drain.
    fn pause(&self, time: Duration) {
        self.pause_unless(Instant::now() + time, || false);
    }

    /// The same until a moment, and less where there is something to do; [`wake`](Self::wake) has it look.
    fn pause_unless(&self, until: Instant, is_busy: impl Fn() -> bool) {
        self.slots.wait_until(until, || self.phase() > Phase::Running || is_busy());
    }
}
