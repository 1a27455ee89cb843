//! What a caller asks of a sandbox. A [`Spec`] is plain data: nothing happens before
//! [`Sandbox::create`](crate::Sandbox::create).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::report::LayerId;

/// Everything about one sandbox: what of the host it shows, what it may use, which layers hold it.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    pub(crate) hostname: String,
    pub(crate) binds: Vec<Bind>,
    pub(crate) workspace: Option<Workspace>,
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) shared_dir: Option<PathBuf>,
    pub(crate) network: Network,
    pub(crate) callers: bool,
    pub(crate) limits: Limits,
    pub(crate) stragglers: Stragglers,
    pub(crate) off: BTreeSet<LayerId>,
    pub(crate) may_degrade: BTreeSet<LayerId>,
    pub(crate) init_memory: InitMemory,
}

impl Default for Spec {
    fn default() -> Self {
        Spec::new()
    }
}

impl Spec {
    /// The default sandbox: the host's programs and libraries read-only, scratch space of its own, no
    /// network but its own loopback, every layer required.
    pub fn new() -> Self {
        Spec {
            hostname: "palisade".to_owned(),
            binds: Vec::new(),
            workspace: None,
            directories: Vec::new(),
            shared_dir: None,
            network: Network::None,
            callers: true,
            limits: Limits::default(),
            stragglers: Stragglers::Kill,
            off: BTreeSet::new(),
            may_degrade: BTreeSet::new(),
            init_memory: InitMemory::Fresh,
        }
    }

    /// The name that `hostname` prints inside.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = name.into();
        self
    }

    /// Shows one more path of the host.
    pub fn bind(mut self, bind: Bind) -> Self {
        self.binds.push(bind);
        self
    }

    /// Puts a tree of the host inside as the job's workspace.
    pub fn workspace(mut self, workspace: Workspace) -> Self {
        self.workspace = Some(workspace);
        self
    }

    /// Makes an empty directory at this path on the sandbox's own scratch file system: below `/home` or `/tmp`.
    pub fn directory(mut self, at: impl Into<PathBuf>) -> Self {
        self.directories.push(at.into());
        self
    }

    /// Makes a directory at this path on the sandbox's own scratch file system and keeps a handle for
    /// the caller: [`Sandbox::shared_dir`](crate::Sandbox::shared_dir).
    pub fn shared_dir(mut self, at: impl Into<PathBuf>) -> Self {
        self.shared_dir = Some(at.into());
        self
    }

    /// What the commands can reach.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Whether a gateway is told which process asks for what ([`Sightings`](crate::Sightings)). Each `connect(2)` of a
    /// command waits for init to have a look then. It has no say in what is reached.
    pub fn callers(mut self, told: bool) -> Self {
        self.callers = told;
        self
    }

    /// How much the commands may use.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Lowers the limit of one file's size to this where it is higher or there is none.
    pub fn limit_file_size(mut self, bytes: u64) -> Self {
        self.limits.file_size = Some(self.limits.file_size.map_or(bytes, |limit| limit.min(bytes)));
        self
    }

    /// What happens to processes that outlive the command that started them.
    pub fn stragglers(mut self, stragglers: Stragglers) -> Self {
        self.stragglers = stragglers;
        self
    }

    /// What memory init starts with.
    pub fn init_memory(mut self, memory: InitMemory) -> Self {
        self.init_memory = memory;
        self
    }

    /// Switches a layer off. The report says so; an administrator's decision, or a test's.
    pub fn without(mut self, layer: LayerId) -> Self {
        self.off.insert(layer);
        self
    }

    /// Lets a layer that this machine can't give in full hold in part. Without this, set-up fails.
    pub fn allow_degraded(mut self, layer: LayerId) -> Self {
        self.may_degrade.insert(layer);
        self
    }
}

/// What memory the sandbox's init starts with. No command can read it either way: init is undumpable, in
/// no Landlock domain below a command's, and not in the command's `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitMemory {
    /// None of the caller's: init is executed.
    Fresh,
    /// A copy of the caller's without its arguments and environment; half a millisecond faster. For a
    /// caller that holds no secret. Where the caller has more than one thread, init is executed all the
    /// same.
    Copied,
}

/// A path of the host that is shown inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    pub(crate) source: PathBuf,
    pub(crate) at: PathBuf,
    /// Nothing for one that can only be read.
    pub(crate) writable: Option<Access>,
    pub(crate) own: bool,
}

impl Bind {
    /// Shows `path` read-only, at the same path.
    pub fn read_only(path: impl Into<PathBuf>) -> Self {
        let source = path.into();
        Bind { at: source.clone(), source, writable: None, own: false }
    }

    /// Shows `path` writable, at the same path. What is written there stays on the host.
    pub fn read_write(path: impl Into<PathBuf>) -> Self {
        Bind { writable: Some(Access::Write), ..Bind::read_only(path) }
    }

    /// Shows the directory `path` as a copy, which has to appear below `/home` or `/tmp` ([`Bind::at`]): what is
    /// written there is kept in memory and vanishes with the sandbox. Where the kernel has no overlay for us, it can
    /// only be read. Where it belongs to another user, files that are there can't be changed, but new ones can be made
    /// beside them in its uppermost directories.
    pub fn copy(path: impl Into<PathBuf>) -> Self {
        Bind { writable: Some(Access::Copy), ..Bind::read_only(path) }
    }

    /// Shows what belongs to the path's owner as the sandbox's user's own, so that a privileged caller's private
    /// files can be read. It costs a third of a millisecond; where the file system can't do it, it has no effect.
    pub fn as_own(mut self) -> Self {
        self.own = true;
        self
    }

    /// Shows it at another path inside.
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.at = path.as_ref().to_owned();
        self
    }
}

/// The tree that a job works on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The tree on the host.
    pub source: PathBuf,
    /// Where it appears inside: an absolute path below `/home` or `/tmp`.
    pub at: PathBuf,
    /// Copy or the real thing.
    pub access: Access,
    /// Paths, relative to `source`, that are not shown. Only for [`Access::Copy`].
    pub hidden: Vec<PathBuf>,
    /// Files, relative to `source`, whose content inside is another than on the host. Only for
    /// [`Access::Copy`].
    pub replaced: Vec<(PathBuf, Vec<u8>)>,
}

/// How a tree that commands write in relates to that on the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Changes are kept in memory and vanish with the sandbox; the host's tree is never written.
    Copy,
    /// Changes go to the host's tree.
    Write,
}

/// What the commands can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// A loopback of their own, nothing else.
    None,
    /// A loopback of their own, and the names that a gateway's rules allow. The caller runs the gateway, with the
    /// sandbox's [`Inlet`](crate::Inlet); without one nothing is reached.
    Allow,
    /// As `Allow`, with a gateway that lets every public name through and records it.
    Audit,
    /// The host's network, all of it. The layer reports `off`.
    Host,
}

impl Network {
    /// Whether a gateway outside decides what is reached.
    pub fn has_gateway(self) -> bool {
        matches!(self, Network::Allow | Network::Audit)
    }
}

/// What happens to processes that outlive the command that started them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stragglers {
    /// They are killed as soon as the command has ended, and counted in its [`Exit`](crate::Exit).
    Kill,
    /// They live on until the sandbox ends.
    Keep,
}

/// How much the commands of a sandbox may use. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Size of the scratch file system, which holds the workspace's changes, `/home`, `/tmp` and
    /// `/dev/shm`; it lives in memory. Default: half of the machine's memory.
    pub disk: Option<u64>,
    /// Files and directories on the scratch file system.
    pub inodes: u64,
    /// Processes and threads at a time.
    pub processes: u64,
    /// Open descriptors of one process.
    pub open_files: u64,
    /// Memory of all processes together where a cgroup v2 is delegated to palisade; else private
    /// writable memory of each process (`RLIMIT_DATA`).
    pub memory: Option<u64>,
    /// Processor time, in processors (1.5 is one and a half); needs a delegated cgroup v2.
    pub cpus: Option<f64>,
    /// Size of one file.
    pub file_size: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            disk: None,
            inodes: 4_000_000,
            processes: 8192,
            open_files: 65_536,
            memory: None,
            cpus: None,
            file_size: None,
        }
    }
}
