//! The limits layer's outer half: a cgroup v2 of the sandbox's own, where the host delegates one to this
//! process (a systemd service with `Delegate=yes`). Other hierarchies are left alone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use crate::spec::Limits;

/// Period of the processor quota in microseconds: the kernel's default (`Documentation/admin-guide/
/// cgroup-v2.rst`, `cpu.max`).
const PERIOD: u64 = 100_000;

/// How often a sandbox reached limits of all its processes together; never, where no cgroup holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Processes that the kernel ended since there was no memory left for them.
    pub killed: u64,
    /// Processes and threads that weren't started since there were as many as may be.
    pub refused: u64,
}

/// A cgroup made for one sandbox; removed when dropped, after its processes have ended.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// Makes a cgroup below the caller's own, with these limits, and moves init there. `None` where
    /// nothing is delegated.
    pub fn create(init: Pid, limits: &Limits) -> io::Result<Option<Self>> {
        let Some(parent) = delegated(Some(init)) else { return Ok(None) };
        let path = parent.join(format!("{PREFIX}{init}"));
        fs::create_dir(&path)?;
        let cgroup = Cgroup { path };
        cgroup.write("pids.max", &limits.processes.to_string())?;
        if let Some(memory) = limits.memory {
            cgroup.write("memory.max", &memory.to_string())?;
            // A disk is slower than an end. Kernels without swap don't have the file.
            let _ = cgroup.write("memory.swap.max", "0");
        }
        if let Some(cpus) = limits.cpus {
            cgroup.write("cpu.max", &format!("{} {PERIOD}", (cpus * PERIOD as f64) as u64))?;
        }
        cgroup.write("cgroup.procs", &init.to_string())?;
        Ok(Some(cgroup))
    }

    /// What it limits, for the report.
    pub fn evidence(&self, limits: &Limits) -> String {
        let memory = limits.memory.map_or("unlimited".to_owned(), |m| format!("{} MiB", m >> 20));
        let cpus = limits.cpus.map_or("unlimited".to_owned(), |c| c.to_string());
        format!("cgroup v2: memory {memory}, processors {cpus}, pids {}", limits.processes)
    }

    /// How often its limits were reached until now.
    pub fn reached(&self) -> Reached {
        // `memory.events` and `pids.events`, a name and a number a line.
        let count = |file: &str, name: &str| {
            let text = fs::read_to_string(self.path.join(file)).unwrap_or_default();
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok()).unwrap_or(0)
        };
        Reached { killed: count("memory.events", "oom_kill "), refused: count("pids.events", "max ") }
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        let path = self.path.join(file);
        fs::write(&path, value)
            .map_err(|e| io::Error::new(e.kind(), format!("write `{value}` to `{}`: {e}", path.display())))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Fails only while a process is in it; then the next sandbox of this service tidies up.
        let _ = fs::remove_dir(&self.path);
    }
}

/// The cgroup below which this process may make others with all three controllers; what an earlier
/// process left there is removed.
fn delegated(init: Option<Pid>) -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = Path::new("/sys/fs/cgroup").join(path);
    // The controllers are enabled on the parent of the cgroup that palisade's own processes sit in, since
    // a cgroup with controllers for children holds no process itself.
    let parent = if own.ends_with(SUPERVISOR) { own.parent()?.to_owned() } else { own };
    if !usable(&parent) && !prepare(&parent, init) {
        return None;
    }
    for entry in fs::read_dir(&parent).ok()?.flatten() {
        let name = entry.file_name();
        let init = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        // Another process may be about to move its init there.
        if init.is_some_and(|init| kill(Pid::from_raw(init), None) == Err(Errno::ESRCH)) {
            let _ = fs::remove_dir(entry.path());
        }
    }
    Some(parent)
}

/// Has this process make way for the cgroups of sandboxes, those of processes that it starts included, which
/// find the way made; one that isn't the only process of its cgroup can't. Tells whether sandboxes will have cgroups.
pub fn make_way() -> bool {
    delegated(None).is_some()
}

/// What the names of sandboxes' cgroups begin with; their init's number follows.
const PREFIX: &str = "palisade-";

/// The cgroup that palisade moves itself to inside its delegated one.
const SUPERVISOR: &str = "supervisor";

fn usable(cgroup: &Path) -> bool {
    let enabled = fs::read_to_string(cgroup.join("cgroup.subtree_control")).unwrap_or_default();
    ["memory", "pids", "cpu"].iter().all(|c| enabled.split_whitespace().any(|e| e == *c))
        && nix::unistd::access(cgroup, nix::unistd::AccessFlags::W_OK).is_ok()
}

/// Moves this process and an init that it has started out of the way and enables the controllers; only where nobody else
/// is in the cgroup, and it is marked as delegated.
fn prepare(cgroup: &Path, init: Option<Pid>) -> bool {
    let ours: Vec<String> = init.into_iter().chain([Pid::this()]).map(|pid| pid.to_string()).collect();
    let alone = fs::read_to_string(cgroup.join("cgroup.procs"))
        .is_ok_and(|procs| procs.lines().all(|pid| ours.iter().any(|own| own == pid)));
    if !alone || !marked_delegated(cgroup) {
        return false;
    }
    let supervisor = cgroup.join(SUPERVISOR);
    let made = fs::create_dir(&supervisor).or_else(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(e),
    });
    let move_there = |pid: &String| fs::write(supervisor.join("cgroup.procs"), pid);
    made.and_then(|()| ours.iter().try_for_each(move_there))
        .and_then(|()| fs::write(cgroup.join("cgroup.subtree_control"), "+memory +pids +cpu"))
        .is_ok()
}

/// systemd marks what it delegates by an extended attribute (<https://systemd.io/CGROUP_DELEGATION/>).
fn marked_delegated(cgroup: &Path) -> bool {
    ["trusted.delegate", "user.delegate"].iter().any(|name| crate::sys::restrict::has_attribute(cgroup, name))
}
