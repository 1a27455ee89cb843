//! Where the kernel sends the cores of programs that crash, which for a step is out of its sandbox.

use std::fs::read_to_string;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use super::Finding;

const ID: &str = "core-pattern";

pub fn check() -> Finding {
    let hard = getrlimit(Resource::RLIMIT_CORE).map_or(RLIM_INFINITY, |(_, hard)| hard);
    judge(read_to_string("/proc/sys/kernel/core_pattern").ok().as_deref(), hard > 0)
}

/// A file is kept from them by the limit of core dumps, a program (`|`) by that limit if it is 1 byte, which takes a hard limit
/// that isn't 0, and a socket (`@`, Linux 6.16 and later) by nothing.
/// Source: "core_pattern" in the kernel's documentation, `admin-guide/sysctl/kernel.rst`.
fn judge(pattern: Option<&str>, kept: bool) -> Finding {
    match pattern.map(str::trim) {
        Some(socket) if socket.starts_with('@') => Finding::warn(
            ID,
            format!(
                "`{socket}`: the crash of a step is sent to a service of the host, whatever its limits are"
            ),
            "set `sysctl kernel.core_pattern` to a file's name or a program, `|/usr/…`, which palisade keeps from it",
        ),
        Some(program) if program.starts_with('|') && !kept => Finding::warn(
            ID,
            format!(
                "`{program}`: the crash of a step starts it, since the hard limit of core dumps is 0 here"
            ),
            "start palisade with a hard limit of 1 or more, `ulimit -Hc 1` or `LimitCORE=1`: at 1 the kernel starts nothing",
        ),
        Some(pattern) => Finding::ok(ID, format!("`{pattern}`: kept from the crashes of steps")),
        None => Finding::ok(ID, "this kernel dumps no cores"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_and_a_program_that_runs_are_told_of() {
        for pattern in
            [None, Some("core\n"), Some("|/usr/lib/systemd/systemd-coredump %P"), Some("/var/@/core")]
        {
            assert_eq!(judge(pattern, true).verdict.as_str(), "ok", "{pattern:?}");
        }
        assert_eq!(judge(Some("@/run/coredump.socket\n"), true).verdict.as_str(), "warn");
        assert_eq!(judge(Some("|/usr/lib/systemd/systemd-coredump %P"), false).verdict.as_str(), "warn");
        assert_eq!(judge(Some("core"), false).verdict.as_str(), "ok");
    }
}
