//! `hashFiles` for a job's steps: a process of palisade's own in the sandbox looks, since only there the workspace is
//! as the steps see it.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use palisade_sandbox::{Child, Command, Signal, Status, Stdio};

use super::contexts::HashFiles;
use super::execute::Running;
use super::process::timeout;
use crate::expr::EvalError;
use crate::inside::HASH_FILES;

/// How long it may take, as on GitHub.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Most bytes of a digest or of what is wrong.
const MAX_SAID: u64 = 8 << 10;

impl HashFiles for Running<'_> {
    fn hash_files(&self, patterns: &[&str]) -> Result<String, EvalError> {
        self.hash(patterns).map_err(|why| EvalError::new(format!("`hashFiles`: {why}")))
    }
}

impl Running<'_> {
    fn hash(&self, patterns: &[&str]) -> Result<String, String> {
        let (reader, writer) = io::pipe().map_err(|e| format!("cannot make a pipe: {e}"))?;
        let command = Command::builtin(HASH_FILES)
            .arg(&self.execution.place.workspace)
            .args(patterns)
            .stdout(Stdio::Fd(writer.into()));
        let child = self.sandbox.spawn(command).map_err(|e| e.to_string())?;
        let stopped = self.watch(&child);
        if stopped.is_some() {
            // Where that fails the sandbox has ended, and the child with it.
            let _ = self.sandbox.signal(Signal::Kill);
        }
        let exit = child.wait().map_err(|e| e.to_string())?;
        if let Some(why) = stopped {
            return Err(why.into());
        }
        let mut said = Vec::new();
        reader.take(MAX_SAID).read_to_end(&mut said).map_err(|e| format!("cannot read its result: {e}"))?;
        let said = String::from_utf8_lossy(&said).into_owned();
        match exit.status {
            Status::Code(0) if is_digest(&said) => Ok(said),
            Status::Code(1) => Err(said),
            Status::Code(code) => Err(format!("its process ended with exit code {code} and no digest")),
            Status::Signal(signal) => Err(format!("its process was ended by signal {signal}")),
        }
    }

    /// Waits for the end; says why it is not to be waited for any longer.
    fn watch(&self, child: &Child) -> Option<&'static str> {
        let until = Instant::now() + TIMEOUT;
        let (until, late) = match self.deadline {
            Some(deadline) if deadline < until => (deadline, "the job's time is over"),
            _ => (until, "it took longer than 120 seconds; narrow its patterns"),
        };
        let cancel = self.execution.cancel;
        // A job that was asked to stop has its last steps; only an order to stop at once counts then.
        let order = if self.cancelled.is_some() { cancel.at_once() } else { cancel.asked() };
        loop {
            let mut fds =
                [PollFd::new(child.as_fd(), PollFlags::POLLIN), PollFd::new(order, PollFlags::POLLIN)];
            match poll(&mut fds, timeout(Instant::now(), Some(until))) {
                Err(Errno::EINTR) => {}
                Ok(0) => return Some(late),
                Ok(_) if fds[0].any() == Some(true) => return None,
                Ok(_) => return Some("the run was cancelled"),
                Err(_) => return Some("its process can't be waited for"),
            }
        }
    }
}

/// What came out of the sandbox is a digest, or nothing.
fn is_digest(said: &str) -> bool {
    said.is_empty() || said.len() == 64 && said.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_digest_is_one() {
        let digest = "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456";
        assert!(is_digest("") && is_digest(digest));
        for other in [&digest[1..], &digest.to_uppercase(), &format!("{digest}\n"), "x"] {
            assert!(!is_digest(other), "{other}");
        }
    }
}
