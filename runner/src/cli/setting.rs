//! The options of every command that uses what is configured and kept: `--config`, `--state`, `--offline`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::Error;
use crate::config::Config;
use crate::state::State;

/// Where a command finds its configuration and what is kept.
#[derive(clap::Args)]
pub struct Setting {
    /// Fetch nothing: use what the store of actions and directories of repositories have
    #[arg(long)]
    offline: bool,
    /// Configuration file [default: palisade/config.toml in $XDG_CONFIG_HOME]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Directory for what is kept between runs [default: palisade in $XDG_STATE_HOME]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl Setting {
    /// The configuration, with what the options decide.
    pub fn config(&self) -> Result<Config, Error> {
        let mut config = Config::find(self.config.as_deref()).map_err(Error::input)?;
        config.actions.offline |= self.offline;
        Ok(config)
    }

    /// The same options for another command, in full: what is relative is so to this process's directory.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if self.offline {
            arguments.push("--offline".into());
        }
        if let Some(config) = &self.config {
            arguments.extend(["--config".into(), absolute(config).into_os_string()]);
        }
        if let Some(state) = self.state().root() {
            arguments.extend(["--state".into(), absolute(state).into_os_string()]);
        }
        arguments
    }

    /// What is kept.
    pub fn state(&self) -> State {
        State::locate(self.state.clone())
    }
}
