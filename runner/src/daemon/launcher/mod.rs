//! The launcher (`palisade launcher`): a process that does one thing, to start jobs' processes for the daemon. The daemon
//! speaks with forges and holds what they know it by, and jobs need much of the host: apart from each other, neither has
//! what only the other needs (`packaging/palisade.service`, `packaging/palisade-jobs.service`).
//!
//! A connection is a process (`wire`): the daemon names a blank directory and passes the pipe that the order will come
//! through, the launcher answers with the process, and says how it ended once it has. Nothing else of a job passes here.
//! Processes outlive the daemon, which takes them over when it is back, and end with the launcher.

mod serve;
mod wire;

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use super::process::Waiting;
use crate::socket;
use wire::{Program, Request};

pub use serve::{Launcher, LauncherError};

/// How long the launcher may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process that the launcher has started.
#[derive(Debug)]
pub struct Launched(UnixStream);

/// Has the launcher at `path` start a process in a blank directory. Where there is none, or none of this very program,
/// the error is of the kind [`ErrorKind::NotConnected`].
pub fn ask(path: &Path, directory: &Path, order: OwnedFd) -> io::Result<(Launched, Waiting)> {
    let request = Request { program: Program::own()?, number: wire::number(directory)? };
    let away = |error: io::Error| {
        let why = format!("no launcher answers at `{}`: {error}", path.display());
        io::Error::new(ErrorKind::NotConnected, why)
    };
    let stream = socket::connect(path).map_err(away)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let asked = wire::ask(&stream, request, order.as_fd());
    // One that refuses may not have read what was asked for.
    let process = wire::answer(&stream).map_err(|error| match error.kind() {
        ErrorKind::Other | ErrorKind::NotConnected => {
            io::Error::new(error.kind(), format!("the launcher: {error}"))
        }
        _ => away(asked.err().unwrap_or(error)),
    });
    Ok((Launched(stream), Waiting::of(process?)))
}

impl Launched {
    /// How it ended, once it has; an error is what is known else.
    pub fn end(&self) -> Result<ExitStatus, String> {
        wire::end(&self.0).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset => {
                "it was ended together with the launcher, which had started it".to_owned()
            }
            _ => format!("the launcher doesn't tell how it ended: {error}"),
        })
    }
}
