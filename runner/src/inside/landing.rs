//! A directory that the content of an archive lands in. Whatever the archive says, nothing lands outside of it, and
//! nothing is written through a link that leads out of it.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use super::walk::shown;

/// Most bytes of a path in an archive (`PATH_MAX` with its zero).
const MAX_PATH: usize = 4095;

/// The directory.
#[derive(Debug)]
pub struct Landing {
    root: PathBuf,
    /// Directories below it that were looked at.
    known: HashSet<PathBuf>,
    /// Links to directories below it count as such.
    follow: bool,
}

impl Landing {
    /// Makes the directory where it isn't there.
    pub fn new(root: &Path) -> Result<Landing, String> {
        let made = DirBuilder::new().recursive(true).create(root).and_then(|()| root.canonicalize());
        let root = made.map_err(|e| format!("cannot make the directory `{}`: {e}", shown(root)))?;
        Ok(Landing { root, known: HashSet::new(), follow: true })
    }

    /// The root of all, for what lands at or below some paths in it. No link at or below them is followed; what leads
    /// to them is made where it isn't there, and may be links.
    pub fn below(paths: impl Iterator<Item = PathBuf>) -> Result<Landing, String> {
        let root = PathBuf::from("/");
        let mut known = HashSet::new();
        for path in paths {
            let Some(above) = path.parent() else { continue };
            DirBuilder::new().recursive(true).create(root.join(above)).map_err(cannot("make", above))?;
            known.extend(above.ancestors().map(Path::to_owned));
        }
        Ok(Landing { root, known, follow: false })
    }

    /// Makes a directory.
    pub fn directory(&mut self, path: &Path) -> Result<PathBuf, String> {
        let path = plain(path)?;
        self.make(&path)
    }

    /// Makes a file, in the place of one that is there.
    pub fn file(&mut self, path: &Path, mode: u32) -> Result<File, String> {
        let at = self.place(path)?;
        let make = || OpenOptions::new().write(true).create_new(true).mode(mode).open(&at);
        instead(&at, make).map_err(cannot("write", path))
    }

    /// Makes a symbolic link, in the place of a file that is there.
    pub fn link(&mut self, path: &Path, target: &Path) -> Result<(), String> {
        let at = self.place(path)?;
        instead(&at, || symlink(target, &at)).map_err(cannot("make the link", path))
    }

    /// Makes a file another name of one that has landed.
    pub fn hard_link(&mut self, path: &Path, of: &Path) -> Result<(), String> {
        let at = self.place(path)?;
        let of = self.place(of)?;
        instead(&at, || fs::hard_link(&of, &at)).map_err(cannot("make the link", path))
    }

    /// Where a file lands; the directories above it are there then.
    fn place(&mut self, path: &Path) -> Result<PathBuf, String> {
        let path = plain(path)?;
        let above = self.make(path.parent().unwrap_or(Path::new("")))?;
        Ok(above.join(path.file_name().unwrap_or_default()))
    }

    fn make(&mut self, path: &Path) -> Result<PathBuf, String> {
        let at = self.root.join(path);
        if path.as_os_str().is_empty() || self.known.contains(path) {
            return Ok(at);
        }
        if let Some(above) = path.parent() {
            self.make(above)?;
        }
        match fs::create_dir(&at) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => self.check(path, &at)?,
            Err(e) => return Err(cannot("make the directory", path)(e)),
        }
        self.known.insert(path.to_owned());
        Ok(at)
    }

    /// Whether what is there is a directory below the root.
    fn check(&self, path: &Path, at: &Path) -> Result<(), String> {
        let found = fs::symlink_metadata(at).map_err(cannot("look at", path))?;
        if found.is_dir() {
            return Ok(());
        }
        let within = self.follow
            && found.is_symlink()
            && at.canonicalize().is_ok_and(|real| real.starts_with(&self.root));
        if within && at.is_dir() {
            return Ok(());
        }
        let what = if found.is_symlink() { "a link, which isn't followed," } else { "no directory," };
        Err(format!("`{}` is {what} and something would land in it", shown(path)))
    }
}

/// A path that leads down only.
fn plain(path: &Path) -> Result<PathBuf, String> {
    let down = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !down || path.as_os_str().is_empty() || path.as_os_str().len() > MAX_PATH {
        return Err(format!("the archive is refused: it holds the path `{}`", shown(path).escape_debug()));
    }
    Ok(path.components().collect())
}

/// Makes something where a file may be, which goes.
fn instead<T>(at: &Path, make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    match make() {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(at)?;
            make()
        }
        done => done,
    }
}

fn cannot<'a>(action: &'a str, path: &'a Path) -> impl FnOnce(io::Error) -> String + 'a {
    move |e| format!("cannot {action} `{}`: {e}", shown(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn nothing_lands_outside() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let root = dir.path().join("a/b");
        let mut landing = Landing::new(&root).unwrap();
        for path in ["/etc/x", "../x", "a/../../x", ".", "", "a/..", &"a/".repeat(3000)] {
            let error = landing.file(Path::new(path), 0o644).unwrap_err();
            assert!(error.contains("the archive is refused"), "{error}");
        }
        symlink(other.path(), root.join("out")).unwrap();
        let error = landing.file(Path::new("out/x"), 0o644).unwrap_err();
        assert!(error.contains("`out` is a link, which isn't followed"), "{error}");
        assert!(landing.directory(Path::new("out/y")).is_err());
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 0);
    }

    #[test]
    fn files_take_the_place_of_files() {
        let dir = tempfile::tempdir().unwrap();
        let mut landing = Landing::new(dir.path()).unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "kept").unwrap();
        symlink(&victim, dir.path().join("link")).unwrap();
        landing.file(Path::new("link"), 0o600).unwrap().write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("link")).unwrap(), "new");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "kept");
        landing.directory(Path::new("d/e")).unwrap();
        assert!(landing.file(Path::new("d"), 0o644).unwrap_err().contains("cannot write `d`"));
        assert!(landing.file(Path::new("link/x"), 0o644).unwrap_err().contains("is no directory"));
        // A link that stays within is followed.
        symlink("d", dir.path().join("l")).unwrap();
        landing.file(Path::new("l/f"), 0o644).unwrap();
        assert!(dir.path().join("d/f").is_file());
    }
}
