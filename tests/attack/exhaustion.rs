//! Taking more of the machine than was granted. Every attempt stops at an amount that harms no host.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::files::scratch;
use crate::outcome::{Attempt, Program, Step, Stop, any, argument, host, prevented};
use crate::sys::{call, fork, in_child, touched_memory};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("processes", processes),
    ("open-files", open_files),
    ("fill-disk", fill_disk),
    ("allocate-disk", allocate_disk),
    ("fill-inodes", fill_inodes),
    ("fill-memory", fill_memory),
    ("file-size", file_size),
    ("sysv-segment", sysv_segment),
    ("orphan", orphan),
    ("linger", linger),
    ("leave-mark", leave_mark),
];

fn amount(args: &[String]) -> Result<usize, Stop> {
    argument(args, 0)?.parse().map_err(|e| Stop::Broken(format!("{args:?}: {e}")))
}

/// `processes COUNT`: children that sleep until all are there.
fn processes(args: &[String]) -> Attempt {
    let wanted = amount(args)?;
    let mut children = Vec::new();
    let mut refusal = None;
    while children.len() < wanted && refusal.is_none() {
        let parent_ends_me = || {
            // A child must not outlive a parent that was killed.
            let _ = call!(SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
            std::thread::sleep(std::time::Duration::from_secs(10));
            0
        };
        match fork(parent_ends_me) {
            Ok(child) => children.push(child),
            Err(e) => refusal = Some(e),
        }
    }
    for child in &children {
        kill(*child, Signal::SIGKILL).step("kill a child")?;
        nix::sys::wait::waitpid(*child, None).step("wait for a child")?;
    }
    match refusal {
        None => Ok(format!("{wanted} processes")),
        Some(e) => Err(e).step(format!("fork after {} processes", children.len())),
    }
}

fn open_files(args: &[String]) -> Attempt {
    let wanted = amount(args)?;
    let mut open = Vec::new();
    while open.len() < wanted {
        open.push(File::open("/dev/null").step(format!("open after {} files", open.len()))?);
    }
    Ok(format!("{wanted} open files"))
}

/// Where a job may write: all of it counts against one size.
fn writable() -> Vec<std::path::PathBuf> {
    let home = std::env::var_os("HOME").map(Into::into);
    let places = [
        Some(std::env::temp_dir()),
        Some(".".into()),
        Some("/dev/shm".into()),
        Some("/var/tmp".into()),
        home,
    ];
    let mut places: Vec<_> =
        places.into_iter().flatten().filter_map(|p: std::path::PathBuf| p.canonicalize().ok()).collect();
    places.dedup();
    places
}

fn with_file(attempt: impl Fn(&mut File) -> std::io::Result<()>, what: &str) -> Attempt {
    any(writable(), |dir| {
        let path = dir.join(format!("palisade-attack-fill-{}", std::process::id()));
        let mut file = OpenOptions::new().create_new(true).write(true).open(&path).step(path.display())?;
        let result = attempt(&mut file);
        fs::remove_file(&path).step(path.display())?;
        result.step(format!("{what} in {}", dir.display()))?;
        Ok(format!("{what} in {}", dir.display()))
    })
}

/// `fill-disk MEBIBYTES`
fn fill_disk(args: &[String]) -> Attempt {
    let wanted = amount(args)?;
    let block = vec![0x55; 1 << 20];
    with_file(|file| (0..wanted).try_for_each(|_| file.write_all(&block)), &format!("wrote {wanted} MiB"))
}

/// `allocate-disk MEBIBYTES`
fn allocate_disk(args: &[String]) -> Attempt {
    use std::os::fd::AsRawFd;
    let wanted = amount(args)?;
    with_file(
        |file| Ok(call!(SYS_fallocate, file.as_raw_fd(), 0, 0, wanted << 20).map(drop)?),
        &format!("allocated {wanted} MiB"),
    )
}

/// `fill-inodes COUNT`
fn fill_inodes(args: &[String]) -> Attempt {
    let wanted = amount(args)?;
    let dir = scratch()?;
    let made = (0..wanted)
        .map(|n| File::create(dir.join(n.to_string())).map(drop))
        .take_while(Result::is_ok)
        .count();
    fs::remove_dir_all(&dir).step("clean up")?;
    match made == wanted {
        true => Ok(format!("made {made} files")),
        false => prevented(format!("no file after {made}")),
    }
}

/// `fill-memory MEBIBYTES`
fn fill_memory(args: &[String]) -> Attempt {
    let wanted = amount(args)?;
    in_child(|| {
        touched_memory(wanted << 20).step(format!("take {wanted} MiB"))?;
        Ok(format!("took {wanted} MiB"))
    })
}

/// `file-size MEBIBYTES`: one sparse file.
fn file_size(args: &[String]) -> Attempt {
    let wanted = amount(args)?;
    in_child(|| {
        let path = scratch()?.join("large");
        let file = File::create(&path).step("create a file")?;
        let result = file.set_len((wanted as u64) << 20);
        fs::remove_file(&path).step("remove the file")?;
        result.step(format!("make a file of {wanted} MiB"))?;
        Ok(format!("made a file of {wanted} MiB"))
    })
}

/// `sysv-segment MEBIBYTES`: memory that belongs to no process and no file system.
fn sysv_segment(args: &[String]) -> Attempt {
    const PRIVATE: i32 = 0;
    let id = match call!(
        SYS_shmget,
        PRIVATE,
        amount(args)? << 20,
        libc::IPC_CREAT | libc::SHM_NORESERVE | 0o600
    ) {
        Err(e @ (Errno::EINVAL | Errno::ENOSPC | Errno::ENOMEM)) => return prevented(format!("shmget: {e}")),
        result => result.step("shmget")?,
    };
    call!(SYS_shmctl, id, libc::IPC_RMID, 0).step("shmctl")?;
    Ok(format!("a segment of {} MiB", amount(args)?))
}

/// Leaves a process behind in a session of its own.
fn orphan(_: &[String]) -> Attempt {
    let mark = host("MARK")?;
    fork(|| {
        use std::process::Stdio;
        let started = nix::unistd::setsid().map_err(std::io::Error::from).and_then(|_| {
            std::process::Command::new("/proc/self/exe")
                .args(["linger", &mark])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
        });
        // Until it has run for a moment, its arguments can't be seen in /proc.
        let runs = started.ok().and_then(|child| child.stdout).and_then(|mut said| said.read(&mut [0]).ok());
        i32::from(runs != Some(1))
    })
    .and_then(|child: Pid| nix::sys::wait::waitpid(child, None))
    .step("leave a process")?;
    Ok("left a process behind".into())
}

/// What `orphan` leaves: the suite finds it by its argument, and ends it.
fn linger(_: &[String]) -> Attempt {
    println!("it runs");
    std::thread::sleep(std::time::Duration::from_secs(20));
    prevented("nobody came")
}

/// Leaves a file for the next job wherever one can be written, and succeeds when one is there already.
fn leave_mark(_: &[String]) -> Attempt {
    let mark = host("MARK")?;
    let marks: Vec<_> = writable().into_iter().map(|dir| dir.join(&mark)).collect();
    if let Some(found) = marks.iter().find(|m| m.exists()) {
        return Ok(format!("found {}", found.display()));
    }
    let left = marks.iter().filter(|m| File::create(m).is_ok()).count();
    prevented(format!("left {left} marks"))
}
