//! The network layer: a namespace with a loopback and nothing else, and a gateway's way in where there is to be
//! one. Making a namespace takes the kernel as long as all other layers together, so a thread does it beside them
//! and is gone before init confines itself.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;

use super::witness::Teller;
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::spec::Network;
use crate::sys;
use crate::wire::Plan;

pub mod inlet;
pub mod listen;

/// A network namespace in the making; `None` where the host's is used.
pub struct Making(Option<Beside>);

struct Beside {
    thread: JoinHandle<Result<Made, LayerError>>,
    /// `/proc/sys` of the host's tree, if there is one, which shows the settings of the network namespace of whoever looks;
    /// the sandbox's own can't be written.
    settings: Option<OwnedFd>,
}

struct Made {
    namespace: OwnedFd,
    opening: Option<inlet::Opening>,
}

impl Making {
    /// Starts to make it.
    pub fn start(plan: &Plan) -> Result<Self, LayerError> {
        if plan.network == Network::Host {
            return Ok(Making(None));
        }
        Making::beside(plan.network.has_gateway())
    }

    /// Starts to make one before there is a plan.
    pub fn ahead() -> Result<Self, LayerError> {
        Making::beside(false)
    }

    fn beside(has_gateway: bool) -> Result<Self, LayerError> {
        let settings = open("/proc/sys", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok();
        std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || make(has_gateway))
            .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EAGAIN)))
            .layer(LayerId::Net, || "start a thread".into())
            .map(|thread| Making(Some(Beside { thread, settings })))
    }

    /// Waits for it and enters it; tells the gateway, if there is to be one; gives the evidence, and by what the gateway is
    /// told of callers, if it is.
    pub fn enter(
        self,
        plan: &Plan,
        gateway: Option<&UnixStream>,
    ) -> Result<(String, Option<Teller>), LayerError> {
        let Some(Beside { thread, settings }) = self.0 else { return Ok((String::new(), None)) };
        let lost =
            || LayerError::new(LayerId::Net, "make a network namespace (its thread died)", Errno::ESRCH);
        let Made { namespace, opening } = thread.join().map_err(|_| lost())??;
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .layer(LayerId::Net, || "enter the new network namespace".into())?;
        let mut teller = None;
        if let Some(gateway) = gateway {
            // Of a namespace that was made ahead nobody knew that it would have one.
            let opening = opening.map_or_else(inlet::Opening::make, Ok)?;
            let told = plan.callers.then(Teller::open).transpose()?;
            opening.send(gateway, told.as_ref().map(|(_, ends)| ends))?;
            teller = told.map(|(teller, _)| teller);
            settings.as_ref().map(unpaced);
        }
        let evidence = match plan.network {
            Network::Allow => "own loopback; the gateway lets through the names that are allowed",
            Network::Audit => "own loopback; the gateway lets every public name through and records it",
            Network::None | Network::Host => "own loopback, no other way out",
        };
        Ok((evidence.into(), teller))
    }
}

fn make(has_gateway: bool) -> Result<Made, LayerError> {
    unshare(CloneFlags::CLONE_NEWNET).layer(LayerId::Net, || "make a network namespace".into())?;
    sys::net::loopback_up().layer(LayerId::Net, || "bring the loopback up".into())?;
    let opening = if has_gateway { Some(inlet::Opening::make()?) } else { None };
    let namespace = File::open("/proc/thread-self/ns/net")
        .map(OwnedFd::from)
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))
        .layer(LayerId::Net, || "open `/proc/thread-self/ns/net`".into())?;
    Ok(Made { namespace, opening })
}

/// Has the calling thread's network namespace keep from congestion in the plainest way. Nothing is lost on a loopback: what
/// the host wants of its own networks, such as the pacing of BBR, takes timers there and brings nothing. Where it can't be
/// set, what goes by way of the gateway is slower.
fn unpaced(settings: &OwnedFd) {
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    if let Ok(file) = openat(settings, "net/ipv4/tcp_congestion_control", flags, Mode::empty()) {
        let _ = File::from(file).write_all(b"reno");
    }
}
