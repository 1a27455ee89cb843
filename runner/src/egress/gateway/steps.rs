//! Which of the job's steps runs, and with which rules: said by the caller as each begins, over the control socket. The
//! gateway has it before it hears of anything that the step does, so an attempt is told with the step that began it.
//! Rules are said where they differ from those of the step before; then the caller waits until they hold.
//!
//! A message is the step's index and the length of its rules, four bytes each in little-endian order, and the rules in
//! JSON.

use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

use crate::egress::OfStep;
use crate::egress::doorstep::Doorstep;

/// Length of a message without rules.
const HEADER: usize = 2 * size_of::<u32>();
/// Bytes of one read.
const READ: usize = 4096;
/// A gateway that doesn't answer for so long never will.
const PATIENCE: Duration = Duration::from_secs(30);

/// The caller's side: says which step begins. Without a gateway it says nothing.
#[derive(Debug, Default)]
pub struct AtStep(Option<Said>);

#[derive(Debug)]
struct Said {
    /// What takes it where no gateway runs yet.
    doorstep: Arc<Doorstep>,
    control: UnixStream,
    last: Mutex<Last>,
}

/// What was said last.
#[derive(Debug)]
struct Last {
    rules: OfStep,
    /// Where the gateway's answers come.
    entered: Receiver<()>,
}

/// The rules of a step don't hold.
#[derive(Debug, thiserror::Error)]
pub enum NotEntered {
    /// They can't be said.
    #[error("its gateway can't be told the rules of the step: {0}")]
    Unsaid(#[from] io::Error),
    /// There is no answer.
    #[error("its gateway doesn't say that it has the rules of the step")]
    NoAnswer,
}

impl AtStep {
    /// Over a gateway's control socket, whose answers come by `entered`.
    pub fn new(doorstep: Arc<Doorstep>, control: UnixStream, entered: Receiver<()>) -> AtStep {
        let last = Mutex::new(Last { rules: OfStep::default(), entered });
        AtStep(Some(Said { doorstep, control, last }))
    }

    /// This one begins.
    pub fn set(&self, step: usize) {
        let Some(Said { doorstep, control, .. }) = &self.0 else { return };
        if doorstep.enter(step, None) {
            return;
        }
        if let Ok(step) = u32::try_from(step) {
            let [mut message, length] = [step.to_le_bytes().to_vec(), vec![0; HEADER / 2]];
            message.extend(length);
            // A gateway that doesn't take it has ended, which is told otherwise.
            let _ = send(control.as_raw_fd(), &message, MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT);
        }
    }

    /// This one begins with these rules; returns when they hold.
    pub fn enter(&self, step: usize, rules: OfStep) -> Result<(), NotEntered> {
        let Some(Said { doorstep, control, last }) = &self.0 else { return Ok(()) };
        let mut last = last.lock().map_err(|_| NotEntered::NoAnswer)?;
        if last.rules == rules {
            return Ok(());
        }
        if doorstep.enter(step, Some(&rules)) {
            last.rules = rules;
            return Ok(());
        }
        let text = serde_json::to_vec(&rules).map_err(io::Error::from)?;
        let number = |number: usize| u32::try_from(number).map_err(io::Error::other).map(u32::to_le_bytes);
        let message = [&number(step)?[..], &number(text.len())?, &text].concat();
        (&mut &*control).write_all(&message)?;
        last.entered.recv_timeout(PATIENCE).map_err(|_| NotEntered::NoAnswer)?;
        last.rules = rules;
        Ok(())
    }
}

/// The gateway's side.
#[derive(Debug, Default)]
pub struct Steps {
    /// What has come and isn't a whole message.
    rest: Vec<u8>,
}

/// A step that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its index.
    pub step: usize,
    /// Its rules, where they aren't those of the step before.
    pub rules: Option<OfStep>,
}

/// What the caller has said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Steps in their order.
    pub begun: Vec<Begun>,
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
                Ok(length) => self.rest.extend_from_slice(&buffer[..length]),
                Err(Errno::EINTR) => {}
                Err(errno) => break errno != Errno::EAGAIN,
            }
        };
        let mut begun = Vec::new();
        let mut at = 0;
        while let Some((step, end)) = message(&self.rest[at..]) {
            begun.push(step);
            at += end;
        }
        self.rest.drain(..at);
        Heard { begun, over }
    }
}

/// The first message, and where it ends.
fn message(bytes: &[u8]) -> Option<(Begun, usize)> {
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let (step, length) = (word(0)? as usize, word(HEADER / 2)? as usize);
    let rules = bytes.get(HEADER..HEADER + length)?;
    // The caller is trusted, and of the same build.
    let rules = if length == 0 { None } else { serde_json::from_slice(rules).ok() };
    Some((Begun { step, rules }, HEADER + length))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn steps_are_heard_in_order_whatever_the_pieces() {
        let (caller, gateway) = UnixStream::pair().expect("a pair");
        let (answer, answers) = channel();
        let at = AtStep::new(Arc::default(), caller.try_clone().expect("a copy"), answers);
        let mut steps = Steps::after(&7u32.to_le_bytes()[..3]);
        let mut hear = || steps.hear(gateway.as_fd());
        let of = |step| Begun { step, rules: None };
        assert_eq!(hear(), Heard::default());
        (&caller).write_all(&[0; 5]).expect("it is taken");
        assert_eq!(hear(), Heard { begun: vec![of(7)], over: false });
        for step in 0..100 {
            at.set(step);
        }
        assert_eq!(hear().begun, (0..100).map(of).collect::<Vec<_>>());
        let rules = OfStep { only: true, ..OfStep::default() };
        answer.send(()).expect("it is awaited");
        at.enter(5, OfStep::default()).expect("nothing is new");
        at.enter(5, rules.clone()).expect("the answer is there");
        at.enter(6, rules.clone()).expect("nothing is new");
        assert_eq!(hear().begun, [Begun { step: 5, rules: Some(rules) }]);
        drop(answer);
        assert!(matches!(at.enter(6, OfStep::default()), Err(NotEntered::NoAnswer)));
        drop((at, caller));
        let heard = hear();
        assert_eq!((heard.begun.len(), heard.over), (1, true));
        AtStep::default().set(1);
        AtStep::default().enter(1, OfStep { only: true, ..OfStep::default() }).expect("there is no gateway");
    }
}
