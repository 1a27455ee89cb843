//! Isolation as a library: a [`Spec`] builds a [`Sandbox`], which is set up once and runs many
//! [`Command`]s. It needs no root, no daemon and no image, and knows nothing of CI.
//!
//! The sandbox's init is the calling program itself, executed again, so that it shares no memory with its
//! caller ([`InitMemory`] has the exception). The program must therefore call [`init_if_asked`] first of all in `main`:
//!
//! ```no_run
//! use palisade_sandbox::{Command, Sandbox, Spec, Stdio};
//!
//! fn main() -> Result<(), palisade_sandbox::Error> {
//!     palisade_sandbox::init_if_asked(&[]);
//!     let sandbox = Sandbox::create(&Spec::new().allow_degraded(palisade_sandbox::LayerId::Limits))?;
//!     for layer in &sandbox.report().layers {
//!         println!("{:12} {} ({})", layer.layer, layer.state.as_str(), layer.state.detail());
//!     }
//!     let exit = sandbox.spawn(Command::new("/usr/bin/id").stdout(Stdio::Inherit))?.wait()?;
//!     println!("{:?}", exit.status);
//!     Ok(())
//! }
//! ```
//!
//! Fail-closed: a layer that can't be set up is an [`Error`] that names it, the system's answer and the
//! remedy, unless the specification switches it off ([`Spec::without`]) or accepts less of it
//! ([`Spec::allow_degraded`]). All `unsafe` code of palisade is in this crate.

mod command;
mod error;
mod inlet;
mod inside;
pub mod memory;
mod outside;
mod report;
mod sandbox;
mod shared_dir;
mod sightings;
mod spec;
mod sys;
mod wire;

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

pub use command::{Command, Exit, Signal, Status, Stdio, Usage};
pub use error::{Error, LayerError, StartStage};
pub use inlet::{Counters, DnsSockets, Inlet, Opened, Synthetic};
pub use inside::seccomp;
pub use outside::cgroup::Reached;
pub use report::{LayerId, LayerReport, LayerState, Report};
pub use sandbox::{Child, Sandbox, Spare, Starting, Terminal};
pub use shared_dir::SharedDir;
pub use sightings::{Asked, Caller, Holder, Process, Sighting, Sightings};
pub use spec::{Access, Bind, InitMemory, Limits, Network, Spec, Stragglers, Workspace};
pub use wire::Transport;

/// A function of the program that runs inside a sandbox like a command: [`Command::builtin`]. It is given its
/// arguments and gives its exit code; a panic is exit code 101, or SIGABRT where panics abort.
pub type Builtin = fn(&[OsString]) -> u8;

/// Set where this process has asked whether it is an init.
static BUILTINS: OnceLock<&'static [(&'static str, Builtin)]> = OnceLock::new();

/// Becomes the init of a sandbox, and never returns, where this process was started as one; else returns
/// at once. Call it first in `main`, before any thread or runtime exists. `builtins` are the functions that
/// can run inside, by name.
pub fn init_if_asked(builtins: &'static [(&'static str, Builtin)]) {
    BUILTINS.get_or_init(|| builtins);
    if std::process::id() == 1 && memory::is_start_argument(0, inside::NAME) {
        std::process::exit(inside::main());
    }
}

/// Denies other processes of the same user this process's memory, descriptors and environment, and the system
/// its core dumps: for a process that holds secrets.
pub fn make_undumpable() -> Result<(), Error> {
    outside::spawn::undumpable().map_err(Error::Layer)
}

/// Has this process make way in its delegated cgroup v2 for those of sandboxes, also of sandboxes that processes make
/// which it starts: a service that has others make them calls this before it starts any. Tells whether they will have
/// cgroups of their own.
pub fn make_way_for_cgroups() -> bool {
    outside::cgroup::make_way()
}

/// Confines the calling process, which has one thread, to sockets of the internet and the descriptors that it
/// holds: for a gateway, before it reads what anybody sends. No file can be opened from then on, no program
/// started, no other process seen.
pub fn confine_gateway() -> Result<(), Error> {
    outside::gateway::confine().map_err(Error::Layer)
}

/// The supplementary groups that a Unix socket's peer had when it connected: also where its process can't be seen, since
/// it has ended or `/proc` shows none of other users.
pub fn peer_groups(socket: BorrowedFd<'_>) -> std::io::Result<Vec<u32>> {
    let mut groups = Vec::new();
    loop {
        let there = sys::net::peer_groups(socket, &mut groups)?;
        if there <= groups.len() {
            groups.truncate(there);
            return Ok(groups);
        }
        groups.resize(there, 0);
    }
}

/// The Landlock ABI of this kernel, or why there is none.
pub fn landlock_abi() -> std::io::Result<i32> {
    sys::restrict::landlock_abi().map_err(std::io::Error::from)
}

fn armed() -> Result<(), Error> {
    if BUILTINS.get().is_some() {
        return Ok(());
    }
    Err(Error::Spec("call `palisade_sandbox::init_if_asked` first in `main`".into()))
}

/// The builtin of a name.
fn builtin(name: &str) -> Option<Builtin> {
    BUILTINS.get()?.iter().find(|(known, _)| *known == name).map(|(_, function)| *function)
}
