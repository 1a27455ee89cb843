//! Why a sandbox could not be set up or a command not started: which layer, which call, on what, and
//! what the administrator can do about it.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::report::LayerId;

/// A failure of the sandbox itself; how a command ended is never one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A layer could not be set up. Nothing has been run.
    #[error("{0}")]
    Layer(LayerError),
    /// A command could not be started; the sandbox is still good.
    #[error("cannot start `{program}`: {what}: {errno}")]
    Start {
        /// The program.
        program: String,
        /// What failed.
        what: StartStage,
        /// Why.
        errno: Errno,
    },
    /// The sandbox has ended, because its init was killed or something else went wrong in it.
    #[error("the sandbox has ended: {0}")]
    Ended(String),
    /// The caller's specification makes no sense.
    #[error("{0}")]
    Spec(String),
}

impl Error {
    /// What to do about it, where that is known.
    pub fn remedy(&self) -> Option<String> {
        match self {
            Error::Layer(error) => error.remedy.clone(),
            _ => None,
        }
    }
}

/// Which step on the way to a running command failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartStage {
    /// Making the process.
    Clone,
    /// Its own session.
    Session,
    /// Its controlling terminal.
    Terminal,
    /// Its standard descriptors.
    Descriptors,
    /// Its working directory.
    CurrentDir,
    /// Confining it by Landlock.
    Landlock,
    /// Signals back to their defaults.
    Signals,
    /// Executing the program.
    Exec,
}

impl fmt::Display for StartStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StartStage::Clone => "making a process",
            StartStage::Session => "starting a session",
            StartStage::Terminal => "taking the terminal",
            StartStage::Descriptors => "setting up its standard descriptors",
            StartStage::CurrentDir => "entering its working directory",
            StartStage::Landlock => "confining it by Landlock",
            StartStage::Signals => "resetting its signals",
            StartStage::Exec => "executing it",
        })
    }
}

/// A layer that could not be set up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LayerError {
    /// The layer.
    pub layer: LayerId,
    /// What was tried, with its subject, e.g. ``attach `/usr` ``.
    pub action: String,
    /// The system's answer, as an `errno` number.
    pub errno: i32,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl LayerError {
    pub(crate) fn new(layer: LayerId, action: impl Into<String>, errno: Errno) -> Self {
        LayerError { layer, action: action.into(), errno: errno as i32, remedy: None }
    }
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, action, errno, .. } = self;
        let errno = Errno::from_raw(*errno);
        write!(f, "isolation layer `{layer}` could not be set up: cannot {action}: {errno}")
    }
}

impl std::error::Error for LayerError {}

/// Adds layer and action to a system call's failure.
pub(crate) trait Context<T> {
    fn layer(self, layer: LayerId, action: impl FnOnce() -> String) -> Result<T, LayerError>;
}

impl<T> Context<T> for Result<T, Errno> {
    fn layer(self, layer: LayerId, action: impl FnOnce() -> String) -> Result<T, LayerError> {
        self.map_err(|errno| LayerError::new(layer, action(), errno))
    }
}
