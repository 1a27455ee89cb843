//! The kernel's version.

use super::Finding;

const ID: &str = "kernel";
/// The first that has all that palisade can't do without: `mount_setattr` (5.12), overlays of ordinary
/// users (5.11), `cgroup.kill` (5.14).
const NEEDED: (u32, u32) = (5, 14);

pub fn check() -> Finding {
    match nix::sys::utsname::uname() {
        Ok(name) => judge(&name.release().to_string_lossy(), &name.machine().to_string_lossy()),
        Err(e) => judge(&format!("of unknown version ({e})"), "unknown"),
    }
}

fn judge(release: &str, machine: &str) -> Finding {
    let found = format!("Linux {release}, {machine}");
    match version(release) {
        Some(version) if version >= NEEDED => Finding::ok(ID, found),
        Some(_) => Finding::fail(ID, found, "boot Linux 5.14 or later"),
        None => Finding::warn(ID, found, "this version isn't understood; palisade needs Linux 5.14 or later"),
    }
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_decides() {
        for (release, verdict) in [
            ("6.18.44-fc", "ok"),
            ("5.14.0", "ok"),
            ("5.14-rc1", "ok"),
            ("10.0", "ok"),
            ("5.13.19", "fail"),
            ("4.18.0-553.el8", "fail"),
            ("", "warn"),
            ("next", "warn"),
            ("99999999999.1", "warn"),
        ] {
            assert_eq!(judge(release, "x86_64").verdict.as_str(), verdict, "{release}");
        }
    }
}
