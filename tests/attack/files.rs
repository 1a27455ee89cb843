//! Reading and changing the host's files.

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::outcome::{Attempt, Program, Step, Stop, any, argument, host, leak, prevented, privileged, void};
use crate::sys::{call, halves, in_child, inherited, owned};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("read", read),
    ("list-home", list_home),
    ("change", change),
    ("create", create),
    ("touch-times", touch_times),
    ("execute", execute),
    ("symlink-out", symlink_out),
    ("hardlink-out", hardlink_out),
    ("dot-dot", dot_dot),
    ("chroot-escape", chroot_escape),
    ("inherited-fchdir", inherited_fchdir),
    ("inherited-through-proc", inherited_through_proc),
    ("standard-input-fchdir", standard_input_fchdir),
    ("standard-input-reopen", standard_input_reopen),
    ("open-by-handle", open_by_handle),
    ("name-to-handle", name_to_handle),
    ("fanotify", fanotify),
    ("watch", watch),
    ("lock", lock),
    ("page-cache", page_cache),
    ("mknod", mknod),
    ("open-device", open_device),
    ("read-disk", read_disk),
    ("file-capabilities", file_capabilities),
    ("set-user-id", set_user_id),
    ("acct", acct),
    ("quotactl", quotactl),
    ("swapon", swapon),
    ("write-beside-program", write_beside_program),
];

pub fn c_path(path: impl AsRef<Path>) -> Result<CString, Stop> {
    use std::os::unix::ffi::OsStrExt;
    CString::new(path.as_ref().as_os_str().as_bytes()).map_err(|e| Stop::Broken(e.to_string()))
}

/// A fresh directory that the program may write: each run has its own.
pub fn scratch() -> Result<PathBuf, Stop> {
    let mut errors = Vec::new();
    for base in [std::env::temp_dir(), ".".into(), "/home/runner".into()] {
        let dir = base.join(format!("attack-{}", std::process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Ok(dir),
            Err(e) => errors.push(format!("{}: {e}", dir.display())),
        }
    }
    Err(Stop::Broken(format!("no writable directory: {}", errors.join("; "))))
}

fn leak_file(path: impl AsRef<Path>) -> Attempt {
    let path = path.as_ref().display().to_string();
    leak(&path, &fs::read(&path).step(&path)?)
}

/// `read NAME`: the file of the host that `HOST_<NAME>` names.
fn read(args: &[String]) -> Attempt {
    leak_file(host(argument(args, 0)?)?)
}

fn list_home(_: &[String]) -> Attempt {
    let home = host("HOME")?;
    let names: Vec<String> = fs::read_dir(&home)
        .step(&home)?
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()
        .step(&home)?;
    leak(&home, names.join(" ").as_bytes())
}

/// `change HOW`: one way to alter the guarded directory of the host or the file in it.
fn change(args: &[String]) -> Attempt {
    let dir = PathBuf::from(host("GUARDED")?);
    let file = dir.join("file");
    let c_file = c_path(&file)?;
    let how = argument(args, 0)?;
    match how {
        "append" => OpenOptions::new().append(true).open(&file).and_then(|mut f| f.write_all(b"more")),
        "truncate" => call!(SYS_truncate, &*c_file, 0).map(drop).map_err(Into::into),
        "create" => fs::write(dir.join("new"), "new"),
        "mkdir" => fs::create_dir(dir.join("new")),
        "mkfifo" => nix::unistd::mkfifo(&dir.join("new"), nix::sys::stat::Mode::S_IRWXU).map_err(Into::into),
        "bind-socket" => std::os::unix::net::UnixListener::bind(dir.join("new")).map(drop),
        "symlink" => symlink("/", dir.join("new")),
        "unlink" => fs::remove_file(&file),
        "rename" => fs::rename(&file, dir.join("renamed")),
        "chmod" => fs::set_permissions(&file, fs::Permissions::from_mode(0o777)),
        "reopen" => File::open(&file).and_then(|f| {
            let again = format!("/proc/self/fd/{}", f.as_raw_fd());
            OpenOptions::new().append(true).open(again)?.write_all(b"more")
        }),
        "copy-in" => fs::copy("/proc/self/exe", dir.join("new")).map(drop),
        other => return Err(Stop::Broken(format!("no change is called `{other}`"))),
    }
    .step(format!("{how} in {}", dir.display()))?;
    Ok(format!("{how} in {}", dir.display()))
}

/// `create DIR`: a file in a directory of the system.
fn create(args: &[String]) -> Attempt {
    let file = Path::new(argument(args, 0)?).join("palisade-attack-was-here");
    File::create(&file).step(format!("create {}", file.display()))?;
    fs::remove_file(&file).step(format!("remove {}", file.display()))?;
    Ok(format!("created and removed {}", file.display()))
}

/// Sets the times of a system program to what they are.
fn touch_times(_: &[String]) -> Attempt {
    let path = "/usr/bin/env";
    let metadata = fs::metadata(path).step(path)?;
    let times = fs::FileTimes::new()
        .set_accessed(metadata.accessed().step(path)?)
        .set_modified(metadata.modified().step(path)?);
    File::open(path).and_then(|f| f.set_times(times)).step(format!("set the times of {path}"))?;
    Ok(format!("set the times of {path}"))
}

/// Runs a program that lies outside of every allowlist.
fn execute(_: &[String]) -> Attempt {
    let program = host("PROGRAM")?;
    let output = Command::new(&program).output().step(&program)?;
    leak(&program, &output.stdout)
}

fn symlink_out(_: &[String]) -> Attempt {
    let link = scratch()?.join("link");
    symlink(host("FILE")?, &link).step("symlink")?;
    leak_file(link)
}

fn hardlink_out(_: &[String]) -> Attempt {
    let link = scratch()?.join("link");
    fs::hard_link(host("FILE")?, &link).step("link")?;
    leak_file(link)
}

fn dot_dot(_: &[String]) -> Attempt {
    let file = host("FILE")?;
    any(
        ["../".repeat(40), format!("/proc/self/cwd/{}", "../".repeat(40)), "/proc/self/root/../../".into()],
        |up| leak_file(format!("{up}{file}")),
    )
}

/// The classic: a second chroot while a directory above the first is still held.
fn chroot_escape(_: &[String]) -> Attempt {
    let file = host("FILE")?;
    let dir = scratch()?;
    in_child(|| {
        if !nix::unistd::geteuid().is_root() {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER).step("unshare a user namespace")?;
        }
        std::env::set_current_dir("/").step("chdir /")?;
        std::os::unix::fs::chroot(&dir).step("chroot")?;
        for _ in 0..40 {
            std::env::set_current_dir("..").step("chdir ..")?;
        }
        std::os::unix::fs::chroot(".").step("chroot again")?;
        leak_file(&file)
    })
}

fn from_directory(fd: i32) -> Attempt {
    let file = host("FILE")?;
    call!(SYS_fchdir, fd).step(format!("fchdir to descriptor {fd}"))?;
    leak_file(format!("{}{file}", "../".repeat(40)))
}

fn inherited_fchdir(_: &[String]) -> Attempt {
    let descriptors = inherited();
    in_child(|| any(descriptors, from_directory))
}

fn inherited_through_proc(_: &[String]) -> Attempt {
    let file = host("FILE")?;
    any(inherited(), |fd| leak_file(format!("/proc/self/fd/{fd}{file}")))
}

fn standard_input_fchdir(_: &[String]) -> Attempt {
    from_directory(0)
}

/// Opens for writing what was handed over for reading only.
fn standard_input_reopen(_: &[String]) -> Attempt {
    let path = "/proc/self/fd/0";
    let mut file = OpenOptions::new().append(true).open(path).step(path)?;
    file.write_all(b"more").step("write")?;
    Ok("wrote to the file behind standard input".into())
}

/// The handle of a host file, which the suite made outside, opened by way of any mount at hand.
fn open_by_handle(_: &[String]) -> Attempt {
    let hex = host("HANDLE")?;
    let handle: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16))
        .collect::<Result<_, _>>()
        .map_err(|e| Stop::Broken(e.to_string()))?;
    any([".", "/", "/usr", "/bin", "/etc", "/home", "/proc/self/exe"], |mount| {
        let dir = File::open(mount).step(mount)?;
        let fd = call!(SYS_open_by_handle_at, dir.as_raw_fd(), &handle[..], libc::O_RDONLY)
            .step(format!("open_by_handle_at on {mount}"))?;
        let mut stolen = Vec::new();
        File::from(owned(fd)).read_to_end(&mut stolen).step("read")?;
        leak("open_by_handle_at", &stolen)
    })
}

/// The handle of a file, by which `open_by_handle_at` later finds it: size, type, then up to 128 bytes.
pub fn handle_of(path: &str) -> Result<Vec<u8>, nix::errno::Errno> {
    let mut handle = halves(&[128, 0]);
    handle.resize(8 + 128, 0);
    let mut mount = [0; 4];
    let name = CString::new(path).map_err(|_| nix::errno::Errno::EINVAL)?;
    call!(SYS_name_to_handle_at, libc::AT_FDCWD, &*name, &mut handle[..], &mut mount[..], 0)?;
    let size = u32::from_ne_bytes([handle[0], handle[1], handle[2], handle[3]]) as usize;
    handle.truncate(8 + size);
    Ok(handle)
}

fn name_to_handle(_: &[String]) -> Attempt {
    let handle = handle_of("/usr/bin").step("name_to_handle_at")?;
    Ok(format!("a handle of {} bytes", handle.len()))
}

/// Watches the whole file system.
fn fanotify(_: &[String]) -> Attempt {
    let fd = call!(SYS_fanotify_init, libc::FAN_CLASS_CONTENT, libc::O_RDONLY).step("fanotify_init")?;
    let group = owned(fd);
    call!(
        SYS_fanotify_mark,
        &group,
        libc::FAN_MARK_ADD | libc::FAN_MARK_MOUNT,
        libc::FAN_CLOSE_WRITE,
        libc::AT_FDCWD,
        c"/usr"
    )
    .step("fanotify_mark")?;
    Ok("watches the mount of /usr".into())
}

/// A program that everybody runs.
const COMMON: &str = "/usr/bin/env";

/// Hears of whoever opens a file, as long as it may read it: here its own child, elsewhere the host's users.
fn watch(_: &[String]) -> Attempt {
    let watch = owned(call!(SYS_inotify_init1, libc::IN_NONBLOCK).step("inotify_init1")?);
    call!(SYS_inotify_add_watch, &watch, &*c_path(COMMON)?, libc::IN_OPEN).step("inotify_add_watch")?;
    Ok(format!("hears who runs {COMMON}"))
}

/// Takes a lock that whoever else locks the file waits for.
fn lock(_: &[String]) -> Attempt {
    let file = File::open(COMMON).step(COMMON)?;
    call!(SYS_flock, file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB).step(format!("lock {COMMON}"))?;
    Ok(format!("locked {COMMON}"))
}

/// Which pages of a file anybody has read of late.
fn page_cache(_: &[String]) -> Attempt {
    const SYS_CACHESTAT: i64 = 451;
    let file = File::open(COMMON).step(COMMON)?;
    let mut counts = [0; 40];
    let range = [0; 16];
    let args = &mut [file.as_raw_fd().into(), (&range[..]).into(), (&mut counts[..]).into(), 0i32.into()];
    match crate::sys::raw(SYS_CACHESTAT, args) {
        Ok(_) => Ok(format!("knows what of {COMMON} is in memory")),
        Err(nix::Error::ENOSYS) => void("not in this kernel"),
        Err(e) => Err(e).step("cachestat"),
    }
}

/// `mknod block|char`: the null device's number, or the first loop device's.
fn mknod(args: &[String]) -> Attempt {
    let (kind, device) = match argument(args, 0)? {
        "block" => (libc::S_IFBLK, libc::makedev(7, 0)),
        _ => (libc::S_IFCHR, libc::makedev(1, 1)),
    };
    let path = c_path(scratch()?.join("node"))?;
    call!(SYS_mknodat, libc::AT_FDCWD, &*path, kind | 0o600, device).step("mknodat")?;
    Ok(format!("made {path:?}"))
}

/// `open-device PATH`
fn open_device(args: &[String]) -> Attempt {
    let path = argument(args, 0)?;
    match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        Ok(_) => Ok(format!("opened {path}")),
        Err(e) => match e.raw_os_error() {
            Some(libc::ENOENT | libc::ENXIO | libc::ENODEV) => void(format!("{path}: {e}")),
            _ => Err(e).step(path),
        },
    }
}

/// Reads the first block of the first disk.
fn read_disk(_: &[String]) -> Attempt {
    let list = fs::read_to_string("/proc/partitions").step("/proc/partitions")?;
    let names: Vec<&str> = list.lines().skip(2).filter_map(|l| l.split_whitespace().nth(3)).collect();
    if names.is_empty() {
        return void("this machine has no disk");
    }
    any(names, |name| {
        let path = format!("/dev/{name}");
        let mut block = [0; 512];
        match File::open(&path).and_then(|mut f| f.read_exact(&mut block)) {
            Ok(()) => Ok(format!("read 512 bytes of {path}")),
            Err(e) if e.kind() == ErrorKind::PermissionDenied && nix::unistd::geteuid().is_root() => {
                void(format!("root may not open {path} here"))
            }
            Err(e) => Err(e).step(&path),
        }
    })
}

/// Gives a copy of itself a capability by an extended attribute, and looks whether it gets it.
fn file_capabilities(args: &[String]) -> Attempt {
    if args.first().is_some_and(|a| a == "again") {
        return crate::privilege::effective_capabilities(&[]);
    }
    let copy = scratch()?.join("capable");
    fs::copy("/proc/self/exe", &copy).step("copy the program")?;
    const REVISION_2_EFFECTIVE: u32 = 0x0200_0001;
    let value = halves(&[REVISION_2_EFFECTIVE, 1 << 10, 0, 0, 0]);
    call!(SYS_setxattr, &*c_path(&copy)?, c"security.capability", &value[..], value.len(), 0)
        .step("set security.capability")?;
    in_child(|| {
        if nix::unistd::geteuid().is_root() {
            nix::unistd::setuid(nix::unistd::Uid::from_raw(65534)).step("become nobody")?;
        }
        let output =
            Command::new(&copy).args(["file-capabilities", "again"]).output().step("run the copy")?;
        match output.status.success() {
            true => Ok("the copy has the capability".into()),
            false => prevented(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        }
    })
}

/// Runs a program that is set-user-ID root, as someone who isn't root.
fn set_user_id(args: &[String]) -> Attempt {
    if args.first().is_some_and(|a| a == "again") {
        let (real, effective) = (nix::unistd::getuid(), nix::unistd::geteuid());
        return match real == effective {
            true => prevented(format!("still user {real}")),
            false => Ok(format!("user {real} acts as {effective}")),
        };
    }
    let Ok(program) = host("SET_USER_ID") else {
        return void("only root can prepare a set-user-ID program");
    };
    in_child(|| {
        if nix::unistd::geteuid().is_root() {
            nix::unistd::setuid(nix::unistd::Uid::from_raw(65534)).step("become nobody")?;
        }
        let output = Command::new(&program).args(["set-user-id", "again"]).output().step(&program)?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => prevented(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        }
    })
}

fn acct(_: &[String]) -> Attempt {
    privileged(call!(SYS_acct, c"/nonexistent/accounting"), "acct", nix::errno::Errno::ENOENT)
}

/// Writes all quotas to disk: the one command that needs neither privilege nor quotas.
fn quotactl(_: &[String]) -> Attempt {
    const Q_SYNC: i32 = 0x80_0001 << 8;
    call!(SYS_quotactl, Q_SYNC, 0, 0, 0).step("quotactl")?;
    Ok("synced quotas".into())
}

fn swapon(_: &[String]) -> Attempt {
    privileged(call!(SYS_swapon, c"/nonexistent/swap", 0), "swapon", nix::errno::Errno::ENOENT)
}

/// Adds a file to the directory that this program was shown in read-only.
fn write_beside_program(_: &[String]) -> Attempt {
    let program = std::env::current_exe().step("find the program")?;
    let file = program.with_file_name("palisade-attack-was-here");
    File::create(&file).step(format!("create {}", file.display()))?;
    fs::remove_file(&file).step("remove it")?;
    Ok(format!("created and removed {}", file.display()))
}
