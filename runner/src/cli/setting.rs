//! The options of every command that uses what is configured and kept: `--config`, `--state`, `--offline`; and of those that
//! use the daemon's own queue.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

use super::error::{Blame, Error};
use crate::config::Config;
use crate::queue::client::{self, ClientError};
use crate::queue::wire::{Answer, Request};
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
    /// Of a command that reads no configuration.
    pub fn without_config(state: Option<PathBuf>, offline: bool) -> Setting {
        Setting { offline, config: None, state }
    }

    /// The configuration, with what the options decide.
    pub fn config(&self) -> Result<Config, Error> {
        self.config_with_text().map(|(config, _)| config)
    }

    /// The same with the file's text, which is empty where there is none.
    pub fn config_with_text(&self) -> Result<(Config, String), Error> {
        let (mut config, text) = Config::find_with_text(self.config.as_deref()).map_err(Error::input)?;
        config.actions.offline |= self.offline;
        Ok((config, text))
    }

    /// The file's text alone; none where it can't be read.
    pub fn text(&self) -> Option<String> {
        Config::find_text(self.config.as_deref()).ok()
    }

    /// The same options for another command, with the configuration from another file, in full: what is relative is so
    /// to this process's directory.
    pub fn arguments(&self, config: Option<&Path>) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if self.offline {
            arguments.push("--offline".into());
        }
        if let Some(config) = config {
            arguments.extend(["--config".into(), absolute(config).into_os_string()]);
        }
        if let Some(state) = self.state().root() {
            arguments.extend(["--state".into(), absolute(state).into_os_string()]);
        }
        arguments
    }

    /// Those of the options that were given, for a command that another user may start.
    pub fn arguments_given(&self) -> Vec<OsString> {
        let absolute =
            |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).into_os_string();
        let config = self.config.iter().flat_map(|path| ["--config".into(), absolute(path)]);
        config.chain(self.state.iter().flat_map(|path| ["--state".into(), absolute(path)])).collect()
    }

    /// What is kept.
    pub fn state(&self) -> State {
        State::locate(self.state.clone())
    }

    /// What is kept, for a command that changes it: where that belongs to the user of a service, root is that user from
    /// here on, so that the service can read what the command leaves.
    pub fn state_as_owner(&self) -> Result<State, Error> {
        let state = self.state();
        let owner = state.root().and_then(|root| std::fs::metadata(root).ok());
        if let Some(owner) = owner.filter(|owner| geteuid().is_root() && owner.uid() != 0) {
            setgroups(&[])
                .and_then(|()| setgid(Gid::from_raw(owner.gid())))
                .and_then(|()| setuid(Uid::from_raw(owner.uid())))
                .map_err(|e| {
                    let why = format!("cannot become user {}, whose state this is: {e}", owner.uid());
                    Error::new(Blame::Isolation, why)
                })?;
        }
        Ok(state)
    }
}

/// Where a command finds the daemon's own queue.
#[derive(clap::Args)]
pub struct QueueSetting {
    /// The daemon's socket [default: `local.socket` of the configuration, or that in the state directory, or
    /// /run/palisade/socket]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl QueueSetting {
    /// Asks the daemon.
    pub fn ask(&self, setting: &Setting, request: &Request, bundle: Option<File>) -> Result<Asking, Error> {
        let named = match &self.socket {
            Some(path) => Some(path.clone()),
            None => setting.config()?.local.socket,
        };
        let mut places = client::places(self.socket.as_deref(), &setting.state());
        if self.socket.is_none() {
            // One that is shared is the last resort of whoever has a daemon of their own.
            places.extend(named);
        }
        client::ask(&places, request, bundle).map(Asking).map_err(unreachable)
    }
}

/// A question to the daemon that was asked.
pub struct Asking(client::Asked);

impl Asking {
    /// The next answer, where it isn't that it can't be done.
    pub fn next(&mut self) -> Result<Option<Answer>, Error> {
        match self.0.hear().map_err(unreachable)? {
            Some(Answer::Invalid(why)) => Err(Error::input(why)),
            Some(Answer::Failed(why)) => Err(Error::new(Blame::Forge, why)),
            Some(Answer::Refused(why)) => Err(Error::new(Blame::Policy, why)),
            answer => Ok(answer),
        }
    }

    /// The only answer.
    pub fn answer(&mut self) -> Result<Answer, Error> {
        self.next()?.ok_or_else(|| {
            Error::new(Blame::Forge, "the daemon broke off without an answer")
                .hint("`palisade jobs` tells what became of it")
        })
    }
}

/// An answer to something else.
pub fn nonsense() -> Error {
    Error::new(Blame::Forge, "the daemon answers what wasn't asked: is it of another version?")
}

fn unreachable(error: ClientError) -> Error {
    match &error {
        ClientError::NoDaemon(_) => Error::new(Blame::Forge, &error).hint("start one with `palisade daemon`"),
        ClientError::NotAllowed(_) => Error::new(Blame::Policy, &error)
            .hint("root, the daemon's user and members of the group `palisade` may"),
        ClientError::Broken(_) => Error::new(Blame::Forge, &error),
    }
}
