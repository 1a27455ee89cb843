//! How the daemon stands, in a file for `palisade status`.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Phase;
use super::runner::{Health, Runner};
use super::slots::Capacity;
use super::task::Shown;
use crate::forge::Waiting;
use crate::state::State;

/// Its name, in the daemon's own directory.
pub const FILE: &str = "status.json";

/// The file.
#[derive(Debug)]
pub struct Status {
    path: PathBuf,
    /// What stands in it.
    written: Mutex<Vec<u8>>,
}

/// What stands in it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Standing {
    /// The daemon's process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// `running`, `draining` or `ending`.
    pub phase: String,
    /// How many jobs run at a time.
    pub capacity: usize,
    /// Why none is taken.
    #[serde(flatten)]
    pub hindered: Hindered,
    /// The registrations that are served.
    pub runners: Vec<Served>,
    /// The tasks that aren't over.
    pub tasks: Vec<Shown>,
}

/// Why no job is taken, whatever the slots.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Hindered {
    /// There is too little disk space for one.
    pub no_space: bool,
    /// There is no launcher to start one.
    pub no_launcher: bool,
}

/// A registration that is served.
#[derive(Debug, Deserialize, Serialize)]
pub struct Served {
    /// What it is called on this host.
    pub id: String,
    /// How its forge answers.
    #[serde(flatten)]
    pub health: Health,
    /// How many of its jobs run at a time, where that isn't as many as there are places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<usize>,
    /// What waits there, where it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Waiting>,
}

impl Standing {
    /// What the file in a state directory says; none where no daemon has run.
    pub fn read(state: &State) -> io::Result<Option<Standing>> {
        let Some(root) = state.root() else { return Ok(None) };
        match fs::read(root.join(super::OWN).join(FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Status {
    /// Nothing is written yet.
    pub fn new(path: PathBuf) -> Status {
        Status { path, written: Mutex::default() }
    }

    /// Writes it, where something has changed.
    pub fn write<'a>(
        &self,
        phase: Phase,
        (capacity, hindered): (&Capacity, Hindered),
        runners: &[Arc<Runner>],
        tasks: impl Iterator<Item = &'a Shown>,
    ) -> io::Result<()> {
        let mut tasks: Vec<Shown> = tasks.cloned().collect();
        tasks.sort_by(|a, b| (&a.key.runner, a.key.task).cmp(&(&b.key.runner, b.key.task)));
        let phase = match phase {
            Phase::Running => "running",
            Phase::Draining => "draining",
            Phase::Cancelling | Phase::Ending => "ending",
        };
        let (pid, version) = (std::process::id(), env!("CARGO_PKG_VERSION").to_owned());
        let served = |runner: &Arc<Runner>| Served {
            id: runner.id.clone(),
            health: runner.health(),
            capacity: capacity.of.get(&runner.id).copied(),
            waiting: runner.waiting(),
        };
        let runners = runners.iter().map(served).collect();
        let (phase, capacity) = (phase.to_owned(), capacity.all);
        let text = serde_json::to_vec(&Standing { pid, version, phase, capacity, hindered, runners, tasks })?;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if *written != text {
            let new = self.path.with_extension("new");
            fs::write(&new, &text)?;
            fs::rename(&new, &self.path)?;
            *written = text;
        }
        Ok(())
    }
}
