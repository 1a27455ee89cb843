//! Init, the sandbox's PID 1: sets the sandbox up once, then starts commands in it until its caller is
//! gone. Everything in this folder runs in a process of its own, which is this binary executed again, or a copy of
//! it from before it knew anything: it holds no secret, no argument and no environment of the caller's.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::sys::socket::{UnixAddr, getsockname};
use nix::sys::stat::{Mode, umask};

use crate::error::{Context, LayerError};
use crate::report::{LayerId, LayerReport, LayerState, Report};
use crate::sys;
use crate::wire::{self, Plan, Reply, Request};

mod confine;
mod dev;
mod etc;
mod identity;
mod limits;
mod net;
mod root;
mod scratch;
pub mod seccomp;
mod serve;
mod step;
pub mod witness;
mod workspace;

/// Argument zero that makes this binary an init.
pub const NAME: &str = "palisade-init";

/// The user that every command runs as, inside.
pub const UID: u32 = 1000;
/// Its group.
pub const GID: u32 = 1000;
/// Its name.
pub const USER: &str = "runner";

/// Runs init over the control socket on descriptor 0. Never returns: when init ends, the kernel ends
/// everything in its PID namespace.
pub fn main() -> i32 {
    // A panic must not write to descriptor 2, which is the control socket as well.
    std::panic::set_hook(Box::new(|_| {}));
    // SAFETY: the caller's side has put the control socket on descriptor 0 for us alone.
    let control = unsafe { OwnedFd::from_raw_fd(0) };
    if getsockname::<UnixAddr>(control.as_raw_fd()).is_err() {
        return 2;
    }
    let control = UnixStream::from(control);
    let Ok((plan, mut fds, network)) = wait_for_plan(&control) else { return 2 };
    let gateway = if plan.network.has_gateway() { fds.pop().map(UnixStream::from) } else { None };
    match set_up(&control, &plan, fds, gateway.as_ref(), network) {
        Ok((report, (confinement, witness))) => {
            if wire::send(&control, &Reply::Ready(report), &[]).is_err() {
                return 1;
            }
            serve::serve(&control, gateway, witness, confinement, plan.stragglers)
        }
        Err(error) => {
            let _ = wire::send(&control, &Reply::Failed(error), &[]);
            1
        }
    }
}

/// Waits for the plan. Until it comes, an init that was started ahead makes the dearest namespace.
fn wait_for_plan(control: &UnixStream) -> Result<(Plan, Vec<OwnedFd>, Option<net::Making>), Unplanned> {
    let mut network = None;
    loop {
        match wire::receive(control) {
            Ok(Some((Request::Setup(plan), fds))) => return Ok((*plan, fds, network)),
            // What fails here is tried again, and told, once there is a plan.
            Ok(Some((Request::Prepare, _))) => network = net::Making::ahead().ok(),
            _ => return Err(Unplanned),
        }
    }
}

/// The caller went away, or isn't one.
struct Unplanned;

type SetUp = (Report, (confine::Confinement, Option<witness::Witness>));

/// The whole set-up in its order. A step that fails ends it.
fn set_up(
    control: &UnixStream,
    plan: &Plan,
    trees: Vec<OwnedFd>,
    gateway: Option<&UnixStream>,
    network: Option<net::Making>,
) -> Result<SetUp, LayerError> {
    let mut report = ReportBuilder::new(plan);

    // Modes are meant as written here; commands get the usual mask.
    umask(Mode::empty());
    // The dearest namespace is made beside all the rest.
    let network = network.map_or_else(|| net::Making::start(plan), Ok)?;
    // While still the caller: what the host shows, cloned with the caller's own rights.
    let host = root::HostTrees::open(plan, trees)?;
    report.add(LayerId::User, identity::assume(plan.identity)?);
    identity::forbid_more()?;
    // Only now: an undumpable process can't write its own id maps.
    sys::restrict::undumpable().layer(LayerId::Pid, || "make init undumpable".into())?;

    // As the sandbox's user, with the capabilities of its user namespace: first all that is read-only.
    let root = root::Root::create()?;
    etc::write(plan, &root)?;
    scratch::make_mount_points(&root)?;
    dev::make_mount_points(&root)?;
    host.make_mount_points(&root)?;
    host.attach_read_only(&root)?;
    root.seal()?;
    // Then what is not.
    let scratch = scratch::create(plan, &root)?;
    let writable = scratch.attach(&root)?;
    dev::attach(plan, &root)?;
    plan.directories.iter().try_for_each(|at| root.directory(at))?;
    workspace::attach(plan, &host, &scratch, &root)?;
    host.attach_rest(&root)?;
    workspace::attach_copies(&host, &scratch, &root)?;
    // The caller has something to do with it meanwhile.
    if let Some(dir) = scratch.open_shared_dir(plan, &root)? {
        wire::send(control, &Reply::SharedDir, &[dir.as_raw_fd()])
            .map_err(|e| Errno::from_raw(e.raw_os_error().unwrap_or(libc::EIO)))
            .layer(LayerId::Mount, || "hand over the shared directory".into())?;
    }
    root.attach_proc()?;
    report.add(LayerId::Mount, root.enter(&host)?);
    report.add(LayerId::Pid, "own process tree, private /proc without init in it".into());
    report.add(LayerId::Ipc, "own System V and POSIX message queues".into());
    if !plan.off.contains(&LayerId::Uts) {
        nix::unistd::sethostname(&plan.hostname).layer(LayerId::Uts, || "set the host name".into())?;
    }
    report.add(LayerId::Uts, format!("host name `{}`", plan.hostname));
    report.add(LayerId::Cgroup, "own cgroup root".into());
    let (evidence, teller) = network.enter(plan, gateway)?;
    report.add(LayerId::Net, evidence);

    umask(Mode::S_IWGRP | Mode::S_IWOTH);

    // No way back from here.
    let (limits, degraded) = limits::set(plan)?;
    report.add_state(LayerId::Limits, limits, degraded);
    let confined = confine::confine(plan, &host, &writable, teller, &mut report)?;
    Ok((report.finish()?, confined))
}

/// Collects the report line of each layer as it is set up.
pub struct ReportBuilder<'a> {
    plan: &'a Plan,
    layers: Vec<LayerReport>,
}

impl<'a> ReportBuilder<'a> {
    fn new(plan: &'a Plan) -> Self {
        ReportBuilder { plan, layers: Vec::with_capacity(LayerId::ALL.len()) }
    }

    /// Records that a layer holds, unless it was switched off.
    pub fn add(&mut self, layer: LayerId, evidence: String) {
        self.add_as(layer, LayerState::Held(evidence));
    }

    /// Records how a layer stands; `degraded` says what is missing.
    pub fn add_state(&mut self, layer: LayerId, evidence: String, degraded: Option<String>) {
        self.add_as(layer, degraded.map_or(LayerState::Held(evidence), LayerState::Degraded));
    }

    /// Records how a layer stands that isn't switched off.
    pub fn add_as(&mut self, layer: LayerId, state: LayerState) {
        let state = if self.plan.off.contains(&layer) {
            LayerState::Off("by configuration".into())
        } else if layer == LayerId::Net && self.plan.network == crate::Network::Host {
            LayerState::Off("the host's network, by configuration".into())
        } else {
            state
        };
        self.layers.push(LayerReport { layer, state });
    }

    /// The whole report; an error where a layer holds less than the plan accepts, so that not even a
    /// command that was ordered ahead is run.
    fn finish(mut self) -> Result<Report, LayerError> {
        self.layers.sort_by_key(|l| l.layer);
        let report = Report { layers: self.layers };
        match unaccepted(&report, &self.plan.may_degrade) {
            None => Ok(report),
            Some(error) => Err(error),
        }
    }
}

/// The first layer that is degraded without leave.
fn unaccepted(report: &Report, may_degrade: &[LayerId]) -> Option<LayerError> {
    report.layers.iter().find_map(|line| match &line.state {
        LayerState::Degraded(why) if !may_degrade.contains(&line.layer) => {
            let mut error = LayerError::new(line.layer, "hold it in full", Errno::EOPNOTSUPP);
            error.remedy = Some(format!("{why}; to accept that, allow `{}` to be degraded", line.layer));
            Some(error)
        }
        _ => None,
    })
}

/// The working directory's descriptor constant as a borrowed descriptor: paths given with it that start
/// with `/` are looked up in the calling process's root.
fn here() -> BorrowedFd<'static> {
    nix::fcntl::AT_FDCWD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_degraded_layer_needs_leave() {
        let line = |layer, state| LayerReport { layer, state };
        let report = Report {
            layers: vec![
                line(LayerId::User, LayerState::Held("all".into())),
                line(LayerId::Net, LayerState::Off("by configuration".into())),
                line(LayerId::Landlock, LayerState::Weaker("ABI 2".into())),
                line(LayerId::Limits, LayerState::Degraded("rlimits only".into())),
            ],
        };
        assert!(unaccepted(&report, &[LayerId::Limits]).is_none());
        let error = unaccepted(&report, &[LayerId::Landlock]).unwrap();
        assert_eq!(error.layer, LayerId::Limits);
        assert!(error.remedy.unwrap().contains("rlimits only"));
    }
}
