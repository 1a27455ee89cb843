//! The kernel's Landlock, by its ABI.

use std::io;

use nix::libc;

use super::Finding;

const ID: &str = "landlock";
/// The first that confines abstract sockets and signals (Linux 6.12).
const FULL: i32 = 6;

pub fn check() -> Finding {
    judge(palisade_sandbox::landlock_abi())
}

fn judge(abi: io::Result<i32>) -> Finding {
    match abi {
        Ok(abi) if abi >= FULL => Finding::ok(ID, format!("ABI {abi}")),
        Ok(abi) => Finding::warn(
            ID,
            format!("ABI {abi}: confines files, not abstract sockets and signals (ABI {FULL})"),
            "boot Linux 6.12 or later",
        ),
        Err(e) if matches!(e.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => Finding::fail(
            ID,
            format!("hidden: {e}"),
            "have the seccomp filter that this process is under, as in a container, allow `landlock_create_ruleset`, \
             `landlock_add_rule` and `landlock_restrict_self`, or run palisade on the host",
        ),
        Err(e) => Finding::fail(
            ID,
            format!("none: {e}"),
            "boot Linux 5.13 or later with `landlock` in `lsm=` on its command line (check with \
             `cat /sys/kernel/security/lsm`)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_abi_decides() {
        assert_eq!(judge(Ok(7)).verdict.as_str(), "ok");
        assert_eq!(judge(Ok(6)).verdict.as_str(), "ok");
        assert_eq!(judge(Ok(5)).verdict.as_str(), "warn");
        let none = judge(Err(io::Error::from_raw_os_error(libc::ENOSYS)));
        assert!(none.verdict.remedy().unwrap().contains("lsm="));
        let hidden = judge(Err(io::Error::from_raw_os_error(libc::EPERM)));
        assert!(hidden.verdict.remedy().unwrap().contains("landlock_add_rule"));
    }
}
