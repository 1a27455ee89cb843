//! New namespaces, other processes' namespaces, and mounts.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sched::CloneFlags;

use crate::files::{c_path, scratch};
use crate::outcome::{Attempt, Program, Step, Stop, any, argument, host_number, void};
use crate::sys::{self, call, in_child, owned, words};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("unshare", unshare),
    ("clone", clone),
    ("clone3", clone3),
    ("nested-root", nested_root),
    ("setns", setns),
    ("setns-pidfd", setns_pidfd),
    ("other-mounts", other_mounts),
    ("mount", mount),
    ("bind-mount", bind_mount),
    ("remount-writable", remount_writable),
    ("mount-setattr", mount_setattr),
    ("umount", umount),
    ("pivot-root", pivot_root),
    ("fsopen", fsopen),
    ("fspick", fspick),
    ("open-tree", open_tree),
    ("move-mount", move_mount),
];

fn flag(name: &str) -> Result<CloneFlags, Stop> {
    Ok(match name {
        "user" => CloneFlags::CLONE_NEWUSER,
        "mount" => CloneFlags::CLONE_NEWNS,
        "pid" => CloneFlags::CLONE_NEWPID,
        "net" => CloneFlags::CLONE_NEWNET,
        "ipc" => CloneFlags::CLONE_NEWIPC,
        "uts" => CloneFlags::CLONE_NEWUTS,
        "cgroup" => CloneFlags::CLONE_NEWCGROUP,
        other => return Err(Stop::Broken(format!("no namespace is called `{other}`"))),
    })
}

fn flags(args: &[String]) -> Result<CloneFlags, Stop> {
    args.iter().map(|a| flag(a)).collect()
}

fn unshare(args: &[String]) -> Attempt {
    nix::sched::unshare(flags(args)?).step("unshare")?;
    Ok(format!("unshared {}", args.join(", ")))
}

fn clone(args: &[String]) -> Attempt {
    sys::clone(flags(args)?.bits()).step("clone")?;
    Ok(format!("cloned with a new {}", args.join(", ")))
}

fn clone3(args: &[String]) -> Attempt {
    sys::clone3(flags(args)?.bits() as u64).step("clone3")?;
    Ok(format!("cloned with a new {}", args.join(", ")))
}

/// Makes the caller root in a user namespace of its own.
fn become_root_inside(more: CloneFlags) -> Result<(), Stop> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    nix::sched::unshare(CloneFlags::CLONE_NEWUSER | more).step("unshare a user namespace")?;
    fs::write("/proc/self/setgroups", "deny").step("write setgroups")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).step("write uid_map")?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).step("write gid_map")
}

fn nested_root(_: &[String]) -> Attempt {
    become_root_inside(CloneFlags::empty())?;
    Ok("is root in a user namespace of its own".into())
}

fn setns(_: &[String]) -> Attempt {
    let target = host_number("TARGET")?.to_string();
    let names = ["mnt", "pid", "net", "ipc", "uts", "cgroup", "user"];
    any([target.as_str(), "self"].iter().flat_map(|pid| names.map(|name| (*pid, name))), |(pid, name)| {
        let path = format!("/proc/{pid}/ns/{name}");
        let namespace = File::open(&path).step(&path)?;
        call!(SYS_setns, namespace.as_raw_fd(), 0).step(format!("setns to {path}"))?;
        Ok(format!("entered {path}"))
    })
}

fn setns_pidfd(_: &[String]) -> Attempt {
    let process = owned(call!(SYS_pidfd_open, host_number("TARGET")?, 0).step("pidfd_open")?);
    let all = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
    call!(SYS_setns, &process, all.bits()).step("setns")?;
    Ok("entered the target's namespaces".into())
}

/// The mount namespaces of others, one after another: since Linux 6.12 each leads to the next.
fn other_mounts(_: &[String]) -> Attempt {
    /// `NS_MNT_GET_NEXT` and `NS_MNT_GET_PREV` of `linux/nsfs.h`.
    const NEIGHBOURS: [u64; 2] = [0x8010_b70b, 0x8010_b70c];
    let own = File::open("/proc/self/ns/mnt").step("/proc/self/ns/mnt")?;
    any(NEIGHBOURS, |request| match call!(SYS_ioctl, own.as_raw_fd(), request, &mut [0; 16][..]) {
        Ok(_) => Ok("opened another mount namespace".into()),
        Err(Errno::ENOTTY) => void("this kernel doesn't lead from one mount namespace to another"),
        Err(Errno::ENOENT) => void("there is no other mount namespace"),
        Err(e) => Err(e).step("ask for the next mount namespace"),
    })
}

/// Enters a mount namespace of its own, so that nothing below can touch the host's mounts. Where that
/// is refused, as it is inside of the sandbox, the attack goes on in the namespace it is in: then the
/// kernel asks for the same privilege again.
fn own_mounts() -> Result<(), Stop> {
    if nix::sched::unshare(CloneFlags::CLONE_NEWNS).is_err()
        && become_root_inside(CloneFlags::CLONE_NEWNS).is_err()
    {
        return Ok(());
    }
    call!(SYS_mount, 0, c"/", 0, libc::MS_REC | libc::MS_PRIVATE, 0)
        .map(drop)
        .or_else(|e| void(format!("can't make the mounts private: {e}")))
}

fn mount_type(kind: &std::ffi::CStr, target: &std::ffi::CStr) -> Result<i64, Errno> {
    match kind.to_bytes() {
        b"overlay" => call!(SYS_mount, c"none", target, kind, 0, c"lowerdir=/usr:/etc"),
        _ => call!(SYS_mount, c"none", target, kind, 0, 0),
    }
}

/// `mount TYPE`
fn mount(args: &[String]) -> Attempt {
    let kind = c_path(argument(args, 0)?)?;
    let dir = scratch()?;
    own_mounts()?;
    // procfs shows a PID namespace, and only its owner may mount it.
    let _ = nix::sched::unshare(CloneFlags::CLONE_NEWPID);
    in_child(|| match mount_type(&kind, &c_path(&dir)?) {
        Ok(_) => Ok(format!("mounted {kind:?}")),
        Err(Errno::ENODEV) => void(format!("this kernel has no {kind:?}")),
        Err(e) => Err(e).step(format!("mount {kind:?}")),
    })
}

fn bind_mount(_: &[String]) -> Attempt {
    let dir = c_path(scratch()?)?;
    own_mounts()?;
    call!(SYS_mount, c"/usr", &*dir, 0, libc::MS_BIND, 0).step("mount")?;
    Ok("bound /usr elsewhere".into())
}

const SYSTEM: [&std::ffi::CStr; 5] = [c"/", c"/usr", c"/etc", c"/bin", c"/proc"];

fn remount_writable(_: &[String]) -> Attempt {
    own_mounts()?;
    any(SYSTEM, |path| {
        call!(SYS_mount, 0, path, 0, libc::MS_REMOUNT | libc::MS_BIND, 0)
            .step(format!("remount {path:?}"))?;
        Ok(format!("remounted {path:?} writable"))
    })
}

fn mount_setattr(_: &[String]) -> Attempt {
    own_mounts()?;
    let clear_read_only = words(&[0, libc::MOUNT_ATTR_RDONLY, 0, 0]);
    any(SYSTEM, |path| {
        call!(SYS_mount_setattr, libc::AT_FDCWD, path, 0, &clear_read_only[..], clear_read_only.len())
            .step(format!("mount_setattr on {path:?}"))?;
        Ok(format!("made {path:?} writable"))
    })
}

fn umount(_: &[String]) -> Attempt {
    let own = c_path(scratch()?)?;
    own_mounts()?;
    let _ = mount_type(c"tmpfs", &own);
    any([&*own, c"/proc", c"/dev", c"/tmp", c"/usr"], |path| {
        call!(SYS_umount2, path, libc::MNT_DETACH).step(format!("umount {path:?}"))?;
        Ok(format!("unmounted {path:?}"))
    })
}

fn pivot_root(_: &[String]) -> Attempt {
    let dir = c_path(scratch()?)?;
    own_mounts()?;
    let _ = mount_type(c"tmpfs", &dir);
    call!(SYS_pivot_root, &*dir, &*dir).step("pivot_root")?;
    Ok("has another root".into())
}

fn fsopen(_: &[String]) -> Attempt {
    own_mounts()?;
    call!(SYS_fsopen, c"tmpfs", 0).step("fsopen")?;
    Ok("opened a file system context".into())
}

fn fspick(_: &[String]) -> Attempt {
    let dir = c_path(scratch()?)?;
    own_mounts()?;
    let _ = mount_type(c"tmpfs", &dir);
    any([&*dir, c"/proc", c"/"], |path| {
        call!(SYS_fspick, libc::AT_FDCWD, path, 0).step("fspick")?;
        Ok(format!("picked {path:?} for a change"))
    })
}

fn open_tree(_: &[String]) -> Attempt {
    own_mounts()?;
    call!(SYS_open_tree, libc::AT_FDCWD, c"/usr", libc::OPEN_TREE_CLONE).step("open_tree")?;
    Ok("cloned the mount of /usr".into())
}

fn move_mount(_: &[String]) -> Attempt {
    const FROM_EMPTY_PATH: i32 = 4;
    let dir = c_path(scratch()?)?;
    own_mounts()?;
    match call!(SYS_open_tree, libc::AT_FDCWD, c"/usr", libc::OPEN_TREE_CLONE).map(owned) {
        Ok(tree) => call!(SYS_move_mount, &tree, c"", libc::AT_FDCWD, &*dir, FROM_EMPTY_PATH),
        Err(_) => call!(SYS_move_mount, libc::AT_FDCWD, c"/proc", libc::AT_FDCWD, &*dir, 0),
    }
    .step("move_mount")?;
    Ok("moved a mount".into())
}
