//! What is said over a run's socket: one request and one answer, each a line of JSON. And the side that asks, for
//! `palisade approve`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::state::State;

/// The directory of the sockets, below that of the state.
pub(super) const DIRECTORY: &str = "approvals";
/// What their names end with.
pub(super) const SUFFIX: &str = ".sock";
/// Longest comment in characters.
pub const MAX_COMMENT: usize = 1000;
/// Most bytes of a line.
const MAX_LINE: u64 = 64 << 10;
/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Request {
    /// What waits.
    Describe,
    /// Let it pass, or not.
    Review {
        /// Let it pass.
        approve: bool,
        /// For the record.
        comment: String,
    },
}

/// A job that waits for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The run's id.
    pub run: String,
    /// The job's name.
    pub job: String,
    /// The workflow's name.
    pub workflow: String,
    /// The environment that it wants.
    pub environment: String,
    /// How many have approved.
    pub approved: usize,
    /// How many have to.
    pub needed: usize,
    /// Who may; empty: whoever can reach it.
    pub approvers: String,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// What waits.
    Waiting(Waiting),
    /// It was recorded; so many more have to approve.
    Recorded {
        /// None: the job goes on, or has failed.
        missing: usize,
    },
    /// It doesn't count.
    Refused {
        /// Why.
        why: String,
    },
}

/// Reads a line from a peer that may be anybody.
pub(super) fn receive<T: for<'de> Deserialize<'de>>(stream: &UnixStream) -> io::Result<T> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_LINE)).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

/// Writes a line.
pub(super) fn send(mut stream: &UnixStream, what: &impl Serialize) -> io::Result<()> {
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// A file of a directory by a path that is short enough for a socket's address, wherever the directory is.
pub fn within(directory: &File, name: impl AsRef<Path>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name)
}

/// Opens a directory for [`within`].
pub fn open(directory: &Path) -> io::Result<File> {
    let flags = nix::libc::O_PATH | nix::libc::O_DIRECTORY;
    OpenOptions::new().read(true).custom_flags(flags).open(directory)
}

/// The sockets of the jobs that wait.
#[derive(Debug)]
pub struct Reviews {
    directory: File,
    jobs: Vec<(String, Waiting)>,
}

impl Reviews {
    /// Asks all that wait; those whose process has ended are forgotten.
    pub fn find(state: &State) -> io::Result<Option<Reviews>> {
        let path = state.root().map(|root| root.join(DIRECTORY));
        let path = path.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "there is no state directory: name one with --state, or set HOME")
        })?;
        let told = |e: Error| Error::new(e.kind(), format!("`{}`: {e}", path.display()));
        let entries = match fs::read_dir(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(told)?,
        };
        let directory = open(&path).map_err(told)?;
        let mut jobs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(told)?;
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if !name.ends_with(SUFFIX) {
                continue;
            }
            match ask(&directory, &name, &Request::Describe) {
                Ok(Answer::Waiting(waiting)) => jobs.push((name, waiting)),
                Ok(Answer::Refused { why }) => {
                    return Err(told(Error::new(ErrorKind::PermissionDenied, why)));
                }
                // Its process was killed.
                Err(e) if e.kind() == ErrorKind::ConnectionRefused => drop(fs::remove_file(entry.path())),
                Err(e) if e.kind() == ErrorKind::PermissionDenied => return Err(told(e)),
                // It goes on, or has ended, meanwhile.
                Ok(Answer::Recorded { .. }) | Err(_) => {}
            }
        }
        jobs.sort_by(|(_, one), (_, other)| (&one.run, &one.job).cmp(&(&other.run, &other.job)));
        Ok(Some(Reviews { directory, jobs }))
    }

    /// What waits, by run and job.
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.jobs.iter().map(|(_, waiting)| waiting)
    }

    /// Lets a job pass, or not; `None` where there is no such job.
    pub fn review(&self, run: &str, job: &str, approve: bool, comment: &str) -> io::Result<Option<Answer>> {
        let found = self.jobs.iter().find(|(_, waiting)| waiting.run == run && waiting.job == job);
        let Some((name, _)) = found else { return Ok(None) };
        let request = Request::Review { approve, comment: comment.to_owned() };
        ask(&self.directory, name, &request).map(Some)
    }
}

fn ask(directory: &File, name: &str, request: &Request) -> io::Result<Answer> {
    let stream = UnixStream::connect(within(directory, name))?;
    send(&stream, request)?;
    receive(&stream)
}
