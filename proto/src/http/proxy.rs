//! The proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`. They are asked for a
//! tunnel (`CONNECT`), also to a forge that goes by `http`.
//! No standard has them; they are read as curl and Go do: <https://curl.se/docs/manpage.html#ENVIRONMENT>,
//! <https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config>.

use std::net::IpAddr;

use ureq::Proxy;

use crate::Instance;

/// What a forge is reached through.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    except: Vec<Exception>,
}

/// A variable that names no proxy.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{variable}` in the environment is no address of a proxy, such as `http://proxy.example.org:3128`")]
pub struct InvalidProxy {
    /// The variable. Its value may hold a password.
    pub variable: &'static str,
}

/// Hosts that are reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    All,
    /// The host itself, unless it began with a dot, and all below it.
    Domain {
        name: String,
        itself: bool,
    },
    Network {
        address: IpAddr,
        bits: u32,
    },
}

impl Proxies {
    /// Those of this process's environment. Names in small letters come first, as with curl.
    pub fn of_environment() -> Result<Proxies, InvalidProxy> {
        Proxies::of_variables(&|name| std::env::var(name).ok())
    }

    /// Those that these variables name.
    pub fn of_variables(variable: &dyn Fn(&str) -> Option<String>) -> Result<Proxies, InvalidProxy> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let proxy = |names: &[&'static str]| {
            names.iter().find_map(|name| Some((*name, set(name)?))).map(|(variable, value)| {
                Proxy::new(value.trim())
                    .ok()
                    .filter(|proxy| !proxy.host().is_empty())
                    .ok_or(InvalidProxy { variable })
            })
        };
        let except = set("no_proxy").or_else(|| set("NO_PROXY")).unwrap_or_default();
        Ok(Proxies {
            https: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]).transpose()?,
            http: proxy(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]).transpose()?,
            except: except.split([',', ' ']).filter_map(|entry| Exception::parse(entry.trim())).collect(),
        })
    }

    /// The one for this forge. This machine itself is never reached through one.
    pub(super) fn of_instance(&self, instance: &Instance) -> Option<&Proxy> {
        let proxy = if instance.is_encrypted() { &self.https } else { &self.http };
        let direct = instance.is_loopback() || self.except.iter().any(|entry| entry.has(instance.host()));
        proxy.as_ref().filter(|_| !direct)
    }
}

impl Exception {
    fn parse(entry: &str) -> Option<Exception> {
        if entry == "*" {
            return Some(Exception::All);
        }
        let (address, bits) = entry.split_once('/').map_or((entry, None), |(a, b)| (a, Some(b)));
        if let Ok(address) = address.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            let all = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(all), |bits| bits.parse().ok().filter(|bits| *bits <= all))?;
            return Some(Exception::Network { address, bits });
        }
        // A port narrows the entry down; without looking at it the direct way is taken more often.
        let name = entry.split(':').next().unwrap_or(entry).to_ascii_lowercase();
        let bare = name.trim_start_matches('*').trim_start_matches('.');
        (!bare.is_empty())
            .then(|| Exception::Domain { name: bare.to_owned(), itself: !name.starts_with(['.', '*']) })
    }

    fn has(&self, host: &str) -> bool {
        match self {
            Exception::All => true,
            Exception::Domain { name, itself } => match host.strip_suffix(name.as_str()) {
                Some("") => *itself,
                Some(above) => above.ends_with('.'),
                None => false,
            },
            Exception::Network { address, bits } => {
                host.parse().is_ok_and(|host| same_network(*address, host, *bits))
            }
        }
    }
}

fn same_network(a: IpAddr, b: IpAddr, bits: u32) -> bool {
    match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros() >= bits,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, InvalidProxy> {
        Proxies::of_variables(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn through(variables: &[(&str, &str)], instance: &str) -> Option<String> {
        let proxies = proxies(variables).unwrap();
        proxies.of_instance(&instance.parse().unwrap()).map(|proxy| proxy.host().to_owned())
    }

    #[test]
    fn the_scheme_decides_which_one() {
        let all = [("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:1"), ("ALL_PROXY", "http://c:1")];
        assert_eq!(through(&all, "https://forge.example.org").as_deref(), Some("a"));
        assert_eq!(through(&all[1..], "https://forge.example.org").as_deref(), Some("b"));
        assert_eq!(through(&all, "http://forge.example.org").as_deref(), Some("c"));
        assert_eq!(through(&all[..2], "http://forge.example.org"), None);
        assert_eq!(through(&all, "https://localhost:3000"), None);
        assert_eq!(through(&[("https_proxy", " ")], "https://forge.example.org"), None);
    }

    #[test]
    fn some_hosts_are_reached_without() {
        for (except, host, direct) in [
            ("*", "a.example.org", true),
            ("example.org", "example.org", true),
            ("example.org", "a.example.org", true),
            ("example.org", "badexample.org", false),
            (".example.org", "example.org", false),
            (".example.org", "a.example.org", true),
            ("*.Example.org:443", "a.example.org", true),
            ("x, 10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.0/0", "11.1.2.3", true),
            ("10.0.0.0/33", "10.0.0.0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "10.1.2.3", false),
            (",.,", "example.org", false),
        ] {
            let variables = [("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", except)];
            assert_eq!(through(&variables, &format!("https://{host}")).is_none(), direct, "{except} {host}");
        }
    }

    #[test]
    fn an_invalid_one_is_refused_without_its_text() {
        let error = proxies(&[("HTTPS_PROXY", "ftp://bob:hunter2@p")]).err().unwrap();
        assert_eq!(error, InvalidProxy { variable: "HTTPS_PROXY" });
        assert!(!error.to_string().contains("hunter2"));
    }
}
