//! What becomes of connections: from what the client says by way of the name's addresses to bytes that go both
//! ways, and to their end.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags};
use nix::sys::socket::sockopt::{SocketError, TcpNoDelay};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, getsockopt, setsockopt, socket,
};

use super::relay::Broken;
use super::resolve::{Asked, Found, Resolved, Waiter};
use super::serve::{EDGES, Gateway, Token, suggest};
use super::splice::{Side, Turn};
use super::stream::{CONNECTING, Greeted, Phase, Tries};
use crate::egress::name::Name;
use crate::egress::record::Protocol;

/// After so long the next address is tried beside those that haven't answered: RFC 8305, section 8.
const NEXT_TRY: Duration = Duration::from_millis(250);

impl Gateway {
    /// Something has come from the job's side of a stream, or can be sent there.
    pub(super) fn client(&mut self, key: usize, flags: EpollFlags) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        stream.client.note(flags);
        match &mut stream.phase {
            Phase::Greeting(greeting) => {
                let (name, port) = (&stream.name, stream.port);
                match greeting.read(&mut stream.client, name, port) {
                    Greeted::More => {}
                    Greeted::Agrees(protocol) => self.begin(key, protocol),
                    Greeted::Disagrees(reason) => {
                        greeting.refuse(&stream.client, name, &reason);
                        self.refuse(key, reason, None);
                    }
                    Greeted::Unknown => {
                        let opaque = self.opaque_rule(key);
                        self.refuse(key, "neither TLS nor HTTP is spoken".to_owned(), opaque);
                    }
                    // A connection without a word is nobody's loss.
                    Greeted::Gone => self.drop_silently(key),
                }
            }
            Phase::Resolving(_) | Phase::Connecting(..) | Phase::Asking(_) => {
                if flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
                    self.fail(key, "the job gave up before there was a connection");
                }
            }
            Phase::Open(_) => self.pump(key),
            Phase::Closed => {}
        }
    }

    /// Something has come from the server, or can be sent there.
    pub(super) fn server(&mut self, key: usize, flags: EpollFlags) {
        if let Some(stream) = self.streams.get_mut(key)
            && let Phase::Open(open) = &mut stream.phase
        {
            open.server.note(flags);
            return self.pump(key);
        }
        if self.streams.get(key).is_some_and(|stream| matches!(stream.phase, Phase::Connecting(..))) {
            return self.tried(key, 0, flags);
        }
        self.ask_proxy(key, flags);
    }

    /// Moves what can be moved.
    pub(super) fn pump(&mut self, key: usize) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Phase::Open(open) = &mut stream.phase else { return };
        let mut meter = self.usage.meter(&stream.name, &mut stream.counted);
        let turn = match meter.count(open.taken()) {
            // What a client says first was read before.
            None => Err(Broken::Over),
            Some(left) => {
                open.let_come(left);
                let turn = open.turn(&mut stream.client, &mut self.pipes);
                meter.count(open.taken());
                turn
            }
        };
        let full = !stream.client.writable && !stream.client.told_of_room;
        if full && matches!(turn, Ok(Turn::Waits | Turn::Unfinished)) {
            stream.client.told_of_room = true;
            // Where there is room by now, that is an event at once.
            let watched = self
                .epoll
                .modify(stream.client.fd.as_fd(), &mut EpollEvent::new(EDGES, Token::Client(key).encode()));
            if watched.is_err() {
                return self.fail(key, "its socket can't be watched");
            }
        }
        match turn {
            Ok(Turn::Waits) => {}
            Ok(Turn::Unfinished) => {
                if !self.unfinished.contains(&key) {
                    self.unfinished.push_back(key);
                }
            }
            Ok(Turn::Ended) => self.close(key, None),
            Err(Broken::Socket) => {
                stream.reset();
                self.close(key, None);
            }
            Err(Broken::Refused(reason)) => {
                stream.reset();
                self.refuse(key, reason, None);
            }
            Err(Broken::Over) => {
                stream.reset();
                let reason = self.usage.over(&stream.name);
                self.refuse(key, reason.unwrap_or_else(|| "more came than may".to_owned()), None);
            }
        }
    }

    /// The client's words agree with the name: now the name's addresses are found.
    pub(super) fn begin(&mut self, key: usize, protocol: Protocol) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        stream.protocol = Some(protocol);
        let Phase::Greeting(greeting) = std::mem::replace(&mut stream.phase, Phase::Closed) else { return };
        stream.phase = Phase::Resolving(greeting);
        let (name, port) = (stream.name.clone(), stream.port);
        self.arm(key, CONNECTING);
        match self.seek(key, &name, port) {
            Asked::Known(found) => self.found(key, found),
            Asked::Running(Some(lookup)) => self.watch_lookup(lookup),
            Asked::Running(None) => {}
        }
    }

    /// A name's addresses are known, or that there are none.
    pub(super) fn resolved(&mut self, resolved: Resolved) {
        for waiter in resolved.waiting {
            // Between asking and answer it may have ended, and its key be another's.
            match waiter {
                Waiter::Stream(key) => {
                    if self.streams.get(key).is_some_and(|stream| self.seeks(stream, &resolved.name)) {
                        self.found(key, resolved.found.clone());
                    }
                }
                Waiter::Flow(key) => {
                    if self.flows.is_of(key, &resolved.name) {
                        self.found_for_flow(key, resolved.found.clone());
                    }
                }
            }
        }
    }

    fn found(&mut self, key: usize, found: Found) {
        let proxy_port = self.streams.get(key).and_then(|stream| self.proxy_port(stream));
        let Some(stream) = self.streams.get_mut(key) else { return };
        let (name, port) = (stream.name.clone(), proxy_port.unwrap_or(stream.port));
        let Phase::Resolving(greeting) = &mut stream.phase else { return };
        let greeting = std::mem::take(greeting);
        let addresses = match found {
            Ok(addresses) => addresses,
            Err(why) if proxy_port.is_some() => return self.fail(key, &format!("the proxy: {why}")),
            Err(why) => return self.fail(key, &why),
        };
        let mut refused = None;
        let mut left: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            // Which addresses a proxy has, the administrator has said by naming it.
            let checked = proxy_port.map_or_else(|| self.check(&name, address, port), |_| Ok(()));
            match checked {
                Ok(()) => left.push(SocketAddr::new(address, port)),
                Err(reason) => refused = refused.or(Some((address, reason))),
            }
        }
        if let (true, Some((address, reason))) = (left.is_empty(), refused) {
            if let Some(stream) = self.streams.get_mut(key) {
                greeting.refuse(&stream.client, &name, &format!("its address {address}: {reason}"));
                stream.address = Some(address);
            }
            return self.refuse(key, format!("its address {address}: {reason}"), None);
        }
        left.reverse();
        if let Some(stream) = self.streams.get_mut(key) {
            let tries = Tries { left, running: Vec::new(), next: self.now, failed: Errno::ENETUNREACH };
            stream.phase = Phase::Connecting(greeting, tries);
            self.try_next(key);
        }
    }

    /// Whether a name's address may be connected to.
    pub(super) fn check(&mut self, name: &Name, address: IpAddr, port: u16) -> Result<(), String> {
        self.policy.check_address(name, address, port).map_err(|e| e.to_string())?;
        if !self.policy.names_address(address) && self.own.has(address, self.now) {
            return Err("it is the host's own".to_owned());
        }
        Ok(())
    }

    /// Tries the next address; fails where none is left and none is under way.
    fn try_next(&mut self, key: usize) {
        loop {
            let Some(stream) = self.streams.get_mut(key) else { return };
            let Phase::Connecting(_, tries) = &mut stream.phase else { return };
            let Some(address) = tries.left.pop() else {
                if tries.running.iter().all(Option::is_none) {
                    let whom = if stream.by_proxy { "the proxy" } else { "it" };
                    let why = format!("{whom} can't be connected to: {}", tries.failed.desc());
                    self.fail(key, &why);
                }
                return;
            };
            tries.next = self.now + NEXT_TRY;
            let number = tries.running.len();
            match start(address) {
                Err(errno) => tries.failed = errno,
                Ok(fd) => {
                    tries.running.push(Some((fd, address.ip())));
                    let more = !tries.left.is_empty();
                    self.watch_try(key, number);
                    if more {
                        self.arm(key, NEXT_TRY);
                    } else {
                        self.arm(key, CONNECTING);
                    }
                    return;
                }
            }
        }
    }

    fn watch_try(&self, key: usize, number: usize) {
        let Some(stream) = self.streams.get(key) else { return };
        let Phase::Connecting(_, tries) = &stream.phase else { return };
        if let Some(Some((fd, _))) = tries.running.get(number) {
            // Without events it ends by its deadline.
            // The first is the server's as a rule.
            let token = if number == 0 { Token::Server(key) } else { Token::Try(key, number) };
            let _ = self.watch(fd.as_fd(), token, EDGES);
        }
    }

    /// One try has come to an end.
    pub(super) fn tried(&mut self, key: usize, number: usize, flags: EpollFlags) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Phase::Connecting(_, tries) = &mut stream.phase else { return };
        let ended = EpollFlags::EPOLLOUT | EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
        if !flags.intersects(ended) {
            return;
        }
        let Some((fd, address)) = tries.running.get_mut(number).and_then(Option::take) else { return };
        let error = match flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            true => getsockopt(&fd, SocketError),
            false => Ok(0),
        };
        match error {
            Ok(0) => self.opened((key, number), fd, address, flags),
            Ok(errno) => {
                tries.failed = Errno::from_raw(errno);
                self.try_next(key);
            }
            Err(errno) => {
                tries.failed = errno;
                self.try_next(key);
            }
        }
    }

    fn opened(&mut self, (key, number): (usize, usize), fd: OwnedFd, address: IpAddr, flags: EpollFlags) {
        // The same token as that of the other side, but for its kind, so nothing of the try is left.
        if number > 0 && self.watch_as(fd.as_fd(), Token::Server(key), EDGES).is_err() {
            return self.fail(key, "its socket can't be watched");
        }
        let _ = setsockopt(&fd, TcpNoDelay, &true);
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Phase::Connecting(greeting, _) = &mut stream.phase else { return };
        let greeting = std::mem::take(greeting);
        let mut server = Side::new(fd);
        server.note(flags);
        self.connected(key, server, greeting, address);
    }

    /// A stream hasn't come further in time.
    pub(super) fn late(&mut self, key: usize) {
        let Some(stream) = self.streams.get(key) else { return };
        match &stream.phase {
            Phase::Greeting(_) => {
                let opaque = self.opaque_rule(key);
                self.refuse(key, "nothing was said that shows whom it is for".to_owned(), opaque);
            }
            Phase::Connecting(_, tries)
                if !tries.left.is_empty() && stream.started + CONNECTING > self.now =>
            {
                self.try_next(key);
            }
            Phase::Asking(_) => self.fail(key, "the proxy hasn't answered in time"),
            Phase::Resolving(_) | Phase::Connecting(..) => self.fail(key, "nobody has answered in time"),
            Phase::Open(_) | Phase::Closed => {}
        }
    }

    /// The rule by which anything could be spoken, where nothing but a rule is missing.
    fn opaque_rule(&self, key: usize) -> Option<String> {
        let stream =
            self.streams.get(key).filter(|_| !self.of_step.only && self.of_step.within.is_empty())?;
        Some(suggest(&stream.name, stream.port, true))
    }

    /// Ends a stream that isn't let through.
    fn refuse(&mut self, key: usize, reason: String, suggestion: Option<String>) {
        let Some(stream) = self.streams.get(key) else { return };
        let mut attempt = stream.attempt(self.now).refused(reason);
        attempt.suggestion = suggestion;
        self.record(attempt);
        self.drop_silently(key);
    }

    /// Ends a stream that comes to nothing.
    pub(super) fn fail(&mut self, key: usize, why: &str) {
        if let Some(stream) = self.streams.get(key) {
            stream.reset();
        }
        self.close(key, Some(why));
    }

    /// Ends a stream, and tells what became of it.
    pub(super) fn close(&mut self, key: usize, failed: Option<&str>) {
        let Some(stream) = self.streams.get(key) else { return };
        if matches!(stream.phase, Phase::Greeting(_) | Phase::Closed) {
            return self.drop_silently(key);
        }
        let mut attempt = stream.attempt(self.now);
        attempt = match failed {
            Some(why) => attempt.failed(why),
            None => attempt,
        };
        attempt.suggestion =
            Some(suggest(&stream.name, stream.port, stream.protocol == Some(Protocol::Opaque)));
        self.record(attempt);
        self.drop_silently(key);
    }

    fn drop_silently(&mut self, key: usize) {
        if let Some(stream) = self.streams.get_mut(key)
            && !matches!(stream.phase, Phase::Closed)
        {
            // Its server's side goes now, the key at the end of this round: events of it may still be to come.
            stream.phase = Phase::Closed;
            stream.deadline = None;
            self.closed.push(key);
        }
    }
}

/// Starts to connect.
fn start(address: SocketAddr) -> nix::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let fd = socket(family, SockType::Stream, flags, None)?;
    match connect(fd.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(fd),
        Err(errno) => Err(errno),
    }
}
