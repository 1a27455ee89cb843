//! Other processes: what they hold, and what can be done to them.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;

use crate::outcome::{
    Attempt, Program, Step, Stop, any, argument, gather, host, host_number, leak, prevented, void,
};
use crate::sys::{Arg, address, call, owned, words};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("others", others),
    ("others-memory", others_memory),
    ("others-descriptors", others_descriptors),
    ("target-descriptors", target_descriptors),
    ("target-file", target_file),
    ("target-arguments", target_arguments),
    ("target-memory", target_memory),
    ("target-write-memory", target_write_memory),
    ("target-executable", target_executable),
    ("target-oom-score", target_oom_score),
    ("ptrace", ptrace),
    ("vm-read", vm_read),
    ("vm-write", vm_write),
    ("pidfd-getfd", pidfd_getfd),
    ("pidfd-namespaces", pidfd_namespaces),
    ("process-madvise", process_madvise),
    ("kcmp", kcmp),
    ("move-pages", move_pages),
    ("set-limit", set_limit),
    ("signal", signal),
    ("signal-own-group", signal_own_group),
];

/// The process to attack: a victim of the same user outside, the sandbox's init inside.
fn target() -> Result<i64, Stop> {
    host_number("TARGET")
}

fn other_processes() -> Result<Vec<String>, Stop> {
    let own = std::process::id().to_string();
    let names = fs::read_dir("/proc").step("/proc")?;
    Ok(names
        .filter_map(|e| e.ok()?.file_name().into_string().ok())
        .filter(|n| n.bytes().all(|b| b.is_ascii_digit()) && *n != own)
        .collect())
}

/// The beginning of a file: a canary stands in short ones, and others hold disks open.
fn steal(path: String) -> Attempt {
    const MOST: u64 = 1 << 20;
    let mut stolen = Vec::new();
    File::open(&path).and_then(|file| file.take(MOST).read_to_end(&mut stolen)).step(&path)?;
    leak(&path, &stolen)
}

/// `others PATH`: a path below the directory of each other process, with `%` for the host's file.
fn others(args: &[String]) -> Attempt {
    let below = argument(args, 0)?.replace('%', &host("FILE")?);
    gather(other_processes()?, |pid| steal(format!("/proc/{pid}/{below}")))
}

fn read_memory(pid: &str, address: u64) -> Attempt {
    let path = format!("/proc/{pid}/mem");
    let mut stolen = [0; 64];
    let mut memory = File::open(&path).step(&path)?;
    memory.seek(SeekFrom::Start(address)).and_then(|_| memory.read(&mut stolen)).step(&path)?;
    leak(&path, &stolen)
}

fn others_memory(_: &[String]) -> Attempt {
    let address = host_number("ADDRESS")? as u64;
    gather(other_processes()?, |pid| read_memory(&pid, address))
}

fn others_descriptors(_: &[String]) -> Attempt {
    gather(other_processes()?, |pid| {
        let dir = format!("/proc/{pid}/fd");
        gather(fs::read_dir(&dir).step(&dir)?, |entry| {
            let path = entry.step(&dir)?.path();
            // A pipe or a terminal would block.
            match fs::metadata(&path).step(path.display())?.is_file() {
                true => steal(path.display().to_string()),
                false => prevented(format!("{} is no file", path.display())),
            }
        })
    })
}

fn target_descriptors(_: &[String]) -> Attempt {
    let dir = format!("/proc/{}/fd", target()?);
    let count = fs::read_dir(&dir).step(&dir)?.count();
    Ok(format!("{dir} shows {count} descriptors"))
}

/// `target-file NAME`: reads a file in the target's directory that only its owner may read.
fn target_file(args: &[String]) -> Attempt {
    let path = format!("/proc/{}/{}", target()?, argument(args, 0)?);
    let mut byte = [0; 1];
    let count = File::open(&path).and_then(|mut f| f.read(&mut byte)).step(&path)?;
    match count {
        0 => prevented(format!("{path} is empty")),
        _ => Ok(format!("read {path}")),
    }
}

fn target_arguments(_: &[String]) -> Attempt {
    steal(format!("/proc/{}/cmdline", target()?))
}

/// Where the target's code begins: where this program's does, since the same linker laid out the static
/// binaries of this program, the victim and palisade.
fn code() -> Result<u64, Stop> {
    let path = "/proc/self/maps";
    let maps = fs::read_to_string(path).step(path)?;
    let start = maps.split('-').next().and_then(|start| u64::from_str_radix(start, 16).ok());
    start.ok_or_else(|| Stop::Broken(format!("{path} begins with no address")))
}

fn target_memory(_: &[String]) -> Attempt {
    let path = format!("/proc/{}/mem", target()?);
    let mut byte = [0; 1];
    let mut memory = File::open(&path).step(&path)?;
    memory.seek(SeekFrom::Start(code()?)).and_then(|_| memory.read_exact(&mut byte)).step(&path)?;
    Ok(format!("read {path}"))
}

fn target_write_memory(_: &[String]) -> Attempt {
    let path = format!("/proc/{}/mem", target()?);
    OpenOptions::new().write(true).open(&path).step(&path)?;
    Ok(format!("opened {path} for writing"))
}

/// The first half of the runC escape of 2019: a descriptor of the sandbox's own binary that could be
/// opened for writing once the binary isn't running any more.
fn target_executable(_: &[String]) -> Attempt {
    let path = format!("/proc/{}/exe", target()?);
    let program = File::open(&path).step(&path)?;
    let again = format!("/proc/self/fd/{}", program.as_raw_fd());
    match OpenOptions::new().append(true).open(&again) {
        Ok(_) => Ok(format!("{path} can be written")),
        Err(e) if e.raw_os_error() == Some(libc::ETXTBSY) => {
            Ok(format!("{path} can be written once it ended"))
        }
        Err(e) => Err(e).step(format!("write {path}")),
    }
}

fn target_oom_score(_: &[String]) -> Attempt {
    let path = format!("/proc/{}/oom_score_adj", target()?);
    fs::write(&path, "1000").step(&path)?;
    Ok(format!("wrote {path}"))
}

fn ptrace(_: &[String]) -> Attempt {
    call!(SYS_ptrace, libc::PTRACE_SEIZE, target()?, 0, 0).step("ptrace")?;
    Ok("traces the target".into())
}

fn vm_call(number: libc::c_long, remote_address: u64, local: &mut [u8]) -> Result<i64, Stop> {
    let local_vector = words(&[address(local), local.len() as u64]);
    let remote_vector = words(&[remote_address, local.len() as u64]);
    let mut args =
        [target()?.into(), Arg::In(&local_vector), 1.into(), Arg::In(&remote_vector), 1.into(), 0.into()];
    crate::sys::raw(number, &mut args).step("process_vm")
}

fn vm_read(_: &[String]) -> Attempt {
    vm_call(libc::SYS_process_vm_readv, code()?, &mut [0; 8])?;
    Ok("read the target's memory".into())
}

/// Writes where the victim has a byte to spare; there is no such place in init, but it must not come to that.
fn vm_write(_: &[String]) -> Attempt {
    vm_call(libc::SYS_process_vm_writev, host_number("SCRATCH")? as u64, &mut [1])?;
    Ok("wrote the target's memory".into())
}

fn pidfd(pid: i64) -> Result<std::os::fd::OwnedFd, Stop> {
    call!(SYS_pidfd_open, pid, 0).step("pidfd_open").map(owned)
}

fn pidfd_getfd(_: &[String]) -> Attempt {
    let process = pidfd(target()?)?;
    any(0..64, |fd| {
        call!(SYS_pidfd_getfd, &process, fd, 0).step("pidfd_getfd")?;
        Ok(format!("took descriptor {fd} of the target"))
    })
}

/// The target's namespaces, which since Linux 6.11 a descriptor of the process gives, without `/proc`.
fn pidfd_namespaces(_: &[String]) -> Attempt {
    /// `PIDFD_GET_CGROUP_NAMESPACE` to `PIDFD_GET_UTS_NAMESPACE` of `linux/pidfd.h`.
    const GET_NAMESPACE: std::ops::RangeInclusive<u64> = 0xff01..=0xff0a;
    let process = pidfd(target()?)?;
    any(GET_NAMESPACE, |request| match call!(SYS_ioctl, &process, request, 0) {
        Ok(_) => Ok("took a namespace of the target".into()),
        Err(nix::Error::ENOTTY) => void("this kernel's process descriptors give no namespaces"),
        Err(e) => Err(e).step("ask a process descriptor for a namespace"),
    })
}

fn process_madvise(_: &[String]) -> Attempt {
    let process = pidfd(target()?)?;
    let vector = words(&[code()?, 4096]);
    call!(SYS_process_madvise, &process, &vector[..], 1, libc::MADV_COLD, 0).step("process_madvise")?;
    Ok("advised on the target's memory".into())
}

fn kcmp(_: &[String]) -> Attempt {
    const VM: i32 = 1;
    call!(SYS_kcmp, std::process::id(), target()?, VM, 0, 0).step("kcmp")?;
    Ok("compared kernel objects with the target".into())
}

fn move_pages(_: &[String]) -> Attempt {
    call!(SYS_move_pages, target()?, 0, 0, 0, 0, 0).step("move_pages")?;
    Ok("could move the target's pages".into())
}

/// Sets a limit of the target to what it is.
fn set_limit(_: &[String]) -> Attempt {
    let mut old = words(&[0, 0]);
    call!(SYS_prlimit64, target()?, libc::RLIMIT_NOFILE, 0, &mut old[..]).step("prlimit64")?;
    call!(SYS_prlimit64, target()?, libc::RLIMIT_NOFILE, &old[..], 0).step("prlimit64")?;
    Ok("set the target's limit".into())
}

/// `signal HOW`: a signal that is ignored by default, to the victim by its number on the host.
fn signal(args: &[String]) -> Attempt {
    let victim = host_number("PID")?;
    let how = argument(args, 0)?;
    match how {
        "kill" => call!(SYS_kill, victim, libc::SIGURG),
        "tgkill" => call!(SYS_tgkill, victim, victim, libc::SIGURG),
        "sigqueue" => {
            // SI_QUEUE in si_code; the rest of the 128 bytes is the sender and a value, both zero.
            let mut info = crate::sys::halves(&[libc::SIGURG as u32, 0, libc::SI_QUEUE as u32]);
            info.resize(128, 0);
            call!(SYS_rt_sigqueueinfo, victim, libc::SIGURG, &info[..])
        }
        "pidfd" => call!(SYS_pidfd_send_signal, &pidfd(victim)?, libc::SIGURG, 0, 0),
        other => return Err(Stop::Broken(format!("no signal is sent by `{other}`"))),
    }
    .step(how)?;
    Ok(format!("signalled process {victim} by {how}"))
}

/// To the own process group, in which the sandbox's starter may still be. It tells whether it noticed.
fn signal_own_group(_: &[String]) -> Attempt {
    call!(SYS_kill, 0, libc::SIGURG).step("kill")?;
    prevented("nobody outside had been in this process group")
}
