//! The job's name server: names that rules allow have an address of their own, every other one is none, and nobody else is
//! asked.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{MsgFlags, SockFlag, SockaddrStorage, accept4, recv, recvfrom, send, sendto};
use palisade_sandbox::{Inlet, Transport};

use super::names::NoAddress;
use super::serve::{Gateway, TURN, Token, peer, socket_address};
use crate::egress::dns::{self, Code, Kind, MAX_UDP, NotAsked, Query};
use crate::egress::record::{Asker, Attempt};

/// How long an answer with a synthetic address is good for; it never changes while the job lasts.
const TTL: u32 = 60;
/// Most connections over TCP at a time.
const DNS_CONNECTIONS: usize = 64;
/// Largest question over TCP.
const MAX_QUESTION: usize = 2 + MAX_UDP;

/// A connection over which questions come.
pub struct DnsConnection {
    fd: OwnedFd,
    since: Instant,
    read: Vec<u8>,
}

impl Gateway {
    pub(super) fn answer_udp(&mut self) {
        let mut message = [0; MAX_UDP];
        for _ in 0..TURN {
            let (length, asker) = match recvfrom::<SockaddrStorage>(self.dns.udp.as_raw_fd(), &mut message) {
                Ok((length, Some(asker))) => (length, asker),
                Ok((_, None)) | Err(Errno::EINTR) => continue,
                Err(_) => return,
            };
            let from = socket_address(&asker).map(|from| (Transport::Udp, from));
            let answer = self.answer(&message[..length], from);
            if let Some(answer) = answer {
                // Who doesn't take it asks again.
                let _ = sendto(self.dns.udp.as_raw_fd(), &answer, &asker, MsgFlags::MSG_DONTWAIT);
            }
        }
    }

    pub(super) fn accept_dns(&mut self) {
        for _ in 0..TURN {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let Ok(fd) = accept4(&self.dns.tcp, flags) else { return };
            // The oldest makes room: who holds connections and asks nothing keeps nobody from asking.
            if self.dns_connections.len() >= DNS_CONNECTIONS {
                let oldest = self.dns_connections.iter().min_by_key(|(_, connection)| connection.since);
                if let Some(key) = oldest.map(|(key, _)| key) {
                    self.dns_connections.remove(key);
                }
            }
            let key = self.dns_connections.insert(DnsConnection { fd, since: self.now, read: Vec::new() });
            let fd = self.dns_connections[key].fd.as_fd();
            if self.watch(fd, Token::DnsConnection(key), EpollFlags::EPOLLIN).is_err() {
                self.dns_connections.remove(key);
            }
        }
    }

    pub(super) fn answer_tcp(&mut self, key: usize) {
        let mut buffer = [0; MAX_QUESTION];
        let Some(connection) = self.dns_connections.get_mut(key) else { return };
        let room = MAX_QUESTION - connection.read.len().min(MAX_QUESTION);
        match recv(connection.fd.as_raw_fd(), &mut buffer[..room], MsgFlags::MSG_DONTWAIT) {
            Ok(length) if length > 0 => connection.read.extend_from_slice(&buffer[..length]),
            Err(Errno::EAGAIN | Errno::EINTR) => return,
            Ok(_) | Err(_) => {
                self.dns_connections.remove(key);
                return;
            }
        }
        let mut read = std::mem::take(&mut connection.read);
        while let Some((length, rest)) = read.split_first_chunk::<2>() {
            let length = usize::from(u16::from_be_bytes(*length));
            let Some(question) = rest.get(..length) else { break };
            let fd = self.dns_connections[key].fd.as_raw_fd();
            let from = peer(fd).map(|from| (Transport::Tcp, from));
            let answer = self.answer(question, from).unwrap_or_default();
            let framed = [&(answer.len() as u16).to_be_bytes(), answer.as_slice()].concat();
            let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
            // A client that doesn't take its answers is cut off.
            if answer.is_empty() || send(fd, &framed, flags) != Ok(framed.len()) {
                self.dns_connections.remove(key);
                return;
            }
            read.drain(..2 + length);
        }
        match read.len() >= MAX_QUESTION {
            true => drop(self.dns_connections.remove(key)),
            false => self.dns_connections[key].read = read,
        }
    }

    /// The answer to a question of the job that has come from there; `None` where it deserves none.
    fn answer(&mut self, message: &[u8], from: Option<(Transport, SocketAddr)>) -> Option<Vec<u8>> {
        let query = match Query::parse(message) {
            Ok(query) => query,
            Err(NotAsked::Ignore) => return None,
            Err(NotAsked::Answer(id, code)) => return Some(dns::refuse(id, code)),
        };
        let (answer, refused) = self.answer_query(&query);
        if let Some(attempt) = refused {
            let process = from.and_then(|from| self.asker_of_question(from));
            self.record(Attempt { process, ..attempt });
        }
        let udp = from.is_none_or(|(transport, _)| transport == Transport::Udp);
        // None of ours is longer than its question by much.
        if udp && query.is_too_long(&answer) {
            return Some(query.answer(Code::ServerFailure, false));
        }
        Some(answer)
    }

    /// Who has asked the name server.
    fn asker_of_question(&mut self, (transport, from): (Transport, SocketAddr)) -> Option<Asker> {
        let to = self.dns_address?;
        let whose = match transport {
            Transport::Udp => self.whose_datagrams(to, from),
            Transport::Tcp => {
                self.hear_callers();
                self.callers.whose(to, || Some(from))
            }
        };
        whose.map(|(caller, certain)| Asker::of(&caller, certain))
    }

    /// The answer, and what is on record of it unless the name's address was all.
    fn answer_query(&mut self, query: &Query) -> (Vec<u8>, Option<Attempt>) {
        if !query.is_of_internet() {
            return (query.answer(Code::NotImplemented, false), None);
        }
        // Whose address something is, is a question that programs ask by themselves.
        if query.is_reverse() {
            return (query.answer(Code::NoName, false), None);
        }
        let name = match &query.name {
            // Where a service is: there is no record that says so, and who asks for it asks for the name then.
            Ok(name) => query.of_service().unwrap_or_else(|| name.clone()),
            Err(shown) => {
                let attempt = Attempt::new(shown.as_str(), None).refused("it isn't a host's name");
                return (query.answer(Code::NoName, true), Some(attempt));
            }
        };
        let (policy, most) = (&self.policy, self.limits.names_per_wildcard);
        let synthetic = match self.names.address(&name, policy, most) {
            Ok(known) => known.synthetic,
            Err(no) => {
                let missing = no == NoAddress::Unknown && !self.of_step.only;
                let suggestion = missing.then(|| name.to_string());
                let rule = match &no {
                    NoAddress::Denied(rule) | NoAddress::Wildcard { rule, .. } => Some(rule.clone()),
                    NoAddress::LeftOut | NoAddress::Unknown | NoAddress::Full => None,
                };
                let attempt = Attempt { suggestion, rule, ..Attempt::new(name.as_str(), None) };
                return (query.answer(Code::NoName, true), Some(attempt.refused(no)));
            }
        };
        let has_v6 = self.inlet.as_ref().is_some_and(Inlet::has_v6);
        let address: IpAddr = match query.kind {
            Kind::A => synthetic.v4().into(),
            Kind::Aaaa if has_v6 => synthetic.v6().into(),
            // Among these HTTPS records, whose hints would lead past the name.
            Kind::Aaaa | Kind::Other(_) => return (query.answer(Code::NoError, false), None),
        };
        match self.listen(&name, address) {
            Ok(()) => (query.address(address, TTL), None),
            Err(e) => {
                let attempt =
                    Attempt::new(name.as_str(), None).failed(format!("it can't be listened for: {e}"));
                (query.answer(Code::ServerFailure, false), Some(attempt))
            }
        }
    }
}
