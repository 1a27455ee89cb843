//! Where the kernel sends the cores of programs that crash, which for a step is out of its sandbox.

use std::fs::read_to_string;

use super::Finding;

const ID: &str = "core-pattern";

pub fn check() -> Finding {
    judge(read_to_string("/proc/sys/kernel/core_pattern").ok().as_deref())
}

/// Files and programs (`|`) are held by the limit of core dumps, sockets (`@`, Linux 6.16 and later) by nothing.
/// Source: "core_pattern" in the kernel's documentation, `admin-guide/sysctl/kernel.rst`.
fn judge(pattern: Option<&str>) -> Finding {
    match pattern.map(str::trim) {
        Some(socket) if socket.starts_with('@') => Finding::warn(
            ID,
            format!(
                "`{socket}`: the crash of a step is sent to a service of the host, whatever its limits are"
            ),
            "set `sysctl kernel.core_pattern` to a file's name or a program, `|/usr/…`, which palisade keeps from it",
        ),
        Some(pattern) => Finding::ok(ID, format!("`{pattern}`: kept from the crashes of steps")),
        None => Finding::ok(ID, "this kernel dumps no cores"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_told_of() {
        for kept in [None, Some("core\n"), Some("|/usr/lib/systemd/systemd-coredump %P"), Some("/var/@/core")]
        {
            assert_eq!(judge(kept).verdict.as_str(), "ok", "{kept:?}");
        }
        assert_eq!(judge(Some("@/run/coredump.socket\n")).verdict.as_str(), "warn");
    }
}
