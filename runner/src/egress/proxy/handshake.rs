//! How a proxy is asked for a name, whatever carries the words: CONNECT, or SOCKS 5.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::{Credentials, MAX_CREDENTIAL, Protocol, Proxy};
use crate::base64::base64;
use crate::egress::name::Name;

/// Largest answer of a proxy to CONNECT, in bytes.
const MAX_ANSWER: usize = 16 << 10;

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
            Protocol::Http | Protocol::Https => {
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
    use crate::egress::proxy::Files;

    /// What is said, given what is answered, byte by byte; and what is left for the job.
    fn talk(
        address: &str,
        credentials: Option<&str>,
        answers: &[u8],
    ) -> (Vec<Vec<u8>>, Result<Vec<u8>, String>) {
        let credentials = credentials.map(|text| Credentials::parse(text).unwrap());
        let proxy = Proxy::new(address, Files::default(), Vec::new()).unwrap();
        let name = Name::parse("a.test").unwrap();
        let (mut handshake, first) = Handshake::start(&proxy, credentials.as_ref(), &name, 443);
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
}
