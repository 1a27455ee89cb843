//! The user's terminal and process group, and the wrappers that give an attack one of its own.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, setpgid, setsid};

use crate::outcome::{Attempt, Program, Step, any, prevented, void};
use crate::sys::{call, fork};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("push-input", push_input),
    ("push-input-high-bits", push_input_high_bits),
    ("console-paste", console_paste),
    ("line-discipline", line_discipline),
    ("around-terminal", around_terminal),
    ("around-group", around_group),
];

fn push(request: u64) -> Attempt {
    let terminal = OpenOptions::new().read(true).open("/dev/tty");
    let tty = terminal.as_ref().map(|t| t.as_raw_fd()).ok();
    any([Some(0), tty].into_iter().flatten(), |fd| {
        call!(SYS_ioctl, fd, request, &b"x"[..]).step(format!("TIOCSTI on descriptor {fd}"))?;
        Ok("typed on the user's terminal".into())
    })
}

fn push_input(_: &[String]) -> Attempt {
    push(libc::TIOCSTI)
}

/// The kernel looks at 32 bits of the request; a filter that compares 64 misses this one (CVE-2019-10063).
fn push_input_high_bits(_: &[String]) -> Attempt {
    push(libc::TIOCSTI | 1 << 32)
}

/// The console's own interface, of which this asks only for the state of its shift keys.
fn console_paste(_: &[String]) -> Attempt {
    const GET_SHIFT_STATE: u8 = 6;
    let opened: Vec<_> = ["/dev/tty1", "/dev/tty0"]
        .iter()
        .filter_map(|p| OpenOptions::new().read(true).open(p).ok())
        .collect();
    any([0].into_iter().chain(opened.iter().map(|f| f.as_raw_fd())), |fd| {
        let mut state = [GET_SHIFT_STATE];
        match call!(SYS_ioctl, fd, libc::TIOCLINUX, &mut state[..]) {
            Ok(_) => Ok("spoke to the console".into()),
            Err(nix::Error::ENOTTY) => void("this machine has no console"),
            Err(e) => Err(e).step(format!("TIOCLINUX on descriptor {fd}")),
        }
    })
}

/// A terminal of its own whose bytes go through another part of the kernel; this one drops them all.
fn line_discipline(_: &[String]) -> Attempt {
    const TIOCSETD: u64 = 0x5423;
    const N_NULL: [u8; 4] = 27i32.to_ne_bytes();
    let master =
        posix_openpt(nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_NOCTTY).step("open a terminal")?;
    grantpt(&master).step("grantpt")?;
    unlockpt(&master).step("unlockpt")?;
    let path = ptsname_r(&master).step("ptsname")?;
    let terminal =
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(&path).step(&path)?;
    match call!(SYS_ioctl, terminal.as_raw_fd(), TIOCSETD, &N_NULL[..]) {
        Ok(_) => Ok("put another line discipline behind a terminal".into()),
        Err(e @ nix::Error::EINVAL) => void(format!("this kernel has no such line discipline: {e}")),
        Err(e) => Err(e).step("TIOCSETD"),
    }
}

/// `around-terminal COMMAND…`: runs a command as the leader of a session with a terminal of its own as
/// standard input. What the command says of its outcome is what counts.
fn around_terminal(args: &[String]) -> Attempt {
    let master =
        posix_openpt(nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_NOCTTY).step("open a terminal")?;
    grantpt(&master).step("grantpt")?;
    unlockpt(&master).step("unlockpt")?;
    let name = ptsname_r(&master).step("ptsname")?;
    let child = fork(|| {
        let enter = || -> std::io::Result<i64> {
            setsid()?;
            // The first terminal that a session leader opens becomes its controlling one.
            let terminal = OpenOptions::new().read(true).write(true).open(&name)?;
            Ok(call!(SYS_dup2, terminal.as_raw_fd(), 0)?)
        };
        match enter() {
            Ok(_) => println!("outcome: broken: {}", Command::new(&args[0]).args(&args[1..]).exec()),
            Err(e) => println!("outcome: broken: no controlling terminal: {e}"),
        }
        3
    })
    .step("fork")?;
    finish_like(child)
}

static SIGNALLED: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: libc::c_int) {
    SIGNALLED.store(true, Ordering::SeqCst);
}

/// `around-group COMMAND…`: runs a command in a process group of this process's own, and tells whether
/// a signal came back to the group.
fn around_group(args: &[String]) -> Attempt {
    setpgid(Pid::from_raw(0), Pid::from_raw(0)).step("setpgid")?;
    crate::sys::handle(Signal::SIGURG, note).step("sigaction")?;
    let status = Command::new(&args[0]).args(&args[1..]).status().step(&args[0])?;
    match SIGNALLED.load(Ordering::SeqCst) {
        true => Ok("a signal reached the process that started it".into()),
        false => prevented(format!("no signal came; the command ended with {status}")),
    }
}

fn finish_like(child: Pid) -> ! {
    let code = match nix::sys::wait::waitpid(child, None) {
        Ok(nix::sys::wait::WaitStatus::Exited(_, code)) => code,
        Ok(nix::sys::wait::WaitStatus::Signaled(_, signal, _)) => 128 + signal as i32,
        _ => 3,
    };
    std::process::exit(code)
}
