//! Programs of the host that workflows use.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::Finding;

/// Each with what doesn't work without it.
const TOOLS: [(&str, &str); 5] = [
    ("bash", "`run` steps without a `shell` use sh, and those with `shell: bash` fail"),
    ("sh", "steps with `shell: sh` fail, and most programs' own scripts do"),
    ("git", "steps that call git fail"),
    ("python3", "steps with `shell: python` fail"),
    ("node", "steps that call node or npm fail"),
];

pub fn check() -> impl Iterator<Item = Finding> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    TOOLS.into_iter().map(move |(name, without)| judge(name, without, find(name, &path)))
}

fn judge(name: &str, without: &str, place: Option<PathBuf>) -> Finding {
    let id = format!("tool.{name}");
    match place {
        Some(place) => Finding::ok(id, place.display().to_string()),
        None => Finding::warn(id, format!("not on PATH: {without}"), format!("install {name}")),
    }
}

fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    let is_program = |place: &Path| place.is_file() && access(place, AccessFlags::X_OK).is_ok();
    std::env::split_paths(path).map(|dir| dir.join(name)).find(|place| is_program(place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_program_is_a_file_that_can_be_executed() {
        let dir = tempfile::tempdir().unwrap();
        let [empty, plain, good] = ["empty", "plain", "good"].map(|name| dir.path().join(name));
        for (dir, mode) in [(&empty, None), (&plain, Some(0o644)), (&good, Some(0o755))] {
            fs::create_dir(dir).unwrap();
            if let Some(mode) = mode {
                fs::write(dir.join("tool"), "").unwrap();
                fs::set_permissions(dir.join("tool"), fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        fs::create_dir(empty.join("tool")).unwrap();
        let path = std::env::join_paths([&empty, &plain, &good]).unwrap();
        assert_eq!(find("tool", &path), Some(good.join("tool")));
        assert_eq!(find("tool", &std::env::join_paths([&empty, &plain]).unwrap()), None);
    }

    #[test]
    fn what_is_missing_says_what_stops_working() {
        let missing = judge("node", "steps fail", None);
        assert_eq!(missing.found, "not on PATH: steps fail");
        assert_eq!(missing.verdict.as_str(), "warn");
    }
}
