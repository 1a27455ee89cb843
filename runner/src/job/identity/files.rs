//! Files in which a step finds its credentials.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_sandbox::SharedDir;

use crate::identity::exchange::Files;
use crate::identity::issuer::token::random_id;
use crate::job::contexts::inside;

/// Files of a step, in the directory that the job shares with its steps.
pub struct StepFiles {
    dir: SharedDir,
    /// What nobody knows who isn't told.
    random: String,
    names: Mutex<Vec<String>>,
}

impl StepFiles {
    /// None yet.
    pub fn new(dir: &SharedDir) -> Result<Arc<StepFiles>, String> {
        let dir = dir.try_clone().map_err(|e| format!("the directory of a step's files: {e}"))?;
        let random = random_id().map_err(|e| e.to_string())?;
        Ok(Arc::new(StepFiles { dir, random, names: Mutex::default() }))
    }

    fn put(&self, name: &str, mode: u32, content: &[u8]) -> std::io::Result<String> {
        let name = format!("_credentials_{}_{name}", self.random);
        self.dir.replace(&name, mode, content)?;
        let path = format!("{}/{name}", inside::TEMP);
        let mut names = self.names();
        if !names.contains(&name) {
            names.push(name);
        }
        Ok(path)
    }

    /// What they are called there.
    pub fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for StepFiles {
    fn write(&self, name: &str, content: &[u8]) -> std::io::Result<String> {
        self.put(name, 0o400, content)
    }

    fn write_program(&self, name: &str, content: &[u8]) -> std::io::Result<String> {
        self.put(name, 0o500, content)
    }
}
