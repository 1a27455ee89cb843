//! What the kernel takes long for, done by a thread beside init's own work: first the network namespace, which takes as long as
//! all others together, then, once init has left it, the unmounting of the host's root. The thread is gone before the first
//! command.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use nix::errno::Errno;

use super::net::{self, Made};
use crate::error::{Context, LayerError};
use crate::report::LayerId;
use crate::spec::Network;
use crate::sys::mount;

/// The thread.
pub struct Beside {
    thread: JoinHandle<Result<(), LayerError>>,
    network: Receiver<Result<Option<Made>, LayerError>>,
    host_is_left: Sender<()>,
}

impl Beside {
    /// Starts it.
    pub fn start(network: Network) -> Result<Beside, LayerError> {
        let (made, receiver) = channel();
        let (host_is_left, left) = channel();
        let work = move || {
            let _ = made.send(if network == Network::Host { Ok(None) } else { net::make(network).map(Some) });
            match left.recv() {
                Ok(()) => {
                    mount::unmount_old_root().layer(LayerId::Mount, || "take the host's root away".into())
                }
                // Set-up has failed, and init ends.
                Err(_) => Ok(()),
            }
        };
        let thread = std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(work)
            .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EAGAIN)))
            .layer(LayerId::Net, || "start a thread".into())?;
        Ok(Beside { thread, network: receiver, host_is_left })
    }

    /// Waits for the network namespace; there is none where the host's is used.
    pub fn network(&self) -> Result<Option<Made>, LayerError> {
        self.network.recv().unwrap_or_else(|_| Err(died()))
    }

    /// Has the host's root be unmounted, which lies on top of the new one.
    pub fn unmount_host(&self) -> Result<(), LayerError> {
        self.host_is_left.send(()).map_err(|_| died())
    }

    /// Waits until all of it is done.
    pub fn finish(self) -> Result<(), LayerError> {
        drop(self.host_is_left);
        self.thread.join().unwrap_or_else(|_| Err(died()))
    }
}

fn died() -> LayerError {
    LayerError::new(LayerId::Net, "make the sandbox (a thread of its init died)", Errno::ESRCH)
}
