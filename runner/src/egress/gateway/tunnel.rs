//! TLS to the proxy, for those connections that go by one within TLS. A connection's server is then one end of a pair of
//! sockets, as it would be that of the proxy; behind the other end is this: what comes there goes on encrypted, and what the
//! proxy says comes back in clear.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{
    AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, recv, send, shutdown, socketpair,
};
use rustls::ClientConnection;
use slab::Slab;

use super::serve::{EDGES, Gateway, Token};
use super::splice::Side;
use super::stream::{Phase, abort};
use crate::egress::proxy::{Tls, why};

/// Bytes that are carried at a time, as many as a record of TLS has.
const CARRIED: usize = 16 << 10;
/// Rounds before others have their turn.
const TURN: usize = 32;

/// All of them.
#[derive(Debug, Default)]
pub struct Tunnels {
    all: Slab<Tunnel>,
    /// Those that have more to do than one turn allows.
    unfinished: Vec<usize>,
    /// Those that are over, and go with the end of this round of events.
    closed: Vec<usize>,
}

/// TLS between a connection and the proxy.
#[derive(Debug)]
struct Tunnel {
    /// Whose it is.
    stream: usize,
    tls: ClientConnection,
    /// Where the proxy is.
    wire: Side,
    /// Where the connection is.
    inner: Side,
    /// The connection is gone, both ways.
    left: bool,
    /// What the proxy has said and the connection has no room for.
    held: Vec<u8>,
    /// Whether the connection has said its last word, and whether the proxy has.
    ended: [bool; 2],
    over: bool,
}

/// Where one stands after its turn.
#[derive(Debug, PartialEq, Eq)]
enum Stand {
    Waits,
    Unfinished,
    Over,
}

impl Tunnels {
    /// Whether some have more to do at once.
    pub fn are_unfinished(&self) -> bool {
        !self.unfinished.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Forgets those that are over.
    pub fn sweep(&mut self) {
        for key in self.closed.drain(..) {
            self.all.try_remove(key);
        }
    }
}

impl Gateway {
    /// Begins to speak TLS with the proxy; gives what is the connection's server from now on.
    pub(super) fn tunnel(&mut self, stream: usize, tls: &Tls, wire: Side) -> Result<Side, String> {
        if self.tunnels.len() >= self.limits.connections {
            return Err("the proxy has as many connections as there may be".to_owned());
        }
        let broken = |errno: Errno| format!("there is no way to TLS with the proxy: {}", errno.desc());
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let (outer, inner) =
            socketpair(AddressFamily::Unix, SockType::Stream, None, flags).map_err(broken)?;
        let tls = tls.connection()?;
        let inner = Side::new(inner);
        let (held, ended) = (Vec::new(), [false; 2]);
        let tunnel = Tunnel { stream, tls, wire, inner, left: false, held, ended, over: false };
        let key = self.tunnels.all.insert(tunnel);
        let Tunnel { wire, inner, .. } = &self.tunnels.all[key];
        // By the token that it had, it was the connection's server.
        let watched = self
            .watch_as(wire.fd.as_fd(), Token::Wire(key), EDGES)
            .and_then(|()| self.watch(inner.fd.as_fd(), Token::Inner(key), EDGES))
            .and_then(|()| self.watch(outer.as_fd(), Token::Server(stream), EDGES));
        if let Err(errno) = watched {
            self.tunnels.all.remove(key);
            return Err(broken(errno));
        }
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.tunnel = Some(key);
        }
        Ok(Side::new(outer))
    }

    /// Something has come from the proxy, or can be sent there.
    pub(super) fn on_wire(&mut self, key: usize, flags: EpollFlags) {
        if let Some(tunnel) = self.tunnels.all.get_mut(key) {
            tunnel.wire.note(flags);
            self.dig(key);
        }
    }

    /// The same of the connection.
    pub(super) fn on_inner(&mut self, key: usize, flags: EpollFlags) {
        if let Some(tunnel) = self.tunnels.all.get_mut(key) {
            tunnel.inner.note(flags);
            tunnel.left |= flags.intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
            self.dig(key);
        }
    }

    /// Goes on with those that have more to do.
    pub(super) fn dig_on(&mut self) {
        for key in std::mem::take(&mut self.tunnels.unfinished) {
            self.dig(key);
        }
    }

    fn dig(&mut self, key: usize) {
        let Some(tunnel) = self.tunnels.all.get_mut(key).filter(|tunnel| !tunnel.over) else { return };
        let failed = match tunnel.turn() {
            Ok(Stand::Waits) => return,
            Ok(Stand::Unfinished) => {
                if !self.tunnels.unfinished.contains(&key) {
                    self.tunnels.unfinished.push(key);
                }
                return;
            }
            Ok(Stand::Over) => None,
            Err(why) => Some(why),
        };
        tunnel.over = true;
        let of = tunnel.stream;
        if failed.is_some() {
            abort(tunnel.wire.fd.as_fd());
        }
        self.tunnels.closed.push(key);
        let Some(why) = failed else {
            // The connection has both ends by now; closing this one takes nothing from it.
            return;
        };
        match self.streams.get(of).filter(|stream| stream.tunnel == Some(key)) {
            Some(stream) if matches!(stream.phase, Phase::Asking(_)) => self.fail(of, &why),
            Some(stream) if matches!(stream.phase, Phase::Open(_)) => {
                stream.reset();
                self.close(of, None);
            }
            _ => {}
        }
    }
}

impl Tunnel {
    /// Moves what can be moved now, both ways.
    fn turn(&mut self) -> Result<Stand, String> {
        for _ in 0..TURN {
            let moved = [self.hear()?, self.deliver()?, self.take()?, self.say()?];
            if moved == [false; 4] {
                let said = self.ended[0] && !self.tls.wants_write();
                let heard = self.ended[1] && self.held.is_empty();
                // Who has left before there was TLS has said nothing that could go anywhere.
                let over = said && (heard || self.left) || self.left && self.tls.is_handshaking();
                return Ok(if over { Stand::Over } else { Stand::Waits });
            }
        }
        Ok(Stand::Unfinished)
    }

    /// Hears the proxy, as long as what it says finds room.
    fn hear(&mut self) -> Result<bool, String> {
        if !self.wire.readable || self.ended[1] || !self.tls.wants_read() {
            return Ok(false);
        }
        match self.tls.read_tls(&mut Socket(self.wire.fd.as_fd())) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.wire.readable = false;
                return Ok(false);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(e) => return Err(broken(&e)),
        }
        if let Err(error) = self.tls.process_new_packets() {
            // The alert that says why, where there is room for it.
            let _ = self.tls.write_tls(&mut Socket(self.wire.fd.as_fd()));
            return Err(why(&error));
        }
        Ok(true)
    }

    /// Delivers what the proxy has said.
    fn deliver(&mut self) -> Result<bool, String> {
        if self.held.is_empty() && !self.ended[1] {
            let mut buffer = [0; CARRIED];
            match self.tls.reader().read(&mut buffer) {
                // Some proxies end without a word, as one in clear would: what is spoken within knows what was cut off.
                Ok(0) => self.proxy_ends(),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => self.proxy_ends(),
                Ok(length) => self.held.extend_from_slice(&buffer[..length]),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(e) => return Err(broken(&e)),
            }
        }
        if self.held.is_empty() || !self.inner.writable {
            return Ok(false);
        }
        match send(self.inner.fd.as_raw_fd(), &self.held, MsgFlags::MSG_NOSIGNAL) {
            Ok(length) => drop(self.held.drain(..length)),
            Err(Errno::EAGAIN) => self.inner.writable = false,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(broken(&errno.into())),
        }
        Ok(true)
    }

    fn proxy_ends(&mut self) {
        self.ended[1] = true;
        // What can't be shut down has ended by itself.
        let _ = shutdown(self.inner.fd.as_raw_fd(), Shutdown::Write);
    }

    /// Takes what the connection says, once what it said before is on its way.
    fn take(&mut self) -> Result<bool, String> {
        let waits = self.tls.is_handshaking() || self.tls.wants_write();
        if waits || !self.inner.readable || self.ended[0] {
            return Ok(false);
        }
        let mut buffer = [0; CARRIED];
        match recv(self.inner.fd.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(0) | Err(Errno::ECONNRESET) => {
                self.ended[0] = true;
                self.tls.send_close_notify();
            }
            Ok(length) => self.tls.writer().write_all(&buffer[..length]).map_err(|e| broken(&e))?,
            Err(Errno::EAGAIN) => {
                self.inner.readable = false;
                return Ok(false);
            }
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(broken(&errno.into())),
        }
        Ok(true)
    }

    /// Says it to the proxy.
    fn say(&mut self) -> Result<bool, String> {
        if !self.wire.writable || !self.tls.wants_write() {
            return Ok(false);
        }
        match self.tls.write_tls(&mut Socket(self.wire.fd.as_fd())) {
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => self.wire.writable = false,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(broken(&e)),
        }
        Ok(true)
    }
}

fn broken(error: &io::Error) -> String {
    format!("the connection to the proxy has failed: {error}")
}

/// A socket as TLS reads and writes it.
struct Socket<'a>(BorrowedFd<'a>);

impl Read for Socket<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        Ok(recv(self.0.as_raw_fd(), into, MsgFlags::empty())?)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(send(self.0.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::egress::proxy::{Files, Proxy};

    fn side(socket: UnixStream) -> Side {
        socket.set_nonblocking(true).unwrap();
        let mut side = Side::fresh(socket.into());
        side.note(EpollFlags::EPOLLIN);
        side
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_over_whatever_the_proxy_does() {
        let proxy = Proxy::new("https://a.test:1", Files::default(), Vec::new()).unwrap();
        let tls = proxy.tls().unwrap().unwrap().connection().unwrap();
        let (mut far, wire) = UnixStream::pair().unwrap();
        let (outer, inner) = UnixStream::pair().unwrap();
        let (held, ended) = (Vec::new(), [false; 2]);
        let (wire, inner) = (side(wire), side(inner));
        let mut tunnel = Tunnel { stream: 0, tls, wire, inner, left: false, held, ended, over: false };
        assert_eq!(tunnel.turn(), Ok(Stand::Waits));
        // A handshake of TLS.
        let mut first = [0];
        far.read_exact(&mut first).unwrap();
        assert_eq!(first, [22]);
        (&outer).write_all(b"CONNECT").unwrap();
        assert_eq!(tunnel.turn(), Ok(Stand::Waits), "nothing is said before the proxy has shown who it is");
        drop(outer);
        tunnel.left = true;
        assert_eq!(tunnel.turn(), Ok(Stand::Over), "the proxy has said nothing");
    }

    #[test]
    fn a_proxy_that_speaks_otherwise_or_ends_is_told() {
        let proxy = Proxy::new("https://a.test:1", Files::default(), Vec::new()).unwrap();
        for (says, expected) in [
            (&b"HTTP/1.1 400 no\r\n\r\n"[..], Err("the proxy doesn't speak TLS".to_owned())),
            (b"", Ok(Stand::Waits)),
        ] {
            let tls = proxy.tls().unwrap().unwrap().connection().unwrap();
            let (mut far, wire) = UnixStream::pair().unwrap();
            let (mut outer, inner) = UnixStream::pair().unwrap();
            far.write_all(says).unwrap();
            far.shutdown(std::net::Shutdown::Write).unwrap();
            let (held, ended) = (Vec::new(), [false; 2]);
            let (wire, inner) = (side(wire), side(inner));
            let mut tunnel = Tunnel { stream: 0, tls, wire, inner, left: false, held, ended, over: false };
            assert_eq!(tunnel.turn(), expected);
            if expected.is_ok() {
                assert_eq!(outer.read(&mut [0]).unwrap(), 0, "the connection sees the end");
            }
        }
    }
}
