//! Ids, capabilities, priorities and limits.

use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::outcome::{Attempt, Program, Step, Stop, prevented, void};
use crate::sys::{call, halves};

pub const PROGRAMS: &[(&str, Program)] = &[
    ("effective-capabilities", effective_capabilities),
    ("capset", capset),
    ("become-root", become_root),
    ("set-groups", set_groups),
    ("raise-priority", raise_priority),
    ("real-time", real_time),
    ("io-real-time", io_real_time),
    ("raise-limit", raise_limit),
    ("dump-core", dump_core),
    ("core-handler", core_handler),
    ("oom-protect", oom_protect),
    ("gains-privileges", gains_privileges),
    ("unfiltered", unfiltered),
];

fn status(field: &str) -> Result<String, Stop> {
    let text = fs::read_to_string("/proc/self/status").step("/proc/self/status")?;
    let value = text.lines().find_map(|l| l.strip_prefix(field)?.strip_prefix(':'));
    value.map(|v| v.trim().to_owned()).ok_or_else(|| Stop::Void(format!("no {field} in /proc/self/status")))
}

pub fn effective_capabilities(_: &[String]) -> Attempt {
    let set = status("CapEff")?;
    match set.bytes().all(|b| b == b'0') {
        true => prevented("no capability"),
        false => Ok(format!("capabilities {set}")),
    }
}

/// Root may itself be confined, as in many virtual machines and containers: then it can't succeed outside.
fn unless_root_lacks(capability: u32, name: &str) -> Result<(), Stop> {
    let set = u64::from_str_radix(&status("CapEff")?, 16).map_err(|e| Stop::Broken(e.to_string()))?;
    match nix::unistd::geteuid().is_root() && set & 1 << capability == 0 {
        true => Err(Stop::Void(format!("root lacks {name} here"))),
        false => Ok(()),
    }
}

/// Asks for a capability that is in no set of its own.
fn capset(_: &[String]) -> Attempt {
    const VERSION_3: u32 = 0x2008_0522;
    const SYS_ADMIN: u32 = 1 << 21;
    let header = halves(&[VERSION_3, 0]);
    call!(SYS_capset, &header[..], &halves(&[SYS_ADMIN, SYS_ADMIN, 0, 0, 0, 0])[..]).step("capset")?;
    Ok("has CAP_SYS_ADMIN".into())
}

fn become_root(_: &[String]) -> Attempt {
    call!(SYS_setresuid, 0, 0, 0).step("setresuid")?;
    Ok("is root".into())
}

fn set_groups(_: &[String]) -> Attempt {
    call!(SYS_setgroups, 1, &halves(&[0])[..]).step("setgroups")?;
    Ok("is in the group of root".into())
}

fn raise_priority(_: &[String]) -> Attempt {
    call!(SYS_setpriority, libc::PRIO_PROCESS, 0, -5).step("setpriority")?;
    Ok("raised its priority".into())
}

fn real_time(_: &[String]) -> Attempt {
    call!(SYS_sched_setscheduler, 0, libc::SCHED_FIFO, &halves(&[1])[..]).step("sched_setscheduler")?;
    Ok("runs before everything else".into())
}

fn io_real_time(_: &[String]) -> Attempt {
    const WHO_PROCESS: i32 = 1;
    const REAL_TIME: i32 = 1 << 13;
    call!(SYS_ioprio_set, WHO_PROCESS, 0, REAL_TIME).step("ioprio_set")?;
    Ok("reads and writes before everything else".into())
}

/// The hard limit of descriptors, which only a privileged process may raise.
fn raise_limit(_: &[String]) -> Attempt {
    unless_root_lacks(24, "CAP_SYS_RESOURCE")?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).step("getrlimit")?;
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard + 1).step("setrlimit")?;
    Ok(format!("raised the limit of {hard} descriptors"))
}

fn dump_core(_: &[String]) -> Attempt {
    const SMALLEST: u64 = 4096;
    let raised = setrlimit(Resource::RLIMIT_CORE, 1 << 20, 1 << 20);
    let (size, _) = getrlimit(Resource::RLIMIT_CORE).step("getrlimit")?;
    match size {
        SMALLEST.. => Ok(format!("may dump a core of {size} bytes")),
        _ => raised.step("setrlimit").and_then(|()| prevented(format!("may dump a core of {size} bytes"))),
    }
}

/// Where the host has a handler of cores, the kernel starts it for each, whatever the limit is, unless it is 1.
fn core_handler(_: &[String]) -> Attempt {
    if getrlimit(Resource::RLIMIT_CORE).step("getrlimit")?.1 == 0 {
        return void("the hard limit is 0 already: `palisade doctor` tells of that");
    }
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    match getrlimit(Resource::RLIMIT_CORE).step("getrlimit")? {
        (1, _) => prevented("the limit of cores is 1 byte"),
        (size, _) => Ok(format!("a crash would start a handler, with a limit of {size} bytes")),
    }
}

fn oom_protect(_: &[String]) -> Attempt {
    unless_root_lacks(24, "CAP_SYS_RESOURCE")?;
    fs::write("/proc/self/oom_score_adj", "-1000").step("write oom_score_adj")?;
    Ok("is never chosen when memory runs out".into())
}

fn gains_privileges(_: &[String]) -> Attempt {
    match call!(SYS_prctl, libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) {
        Ok(0) => Ok("may gain privileges by exec".into()),
        Ok(_) => prevented("no_new_privs is set"),
        Err(e) => Err(e).step("prctl"),
    }
}

fn unfiltered(_: &[String]) -> Attempt {
    match status("Seccomp")?.as_str() {
        "0" => Ok("no system call is filtered".into()),
        mode => prevented(format!("seccomp mode {mode}")),
    }
}
