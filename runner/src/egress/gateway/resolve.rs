//! Finding the addresses of names that a job may reach, by the host's name servers. A name is asked for when a
//! connection to it is made, never when the job looks it up: a lookup alone sends nothing anywhere.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use slab::Slab;

use crate::egress::dns::{self, Answer, Kind, MAX_UDP};
use crate::egress::name::Name;

/// How long a name server has for its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often name servers are asked for one name, in turn.
const TRIES: usize = 4;
/// Most name servers, as in the C library.
const MAX_SERVERS: usize = 3;
/// Most bytes of `/etc/hosts`.
const MAX_HOSTS: u64 = 1 << 20;
/// Most addresses of one name.
const MAX_ADDRESSES: usize = 16;
/// An answer is good for as long as it says, but not outside of these.
const TTL: (u64, u64) = (1, 300);
const NO_NAME: u8 = 3;
const DNS_PORT: u16 = 53;

/// Addresses, or why there are none.
pub type Found = Result<Vec<IpAddr>, String>;

/// Asks name servers, and remembers their answers.
#[derive(Debug)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    hosts: HashMap<Name, Vec<IpAddr>>,
    /// Unpredictable numbers, opened while files could be.
    random: File,
    lookups: Slab<Lookup>,
    running: HashMap<Name, usize>,
    known: HashMap<Name, (Found, Instant)>,
}

#[derive(Debug)]
struct Lookup {
    name: Name,
    waiting: Vec<Waiter>,
    socket: UdpSocket,
    id: u16,
    answers: [Option<Answer>; 2],
    tries: usize,
    deadline: Instant,
}

/// Who waits for a name's addresses, by key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A connection.
    Stream(usize),
    /// Datagrams.
    Flow(usize),
}

/// A name whose addresses are known now.
#[derive(Debug)]
pub struct Resolved {
    /// Whose.
    pub name: Name,
    /// Who has waited for it.
    pub waiting: Vec<Waiter>,
    /// What was found.
    pub found: Found,
}

/// What came of asking for a name.
pub enum Asked {
    /// It is known.
    Known(Found),
    /// It is being asked for, by a new socket if there is one: it is to be watched under this key.
    Running(Option<usize>),
}

impl Resolver {
    /// Of this name server, or else as the host is configured. Opens all that it needs.
    pub fn new(server: Option<SocketAddr>) -> io::Result<Resolver> {
        let (servers, hosts) = match server {
            Some(server) => (vec![server], HashMap::new()),
            None => (name_servers(&read("/etc/resolv.conf")), hosts(&read("/etc/hosts"))),
        };
        Ok(Resolver {
            servers,
            hosts,
            random: File::open("/dev/urandom")?,
            lookups: Slab::new(),
            running: HashMap::new(),
            known: HashMap::new(),
        })
    }

    /// Asks for the addresses of a name on somebody's behalf.
    pub fn ask(&mut self, name: &Name, waiter: Waiter, now: Instant) -> Asked {
        if let Some(addresses) = self.hosts.get(name) {
            return Asked::Known(Ok(addresses.clone()));
        }
        match self.known.get(name) {
            Some((found, until)) if *until > now => return Asked::Known(found.clone()),
            Some(_) => drop(self.known.remove(name)),
            None => {}
        }
        if let Some(lookup) = self.running.get(name).and_then(|key| self.lookups.get_mut(*key)) {
            lookup.waiting.push(waiter);
            return Asked::Running(None);
        }
        let sent = self.id().and_then(|id| Ok((self.send(name, id, 0)?, id)));
        let (socket, id) = match sent {
            Ok(sent) => sent,
            Err(e) => return Asked::Known(Err(format!("the name server can't be asked: {e}"))),
        };
        let lookup = Lookup {
            name: name.clone(),
            waiting: vec![waiter],
            socket,
            id,
            answers: [None, None],
            tries: 1,
            deadline: now + PATIENCE,
        };
        let key = self.lookups.insert(lookup);
        self.running.insert(name.clone(), key);
        Asked::Running(Some(key))
    }

    /// The socket of a lookup.
    pub fn socket(&self, key: usize) -> Option<&UdpSocket> {
        self.lookups.get(key).map(|lookup| &lookup.socket)
    }

    /// When a name server has been waited for long enough, at the earliest.
    pub fn deadline(&self) -> Option<Instant> {
        self.lookups.iter().map(|(_, lookup)| lookup.deadline).min()
    }

    /// Reads what has come for a lookup.
    pub fn read(&mut self, key: usize, now: Instant) -> Option<Resolved> {
        let mut message = [0; MAX_UDP];
        let lookup = self.lookups.get_mut(key)?;
        loop {
            match lookup.socket.recv(&mut message) {
                Ok(length) => lookup.take(&message[..length]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                // The server's host says that nobody listens there.
                Err(_) => {
                    lookup.deadline = now;
                    return None;
                }
            }
        }
        let found = lookup.found()?;
        self.end(key, found, now)
    }

    /// Asks again where nobody has answered in time; gives the lookups that come to nothing, and the keys of those
    /// that have a new socket.
    pub fn expire(&mut self, now: Instant) -> (Vec<Resolved>, Vec<usize>) {
        let due: Vec<usize> =
            self.lookups.iter().filter(|(_, lookup)| lookup.deadline <= now).map(|(key, _)| key).collect();
        let (mut ended, mut renewed) = (Vec::new(), Vec::new());
        for key in due {
            // Some servers never answer for the one kind of addresses.
            let half = self.lookups.get(key).and_then(Lookup::half);
            match half.map_or_else(|| self.again(key, now).map(|()| None), |addresses| Ok(Some(addresses))) {
                Ok(None) => renewed.push(key),
                Ok(Some(addresses)) => ended.extend(self.end(key, Ok(addresses), now)),
                Err(why) => ended.extend(self.end(key, Err(why), now)),
            }
        }
        (ended, renewed)
    }

    fn again(&mut self, key: usize, now: Instant) -> Result<(), String> {
        let silent = || "the name server doesn't answer".to_owned();
        let lookup = self.lookups.get(key).ok_or_else(silent)?;
        if lookup.tries >= TRIES {
            return Err(silent());
        }
        let (name, tries) = (lookup.name.clone(), lookup.tries);
        let id = self.id().map_err(|e| e.to_string())?;
        let socket =
            self.send(&name, id, tries).map_err(|e| format!("the name server can't be asked: {e}"))?;
        let lookup = self.lookups.get_mut(key).ok_or_else(silent)?;
        (lookup.socket, lookup.id, lookup.deadline) = (socket, id, now + PATIENCE);
        lookup.answers = [None, None];
        lookup.tries += 1;
        Ok(())
    }

    fn end(&mut self, key: usize, found: Found, now: Instant) -> Option<Resolved> {
        let Lookup { name, waiting, answers, .. } = self.lookups.try_remove(key)?;
        self.running.remove(&name);
        let ttl = answers.iter().flatten().map(|answer| u64::from(answer.ttl)).min().unwrap_or(0);
        let until = now + Duration::from_secs(ttl.clamp(TTL.0, TTL.1));
        self.known.insert(name.clone(), (found.clone(), until));
        Some(Resolved { name, waiting, found })
    }

    fn id(&mut self) -> io::Result<u16> {
        let mut bytes = [0; 2];
        self.random.read_exact(&mut bytes)?;
        Ok(u16::from_ne_bytes(bytes))
    }

    /// Asks one of the servers for both kinds of addresses, from a port that the kernel draws.
    fn send(&self, name: &Name, id: u16, tries: usize) -> io::Result<UdpSocket> {
        let none = || io::Error::other("this host has none");
        let server = self.servers.get(tries % self.servers.len().max(1)).ok_or_else(none)?;
        let own: IpAddr = match server.ip() {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((own, 0))?;
        nix::fcntl::fcntl(&socket, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))?;
        socket.connect(server)?;
        for (offset, kind) in [Kind::Aaaa, Kind::A].into_iter().enumerate() {
            socket.send(&dns::ask(id.wrapping_add(offset as u16), name, kind))?;
        }
        Ok(socket)
    }
}

impl Lookup {
    fn take(&mut self, message: &[u8]) {
        for (offset, kind) in [Kind::Aaaa, Kind::A].into_iter().enumerate() {
            let id = self.id.wrapping_add(offset as u16);
            if let Some(answer) = dns::read_answer(message, id, &self.name, kind) {
                self.answers[offset] = Some(answer);
            }
        }
    }

    /// The addresses of the one kind that is known.
    fn half(&self) -> Option<Vec<IpAddr>> {
        let answer = self.answers.iter().flatten().find(|answer| !answer.addresses.is_empty())?;
        Some(answer.addresses.iter().copied().take(MAX_ADDRESSES).collect())
    }

    /// What both answers say once they are there. Kinds of addresses take turns, IPv6 first: RFC 8305, section 4.
    fn found(&mut self) -> Option<Found> {
        let [Some(v6), Some(v4)] = &self.answers else { return None };
        let mut addresses = Vec::new();
        for n in 0..v6.addresses.len().max(v4.addresses.len()) {
            addresses.extend(v6.addresses.get(n).into_iter().chain(v4.addresses.get(n)).copied());
        }
        addresses.truncate(MAX_ADDRESSES);
        Some(match (v6.code, v4.code) {
            _ if !addresses.is_empty() => Ok(addresses),
            (0, 0) => Err("it has no address".to_owned()),
            (NO_NAME, _) | (_, NO_NAME) => Err("there is no such name".to_owned()),
            (0, code) | (code, _) => Err(format!("the name server answers with code {code}")),
        })
    }
}

fn read(path: impl AsRef<Path>) -> String {
    let mut text = String::new();
    // What can't be read says nothing.
    let _ = File::open(path).and_then(|file| file.take(MAX_HOSTS).read_to_string(&mut text));
    text
}

/// The name servers of `resolv.conf(5)`; as in the C library, the host itself where it names none.
fn name_servers(text: &str) -> Vec<SocketAddr> {
    let server = |line: &str| {
        let address = line.strip_prefix("nameserver")?.split_whitespace().next()?;
        Some(SocketAddr::new(address.parse().ok()?, DNS_PORT))
    };
    let servers: Vec<SocketAddr> = text.lines().filter_map(server).take(MAX_SERVERS).collect();
    if servers.is_empty() { vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), DNS_PORT)] } else { servers }
}

/// The names of `hosts(5)`.
fn hosts(text: &str) -> HashMap<Name, Vec<IpAddr>> {
    let mut hosts: HashMap<Name, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
        for name in words.filter_map(|word| Name::parse(word).ok()) {
            hosts.entry(name).or_default().push(address);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_own_configuration_is_read() {
        let servers = name_servers("search a\nnameserver 192.0.2.1\n nameserver x\nnameserver ::1 # one\n");
        assert_eq!(servers, ["192.0.2.1:53".parse().unwrap(), "[::1]:53".parse::<SocketAddr>().unwrap()]);
        assert_eq!(name_servers(""), ["127.0.0.1:53".parse().unwrap()]);
        let hosts = hosts("# a\n192.0.2.7 a.test B.test # c.test\nnonsense d.test\n::1 a.test\n");
        let of = |name: &str| hosts.get(&Name::parse(name).unwrap()).map(Vec::len);
        assert_eq!((of("a.test"), of("b.test"), of("c.test"), of("d.test")), (Some(2), Some(1), None, None));
    }
}
