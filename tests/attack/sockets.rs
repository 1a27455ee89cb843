//! The host's sockets, message queues, shared memory and keys, and the network beyond.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixStream};
use std::time::Duration;

use crate::outcome::{Attempt, Program, Step, Stop, argument, host, host_number, leak, void};
use crate::sys::{call, in_child, owned, shmat};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("tcp", tcp),
    ("udp", udp),
    ("abstract-stream", abstract_stream),
    ("abstract-datagram", abstract_datagram),
    ("path-socket", path_socket),
    ("route-out", route_out),
    ("interfaces", interfaces),
    ("socket", socket),
    ("socket-pair", socket_pair),
    ("posix-queue", posix_queue),
    ("sysv-memory", sysv_memory),
    ("sysv-queue", sysv_queue),
    ("add-key", add_key),
    ("read-key", read_key),
    ("request-key", request_key),
    ("write-terminal", write_terminal),
];

/// Nothing waits longer than this for an answer.
const PATIENCE: Option<Duration> = Some(Duration::from_secs(2));

fn stolen_from(mut stream: impl Read, what: &str) -> Attempt {
    let mut stolen = [0; 256];
    let count = stream.read(&mut stolen).step(what)?;
    leak(what, &stolen[..count])
}

/// `tcp NAME`: the listener at the address `HOST_<NAME>`.
fn tcp(args: &[String]) -> Attempt {
    let text = host(argument(args, 0)?)?;
    if text.is_empty() {
        return void("this machine has no such address");
    }
    let address: SocketAddr = text.parse().map_err(|e| Stop::Broken(format!("{text}: {e}")))?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE.unwrap_or_default()).step(&text)?;
    stream.set_read_timeout(PATIENCE).step(&text)?;
    stolen_from(stream, &text)
}

fn udp(_: &[String]) -> Attempt {
    let address = host("UDP")?;
    let socket = UdpSocket::bind("127.0.0.1:0").step("bind")?;
    socket.set_read_timeout(PATIENCE).step("set a time limit")?;
    socket.send_to(b"?", &address).step(format!("send to {address}"))?;
    let mut stolen = [0; 256];
    let count = socket.recv(&mut stolen).step(format!("receive from {address}"))?;
    leak(&address, &stolen[..count])
}

fn abstract_stream(_: &[String]) -> Attempt {
    let name = host("ABSTRACT")?;
    let address = UnixAddress::from_abstract_name(&name).step("name")?;
    let stream = UnixStream::connect_addr(&address).step(format!("connect to @{name}"))?;
    stream.set_read_timeout(PATIENCE).step("set a time limit")?;
    stolen_from(stream, &name)
}

fn abstract_datagram(_: &[String]) -> Attempt {
    let name = host("ABSTRACT_DATAGRAM")?;
    let own =
        UnixAddress::from_abstract_name(format!("palisade-attack-{}", std::process::id())).step("name")?;
    let socket = UnixDatagram::bind_addr(&own).step("bind")?;
    socket.set_read_timeout(PATIENCE).step("set a time limit")?;
    let address = UnixAddress::from_abstract_name(&name).step("name")?;
    socket.send_to_addr(b"?", &address).step(format!("send to @{name}"))?;
    let mut stolen = [0; 256];
    let count = socket.recv(&mut stolen).step("receive")?;
    leak(&name, &stolen[..count])
}

fn path_socket(_: &[String]) -> Attempt {
    let path = host("SOCKET")?;
    let stream = UnixStream::connect(&path).step(&path)?;
    stream.set_read_timeout(PATIENCE).step("set a time limit")?;
    stolen_from(stream, &path)
}

/// Connecting a datagram socket asks for a route and sends nothing; the address is for documentation.
fn route_out(_: &[String]) -> Attempt {
    let socket = UdpSocket::bind("0.0.0.0:0").step("bind")?;
    match socket.connect("203.0.113.1:9") {
        Ok(()) => Ok("there is a route".into()),
        Err(e) if e.raw_os_error() == Some(libc::ENETUNREACH) => void("there is no route to the world"),
        Err(e) => Err(e).step("connect"),
    }
}

/// Asks over route netlink for the machine's interfaces.
fn interfaces(_: &[String]) -> Attempt {
    let list = nix::net::if_::if_nameindex().step("list interfaces")?;
    let names: Vec<String> = list.iter().map(|i| i.name().to_string_lossy().into_owned()).collect();
    match names.iter().find(|n| *n != "lo") {
        Some(name) => Ok(format!("sees {name}")),
        None => void("there is only the loopback interface"),
    }
}

/// `socket DOMAIN TYPE PROTOCOL [in-user-namespace]`
fn socket(args: &[String]) -> Attempt {
    let number = |n| argument(args, n)?.parse::<i32>().map_err(|e| Stop::Broken(e.to_string()));
    let (domain, kind, protocol) = (number(0)?, number(1)?, number(2)?);
    let open = || match call!(SYS_socket, domain, kind, protocol) {
        Ok(_) => Ok(format!("opened a socket of family {domain}")),
        Err(e @ (nix::Error::EAFNOSUPPORT | nix::Error::EPROTONOSUPPORT | nix::Error::ESOCKTNOSUPPORT)) => {
            void(format!("socket of family {domain}: {e}"))
        }
        Err(e) => Err(e).step(format!("socket of family {domain}")),
    };
    match args.get(3) {
        None => open(),
        Some(_) => in_child(|| {
            use nix::sched::CloneFlags;
            nix::sched::unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).step("unshare")?;
            open()
        }),
    }
}

/// `socket-pair DOMAIN TYPE`: few families have pairs, but the kernel makes the sockets before it asks.
fn socket_pair(args: &[String]) -> Attempt {
    let number = |n| argument(args, n)?.parse::<i32>().map_err(|e| Stop::Broken(e.to_string()));
    let (domain, kind) = (number(0)?, number(1)?);
    match call!(SYS_socketpair, domain, kind, 0, &mut [0; 8][..]) {
        Ok(_) | Err(nix::Error::EOPNOTSUPP) => Ok(format!("the kernel made sockets of family {domain}")),
        Err(e @ nix::Error::EAFNOSUPPORT) => void(format!("family {domain}: {e}")),
        Err(e) => Err(e).step(format!("a pair of family {domain}")),
    }
}

fn posix_queue(_: &[String]) -> Attempt {
    let name = std::ffi::CString::new(host("QUEUE")?).map_err(|e| Stop::Broken(e.to_string()))?;
    let queue = owned(call!(SYS_mq_open, &*name, libc::O_RDONLY | libc::O_NONBLOCK, 0, 0).step("mq_open")?);
    let mut stolen = [0; 8192];
    let count = call!(SYS_mq_timedreceive, &queue, &mut stolen[..], 8192, 0, 0).step("mq_timedreceive")?;
    leak("message queue", &stolen[..count as usize])
}

/// The size of the victim's System V segment.
pub const SEGMENT: usize = 4096;

fn sysv_memory(_: &[String]) -> Attempt {
    let id = call!(SYS_shmget, host_number("SEGMENT_KEY")?, SEGMENT, 0).step("shmget")?;
    leak("shared memory", shmat(id, SEGMENT).step("shmat")?)
}

fn sysv_queue(_: &[String]) -> Attempt {
    let id = call!(SYS_msgget, host_number("SEGMENT_KEY")?, 0).step("msgget")?;
    let mut message = [0; 8 + 256];
    let flags = libc::IPC_NOWAIT | libc::MSG_COPY;
    let count = call!(SYS_msgrcv, id, &mut message[..], 256, 0, flags).step("msgrcv")?;
    leak("message queue", &message[8..8 + count as usize])
}

const USER_KEYRING: i32 = -4;

fn add_key(_: &[String]) -> Attempt {
    const PROCESS_KEYRING: i32 = -2;
    let key = call!(SYS_add_key, c"user", c"palisade-attack", c"x", 1, PROCESS_KEYRING).step("add_key")?;
    Ok(format!("made key {key}"))
}

/// The victim's key, by its number.
fn read_key(_: &[String]) -> Attempt {
    const READ: i32 = 11;
    let mut stolen = [0; 256];
    let count = call!(SYS_keyctl, READ, host_number("KEY")?, &mut stolen[..], 256).step("keyctl")?;
    leak("key", &stolen[..(count as usize).min(256)])
}

/// The victim's key, by its description.
fn request_key(_: &[String]) -> Attempt {
    let name = std::ffi::CString::new(host("KEY_NAME")?).map_err(|e| Stop::Broken(e.to_string()))?;
    call!(SYS_request_key, c"user", &*name, 0, USER_KEYRING).step("request_key")?;
    Ok("found the victim's key".into())
}

/// Writes to the victim's terminal by its number.
fn write_terminal(_: &[String]) -> Attempt {
    let path = host("TERMINAL")?;
    fs::OpenOptions::new().write(true).open(&path).step(&path)?;
    Ok(format!("opened {path} for writing"))
}

/// A key with a canary that its user may read, in the user's own keyring.
pub fn leave_key(name: &std::ffi::CStr, payload: &[u8]) -> Result<i64, nix::errno::Errno> {
    const SET_PERMISSIONS: i32 = 5;
    const POSSESSOR_AND_USER_ALL: i32 = 0x3f3f_0000;
    let key = call!(SYS_add_key, c"user", name, payload, payload.len(), USER_KEYRING)?;
    call!(SYS_keyctl, SET_PERMISSIONS, key, POSSESSOR_AND_USER_ALL)?;
    Ok(key)
}

/// A POSIX message queue with one message.
pub fn leave_queue(name: &std::ffi::CStr, payload: &[u8]) -> Result<(), nix::errno::Errno> {
    let queue = owned(call!(SYS_mq_open, name, libc::O_CREAT | libc::O_RDWR, 0o600, 0)?);
    call!(SYS_mq_timedsend, &queue, payload, payload.len(), 0, 0)?;
    std::mem::forget(queue);
    Ok(())
}

/// A System V segment and a queue under one key; gives their identifiers.
pub fn leave_sysv(key: i64, payload: &[u8]) -> Result<[i64; 2], nix::errno::Errno> {
    let segment = call!(SYS_shmget, key, SEGMENT, libc::IPC_CREAT | 0o600)?;
    shmat(segment, SEGMENT)?[..payload.len()].copy_from_slice(payload);
    let queue = call!(SYS_msgget, key, libc::IPC_CREAT | 0o600)?;
    let mut message = 1u64.to_ne_bytes().to_vec();
    message.extend_from_slice(payload);
    call!(SYS_msgsnd, queue, &message[..], payload.len(), libc::IPC_NOWAIT)?;
    Ok([segment, queue])
}

/// What no directory would clean up: the queue by name, segment and queue by identifier, the key.
pub fn sweep(queue: &std::ffi::CStr, [segment, messages]: [i64; 2], key: i64) {
    const INVALIDATE: i32 = 21;
    // Errors are of no interest: the process is about to end and has nobody to tell.
    let _ = call!(SYS_mq_unlink, queue);
    let _ = call!(SYS_shmctl, segment, libc::IPC_RMID, 0);
    let _ = call!(SYS_msgctl, messages, libc::IPC_RMID, 0);
    let _ = call!(SYS_keyctl, INVALIDATE, key);
}
