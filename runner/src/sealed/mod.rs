//! Sealed secrets: encrypted to runners, committed with the code, opened for the jobs that they name and for no others. Who
//! can write to a repository can neither read one nor give it to other jobs: the repository, environment, name and
//! references that it is for are authenticated with the value (`header`, `file`); the runner's keys are in its state
//! directory (`key`).

mod file;
mod header;
mod key;

use std::path::Path;

pub use file::{Entry, FileError, MAX_RECIPIENTS, OpenError, PATH, Sealed};
pub use header::{Header, Origin};
pub use key::{Keyring, PrivateKey, PublicKey, is_there};

use crate::identity::Broker;
use crate::mask::Secret;

/// What a job gets of the sealed secrets of its repository.
#[derive(Debug, Default)]
pub struct Opened {
    /// Those that it may have.
    pub secrets: Vec<(String, Secret)>,
    /// Others of its environment that it doesn't get, each with its name and why.
    pub withheld: Vec<(String, String)>,
}

/// Opens the sealed secrets of the repository at `tree` for a job of an environment, which the configuration has or
/// hasn't. An error where one that is for this job isn't what was sealed.
pub fn open(broker: &Broker, tree: &Path, environment: &str, is_known: bool) -> Result<Opened, String> {
    let sealed = Sealed::read(tree).map_err(|e| e.to_string())?;
    let mut opened = Opened::default();
    let mut keys = None;
    for entry in sealed.entries().iter().filter(|entry| entry.header.is_of(environment)) {
        let name = entry.header.name();
        let known = match is_known {
            true => Ok(()),
            false => Err(format!("`environment`: this runner's configuration has no `{environment}`")),
        };
        if let Err(why) = known.and_then(|()| entry.header.admits(broker.facts())) {
            opened.withheld.push((name.to_owned(), why));
            continue;
        }
        if keys.is_none() {
            let state = broker.state("the keys of sealed secrets")?;
            keys = Some(Keyring::read(state).map_err(|e| format!("the keys of sealed secrets: {e}"))?);
        }
        let Some(keys) = &keys else { continue };
        match entry.open(keys) {
            Ok(value) => opened.secrets.push((name.to_owned(), value)),
            Err(why @ OpenError::NotOurs(_)) => {
                opened.withheld.push((name.to_owned(), format!("`key`: {why}")));
            }
            Err(why @ OpenError::Broken) => return Err(format!("the sealed secret `{name}`: {why}")),
        }
    }
    // Where there are several of a name for different runs, one is enough.
    let Opened { secrets, withheld } = &mut opened;
    withheld.retain(|(name, _)| !secrets.iter().any(|(other, _)| other == name));
    Ok(opened)
}
