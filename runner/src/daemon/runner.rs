//! One registration: its forge, how the forge answers, and whether it still takes jobs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::forge::{Assigned, Forge, ForgeError, Progress, Row, Standing, TaskId, Waiting};

/// How long after a job more are expected: those that need it.
const LIVELY: Duration = Duration::from_secs(5);

/// A registration that is served.
pub struct Runner {
    /// What it is called on this host; a plain file name.
    pub id: String,
    /// Its forge's address, for people.
    pub address: String,
    forge: Box<dyn Forge>,
    /// Its forge gives it one job ever, and then forgets it.
    for_one_job: bool,
    /// It has had that job.
    spent: AtomicBool,
    /// It takes no more jobs.
    retired: AtomicBool,
    /// When a job of it began or ended last.
    last_job: Mutex<Option<Instant>>,
    health: Mutex<Health>,
    calls: [Mutex<Calls>; Call::ALL.len()],
}

/// What a forge is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Forge::announce`]
    Announce,
    /// [`Forge::fetch`]
    Fetch,
    /// [`Forge::append`]
    Append,
    /// [`Forge::report`]
    Report,
}

impl Call {
    /// All of them.
    pub const ALL: [Call; 4] = [Call::Announce, Call::Fetch, Call::Append, Call::Report];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Call::Announce => "announce",
            Call::Fetch => "fetch",
            Call::Append => "append",
            Call::Report => "report",
        }
    }
}

/// How calls of one kind went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    /// How many were answered, in whatever way.
    pub count: u64,
    /// How many failed.
    pub errors: u64,
    /// How long they took together.
    pub time: Duration,
}

/// How a forge answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Health {
    /// Since when it doesn't answer as it should; none while it does.
    pub failing_since: Option<SystemTime>,
    /// How it failed last.
    pub last_error: Option<String>,
}

impl Runner {
    /// A runner that takes jobs.
    pub fn new(id: String, address: String, forge: Box<dyn Forge>) -> Runner {
        let (for_one_job, spent, retired, last_job, health, calls) = Default::default();
        Runner { id, address, forge, for_one_job, spent, retired, last_job, health, calls }
    }

    /// The same; its forge gives it one job ever, where `once` is set, and then forgets it.
    pub fn for_one_job(self, once: bool) -> Runner {
        Runner { for_one_job: once, ..self }
    }

    /// Whether it gets one job ever.
    pub fn is_for_one_job(&self) -> bool {
        self.for_one_job
    }

    /// A job of it begins, or has ended.
    pub fn has_job(&self) {
        *lock(&self.last_job) = Some(Instant::now());
    }

    /// Whether the next job may be near.
    pub fn is_lively(&self) -> bool {
        lock(&self.last_job).is_some_and(|last| last.elapsed() < LIVELY)
    }

    /// Its forge knows it no more. One that was for one job has done what it was made for.
    pub fn spend(&self) {
        self.spent.store(self.for_one_job, Ordering::SeqCst);
    }

    /// Whether it was for one job, which is over.
    pub fn is_spent(&self) -> bool {
        self.spent.load(Ordering::SeqCst)
    }

    /// From now on it takes none; those that it has go on.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
    }

    /// Whether it takes none any more.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// How its forge answers.
    pub fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// How calls went, by kind.
    pub fn calls(&self) -> impl Iterator<Item = (Call, Calls)> {
        Call::ALL.into_iter().zip(self.calls.iter().map(|calls| *lock(calls)))
    }

    /// [`Forge::announce`]
    pub fn announce(&self) -> Result<(), ForgeError> {
        self.call(Call::Announce, |forge| forge.announce())
    }

    /// [`Forge::fetch`]
    pub fn fetch(&self, afresh: bool) -> Result<Option<Assigned>, ForgeError> {
        self.call(Call::Fetch, |forge| forge.fetch(afresh))
    }

    /// [`Forge::tells_news`]
    pub fn tells_news(&self) -> bool {
        self.forge.tells_news()
    }

    /// [`Forge::has_news`]
    pub fn has_news(&self) -> bool {
        self.forge.has_news()
    }

    /// [`Forge::waiting`]
    pub fn waiting(&self) -> Option<Waiting> {
        self.forge.waiting()
    }

    /// [`Forge::begun`]
    pub fn begun(&self, task: TaskId) {
        self.forge.begun(task);
    }

    /// [`Forge::again`]
    pub fn again(&self, task: TaskId) {
        self.forge.again(task);
    }

    /// [`Forge::gives_next`]
    pub fn gives_next(&self) -> bool {
        self.forge.gives_next()
    }

    /// [`Forge::resumed`]
    pub fn resumed(&self, tasks: &[TaskId], ended: &[TaskId]) {
        self.forge.resumed(tasks, ended);
    }

    /// [`Forge::shows_steps`]
    pub fn shows_steps(&self) -> bool {
        self.forge.shows_steps()
    }

    /// [`Forge::append`]
    pub fn append(&self, task: TaskId, from: u64, rows: &[Row], last: bool) -> Result<u64, ForgeError> {
        self.call(Call::Append, |forge| forge.append(task, from, rows, last))
    }

    /// [`Forge::report`]
    pub fn report(&self, task: TaskId, progress: &Progress<'_>) -> Result<Standing, ForgeError> {
        self.call(Call::Report, |forge| forge.report(task, progress))
    }

    fn call<T>(
        &self,
        call: Call,
        make: impl FnOnce(&dyn Forge) -> Result<T, ForgeError>,
    ) -> Result<T, ForgeError> {
        let start = Instant::now();
        let answer = make(self.forge.as_ref());
        let mut calls = lock(&self.calls[call as usize]);
        calls.count += 1;
        calls.time += start.elapsed();
        calls.errors += u64::from(answer.is_err());
        drop(calls);
        let mut health = lock(&self.health);
        match &answer {
            Ok(_) => health.failing_since = None,
            Err(error) => {
                health.failing_since.get_or_insert_with(SystemTime::now);
                health.last_error = Some(error.to_string());
            }
        }
        drop(health);
        answer
    }
}

/// A thread that panicked has left a whole value behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A forge that knows no job, and doesn't answer at first.
    struct Silent(AtomicBool);

    impl Forge for Silent {
        fn announce(&self) -> Result<(), ForgeError> {
            Ok(())
        }

        fn fetch(&self, _afresh: bool) -> Result<Option<Assigned>, ForgeError> {
            match self.0.swap(false, Ordering::SeqCst) {
                true => Err(ForgeError::Transient("no connection".into())),
                false => Ok(None),
            }
        }

        fn append(&self, _: TaskId, _: u64, _: &[Row], _: bool) -> Result<u64, ForgeError> {
            Ok(0)
        }

        fn report(&self, _: TaskId, _: &Progress<'_>) -> Result<Standing, ForgeError> {
            Ok(Standing::Running)
        }
    }

    #[test]
    fn how_a_forge_answers_is_remembered() {
        let forge = Box::new(Silent(AtomicBool::new(true)));
        let runner = Runner::new("r".into(), "https://forge.example".into(), forge);
        assert_eq!(runner.health(), Health::default());
        assert!(runner.fetch(true).is_err());
        let health = runner.health();
        assert!(health.failing_since.is_some());
        assert!(runner.fetch(true).is_ok());
        let health = runner.health();
        assert_eq!((health.failing_since, health.last_error.as_deref()), (None, Some("no connection")));
        let fetches = runner.calls().find(|(call, _)| *call == Call::Fetch).unwrap().1;
        assert_eq!((fetches.count, fetches.errors), (2, 1));
    }
}
