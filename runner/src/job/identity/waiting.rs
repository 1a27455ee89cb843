//! Waiting for whoever is asked for credentials, no longer than the job goes on: an order to stop doesn't wait for an answer.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::job::cancel::{Cancel, Urgency};

/// Memory of a thread's stack: it speaks TLS.
const STACK: usize = 512 << 10;

/// How long is waited.
pub struct Wait<'a> {
    /// Orders to stop.
    pub cancel: &'a Cancel,
    /// The first order was heeded already: what goes on now may go on.
    pub already_asked: bool,
    /// When the job's time is up.
    pub deadline: Option<Instant>,
    /// How long it still may take after an order to stop, or the end of the job's time.
    pub grace: Duration,
}

/// Why nobody waits any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The job is to stop.
    Cancelled,
    /// The job's time is up.
    Timeout,
    /// It can't be done at all.
    Failed(String),
}

impl Wait<'_> {
    /// Has a thread do it. What nobody waits for any more goes on to its own end, and what comes of it is given to `late`.
    pub fn until_done<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
        late: impl FnOnce(T) + Send + 'static,
    ) -> Result<T, Stopped> {
        let failed = |what: &str, e: &dyn std::fmt::Display| Stopped::Failed(format!("{what}: {e}"));
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let done = Arc::new(EventFd::from_flags(flags).map_err(|e| failed("cannot wait for it", &e))?);
        let (tell, hear) = mpsc::channel();
        let wake = done.clone();
        let thread = std::thread::Builder::new().name("exchange".into()).stack_size(STACK);
        let spawned = thread.spawn(move || {
            match tell.send(work()) {
                // A counter that is full is readable already.
                Ok(()) => drop(wake.write(1)),
                Err(mpsc::SendError(made)) => late(made),
            }
        });
        spawned.map_err(|e| failed("nobody can ask", &e))?;
        let mut stopping: Option<(Stopped, Instant)> = None;
        loop {
            match hear.try_recv() {
                Ok(made) => return Ok(made),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => {
                    return Err(Stopped::Failed("who asked has failed".into()));
                }
            }
            let now = Instant::now();
            if stopping.is_none() {
                let stop = match self.cancel.urgency() {
                    Urgency::AtOnce => Some(Stopped::Cancelled),
                    Urgency::Asked if !self.already_asked => Some(Stopped::Cancelled),
                    _ => self.deadline.is_some_and(|at| at <= now).then_some(Stopped::Timeout),
                };
                stopping = stop.map(|stop| (stop, now + self.grace));
            }
            match &stopping {
                Some((stop, until)) if *until <= now => return Err(stop.clone()),
                _ => self.poll(done.as_fd(), stopping.as_ref().map(|(_, until)| *until), now),
            }
        }
    }

    /// Until something happens.
    fn poll(&self, done: BorrowedFd<'_>, until: Option<Instant>, now: Instant) {
        let stop = if self.already_asked { self.cancel.at_once() } else { self.cancel.asked() };
        let mut fds = [PollFd::new(done, PollFlags::POLLIN), PollFd::new(stop, PollFlags::POLLIN)];
        // An order that was heard stays readable.
        let watched = if until.is_some() { 1 } else { 2 };
        let left = until.or(self.deadline).map(|at| at.saturating_duration_since(now));
        // Rounded up: a wait of nothing would be a busy one.
        let left = left.map(|left| left + Duration::from_millis(1));
        let timeout =
            left.map_or(PollTimeout::NONE, |left| PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
        // An interrupted call is a reason to look again too.
        let _ = poll(&mut fds[..watched], timeout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(cancel: &Cancel, grace: Duration) -> Wait<'_> {
        Wait { cancel, already_asked: false, deadline: None, grace }
    }

    /// Work that ends when the sender is dropped.
    fn stuck() -> (mpsc::Sender<()>, impl FnOnce() -> u8 + Send + 'static) {
        let (end, ended) = mpsc::channel::<()>();
        (end, move || {
            let _ = ended.recv();
            7
        })
    }

    #[test]
    fn what_is_done_is_given() {
        let cancel = Cancel::new().unwrap();
        assert_eq!(wait(&cancel, Duration::ZERO).until_done(|| 7, drop), Ok(7));
    }

    #[test]
    fn an_order_to_stop_is_not_kept_waiting_and_what_comes_late_is_not_lost() {
        let cancel = Cancel::new().unwrap();
        let ((end, work), (kept, came)) = (stuck(), mpsc::channel());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                wait(&cancel, Duration::ZERO).until_done(work, move |made| kept.send(made).unwrap())
            });
            cancel.order(Urgency::Asked);
            assert_eq!(waiting.join().unwrap(), Err(Stopped::Cancelled));
        });
        drop(end);
        assert_eq!(came.recv(), Ok(7));
    }

    #[test]
    fn what_runs_in_a_cancelled_job_ends_by_the_second_order_or_its_time() {
        let cancel = Cancel::new().unwrap();
        cancel.order(Urgency::Asked);
        let of_cancelled = || Wait { already_asked: true, ..wait(&cancel, Duration::ZERO) };
        assert_eq!(of_cancelled().until_done(|| 7, drop), Ok(7));
        let ((_end, work), deadline) = (stuck(), Some(Instant::now()));
        let late = Wait { deadline, ..of_cancelled() };
        assert_eq!(late.until_done(work, drop), Err(Stopped::Timeout));
        let (_end, work) = stuck();
        cancel.order(Urgency::AtOnce);
        assert_eq!(of_cancelled().until_done(work, drop), Err(Stopped::Cancelled));
    }

    #[test]
    fn there_may_be_a_grace() {
        let cancel = Cancel::new().unwrap();
        cancel.order(Urgency::AtOnce);
        let long = wait(&cancel, Duration::from_secs(3600));
        assert_eq!(long.until_done(|| std::thread::sleep(Duration::from_millis(5)), drop), Ok(()));
        let (_end, work) = stuck();
        let short = wait(&cancel, Duration::from_millis(5));
        assert_eq!(short.until_done(work, drop), Err(Stopped::Cancelled));
    }
}
