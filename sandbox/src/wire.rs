//! What the caller's side and init say to each other: frames of postcard over a stream socket, each with
//! the descriptors that belong to it.
//!
//! | direction | message | descriptors |
//! | --- | --- | --- |
//! | → init | [`Request::Prepare`], of an init that is started ahead | none |
//! | → init | [`Request::Setup`] | the trees of [`Plan`], and init's end of the inlet if there is a gateway |
//! | ← init | [`Reply::SharedDir`], if the plan has one | the shared directory |
//! | ← init | [`Reply::Ready`] | none |
//! | → init | [`Request::Directory`], which ends init where it can't be made | none |
//! | → init | [`Request::Run`] | stdin, stdout, stderr, and a pipe for the [`Outcome`] |
//! | → init | [`Request::Signal`] | none |
//! | → init | [`Request::Terminal`] | a socket, on which init answers |
//! | ← init | [`Opened`] | the terminal's master side |
//! | → init | [`Request::Listen`] | a socket, on which init answers |
//! | ← init | [`Opened`] | a socket that listens |
//! | ← init, inlet | [`Standing`] | the name server's sockets: datagram, stream; where callers are told, if they are; files of what the network counts |
//! | → init, inlet | [`Wanted`] | none |
//! | ← init, inlet | [`Opened`] or [`Held`] | the sockets |

use std::ffi::{CString, OsString};
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::{Exit, Signal};
use crate::error::{LayerError, StartStage};
use crate::report::{LayerId, Report};
use crate::sightings::Holder;
use crate::spec::{Access, Limits, Network, Stragglers};

/// Largest frame: `execve(2)` takes no more than a quarter of 8 MiB of arguments and environment anyway.
const MAX_FRAME: usize = 16 << 20;
/// Most descriptors with one frame (the kernel's `SCM_MAX_FD` is 253).
const MAX_FDS: usize = MAX_TREES + 1;
/// Most trees of a [`Plan`].
pub const MAX_TREES: usize = 128;

#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    Prepare,
    Setup(Box<Plan>),
    Directory(PathBuf),
    Run(Run),
    Signal(Signal),
    Terminal,
    Listen,
}

/// Answer to [`Request::Terminal`], [`Request::Listen`] and [`Wanted::Sockets`]: an `errno` number where there is no descriptor with it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Opened(pub Option<i32>);

/// The first word to a gateway: the sandbox's network stands.
#[derive(Debug, Serialize, Deserialize)]
pub struct Standing {
    pub has_v6: bool,
    /// So many descriptors after the name server's are for hearing of callers: [`Ends`](crate::inside::witness::Ends).
    pub of_callers: u8,
}

/// What a gateway asks for.
#[derive(Debug, Serialize, Deserialize)]
pub enum Wanted {
    /// So many sockets of the sandbox's network.
    Sockets { family: Family, transport: Transport, count: u8 },
    /// Who has the socket with this inode.
    Holder(u64),
}

/// Answer to [`Wanted::Holder`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Held(pub Option<Box<Holder>>);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Family {
    V4,
    V6,
}

/// What carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Reply {
    SharedDir,
    Ready(Report),
    Failed(LayerError),
}

/// A [`Spec`](crate::Spec) with everything decided that only the host's side can decide.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    pub hostname: String,
    pub binds: Vec<PlannedBind>,
    pub workspace: Option<PlannedWorkspace>,
    pub directories: Vec<PathBuf>,
    pub shared_dir: Option<PathBuf>,
    pub network: Network,
    /// The gateway is told which process asks for what.
    pub callers: bool,
    pub limits: Limits,
    /// Bytes of the scratch file system.
    pub disk: u64,
    pub stragglers: Stragglers,
    pub off: Vec<LayerId>,
    pub may_degrade: Vec<LayerId>,
    /// Who the sandbox's one user is outside, and who says so to the kernel.
    pub identity: Identity,
    /// Report line of the limits layer's outer half: what the cgroup does.
    pub cgroup: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PlannedBind {
    pub source: Source,
    /// Absolute path inside.
    pub at: PathBuf,
    /// Nothing for one that can only be read.
    pub writable: Option<Access>,
}

/// The sandbox's one user as the host sees it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Identity {
    /// The caller: init maps itself, which needs no privilege.
    Caller { uid: u32, gid: u32 },
    /// An id of its own, which a privileged caller has mapped already; init has yet to become it.
    Own { id: u32 },
}

/// Where a tree comes from.
#[derive(Debug, Serialize, Deserialize)]
pub enum Source {
    /// Init clones it by path, with the caller's own rights.
    Path(CString),
    /// A detached mount, made by a privileged caller: index among the frame's descriptors.
    Detached(usize),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PlannedWorkspace {
    pub source: Source,
    pub at: PathBuf,
    pub access: Access,
    pub hidden: Vec<CString>,
    pub replaced: Vec<(CString, Vec<u8>)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Run {
    pub what: What,
    /// Without argument zero.
    pub args: Vec<CString>,
    pub env: Vec<CString>,
    pub current_dir: CString,
    pub terminal: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum What {
    /// A path, or a name to look up.
    Program(CString),
    /// A function of this binary.
    Builtin(String),
}

/// What became of a [`Run`], written to its own pipe.
#[derive(Debug, Serialize, Deserialize)]
pub enum Outcome {
    Ended(Exit),
    NotStarted { stage: StartStage, errno: i32 },
}

/// A C string from what a caller gave, or the name of what has a NUL in it.
pub fn c_string(what: &str, value: OsString) -> Result<CString, crate::Error> {
    use std::os::unix::ffi::OsStringExt;
    CString::new(value.into_vec()).map_err(|e| {
        let shown = String::from_utf8_lossy(&e.into_vec()).chars().take(40).collect::<String>();
        crate::Error::Spec(format!("{what} `{}…` holds a NUL byte", shown.escape_debug()))
    })
}

/// Sends one frame.
pub fn send<M: Serialize>(socket: &UnixStream, message: &M, fds: &[RawFd]) -> io::Result<()> {
    let mut frame = postcard::to_extend(message, vec![0u8; 4]).map_err(io::Error::other)?;
    let length = frame.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::other(format!(
            "a message of {length} bytes is over the limit of {MAX_FRAME}"
        )));
    }
    frame[..4].copy_from_slice(&(length as u32).to_le_bytes());
    let rights = [ControlMessage::ScmRights(fds)];
    let control: &[ControlMessage<'_>] = if fds.is_empty() { &[] } else { &rights };
    let sent = loop {
        let parts = [IoSlice::new(&frame)];
        match sendmsg::<()>(socket.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None) {
            Err(nix::errno::Errno::EINTR) => {}
            other => break other?,
        }
    };
    (&*socket).write_all(&frame[sent..])
}

/// Receives one frame, or `None` where the other side is gone.
pub fn receive<M: DeserializeOwned>(socket: &UnixStream) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    let mut header = [0u8; 4];
    let (got, fds) = beginning(socket, &mut header, MsgFlags::empty())?;
    if got == 0 {
        return Ok(None);
    }
    let mut socket = socket;
    socket.read_exact(&mut header[got..])?;
    let length = u32::from_le_bytes(header) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::other(format!(
            "a message of {length} bytes is over the limit of {MAX_FRAME}"
        )));
    }
    let mut frame = vec![0u8; length];
    socket.read_exact(&mut frame)?;
    Ok(Some((postcard::from_bytes(&frame).map_err(io::Error::other)?, fds)))
}

/// Waits for a frame of a few bytes, which stays where it is, and gives copies of its descriptors; `None` where the other side
/// is gone.
pub fn peek<M: DeserializeOwned>(socket: &UnixStream) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
    let mut frame = [0; 64];
    let (got, fds) = beginning(socket, &mut frame, MsgFlags::MSG_PEEK)?;
    match got {
        0 => Ok(None),
        _ => Ok(Some((postcard::from_bytes(&frame[4..]).map_err(io::Error::other)?, fds))),
    }
}

/// The beginning of a frame, and its descriptors.
fn beginning(socket: &UnixStream, into: &mut [u8], flags: MsgFlags) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut fds = Vec::new();
    loop {
        let mut space = cmsg_space!([RawFd; MAX_FDS]);
        let mut parts = [IoSliceMut::new(into)];
        let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
        match recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Err(nix::errno::Errno::EINTR) => {}
            Err(nix::errno::Errno::ECONNRESET) => return Ok((0, fds)),
            Err(e) => return Err(e.into()),
            Ok(message) => {
                for control in message.cmsgs()? {
                    if let ControlMessageOwned::ScmRights(raw) = control {
                        // SAFETY: the kernel has just installed these descriptors for us.
                        fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
                    }
                }
                return Ok((message.bytes, fds));
            }
        }
    }
}
