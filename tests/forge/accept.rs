//! The forge's port, its connections, and what is written on them.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, SockaddrIn, sockopt};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Shared;
use super::answer::{Outcome, answer, asked};
use super::fault::Fault;
use super::http::{Request, Response};
use super::state::State;

/// Between the bytes of what is sent slowly.
const PACE: Duration = Duration::from_millis(20);

/// A port of this machine, on which the forge listens or not.
pub(super) struct Listening {
    port: u16,
    /// Keeps the port while nobody listens on it.
    _holder: OwnedFd,
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
    active: Mutex<Option<Active>>,
}

/// The listener and its connections.
struct Active {
    listener: TcpListener,
    accepting: JoinHandle<()>,
    connections: Arc<Connections>,
}

#[derive(Default)]
struct Connections {
    stopped: AtomicBool,
    open: Mutex<HashMap<u64, Open>>,
}

/// A connection, and the thread that serves it.
struct Open {
    stream: TcpStream,
    thread: Option<JoinHandle<()>>,
}

impl Listening {
    pub(super) fn start(shared: Arc<Shared>, tls: Option<Arc<ServerConfig>>) -> Listening {
        let holder = socket::socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
            .expect("a socket");
        socket::setsockopt(&holder, sockopt::ReuseAddr, &true).expect("the option is known");
        socket::bind(holder.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a free port");
        let port = socket::getsockname::<SockaddrIn>(holder.as_raw_fd()).expect("a bound socket").port();
        let listening = Listening { port, _holder: holder, tls, shared, active: Mutex::new(None) };
        listening.resume();
        listening
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Listens.
    pub(super) fn resume(&self) {
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        if active.is_some() {
            return;
        }
        let listener = TcpListener::bind(("127.0.0.1", self.port)).expect("the port is kept for it");
        let connections = Arc::new(Connections::default());
        let accepting = {
            let listener = listener.try_clone().expect("a descriptor");
            let (shared, tls) = (Arc::clone(&self.shared), self.tls.clone());
            let connections = Arc::clone(&connections);
            thread::spawn(move || accept(&listener, &shared, tls.as_ref(), &connections))
        };
        *active = Some(Active { listener, accepting, connections });
    }

    /// Listens no more, and ends all connections.
    pub(super) fn stop(&self) {
        let Some(active) = self.active.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        active.connections.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for connections.
        let _ = socket::shutdown(active.listener.as_raw_fd(), socket::Shutdown::Both);
        let _ = active.accepting.join();
        drop(active.listener);
        // Who looks at it with the lock has seen it, or waits already.
        drop(self.shared.lock());
        self.shared.changed.notify_all();
        let open: Vec<_> = active.connections.lock().drain().map(|(_, connection)| connection).collect();
        for Open { stream, .. } in &open {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for Open { thread, .. } in open {
            let _ = thread.map(JoinHandle::join);
        }
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(
    listener: &TcpListener,
    shared: &Arc<Shared>,
    tls: Option<&Arc<ServerConfig>>,
    connections: &Arc<Connections>,
) {
    for number in 0.. {
        let Ok((stream, _)) = listener.accept() else { return };
        if connections.stopped.load(Ordering::SeqCst) {
            return;
        }
        let _ = stream.set_nodelay(true);
        let Ok(copy) = stream.try_clone() else { continue };
        let mut open = connections.lock();
        open.insert(number, Open { stream: copy, thread: None });
        let thread = {
            let (shared, tls, connections) = (Arc::clone(shared), tls.cloned(), Arc::clone(connections));
            thread::spawn(move || {
                serve(stream, &shared, tls, &connections.stopped);
                // The last descriptor closes the connection.
                connections.lock().remove(&number);
            })
        };
        if let Some(entry) = open.get_mut(&number) {
            entry.thread = Some(thread);
        }
    }
}

/// A connection, encrypted or not.
trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

fn serve(stream: TcpStream, shared: &Shared, tls: Option<Arc<ServerConfig>>, stopped: &AtomicBool) {
    let Ok(raw) = stream.try_clone() else { return };
    let connection: Box<dyn Connection> = match tls {
        None => Box::new(stream),
        Some(config) => match ServerConnection::new(config) {
            Ok(session) => Box::new(StreamOwned::new(session, stream)),
            Err(_) => return,
        },
    };
    // What the other side does to a connection is no fault of the forge.
    let _ = talk(&mut BufReader::new(connection), &raw, shared, stopped);
}

fn talk(
    stream: &mut BufReader<Box<dyn Connection>>,
    raw: &TcpStream,
    shared: &Shared,
    stopped: &AtomicBool,
) -> io::Result<()> {
    while let Some(mut request) = Request::head(stream)? {
        let asked = asked(shared, &request);
        request.read_body(stream, asked.fault == Some(Fault::ResetInRequest))?;
        let waiting = Waiting { shared, stopped, healed: asked.healed };
        let out = stream.get_mut();
        match answer(shared, asked, &request) {
            Outcome::Answer(response) => response.write(out)?,
            Outcome::Last(response) => return response.write(out),
            Outcome::Half(response) => {
                out.write_all(&response.head())?;
                out.write_all(&response.body[..response.body.len() / 2])?;
                return out.flush();
            }
            Outcome::Slowly(response) => return slowly(out, &response, &waiting),
            Outcome::Nothing => {
                waiting.until_healed();
                return Ok(());
            }
            Outcome::Late(response) => {
                waiting.until_healed();
                out.write_all(&response.head())?;
                out.write_all(&response.body)?;
                return out.flush();
            }
            Outcome::Reset => {
                // Without lingering a close sends a reset.
                let linger = libc::linger { l_onoff: 1, l_linger: 0 };
                return Ok(socket::setsockopt(raw, sockopt::Linger, &linger)?);
            }
        }
    }
    Ok(())
}

fn slowly(out: &mut impl Write, response: &Response, waiting: &Waiting<'_>) -> io::Result<()> {
    let head = response.head();
    // Without its last byte: it never ends.
    for byte in head[..head.len() - 1].iter().cycle() {
        if waiting.is_healed_within(PACE) {
            break;
        }
        out.write_all(&[*byte])?;
        out.flush()?;
    }
    Ok(())
}

/// A call that gets no answer until the forge is healed or stops.
struct Waiting<'a> {
    shared: &'a Shared,
    stopped: &'a AtomicBool,
    /// How often it had been healed when the call came.
    healed: u64,
}

impl Waiting<'_> {
    fn is_over(&self, state: &State) -> bool {
        state.faults.healed > self.healed || self.stopped.load(Ordering::SeqCst)
    }

    fn until_healed(&self) {
        let waited = self.shared.changed.wait_while(self.shared.lock(), |state| !self.is_over(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn is_healed_within(&self, time: Duration) -> bool {
        let state = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(state, time, |state| !self.is_over(state));
        self.is_over(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }
}
