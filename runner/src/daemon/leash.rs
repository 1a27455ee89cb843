//! What ends a job that goes on: an order to the daemon, its time, its forge. It is looked after by a thread that waits
//! for no forge, so that none can keep a job alive by not answering.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::process::Waiting;
use super::task::Key;
use super::{Journal, Phase, Severity};

/// How long a job that was asked to end may take for its last steps, before it is ended: what the engine gives them.
const AFTER_ASKING: Duration = Duration::from_secs(5 * 60 + 30);

/// One job's.
#[derive(Debug)]
pub struct Leash {
    key: Key,
    process: Waiting,
    /// When the job has to end.
    deadline: Instant,
    asked: Mutex<Asked>,
}

/// How far the job's process was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    No,
    Once(Instant),
    Twice,
}

impl Leash {
    /// Of a task with this process, which has so much time left.
    pub fn new(key: Key, process: Waiting, time: Duration) -> Leash {
        Leash { key, process, deadline: Instant::now() + time, asked: Mutex::new(Asked::No) }
    }

    /// Has the job end, its last steps included; tells whether that is news to it.
    pub fn ask(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let new = *asked == Asked::No;
        if new {
            self.signal();
            *asked = Asked::Once(Instant::now());
        }
        new
    }

    /// Has the job end where its time is over, or the daemon is to end.
    pub fn hold(&self, now: Instant, phase: Phase, journal: &Journal) {
        let late = now >= self.deadline;
        if late || phase >= Phase::Cancelling {
            let new = self.ask();
            if new && late {
                let fields = [("reason", "it took longer than max-job-time")];
                journal.task(Severity::Warning, &self.key, "ending a job", &fields);
            }
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let patient = matches!(*asked, Asked::Once(at) if now < at + AFTER_ASKING);
        if *asked != Asked::Twice && (phase >= Phase::Ending || (*asked != Asked::No && !patient)) {
            self.signal();
            *asked = Asked::Twice;
        }
    }

    fn signal(&self) {
        // One that has ended needn't.
        let _ = self.process.signal(Signal::TERM);
    }
}
