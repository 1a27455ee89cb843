//! `hashFiles`: the SHA-256 of the SHA-256 of each file that is matched. Files, order and options are those of GitHub's
//! runner (`hashFiles.ts` there, and the package `@actions/glob`), so that a key made there is the key here:
//!
//! - Search begins at what stands before a pattern's first wildcard, in the order of the patterns; from there it goes
//!   depth first, the names of a directory in the order of their bytes.
//! - Links to directories are only followed with `--follow-symbolic-links` as first argument, and then not in circles.
//!   A link to a file is the file. A link that leads nowhere is an error, or with that option is passed by.
//!
//! Three things are different: patterns that lead out of the workspace are refused, links that lead out of it are
//! passed by, and so is what is neither file nor directory.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::vec::IntoIter;

use nix::fcntl::OFlag;
use sha2::{Digest as _, Sha256};

use super::glob::{self, Patterns, Progress};

/// Most entries of directories that are looked at.
const MAX_ENTRIES: usize = 1_000_000;
/// Most bytes of a path (`PATH_MAX` with its zero), which bounds the depth too.
const MAX_PATH: usize = 4095;
/// How much of a file is read at once.
const BUFFER: usize = 64 << 10;
/// The one option.
const FOLLOW: &str = "--follow-symbolic-links";

/// Prints the digest, or what is wrong with exit code 1.
pub fn main(args: &[OsString]) -> u8 {
    let args: Vec<_> = args.iter().map(|arg| arg.to_string_lossy()).collect();
    let args: Vec<&str> = args.iter().map(|arg| &**arg).collect();
    let Some((workspace, patterns)) = args.split_first() else { return 2 };
    let (said, code) = match hash(Path::new(workspace), patterns, MAX_ENTRIES) {
        Ok(digest) => (digest, 0),
        Err(error) => (error.to_string(), 1),
    };
    if io::stdout().write_all(said.as_bytes()).is_err() { 2 } else { code }
}

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("there is no option `{0}`; the only one is `{FOLLOW}`")]
    Option(String),
    #[error(transparent)]
    Pattern(#[from] glob::Error),
    #[error("the patterns lead through more than {0} files and directories; narrow them")]
    TooManyEntries(usize),
    #[error("a path is longer than {MAX_PATH} bytes: `{}…`", shown(.0))]
    PathTooLong(PathBuf),
    #[error("cannot {action} `{}`: {error}", shown(.path))]
    Io { action: &'static str, path: PathBuf, error: io::Error },
}

impl Error {
    fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |error| Error::Io { action, path, error }
    }
}

/// As much of a path as a message needs.
fn shown(path: &Path) -> String {
    path.to_string_lossy().chars().take(200).collect()
}

/// The digest in hexadecimal, or nothing where no file is matched.
fn hash(workspace: &Path, args: &[&str], max_entries: usize) -> Result<String, Error> {
    let (follow, texts) = match args {
        [first, rest @ ..] if first.eq_ignore_ascii_case(FOLLOW) => (true, rest),
        [first, ..] if first.starts_with("--") => {
            return Err(Error::Option(first.chars().take(200).collect()));
        }
        all => (false, all),
    };
    let patterns = Patterns::parse(texts.iter().copied(), &workspace.to_string_lossy())?;
    let real = match fs::canonicalize(workspace) {
        Ok(real) => real,
        Err(e) if is_gone(&e) => return Ok(String::new()),
        Err(e) => return Err(Error::io("find", workspace)(e)),
    };
    let mut walk = Walk {
        patterns: &patterns,
        real,
        follow,
        entries_left: max_entries,
        max_entries,
        digest: Sha256::new(),
        files: 0,
        buffer: vec![0; BUFFER],
    };
    for root in patterns.roots() {
        walk.search(workspace, &root)?;
    }
    Ok(if walk.files == 0 { String::new() } else { hexadecimal(&walk.digest.finalize()) })
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// There is no such path, or there isn't any more.
fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

struct Walk<'a> {
    patterns: &'a Patterns,
    /// The workspace without links in its path.
    real: PathBuf,
    follow: bool,
    entries_left: usize,
    max_entries: usize,
    digest: Sha256,
    files: u64,
    buffer: Vec<u8>,
}

/// A directory that is being walked.
struct Directory {
    path: PathBuf,
    progress: Progress,
    /// Device and inode.
    id: (u64, u64),
    names: IntoIter<OsString>,
}

impl Walk<'_> {
    /// Hashes what is matched at and below a path of the workspace.
    fn search(&mut self, workspace: &Path, root: &[String]) -> Result<(), Error> {
        let mut path = workspace.to_owned();
        let mut progress = self.patterns.start();
        for name in root {
            // The names before the last are directories, and may be links to such.
            match self.inside(&path) {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(e) if is_gone(&e) => return Ok(()),
                Err(e) => return Err(Error::io("find", path)(e)),
            }
            path.push(name);
            progress = self.patterns.step(&progress, name);
        }
        let mut stack: Vec<Directory> = Vec::new();
        stack.extend(self.visit(path, progress, &[])?);
        while let Some(directory) = stack.last_mut() {
            let Some(name) = directory.names.next() else {
                stack.pop();
                continue;
            };
            let path = directory.path.join(&name);
            let progress = self.patterns.step(&directory.progress, &name.to_string_lossy());
            let found = self.visit(path, progress, &stack)?;
            stack.extend(found);
        }
        Ok(())
    }

    /// Hashes a file where it is matched; gives a directory that is to be walked. `above` are those that it is in.
    fn visit(
        &mut self,
        path: PathBuf,
        progress: Progress,
        above: &[Directory],
    ) -> Result<Option<Directory>, Error> {
        if !self.patterns.may_hold(&progress) {
            return Ok(None);
        }
        if path.as_os_str().len() > MAX_PATH {
            return Err(Error::PathTooLong(path));
        }
        let picked = self.patterns.pick(&progress);
        let found = self.look(&path, picked).map_err(Error::io("look at", &path))?;
        let Some((target, metadata)) = found else { return Ok(None) };
        if metadata.is_dir() {
            let id = (metadata.dev(), metadata.ino());
            if self.follow && above.iter().any(|directory| directory.id == id) {
                return Ok(None);
            }
            let names = self.names(&path)?;
            return Ok(Some(Directory { path, progress, id, names }));
        }
        if picked && metadata.is_file() {
            let digest = self.digest_of(&target).map_err(Error::io("read", path))?;
            if let Some(digest) = digest {
                self.digest.update(digest);
                self.files += 1;
            }
        }
        Ok(None)
    }

    /// What a path is, and where: behind links, as far as they are to be followed and stay in the workspace.
    fn look(&self, path: &Path, picked: bool) -> io::Result<Option<(PathBuf, Metadata)>> {
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(e) if is_gone(&e) => return Ok(None),
            Err(e) => return Err(e),
        };
        if !metadata.is_symlink() {
            return Ok(Some((path.to_owned(), metadata)));
        }
        if !self.follow && !picked {
            return Ok(None);
        }
        let target = match self.inside(path) {
            Ok(Some(target)) => target,
            Ok(None) => return Ok(None),
            Err(e) if self.follow && is_gone(&e) => return Ok(None),
            Err(e) if is_gone(&e) => {
                let why = "it is a link that leads nowhere; leave it out by a pattern with `!`";
                return Err(io::Error::new(ErrorKind::NotFound, why));
            }
            Err(e) => return Err(e),
        };
        let metadata = fs::symlink_metadata(&target)?;
        Ok((self.follow || !metadata.is_dir()).then_some((target, metadata)))
    }

    /// Where a path leads; `None` where that isn't in the workspace.
    fn inside(&self, path: &Path) -> io::Result<Option<PathBuf>> {
        Ok(Some(fs::canonicalize(path)?).filter(|real| real.starts_with(&self.real)))
    }

    fn names(&mut self, path: &Path) -> Result<IntoIter<OsString>, Error> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path).map_err(Error::io("list", path))? {
            let name = entry.map_err(Error::io("list", path))?.file_name();
            self.entries_left =
                self.entries_left.checked_sub(1).ok_or(Error::TooManyEntries(self.max_entries))?;
            names.push(name);
        }
        names.sort_unstable_by(|a, b| bytes(a).cmp(bytes(b)));
        Ok(names.into_iter())
    }

    /// The digest of a file; `None` where it has become something else.
    fn digest_of(&mut self, path: &Path) -> io::Result<Option<[u8; 32]>> {
        // Were it a FIFO by now, opening it would not end.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let mut file: File = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut digest = Sha256::new();
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => return Ok(Some(digest.finalize().into())),
                Ok(read) => digest.update(&self.buffer[..read]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
}

fn bytes(name: &OsStr) -> &[u8] {
    name.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    /// A workspace of these files, each with its path as content, in a directory with a file beside it.
    fn tree(files: &[&str]) -> (TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let workspace = dir.path().join("work");
        fs::create_dir(&workspace).unwrap();
        fs::write(dir.path().join("outside"), "outside").unwrap();
        for file in files {
            let path = workspace.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        (dir, workspace)
    }

    fn hashed(workspace: &Path, args: &[&str]) -> Result<String, String> {
        hash(workspace, args, MAX_ENTRIES).map_err(|e| e.to_string())
    }

    /// The digest of files with these contents.
    fn of(contents: &[&str]) -> Result<String, String> {
        let mut all = Sha256::new();
        contents.iter().for_each(|content| all.update(Sha256::digest(content)));
        Ok(hexadecimal(&all.finalize()))
    }

    #[test]
    fn the_digest_is_that_of_the_digests() {
        let (_dir, workspace) = tree(&[]);
        fs::write(workspace.join("a"), "").unwrap();
        // sha256(sha256("")), computed by another program.
        let known = "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456";
        assert_eq!(hashed(&workspace, &["a"]).as_deref(), Ok(known));
        assert_eq!(hashed(&workspace, &["b", "!a"]).as_deref(), Ok(""));
        assert_eq!(hashed(&workspace, &[""]).as_deref(), Ok(""));
        assert_eq!(hashed(&workspace.join("none"), &["a"]).as_deref(), Ok(""));
    }

    #[test]
    fn files_come_depth_first_in_the_order_of_bytes_and_roots_in_that_of_patterns() {
        let (_dir, workspace) = tree(&["b.txt", "b/c", "b-a", "B", "é", ".x/y", "b/a/z"]);
        let all = of(&[".x/y", "B", "b/a/z", "b/c", "b-a", "b.txt", "é"]);
        assert_eq!(hashed(&workspace, &["**"]), all);
        assert_eq!(hashed(&workspace, &["b.txt", "."]), all);
        assert_eq!(hashed(&workspace, &["b.txt", "B", "b.txt"]), of(&["b.txt", "B"]));
        assert_eq!(hashed(&workspace, &["b.txt\nB"]), of(&["b.txt", "B"]));
        assert_eq!(hashed(&workspace, &["b*", "!b/a"]), of(&["b/c", "b-a", "b.txt"]));
        let absolute = format!("{}/b/*", workspace.display());
        assert_eq!(hashed(&workspace, &[&absolute]), of(&["b/a/z", "b/c"]));
        // A file has nothing below it.
        assert_eq!(hashed(&workspace, &["B/x", "B/x/y"]).as_deref(), Ok(""));
    }

    #[test]
    fn links_are_followed_as_asked_and_never_out_of_the_workspace() {
        let (dir, workspace) = tree(&["real/a", "z"]);
        symlink("real", workspace.join("link")).unwrap();
        symlink("../real/a", workspace.join("real/file-link")).unwrap();
        symlink(dir.path().join("outside"), workspace.join("out")).unwrap();
        symlink(dir.path(), workspace.join("up")).unwrap();
        symlink("..", workspace.join("real/circle")).unwrap();
        assert_eq!(hashed(&workspace, &["**"]), of(&["real/a", "real/a", "z"]));
        // `link` is walked from the top and from within the circle's beginning, never twice on the same way down.
        assert_eq!(
            hashed(&workspace, &["--Follow-Symbolic-Links", "**"]),
            of(&["real/a", "real/a", "real/a", "real/a", "z"])
        );
        assert_eq!(hashed(&workspace, &["link/a"]), of(&["real/a"]));
        assert_eq!(hashed(&workspace, &["out", "up/outside", "up/*"]).as_deref(), Ok(""));
        assert_eq!(hashed(&workspace, &[FOLLOW, "up/work/z"]).as_deref(), Ok(""));
        symlink("nowhere", workspace.join("broken")).unwrap();
        let error = hashed(&workspace, &["*"]).unwrap_err();
        assert!(error.contains("/broken`: it is a link that leads nowhere"), "{error}");
        assert_eq!(hashed(&workspace, &["z", "!broken"]), of(&["z"]));
        assert_eq!(hashed(&workspace, &[FOLLOW, "broken", "z"]), of(&["z"]));
    }

    #[test]
    fn what_is_no_file_is_passed_by() {
        let (_dir, workspace) = tree(&["a"]);
        nix::unistd::mkfifo(&workspace.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(workspace.join("socket")).unwrap();
        assert_eq!(hashed(&workspace, &["**"]), of(&["a"]));
    }

    #[test]
    fn names_that_are_no_text_are_matched_and_read() {
        let (_dir, workspace) = tree(&[]);
        fs::write(workspace.join(OsStr::from_bytes(b"\xff.lock")), "odd").unwrap();
        assert_eq!(hashed(&workspace, &["?.lock"]), of(&["odd"]));
    }

    #[test]
    fn what_is_refused_says_why() {
        let (_dir, workspace) = tree(&["a", "b", "c/d"]);
        let error = hashed(&workspace, &["--follow", "a"]).unwrap_err();
        assert!(error.starts_with("there is no option `--follow`"), "{error}");
        let error = hashed(&workspace, &["a", "/etc/*"]).unwrap_err();
        assert!(error.starts_with("the pattern `/etc/*` is refused: it leads out"), "{error}");
        assert!(matches!(hash(&workspace, &["**"], 3), Err(Error::TooManyEntries(3))));
        assert!(hash(&workspace, &["**"], 4).is_ok());
        // What is left out isn't counted.
        assert!(hash(&workspace, &["**", "!c"], 3).is_ok());
    }

    #[test]
    fn a_file_larger_than_the_buffer_is_read_to_its_end() {
        let (_dir, workspace) = tree(&[]);
        let content = "x".repeat(3 * BUFFER + 1);
        fs::write(workspace.join("a"), &content).unwrap();
        assert_eq!(hashed(&workspace, &["a"]), of(&[&content]));
    }
}
