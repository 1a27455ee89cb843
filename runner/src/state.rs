//! The directory of what palisade keeps between runs: stores, locks, registrations.

use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where it is. Nothing is made before something is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State(Option<PathBuf>);

impl State {
    /// The directory that was named, else that which the service manager gives (`$STATE_DIRECTORY`), else
    /// `palisade` in `$XDG_STATE_HOME`; where that isn't set, `/var/lib/palisade` for root, and for others
    /// `palisade` in `~/.local/state`.
    pub fn locate(named: Option<PathBuf>) -> State {
        State::among(named, nix::unistd::geteuid().is_root(), &|name| std::env::var_os(name))
    }

    fn among(named: Option<PathBuf>, root: bool, variable: &dyn Fn(&str) -> Option<OsString>) -> State {
        // A relative one is to be ignored (XDG Base Directory Specification).
        let set = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        // Several directories are separated by colons; the first is the service's main one.
        let service = || set("STATE_DIRECTORY").and_then(|list| std::env::split_paths(&list).next());
        let own = || match set("XDG_STATE_HOME") {
            Some(base) => Some(base.join("palisade")),
            None if root => Some("/var/lib/palisade".into()),
            None => set("HOME").map(|home| home.join(".local/state/palisade")),
        };
        State(named.or_else(service).or_else(own))
    }

    /// The directory itself, if there is a place for it; it may not be there yet.
    pub fn root(&self) -> Option<&Path> {
        self.0.as_deref()
    }

    /// Whether it is, or would be made, in a tree.
    pub fn is_within(&self, tree: &Path) -> Result<bool> {
        let Some(root) = &self.0 else { return Ok(false) };
        let root = std::path::absolute(root)?;
        let there = root.ancestors().find_map(|path| path.canonicalize().ok());
        Ok(there.is_some_and(|there| there.starts_with(tree)))
    }

    /// A directory of this name in it, made where it isn't there, that nobody but this user can enter.
    pub fn dir(&self, name: &str) -> Result<PathBuf> {
        let root = self.0.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "there is no place for it: name one with --state, or set HOME")
        })?;
        let told = |path: &Path, error: Error| {
            Error::new(error.kind(), format!("the state directory `{}`: {error}", path.display()))
        };
        let path = root.join(name);
        for path in [root, &path] {
            private(path).map_err(|error| told(path, error))?;
        }
        Ok(path)
    }
}

/// Makes the directory, or finds it to be this user's own.
fn private(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let found =
        fs::symlink_metadata(path).and_then(|m| if m.is_symlink() { fs::metadata(path) } else { Ok(m) })?;
    let refused = |why: &str| Err(Error::new(ErrorKind::PermissionDenied, why));
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return refused("it belongs to another user");
    }
    if found.mode() & 0o022 != 0 {
        return refused("others can write to it; take that away with `chmod go-w`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn located(named: Option<&str>, root: bool, variables: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
        };
        State::among(named.map(PathBuf::from), root, &variable).0.map(|path| path.display().to_string())
    }

    #[test]
    fn the_nearest_word_counts() {
        let all = [("STATE_DIRECTORY", "/s:/t"), ("XDG_STATE_HOME", "/x"), ("HOME", "/h")];
        for root in [false, true] {
            assert_eq!(located(Some("here"), root, &all).as_deref(), Some("here"));
            assert_eq!(located(None, root, &all).as_deref(), Some("/s"));
            assert_eq!(located(None, root, &all[1..]).as_deref(), Some("/x/palisade"));
        }
        assert_eq!(located(None, true, &all[2..]).as_deref(), Some("/var/lib/palisade"));
        assert_eq!(located(None, false, &all[2..]).as_deref(), Some("/h/.local/state/palisade"));
        assert_eq!(located(None, false, &[("XDG_STATE_HOME", "relative")]), None);
        let error = State(None).dir("x").unwrap_err().to_string();
        assert!(error.contains("--state"), "{error}");
    }

    #[test]
    fn it_is_in_a_tree_also_before_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().canonicalize().unwrap();
        fs::create_dir(tree.join("in")).unwrap();
        std::os::unix::fs::symlink(tree.join("in"), tree.join("link")).unwrap();
        let is_within = |path: &Path| State(Some(path.to_owned())).is_within(&tree.join("in")).unwrap();
        assert!(is_within(&tree.join("in/a/b")) && is_within(&tree.join("link/a")));
        assert!(!is_within(&tree.join("inside")) && !is_within(&tree));
        let here = std::env::current_dir().unwrap();
        assert!(State(Some("a/b".into())).is_within(&here).unwrap());
        assert!(!State(None).is_within(&tree).unwrap());
    }

    #[test]
    fn a_directory_is_made_private_and_one_of_others_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let state = State(Some(dir.path().join("a/b")));
        let made = state.dir("cache").unwrap();
        assert_eq!(fs::metadata(&made).unwrap().mode() & 0o777, 0o700);
        assert_eq!(state.dir("cache").unwrap(), made);
        fs::set_permissions(&made, fs::Permissions::from_mode(0o777)).unwrap();
        let error = state.dir("cache").unwrap_err().to_string();
        assert!(error.contains("others can write to it"), "{error}");
        fs::write(dir.path().join("a/b/file"), "").unwrap();
        assert!(state.dir("file").is_err());
    }
}
