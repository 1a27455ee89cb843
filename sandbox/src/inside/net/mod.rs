//! The network layer: a namespace with a loopback and nothing else, and a gateway's way in where there is to be
//! one. Making a namespace takes the kernel as long as all other layers together, so a thread does it beside them
//! and is gone before init confines itself.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::spec::Network;
use crate::sys;
use crate::wire::Plan;

pub mod inlet;
pub mod listen;

/// A network namespace in the making; `None` where the host's is used.
pub struct Making(Option<JoinHandle<Result<Made, LayerError>>>);

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
        std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || make(has_gateway))
            .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EAGAIN)))
            .layer(LayerId::Net, || "start a thread".into())
            .map(|thread| Making(Some(thread)))
    }

    /// Waits for it and enters it; tells the gateway, if there is to be one; gives the evidence.
    pub fn enter(self, plan: &Plan, gateway: Option<&UnixStream>) -> Result<String, LayerError> {
        let Some(thread) = self.0 else { return Ok(String::new()) };
        let lost =
            || LayerError::new(LayerId::Net, "make a network namespace (its thread died)", Errno::ESRCH);
        let Made { namespace, opening } = thread.join().map_err(|_| lost())??;
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .layer(LayerId::Net, || "enter the new network namespace".into())?;
        if let Some(gateway) = gateway {
            // Of a namespace that was made ahead nobody knew that it would have one.
            opening.map_or_else(inlet::Opening::make, Ok)?.send(gateway)?;
        }
        Ok(match plan.network {
            Network::Allow => "own loopback; the gateway lets through the names that are allowed",
            Network::Audit => "own loopback; the gateway lets every public name through and records it",
            Network::None | Network::Host => "own loopback, no other way out",
        }
        .into())
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
