//! Rules: what a job may reach. A rule is a text such as `example.com`, `*.example.com:8000-8010`,
//! `git.example.com:22/opaque` or `10.0.0.0/8`; `docs/egress.md` has the syntax.

use std::cmp::Reverse;
use std::fmt;
use std::net::IpAddr;

use super::address::{Cidr, check_public, is_private};
use super::name::Name;
use super::narrow;

/// Ports of a rule that names none and allows: HTTP and HTTPS.
pub const WEB: [u16; 2] = [80, 443];
/// Most ports in one rule: each is a socket for each name.
const MAX_PORTS: u16 = 64;
/// Longest rule in bytes.
const MAX_RULE: usize = 512;

/// What a list of rules is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What may be reached. Without ports, those of the web.
    Allow,
    /// The same, and where it names a name, this may lead to addresses of a private network.
    Private,
    /// What may not. Without ports, all.
    Deny,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    text: String,
    target: Target,
    ports: Ports,
    opaque: bool,
    udp: bool,
    private: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// This name.
    Name(Name),
    /// All names below.
    Below(Name),
    /// Addresses that names may turn out to have.
    Addresses(Cidr),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ports {
    All,
    Web,
    Range(u16, u16),
}

impl Ports {
    fn contains(self, port: u16) -> bool {
        match self {
            Ports::All => true,
            Ports::Web => WEB.contains(&port),
            Ports::Range(first, last) => (first..=last).contains(&port),
        }
    }
}

/// Why a text is no rule, and where it goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("rule `{rule}`, column {column}: {what}")]
pub struct RuleError {
    /// The text.
    pub rule: String,
    /// Where, from 1.
    pub column: usize,
    /// What is wrong.
    pub what: String,
}

impl Rule {
    /// Reads a rule.
    pub fn parse(text: &str, kind: Kind) -> Result<Rule, RuleError> {
        let fail = |at: usize, what: String| {
            let column = text.get(..at).map_or(at, |before| before.chars().count()) + 1;
            let rule = text.chars().take(80).collect::<String>().escape_debug().to_string();
            Err(RuleError { rule, column, what })
        };
        if text.len() > MAX_RULE {
            return fail(MAX_RULE, format!("a rule has at most {MAX_RULE} bytes"));
        }
        let (target, rest) = match target(text) {
            Ok(parts) => parts,
            Err((at, what)) => return fail(at, what),
        };
        let mut at = text.len() - rest.len();
        let (ports, opaque) = match rest.split_once('/') {
            None => (rest, None),
            Some((ports, flag)) => (ports, Some(flag)),
        };
        let ports = match ports.strip_prefix(':') {
            None if ports.is_empty() && kind != Kind::Deny && !matches!(target, Target::Addresses(_)) => {
                Ports::Web
            }
            None if ports.is_empty() => Ports::All,
            None => return fail(at, "`:` and a port, or the rule's end, is expected here".into()),
            Some(range) => {
                at += 1;
                match parse_ports(range) {
                    Ok(ports) => ports,
                    Err((offset, what)) => return fail(at + offset, what),
                }
            }
        };
        at = text.len() - opaque.map_or(0, str::len);
        let (opaque, udp) = match (opaque, kind) {
            (None, _) => (false, false),
            (Some(_), Kind::Deny) => {
                return fail(at, "nothing may follow the ports of what is denied".into());
            }
            (Some(flag @ ("opaque" | "udp")), _) if matches!(target, Target::Addresses(_)) => {
                return fail(at, format!("`/{flag}` belongs to a rule with a name"));
            }
            (Some(flag @ ("opaque" | "udp")), _) if ports == Ports::Web => {
                return fail(at, format!("`/{flag}` needs a port before it, as in `NAME:22/{flag}`"));
            }
            (Some("opaque"), _) => (true, false),
            (Some("udp"), _) => (false, true),
            (Some(_), _) => return fail(at, "only `/opaque` or `/udp` may stand here".into()),
        };
        Ok(Rule { text: text.to_owned(), target, ports, opaque, udp, private: kind == Kind::Private })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is about names, not about addresses.
    pub fn is_of_names(&self) -> bool {
        !matches!(self.target, Target::Addresses(_))
    }

    /// Whether it is about a port of a name.
    pub fn is_about(&self, name: &Name, port: u16) -> bool {
        self.matches(name) && self.ports.contains(port)
    }

    /// Whether anything may be spoken.
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    fn matches(&self, name: &Name) -> bool {
        match &self.target {
            Target::Name(own) => own == name,
            Target::Below(top) => name.is_below(top),
            Target::Addresses(_) => false,
        }
    }

    /// The ports that it names, or those of the web.
    fn named_ports(&self) -> Vec<u16> {
        match self.ports {
            Ports::Range(first, last) => (first..=last).collect(),
            Ports::Web | Ports::All => WEB.to_vec(),
        }
    }

    /// The more specific come first.
    fn rank(&self) -> (bool, Reverse<usize>) {
        match &self.target {
            Target::Name(_) => (false, Reverse(0)),
            Target::Below(top) => (true, Reverse(top.labels())),
            Target::Addresses(_) => (true, Reverse(0)),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

type Failed = (usize, String);

/// The target at the beginning of a rule, and the rest.
fn target(text: &str) -> Result<(Target, &str), Failed> {
    if let Some(inner) = text.strip_prefix('[') {
        let (address, rest) = inner.split_once(']').ok_or((text.len(), "`]` is missing".to_owned()))?;
        let cidr = Cidr::parse(address).map_err(|what| (1, what))?;
        return Ok((Target::Addresses(cidr), rest));
    }
    // More than one colon: an IPv6 address without brackets has no port.
    if text.bytes().filter(|b| *b == b':').count() > 1 {
        let cidr = Cidr::parse(text).map_err(|what| {
            (0, format!("{what}; an IPv6 address with a port is written `[ADDRESS]:PORT`"))
        })?;
        return Ok((Target::Addresses(cidr), ""));
    }
    let (host, rest) = text.split_at(text.find([':', '/']).unwrap_or(text.len()));
    if host.parse::<IpAddr>().is_ok() {
        let length =
            rest.strip_prefix('/').map_or(0, |rest| 1 + rest.bytes().take_while(u8::is_ascii_digit).count());
        let end = host.len() + length;
        let cidr = Cidr::parse(&text[..end]).map_err(|what| (0, what))?;
        return Ok((Target::Addresses(cidr), &text[end..]));
    }
    if let Some(top) = host.strip_prefix("*.") {
        let top = Name::parse(top).map_err(|e| (e.at + 2, e.what.to_owned()))?;
        if top.labels() < 2 {
            return Err((2, "a wildcard stands below two labels at least, as in `*.example.com`".into()));
        }
        return Ok((Target::Below(top), rest));
    }
    if let Some(star) = host.find('*') {
        return Err((star, "`*` may only be the whole first label, as in `*.example.com`".into()));
    }
    if rest.starts_with("://") {
        return Err((host.len(), "a rule has a name alone, without `https://` and without a path".into()));
    }
    let name = Name::parse(host).map_err(|e| (e.at, e.what.to_owned()))?;
    Ok((Target::Name(name), rest))
}

fn parse_ports(text: &str) -> Result<Ports, Failed> {
    let port = |text: &str, at: usize| match text.parse::<u16>() {
        Ok(port) if port > 0 && text.bytes().all(|b| b.is_ascii_digit()) => Ok(port),
        _ => Err((at, "a port is a number from 1 to 65535".to_owned())),
    };
    let Some((first, last)) = text.split_once('-') else {
        return port(text, 0).map(|port| Ports::Range(port, port));
    };
    let at = first.len() + 1;
    let (first, last) = (port(first, 0)?, port(last, at)?);
    if last < first {
        return Err((at, "the last port of a range isn't below the first".into()));
    }
    if last - first >= MAX_PORTS {
        return Err((at, format!("a range has at most {MAX_PORTS} ports")));
    }
    Ok(Ports::Range(first, last))
}

/// Which names are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Those that a rule allows.
    Allowed,
    /// All that have a public address, on the ports of [`AUDIT`]; for finding out what a job needs.
    Every,
}

/// Ports that [`Scope::Every`] opens besides those of rules, and whether anything may be spoken there.
pub const AUDIT: [(u16, bool); 6] =
    [(80, false), (443, false), (8080, false), (8443, false), (22, true), (9418, true)];

/// Ports of protocols that begin with neither TLS nor HTTP, as IANA's registry of services has them or their projects' own
/// documentation: FTP, SSH, telnet, SMTP, POP, IMAP, LDAP, submission, rsync, SQL Server, Oracle, MQTT, ZooKeeper, MySQL,
/// Subversion, NATS, PostgreSQL, AMQP, Redis, Cassandra, Kafka, git, memcached, MongoDB.
pub const NOT_WEB: [u16; 24] = [
    21, 22, 23, 25, 110, 143, 389, 587, 873, 1433, 1521, 1883, 2181, 3306, 3690, 4222, 5432, 5672, 6379,
    9042, 9092, 9418, 11211, 27017,
];

/// How a name or a connection stands with the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Let through.
    Allowed(Grant<'a>),
    /// This rule denies it.
    Denied(&'a Rule),
    /// The runner allows it, and the workflow leaves it out.
    LeftOut,
    /// No rule allows it.
    Unknown,
}

/// Why something is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The closest rule; `None` where every name is let through.
    pub rule: Option<&'a Rule>,
    /// What is spoken isn't looked at.
    pub opaque: bool,
}

/// All the rules of a gateway.
#[derive(Clone, Debug)]
pub struct Policy {
    scope: Scope,
    allow: Vec<Rule>,
    deny: Vec<Rule>,
    /// Lists of which each must have what is let through.
    within: Vec<Vec<Rule>>,
}

impl Policy {
    /// Puts rules together. The closest of each kind is looked at first.
    pub fn new(scope: Scope, mut allow: Vec<Rule>, mut deny: Vec<Rule>) -> Policy {
        allow.sort_by_key(Rule::rank);
        deny.sort_by_key(Rule::rank);
        Policy { scope, allow, deny, within: Vec::new() }
    }

    /// Allows more.
    pub fn and(self, mut more: Vec<Rule>) -> Policy {
        more.extend(self.allow);
        more.sort_by_key(Rule::rank);
        Policy { allow: more, ..self }
    }

    /// Allows other names, which may lead to the same addresses.
    pub fn with_names(mut self, mut names: Vec<Rule>) -> Policy {
        for rule in &mut names {
            rule.private = self.allow.iter().any(|own| own.private && own.target == rule.target);
        }
        self.allow.retain(|rule| !rule.is_of_names());
        self.and(names)
    }

    /// Takes away what a list doesn't have.
    pub fn within(mut self, mut list: Vec<Rule>) -> Policy {
        list.sort_by_key(Rule::rank);
        self.within.push(list);
        self
    }

    /// What the workflow leaves of what is let through.
    fn narrowed<'a>(&'a self, grant: Grant<'a>, about: impl Fn(&Rule) -> bool) -> Decision<'a> {
        narrow::left(&self.within, grant, about).map_or(Decision::LeftOut, Decision::Allowed)
    }

    /// Whether all is let through that a rule has. One without ports is about either port of the web.
    pub fn covers(&self, rule: &Rule) -> bool {
        let of_port = |name: &Name, port: u16| match rule.udp {
            true => matches!(self.of_udp(name, port), Decision::Allowed(_)),
            false => match self.of_port(name, port) {
                Decision::Allowed(grant) => grant.opaque || !rule.opaque,
                _ => false,
            },
        };
        match (&rule.target, rule.ports) {
            (Target::Name(name), Ports::Range(first, last)) => (first..=last).all(|port| of_port(name, port)),
            (Target::Name(name), _) => WEB.into_iter().any(|port| of_port(name, port)),
            // Whatever the names below have in common; what is denied of them is taken away as well.
            (Target::Below(top), ports) => {
                let probe = |port: u16| {
                    let has = |own: &&Rule| {
                        let below = matches!(&own.target, Target::Below(t) if t == top || top.is_below(t));
                        below && own.udp == rule.udp && own.ports.contains(port)
                    };
                    let closest = |list: &Vec<Rule>| list.iter().find(has).map(|own| own.opaque);
                    let audited = AUDIT
                        .into_iter()
                        .find(|(known, _)| *known == port && self.scope == Scope::Every && !rule.udp);
                    let all = closest(&self.allow).or(audited.map(|(_, opaque)| opaque));
                    let lists = std::iter::once(all).chain(self.within.iter().map(closest));
                    lists.into_iter().all(|opaque| opaque.is_some_and(|opaque| opaque || !rule.opaque))
                };
                match ports {
                    Ports::Range(first, last) => (first..=last).all(probe),
                    Ports::Web | Ports::All => WEB.into_iter().any(probe),
                }
            }
            (Target::Addresses(_), _) => false,
        }
    }

    /// Whether a name may be looked up at all: whether some port of it may be reached.
    pub fn of_name(&self, name: &Name) -> Decision<'_> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.matches(name) && rule.ports == Ports::All) {
            return Decision::Denied(rule);
        }
        match (self.allow.iter().find(|rule| rule.matches(name)), self.scope) {
            (Some(rule), _) => {
                self.narrowed(Grant { rule: Some(rule), opaque: rule.opaque }, |own| own.matches(name))
            }
            // A name of one label is known to nobody but the host's own network.
            (None, Scope::Every) if name.labels() > 1 => {
                self.narrowed(Grant { rule: None, opaque: false }, |own| own.matches(name))
            }
            (None, _) => Decision::Unknown,
        }
    }

    /// Whether a port of a name may be reached over UDP: only where a rule says so.
    pub fn of_udp(&self, name: &Name, port: u16) -> Decision<'_> {
        let about = |rule: &&Rule| rule.matches(name) && rule.ports.contains(port);
        let allow = || self.allow.iter().filter(|rule| rule.udp).find(about);
        match (self.deny.iter().find(about), allow()) {
            (Some(rule), _) => Decision::Denied(rule),
            (None, None) => Decision::Unknown,
            (None, Some(rule)) => {
                let grant = Grant { rule: Some(rule), opaque: rule.opaque };
                self.narrowed(grant, |own| own.udp && about(&own))
            }
        }
    }

    /// The ports of a name that may be reached over UDP.
    pub fn udp_ports(&self, name: &Name) -> Vec<u16> {
        let rules = self.allow.iter().filter(|rule| rule.udp && rule.matches(name));
        let mut ports: Vec<u16> = rules.flat_map(Rule::named_ports).collect();
        ports.sort_unstable();
        ports.dedup();
        ports.retain(|port| matches!(self.of_udp(name, *port), Decision::Allowed(_)));
        ports
    }

    /// Whether a port of a name may be reached over TCP.
    pub fn of_port(&self, name: &Name, port: u16) -> Decision<'_> {
        let about = |rule: &&Rule| !rule.udp && rule.matches(name) && rule.ports.contains(port);
        if let Some(rule) = self.deny.iter().find(about) {
            return Decision::Denied(rule);
        }
        let audited = AUDIT.iter().find(|(known, _)| *known == port);
        let grant = match (self.allow.iter().find(about), self.scope, audited) {
            (Some(rule), _, _) => Grant { rule: Some(rule), opaque: rule.opaque },
            (None, Scope::Every, Some((_, opaque))) => Grant { rule: None, opaque: *opaque },
            _ => return Decision::Unknown,
        };
        self.narrowed(grant, |own| about(&own))
    }

    /// The ports of a name that may be reached over TCP.
    pub fn ports(&self, name: &Name) -> Vec<u16> {
        let rules = self.allow.iter().filter(|rule| !rule.udp && rule.matches(name));
        let mut ports: Vec<u16> = rules.flat_map(Rule::named_ports).collect();
        if self.scope == Scope::Every {
            ports.extend(AUDIT.map(|(port, _)| port));
        }
        ports.sort_unstable();
        ports.dedup();
        ports.retain(|port| matches!(self.of_port(name, *port), Decision::Allowed(_)));
        ports
    }

    /// Whether the rule that lets a name through is a wildcard, so that a job could make up names below it.
    pub fn is_exact(&self, name: &Name) -> bool {
        self.allow.iter().any(|rule| matches!(&rule.target, Target::Name(own) if own == name))
    }

    /// Whether a name's address may be connected to: no rule denies it, and it is public, or a rule has it, or it is of a
    /// private network and the name may lead to one. Gives the reason where it may not.
    pub fn check_address(&self, name: &Name, address: IpAddr, port: u16) -> Result<(), AddressRefused> {
        let has = |rule: &&Rule| {
            matches!(&rule.target, Target::Addresses(cidr) if cidr.contains(address))
                && rule.ports.contains(port)
        };
        if let Some(rule) = self.deny.iter().find(has) {
            return Err(AddressRefused::Denied(rule.text.clone()));
        }
        if self.allow.iter().any(|rule| has(&rule)) {
            return Ok(());
        }
        if is_private(address) && self.is_private(name, port) {
            return Ok(());
        }
        check_public(address).map_err(AddressRefused::Special)
    }

    /// Whether a name may lead to a private network.
    pub fn is_private(&self, name: &Name, port: u16) -> bool {
        self.allow.iter().any(|rule| rule.private && rule.is_about(name, port))
    }

    /// Whether a rule has this address, so that it may be the host's own.
    pub fn names_address(&self, address: IpAddr) -> bool {
        self.allow
            .iter()
            .any(|rule| matches!(&rule.target, Target::Addresses(cidr) if cidr.contains(address)))
    }
}

/// Why an address that a name has isn't connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// A rule is against it.
    #[error("rule `{0}` denies it")]
    Denied(String),
    /// It isn't of the internet.
    #[error("it is {0}")]
    Special(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(scope: Scope, allow: &[&str], deny: &[&str]) -> Policy {
        let all = |texts: &[&str], kind| texts.iter().map(|t| Rule::parse(t, kind).unwrap()).collect();
        Policy::new(scope, all(allow, Kind::Allow), all(deny, Kind::Deny))
    }

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn show(decision: Decision<'_>) -> String {
        match decision {
            Decision::Allowed(Grant { rule, opaque }) => {
                format!(
                    "{}{}",
                    rule.map_or("every", |rule| rule.text()),
                    if opaque { " (opaque)" } else { "" }
                )
            }
            Decision::Denied(rule) => format!("denied by {rule}"),
            Decision::LeftOut => "left out".into(),
            Decision::Unknown => "unknown".into(),
        }
    }

    #[test]
    fn the_closest_rule_decides_and_denial_beats_leave() {
        let policy = policy(
            Scope::Allowed,
            &["*.example.com", "*.eu.example.com:8000-8002", "git.eu.example.com:22/opaque", "one.test"],
            &["evil.example.com", "*.example.com:8001"],
        );
        let of = |text: &str, port| show(policy.of_port(&name(text), port));
        assert_eq!(of("a.example.com", 443), "*.example.com");
        assert_eq!(of("a.eu.example.com", 8000), "*.eu.example.com:8000-8002");
        assert_eq!(of("a.eu.example.com", 8001), "denied by *.example.com:8001");
        assert_eq!(of("git.eu.example.com", 22), "git.eu.example.com:22/opaque (opaque)");
        assert_eq!(of("evil.example.com", 443), "denied by evil.example.com");
        assert_eq!(of("example.com", 443), "unknown");
        assert_eq!(of("one.test", 8080), "unknown");
        assert_eq!(policy.ports(&name("git.eu.example.com")), [22, 80, 443, 8000, 8002]);
        assert_eq!(show(policy.of_name(&name("evil.example.com"))), "denied by evil.example.com");
        assert!(policy.is_exact(&name("one.test")) && !policy.is_exact(&name("a.example.com")));
    }

    #[test]
    fn audit_lets_every_name_through_but_those_of_one_label() {
        let policy = policy(Scope::Every, &["db.test:5432/opaque"], &["*.corp.test"]);
        let of = |text: &str, port| show(policy.of_port(&name(text), port));
        assert_eq!(of("any.example", 443), "every");
        assert_eq!(of("any.example", 22), "every (opaque)");
        assert_eq!(of("any.example", 25), "unknown");
        assert_eq!(of("a.corp.test", 443), "denied by *.corp.test");
        assert_eq!(of("db.test", 5432), "db.test:5432/opaque (opaque)");
        assert_eq!(show(policy.of_name(&name("localhost"))), "unknown");
    }

    #[test]
    fn only_rules_with_addresses_open_the_host_s_own_network() {
        let policy = policy(Scope::Allowed, &["10.1.0.0/16:5432", "fd00::/8"], &["93.184.216.0/24"]);
        let check = |text: &str, port| policy.check_address(&name("any.test"), text.parse().unwrap(), port);
        assert_eq!(check("10.1.2.3", 5432), Ok(()));
        assert!(check("10.1.2.3", 443).is_err() && check("10.2.0.1", 5432).is_err());
        assert_eq!(check("fd12::1", 443), Ok(()));
        assert_eq!(check("8.8.8.8", 443), Ok(()));
        assert_eq!(check("93.184.216.34", 443), Err(AddressRefused::Denied("93.184.216.0/24".into())));
    }

    #[test]
    fn only_the_name_that_may_leads_to_a_private_network_and_never_to_the_host_or_metadata() {
        let own = Rule::parse("git.test:3000", Kind::Private).unwrap();
        let other = Rule::parse("other.test:3000", Kind::Allow).unwrap();
        let denied = Rule::parse("10.9.0.0/16", Kind::Deny).unwrap();
        let policy = Policy::new(Scope::Allowed, vec![other, own], vec![denied]);
        let may = |of: &str, address: &str, port| {
            policy.check_address(&name(of), address.parse().unwrap(), port).is_ok()
        };
        for address in ["10.1.2.3", "172.31.0.1", "192.168.1.1", "fd12::1", "8.8.8.8"] {
            assert!(may("git.test", address, 3000), "{address}");
        }
        for address in ["10.1.2.3", "fd12::1"] {
            assert!(!may("other.test", address, 3000) && !may("a.git.test", address, 3000), "{address}");
            assert!(!may("git.test", address, 3001), "{address}");
        }
        for address in [
            "10.9.0.1",
            "127.0.0.1",
            "::1",
            "0.0.0.0",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "198.18.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "fd70:616c:6973::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "64:ff9b::a01:203",
            "2002:a01:203::1",
        ] {
            assert!(!may("git.test", address, 3000), "{address}");
        }
    }

    #[test]
    fn what_is_no_rule_is_told_with_its_place() {
        let column = |text: &str| Rule::parse(text, Kind::Allow).unwrap_err().column;
        for (text, at) in [
            ("", 1),
            ("a..b", 3),
            ("ex*mple.com", 3),
            ("*.com", 3),
            ("*", 1),
            ("example.com:", 13),
            ("example.com:0", 13),
            ("example.com:+80", 13),
            ("example.com:80-", 16),
            ("example.com:90-80", 16),
            ("example.com:1-65535", 15),
            ("example.com/udp", 13),
            ("10.0.0.1:53/udp", 13),
            ("example.com:443/tcp", 17),
            ("example.com/opaque", 13),
            ("example.com:443/", 17),
            ("10.0.0.0/33", 1),
            ("10.0.0.1/8", 1),
            ("10.0.0.0/8x", 11),
            ("[fd00::1", 9),
            ("fd00::1:443x", 1),
            ("bücher.example", 2),
            ("https://example.com", 6),
        ] {
            assert_eq!(column(text), at, "{text}: {}", Rule::parse(text, Kind::Allow).unwrap_err());
        }
        let error = Rule::parse("a b\u{1b}[2J", Kind::Allow).unwrap_err().to_string();
        assert!(!error.contains('\u{1b}'), "{error}");
        assert!(Rule::parse("example.com:22/opaque", Kind::Deny).is_err());
        assert!(Rule::parse("example.com:22/udp", Kind::Deny).is_err());
    }

    #[test]
    fn datagrams_need_a_rule_of_their_own_and_denial_is_for_both() {
        let policy = policy(
            Scope::Every,
            &["a.test:443", "a.test:443/udp", "*.a.test:5000-5001/udp", "b.test"],
            &["*.a.test:5001"],
        );
        let of = |text: &str, port| show(policy.of_udp(&name(text), port));
        assert_eq!(of("a.test", 443), "a.test:443/udp");
        assert_eq!(of("b.test", 443), "unknown");
        assert_eq!(of("any.example", 443), "unknown");
        assert_eq!(of("x.a.test", 5001), "denied by *.a.test:5001");
        assert_eq!(policy.udp_ports(&name("x.a.test")), [5000]);
        assert_eq!(show(policy.of_port(&name("x.a.test"), 5000)), "unknown");
        assert_eq!(show(policy.of_port(&name("a.test"), 443)), "a.test:443");
    }
}
