//! The proxy by which a gateway reaches names, where the host has no other way to the internet: HTTP's CONNECT
//! (RFC 9110, section 9.3.6) or SOCKS 5 (RFC 1928, with names and passwords of RFC 1929). The proxy is told the name, and
//! finds its addresses itself. What it answers is read byte by byte: what follows belongs to the job.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::name::Name;
use super::rule::{Kind, Rule};
use crate::base64::base64;
use crate::mask::Secret;

/// Largest answer of a proxy to CONNECT, in bytes.
const MAX_ANSWER: usize = 16 << 10;
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
    /// Where its `user:password` is.
    credentials: Option<PathBuf>,
    /// Names that are reached without it.
    except: Vec<String>,
}

/// What is spoken with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Protocol {
    Http,
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
    /// Reads `http://HOST:PORT` or `socks5://HOST:PORT`.
    pub fn new(address: &str, credentials: Option<PathBuf>, except: Vec<String>) -> Result<Proxy, String> {
        let wrong = |what: &str| format!("`proxy`: {what}");
        let (kind, rest) = match address.split_once("://") {
            Some(("http", rest)) => (Protocol::Http, rest),
            Some(("socks5" | "socks5h", rest)) => (Protocol::Socks5, rest),
            _ => return Err(wrong("it begins with http:// or socks5://")),
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
        if let Some(path) = credentials.as_ref().filter(|path| !path.is_absolute()) {
            return Err(format!("`proxy-credentials`: `{}` is not an absolute path", path.display()));
        }
        let proxy = Proxy { kind, host, port, credentials, except };
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
        self.credentials.is_some()
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
        let Some(path) = &self.credentials else { return Ok(None) };
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

/// What is said to a proxy, cleared when it is over.
pub type Words = Zeroizing<Vec<u8>>;

/// Asks a proxy for a connection.
pub struct Handshake {
    stage: Stage,
    /// What it has answered at this stage.
    read: Vec<u8>,
    name: Name,
    port: u16,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The answer to CONNECT.
    Connect,
    /// How it wants to know who asks.
    Method,
    /// Whether it knows who asks.
    Password,
    /// Whether there is a connection.
    Reply,
}

/// What comes next.
pub enum Next {
    /// More of its answer.
    More,
    /// This is to be said.
    Say(Words),
    /// There is a connection; what comes now is the server's.
    Connected,
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl Handshake {
    /// What is said first.
    pub fn start(
        proxy: &Proxy,
        credentials: Option<&Credentials>,
        name: &Name,
        port: u16,
    ) -> (Handshake, Words) {
        let (stage, words) = match proxy.kind {
            Protocol::Http => {
                let mut words = Zeroizing::new(Vec::with_capacity(2048));
                let target = format!("CONNECT {name}:{port} HTTP/1.1\r\nHost: {name}:{port}\r\n");
                words.extend_from_slice(target.as_bytes());
                if let Some(credentials) = credentials {
                    let encoded = Zeroizing::new(base64(credentials.expose().as_bytes()));
                    words.extend_from_slice(b"Proxy-Authorization: Basic ");
                    words.extend_from_slice(encoded.as_bytes());
                    words.extend_from_slice(b"\r\n");
                }
                words.extend_from_slice(b"\r\n");
                (Stage::Connect, words)
            }
            // Version 5; the methods are "none", and "user and password" where there are any.
            Protocol::Socks5 if credentials.is_some() => (Stage::Method, Zeroizing::new(vec![5, 2, 0, 2])),
            Protocol::Socks5 => (Stage::Method, Zeroizing::new(vec![5, 1, 0])),
        };
        let (name, credentials) = (name.clone(), credentials.cloned());
        (Handshake { stage, read: Vec::new(), name, port, credentials }, words)
    }

    /// Takes what the proxy answers: how many bytes of it, and what comes next.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Next), String> {
        for (at, byte) in bytes.iter().enumerate() {
            self.read.push(*byte);
            if self.read.len() > MAX_ANSWER {
                return Err("the proxy's answer has no end".to_owned());
            }
            if self.is_whole() {
                let next = self.answered()?;
                self.read.clear();
                return Ok((at + 1, next));
            }
        }
        Ok((bytes.len(), Next::More))
    }

    /// Whether a refusal is about the name that was asked for, so that the proxy has taken who asks.
    pub fn is_about_the_name(&self) -> bool {
        match self.stage {
            Stage::Connect => code(&self.read).is_some_and(|code| code != UNKNOWN),
            Stage::Method | Stage::Password => false,
            Stage::Reply => self.read.first() == Some(&5),
        }
    }

    fn is_whole(&self) -> bool {
        let read = &self.read;
        match self.stage {
            Stage::Connect => read.ends_with(b"\r\n\r\n") || read.ends_with(b"\n\n"),
            Stage::Method | Stage::Password => read.len() == 2,
            Stage::Reply => read.len() >= 5 && read.len() == 6 + address_length(read[3], read[4]),
        }
    }

    fn answered(&mut self) -> Result<Next, String> {
        match (self.stage, &self.read[..]) {
            (Stage::Connect, answer) => connected(answer).map(|()| Next::Connected),
            (Stage::Method, [5, 0]) => Ok(self.request()),
            (Stage::Method, [5, 2]) => match &self.credentials {
                Some(credentials) => {
                    let (user, password) = credentials.expose().split_once(':').unwrap_or_default();
                    let mut words = Zeroizing::new(Vec::with_capacity(3 + 2 * MAX_CREDENTIAL));
                    words.push(1);
                    for part in [user, password] {
                        words.push(part.len() as u8);
                        words.extend_from_slice(part.as_bytes());
                    }
                    self.stage = Stage::Password;
                    Ok(Next::Say(words))
                }
                None => {
                    Err("the proxy wants a user and a password, and has none: `proxy-credentials`".into())
                }
            },
            (Stage::Method, [5, _]) => Err(match self.credentials {
                Some(_) => "the proxy takes neither a user with a password nor nobody".into(),
                None => "the proxy wants to know who asks: `proxy-credentials`".into(),
            }),
            (Stage::Password, [_, 0]) => Ok(self.request()),
            (Stage::Password, _) => Err("the proxy doesn't take its user and password".into()),
            (Stage::Reply, [5, 0, _, 1 | 3 | 4, ..]) => Ok(Next::Connected),
            (Stage::Reply, [5, code, ..]) if *code != 0 => {
                Err(format!("the proxy answers: {}", reply(*code)))
            }
            _ => Err("the proxy doesn't speak SOCKS 5".into()),
        }
    }

    /// CONNECT to a name.
    fn request(&mut self) -> Next {
        self.stage = Stage::Reply;
        let name = self.name.as_str().as_bytes();
        let mut words = vec![5, 1, 0, 3, name.len() as u8];
        words.extend_from_slice(name);
        words.extend(self.port.to_be_bytes());
        Next::Say(Zeroizing::new(words))
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        // A proxy may say back what it was told.
        self.read.zeroize();
    }
}

/// Length of an address in a reply of SOCKS, less the byte that a name's length takes.
fn address_length(kind: u8, first: u8) -> usize {
    match kind {
        1 => 4,
        3 => usize::from(first) + 1,
        4 => 16,
        // None; the answer is over, and isn't understood.
        _ => 0,
    }
}

/// Whether CONNECT has succeeded. Nothing of the answer is told but its code.
fn connected(answer: &[u8]) -> Result<(), String> {
    match code(answer) {
        Some(200..=299) => Ok(()),
        Some(UNKNOWN) => {
            Err("the proxy doesn't take its credentials, or wants some (407): `proxy-credentials`".into())
        }
        Some(code) => Err(format!("the proxy answers with code {code}")),
        None => Err("the proxy doesn't speak HTTP/1".into()),
    }
}

/// The code of an answer of HTTP.
fn code(answer: &[u8]) -> Option<u16> {
    let rest = answer.strip_prefix(b"HTTP/1.0 ").or_else(|| answer.strip_prefix(b"HTTP/1.1 "))?;
    let (code, rest) = rest.split_first_chunk::<3>()?;
    let ends = rest.first().is_some_and(|next| b" \r\n".contains(next));
    std::str::from_utf8(code).ok().filter(|_| ends)?.parse::<u16>().ok()
}

/// Proxy Authentication Required: RFC 9110, section 15.5.8.
const UNKNOWN: u16 = 407;

/// RFC 1928, section 6.
fn reply(code: u8) -> String {
    match code {
        1 => "it has failed".into(),
        2 => "its rules don't allow it".into(),
        3 => "the network can't be reached".into(),
        4 => "the host can't be reached".into(),
        5 => "the connection was refused".into(),
        6 => "it took too long".into(),
        7 => "it knows no CONNECT".into(),
        8 => "it takes no names".into(),
        code => format!("code {code}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(address: &str) -> Result<Proxy, String> {
        Proxy::new(address, None, Vec::new())
    }

    /// What is said, given what is answered, byte by byte; and what is left for the job.
    fn talk(
        address: &str,
        credentials: Option<&str>,
        answers: &[u8],
    ) -> (Vec<Vec<u8>>, Result<Vec<u8>, String>) {
        let credentials = credentials.map(|text| Credentials::parse(text).unwrap());
        let name = Name::parse("a.test").unwrap();
        let (mut handshake, first) =
            Handshake::start(&proxy(address).unwrap(), credentials.as_ref(), &name, 443);
        let (mut said, mut at) = (vec![first.to_vec()], 0);
        loop {
            match handshake.take(&answers[at..]) {
                Ok((taken, Next::Say(words))) => {
                    at += taken;
                    said.push(words.to_vec());
                }
                Ok((taken, Next::Connected)) => return (said, Ok(answers[at + taken..].to_vec())),
                Ok((_, Next::More)) => return (said, Err("more".to_owned())),
                Err(why) => return (said, Err(why)),
            }
        }
    }

    #[test]
    fn a_proxy_has_a_host_and_a_port_and_no_password() {
        let of = |address: &str| proxy(address).map(|proxy| (proxy.host, proxy.port));
        let name = Host::Name(Name::parse("proxy.test").unwrap());
        assert_eq!(of("http://proxy.test:3128"), Ok((name.clone(), 3128)));
        assert_eq!(of("socks5://proxy.test:1080/"), Ok((name, 1080)));
        assert_eq!(of("http://[fd00::1]:80"), Ok((Host::Address("fd00::1".parse().unwrap()), 80)));
        for (address, what) in [
            ("proxy.test:80", "it begins with http:// or socks5://"),
            ("https://proxy.test:80", "it begins with http:// or socks5://"),
            ("http://proxy.test", "it ends with a port"),
            ("http://proxy.test:0", "a port is a number"),
            ("http://user:word@proxy.test:80", "`proxy-credentials`"),
            ("http://proxy.test:80/path", "a port is a number"),
            ("http://a..b:80", "a label between dots is empty"),
        ] {
            let error = proxy(address).unwrap_err();
            assert!(error.contains(what) && !error.contains("word@"), "{address}: {error}");
        }
        let with = |except: &str| Proxy::new("http://a:1", Some("file".into()), vec![except.to_owned()]);
        assert!(with("a.test").unwrap_err().contains("not an absolute path"));
        let except = |text: &str| Proxy::new("http://a:1", None, vec![text.to_owned()]);
        assert!(except("*.b.test").is_ok() && except("10.0.0.0/8").unwrap_err().contains("is an address"));
    }

    #[test]
    fn connect_is_asked_for_and_what_follows_is_left_to_the_job() {
        let (said, left) =
            talk("http://p.test:1", Some("me:my:word"), b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nSSH-2.0");
        let request = "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\
                       Proxy-Authorization: Basic bWU6bXk6d29yZA==\r\n\r\n";
        assert_eq!((said, left), (vec![request.into()], Ok(b"SSH-2.0".to_vec())));
        for (answer, why) in [
            (&b"HTTP/1.1 407 who\r\n\r\n"[..], "the proxy doesn't take its credentials"),
            (b"HTTP/1.0 503\r\n\r\n", "the proxy answers with code 503"),
            (b"HTTP/1.1 2000 x\r\n\r\n", "the proxy doesn't speak HTTP/1"),
            (b"SSH-2.0-x\n\n", "the proxy doesn't speak HTTP/1"),
            (b"HTTP/1.1 200 OK\r\n", "more"),
        ] {
            let told = talk("http://p.test:1", None, answer).1.unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
        let told = talk("http://p.test:1", None, &b"a".repeat(MAX_ANSWER + 1)).1.unwrap_err();
        assert_eq!(told, "the proxy's answer has no end");
    }

    #[test]
    fn socks_is_told_the_name_and_asked_for_with_a_password() {
        let request = b"\x05\x01\x00\x03\x06a.test\x01\xbb".to_vec();
        let answers = b"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x50rest";
        let (said, left) = talk("socks5://p.test:1", None, answers);
        assert_eq!((said, left), (vec![vec![5, 1, 0], request.clone()], Ok(b"rest".to_vec())));
        let answers = b"\x05\x02\x01\x00\x05\x00\x00\x03\x02ab\x00\x50rest";
        let (said, left) = talk("socks5://p.test:1", Some("me:word"), answers);
        let password = b"\x01\x02me\x04word".to_vec();
        assert_eq!((said, left), (vec![vec![5, 2, 0, 2], password, request], Ok(b"rest".to_vec())));
        for (credentials, answer, why) in [
            (None, &b"\x05\xff"[..], "the proxy wants to know who asks"),
            (None, b"\x05\x02", "the proxy wants a user and a password"),
            (Some("a:b"), b"\x05\xff", "the proxy takes neither"),
            (Some("a:b"), b"\x05\x02\x01\x01", "the proxy doesn't take its user and password"),
            (None, b"\x05\x00\x05\x02\x00\x01\0\0\0\0\0\0", "the proxy answers: its rules don't allow it"),
            (None, b"HT", "the proxy doesn't speak SOCKS 5"),
            (None, b"\x05\x00\x05\x00\x00\x02\0\0", "the proxy doesn't speak SOCKS 5"),
            (None, b"\x05\x00\x05\x00\x00\x04\0\0", "more"),
        ] {
            let told = talk("socks5://p.test:1", credentials, answer).1.unwrap_err();
            assert!(told.starts_with(why), "{told}");
        }
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
