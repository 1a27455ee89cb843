//! AppArmor's restriction of user namespaces (Ubuntu 23.10 and later).

use std::fs::read_to_string;

use super::Finding;

const ID: &str = "apparmor";

pub fn check() -> Finding {
    let restricts = read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").ok();
    let profile = read_to_string("/proc/self/attr/apparmor/current").ok();
    judge(restricts.as_deref(), profile.as_deref(), nix::unistd::geteuid().is_root())
}

fn judge(restricts: Option<&str>, profile: Option<&str>, root: bool) -> Finding {
    if restricts.is_none_or(|value| value.trim() != "1") {
        return Finding::ok(ID, "does not restrict user namespaces");
    }
    let profile = profile.map_or("unconfined", str::trim);
    if root {
        return Finding::ok(ID, "restricts user namespaces of ordinary users; this is root");
    }
    // A profile may or may not have the rule; whether it does shows in the layer `user`, which is tried.
    if profile != "unconfined" {
        return Finding::ok(
            ID,
            format!("restricts user namespaces; this process has the profile `{profile}`"),
        );
    }
    Finding::warn(
        ID,
        "restricts user namespaces to programs with a profile; this process has none",
        "load a profile for palisade with the rule `userns,`, or set \
         `sysctl kernel.apparmor_restrict_unprivileged_userns=0`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ordinary_user_without_a_profile_is_restricted() {
        let verdict = |restricts, profile, root| judge(restricts, profile, root).verdict.as_str();
        assert_eq!(verdict(None, None, false), "ok");
        assert_eq!(verdict(Some("0\n"), Some("unconfined\n"), false), "ok");
        assert_eq!(verdict(Some("1\n"), Some("unconfined\n"), true), "ok");
        assert_eq!(verdict(Some("1\n"), Some("palisade (enforce)\n"), false), "ok");
        assert_eq!(verdict(Some("1\n"), Some("unconfined\n"), false), "warn");
        assert_eq!(verdict(Some("1\n"), None, false), "warn");
    }
}
