//! What a job of a forge reaches where the configuration doesn't say by which way: its forge, where the configuration
//! has actions come from, and what its rules name.

use palisade_proto::Instance;

use super::name::Name;
use super::settings::{Configured, Mode, Network};

impl Configured {
    /// What a job of a forge reaches: where no mode is configured, `allow` with the forge and these sources of actions, all
    /// by their addresses, besides the configured rules. The forge's name may lead to a private network: the administrator
    /// has registered it by this name. What has no name, or is the host itself, can't be reached by one.
    pub fn of_forge<'a>(&self, forge: &str, sources: impl Iterator<Item = &'a str>) -> Network {
        let mut network = self.of_host();
        if self.mode.is_some() {
            return network;
        }
        network.settings.private.extend(rule_of(forge));
        network.settings.allow.extend(sources.filter_map(rule_of));
        if !network.settings.private.is_empty() || !network.settings.allow.is_empty() {
            network.mode = Mode::Allow;
        }
        network
    }
}

/// The rule for the name and port of a forge's address; none where it has no name, or is the host itself.
pub fn rule_of(address: &str) -> Option<String> {
    let instance: Instance = address.parse().ok()?;
    let name = Name::parse(instance.host()).ok().filter(|_| !instance.is_loopback())?;
    Some(format!("{name}:{}", instance.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::rule::Scope;

    fn decided(toml: &str, forge: &str, sources: &[&str]) -> Network {
        let configured: Configured = toml::from_str(toml).unwrap();
        let network = configured.of_forge(forge, sources.iter().copied());
        network.settings.policy(Scope::Allowed).unwrap();
        network
    }

    #[test]
    fn a_job_reaches_its_forge_and_the_sources_of_actions() {
        let network = decided("", "https://Git.example.com/sub", &["http://mirror.test:8080/x"]);
        assert_eq!(network.mode, Mode::Allow);
        assert_eq!(network.settings.private, ["git.example.com:443"]);
        assert_eq!(network.settings.allow, ["mirror.test:8080"]);
        let network = decided("allow = ['a.test']", "http://git.test:3000", &[]);
        assert_eq!((network.mode, &network.settings.allow[..]), (Mode::Allow, &["a.test".to_owned()][..]));
    }

    #[test]
    fn a_mode_that_is_configured_stands_alone() {
        for (toml, mode) in [("mode = 'none'", Mode::None), ("mode = 'allow'", Mode::Allow)] {
            let network = decided(toml, "http://git.test:3000", &["https://mirror.test"]);
            assert_eq!(network.mode, mode);
            assert!(network.settings.private.is_empty() && network.settings.allow.is_empty());
        }
    }

    #[test]
    fn what_no_name_leads_to_needs_no_gateway() {
        for forge in
            ["http://10.0.0.5:3000", "http://[fd00::5]", "http://localhost:3000", "http://a.localhost"]
        {
            let network = decided("", forge, &[]);
            assert_eq!(network.mode, Mode::None, "{forge}");
            assert_eq!(decided("", forge, &["https://a.test"]).settings.private, Vec::<String>::new());
        }
    }
}
