//! What becomes of datagrams: from what the client sends by way of the name's addresses to the server, and back.
//!
//! A socket listens for each name and port that a rule opens for UDP, on the name's address, so that answers come from
//! where the question went. Where none listens, the job's own kernel says so, at once to a socket that is connected: a client
//! of QUIC goes over to TCP.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{SockaddrStorage, bind};
use palisade_sandbox::Inlet;
use slab::Slab;

use super::flow::{Flow, Phase, Taken};
use super::quota::Bytes;
use super::resolve::{Asked, Found, Waiter};
use super::serve::{Gateway, Token, suggest_udp};
use crate::egress::name::Name;
use crate::egress::quic;
use crate::egress::record::{Attempt, Protocol};
use crate::egress::rule::Decision;

/// Largest datagram: what the length in its header can say.
const MAX_DATAGRAM: usize = u16::MAX as usize;
/// How often flows are looked through for those that are over.
const SWEEP: Duration = Duration::from_secs(5);
/// Datagrams that are taken from one socket before others have their turn.
const TURN: usize = 64;

/// All flows of a job, and where they come in.
#[derive(Debug, Default)]
pub struct Flows {
    doors: Slab<Door>,
    flows: Slab<Flow>,
    by_client: HashMap<(usize, SocketAddr), usize>,
    /// When they are looked through.
    sweep: Option<Instant>,
}

/// A socket for a port of a name.
#[derive(Debug)]
struct Door {
    socket: UdpSocket,
    name: Name,
    port: u16,
}

impl Flows {
    /// How many sockets wait for clients.
    pub fn doors(&self) -> usize {
        self.doors.len()
    }

    /// Whether this is the key of a flow to this name.
    pub fn is_of(&self, key: usize, name: &Name) -> bool {
        self.flows.get(key).is_some_and(|flow| flow.name == *name)
    }

    /// When something is to be done although nothing comes.
    pub fn deadline(&self) -> Option<Instant> {
        self.sweep
    }

    /// Closes such a socket.
    pub fn close_door(&mut self, key: usize) {
        self.doors.try_remove(key);
    }
}

impl Gateway {
    /// Opens a port of a name for datagrams on one of its addresses.
    pub(super) fn open_udp(&mut self, name: &Name, address: IpAddr, port: u16) -> io::Result<usize> {
        let inlet: &Inlet = self.inlet.as_ref().ok_or(ErrorKind::NotConnected)?;
        let socket = UdpSocket::from(inlet.datagram(address.is_ipv6())?);
        bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(address, port)))?;
        let key = self.flows.doors.insert(Door { socket, name: name.clone(), port });
        let watched = self.watch(self.flows.doors[key].socket.as_fd(), Token::Door(key), EpollFlags::EPOLLIN);
        if let Err(errno) = watched {
            self.flows.doors.remove(key);
            return Err(errno.into());
        }
        Ok(key)
    }

    /// Takes what has come from the job, as far as its turn goes; whether there may be more.
    pub(super) fn job_sends(&mut self, door: usize) -> bool {
        let mut buffer = vec![0; MAX_DATAGRAM];
        for _ in 0..TURN {
            let Some(Door { socket, .. }) = self.flows.doors.get(door) else { return false };
            match socket.recv_from(&mut buffer) {
                Ok((length, client)) => self.datagram(door, client, &buffer[..length]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    fn datagram(&mut self, door: usize, client: SocketAddr, datagram: &[u8]) {
        let known = self.flows.by_client.get(&(door, client)).copied();
        let Some(key) = known.or_else(|| self.begin_flow(door, client)) else { return };
        let Some(flow) = self.flows.flows.get_mut(key) else { return };
        flow.last = self.now;
        let bytes = Bytes { sent: datagram.len() as u64, received: 0 };
        let refused = matches!(flow.phase, Phase::Refused);
        if let (false, Err(why)) = (refused, self.usage.take(&flow.name, bytes)) {
            let first = flow.first().unwrap_or(datagram).to_vec();
            return self.refuse_flow(key, &why, &first);
        }
        match flow.take(datagram) {
            Taken::Nothing => {}
            Taken::Agrees => {
                flow.phase = Phase::Resolving;
                let name = flow.name.clone();
                match self.resolver.ask(&name, Waiter::Flow(key), self.now) {
                    Asked::Known(found) => self.found_for_flow(key, found),
                    Asked::Running(Some(lookup)) => self.watch_lookup(lookup),
                    Asked::Running(None) => {}
                }
            }
            Taken::Send => flow.send(Some(datagram)),
            Taken::Answered(answer) => {
                if let Some(door) = self.flows.doors.get(door) {
                    // A client that doesn't take it asks again.
                    let _ = door.socket.send_to(&answer, client);
                }
            }
            Taken::Refused(error) => {
                let first = flow.first().unwrap_or(datagram).to_vec();
                self.refuse_flow(key, &error.to_string(), &first);
            }
        }
    }

    /// A client that isn't known yet. When there are too many, the one goes that was silent longest.
    fn begin_flow(&mut self, door: usize, client: SocketAddr) -> Option<usize> {
        let Door { socket, name, port } = self.flows.doors.get(door)?;
        let (name, port, at) = (name.clone(), *port, socket.local_addr().ok());
        let caller = at.and_then(|at| self.whose_datagrams(at, client));
        let by_proxy =
            self.upstream_of(&name, port).map(|_| "datagrams don't go by way of a proxy".to_owned());
        let beyond = by_proxy.or_else(|| self.usage.connect(self.now)).or_else(|| self.usage.over(&name));
        let refused = match (self.policy.of_udp(&name, port), beyond) {
            (Decision::Allowed(_), None) => None,
            (Decision::Allowed(_), Some(why)) => Some(Attempt::new(name.as_str(), Some(port)).refused(why)),
            (not, _) => Some(self.not_of_step(&name, port, not)),
        };
        if let Some(attempt) = refused {
            self.record(Attempt { protocol: Some(Protocol::Udp), ..attempt.by(caller) });
            return None;
        }
        let Decision::Allowed(grant) = self.policy.of_udp(&name, port) else { return None };
        let rule = grant.rule.map(|rule| rule.text().to_owned());
        if self.flows.flows.len() >= self.limits.flows {
            let silent = self.flows.flows.iter().min_by_key(|(_, flow)| flow.last).map(|(key, _)| key);
            self.close_flow(silent?, None);
        }
        let flow = Flow::new((self.step, caller), (door, client), name, port, rule, self.now);
        let key = self.flows.flows.insert(flow);
        self.flows.by_client.insert((door, client), key);
        self.flows.sweep.get_or_insert(self.now + SWEEP);
        Some(key)
    }

    /// The addresses of a flow's name are known, or that there are none.
    pub(super) fn found_for_flow(&mut self, key: usize, found: Found) {
        let Some(flow) = self.flows.flows.get(key).filter(|flow| matches!(flow.phase, Phase::Resolving))
        else {
            return;
        };
        let (name, port) = (flow.name.clone(), flow.port);
        let addresses = match found {
            Ok(addresses) => addresses,
            Err(why) => return self.close_flow(key, Some(&why)),
        };
        let (mut refused, mut failed) = (None, None);
        for address in addresses {
            let server = SocketAddr::new(address, port);
            match self.check(&name, address, port) {
                Err(reason) => refused = refused.or(Some((address, reason))),
                Ok(()) => match open(server) {
                    Ok(socket) => return self.open_flow(key, socket, address),
                    Err(error) => failed = Some(error),
                },
            }
        }
        match (failed, refused) {
            (Some(error), _) => {
                let why = format!("it can't be sent to: {error}");
                self.close_flow(key, Some(&why));
            }
            (None, Some((address, reason))) => {
                let Some(flow) = self.flows.flows.get_mut(key) else { return };
                flow.address = Some(address);
                let first = flow.first().unwrap_or_default().to_vec();
                self.refuse_flow(key, &format!("its address {address}: {reason}"), &first);
            }
            (None, None) => self.close_flow(key, Some("it has no address")),
        }
    }

    fn open_flow(&mut self, key: usize, socket: UdpSocket, address: IpAddr) {
        if self.watch(socket.as_fd(), Token::Flow(key), EpollFlags::EPOLLIN).is_err() {
            return self.close_flow(key, Some("its socket can't be watched"));
        }
        let Some(flow) = self.flows.flows.get_mut(key) else { return };
        flow.address = Some(address);
        flow.phase = Phase::Open(socket);
        flow.send(None);
    }

    /// Something has come from a flow's server.
    pub(super) fn server_sends(&mut self, key: usize) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        for _ in 0..TURN {
            let Some(flow) = self.flows.flows.get_mut(key) else { return };
            let Phase::Open(server) = &flow.phase else { return };
            match server.recv(&mut buffer) {
                Ok(length) => {
                    flow.last = self.now;
                    let bytes = Bytes { sent: 0, received: length as u64 };
                    if let Err(why) = self.usage.take(&flow.name, bytes) {
                        return self.refuse_flow(key, &why, &[]);
                    }
                    flow.came(&buffer[..length]);
                    if let Some(door) = self.flows.doors.get(flow.door) {
                        // What the job has no room for is lost.
                        let _ = door.socket.send_to(&buffer[..length], flow.client);
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                // The server's host says that nobody listens there.
                Err(e) => {
                    let why = format!("it can't be sent to: {e}");
                    return self.close_flow(key, Some(&why));
                }
            }
        }
    }

    /// Has nothing of a flow let through, and tells its client, if it speaks QUIC.
    fn refuse_flow(&mut self, key: usize, reason: &str, first: &[u8]) {
        let Some(flow) = self.flows.flows.get_mut(key) else { return };
        let attempt = flow.attempt(self.now).refused(reason);
        if let (Some(Protocol::Quic), Some(door)) = (attempt.protocol, self.flows.doors.get(flow.door))
            && let Some(answer) = quic::refusal(first, &format!("palisade refuses this: {reason}"))
        {
            // It is no more than a courtesy.
            let _ = door.socket.send_to(&answer, flow.client);
        }
        flow.refuse();
        self.record(attempt);
    }

    /// Ends a flow, and tells what became of it.
    fn close_flow(&mut self, key: usize, failed: Option<&str>) {
        let Some(flow) = self.flows.flows.try_remove(key) else { return };
        self.flows.by_client.remove(&(flow.door, flow.client));
        // Of what was refused is told already.
        if matches!(flow.phase, Phase::Refused) {
            return;
        }
        let mut attempt = flow.attempt(self.now);
        attempt = match (failed, &flow.phase) {
            (Some(why), _) => attempt.failed(why),
            (None, Phase::Open(_)) => attempt,
            (None, Phase::Greeting | Phase::Refused) => {
                attempt.failed("it ended before it said whom it is for")
            }
            (None, Phase::Resolving) => attempt.failed("it ended before the name's address was known"),
        };
        attempt.suggestion = Some(suggest_udp(&flow.name, flow.port));
        self.record(attempt);
    }

    /// Ends the flows that are over.
    pub(super) fn expire_flows(&mut self) {
        if self.flows.sweep.is_none_or(|at| at > self.now) {
            return;
        }
        let over = self.flows.flows.iter().filter(|(_, flow)| flow.deadline() <= self.now);
        for key in over.map(|(key, _)| key).collect::<Vec<_>>() {
            self.close_flow(key, None);
        }
        self.flows.sweep = (!self.flows.flows.is_empty()).then(|| self.now + SWEEP);
    }

    /// The sockets for datagrams.
    pub(super) fn door_keys(&self) -> Vec<usize> {
        self.flows.doors.iter().map(|(key, _)| key).collect()
    }

    /// Ends the flows that the rules don't let through any more.
    pub(super) fn cut_flows(&mut self) {
        let stays = |flow: &Flow| matches!(self.policy.of_udp(&flow.name, flow.port), Decision::Allowed(_));
        let over = self.flows.flows.iter().filter(|(_, flow)| !stays(flow)).map(|(key, _)| key);
        for key in over.collect::<Vec<_>>() {
            self.close_flow(key, None);
        }
    }

    /// Ends all flows.
    pub(super) fn close_flows(&mut self) {
        for key in self.flows.flows.iter().map(|(key, _)| key).collect::<Vec<_>>() {
            self.close_flow(key, None);
        }
    }

    /// Takes note of a port for datagrams that the job itself has taken.
    pub(super) fn taken_udp(&mut self, name: &Name, port: u16, reason: &str) {
        let attempt = Attempt { protocol: Some(Protocol::Udp), ..Attempt::new(name.as_str(), Some(port)) };
        self.record(attempt.failed(reason));
    }
}

/// A socket of the host's that sends there.
fn open(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    fcntl(&socket, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    socket.connect(server)?;
    Ok(socket)
}
