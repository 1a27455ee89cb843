//! Between the caller's terminal and one in a sandbox: bytes and size, nothing else. The command never
//! holds the caller's own terminal.

use std::io::{Read, Write};
use std::os::fd::AsFd;

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{read, write};
use palisade_sandbox::{Command, Sandbox, Stdio, Terminal};

use crate::cli::error::{Blame, Error};
use crate::cli::sandbox::isolation;

/// A terminal in the sandbox, and the caller's in raw mode until this is dropped.
pub struct Relay {
    pub terminal: Terminal,
    before: Termios,
}

impl Relay {
    /// Opens one, and puts the caller's terminal in raw mode.
    pub fn open(sandbox: &Sandbox) -> Result<Self, Error> {
        let terminal = sandbox.open_terminal().map_err(isolation)?;
        let failed = |e| Error::new(Blame::Input, format!("cannot set up the terminal: {e}"));
        let before = tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        cfmakeraw(&mut raw);
        tcsetattr(std::io::stdin(), SetArg::TCSANOW, &raw).map_err(failed)?;
        let relay = Relay { terminal, before };
        relay.resize();
        Ok(relay)
    }

    /// Makes it the terminal of a command.
    pub fn attach(&self, command: Command) -> Result<Command, Error> {
        let slave = || {
            self.terminal
                .slave()
                .map_err(|e| Error::new(Blame::Isolation, format!("cannot open a terminal: {e}")))
        };
        Ok(command
            .stdin(Stdio::Fd(slave()?))
            .stdout(Stdio::Fd(slave()?))
            .stderr(Stdio::Fd(slave()?))
            .controlling_terminal(true))
    }

    /// Gives it the size of the caller's.
    pub fn resize(&self) {
        // A terminal without a size is no reason to stop.
        let _ = self.terminal.resize_as(std::io::stdin().as_fd());
    }

    /// Passes output on; false where there was none.
    pub fn output(&mut self) -> bool {
        let mut bytes = [0u8; 4096];
        match read(&self.terminal, &mut bytes) {
            // EIO is how a terminal says that nobody has its other side open.
            Ok(0) | Err(_) => false,
            Ok(n) => {
                let mut out = std::io::stdout().lock();
                out.write_all(&bytes[..n]).and_then(|()| out.flush()).is_ok()
            }
        }
    }

    /// Passes input on.
    pub fn input(&mut self) {
        let mut bytes = [0u8; 4096];
        if let Ok(n) = std::io::stdin().lock().read(&mut bytes) {
            let _ = write(&self.terminal, &bytes[..n]);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
}
