//! The directory for what palisade keeps between jobs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use super::Finding;

const ID: &str = "state";

pub fn check() -> Finding {
    let root = nix::unistd::geteuid().is_root();
    match directory(root, |name| std::env::var_os(name)) {
        Some(directory) => judge(&directory),
        None => Finding::warn(ID, "no place for it: neither XDG_STATE_HOME nor HOME is set", "set HOME"),
    }
}

/// `/var/lib/palisade` for the service, `$XDG_STATE_HOME/palisade` for a person.
fn directory(root: bool, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if root {
        return Some("/var/lib/palisade".into());
    }
    // A relative one is to be ignored (XDG Base Directory Specification).
    let set = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")))?;
    Some(base.join("palisade"))
}

fn judge(directory: &Path) -> Finding {
    let shown = directory.display();
    let Some(there) = directory.ancestors().find(|path| path.exists()) else {
        return Finding::warn(ID, format!("{shown} can't be found"), "make it, for this user");
    };
    if !there.is_dir() {
        return Finding::warn(ID, format!("{} is no directory", there.display()), "move it out of the way");
    }
    match access(there, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) if there == directory => Finding::ok(ID, format!("{shown} is writable")),
        Ok(()) => Finding::ok(ID, format!("{shown} can be made")),
        Err(e) => Finding::warn(
            ID,
            format!("{shown} can't be written: {}: {e}", there.display()),
            "make it for this user, or set XDG_STATE_HOME to a place that is writable",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_where_the_system_wants_it() {
        let place = |root, xdg: Option<&str>, home: Option<&str>| {
            directory(root, |name| if name == "HOME" { home } else { xdg }.map(OsString::from))
        };
        let path = |path: &str| Some(PathBuf::from(path));
        assert_eq!(place(true, Some("/s"), Some("/h")), path("/var/lib/palisade"));
        assert_eq!(place(false, Some("/s"), Some("/h")), path("/s/palisade"));
        assert_eq!(place(false, Some("s"), Some("/h")), path("/h/.local/state/palisade"));
        assert_eq!(place(false, None, None), None);
    }

    #[test]
    fn it_has_to_be_writable() {
        let dir = tempfile::tempdir().unwrap();
        assert!(judge(dir.path()).found.ends_with("is writable"));
        assert!(judge(&dir.path().join("a/b")).found.ends_with("can be made"));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(judge(&file.join("palisade")).found.ends_with("is no directory"));
    }
}
