//! The directory for what palisade keeps between jobs.

use std::path::Path;

use nix::unistd::{AccessFlags, access};

use super::Finding;
use crate::state::State;

const ID: &str = "state";

pub fn check(state: &State) -> Finding {
    match state.root() {
        Some(directory) => judge(directory),
        None => Finding::warn(ID, "no place for it: neither XDG_STATE_HOME nor HOME is set", "set HOME"),
    }
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
    fn it_has_to_be_writable() {
        let dir = tempfile::tempdir().unwrap();
        assert!(judge(dir.path()).found.ends_with("is writable"));
        assert!(judge(&dir.path().join("a/b")).found.ends_with("can be made"));
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(judge(&file.join("palisade")).found.ends_with("is no directory"));
    }
}
