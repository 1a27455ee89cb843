//! The kernel's wide or privileged interfaces: what a job has no business with.

use std::fs::{self, OpenOptions};
use std::io::Write;

use nix::errno::Errno;

use crate::files::scratch;
use crate::outcome::{Attempt, Program, Step, any, argument, prevented, privileged, void};
use crate::sys::{address, call, halves, in_child, words};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("bpf-map", bpf_map),
    ("bpf-program", bpf_program),
    ("io-uring", io_uring),
    ("perf-event", perf_event),
    ("userfaultfd", userfaultfd),
    ("kexec", kexec),
    ("kexec-file", kexec_file),
    ("init-module", init_module),
    ("finit-module", finit_module),
    ("delete-module", delete_module),
    ("reboot", reboot),
    ("settimeofday", settimeofday),
    ("clock-settime", clock_settime),
    ("adjtimex", adjtimex),
    ("sethostname", sethostname),
    ("setdomainname", setdomainname),
    ("syslog", syslog),
    ("lookup-dcookie", lookup_dcookie),
    ("personality", personality),
    ("modify-ldt", modify_ldt),
    ("iopl", iopl),
    ("ioperm", ioperm),
    ("sysctl", sysctl),
    ("write-file", write_file),
    ("kernel-addresses", kernel_addresses),
    ("cgroup-write", cgroup_write),
    ("int80", int80),
    ("x32", x32),
    ("i386-program", i386_program),
];

fn bpf_map(_: &[String]) -> Attempt {
    const MAP_CREATE: i32 = 0;
    const ARRAY: u32 = 2;
    let mut attributes = halves(&[ARRAY, 4, 8, 1]);
    attributes.resize(72, 0);
    call!(SYS_bpf, MAP_CREATE, &attributes[..], attributes.len()).step("bpf")?;
    Ok("made a map".into())
}

fn bpf_program(_: &[String]) -> Attempt {
    const PROG_LOAD: i32 = 5;
    const SOCKET_FILTER: u32 = 1;
    // r0 = 0; exit
    let program = words(&[0xb7, 0x95]);
    let license = c"GPL".to_bytes_with_nul();
    let mut attributes = halves(&[SOCKET_FILTER, 2]);
    attributes.extend(words(&[address(&program), address(license)]));
    attributes.resize(72, 0);
    call!(SYS_bpf, PROG_LOAD, &attributes[..], attributes.len()).step("bpf")?;
    Ok("loaded a program".into())
}

fn io_uring(_: &[String]) -> Attempt {
    call!(SYS_io_uring_setup, 1, &mut [0; 120][..]).step("io_uring_setup")?;
    Ok("set up a ring".into())
}

fn perf_event(_: &[String]) -> Attempt {
    const SOFTWARE: u32 = 1;
    const DUMMY: u64 = 9;
    const DISABLED_AND_USER_ONLY: u64 = 1 | 1 << 5 | 1 << 6;
    let mut attributes = halves(&[SOFTWARE, 112]);
    attributes.extend(words(&[DUMMY, 0, 0, 0, DISABLED_AND_USER_ONLY]));
    attributes.resize(112, 0);
    call!(SYS_perf_event_open, &attributes[..], 0, -1, -1, 0).step("perf_event_open")?;
    Ok("opened an event".into())
}

fn userfaultfd(_: &[String]) -> Attempt {
    const USER_MODE_ONLY: i32 = 1;
    call!(SYS_userfaultfd, USER_MODE_ONLY).step("userfaultfd")?;
    Ok("handles its own page faults".into())
}

/// More segments than the kernel takes: refused for that after the privilege was found.
fn kexec(_: &[String]) -> Attempt {
    privileged(call!(SYS_kexec_load, 0, 1000, 0, 0), "kexec_load", Errno::EINVAL)
}

fn kexec_file(_: &[String]) -> Attempt {
    privileged(call!(SYS_kexec_file_load, -1, -1, 0, 0, 0), "kexec_file_load", Errno::EBADF)
}

fn init_module(_: &[String]) -> Attempt {
    privileged(call!(SYS_init_module, &[0; 64][..], 64, c""), "init_module", Errno::ENOEXEC)
}

fn finit_module(_: &[String]) -> Attempt {
    privileged(call!(SYS_finit_module, -1, c"", 0), "finit_module", Errno::EBADF)
}

fn delete_module(_: &[String]) -> Attempt {
    privileged(call!(SYS_delete_module, c"palisade-attack", 0), "delete_module", Errno::ENOENT)
}

/// A command that doesn't exist.
fn reboot(_: &[String]) -> Attempt {
    let (first, second) = (libc::LINUX_REBOOT_MAGIC1, libc::LINUX_REBOOT_MAGIC2);
    privileged(call!(SYS_reboot, first, second, 0x0bad_c0de, 0), "reboot", Errno::EINVAL)
}

/// Sets the time zone to the kernel's default.
fn settimeofday(_: &[String]) -> Attempt {
    call!(SYS_settimeofday, 0, &halves(&[0, 0])[..]).step("settimeofday")?;
    Ok("set the time zone".into())
}

fn clock_settime(_: &[String]) -> Attempt {
    let mut now = words(&[0, 0]);
    call!(SYS_clock_gettime, libc::CLOCK_REALTIME, &mut now[..]).step("clock_gettime")?;
    call!(SYS_clock_settime, libc::CLOCK_REALTIME, &now[..]).step("clock_settime")?;
    Ok("set the clock".into())
}

/// A length of tick that no kernel takes.
fn adjtimex(_: &[String]) -> Attempt {
    let mut request = halves(&[libc::ADJ_TICK]);
    request.resize(208, 0);
    privileged(call!(SYS_adjtimex, &mut request[..]), "adjtimex", Errno::EINVAL)
}

fn sethostname(_: &[String]) -> Attempt {
    let name = fs::read("/proc/sys/kernel/hostname").step("read the host name")?;
    let name = name.trim_ascii();
    call!(SYS_sethostname, name, name.len()).step("sethostname")?;
    Ok("set the host name".into())
}

fn setdomainname(_: &[String]) -> Attempt {
    let name = fs::read("/proc/sys/kernel/domainname").step("read the domain name")?;
    let name = name.trim_ascii();
    call!(SYS_setdomainname, name, name.len()).step("setdomainname")?;
    Ok("set the domain name".into())
}

fn syslog(_: &[String]) -> Attempt {
    const READ_ALL: i32 = 3;
    let mut log = vec![0; 4096];
    let count = call!(SYS_syslog, READ_ALL, &mut log[..], 4096).step("syslog")?;
    Ok(format!("read {count} bytes of the kernel's log"))
}

fn lookup_dcookie(_: &[String]) -> Attempt {
    privileged(call!(SYS_lookup_dcookie, 0, &mut [0; 64][..], 64), "lookup_dcookie", Errno::EINVAL)
}

/// `personality BITS`
fn personality(args: &[String]) -> Attempt {
    let bits = match argument(args, 0)? {
        "no-randomization" => libc::ADDR_NO_RANDOMIZE,
        _ => libc::READ_IMPLIES_EXEC,
    };
    call!(SYS_personality, bits).step("personality")?;
    Ok(format!("has personality {bits:#x}"))
}

fn modify_ldt(_: &[String]) -> Attempt {
    const WRITE: i32 = 0x11;
    const FLAGS_32BIT_NOT_PRESENT: u32 = 1 | 1 << 5;
    let entry = halves(&[0, 0, 0xfffff, FLAGS_32BIT_NOT_PRESENT]);
    call!(SYS_modify_ldt, WRITE, &entry[..], entry.len()).step("modify_ldt")?;
    Ok("changed its local descriptor table".into())
}

fn iopl(_: &[String]) -> Attempt {
    call!(SYS_iopl, 3).step("iopl")?;
    Ok("may use all ports".into())
}

fn ioperm(_: &[String]) -> Attempt {
    call!(SYS_ioperm, 0x80, 1, 1).step("ioperm")?;
    Ok("may use a port".into())
}

/// `sysctl PATH…`: writes to each what it holds.
fn sysctl(args: &[String]) -> Attempt {
    any(args, |name| {
        let path = format!("/proc/sys/{name}");
        let value = fs::read(&path).step(&path)?;
        OpenOptions::new().write(true).open(&path).and_then(|mut f| f.write_all(&value)).step(&path)?;
        Ok(format!("wrote {path}"))
    })
}

/// `write-file PATH BYTES`
fn write_file(args: &[String]) -> Attempt {
    let path = argument(args, 0)?;
    match OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut f| f.write_all(argument(args, 1).unwrap_or("").as_bytes()))
    {
        Ok(()) => Ok(format!("wrote {path}")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => void(format!("this machine has no {path}")),
        Err(e) => Err(e).step(path),
    }
}

fn kernel_addresses(_: &[String]) -> Attempt {
    let path = "/proc/kallsyms";
    let mut start = vec![0; 4096];
    use std::io::Read;
    let count = fs::File::open(path).and_then(|mut f| f.read(&mut start)).step(path)?;
    let text = String::from_utf8_lossy(&start[..count]).into_owned();
    let address = text.lines().find_map(|l| l.split(' ').next().filter(|a| a.bytes().any(|b| b != b'0')));
    match address {
        Some(_) => Ok("read addresses of the kernel".into()),
        None => prevented("all addresses are hidden"),
    }
}

/// Makes a group below the one it is in, in each hierarchy that shows.
fn cgroup_write(_: &[String]) -> Attempt {
    let mounts = fs::read_to_string("/proc/self/mounts").step("/proc/self/mounts")?;
    let roots = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (path, kind) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup").then_some(path)
    });
    let roots: Vec<&str> = roots.chain(["/sys/fs/cgroup"]).collect();
    any(roots, |root| {
        let group = format!("{root}/palisade-attack-{}", std::process::id());
        fs::create_dir(&group).step(&group)?;
        fs::remove_dir(&group).step(&group)?;
        Ok(format!("made and removed {group}"))
    })
}

/// A system call through the gate for 32-bit programs, whose numbers mean other calls.
fn int80(_: &[String]) -> Attempt {
    in_child(|| {
        let pid = crate::sys::getpid_by_int80();
        match pid == i64::from(std::process::id()) {
            true => Ok(format!("int 0x80 says that this is process {pid}")),
            false => prevented(format!("int 0x80: {}", Errno::from_raw(-pid as i32))),
        }
    })
}

fn x32(_: &[String]) -> Attempt {
    const X32_BIT: libc::c_long = 0x4000_0000;
    in_child(|| {
        let pid = crate::sys::raw(X32_BIT + libc::SYS_getpid, &mut []).step("x32 getpid")?;
        Ok(format!("x32 says that this is process {pid}"))
    })
}

/// A complete 32-bit program: exit(42).
fn i386_program(_: &[String]) -> Attempt {
    const BASE: u32 = 0x0804_8000;
    const CODE: [u8; 12] = [0xb8, 1, 0, 0, 0, 0xbb, 42, 0, 0, 0, 0xcd, 0x80];
    const HEADERS: u32 = 52 + 32;
    let size = HEADERS + CODE.len() as u32;
    let mut elf = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // Executable for the 80386; entry point; program headers at 52; then sizes and counts in 16 bits.
    elf.extend(halves(&[2 | 3 << 16, 1, BASE + HEADERS, 52, 0, 0, 52 | 32 << 16, 1, 0]));
    elf.truncate(52);
    // One segment to load, readable and executable.
    elf.extend(halves(&[1, 0, BASE, BASE, size, size, 5, 0x1000]));
    elf.extend(CODE);
    let path = scratch()?.join("i386");
    fs::write(&path, elf).step("write the program")?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&path, mode).step("make it executable")?;
    match std::process::Command::new(&path).status() {
        Ok(status) if status.code() == Some(42) => Ok("ran a 32-bit program".into()),
        Ok(status) => prevented(format!("the 32-bit program ended with {status}")),
        Err(e) if e.raw_os_error() == Some(libc::ENOEXEC) => void("this kernel runs no 32-bit programs"),
        Err(e) => Err(e).step("run a 32-bit program"),
    }
}
