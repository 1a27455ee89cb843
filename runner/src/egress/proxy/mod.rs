//! The proxy by which a gateway reaches names, where the host has no other way to the internet: HTTP's CONNECT
//! (RFC 9110, section 9.3.6), in clear or within TLS, or SOCKS 5 (RFC 1928, with names and passwords of RFC 1929). The proxy is
//! told the name, and finds its addresses itself. What it answers is read byte by byte: what follows belongs to the job.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::name::Name;
use super::rule::{Kind, Rule};
use crate::mask::Secret;

pub use handshake::{Handshake, Next, Words};
pub use tls::{Tls, why};

mod handshake;
mod tls;

/// Longest user and longest password, as SOCKS has it.
const MAX_CREDENTIAL: usize = 255;
/// Most bytes of a file with credentials.
const MAX_FILE: u64 = 1024;

/// A proxy as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    kind: Protocol,
    host: Host,
    port: u16,
    files: Files,
    /// Names that are reached without it.
    except: Vec<String>,
}

/// Files of this host's that belong to a proxy, by absolute paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Its `user:password`.
    pub credentials: Option<PathBuf>,
    /// Certificates in PEM, of which one must vouch for it, beside those that the system trusts.
    pub ca: Option<PathBuf>,
}

/// What is spoken with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Protocol {
    Http,
    /// HTTP within TLS.
    Https,
    Socks5,
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Host {
    /// By its address.
    Address(IpAddr),
    /// By its name.
    Name(Name),
}

/// As it stands in an address.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Host::Address(address) => address.fmt(f),
            Host::Name(name) => f.write_str(name.as_str()),
        }
    }
}

/// A user and a password, with a colon between.
#[derive(Clone, Debug)]
pub struct Credentials(Secret);

impl Proxy {
    /// Reads `http://HOST:PORT`, `https://HOST:PORT` or `socks5://HOST:PORT`.
    pub fn new(address: &str, files: Files, except: Vec<String>) -> Result<Proxy, String> {
        let wrong = |what: &str| format!("`proxy`: {what}");
        let (kind, rest) = match address.split_once("://") {
            Some(("http", rest)) => (Protocol::Http, rest),
            Some(("https", rest)) => (Protocol::Https, rest),
            Some(("socks5" | "socks5h", rest)) => (Protocol::Socks5, rest),
            _ => return Err(wrong("it begins with http://, https:// or socks5://")),
        };
        if rest.contains('@') {
            return Err(wrong(
                "a user and a password stand in a file that only the runner's user can read: `proxy-credentials`",
            ));
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) =
            rest.rsplit_once(':').ok_or_else(|| wrong("it ends with a port, as in http://HOST:3128"))?;
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| wrong("a port is a number from 1 to 65535"))?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare.unwrap_or(host).parse::<IpAddr>() {
            Ok(address) if bare.is_some() == address.is_ipv6() => Host::Address(address),
            _ => Host::Name(Name::parse(host).map_err(|e| wrong(e.what))?),
        };
        for (key, path) in [("proxy-credentials", &files.credentials), ("proxy-ca-file", &files.ca)] {
            if let Some(path) = path.as_ref().filter(|path| !path.is_absolute()) {
                return Err(format!("`{key}`: `{}` is not an absolute path", path.display()));
            }
        }
        if files.ca.is_some() && kind != Protocol::Https {
            return Err("`proxy-ca-file` needs a `proxy` that begins with https://".to_owned());
        }
        let proxy = Proxy { kind, host, port, files, except };
        proxy.exceptions()?;
        Ok(proxy)
    }

    /// Where it is.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// At which port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it has credentials.
    pub fn has_credentials(&self) -> bool {
        self.files.credentials.is_some()
    }

    /// Whether it is spoken with within TLS.
    pub fn is_encrypted(&self) -> bool {
        self.kind == Protocol::Https
    }

    /// Names that are reached without it.
    pub fn exceptions(&self) -> Result<Vec<Rule>, String> {
        let read = |text: &String| match Rule::parse(text, Kind::Deny) {
            Ok(rule) if rule.is_of_names() => Ok(rule),
            Ok(rule) => Err(format!("`proxy-except`: `{rule}` is an address; a proxy is told names")),
            Err(error) => Err(format!("`proxy-except`: {error}")),
        };
        self.except.iter().map(read).collect()
    }

    /// Reads its credentials, where it has any.
    pub fn credentials(&self) -> io::Result<Option<Credentials>> {
        let Some(path) = &self.files.credentials else { return Ok(None) };
        let told = |e: io::Error| io::Error::new(e.kind(), format!("`{}`: {e}", path.display()));
        let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
        let mut read = || {
            let file = File::open(path)?;
            // As for secrets of jobs: a group may read what root has given it, or the service manager.
            if file.metadata()?.mode() & 0o027 != 0 {
                let why = "others can read or change it; take that away with `chmod 640`";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            file.take(MAX_FILE).read_to_string(&mut text)
        };
        read().map_err(told)?;
        Credentials::parse(text.trim_end_matches(['\r', '\n'])).map(Some).map_err(told)
    }
}

impl Credentials {
    /// Reads `user:password`.
    pub fn parse(text: &str) -> io::Result<Credentials> {
        let plain = |part: &str| {
            (1..=MAX_CREDENTIAL).contains(&part.len()) && !part.contains(|c: char| c.is_control())
        };
        match text.split_once(':') {
            Some((user, password)) if plain(user) && plain(password) => {
                Ok(Credentials(Secret::new(text.to_owned())))
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it has one line, `user:password`, each of 1 to {MAX_CREDENTIAL} bytes"),
            )),
        }
    }

    /// For handing them to the gateway.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(address: &str) -> Result<Proxy, String> {
        Proxy::new(address, Files::default(), Vec::new())
    }

    #[test]
    fn a_proxy_has_a_host_and_a_port_and_no_password() {
        let of = |address: &str| proxy(address).map(|proxy| (proxy.host, proxy.port));
        let name = Host::Name(Name::parse("proxy.test").unwrap());
        assert_eq!(of("http://proxy.test:3128"), Ok((name.clone(), 3128)));
        assert_eq!(of("socks5://proxy.test:1080/"), Ok((name, 1080)));
        assert_eq!(of("http://[fd00::1]:80"), Ok((Host::Address("fd00::1".parse().unwrap()), 80)));
        for (address, what) in [
            ("proxy.test:80", "it begins with http://, https:// or socks5://"),
            ("ftp://proxy.test:80", "it begins with http://, https:// or socks5://"),
            ("http://proxy.test", "it ends with a port"),
            ("http://proxy.test:0", "a port is a number"),
            ("http://user:word@proxy.test:80", "`proxy-credentials`"),
            ("http://proxy.test:80/path", "a port is a number"),
            ("http://a..b:80", "a label between dots is empty"),
        ] {
            let error = proxy(address).unwrap_err();
            assert!(error.contains(what) && !error.contains("word@"), "{address}: {error}");
        }
        let with = |address: &str, credentials: Option<&str>, ca: Option<&str>| {
            let files = Files { credentials: credentials.map(Into::into), ca: ca.map(Into::into) };
            Proxy::new(address, files, Vec::new()).map(|proxy| proxy.is_encrypted())
        };
        assert!(
            with("http://a:1", Some("file"), None).unwrap_err().contains("`file` is not an absolute path")
        );
        assert!(
            with("https://a:1", None, Some("ca.pem"))
                .unwrap_err()
                .contains("`proxy-ca-file`: `ca.pem` is not")
        );
        assert!(with("socks5://a:1", None, Some("/ca.pem")).unwrap_err().contains("begins with https://"));
        assert_eq!(with("https://a:1", Some("/file"), Some("/ca.pem")), Ok(true));
        let except = |text: &str| Proxy::new("http://a:1", Files::default(), vec![text.to_owned()]);
        assert!(except("*.b.test").is_ok() && except("10.0.0.0/8").unwrap_err().contains("is an address"));
    }

    #[test]
    fn credentials_are_a_user_and_a_password() {
        for bad in ["", "user", ":word", "user:", "user:a\nb", &format!("{}:b", "a".repeat(256))] {
            let error = Credentials::parse(bad).unwrap_err().to_string();
            assert!(error.starts_with("it has one line, `user:password`"), "{error}");
        }
        assert_eq!(format!("{:?}", Credentials::parse("user:word").unwrap()), "Credentials(Secret(***))");
    }
}
