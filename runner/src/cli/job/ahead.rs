//! What a job's process makes ready before it has an order: the configuration, the tools, a sandbox.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use palisade_sandbox::Spare;

use super::super::run::tools;
use super::super::setting::Setting;
use crate::action::source::Address;
use crate::config::Config;
use crate::egress::Network;
use crate::job::Early;
use crate::toolchain::Tools;

/// How old it may be: what is installed or mounted on the host meanwhile, a job is to find.
const FRESH: Duration = Duration::from_mins(1);

/// What is ready.
pub struct Ahead {
    pub config: Config,
    pub tools: Tools,
    /// None where it can't be started: the job's own start will tell why.
    pub early: Option<Early>,
    /// What the configuration was read from, and where what is relative in it starts.
    text: String,
    base: PathBuf,
}

impl Ahead {
    /// Makes ready, and anew as time passes, until something comes from the pipe. None where there is no valid
    /// configuration, of which the job will tell.
    pub fn until_asked(
        pipe: &File,
        setting: &Setting,
        forge: Option<&str>,
        spare: Option<Spare>,
    ) -> Option<Ahead> {
        let mut ahead = Ahead::make(setting, forge, spare);
        loop {
            let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, PollTimeout::try_from(FRESH).unwrap_or(PollTimeout::MAX)) {
                Ok(0) => {
                    // One ends before the next begins.
                    drop(ahead.take());
                    ahead = Ahead::make(setting, forge, None);
                }
                Err(Errno::EINTR) => {}
                _ => return ahead,
            }
        }
    }

    fn make(setting: &Setting, forge: Option<&str>, spare: Option<Spare>) -> Option<Ahead> {
        let base = std::env::current_dir().ok()?;
        let (config, text) = setting.config_with_text().ok()?;
        let tools = tools(&config);
        let network = network(&config, forge);
        let early = Early::start(spare, config.sandbox.spec(), &tools, &network).ok();
        Some(Ahead { config, tools, early, text, base })
    }

    /// Whether it is what would be made now, for a job whose paths start from `base`.
    pub fn is_as_configured(&self, setting: &Setting, base: &Path) -> bool {
        self.base == base && setting.text().is_some_and(|text| text == self.text)
    }
}

/// What a job reaches: one of a forge, or of this host's own where there is none.
pub fn network(config: &Config, forge: Option<&str>) -> Network {
    let Config { network, actions, .. } = config;
    match forge {
        Some(server) => network.of_forge(server, actions.named().map(Address::as_str)),
        None => network.of_host(),
    }
}
