//! The queue's socket: who has connected is known by the kernel's word, and what is said is bounded in length and time.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::run::Job;
use super::wire::{Answer, Id, MAX_LINE, Request};
use super::{Queue, QueueError, lock, log};
use crate::environment::{Approver, Person};
use crate::output::event::Conclusion;
use crate::socket;

/// The socket's name in the queue's directory.
pub const SOCKET: &str = "socket";
/// Whose members may use the queue.
const GROUP: &str = "palisade";
/// Most connections at a time, in all and of one user.
const MAX_CONNECTIONS: usize = 64;
const MAX_OF_USER: usize = 24;
/// How long a request may take to come, and how long a bundle.
const REQUEST: Duration = Duration::from_secs(10);
const BUNDLE: Duration = Duration::from_mins(10);
/// How long somebody may take to read what was asked for: a pager may stand still.
const READING: Duration = Duration::from_hours(1);
/// How long nobody is waited for who has sent more than was read.
const DRAIN: Duration = Duration::from_secs(2);
/// How often it is looked for more of a log, where nothing is told.
const LOOK: Duration = Duration::from_millis(500);
/// Most rows of one job that are sent before it is another's turn.
const TURN: usize = 1000;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{}`: {error}", path.display())]
pub struct ServeError {
    path: PathBuf,
    error: io::Error,
}

/// Who is connected.
type Connected = Arc<Mutex<HashMap<u32, usize>>>;

/// Listens, in a thread of its own: in the state directory for the daemon's own user, or at a `shared` place for the
/// members of the group too. An earlier socket there is removed.
pub fn spawn(queue: &Arc<Queue>, shared: Option<&Path>) -> Result<(), ServeError> {
    let path = shared.map_or_else(|| queue.directory.join(SOCKET), Path::to_owned);
    let failed = |error| ServeError { path: path.clone(), error };
    let listener = bind(&path, shared.is_some()).map_err(failed)?;
    let queue = queue.clone();
    let accept = move || {
        let connected = Connected::default();
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => answer_apart(&queue, stream, &connected),
                // Too many files are open: some will be closed.
                Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    };
    std::thread::Builder::new().name("queue".into()).spawn(accept).map_err(failed)?;
    Ok(())
}

fn bind(path: &Path, shared: bool) -> io::Result<UnixListener> {
    if shared && let Some(parent) = path.parent().filter(|parent| !parent.exists()) {
        DirBuilder::new().mode(0o755).create(parent)?;
    }
    let listener = socket::bind(path)?;
    if shared && let Some(group) = Approver::Group(GROUP.into()).group_id() {
        // The unit of the service has the group, and no call that gives files away.
        if fs::symlink_metadata(path)?.gid() != group {
            chown(path, None, Some(group))?;
        }
        fs::set_permissions(path, Permissions::from_mode(0o660))?;
    }
    Ok(listener)
}

/// A place among those that are connected; it is free again with this.
struct Place {
    connected: Connected,
    uid: u32,
}

impl Place {
    fn take(connected: &Connected, uid: u32) -> Option<Place> {
        let mut counts = lock(connected);
        let all: usize = counts.values().sum();
        let own = counts.entry(uid).or_default();
        if all >= MAX_CONNECTIONS || *own >= MAX_OF_USER {
            return None;
        }
        *own += 1;
        Some(Place { connected: connected.clone(), uid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.connected);
        if let Some(own) = counts.get_mut(&self.uid) {
            *own -= 1;
            if *own == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

/// Answers in a thread of its own, so that nobody waits for somebody who is slow.
fn answer_apart(queue: &Arc<Queue>, stream: UnixStream, connected: &Connected) {
    let person = Person::at(&stream).map_err(|error| format!("the queue's socket: {error}"));
    let admitted = person.and_then(|person| admits(&person).map(|()| person));
    let place = match &admitted {
        Ok(person) => Place::take(connected, person.uid).ok_or_else(|| {
            Answer::Failed(format!("{person} has {MAX_OF_USER} connections, or all have {MAX_CONNECTIONS}"))
        }),
        Err(why) => Err(Answer::Refused(why.clone())),
    };
    let (person, place) = match (admitted, place) {
        (Ok(person), Ok(place)) => (person, place),
        (_, Err(answer)) => {
            // It is short enough to be written at once; nobody is waited for.
            let _ = stream.set_write_timeout(Some(Duration::from_millis(100)));
            let _ = send(&stream, &answer);
            return;
        }
        (Err(_), Ok(_)) => return,
    };
    let queue = queue.clone();
    // Where no thread can be made, the connection is closed: who waits for an answer hears of that.
    let _ = std::thread::Builder::new().name("queue connection".into()).spawn(move || {
        if let Err(answer) = answer(&queue, &stream, &person) {
            let _ = send(&stream, &answer);
        }
        // What is left unread would take the answer with it.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = io::copy(&mut Timed::new(&stream, DRAIN), &mut io::sink());
        drop(place);
    });
}

/// Whether the rule `local-peer` has nothing against somebody.
fn admits(person: &Person) -> Result<(), String> {
    let own = nix::unistd::geteuid().as_raw();
    let admitted = [0, own].contains(&person.uid) || Approver::Group(GROUP.into()).is(person);
    admitted.then_some(()).ok_or_else(|| {
        format!("rule local-peer: {person} is neither root, nor the daemon's user (uid {own}), nor in the group `{GROUP}`")
    })
}

fn answer(queue: &Queue, stream: &UnixStream, person: &Person) -> Result<(), Answer> {
    let invalid = |error: &dyn std::fmt::Display| Answer::Invalid(format!("this is no request: {error}"));
    let _ = stream.set_write_timeout(Some(READING));
    let mut reader = BufReader::new(Timed::new(stream, REQUEST));
    let mut line = Vec::new();
    Read::take(&mut reader, MAX_LINE).read_until(b'\n', &mut line).map_err(|e| invalid(&e))?;
    if line.last() != Some(&b'\n') {
        return Err(invalid(&"it has no end"));
    }
    let request = serde_json::from_slice(&line).map_err(|e| invalid(&e))?;
    drop(line);
    let said = match request {
        Request::Submit { submission, bundle } => {
            reader.get_mut().until = Instant::now() + BUNDLE;
            Answer::Accepted(queue.submit(&submission, person, bundle, reader)?)
        }
        Request::Jobs { most } => Answer::Runs(queue.runs(None, most)?),
        Request::Cancel { id } => Answer::Cancelled(queue.cancel(id, person)?),
        Request::Log { id, follow } => return tell_log(queue, stream, id, follow),
    };
    // Who doesn't wait for the answer gets none.
    let _ = send(stream, &said);
    Ok(())
}

impl From<QueueError> for Answer {
    fn from(error: QueueError) -> Answer {
        match error {
            QueueError::Invalid(_) | QueueError::Unknown(_) => Answer::Invalid(error.to_string()),
            QueueError::Full { .. }
            | QueueError::NoSpace { .. }
            | QueueError::Store(_)
            | QueueError::Io(_)
            | QueueError::Damaged(_) => Answer::Failed(error.to_string()),
        }
    }
}

/// How far a job's log was told.
struct Told {
    reader: log::Reader,
    ended: bool,
}

/// Tells a log; with `follow` until what it is of has ended.
fn tell_log(queue: &Queue, stream: &UnixStream, id: Id, follow: bool) -> Result<(), Answer> {
    let mut told: HashMap<Id, Told> = HashMap::new();
    let mut changes = 0;
    let run = queue.find(id)?;
    let jobs = run.jobs.len();
    let begins = Answer::Log { workflow: run.workflow, event: run.event, title: run.title, jobs };
    if send(stream, &begins).is_err() {
        return Ok(());
    }
    loop {
        // What is known to have ended now has all of its rows in its log.
        let run = queue.find(id)?;
        let mut more = false;
        for job in &run.jobs {
            let told =
                told.entry(job.id).or_insert_with(|| Told { reader: queue.read(job.task), ended: false });
            let Some(rest) = tell_rows(stream, job, told).map_err(|e| Answer::Failed(e.to_string()))? else {
                return Ok(());
            };
            more |= rest;
        }
        let over = run.jobs.iter().all(|job| job.result.is_some());
        let over = over && (id.job.is_some() || run.result.is_some());
        if !more && (over || !follow) {
            let result = match id.job {
                None => run.result,
                Some(_) => run.jobs.first().and_then(|job| job.result),
            };
            let _ = send(stream, &Answer::End(result));
            return Ok(());
        }
        if !more {
            changes = queue.wait(changes, LOOK);
        }
    }
}

/// Tells what of a job's log wasn't told yet, and its end; whether there is more, and none where nobody reads.
fn tell_rows(stream: &UnixStream, job: &Job, told: &mut Told) -> io::Result<Option<bool>> {
    for _ in 0..TURN {
        let Some(row) = told.reader.next()? else {
            if let Some(result) = job.result.filter(|_| !told.ended) {
                told.ended = true;
                let reason = job.reason.clone().filter(|_| result != Conclusion::Success);
                let time = job.started.zip(job.ended).map_or(0, |(from, to)| (to - from).max(0) as u64);
                let (id, name) = (job.id, job.name.clone());
                let ended = Answer::Ended { job: id, name, result, reason, milliseconds: time };
                if send(stream, &ended).is_err() {
                    return Ok(None);
                }
            }
            return Ok(Some(false));
        };
        let time = super::millis(row.time) as u64;
        let row = Answer::Row { job: job.id, name: job.name.clone(), time, own: row.own, text: row.text };
        if send(stream, &row).is_err() {
            return Ok(None);
        }
    }
    Ok(Some(true))
}

fn send(mut stream: &UnixStream, what: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    stream.write_all(&line)
}

/// Reads from a peer that may take its time, but no longer than this.
struct Timed<'a> {
    stream: &'a UnixStream,
    until: Instant,
}

impl<'a> Timed<'a> {
    fn new(stream: &'a UnixStream, time: Duration) -> Timed<'a> {
        Timed { stream, until: Instant::now() + time }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        let late = || io::Error::new(ErrorKind::TimedOut, "it took too long to come");
        if left.is_zero() {
            return Err(late());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => late(),
            _ => error,
        })
    }
}
