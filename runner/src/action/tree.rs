//! The digest of a tree of files: what an action is, whoever names it and however it came here.
//!
//! SHA-256 over one entry for each file and link, in the order of their paths' bytes: mode as git has it
//! (`100644`, `100755`, `120000`), SHA-256 of the content or of the link's target in hexadecimal, path, each
//! followed by a NUL. Directories are there by what is in them, as in git.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use sha2::{Digest, Sha256};

/// Most files of a tree.
pub const MAX_FILES: usize = 100_000;
/// Most bytes of a tree.
pub const MAX_BYTES: u64 = 2 << 30;
/// Most directories within each other.
const MAX_DEPTH: usize = 100;

/// What one tree and no other has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreeDigest([u8; 32]);

/// A tree that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Its digest.
    pub digest: TreeDigest,
    /// The bytes of its files.
    pub bytes: u64,
}

/// Why a tree has no digest.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// It can't be read.
    #[error("cannot read `{}`: {error}", path.display())]
    Io {
        /// What of it.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Neither file nor directory nor link.
    #[error("`{}` is no file, directory or link", .0.display())]
    Kind(PathBuf),
    /// Too large.
    #[error("it has more than {0}")]
    Bound(String),
}

impl TreeDigest {
    /// Reads `sha256:` and 64 digits.
    pub fn parse(text: &str) -> Option<TreeDigest> {
        let digits = text.strip_prefix("sha256:")?;
        if digits.len() != 64 || !digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(TreeDigest(digest))
    }

    /// The digits alone.
    pub fn digits(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for TreeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.digits())
    }
}

impl fmt::Debug for TreeDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads the tree at `root`. Links are not followed.
pub fn read(root: &Path) -> Result<Tree, TreeError> {
    let mut walk = Walk { root, entries: Vec::new(), bytes: 0, buffer: vec![0; 128 << 10] };
    walk.directory(&PathBuf::new(), 0)?;
    let Walk { mut entries, bytes, .. } = walk;
    entries.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    let mut digest = Sha256::new();
    for Entry { path, mode, content } in entries {
        digest.update(mode);
        digest.update([0]);
        digest.update(TreeDigest(content).digits());
        digest.update([0]);
        digest.update(path.as_bytes());
        digest.update([0]);
    }
    Ok(Tree { digest: TreeDigest(digest.finalize().into()), bytes })
}

struct Entry {
    path: OsString,
    mode: &'static [u8],
    content: [u8; 32],
}

struct Walk<'a> {
    root: &'a Path,
    entries: Vec<Entry>,
    bytes: u64,
    buffer: Vec<u8>,
}

impl Walk<'_> {
    fn directory(&mut self, relative: &Path, depth: usize) -> Result<(), TreeError> {
        if depth > MAX_DEPTH {
            return Err(TreeError::Bound(format!("{MAX_DEPTH} directories within each other")));
        }
        let path = self.root.join(relative);
        let told = |error| TreeError::Io { path: path.clone(), error };
        for entry in fs::read_dir(&path).map_err(told)? {
            let name = entry.map_err(told)?.file_name();
            self.entry(relative.join(name), depth)?;
        }
        Ok(())
    }

    fn entry(&mut self, relative: PathBuf, depth: usize) -> Result<(), TreeError> {
        let path = self.root.join(&relative);
        let told = |error| TreeError::Io { path: path.clone(), error };
        let metadata = fs::symlink_metadata(&path).map_err(told)?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            return self.directory(&relative, depth + 1);
        }
        if self.entries.len() == MAX_FILES {
            return Err(TreeError::Bound(format!("{MAX_FILES} files")));
        }
        let (mode, content): (&[u8], _) = if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(told)?;
            (b"120000", Sha256::digest(target.as_os_str().as_bytes()).into())
        } else if kind.is_file() {
            let content = self.content(&path)?;
            (if metadata.mode() & 0o111 == 0 { b"100644" } else { b"100755" }, content)
        } else {
            return Err(TreeError::Kind(path));
        };
        self.entries.push(Entry { path: relative.into_os_string(), mode, content });
        Ok(())
    }

    fn content(&mut self, path: &Path) -> Result<[u8; 32], TreeError> {
        let told = |error| TreeError::Io { path: path.to_owned(), error };
        // Were it a FIFO by now, opening it would not end.
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let mut file: File = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(told)?;
        let mut digest = Sha256::new();
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok(digest.finalize().into()),
                Ok(read) => {
                    self.bytes += read as u64;
                    if self.bytes > MAX_BYTES {
                        return Err(TreeError::Bound(format!("{MAX_BYTES} bytes")));
                    }
                    digest.update(&self.buffer[..read]);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(told(e)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/x"), "1").unwrap();
        fs::write(dir.path().join("a-b"), "2").unwrap();
        symlink("a/x", dir.path().join("link")).unwrap();
        dir
    }

    #[test]
    fn the_digest_is_what_the_format_says() {
        let dir = tree();
        let mut all = Sha256::new();
        for (mode, content, path) in
            [("100644", "2", "a-b"), ("100644", "1", "a/x"), ("120000", "a/x", "link")]
        {
            let content: [u8; 32] = Sha256::digest(content).into();
            all.update(format!("{mode}\0{}\0{path}\0", TreeDigest(content).digits()));
        }
        let read = read(dir.path()).unwrap();
        assert_eq!(read.digest, TreeDigest(all.finalize().into()));
        assert_eq!(read.bytes, 2);
        assert_eq!(TreeDigest::parse(&read.digest.to_string()), Some(read.digest));
    }

    #[test]
    fn whatever_changes_shows() {
        let digest = |dir: &tempfile::TempDir| read(dir.path()).unwrap().digest;
        let changes: [fn(&Path); 5] = [
            |d| fs::write(d.join("a/x"), "3").unwrap(),
            |d| fs::rename(d.join("a-b"), d.join("a-c")).unwrap(),
            |d| fs::set_permissions(d.join("a-b"), fs::Permissions::from_mode(0o755)).unwrap(),
            |d| {
                fs::remove_file(d.join("link")).unwrap();
                fs::write(d.join("link"), "a/x").unwrap();
            },
            |d| fs::write(d.join("more"), "").unwrap(),
        ];
        let before = digest(&tree());
        for change in changes {
            let dir = tree();
            assert_eq!(digest(&dir), before);
            change(dir.path());
            assert_ne!(digest(&dir), before);
        }
        let dir = tree();
        fs::create_dir(dir.path().join("empty")).unwrap();
        assert_eq!(digest(&dir), before);
    }

    #[test]
    fn what_no_repository_holds_is_refused() {
        let dir = tree();
        nix::unistd::mkfifo(&dir.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(read(dir.path()), Err(TreeError::Kind(path)) if path.ends_with("fifo")));
        let deep = tempfile::tempdir().unwrap();
        fs::create_dir_all(deep.path().join("d/".repeat(MAX_DEPTH + 1))).unwrap();
        assert!(matches!(read(deep.path()), Err(TreeError::Bound(_))));
        assert!(TreeDigest::parse("sha256:12").is_none() && TreeDigest::parse(&"a".repeat(64)).is_none());
    }
}
