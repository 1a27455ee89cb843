//! Which of the job's steps runs: said by the caller as each begins, over the control socket, four bytes each. The
//! gateway has it before it hears of anything that the step does, so an attempt is told with the step that began it.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

/// Length of a message: the step's index, in little-endian order.
const LENGTH: usize = size_of::<u32>();
/// Bytes of one read.
const READ: usize = 256;

/// The caller's side: says which step begins. Without a gateway it says nothing.
#[derive(Debug, Default)]
pub struct AtStep(Option<UnixStream>);

impl AtStep {
    /// Over a gateway's control socket.
    pub fn new(control: UnixStream) -> AtStep {
        AtStep(Some(control))
    }

    /// This one begins.
    pub fn set(&self, step: usize) {
        if let (Some(control), Ok(step)) = (&self.0, u32::try_from(step)) {
            // A gateway that doesn't take it has ended, which is told otherwise.
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
            let _ = send(control.as_raw_fd(), &step.to_le_bytes(), flags);
        }
    }
}

/// The gateway's side.
#[derive(Debug, Default)]
pub struct Steps {
    /// What has come and isn't a whole message.
    rest: Vec<u8>,
}

/// What the caller has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// The last step that began.
    pub step: Option<usize>,
    /// There is nobody any more who could say anything.
    pub over: bool,
}

impl Steps {
    /// With what was read from the socket before.
    pub fn after(read: &[u8]) -> Steps {
        Steps { rest: read.to_vec() }
    }

    /// Hears what has been said until now.
    pub fn hear(&mut self, control: BorrowedFd<'_>) -> Heard {
        let mut buffer = [0; READ];
        let over = loop {
            match recv(control.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => break true,
                Ok(length) => {
                    self.rest.extend_from_slice(&buffer[..length]);
                    // Only the last one counts.
                    let whole = self.rest.len() / LENGTH * LENGTH;
                    self.rest.drain(..whole.saturating_sub(LENGTH));
                }
                Err(Errno::EINTR) => {}
                Err(errno) => break errno != Errno::EAGAIN,
            }
        };
        let mut step = None;
        while let Some((message, rest)) = self.rest.split_first_chunk::<LENGTH>() {
            step = usize::try_from(u32::from_le_bytes(*message)).ok();
            self.rest = rest.to_vec();
        }
        Heard { step, over }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn the_last_step_is_heard_whatever_the_pieces() {
        let (caller, gateway) = UnixStream::pair().expect("a pair");
        let at = AtStep::new(caller.try_clone().expect("a copy"));
        let mut steps = Steps::after(&7u32.to_le_bytes()[..3]);
        let mut hear = || steps.hear(gateway.as_fd());
        assert_eq!(hear(), Heard::default());
        (&caller).write_all(&[0]).expect("it is taken");
        assert_eq!(hear(), Heard { step: Some(7), over: false });
        for step in 0..100 {
            at.set(step);
        }
        assert_eq!(hear(), Heard { step: Some(99), over: false });
        assert_eq!(
            Steps::after(&5u32.to_le_bytes()).hear(gateway.as_fd()),
            Heard { step: Some(5), over: false },
            "nothing has come since"
        );
        at.set(3);
        drop((at, caller));
        assert_eq!(hear(), Heard { step: Some(3), over: true });
        AtStep::default().set(1);
    }
}
