//! The options about the network that `run` and `sandbox` share.

use std::net::SocketAddr;

use super::error::Error;
use crate::egress::presets;
use crate::egress::rule::Scope;
use crate::egress::{Configured, Mode, Network, parse_resolver};

/// What can be reached.
#[derive(clap::Args)]
pub struct NetworkArgs {
    /// What can be reached [default: none, or allow where --allow or --preset is given]
    #[arg(long, value_name = "MODE", value_enum)]
    net: Option<Mode>,
    /// A name that can be reached, over HTTP and HTTPS unless ports are given: NAME, *.NAME, NAME:PORT,
    /// NAME:FIRST-LAST, NAME:PORT/opaque, NAME:PORT/udp; or a network that names may lead to: ADDRESS/LENGTH (repeatable)
    #[arg(long, value_name = "RULE")]
    allow: Vec<String>,
    /// The names of a package registry or forge, such as crates, npm, pypi, debian, github (repeatable)
    #[arg(long, value_name = "NAME")]
    preset: Vec<String>,
    /// Name server to ask for allowed names, instead of the host's
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = parse_resolver)]
    resolver: Option<SocketAddr>,
    /// Don't put on record which process it was; then no call of the job waits to be seen
    #[arg(long)]
    no_attribution: bool,
}

impl NetworkArgs {
    /// What they come to, over what is configured.
    pub fn decide(&self, configured: &Configured) -> Result<Network, Error> {
        let gives_rules = !self.allow.is_empty() || !self.preset.is_empty();
        let mode = match self.net {
            Some(mode) => mode,
            None if gives_rules && matches!(configured.mode, None | Some(Mode::None)) => Mode::Allow,
            None => configured.of_host().mode,
        };
        if gives_rules && mode.scope().is_none() {
            return Err(Error::input("--allow and --preset need --net allow or --net audit"));
        }
        if let Some(why) = presets::among(&self.allow) {
            return Err(Error::input(format!("--allow: {why}; presets come by `--preset`")));
        }
        let mut settings = configured.settings.clone();
        settings.allow.extend(self.allow.iter().cloned());
        for preset in &self.preset {
            settings.add_preset(preset).map_err(|e| Error::input(format!("--preset: {e}")))?;
        }
        settings.resolver = self.resolver.or(settings.resolver);
        settings.attribution &= !self.no_attribution;
        settings.policy(Scope::Allowed).map_err(|e| Error::input(format!("--allow: {e}")))?;
        let Configured { on_refused, steps, .. } = configured;
        Ok(Network { mode, on_refused: *on_refused, settings, steps: steps.clone() })
    }
}
