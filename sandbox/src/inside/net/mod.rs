//! The network layer: a namespace with a loopback and nothing else, and a gateway's way in where there is to be one.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

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

/// A network namespace that was made for a sandbox.
pub struct Made {
    namespace: OwnedFd,
    opening: Option<inlet::Opening>,
    /// `/proc/sys` of the host's tree, if there is one, which shows the settings of the network namespace of whoever looks;
    /// the sandbox's own can't be written.
    settings: Option<OwnedFd>,
}

/// Makes one, in which the calling thread is from then on.
pub fn make(network: Network) -> Result<Made, LayerError> {
    let settings = open("/proc/sys", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).ok();
    unshare(CloneFlags::CLONE_NEWNET).layer(LayerId::Net, || "make a network namespace".into())?;
    sys::net::loopback_up().layer(LayerId::Net, || "bring the loopback up".into())?;
    let opening = network.has_gateway().then(inlet::Opening::make).transpose()?;
    let namespace = File::open("/proc/thread-self/ns/net")
        .map(OwnedFd::from)
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))
        .layer(LayerId::Net, || "open `/proc/thread-self/ns/net`".into())?;
    Ok(Made { namespace, opening, settings })
}

impl Made {
    /// Enters it; tells the gateway, if there is to be one; gives the evidence, and by what the gateway is told of callers, if
    /// it is.
    pub fn enter(
        self,
        plan: &Plan,
        gateway: Option<&UnixStream>,
    ) -> Result<(String, Option<Teller>), LayerError> {
        let Made { namespace, opening, settings } = self;
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

/// Has the calling thread's network namespace keep from congestion in the plainest way. Nothing is lost on a loopback: what
/// the host wants of its own networks, such as the pacing of BBR, takes timers there and brings nothing. Where it can't be
/// set, what goes by way of the gateway is slower.
fn unpaced(settings: &OwnedFd) {
    let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
    if let Ok(file) = openat(settings, "net/ipv4/tcp_congestion_control", flags, Mode::empty()) {
        let _ = File::from(file).write_all(b"reno");
    }
}
