//! The settings that decide about user namespaces, on which everything stands.

use std::fs::read_to_string;

use super::Finding;

const ID: &str = "user-namespaces";

pub fn check() -> Finding {
    judge(&Settings {
        max: read("/proc/sys/user/max_user_namespaces"),
        debian: read("/proc/sys/kernel/unprivileged_userns_clone"),
        root: nix::unistd::geteuid().is_root(),
    })
}

fn read(path: &str) -> Option<String> {
    read_to_string(path).ok().map(|text| text.trim().to_owned())
}

struct Settings {
    /// `user.max_user_namespaces`
    max: Option<String>,
    /// `kernel.unprivileged_userns_clone`, older Debian.
    debian: Option<String>,
    root: bool,
}

fn judge(settings: &Settings) -> Finding {
    let Some(max) = &settings.max else {
        return Finding::fail(
            ID,
            "this kernel has none, or /proc/sys can't be read",
            "boot a kernel with CONFIG_USER_NS=y",
        );
    };
    let found = format!("user.max_user_namespaces = {max}");
    if max == "0" {
        return Finding::fail(ID, found, "set `sysctl user.max_user_namespaces=15000`");
    }
    match settings.debian.as_deref() {
        Some("0") if !settings.root => Finding::fail(
            ID,
            format!("{found}, kernel.unprivileged_userns_clone = 0"),
            "set `sysctl kernel.unprivileged_userns_clone=1`",
        ),
        _ => Finding::ok(ID, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_setting_that_denies_is_told() {
        let verdict = |max: Option<&str>, debian: Option<&str>, root| {
            let (max, debian) = (max.map(str::to_owned), debian.map(str::to_owned));
            judge(&Settings { max, debian, root }).verdict
        };
        assert_eq!(verdict(Some("96365"), None, false).as_str(), "ok");
        assert_eq!(verdict(Some("96365"), Some("1"), false).as_str(), "ok");
        assert_eq!(verdict(Some("96365"), Some("0"), true).as_str(), "ok");
        assert!(verdict(None, None, false).remedy().unwrap().contains("CONFIG_USER_NS"));
        assert!(verdict(Some("0"), None, true).remedy().unwrap().contains("max_user_namespaces"));
        assert!(verdict(Some("9"), Some("0"), false).remedy().unwrap().contains("userns_clone"));
    }
}
