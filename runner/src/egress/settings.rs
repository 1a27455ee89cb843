//! What a gateway is told: which rules, which resolver, which limits. From configuration and command line, checked
//! once; the gateway gets it as JSON.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::gateway::Quota;
use super::of_step::StepTables;
use super::presets;
use super::proxy::{Files, Proxy};
use super::rule::{Kind, Policy, Rule, RuleError, Scope};
use crate::limits::Size;

/// Port of name servers.
const DNS_PORT: u16 = 53;

/// What jobs can reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// A loopback of their own
    #[default]
    None,
    /// Names that --allow and --preset name; everything else is refused and recorded
    Allow,
    /// Every public name; all of it is recorded
    Audit,
    /// The host's network; the layer reports `off`
    Host,
}

impl Mode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::None => "none",
            Mode::Allow => "allow",
            Mode::Audit => "audit",
            Mode::Host => "host",
        }
    }

    /// Which names a gateway lets through; none where there is no gateway.
    pub fn scope(self) -> Option<Scope> {
        match self {
            Mode::Allow => Some(Scope::Allowed),
            Mode::Audit => Some(Scope::Every),
            Mode::None | Mode::Host => None,
        }
    }
}

impl From<Mode> for palisade_sandbox::Network {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::None => palisade_sandbox::Network::None,
            Mode::Allow => palisade_sandbox::Network::Allow,
            Mode::Audit => palisade_sandbox::Network::Audit,
            Mode::Host => palisade_sandbox::Network::Host,
        }
    }
}

/// Rules, resolver and limits of a gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What may be reached, as written.
    pub allow: Vec<String>,
    /// The same, for names that may lead to addresses of a private network too.
    pub private: Vec<String>,
    /// What may not, as written.
    pub deny: Vec<String>,
    /// Who answers the gateway's own questions, instead of the host's name servers.
    pub resolver: Option<SocketAddr>,
    /// How many names below one wildcard a job may ask for: each could carry a message in its labels.
    pub names_per_wildcard: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Bytes and connections in sum.
    pub quota: Quota,
    /// By what names are reached, if not by the host's own network.
    pub proxy: Option<Proxy>,
    /// Which process it was is on record.
    pub attribution: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            allow: Vec::new(),
            private: Vec::new(),
            deny: Vec::new(),
            resolver: None,
            names_per_wildcard: 100,
            connections: 8192,
            quota: Quota::default(),
            proxy: None,
            attribution: true,
        }
    }
}

impl Settings {
    /// Adds the rules of a preset to what may be reached.
    pub fn add_preset(&mut self, name: &str) -> Result<(), String> {
        let rules = presets::find(name)?.rules;
        self.allow.extend(rules.iter().map(|rule| (*rule).to_owned()));
        Ok(())
    }

    /// The rules, read.
    pub fn policy(&self, scope: Scope) -> Result<Policy, RuleError> {
        let read = |rules: &[String], kind| -> Result<Vec<Rule>, RuleError> {
            rules.iter().map(|rule| Rule::parse(rule, kind)).collect()
        };
        let mut allow = read(&self.private, Kind::Private)?;
        allow.extend(read(&self.allow, Kind::Allow)?);
        Ok(Policy::new(scope, allow, read(&self.deny, Kind::Deny)?))
    }
}

/// Reads a name server's address, with or without its port.
pub fn parse_resolver(text: &str) -> Result<SocketAddr, String> {
    text.parse::<SocketAddr>()
        .or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT)))
        .map_err(|_| "a name server is an address, perhaps with a port: 192.0.2.1 or 192.0.2.1:53".to_owned())
}

/// What a job can reach.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// By which way.
    pub mode: Mode,
    /// What becomes of a job that was refused something.
    pub on_refused: OnRefused,
    /// What its gateway is told.
    pub settings: Settings,
    /// Rules for some steps.
    pub steps: StepTables,
}

impl Network {
    /// By what its gateway reaches names, where it has one.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.settings.proxy.as_ref().filter(|_| self.mode.scope().is_some())
    }
}

/// `[network]` of the configuration: what jobs can reach.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, try_from = "Table")]
pub struct Configured {
    /// Unless the command line says so. Where neither does, it depends on where a job is from:
    /// [`of_host`](Self::of_host), [`of_forge`](Self::of_forge).
    pub mode: Option<Mode>,
    /// What becomes of a job that was refused something.
    pub on_refused: OnRefused,
    /// What gateways are told.
    pub settings: Settings,
    /// Rules for some steps.
    pub steps: StepTables,
}

impl Configured {
    /// What a job of this host's own reaches: nothing, unless the configuration says so.
    pub fn of_host(&self) -> Network {
        let Configured { mode, on_refused, settings, steps } = self.clone();
        Network { mode: mode.unwrap_or_default(), on_refused, settings, steps }
    }
}

/// What becomes of a job that was refused something, if its steps make nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnRefused {
    /// It is warned of.
    #[default]
    Warn,
    /// The job fails.
    Fail,
}

/// `[network]` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Table {
    mode: Option<Mode>,
    on_refused: OnRefused,
    presets: Vec<String>,
    allow: Vec<String>,
    deny: Vec<String>,
    resolver: Option<String>,
    names_per_wildcard: usize,
    connections: usize,
    connections_per_minute: Option<u32>,
    max_sent: Option<Size>,
    max_received: Option<Size>,
    max_sent_to_name: Option<Size>,
    max_received_from_name: Option<Size>,
    proxy: Option<String>,
    proxy_credentials: Option<PathBuf>,
    proxy_ca_file: Option<PathBuf>,
    proxy_except: Vec<String>,
    attribution: bool,
    step: StepTables,
}

impl Default for Table {
    fn default() -> Self {
        let Settings { allow, deny, names_per_wildcard, connections, attribution, .. } = Settings::default();
        Table {
            mode: None,
            on_refused: OnRefused::default(),
            presets: Vec::new(),
            allow,
            deny,
            resolver: None,
            names_per_wildcard,
            connections,
            connections_per_minute: None,
            max_sent: None,
            max_received: None,
            max_sent_to_name: None,
            max_received_from_name: None,
            proxy: None,
            proxy_credentials: None,
            proxy_ca_file: None,
            proxy_except: Vec::new(),
            attribution,
            step: StepTables::default(),
        }
    }
}

impl TryFrom<Table> for Configured {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let Table {
            mode,
            on_refused,
            presets,
            allow,
            deny,
            resolver,
            names_per_wildcard,
            connections,
            connections_per_minute,
            max_sent,
            max_received,
            max_sent_to_name,
            max_received_from_name,
            proxy,
            proxy_credentials,
            proxy_ca_file,
            proxy_except,
            attribution,
            step: steps,
        } = table;
        let bytes = |size: Option<Size>| size.map(|Size(bytes)| bytes);
        let quota = Quota {
            sent: bytes(max_sent),
            received: bytes(max_received),
            sent_to_name: bytes(max_sent_to_name),
            received_from_name: bytes(max_received_from_name),
            connections_per_minute,
        };
        let proxy = match proxy {
            Some(address) => {
                let files = Files { credentials: proxy_credentials, ca: proxy_ca_file };
                Some(Proxy::new(&address, files, proxy_except)?)
            }
            None if proxy_credentials.is_some() || proxy_ca_file.is_some() || !proxy_except.is_empty() => {
                return Err("`proxy-credentials`, `proxy-ca-file` and `proxy-except` need `proxy`".to_owned());
            }
            None => None,
        };
        if let Some(why) = presets::among(&allow) {
            return Err(format!("`allow`: {why}; presets stand in `presets`"));
        }
        let resolver = resolver.map(|text| parse_resolver(&text)).transpose()?;
        let mut settings = Settings {
            allow,
            deny,
            resolver,
            names_per_wildcard,
            connections,
            quota,
            proxy,
            attribution,
            ..Settings::default()
        };
        for preset in &presets {
            settings.add_preset(preset)?;
        }
        settings.policy(Scope::Allowed).map_err(|e| e.to_string())?;
        Ok(Configured { mode, on_refused, settings, steps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolver_has_the_usual_port_unless_it_says_so() {
        assert_eq!(parse_resolver("192.0.2.1"), Ok("192.0.2.1:53".parse().unwrap()));
        assert_eq!(parse_resolver("[::1]:5353"), Ok("[::1]:5353".parse().unwrap()));
        assert_eq!(parse_resolver("::1"), Ok("[::1]:53".parse().unwrap()));
        assert!(parse_resolver("dns.example").is_err());
    }

    #[test]
    fn what_the_documentation_shows_is_understood() {
        let documentation = include_str!("../../../docs/egress.md");
        // Configuration, also what an audit prints, with its comments taken in; rules of the table, each of its list.
        let mut tables = 0;
        for block in documentation
            .split("\n```")
            .filter(|block| block.contains("[network]\n") || block.starts_with("toml\n"))
        {
            let text = block.split_once('\n').unwrap().1.replace("  # \"", "  \"");
            let config: crate::config::Config =
                toml::from_str(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
            assert!(config.network != Configured::default(), "{text}");
            tables += 1;
        }
        assert_eq!(tables, 2);
        let rows =
            documentation.split_once("| rule | what it is |\n").unwrap().1.split("\n\n").next().unwrap();
        let rules: Vec<&str> = rows
            .lines()
            .filter_map(|row| row.split(" | ").next())
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        assert!(rules.len() > 8, "{rules:?}");
        for rule in rules {
            Rule::parse(rule, Kind::Allow).unwrap();
        }
        for list in documentation.split("PALISADE_EGRESS: \"").skip(1) {
            crate::egress::narrow::Narrowing::parse(list.split('"').next().unwrap()).unwrap();
        }
    }

    #[test]
    fn limits_a_proxy_and_rules_of_steps_are_read() {
        let read = |text: &str| toml::from_str::<Configured>(text).map_err(|e| e.message().to_owned());
        let network = read(
            "max-sent = '1K'\nmax-received-from-name = '2K'\nconnections-per-minute = 3\n\
             proxy = 'http://proxy.test:3128'\nproxy-credentials = '/etc/palisade/proxy'\nproxy-except = ['*.b.test']\n\
             [[step]]\nfor = [{ local = true, owner = 'a' }]\npresets = ['crates']\n",
        )
        .unwrap();
        let quota = Quota {
            sent: Some(1024),
            received_from_name: Some(2048),
            connections_per_minute: Some(3),
            ..Quota::default()
        };
        assert_eq!(network.settings.quota, quota);
        assert_eq!(network.settings.proxy.as_ref().map(Proxy::port), Some(3128));
        assert!(!network.steps.is_empty());
        assert!(network.of_host().proxy().is_none(), "a job without a network has none");
        for (text, wrong) in [
            ("max-sent = 'much'", "is not a size"),
            ("proxy-except = ['a.test']", "need `proxy`"),
            ("proxy = 'proxy.test:80'", "`proxy`: it begins with"),
            ("[[step]]\nfor = []\nonly = true", "`for` says of which jobs"),
        ] {
            assert!(read(text).unwrap_err().contains(wrong), "{text}: {:?}", read(text));
        }
    }
}
