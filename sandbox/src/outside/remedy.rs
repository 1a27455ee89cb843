//! What an administrator can do where a machine denies a layer: each known cause has its own text.

use std::fs::read_to_string;

use nix::errno::Errno;

use crate::error::LayerError;
use crate::report::LayerId;

/// The error for a clone with new namespaces that failed.
pub fn for_clone(errno: Errno) -> LayerError {
    add(LayerError::new(LayerId::User, "make new namespaces (clone)", errno))
}

/// Adds the remedy to an error, by looking at the machine.
pub fn add(mut error: LayerError) -> LayerError {
    if error.remedy.is_none() {
        error.remedy = find(&error, &Machine::look());
    }
    error
}

/// What of a machine's settings decides about sandboxes.
#[derive(Clone, Debug, Default)]
struct Machine {
    /// `kernel.apparmor_restrict_unprivileged_userns`, Ubuntu 23.10 and later.
    apparmor_restricts: bool,
    /// `kernel.unprivileged_userns_clone` is 0, older Debian.
    debian_denies: bool,
    /// `user.max_user_namespaces` is 0.
    no_namespaces: bool,
    /// This process is under a seccomp filter, as in a container.
    filtered: bool,
}

impl Machine {
    fn look() -> Self {
        let is = |path: &str, value: &str| read_to_string(path).is_ok_and(|s| s.trim() == value);
        Machine {
            apparmor_restricts: is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"),
            debian_denies: is("/proc/sys/kernel/unprivileged_userns_clone", "0"),
            no_namespaces: is("/proc/sys/user/max_user_namespaces", "0"),
            filtered: read_to_string("/proc/self/status").is_ok_and(|s| s.contains("\nSeccomp:\t2")),
        }
    }
}

fn find(error: &LayerError, machine: &Machine) -> Option<String> {
    let errno = Errno::from_raw(error.errno);
    let denied = matches!(errno, Errno::EPERM | Errno::EACCES);
    let text = match error.layer {
        LayerId::Landlock if machine.filtered && (denied || errno == Errno::ENOSYS) => {
            "this process is itself under a seccomp filter, as in a container, which may be all that hides Landlock: \
             run the container with a filter that allows `landlock_create_ruleset`, `landlock_add_rule` and \
             `landlock_restrict_self` (for Docker and Podman `--security-opt seccomp=FILE`), or run palisade on the host"
        }
        LayerId::Landlock if matches!(errno, Errno::ENOSYS | Errno::EOPNOTSUPP) => {
            "this kernel has no Landlock: boot one of Linux 5.13 or later with `landlock` in `lsm=` on its \
             command line (check with `cat /sys/kernel/security/lsm`), or accept less by `--without landlock`"
        }
        _ if machine.no_namespaces && matches!(errno, Errno::ENOSPC | Errno::EPERM) => {
            "user namespaces are off here: set `sysctl user.max_user_namespaces=15000`"
        }
        _ if denied && machine.debian_denies => {
            "this kernel denies user namespaces to ordinary users: set \
             `sysctl kernel.unprivileged_userns_clone=1`"
        }
        _ if denied && machine.apparmor_restricts => {
            "AppArmor denies user namespaces to programs without a profile (Ubuntu 23.10 and later): load a \
             profile for palisade with the rule `userns,` (packaging/apparmor/palisade), or set \
             `sysctl kernel.apparmor_restrict_unprivileged_userns=0`"
        }
        _ if denied && machine.filtered => {
            "this process is itself under a seccomp filter, as in a container: run the container with a \
             filter that allows `clone` with new namespaces, `mount` and `pivot_root` (for Docker and \
             Podman `--security-opt seccomp=FILE`), or run palisade on the host"
        }
        LayerId::User if errno == Errno::EUSERS || errno == Errno::ENOSPC => {
            "too many namespaces, or nested too deep: see `sysctl -a --pattern '^user.max_.*namespaces'`"
        }
        LayerId::Net if errno == Errno::ENOSPC => {
            "too many network namespaces: see `sysctl user.max_net_namespaces`"
        }
        LayerId::Seccomp if errno == Errno::EINVAL => {
            "this kernel has no system call filters: boot one with CONFIG_SECCOMP_FILTER=y"
        }
        LayerId::Pid if denied && error.action.contains("/proc") => {
            "parts of the host's own /proc are covered, as in a container, and then the kernel allows no new \
             one: run the container with an unmasked /proc (for Podman `--security-opt unmask=/proc/*`)"
        }
        LayerId::Mount if error.action.starts_with("map the owner") => {
            "the workspace's file system can't map ids: run palisade as the ordinary user who owns the tree"
        }
        LayerId::Mount if errno == Errno::EACCES && error.action.starts_with("copy `") => {
            "only what palisade may read can be copied (where it is run as root and the tree's file system can't map ids, \
             what everybody may read): run it as the ordinary user who owns the tree, or have git ignore the file"
        }
        _ if errno == Errno::ENOSYS => "this kernel is too old: palisade needs Linux 5.14 or later",
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(layer: LayerId, errno: Errno, machine: Machine) -> String {
        find(&LayerError::new(layer, "try", errno), &machine).unwrap_or_default()
    }

    #[test]
    fn each_cause_has_its_own_text() {
        let is = Machine::default;
        let apparmor = text(LayerId::Mount, Errno::EACCES, Machine { apparmor_restricts: true, ..is() });
        let debian = text(LayerId::User, Errno::EPERM, Machine { debian_denies: true, ..is() });
        let none = text(LayerId::User, Errno::ENOSPC, Machine { no_namespaces: true, ..is() });
        let container = text(LayerId::User, Errno::EPERM, Machine { filtered: true, ..is() });
        let landlock = text(LayerId::Landlock, Errno::ENOSYS, is());
        assert!(apparmor.contains("AppArmor"));
        assert!(debian.contains("unprivileged_userns_clone"));
        assert!(none.contains("max_user_namespaces"));
        assert!(container.contains("seccomp=FILE"));
        assert!(landlock.contains("lsm="));
        let hidden = text(LayerId::Landlock, Errno::EPERM, Machine { filtered: true, ..is() });
        assert!(hidden.contains("landlock_add_rule") && hidden.contains("seccomp=FILE"));
        assert!(text(LayerId::Net, Errno::ENOSPC, is()).contains("max_net_namespaces"));
        assert!(text(LayerId::Seccomp, Errno::EINVAL, is()).contains("CONFIG_SECCOMP_FILTER"));
        assert_eq!(text(LayerId::Mount, Errno::ENOMEM, is()), "");
    }
}
