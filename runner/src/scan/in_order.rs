//! Work in several threads whose results come in the order of the jobs.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many jobs are on their way at most: bounds what is kept of results that have to wait for another.
const AHEAD: usize = 512;

/// Does every job that `produce` gives, in as many threads as there are processors, and gives the results to `done`
/// on the calling thread. Each thread works with what `worker` makes for it. When `done` breaks, `produce` is told
/// with its next job. Gives the result of `produce`.
pub(super) fn in_order<Job: Send, Result: Send, End: Send, Work: FnMut(Job) -> Result>(
    produce: impl FnOnce(&mut dyn FnMut(Job) -> ControlFlow<()>) -> End + Send,
    worker: impl Fn() -> Work + Sync,
    mut done: impl FnMut(Result) -> ControlFlow<()>,
) -> End {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (jobs, queue) = sync_channel::<(Job, SyncSender<Result>)>(AHEAD);
    let (tickets, results) = sync_channel::<Receiver<Result>>(AHEAD);
    let queue = Mutex::new(queue);
    let stopped = AtomicBool::new(false);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
    thread::scope(|scope| {
        let producer = scope.spawn(move || {
            produce(&mut |job| {
                let (result, ticket) = sync_channel(1);
                match tickets.send(ticket) {
                    Ok(()) if jobs.send((job, result)).is_ok() => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                }
            })
        });
        for _ in 0..threads {
            scope.spawn(|| {
                let mut work = worker();
                while let Ok((job, result)) = next() {
                    if stopped.load(Ordering::Relaxed) {
                        break;
                    }
                    // Nobody waits for it once `done` has broken.
                    let _ = result.send(work(job));
                }
            });
        }
        for ticket in &results {
            if let Ok(result) = ticket.recv()
                && done(result).is_break()
            {
                stopped.store(true, Ordering::Relaxed);
                break;
            }
        }
        drop(results);
        match producer.join() {
            Ok(end) => end,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        let mut out = Vec::new();
        let end = in_order(
            |give| (0..5000).try_for_each(&mut *give).is_continue(),
            || {
                |n: u32| {
                    if n.is_multiple_of(97) {
                        thread::yield_now();
                    }
                    n * 2
                }
            },
            |n| {
                out.push(n);
                ControlFlow::Continue(())
            },
        );
        assert!(end && out == (0..5000).map(|n| n * 2).collect::<Vec<_>>());
    }

    #[test]
    fn whoever_has_enough_ends_it() {
        let mut left = 3;
        let given = in_order(
            |give| (0u64..).take_while(|n| give(*n).is_continue()).count(),
            || |n| n,
            |_| {
                left -= 1;
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert!(left == 0 && given <= 3 + 2 * AHEAD + 64);
    }
}
