//! The network layer: a namespace with a loopback and nothing else. Making one takes the kernel as long as
//! all other layers together, so a thread does it beside them and is gone before init confines itself.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};

use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::spec::Network;
use crate::sys;
use crate::wire::Plan;

/// A network namespace in the making; `None` where the host's is used.
pub struct Making(Option<JoinHandle<Result<OwnedFd, LayerError>>>);

impl Making {
    /// Starts to make it.
    pub fn start(plan: &Plan) -> Result<Self, LayerError> {
        if plan.network == Network::Host {
            return Ok(Making(None));
        }
        std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(make)
            .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EAGAIN)))
            .layer(LayerId::Net, || "start a thread".into())
            .map(|thread| Making(Some(thread)))
    }

    /// Waits for it and enters it; gives the evidence.
    pub fn enter(self) -> Result<String, LayerError> {
        let Some(thread) = self.0 else { return Ok(String::new()) };
        let lost =
            || LayerError::new(LayerId::Net, "make a network namespace (its thread died)", Errno::ESRCH);
        let namespace = thread.join().map_err(|_| lost())??;
        setns(namespace, CloneFlags::CLONE_NEWNET)
            .layer(LayerId::Net, || "enter the new network namespace".into())?;
        Ok("own loopback, no other way out".into())
    }
}

fn make() -> Result<OwnedFd, LayerError> {
    unshare(CloneFlags::CLONE_NEWNET).layer(LayerId::Net, || "make a network namespace".into())?;
    sys::net::loopback_up().layer(LayerId::Net, || "bring the loopback up".into())?;
    File::open("/proc/thread-self/ns/net")
        .map(OwnedFd::from)
        .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))
        .layer(LayerId::Net, || "open `/proc/thread-self/ns/net`".into())
}
