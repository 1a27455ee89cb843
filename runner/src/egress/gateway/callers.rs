//! Which process of the job asks for what: what init has seen, matched with what has come. A call is told before it goes on,
//! so whoever accepts what came of it finds it here; what a process asks for and then doesn't do is forgotten. Where several
//! processes have asked for the same, the kernel says whose the socket is.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::epoll::EpollFlags;
use palisade_sandbox::{Asked, Caller, Inlet, Sighting, Sightings, Synthetic, Transport};

use super::serve::{Gateway, suggest_udp, suggest_unheard};
use crate::egress::name::Name;
use crate::egress::record::{Asker, Attempt, Protocol};
use crate::egress::rule::Decision;

/// So long what was asked for may take to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most calls that are remembered.
const MAX_RECENT: usize = 1024;
/// So often within so long it is looked who has a socket.
const SEARCHES: u32 = 20;
const SEARCHING: Duration = Duration::from_secs(1);

/// Who asks, and whether that is certain.
pub type Whose = (Rc<Caller>, bool);

/// Those who have asked of late.
#[derive(Debug)]
pub struct Callers {
    sightings: Option<Sightings>,
    recent: VecDeque<Recent>,
    /// Why nobody is seen.
    blind: Option<String>,
    lost: u64,
    search: Search,
}

#[derive(Debug)]
struct Recent {
    at: Instant,
    caller: Rc<Caller>,
    asked: Asked,
}

impl Recent {
    fn is_for(&self, transport: Transport, to: SocketAddr) -> bool {
        self.asked.to == to && self.asked.transport == Some(transport)
    }
}

/// Who has a socket that nobody was seen to connect. Init looks through all that the job's processes have open, so it is
/// asked only so often.
#[derive(Debug, Default)]
struct Search {
    found: VecDeque<(u64, Option<Whose>)>,
    since: Option<Instant>,
    times: u32,
}

impl Search {
    fn holder(&mut self, inlet: &Inlet, socket: u64, now: Instant, missed: &mut u64) -> Option<Whose> {
        if let Some((_, whose)) = self.found.iter().find(|(of, _)| *of == socket) {
            return whose.clone();
        }
        if self.since.is_none_or(|since| now >= since + SEARCHING) {
            // What was found may be another's by now: inodes are used again.
            (self.since, self.times) = (Some(now), 0);
            self.found.clear();
        }
        if self.times >= SEARCHES {
            *missed += 1;
            return None;
        }
        self.times += 1;
        let holder = inlet.holder(socket).ok().flatten();
        let whose = holder.map(|holder| (Rc::new(holder.caller), holder.alone));
        self.found.push_back((socket, whose.clone()));
        whose
    }
}

impl Callers {
    /// Of what init sees, if it is to look.
    pub fn new(sightings: Option<Sightings>) -> Callers {
        let blind = sightings.is_none().then(|| "it is switched off".to_owned());
        Callers { sightings, recent: VecDeque::new(), blind, lost: 0, search: Search::default() }
    }

    /// Readable, once each time, when there is something that may not come by itself.
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.sightings.as_ref().map(std::os::fd::AsFd::as_fd)
    }

    /// Events of the bell.
    pub const BELL: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLET);

    /// Why processes aren't on record, and how many calls were told of too late or not at all.
    pub fn shortcomings(&self) -> (Option<String>, u64) {
        (self.blind.clone(), self.lost)
    }

    fn next(&mut self) -> Option<(Rc<Caller>, Asked)> {
        loop {
            match self.sightings.as_mut()?.hear()? {
                Sighting::Asks(caller, asked) => return Some((caller, asked)),
                Sighting::Blind(why) => self.blind = Some(why),
                Sighting::Lost(count) => self.lost += count,
            }
        }
    }

    fn expect(&mut self, caller: Rc<Caller>, asked: Asked, now: Instant) {
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        while self.recent.front().is_some_and(|recent| recent.at + PATIENCE < now) {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent { at: now, caller, asked });
    }

    /// Whose a connection is that has come to an address; `from` says where from, and is asked only if it matters.
    pub fn whose(&mut self, to: SocketAddr, from: impl FnOnce() -> Option<SocketAddr>) -> Option<Whose> {
        let is_for = |recent: &&Recent| recent.is_for(Transport::Tcp, to);
        let asked: Vec<&Recent> = self.recent.iter().filter(is_for).collect();
        // Connections come in the order in which they were asked for.
        let first = asked.first()?;
        if asked.iter().all(|recent| recent.caller == first.caller) {
            return Some((first.caller.clone(), true));
        }
        let socket =
            from().and_then(|from| self.sightings.as_ref()?.socket_of(Transport::Tcp, from, to).ok());
        let by_socket = self.recent.iter().rev().find(|recent| Some(recent.asked.socket) == socket);
        Some(by_socket.map_or_else(|| (first.caller.clone(), false), |of| (of.caller.clone(), true)))
    }

    /// Whose datagrams are that have come to an address: by their socket, of those who have connected one, or else of those who
    /// have one now.
    fn whose_datagrams(
        &mut self,
        inlet: Option<&Inlet>,
        to: SocketAddr,
        from: SocketAddr,
        now: Instant,
    ) -> Option<Whose> {
        let Ok(socket) = self.sightings.as_ref()?.socket_of(Transport::Udp, from, to) else {
            // It is closed by now, or the kernel can't tell.
            let likely = self.recent.iter().rev().find(|recent| recent.is_for(Transport::Udp, to))?;
            return Some((likely.caller.clone(), false));
        };
        if let Some(of) = self.recent.iter().rev().find(|recent| recent.asked.socket == socket) {
            return Some((of.caller.clone(), true));
        }
        self.search.holder(inlet?, socket, now, &mut self.lost)
    }

    /// As [`whose`](Self::whose), of a connection, of which there is one for each call.
    pub fn connected(&mut self, to: SocketAddr, from: impl FnOnce() -> Option<SocketAddr>) -> Option<Whose> {
        let whose = self.whose(to, from)?;
        let is = |recent: &Recent| recent.is_for(Transport::Tcp, to) && recent.caller == whose.0;
        if let Some(at) = self.recent.iter().position(is) {
            self.recent.remove(at);
        }
        Some(whose)
    }
}

impl Gateway {
    /// Whose datagrams come from there to an address of the gateway's.
    pub(super) fn whose_datagrams(&mut self, to: SocketAddr, from: SocketAddr) -> Option<Whose> {
        self.hear_callers();
        self.callers.whose_datagrams(self.inlet.as_ref(), to, from, self.now)
    }

    /// Hears what init has seen. What will come is remembered, and what can't come is on record.
    pub(super) fn hear_callers(&mut self) {
        while let Some((caller, asked)) = self.callers.next() {
            let Asked { to, transport, .. } = asked;
            let udp = transport == Some(Transport::Udp);
            if Synthetic::of(to.ip()) == Some(Synthetic::DNS) {
                self.callers.expect(caller, asked, self.now);
                continue;
            }
            let Some((name, known)) = self.names.at(to.ip()) else {
                self.strays.note(&caller, asked);
                continue;
            };
            if known.listening[usize::from(to.is_ipv6())].contains(&(to.port(), udp)) {
                self.unheard.forget(name, to.port());
                self.callers.expect(caller, asked, self.now);
            } else if udp {
                self.unheard.note(name, to.port(), to.is_ipv6(), caller);
            } else if transport == Some(Transport::Tcp) {
                let name = name.clone();
                self.unheard.forget(&name, to.port());
                self.closed_port(&name, (to.port(), false), &caller);
            }
        }
    }

    /// A process has tried a port of a name that nothing listens on, of TCP or of UDP.
    pub(super) fn closed_port(&mut self, name: &Name, (port, udp): (u16, bool), caller: &Caller) {
        let decision = match udp {
            true => self.policy.of_udp(name, port),
            false => self.policy.of_port(name, port),
        };
        let missing = decision == Decision::Unknown && !self.of_step.only;
        let attempt = match decision {
            // Rules may have come since the name was looked up, or the job have a server there itself.
            Decision::Allowed(_) => Attempt::new(name.as_str(), Some(port)).failed("the port isn't open"),
            Decision::Unknown if missing => {
                Attempt::new(name.as_str(), Some(port)).refused("no rule opens this port")
            }
            not => self.not_of_step(name, port, not),
        };
        let rule = if udp { suggest_udp(name, port) } else { suggest_unheard(name, port) };
        let attempt = Attempt { protocol: udp.then_some(Protocol::Udp), ..attempt };
        let process = Some(Asker::of(caller, true));
        self.record(Attempt { suggestion: missing.then_some(rule), process, ..attempt });
    }
}
