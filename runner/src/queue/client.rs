//! The side of commands: asks the daemon's queue.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use super::Queue;
use super::wire::{Answer, MAX_LINE, Request};
use crate::socket;
use crate::state::State;

/// Where the service's socket is by its unit file.
const SERVICE: &str = "/run/palisade/socket";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No daemon listens.
    #[error("no daemon listens on {}", .0.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(" or "))]
    NoDaemon(Vec<PathBuf>),
    /// Not for this user.
    #[error("this user may not connect to `{}`", .0.display())]
    NotAllowed(PathBuf),
    /// It broke off.
    #[error("the daemon broke off: {0}")]
    Broken(#[from] io::Error),
}

/// A question that was asked.
pub struct Asked(BufReader<UnixStream>);

/// Where the queue may be: the one that was named, or else this user's own, or else the service's.
pub fn places(named: Option<&Path>, state: &State) -> Vec<PathBuf> {
    match named {
        Some(path) => vec![path.to_owned()],
        None => Queue::socket(state).into_iter().chain([SERVICE.into()]).collect(),
    }
}

/// Asks the first daemon that listens. Behind the request goes a bundle, where there is one.
pub fn ask(places: &[PathBuf], request: &Request, bundle: Option<File>) -> Result<Asked, ClientError> {
    let mut denied = None;
    for path in places {
        match socket::connect(path) {
            Ok(stream) => return send(stream, request, bundle),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                denied = denied.or(Some(path.clone()))
            }
            Err(_) => {}
        }
    }
    Err(denied.map_or_else(|| ClientError::NoDaemon(places.to_vec()), ClientError::NotAllowed))
}

fn send(stream: UnixStream, request: &Request, bundle: Option<File>) -> Result<Asked, ClientError> {
    let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
    line.push(b'\n');
    let sent = (&stream).write_all(&line).and_then(|()| match bundle {
        Some(mut bundle) => io::copy(&mut bundle, &mut &stream).map(drop),
        None => Ok(()),
    });
    let mut asked = Asked(BufReader::with_capacity(64 << 10, stream));
    if let Err(error) = sent {
        // It may have said why it takes no more.
        return match asked.0.fill_buf() {
            Ok(said) if !said.is_empty() => Ok(asked),
            _ => Err(error.into()),
        };
    }
    Ok(asked)
}

impl Asked {
    /// The next answer; none where the daemon has said all, or has ended.
    pub fn hear(&mut self) -> Result<Option<Answer>, ClientError> {
        let mut line = Vec::new();
        match Read::take(&mut self.0, MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
            read => drop(read?),
        }
        if line.last() != Some(&b'\n') {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&line).map_err(io::Error::from)?))
    }
}
