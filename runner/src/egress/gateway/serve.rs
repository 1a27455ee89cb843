//! The gateway's loop: one thread, one epoll, everything that a job's network consists of; and its listeners.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::sockopt::TcpNoDelay;
use nix::sys::socket::{
    Backlog, SockFlag, SockaddrStorage, accept4, bind, getpeername, getsockname, listen, setsockopt,
};
use palisade_sandbox::{DnsSockets, Inlet, Opened};
use slab::Slab;

use super::callers::Callers;
use super::enter::Entering;
use super::flows::Flows;
use super::name_server::DnsConnection;
use super::names::Names;
use super::outbox::Outbox;
use super::own::Own;
use super::quota::Usage;
use super::resolve::Resolver;
use super::splice::Pipes;
use super::steps::Steps;
use super::strays::Strays;
use super::stream::{GREETING, Stream, abort};
use super::tunnel::Tunnels;
use super::unheard::Unheard;
use super::unnamed::{Counted, UnnamedCount};
use super::upstream::Upstream;
use super::waiting::Waiting;
use crate::egress::OfStep;
use crate::egress::name::Name;
use crate::egress::record::{Attempt, Protocol};
use crate::egress::rule::{self, Decision, Policy};

/// Events, questions and connections that are taken at a time, so that each kind has its turn.
pub(super) const TURN: usize = 64;

/// Deadlines that are kept although they may not count any more.
const MANY_DEADLINES: usize = 4096;

/// What a gateway may have at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Names below one wildcard.
    pub names_per_wildcard: usize,
    /// Connections.
    pub connections: usize,
    /// Sockets that listen.
    pub listeners: usize,
    /// Flows of datagrams.
    pub flows: usize,
    /// Pipes.
    pub pipes: usize,
    /// Processors that it has.
    pub processors: usize,
}

/// Why the gateway ends.
#[derive(Debug)]
pub enum End {
    /// Its job is over.
    Done,
    /// It can't go on.
    Broken(String),
}

/// All that a gateway has.
pub struct Gateway {
    pub(super) policy: Policy,
    pub(super) epoll: Epoll,
    pub(super) resolver: Resolver,
    pub(super) upstream: Option<Upstream>,
    pub(super) tunnels: Tunnels,
    pub(super) usage: Usage,
    pub(super) streams: Slab<Stream>,
    pub(super) pipes: Pipes,
    pub(super) outbox: Outbox,
    /// Streams that have more to do than one turn allows.
    pub(super) unfinished: VecDeque<usize>,
    /// Streams that are over.
    pub(super) closed: Vec<usize>,
    /// When streams must have come further; an entry counts if the stream's own deadline is the same.
    pub(super) deadlines: BinaryHeap<Reverse<(Instant, usize)>>,
    pub(super) now: Instant,
    pub(super) entering: Entering,
    /// Index of the job's step that runs.
    pub(super) step: Option<usize>,
    /// The rules of that step.
    pub(super) of_step: OfStep,
    pub(super) limits: Limits,
    pub(super) inlet: Option<Inlet>,
    pub(super) flows: Flows,
    pub(super) own: Own,
    pub(super) callers: Callers,
    /// Where questions come in.
    pub(super) dns_address: Option<SocketAddr>,
    pub(super) strays: Strays,
    pub(super) unheard: Unheard,
    steps: Steps,
    pub(super) names: Names,
    pub(super) dns: DnsSockets,
    unnamed: UnnamedCount,
    pub(super) dns_connections: Slab<DnsConnection>,
    pub(super) listeners: Slab<Listener>,
    /// Sockets that init has made and that aren't used yet: of IPv4 and of IPv6.
    sockets: [Vec<OwnedFd>; 2],
}

pub(super) struct Listener {
    fd: OwnedFd,
    at: SocketAddr,
    name: Name,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Control,
    Inlet,
    DnsUdp,
    DnsTcp,
    DnsConnection(usize),
    Listener(usize),
    Client(usize),
    Server(usize),
    /// One try to connect a stream.
    Try(usize, usize),
    Lookup(usize),
    /// Datagrams from the job.
    Door(usize),
    /// Datagrams from the server of a flow.
    Flow(usize),
    /// Init has seen something.
    Bell,
    /// The proxy, behind TLS.
    Wire(usize),
    /// A connection, before TLS.
    Inner(usize),
}

impl Token {
    /// Kind, number of the try and key, each in its bits.
    pub(super) fn encode(self) -> u64 {
        let (kind, key, number) = match self {
            Token::Control => (0, 0, 0),
            Token::Inlet => (1, 0, 0),
            Token::DnsUdp => (2, 0, 0),
            Token::DnsTcp => (3, 0, 0),
            Token::DnsConnection(key) => (4, key, 0),
            Token::Listener(key) => (5, key, 0),
            Token::Client(key) => (6, key, 0),
            Token::Server(key) => (7, key, 0),
            Token::Try(key, number) => (8, key, number),
            Token::Lookup(key) => (9, key, 0),
            Token::Door(key) => (10, key, 0),
            Token::Flow(key) => (11, key, 0),
            Token::Bell => (12, 0, 0),
            Token::Wire(key) => (13, key, 0),
            Token::Inner(key) => (14, key, 0),
        };
        kind << 56 | (number as u64 & 0xff_ffff) << 32 | key as u64 & 0xffff_ffff
    }

    fn decode(data: u64) -> Option<Token> {
        let (key, number) = ((data & 0xffff_ffff) as usize, (data >> 32 & 0xff_ffff) as usize);
        Some(match data >> 56 {
            0 => Token::Control,
            1 => Token::Inlet,
            2 => Token::DnsUdp,
            3 => Token::DnsTcp,
            4 => Token::DnsConnection(key),
            5 => Token::Listener(key),
            6 => Token::Client(key),
            7 => Token::Server(key),
            8 => Token::Try(key, number),
            9 => Token::Lookup(key),
            10 => Token::Door(key),
            11 => Token::Flow(key),
            12 => Token::Bell,
            13 => Token::Wire(key),
            14 => Token::Inner(key),
            _ => return None,
        })
    }
}

/// Events that are told once each time something changes.
pub(super) const EDGES: EpollFlags = COMING.union(EpollFlags::EPOLLOUT);
/// Those of what comes alone.
const COMING: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLRDHUP).union(EpollFlags::EPOLLET);

impl Gateway {
    /// Puts one together; nothing is answered yet.
    pub fn new(
        entering: Entering,
        (step, of_step, tried): (Option<usize>, OfStep, Option<Counted>),
        limits: Limits,
        (resolver, upstream): (Resolver, Option<Upstream>),
        (inlet, opened): (Inlet, Opened),
        control: UnixStream,
        steps: Steps,
    ) -> io::Result<Gateway> {
        let usage = Usage::new(entering.settings.quota);
        let Opened { dns, sightings, counters } = opened;
        let gateway = Gateway {
            policy: entering.policy(&of_step).map_err(io::Error::other)?,
            entering,
            of_step,
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            resolver,
            upstream,
            tunnels: Tunnels::default(),
            usage,
            streams: Slab::new(),
            pipes: Pipes::new(limits.pipes),
            outbox: Outbox::new(control),
            unfinished: VecDeque::new(),
            closed: Vec::new(),
            deadlines: BinaryHeap::new(),
            now: Instant::now(),
            step,
            limits,
            inlet: Some(inlet),
            flows: Flows::default(),
            own: Own::default(),
            callers: Callers::new(sightings),
            dns_address: own_address(dns.udp.as_raw_fd()),
            strays: Strays::default(),
            unheard: Unheard::default(),
            steps,
            names: Names::default(),
            dns,
            unnamed: UnnamedCount::new(counters).since(tried),
            dns_connections: Slab::new(),
            listeners: Slab::new(),
            sockets: [Vec::new(), Vec::new()],
        };
        gateway.watch(gateway.outbox.as_fd(), Token::Control, EpollFlags::EPOLLIN)?;
        gateway.watch(gateway.dns.udp.as_fd(), Token::DnsUdp, EpollFlags::EPOLLIN)?;
        gateway.watch(gateway.dns.tcp.as_fd(), Token::DnsTcp, EpollFlags::EPOLLIN)?;
        if let Some(bell) = gateway.callers.bell() {
            gateway.watch(bell, Token::Bell, Callers::BELL)?;
        }
        if let Some(inlet) = &gateway.inlet {
            gateway.watch(inlet.as_fd(), Token::Inlet, EpollFlags::EPOLLIN)?;
        }
        Ok(gateway)
    }

    /// Serves until the job is over. What was tried until then is told.
    pub fn serve(mut self) -> (End, Outbox) {
        let (mut events, mut waiting) = ([EpollEvent::empty(); TURN], Waiting::new(self.limits.processors));
        // A step that began before the orders were read came behind them, and has no event of its own.
        self.control(EpollFlags::empty());
        let end = loop {
            let timeout = self.timeout();
            let count = match waiting.wait(&self.epoll, &mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => continue,
                Err(errno) => break End::Broken(format!("waiting for events: {errno}")),
            };
            self.now = Instant::now();
            let events = &events[..count];
            let of = |event: &EpollEvent| Token::decode(event.data());
            // First of all which step runs: the other events may be its doing.
            let control = events.iter().find(|event| of(event) == Some(Token::Control));
            let over = control.is_some_and(|event| self.control(event.events()));
            for event in events {
                if let Some(token) = of(event) {
                    self.event(token, event.events());
                }
            }
            if over {
                break End::Done;
            }
            for _ in 0..self.unfinished.len() {
                if let Some(key) = self.unfinished.pop_front() {
                    self.pump(key);
                }
            }
            self.dig_on();
            self.expire();
            self.sweep();
        };
        for key in self.streams.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            self.close(key, None);
        }
        self.close_flows();
        self.count_unnamed();
        self.outbox.fall_short(self.callers.shortcomings());
        (end, self.outbox)
    }

    /// Has a descriptor's events come with a token.
    pub(super) fn watch(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> nix::Result<()> {
        self.epoll.add(fd, EpollEvent::new(flags, token.encode()))
    }

    /// Gives a watched descriptor another token.
    pub(super) fn watch_as(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> nix::Result<()> {
        self.epoll.modify(fd, &mut EpollEvent::new(flags, token.encode()))
    }

    fn timeout(&self) -> EpollTimeout {
        if !self.unfinished.is_empty() || self.tunnels.are_unfinished() {
            return EpollTimeout::ZERO;
        }
        let stream = self.deadlines.peek().map(|Reverse((at, _))| *at);
        let others = [self.resolver.deadline(), self.flows.deadline(), self.outbox.deadline()];
        let Some(at) = others.into_iter().chain([stream]).flatten().min() else {
            return EpollTimeout::NONE;
        };
        // Rounded up, so that what is due has passed.
        let wait = at.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        EpollTimeout::try_from(wait).unwrap_or(EpollTimeout::MAX)
    }

    fn event(&mut self, token: Token, flags: EpollFlags) {
        match token {
            // The sandbox has ended; its sockets lead nowhere any more.
            Token::Inlet => self.inlet = None,
            Token::DnsUdp => self.answer_udp(),
            Token::DnsTcp => self.accept_dns(),
            Token::DnsConnection(key) => self.answer_tcp(key),
            Token::Listener(key) => drop(self.accept(key)),
            Token::Client(key) => self.client(key, flags),
            Token::Server(key) => self.server(key, flags),
            Token::Try(key, number) => self.tried(key, number, flags),
            Token::Lookup(key) => {
                if let Some(resolved) = self.resolver.read(key, self.now) {
                    self.resolved(resolved);
                }
            }
            Token::Door(key) => drop(self.job_sends(key)),
            Token::Flow(key) => self.server_sends(key),
            Token::Bell => self.hear_callers(),
            Token::Wire(key) => self.on_wire(key, flags),
            Token::Inner(key) => self.on_inner(key, flags),
            Token::Control => {}
        }
    }

    /// Hears the caller; whether it has ended the job.
    fn control(&mut self, flags: EpollFlags) -> bool {
        if flags.contains(EpollFlags::EPOLLOUT) {
            self.outbox.flush();
        }
        let heard = self.steps.hear(self.outbox.as_fd());
        for step in heard.begun {
            if self.step != Some(step.step) {
                self.accept_all();
                self.count_unnamed();
                // No process outlives its step, but the next one may have the same port.
                self.close_flows();
            }
            self.enter(step);
        }
        heard.over
    }

    /// Tells how often the step that ends here has tried to reach addresses without a name, and by datagrams what no rule
    /// opens for them.
    fn count_unnamed(&mut self) {
        self.hear_callers();
        let counted = self.unnamed.more();
        for unnamed in self.strays.of_step(self.step, counted.unnamed) {
            let waits = self.outbox.unnamed(unnamed);
            self.await_caller(waits);
        }
        for ((name, port), caller) in self.unheard.of_step(counted.unheard) {
            self.closed_port(&name, (port, true), &caller);
        }
    }

    /// Takes note of an attempt, and tells it.
    pub(super) fn record(&mut self, mut attempt: Attempt) {
        attempt.step = attempt.step.or(self.step);
        let waits = self.outbox.tell(attempt, self.now);
        self.await_caller(waits);
    }

    /// Has what waits for the caller go on when it can.
    pub(super) fn await_caller(&self, waits: bool) {
        if waits {
            self.watch_outbox();
        }
    }

    /// Has more be sent once the caller takes it.
    fn watch_outbox(&self) {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        // A control socket that can't be watched any more has ended, which is seen next.
        let _ = self.watch_as(self.outbox.as_fd(), Token::Control, flags);
    }

    fn sweep(&mut self) {
        for key in self.closed.drain(..) {
            self.streams.try_remove(key);
        }
        self.tunnels.sweep();
    }

    /// Opens the ports of a name on one of its addresses, once.
    pub(super) fn listen(&mut self, name: &Name, address: IpAddr) -> io::Result<()> {
        let family = usize::from(address.is_ipv6());
        let (policy, most) = (&self.policy, self.limits.names_per_wildcard);
        let known = self.names.address(name, policy, most).map_err(io::Error::other)?;
        let tcp = self.policy.ports(name).into_iter().map(|port| (port, false));
        let udp = self.policy.udp_ports(name).into_iter().map(|port| (port, true));
        // Steps before this one may have had other ports.
        let mut ports: Vec<(u16, bool)> = tcp.chain(udp).collect();
        ports.retain(|port| !known.listening[family].contains(port));
        known.listening[family].extend(&ports);
        let (mut opened, mut doors) = (Vec::new(), Vec::new());
        for &(port, udp) in &ports {
            let result = match (self.listeners.len() + self.flows.doors() >= self.limits.listeners, udp) {
                (true, _) => Err(io::Error::other("the job has all the ports that it may")),
                (false, false) => self.open_port(name, address, port).map(|key| opened.push(key)),
                (false, true) => self.open_udp(name, address, port).map(|key| doors.push(key)),
            };
            match result {
                Ok(()) => {}
                // A server of the job's own has the port, on all addresses.
                Err(e) if e.raw_os_error() == Some(Errno::EADDRINUSE as i32) => {
                    let reason = "a server of the job's own has this port on all addresses; let it listen on \
                                  127.0.0.1 alone";
                    match udp {
                        false => self.record(Attempt::new(name.as_str(), Some(port)).failed(reason)),
                        true => self.taken_udp(name, port, reason),
                    }
                }
                Err(e) => {
                    for key in opened {
                        self.listeners.remove(key);
                    }
                    for key in doors {
                        self.flows.close_door(key);
                    }
                    if let Ok(known) = self.names.address(name, &self.policy, most) {
                        known.listening[family].retain(|port| !ports.contains(port));
                    }
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    fn open_port(&mut self, name: &Name, address: IpAddr, port: u16) -> io::Result<usize> {
        let fd = self.socket(usize::from(address.is_ipv6()))?;
        let at = SocketAddr::new(address, port);
        bind(fd.as_raw_fd(), &SockaddrStorage::from(at))?;
        // Connections have it of their listener: what is small and waits for more, waits at its sender already.
        let _ = setsockopt(&fd, TcpNoDelay, &true);
        listen(&fd, Backlog::MAXALLOWABLE)?;
        let key = self.listeners.insert(Listener { fd, at, name: name.clone() });
        let watched = self.watch(self.listeners[key].fd.as_fd(), Token::Listener(key), EpollFlags::EPOLLIN);
        if let Err(errno) = watched {
            self.listeners.remove(key);
            return Err(errno.into());
        }
        Ok(key)
    }

    /// A socket of the job's network.
    fn socket(&mut self, family: usize) -> io::Result<OwnedFd> {
        if self.sockets[family].is_empty() {
            let inlet = self.inlet.as_ref().ok_or(io::ErrorKind::NotConnected)?;
            self.sockets[family] = if family == 0 { inlet.stream_v4()? } else { inlet.stream_v6()? };
        }
        self.sockets[family].pop().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Takes what has come to a listener, as far as its turn goes; whether there may be more.
    pub(super) fn accept(&mut self, key: usize) -> bool {
        for _ in 0..TURN {
            let Some(listener) = self.listeners.get(key) else { return false };
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let Ok(fd) = accept4(&listener.fd, flags) else { return false };
            let (name, at, port) = (listener.name.clone(), listener.at, listener.at.port());
            self.hear_callers();
            let caller = self.callers.connected(at, || peer(fd.as_raw_fd()));
            if self.streams.len() >= self.limits.connections {
                abort(fd.as_fd());
                let reason =
                    format!("the job has {} connections, which is all that it may", self.limits.connections);
                self.record(Attempt::new(name.as_str(), Some(port)).refused(reason).by(caller));
                continue;
            }
            if let Some(reason) = self.usage.connect(self.now).or_else(|| self.usage.over(&name)) {
                abort(fd.as_fd());
                self.record(Attempt::new(name.as_str(), Some(port)).refused(reason).by(caller));
                continue;
            }
            let grant = match self.policy.of_port(&name, port) {
                Decision::Allowed(grant) => grant,
                not => {
                    let refused = self.not_of_step(&name, port, not);
                    abort(fd.as_fd());
                    self.record(refused.by(caller));
                    continue;
                }
            };
            let (rule, opaque) = (grant.rule.map(|rule| rule.text().to_owned()), grant.opaque);
            let stream =
                self.streams.insert(Stream::new(fd, (self.step, caller), name, port, rule, self.now));
            if self.watch(self.streams[stream].client.fd.as_fd(), Token::Client(stream), COMING).is_err() {
                self.streams.remove(stream);
                continue;
            }
            self.arm(stream, GREETING);
            if opaque {
                self.begin(stream, Protocol::Opaque);
            }
        }
        true
    }

    /// Sets when a stream must have come further.
    pub(super) fn arm(&mut self, key: usize, wait: Duration) {
        let at = self.now + wait;
        if let Some(stream) = self.streams.get_mut(key) {
            stream.deadline = Some(at);
            self.deadlines.push(Reverse((at, key)));
        }
        // Most connections are over long before their deadlines are.
        if self.deadlines.len() > 2 * self.streams.len() + MANY_DEADLINES {
            let streams = &self.streams;
            let counts =
                |(at, key): (Instant, usize)| streams.get(key).is_some_and(|s| s.deadline == Some(at));
            self.deadlines.retain(|Reverse(due)| counts(*due));
        }
    }

    fn expire(&mut self) {
        while let Some(Reverse((at, key))) = self.deadlines.peek().copied().filter(|due| due.0.0 <= self.now)
        {
            self.deadlines.pop();
            if self.streams.get(key).is_some_and(|stream| stream.deadline == Some(at)) {
                self.late(key);
            }
        }
        self.expire_flows();
        if self.outbox.deadline().is_some_and(|at| at <= self.now) {
            self.outbox.flush();
            self.watch_outbox();
        }
        if self.resolver.deadline().is_some_and(|at| at <= self.now) {
            let (ended, renewed) = self.resolver.expire(self.now);
            for key in renewed {
                self.watch_lookup(key);
            }
            for resolved in ended {
                self.resolved(resolved);
            }
        }
    }

    /// Has the answers of a lookup come as events.
    pub(super) fn watch_lookup(&self, key: usize) {
        if let Some(socket) = self.resolver.socket(key) {
            // Without events it ends by its deadline.
            let _ = self.watch(socket.as_fd(), Token::Lookup(key), EpollFlags::EPOLLIN);
        }
    }
}

pub(super) fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

/// Where a connection comes from.
pub(super) fn peer(socket: RawFd) -> Option<SocketAddr> {
    getpeername(socket).ok().as_ref().and_then(socket_address)
}

fn own_address(socket: RawFd) -> Option<SocketAddr> {
    getsockname(socket).ok().as_ref().and_then(socket_address)
}

/// The rule that allows what was tried.
pub(super) fn suggest(name: &Name, port: u16, opaque: bool) -> String {
    let opaque = if opaque { "/opaque" } else { "" };
    format!("{name}:{port}{opaque}")
}

/// The same where nobody has seen what would be spoken.
pub(super) fn suggest_unheard(name: &Name, port: u16) -> String {
    suggest(name, port, rule::NOT_WEB.contains(&port))
}

/// The same for datagrams.
pub(super) fn suggest_udp(name: &Name, port: u16) -> String {
    format!("{name}:{port}/udp")
}
