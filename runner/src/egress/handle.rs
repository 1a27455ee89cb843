//! The caller's side of a gateway: has it started, hears what it tells, and ends it.

use std::io::{self, BufRead, BufReader, Read};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::doorstep::Doorstep;
use super::gateway::{AtStep, Orders};
use super::proxy::Proxy;
use super::record::{Notice, Table, Told};
use super::rule::Scope;
use super::settings::Settings;

/// Longest line that a gateway sends: its table.
const MAX_LINE: u64 = 8 << 20;

/// Why a job has no gateway any more, or never had one.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It can't be started.
    #[error("the egress gateway can't be started: {0}")]
    Start(#[source] io::Error),
    /// There is nothing to tell its proxy.
    #[error("the credentials of the network's proxy can't be used: {0}")]
    Credentials(#[source] io::Error),
    /// There is nothing that vouches for its proxy.
    #[error("the certificates for the network's proxy can't be used: {0}")]
    Certificates(#[source] io::Error),
    /// It gave up.
    #[error("the egress gateway has ended: {0}")]
    Broken(String),
    /// It was killed, or crashed.
    #[error("the egress gateway has died")]
    Died,
}

/// A gateway, which runs as soon as it is needed. It ends when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    doorstep: Arc<Doorstep>,
    control: UnixStream,
    /// Readable once the gateway has ended.
    ended: OwnedFd,
    reader: Option<JoinHandle<Result<Table, GatewayError>>>,
    /// Where it says that a step's rules hold.
    entered: Option<Receiver<()>>,
}

impl Gateway {
    /// Has one for a sandbox: `inlet` is what its start gave. `told` hears of every attempt, on a thread of its own;
    /// `lost` is called there if the gateway can't be started, or ends before it is asked to.
    pub fn start(
        scope: Scope,
        settings: &Settings,
        inlet: OwnedFd,
        mut told: impl FnMut(Told) + Send + 'static,
        lost: impl FnOnce(&GatewayError) + Send + 'static,
    ) -> Result<Gateway, GatewayError> {
        let proxy = settings.proxy.as_ref().map(Proxy::credentials).transpose();
        let credentials = proxy.map_err(GatewayError::Credentials)?.flatten();
        // The gateway reads them itself; what is wrong with them is told before the job begins.
        settings.proxy.as_ref().map(Proxy::own_ca).transpose().map_err(GatewayError::Certificates)?;
        let settings = settings.clone();
        let (step, of_step, tried) = Default::default();
        let orders = Orders { scope, settings, credentials: None, step, of_step, tried };
        let (doorstep, control) = Doorstep::new(orders, credentials, inlet).map_err(GatewayError::Start)?;
        let doorstep = Arc::new(doorstep);
        let (enters, entered) = channel();
        let threaded = || -> io::Result<(OwnedFd, JoinHandle<_>)> {
            let (doorstep, control) = (doorstep.clone(), control.try_clone()?);
            let (ended, ends) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
            let thread = std::thread::Builder::new().name("egress".into()).spawn(move || {
                let end = match doorstep.wait(&control) {
                    Ok(true) => listen(BufReader::new(control), &mut told, &enters),
                    Ok(false) => Ok(Table::default()),
                    Err(error) => Err(GatewayError::Start(error)),
                };
                if let Err(error) = &end {
                    lost(error);
                }
                drop(ends);
                end
            })?;
            Ok((ended, thread))
        };
        let (ended, reader) = threaded().map_err(GatewayError::Start)?;
        Ok(Gateway { doorstep, control, ended, reader: Some(reader), entered: Some(entered) })
    }

    /// For saying which step of the job begins; there is one of these.
    pub fn at_step(&mut self) -> io::Result<AtStep> {
        let taken = || io::Error::other("it was asked for before");
        let entered = self.entered.take().ok_or_else(taken)?;
        Ok(AtStep::new(self.doorstep.clone(), self.control.try_clone()?, entered))
    }

    /// Ends it, and gives its table once all attempts were told.
    pub fn finish(mut self) -> Result<Table, GatewayError> {
        self.doorstep.finish();
        let _ = self.control.shutdown(Shutdown::Write);
        let reader = self.reader.take();
        reader.and_then(|reader| reader.join().ok()).unwrap_or(Err(GatewayError::Died))
    }
}

impl AsFd for Gateway {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.doorstep.close();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// Hears a gateway out.
fn listen(
    mut from: BufReader<UnixStream>,
    told: &mut impl FnMut(Told),
    enters: &Sender<()>,
) -> Result<Table, GatewayError> {
    loop {
        let mut line = Vec::new();
        let read = from.by_ref().take(MAX_LINE).read_until(b'\n', &mut line);
        if !read.is_ok_and(|length| length > 0) {
            return Err(GatewayError::Died);
        }
        match serde_json::from_slice(&line) {
            Ok(Notice::Attempt(attempt)) => told(Told::Attempt(attempt)),
            Ok(Notice::Unnamed(unnamed)) => told(Told::Unnamed(unnamed)),
            // Who has waited for it may be gone.
            Ok(Notice::Entered) => drop(enters.send(())),
            Ok(Notice::Table(table)) => return Ok(table),
            Ok(Notice::Broken(why)) => return Err(GatewayError::Broken(why)),
            Err(_) => return Err(GatewayError::Died),
        }
    }
}
