//! The host that attacks are aimed at: a process of the same user that holds a canary in every place
//! where one process can find what belongs to another.

use std::ffi::CString;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram, UnixListener};
use std::thread;

use crate::outcome::{Attempt, Program, Step, Stop, argument};
use crate::{files, sockets};

pub const PROGRAMS: &[(&str, Program)] = &[("victim", victim)];

/// `victim DIRECTORY CANARY`: prints facts as `NAME=VALUE` lines and then `ready`, serves until its
/// standard input ends, and takes away what it left.
fn victim(args: &[String]) -> Attempt {
    let dir = std::path::PathBuf::from(argument(args, 0)?);
    let canary = argument(args, 1)?.as_bytes();
    let tag = format!("palisade-victim-{}", std::process::id());
    let fact = |name: &str, value: String| println!("{name}={value}");

    std::env::set_current_dir(&dir).step(dir.display())?;
    fact("PID", std::process::id().to_string());

    let memory: &'static [u8] = Box::leak(canary.to_vec().into_boxed_slice());
    let spare: &'static [u8] = Box::leak(Box::new([0; 64]));
    fact("ADDRESS", (memory.as_ptr() as usize).to_string());
    fact("SCRATCH", (spare.as_ptr() as usize).to_string());

    // Held open by a name that is gone: only through this process can it be read.
    let held = dir.join("held");
    std::fs::write(&held, canary).step("write a file")?;
    let _held = std::fs::File::open(&held).step("open a file")?;
    std::fs::remove_file(&held).step("remove a file")?;

    let file = dir.join("file");
    let handle = files::handle_of(&file.display().to_string()).unwrap_or_default();
    fact("HANDLE", handle.iter().map(|b| format!("{b:02x}")).collect());

    for (name, address) in [("TCP4", "127.0.0.1:0"), ("TCP6", "[::1]:0"), ("TCP_ANY", "0.0.0.0:0")] {
        let address = TcpListener::bind(address).map(|listener| {
            let address = listener.local_addr();
            thread::spawn(move || listener.incoming().flatten().for_each(|mut s| drop(s.write_all(memory))));
            address
        });
        fact(name, address.ok().and_then(Result::ok).map(|a| a.to_string()).unwrap_or_default());
    }
    let udp = UdpSocket::bind("127.0.0.1:0").step("bind")?;
    fact("UDP", udp.local_addr().step("address")?.to_string());
    thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((_, from)) = udp.recv_from(&mut buffer) {
            let _ = udp.send_to(memory, from);
        }
    });

    let abstract_name = format!("{tag}-stream");
    let address = UnixAddress::from_abstract_name(&abstract_name).step("name")?;
    serve(UnixListener::bind_addr(&address).step("bind")?, memory);
    fact("ABSTRACT", abstract_name);

    let datagram_name = format!("{tag}-datagram");
    let address = UnixAddress::from_abstract_name(&datagram_name).step("name")?;
    let datagrams = UnixDatagram::bind_addr(&address).step("bind")?;
    fact("ABSTRACT_DATAGRAM", datagram_name);
    thread::spawn(move || {
        let mut buffer = [0; 16];
        while let Ok((_, from)) = datagrams.recv_from(&mut buffer) {
            let _ = datagrams.send_to_addr(memory, &from);
        }
    });

    let socket = dir.join("socket");
    serve(UnixListener::bind(&socket).step("bind")?, memory);
    // As services for all users have it.
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o777)).step("open a socket to all")?;
    fact("SOCKET", socket.display().to_string());

    let text = |s: &str| CString::new(s).map_err(|e| Stop::Broken(e.to_string()));
    let queue = text(&tag)?;
    sockets::leave_queue(&queue, canary).step("leave a message queue")?;
    fact("QUEUE", tag.clone());
    let sysv_key = i64::from(std::process::id()) | 0x5041_0000;
    let sysv = sockets::leave_sysv(sysv_key, canary).step("leave a segment")?;
    fact("SEGMENT_KEY", sysv_key.to_string());
    let shared = std::path::Path::new("/dev/shm").join(&tag);
    std::fs::write(&shared, canary).step("leave shared memory")?;
    fact("SHARED", shared.display().to_string());
    let key = sockets::leave_key(&queue, canary).step("leave a key")?;
    fact("KEY", key.to_string());
    fact("KEY_NAME", tag);

    let master = nix::pty::posix_openpt(nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_NOCTTY)
        .step("open a terminal")?;
    nix::pty::grantpt(&master).step("grantpt")?;
    nix::pty::unlockpt(&master).step("unlockpt")?;
    fact("TERMINAL", nix::pty::ptsname_r(&master).step("ptsname")?);

    println!("ready");
    let _ = std::io::stdin().read(&mut [0]);
    sockets::sweep(&queue, sysv, key);
    let _ = std::fs::remove_file(shared);
    Ok("served".into())
}

/// Gives the canary to whoever connects.
fn serve(listener: UnixListener, canary: &'static [u8]) {
    thread::spawn(move || {
        listener.incoming().flatten().for_each(|mut stream| drop(stream.write_all(canary)))
    });
}
