//! Waiting for events. Waking a process that sleeps takes longer than most answers of a server nearby. So where events follow
//! each other closely, the next one is looked for again and again for a moment before the gateway sleeps.
//!
//! What comes at leisure costs nothing by that: one wait that is longer, and the next sleeps at once. Looking in vain is
//! rarer each time: on a host where others want the processors, what is waited for needs the one that looking takes.

use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};

/// So long it is looked for the next event.
const MOMENT: Duration = Duration::from_micros(50);
/// A wait that was no longer than this, with the time it takes to wake, may be followed by another such.
const CLOSE: Duration = Duration::from_micros(150);
/// Looking once takes much less: who has lost so much between two looks has lost the processor.
const LOST: Duration = Duration::from_micros(100);
/// Most waits without looking after one in vain.
const MAX_PAUSE: u32 = 256;

/// How the last waits went.
#[derive(Debug)]
pub struct Waiting {
    /// There is a second processor, for what is waited for.
    beside: bool,
    /// The last was short.
    close: bool,
    /// So many come before it is looked again.
    left: u32,
    /// So many will, after the next time in vain.
    pause: u32,
}

impl Waiting {
    /// For a process that has so many processors.
    pub fn new(processors: usize) -> Waiting {
        Waiting { beside: processors > 1, close: false, left: 0, pause: 1 }
    }

    /// Waits for events; gives how many there are.
    pub fn wait(
        &mut self,
        epoll: &Epoll,
        events: &mut [EpollEvent],
        timeout: EpollTimeout,
    ) -> nix::Result<usize> {
        let began = Instant::now();
        if self.beside && self.close {
            if self.left > 0 {
                self.left -= 1;
            } else {
                let count = self.look(epoll, events, began)?;
                if count > 0 {
                    return Ok(count);
                }
            }
        }
        let waited = epoll.wait(events, timeout);
        self.close = began.elapsed() < CLOSE;
        waited
    }

    /// Looks for events for a moment.
    fn look(&mut self, epoll: &Epoll, events: &mut [EpollEvent], began: Instant) -> nix::Result<usize> {
        let mut last = began;
        loop {
            let count = epoll.wait(events, EpollTimeout::ZERO)?;
            let now = Instant::now();
            let lost = now.duration_since(last) > LOST;
            if count > 0 && !lost {
                self.pause = 1;
                return Ok(count);
            }
            if lost || now.duration_since(began) > MOMENT {
                self.left = self.pause;
                self.pause = (self.pause * 2).min(MAX_PAUSE);
                return Ok(count);
            }
            last = now;
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use nix::sys::epoll::{EpollCreateFlags, EpollFlags};

    use super::*;

    #[test]
    fn events_come_whether_or_not_they_are_looked_for() {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let (mut sender, receiver) = UnixStream::pair().unwrap();
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        epoll.add(&receiver, EpollEvent::new(flags, 7)).unwrap();
        let mut events = [EpollEvent::empty(); 2];
        for (processors, close) in [(1, true), (2, false), (2, true)] {
            let mut waiting = Waiting { close, ..Waiting::new(processors) };
            sender.write_all(b"x").unwrap();
            assert_eq!(waiting.wait(&epoll, &mut events, EpollTimeout::NONE), Ok(1));
            // None comes: that took long, and the next wait sleeps at once.
            assert_eq!(waiting.wait(&epoll, &mut events, EpollTimeout::from(5u8)), Ok(0));
            assert!(!waiting.close);
        }
    }

    #[test]
    fn looking_in_vain_is_rarer_each_time() {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
        let (mut waiting, mut events) = (Waiting::new(2), [EpollEvent::empty(); 2]);
        for expected in [1, 2, 4] {
            waiting.close = true;
            assert_eq!(waiting.wait(&epoll, &mut events, EpollTimeout::ZERO), Ok(0));
            assert_eq!((waiting.left, waiting.pause), (expected, 2 * expected));
            for left in (0..expected).rev() {
                waiting.close = true;
                assert_eq!(waiting.wait(&epoll, &mut events, EpollTimeout::ZERO), Ok(0));
                assert_eq!(waiting.left, left);
            }
        }
        let (mut sender, receiver) = UnixStream::pair().unwrap();
        epoll.add(&receiver, EpollEvent::new(EpollFlags::EPOLLIN, 7)).unwrap();
        sender.write_all(b"x").unwrap();
        // A machine may be so busy that even this is in vain.
        while waiting.pause > 1 {
            waiting = Waiting { close: true, left: 0, ..waiting };
            assert_eq!(waiting.wait(&epoll, &mut events, EpollTimeout::NONE), Ok(1));
        }
    }
}
