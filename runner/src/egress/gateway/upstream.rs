//! Connections by way of a proxy: the proxy is connected to in the name's place, and asked for the name. What a name's
//! address is, the proxy decides; the gateway can't look at it.

use std::fmt;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use nix::sys::socket::{MsgFlags, recv, send};

use super::relay::Open;
use super::resolve::{Asked, Waiter};
use super::serve::Gateway;
use super::splice::Side;
use super::stream::{CONNECTING, Greeting, Phase, Stream};
use crate::egress::name::Name;
use crate::egress::proxy::{Credentials, Handshake, Host, Next, Proxy, Tls, Words};
use crate::egress::rule::Rule;

/// The proxy of a gateway that has one.
#[derive(Debug)]
pub struct Upstream {
    proxy: Proxy,
    credentials: Option<Credentials>,
    tls: Option<Tls>,
    except: Vec<Rule>,
}

impl Upstream {
    /// With what its caller has read for it. Reads whose certificates are trusted.
    pub fn new(proxy: Proxy, credentials: Option<Credentials>) -> Result<Upstream, String> {
        let tls = proxy.tls().map_err(|e| format!("`proxy-ca-file`: {e}"))?;
        Ok(Upstream { except: proxy.exceptions()?, proxy, credentials, tls })
    }
}

/// A proxy that is being asked.
pub struct Asking {
    greeting: Greeting,
    server: Side,
    handshake: Handshake,
    words: Words,
    said: usize,
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").field("handshake", &self.handshake).finish_non_exhaustive()
    }
}

impl Asking {
    /// Goes on as far as it can: whether there is a connection.
    fn turn(&mut self) -> Result<bool, String> {
        let broken = |errno: Errno| format!("the connection to the proxy has failed: {}", errno.desc());
        loop {
            while self.said < self.words.len() {
                if !self.server.writable {
                    return Ok(false);
                }
                match send(self.server.fd.as_raw_fd(), &self.words[self.said..], MsgFlags::MSG_NOSIGNAL) {
                    Ok(length) => self.said += length,
                    Err(Errno::EAGAIN) => self.server.writable = false,
                    Err(Errno::EINTR) => {}
                    Err(errno) => return Err(broken(errno)),
                }
            }
            if !self.server.readable {
                return Ok(false);
            }
            // Only what is the proxy's is taken out of the socket.
            let mut answer = [0; 1024];
            let fd = self.server.fd.as_raw_fd();
            match recv(fd, &mut answer, MsgFlags::MSG_PEEK) {
                Ok(0) => return Err("the proxy has ended the connection".to_owned()),
                Ok(length) => {
                    let (taken, next) = self.handshake.take(&answer[..length])?;
                    recv(fd, &mut answer[..taken], MsgFlags::empty()).map_err(broken)?;
                    match next {
                        Next::More => {}
                        Next::Say(words) => (self.words, self.said) = (words, 0),
                        Next::Connected => return Ok(true),
                    }
                }
                Err(Errno::EAGAIN) => self.server.readable = false,
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(broken(errno)),
            }
        }
    }
}

impl Gateway {
    /// Finds where to connect to for a name: its own addresses, or those of the proxy.
    pub(super) fn seek(&mut self, key: usize, name: &Name, port: u16) -> Asked {
        let Some(upstream) = self.upstream_of(name, port) else {
            return self.resolver.ask(name, Waiter::Stream(key), self.now);
        };
        let host = upstream.proxy.host().clone();
        if let Some(stream) = self.streams.get_mut(key) {
            stream.by_proxy = true;
        }
        match &host {
            Host::Address(address) => Asked::Known(Ok(vec![*address])),
            Host::Name(proxy) => self.resolver.ask(proxy, Waiter::Stream(key), self.now),
        }
    }

    /// The proxy by which a port of a name is reached. The job's forge is the host's own to reach, as the runner itself
    /// reaches it.
    pub(super) fn upstream_of(&self, name: &Name, port: u16) -> Option<&Upstream> {
        self.upstream.as_ref().filter(|upstream| {
            let excepted = upstream.except.iter().any(|rule| rule.is_about(name, port));
            !excepted && !self.policy.is_private(name, port)
        })
    }

    /// Whether a stream waits for this name's addresses.
    pub(super) fn seeks(&self, stream: &Stream, name: &Name) -> bool {
        match self.upstream.as_ref().filter(|_| stream.by_proxy) {
            Some(upstream) => matches!(upstream.proxy.host(), Host::Name(proxy) if proxy == name),
            None => stream.name == *name,
        }
    }

    /// At which port the proxy is, where a stream goes by it.
    pub(super) fn proxy_port(&self, stream: &Stream) -> Option<u16> {
        self.upstream.as_ref().filter(|_| stream.by_proxy).map(|upstream| upstream.proxy.port())
    }

    /// There is a connection: to the server, or to the proxy that is to be asked.
    pub(super) fn connected(&mut self, key: usize, server: Side, greeting: Greeting, address: IpAddr) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Some(Upstream { proxy, credentials, tls, .. }) =
            self.upstream.as_ref().filter(|_| stream.by_proxy)
        else {
            stream.address = Some(address);
            stream.deadline = None;
            stream.phase = Phase::Open(Box::new(Open::new(server, greeting)));
            return self.pump(key);
        };
        let (handshake, words) = Handshake::start(proxy, credentials.as_ref(), &stream.name, stream.port);
        let server = match tls.clone() {
            None => Ok(server),
            Some(tls) => self.tunnel(key, &tls, server),
        };
        let server = match server {
            Ok(server) => server,
            Err(why) => return self.fail(key, &why),
        };
        if let Some(stream) = self.streams.get_mut(key) {
            let asking = Asking { greeting, server, handshake, words, said: 0 };
            stream.phase = Phase::Asking(Box::new(asking));
            self.arm(key, CONNECTING);
            self.ask_proxy(key, EpollFlags::empty());
        }
    }

    /// Something has come from the proxy, or can be sent there.
    pub(super) fn ask_proxy(&mut self, key: usize, flags: EpollFlags) {
        let Some(stream) = self.streams.get_mut(key) else { return };
        let Phase::Asking(asking) = &mut stream.phase else { return };
        asking.server.note(flags);
        match asking.turn() {
            Ok(false) => {}
            Err(why) => self.fail(key, &why),
            Ok(true) => {
                if let Phase::Asking(asking) = std::mem::replace(&mut stream.phase, Phase::Closed) {
                    stream.deadline = None;
                    stream.phase = Phase::Open(Box::new(Open::new(asking.server, asking.greeting)));
                    self.pump(key);
                }
            }
        }
    }
}
