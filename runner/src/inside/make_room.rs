//! A directory of the workspace made ready for a checkout: made where it isn't there, emptied where it has content.
//! No link on the way is followed, so that nothing outside of the workspace is touched.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path};

/// Arguments: the workspace, the path relative to it, and what to do with content.
pub fn main(args: &[OsString]) -> u8 {
    let [workspace, path, content] = args else { return 2 };
    let content = match content.to_str() {
        Some(REMOVE) => Content::Remove,
        Some(KEEP) => Content::Keep,
        Some(REUSE) => Content::Reuse,
        Some(REFUSE) => Content::Refuse,
        _ => return 2,
    };
    match make_room(Path::new(workspace), Path::new(path), content) {
        Ok(()) => 0,
        Err(why) => {
            // Where even that can't be said, the exit code tells.
            let _ = io::stdout().write_all(why.as_bytes());
            1
        }
    }
}

/// All content goes.
pub const REMOVE: &str = "remove";
/// Files stay, beside a repository that goes; without a repository all goes.
pub const KEEP: &str = "keep";
/// Files stay, and of a repository its objects: what git then finds to be as it should be, it needn't write again.
pub const REUSE: &str = "reuse";
/// Content is an error.
pub const REFUSE: &str = "refuse";

#[derive(Clone, Copy, PartialEq)]
enum Content {
    Remove,
    Keep,
    Reuse,
    Refuse,
}

fn make_room(workspace: &Path, path: &Path, content: Content) -> Result<(), String> {
    let mut at = workspace.to_owned();
    for part in path.components() {
        let Component::Normal(name) = part else {
            return Err(format!("`{}` is no path within the workspace", path.display()));
        };
        at.push(name);
        let cannot = |action: &str, e: io::Error| format!("cannot {action} `{}`: {e}", at.display());
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => continue,
            Ok(found) if found.is_symlink() => {
                return Err(format!(
                    "`{}` is a symbolic link, which a checkout doesn't follow",
                    at.display()
                ));
            }
            Ok(_) if content == Content::Refuse => return Err(in_the_way(&at)),
            Ok(_) => fs::remove_file(&at).map_err(|e| cannot("remove", e))?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(cannot("look at", e)),
        }
        fs::create_dir(&at).map_err(|e| cannot("make", e))?;
    }
    let repository = at.join(".git");
    if content == Content::Keep && fs::symlink_metadata(&repository).is_ok() {
        return remove(&repository);
    }
    match content {
        Content::Refuse => each(&at, |_| Err(in_the_way(&at))),
        Content::Reuse if is_directory(&repository.join("objects")) && is_directory(&repository) => {
            each(&repository, |path| if path.ends_with("objects") { Ok(()) } else { remove(path) })
        }
        Content::Reuse if fs::symlink_metadata(&repository).is_ok() => remove(&repository),
        Content::Reuse => Ok(()),
        Content::Keep | Content::Remove => each(&at, remove),
    }
}

fn each(directory: &Path, action: impl Fn(&Path) -> Result<(), String>) -> Result<(), String> {
    let cannot_read = |e: io::Error| format!("cannot read `{}`: {e}", directory.display());
    for entry in fs::read_dir(directory).map_err(cannot_read)? {
        action(&entry.map_err(cannot_read)?.path())?;
    }
    Ok(())
}

/// It is one itself, no link to one.
fn is_directory(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

fn in_the_way(at: &Path) -> String {
    format!(
        "`{}` has content, which a checkout would replace, and with --write it is the user's own",
        at.display()
    )
}

fn remove(path: &Path) -> Result<(), String> {
    let removed = if is_directory(path) { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.map_err(|e| format!("cannot remove `{}`: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn content_goes_or_stays_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (root, a) = (dir.path(), dir.path().join("a/b"));
        make_room(root, Path::new("a/b"), Content::Refuse).unwrap();
        fs::write(a.join("x"), "").unwrap();
        fs::create_dir(a.join(".git")).unwrap();
        assert!(make_room(root, Path::new("a/b"), Content::Refuse).unwrap_err().contains("has content"));
        make_room(root, Path::new("a/b"), Content::Keep).unwrap();
        assert_eq!(listing(&a), ["x"]);
        make_room(root, Path::new("a/b"), Content::Keep).unwrap();
        assert_eq!(listing(&a), [""; 0]);
        fs::create_dir_all(a.join(".git/objects/pack")).unwrap();
        fs::write(a.join(".git/config"), "").unwrap();
        fs::write(a.join("x"), "").unwrap();
        make_room(root, Path::new("a/b"), Content::Reuse).unwrap();
        assert_eq!(
            (listing(&a), listing(&a.join(".git"))),
            (vec![".git".into(), "x".into()], vec!["objects".into()])
        );
        fs::write(root.join("a/b/y"), "").unwrap();
        make_room(root, Path::new(""), Content::Remove).unwrap();
        assert_eq!(listing(root), [""; 0]);
    }

    #[test]
    fn links_lead_nowhere() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(other.path().join("x"), "").unwrap();
        std::os::unix::fs::symlink(other.path(), dir.path().join("l")).unwrap();
        for path in ["l", "l/m"] {
            assert!(
                make_room(dir.path(), Path::new(path), Content::Remove).unwrap_err().contains("symbolic")
            );
        }
        assert!(make_room(dir.path(), Path::new("../x"), Content::Remove).is_err());
        make_room(dir.path(), Path::new(""), Content::Remove).unwrap();
        assert_eq!(listing(other.path()), ["x"]);
    }
}
