//! The harmless twins: what ordinary builds and tests do, close to what the attacks do, and must keep doing.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitStatus, waitpid};

use crate::files::scratch;
use crate::outcome::{Attempt, Program, Step, Stop, argument, prevented};
use crate::sockets;
use crate::sys::{address, call, fork, in_child, just_in_time, owned, words};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("own-files", own_files),
    ("own-tcp", own_tcp),
    ("own-udp", own_udp),
    ("own-sockets", own_sockets),
    ("own-child", own_child),
    ("own-tracee", own_tracee),
    ("own-threads", own_threads),
    ("own-terminal", own_terminal),
    ("own-code", own_code),
    ("own-memory-file", own_memory_file),
    ("own-queues", own_queues),
    ("own-segments", own_segments),
    ("own-shared-memory", own_shared_memory),
    ("own-devices", own_devices),
    ("own-proc", own_proc),
    ("own-events", own_events),
    ("own-sandbox", own_sandbox),
    ("own-limits", own_limits),
    ("say", say),
];

fn check(holds: bool, what: &str) -> Result<(), Stop> {
    if holds { Ok(()) } else { prevented(what) }
}

/// All that one does to files, in each place a job may write.
fn own_files(_: &[String]) -> Attempt {
    let dir = scratch()?;
    let path = |name: &str| dir.join(name);
    fs::write(path("a"), "a").step("write")?;
    OpenOptions::new().append(true).open(path("a")).and_then(|mut f| f.write_all(b"b")).step("append")?;
    fs::rename(path("a"), path("b")).step("rename")?;
    fs::hard_link(path("b"), path("c")).step("link")?;
    symlink("c", path("d")).step("symlink")?;
    check(fs::read(path("d")).step("read")? == b"ab", "the link leads elsewhere")?;
    fs::set_permissions(path("b"), fs::Permissions::from_mode(0o755)).step("chmod")?;
    nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).step("mkfifo")?;
    fs::create_dir_all(path("deep/er")).step("mkdir")?;
    fs::rename(path("b"), path("deep/er/b")).step("rename across directories")?;
    let file = OpenOptions::new().write(true).open(path("c")).step("open")?;
    file.set_len(1).step("truncate")?;
    file.lock().step("lock")?;
    file.sync_all().step("sync")?;
    fs::remove_dir_all(&dir).step("remove")?;
    Ok("files behave".into())
}

fn own_tcp(_: &[String]) -> Attempt {
    for address in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let listener = TcpListener::bind(address).step(format!("listen on {address}"))?;
        let port = listener.local_addr().step("address")?.port();
        let host = if address.starts_with('[') { "::1" } else { "127.0.0.1" };
        let mut client = TcpStream::connect((host, port)).step(format!("connect to {host}"))?;
        let (mut server, _) = listener.accept().step("accept")?;
        client.write_all(b"x").and_then(|()| server.read_exact(&mut [0])).step("talk")?;
    }
    Ok("its own listeners answer".into())
}

fn own_udp(_: &[String]) -> Attempt {
    let (a, b) = (UdpSocket::bind("127.0.0.1:0").step("bind")?, UdpSocket::bind("127.0.0.1:0").step("bind")?);
    a.send_to(b"x", b.local_addr().step("address")?).step("send")?;
    b.recv(&mut [0]).step("receive")?;
    Ok("its own datagrams arrive".into())
}

fn own_sockets(_: &[String]) -> Attempt {
    let (mut a, mut b) = UnixStream::pair().step("socketpair")?;
    a.write_all(b"x").and_then(|()| b.read_exact(&mut [0])).step("talk over a pair")?;
    let path = scratch()?.join("socket");
    let listener = UnixListener::bind(&path).step("bind a path")?;
    UnixStream::connect(&path).step("connect to a path")?;
    listener.accept().step("accept")?;
    let name =
        UnixAddress::from_abstract_name(format!("palisade-twin-{}", std::process::id())).step("name")?;
    let listener = UnixListener::bind_addr(&name).step("bind a name")?;
    UnixStream::connect_addr(&name).step("connect to a name")?;
    listener.accept().step("accept")?;
    Ok("its own sockets answer".into())
}

fn sleeping_child() -> Result<nix::unistd::Pid, Stop> {
    fork(|| {
        std::thread::sleep(std::time::Duration::from_secs(10));
        0
    })
    .step("fork")
}

fn ended_by(child: nix::unistd::Pid, signal: Signal) -> Result<(), Stop> {
    match waitpid(child, None).step("wait")? {
        WaitStatus::Signaled(_, s, _) if s == signal => Ok(()),
        status => prevented(format!("the child ended otherwise: {status:?}")),
    }
}

fn own_child(_: &[String]) -> Attempt {
    let child = sleeping_child()?;
    kill(child, Signal::SIGTERM).step("kill")?;
    ended_by(child, Signal::SIGTERM)?;
    let child = sleeping_child()?;
    let handle = owned(call!(SYS_pidfd_open, child.as_raw(), 0).step("pidfd_open")?);
    call!(SYS_pidfd_send_signal, &handle, libc::SIGKILL, 0, 0).step("pidfd_send_signal")?;
    ended_by(child, Signal::SIGKILL)?;
    Ok("its own children obey".into())
}

/// A debugger: attaches to a child and reads its memory.
fn own_tracee(_: &[String]) -> Attempt {
    let shared = b"at one address in both".to_vec();
    let child = sleeping_child()?;
    let attempt = (|| {
        call!(SYS_ptrace, libc::PTRACE_SEIZE, child.as_raw(), 0, 0).step("ptrace")?;
        let path = format!("/proc/{child}/mem");
        let mut read = vec![0; shared.len()];
        let mut memory = File::open(&path).step(&path)?;
        memory
            .seek(SeekFrom::Start(address(&shared)))
            .and_then(|_| memory.read_exact(&mut read))
            .step(&path)?;
        check(read == shared, "the child's memory is another's")?;
        Ok("traced its own child".into())
    })();
    kill(child, Signal::SIGKILL).step("kill")?;
    waitpid(child, None).step("wait")?;
    attempt
}

fn own_threads(_: &[String]) -> Attempt {
    let threads: Vec<_> = (0..16).map(|n| std::thread::Builder::new().spawn(move || n)).collect();
    for thread in threads {
        thread.step("start a thread")?.join().map_err(|_| Stop::Broken("a thread panicked".into()))?;
    }
    let cores = std::thread::available_parallelism().step("count processors")?;
    Ok(format!("threads run on {cores} processors"))
}

fn own_terminal(_: &[String]) -> Attempt {
    let mut master =
        nix::pty::posix_openpt(nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_NOCTTY).step("openpt")?;
    nix::pty::grantpt(&master).step("grantpt")?;
    nix::pty::unlockpt(&master).step("unlockpt")?;
    let name = nix::pty::ptsname_r(&master).step("ptsname")?;
    // A session leader that closes its controlling terminal is hung up.
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOCTTY);
    let mut terminal = options.open(&name).step(&name)?;
    terminal.write_all(b"x").and_then(|()| master.read_exact(&mut [0])).step("write to it")?;
    let mut size = [0; 8];
    call!(SYS_ioctl, terminal.as_raw_fd(), libc::TIOCGWINSZ, &mut size[..]).step("ask for its size")?;
    Ok(format!("opened {name}"))
}

fn own_code(_: &[String]) -> Attempt {
    match just_in_time().step("make code executable")? {
        42 => Ok("ran code that it wrote".into()),
        n => prevented(format!("the code answered {n}")),
    }
}

/// Runs a program that never was a file.
fn own_memory_file(_: &[String]) -> Attempt {
    let mut file = File::from(owned(call!(SYS_memfd_create, c"program", 0).step("memfd_create")?));
    let program = fs::read("/proc/self/exe").step("read the program")?;
    file.write_all(&program).step("write the copy")?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let status = Command::new(&path).args(["say", "hello"]).output().step("run the copy")?.status;
    check(status.success(), "the copy failed")?;
    Ok("ran a program from memory".into())
}

fn own_queues(_: &[String]) -> Attempt {
    let name = CString::new(format!("palisade-twin-{}", std::process::id()))
        .map_err(|e| Stop::Broken(e.to_string()))?;
    sockets::leave_queue(&name, b"x").step("POSIX message queue")?;
    call!(SYS_mq_unlink, &*name).step("mq_unlink")?;
    Ok("its own queues work".into())
}

fn own_segments(_: &[String]) -> Attempt {
    let [segment, queue] = sockets::leave_sysv(i64::from(std::process::id()), b"x").step("System V")?;
    call!(SYS_shmctl, segment, libc::IPC_RMID, 0).step("shmctl")?;
    call!(SYS_msgctl, queue, libc::IPC_RMID, 0).step("msgctl")?;
    Ok("its own segments work".into())
}

fn own_shared_memory(_: &[String]) -> Attempt {
    let path = format!("/dev/shm/palisade-twin-{}", std::process::id());
    fs::write(&path, "x").step(&path)?;
    fs::remove_file(&path).step(&path)?;
    Ok("has shared memory".into())
}

fn own_devices(_: &[String]) -> Attempt {
    OpenOptions::new().write(true).open("/dev/null").and_then(|mut f| f.write_all(b"x")).step("/dev/null")?;
    for path in ["/dev/zero", "/dev/random", "/dev/urandom", "/dev/full"] {
        File::open(path).and_then(|mut f| f.read_exact(&mut [0; 16])).step(path)?;
    }
    let full = OpenOptions::new().write(true).open("/dev/full").and_then(|mut f| f.write_all(b"x"));
    check(full.is_err(), "/dev/full took a byte")?;
    for path in ["/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr"] {
        fs::symlink_metadata(path).step(path)?;
    }
    Ok("devices behave".into())
}

fn own_proc(_: &[String]) -> Attempt {
    for path in [
        "self/maps",
        "self/status",
        "self/exe",
        "self/cmdline",
        "self/environ",
        "cpuinfo",
        "meminfo",
        "self/mountinfo",
    ] {
        let path = format!("/proc/{path}");
        File::open(&path).and_then(|mut f| f.read(&mut [0; 64])).step(&path)?;
    }
    let files = fs::read_dir("/proc/self/fd").step("/proc/self/fd")?.count();
    Ok(format!("/proc shows {files} descriptors"))
}

fn own_events(_: &[String]) -> Attempt {
    let epoll = owned(call!(SYS_epoll_create1, 0).step("epoll")?);
    let event = owned(call!(SYS_eventfd2, 1, 0).step("eventfd")?);
    let interest = [&1u32.to_ne_bytes()[..], &[0; 8]].concat();
    call!(SYS_epoll_ctl, &epoll, libc::EPOLL_CTL_ADD, &event, &interest[..]).step("epoll_ctl")?;
    let ready = call!(SYS_epoll_wait, &epoll, &mut [0; 12][..], 1, 1000).step("epoll_wait")?;
    check(ready == 1, "the event is not ready")?;
    let watch = owned(call!(SYS_inotify_init1, 0).step("inotify")?);
    call!(SYS_inotify_add_watch, &watch, c"/tmp", libc::IN_CREATE).step("inotify_add_watch")?;
    call!(SYS_timerfd_create, libc::CLOCK_MONOTONIC, 0).step("timerfd")?;
    call!(SYS_signalfd4, -1, &words(&[0])[..], 8, 0).step("signalfd")?;
    call!(SYS_membarrier, 0, 0, 0).step("membarrier")?;
    Ok("events arrive".into())
}

/// A program that confines itself further, as browsers and servers do.
fn own_sandbox(_: &[String]) -> Attempt {
    in_child(|| {
        call!(SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).step("no_new_privs")?;
        const EXECUTE: u64 = 1;
        let rules = call!(SYS_landlock_create_ruleset, &words(&[EXECUTE])[..], 8, 0).map(owned);
        match rules {
            Ok(rules) => {
                call!(SYS_landlock_restrict_self, &rules, 0).step("landlock_restrict_self").map(drop)?
            }
            Err(nix::Error::EOPNOTSUPP | nix::Error::ENOSYS) => {}
            Err(e) => return Err(e).step("landlock_create_ruleset"),
        }
        const RETURN_ALLOW: u64 = 0x06 | (libc::SECCOMP_RET_ALLOW as u64) << 32;
        let filter = words(&[RETURN_ALLOW]);
        let program = words(&[1, address(&filter)]);
        call!(SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &program[..]).step("seccomp")?;
        Ok("confined itself".into())
    })
}

fn own_limits(_: &[String]) -> Attempt {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    in_child(|| {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).step("getrlimit")?;
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard).step("raise the soft limit")?;
        setrlimit(Resource::RLIMIT_CORE, 0, 0).step("lower a limit")?;
        call!(SYS_setpriority, libc::PRIO_PROCESS, 0, 5).step("nice")?;
        Ok("limited itself".into())
    })
}

/// `say TEXT`
fn say(args: &[String]) -> Attempt {
    Ok(argument(args, 0)?.to_owned())
}
