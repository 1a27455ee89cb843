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

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::glob::Patterns;
use super::walk::{self, Links, MAX_ENTRIES, Walk, is_gone, open_file};

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
    Walk(#[from] walk::Error),
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
    let patterns =
        Patterns::parse(texts.iter().copied(), &workspace.to_string_lossy()).map_err(walk::Error::Pattern)?;
    let within = match fs::canonicalize(workspace) {
        Ok(real) => real,
        Err(e) if is_gone(&e) => return Ok(String::new()),
        Err(e) => return Err(walk::Error::io("find", workspace)(e).into()),
    };
    let links = if follow { Links::Follow } else { Links::Files };
    let walk = Walk { links, within: Some(within), hidden: true, max_entries };
    let (mut all, mut files) = (Sha256::new(), 0);
    let mut buffer = vec![0; BUFFER];
    walk.run(&patterns, workspace, |item| -> Result<(), Error> {
        if item.metadata.is_file() {
            let digest = digest_of(item.target, &mut buffer).map_err(walk::Error::io("read", item.path))?;
            if let Some(digest) = digest {
                all.update(digest);
                files += 1;
            }
        }
        Ok(())
    })?;
    Ok(if files == 0 { String::new() } else { hexadecimal(&all.finalize()) })
}

/// The digest of a file; `None` where it has become something else.
fn digest_of(path: &Path, buffer: &mut [u8]) -> io::Result<Option<[u8; 32]>> {
    let Some(mut file) = open_file(path)? else { return Ok(None) };
    let mut digest = Sha256::new();
    loop {
        match file.read(buffer) {
            Ok(0) => return Ok(Some(digest.finalize().into())),
            Ok(read) => digest.update(&buffer[..read]),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;
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
        assert!(matches!(hash(&workspace, &["**"], 3), Err(Error::Walk(walk::Error::TooManyEntries(3)))));
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
