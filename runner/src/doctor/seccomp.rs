//! System call filters: whether the kernel has them, with the answers that palisade's filter gives.

use std::fs::read_to_string;

use super::Finding;

const ID: &str = "seccomp";
const NEEDED: [&str; 3] = ["kill_process", "errno", "allow"];

pub fn check() -> Finding {
    judge(
        read_to_string("/proc/sys/kernel/seccomp/actions_avail").ok().as_deref(),
        read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nSeccomp:\t2")),
    )
}

fn judge(available: Option<&str>, filtered: bool) -> Finding {
    const KERNEL: &str = "boot a kernel with CONFIG_SECCOMP_FILTER=y";
    let Some(available) = available else {
        return Finding::fail(ID, "this kernel has none, or /proc/sys can't be read", KERNEL);
    };
    let missing: Vec<_> =
        NEEDED.into_iter().filter(|action| !available.split_whitespace().any(|a| a == *action)).collect();
    if !missing.is_empty() {
        return Finding::fail(ID, format!("this kernel's filters lack {}", missing.join(", ")), KERNEL);
    }
    let within = if filtered { "; this process is itself under a filter, as in a container" } else { "" };
    Finding::ok(ID, format!("filters available{within}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_needs_its_answers() {
        let all = "kill_process kill_thread trap errno user_notif trace log allow\n";
        assert_eq!(judge(Some(all), false).verdict.as_str(), "ok");
        assert!(judge(Some(all), true).found.contains("container"));
        assert!(judge(Some("kill_thread errno allow"), false).found.ends_with("lack kill_process"));
        assert_eq!(judge(None, false).verdict.as_str(), "fail");
    }
}
