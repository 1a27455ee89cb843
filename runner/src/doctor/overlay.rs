//! The workspace: a tree of the host under an overlay, changed inside and looked at from outside.

use std::fs::{self, DirBuilder, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use palisade_sandbox::{Access, Command, LayerId, Sandbox, Spec, Status, Stdio, Workspace};

use super::Finding;

const ID: &str = "overlay";
const INSIDE: &str = "/home/runner/work";
/// More than a sandbox's table of mounts ever takes, in bytes.
const MAX_OUTPUT: u64 = 1 << 20;
/// Changes, adds and removes; then replaces a directory, of which an overlay takes note in an extended
/// attribute.
const SCRIPT: &str = "\
cat /proc/self/mountinfo
echo changed > file && echo new > new && rm gone || exit 3
rm -r dir && mkdir dir && [ -z \"$(ls -A dir)\" ] || exit 4";
const NO_XATTR: i32 = 4;

pub fn check() -> Finding {
    match attempt() {
        Ok(attempt) => judge(&attempt),
        Err(why) => Finding::fail(ID, format!("can't be tried: {why}"), "see the layers"),
    }
}

struct Attempt {
    /// The file system of the workspace as seen inside.
    kind: Option<String>,
    status: Status,
    output: String,
    /// The host's tree is as it was.
    untouched: bool,
}

fn judge(attempt: &Attempt) -> Finding {
    if !attempt.untouched {
        return Finding::fail(
            ID,
            "a command in a sandbox changed the host's tree",
            "run no jobs here, and report it: this is a vulnerability",
        );
    }
    let kind = attempt.kind.as_deref().unwrap_or("no file system of its own");
    match attempt.status {
        Status::Code(0) if kind == "overlay" => Finding::ok(
            ID,
            "the workspace is an overlay; the host's tree is untouched by what changes inside",
        ),
        Status::Code(0) => Finding::warn(
            ID,
            format!(
                "the workspace is a real copy, on {kind}: a job starts as late as copying its tree takes"
            ),
            "load the kernel's overlay module (`modprobe overlay`), boot Linux 6.6 or later, and run palisade as \
             the user who owns the tree",
        ),
        Status::Code(NO_XATTR) => Finding::fail(
            ID,
            "a directory of the workspace can't be replaced: the overlay can't note it",
            "boot Linux 6.6 or later with CONFIG_TMPFS_XATTR=y",
        ),
        status => Finding::fail(
            ID,
            format!("the workspace can't be changed inside: {status:?}: {}", attempt.output.trim()),
            "see whether `palisade sandbox -- sh -c 'echo > /tmp/x'` works",
        ),
    }
}

fn attempt() -> Result<Attempt, String> {
    let tree = Tree::create().map_err(|e| format!("cannot make a directory for it: {e}"))?;
    let spec = LayerId::ALL.into_iter().fold(Spec::new(), Spec::allow_degraded).workspace(Workspace {
        source: tree.0.clone(),
        at: INSIDE.into(),
        access: Access::Copy,
        hidden: Vec::new(),
        replaced: Vec::new(),
    });
    let sandbox = Sandbox::create(&spec).map_err(|e| e.to_string())?;
    let (ours, theirs) = io::pipe().map_err(|e| e.to_string())?;
    let errors = theirs.try_clone().map_err(|e| e.to_string())?;
    let command = Command::new("/bin/sh")
        .args(["-c", SCRIPT])
        .env("PATH", "/usr/bin:/bin")
        .current_dir(INSIDE)
        .stdout(Stdio::Fd(theirs.into()))
        .stderr(Stdio::Fd(errors.into()));
    let child = sandbox.spawn(command).map_err(|e| e.to_string())?;
    let mut output = Vec::new();
    ours.take(MAX_OUTPUT).read_to_end(&mut output).map_err(|e| e.to_string())?;
    let exit = child.wait().map_err(|e| e.to_string())?;
    let output = String::from_utf8_lossy(&output);
    let is_mount = |line: &&str| line.contains(" - ");
    Ok(Attempt {
        kind: output.lines().filter(is_mount).find_map(|line| kind(line, INSIDE)).map(str::to_owned),
        status: exit.status,
        output: output.lines().filter(|line| !is_mount(line)).collect::<Vec<_>>().join("; "),
        untouched: tree.is_untouched(),
    })
}

/// The file system type of the mount at `at`, from a line of `mountinfo` (proc_pid_mountinfo(5)).
fn kind<'a>(line: &'a str, at: &str) -> Option<&'a str> {
    let (mount, source) = line.split_once(" - ")?;
    (mount.split(' ').nth(4)? == at).then(|| source.split(' ').next())?
}

/// A small tree of the host; gone when dropped.
struct Tree(PathBuf);

impl Tree {
    fn create() -> io::Result<Tree> {
        let name = format!("palisade-doctor-{:016x}", RandomState::new().hash_one(0));
        let root = std::env::temp_dir().canonicalize()?.join(name);
        // Fails on a name that somebody else has taken.
        DirBuilder::new().mode(0o755).create(&root)?;
        let tree = Tree(root);
        fs::create_dir(tree.0.join("dir"))?;
        for (path, content) in FILES {
            fs::write(tree.0.join(path), content)?;
        }
        Ok(tree)
    }

    fn is_untouched(&self) -> bool {
        let is = |(path, content): (&str, &str)| read(&self.0.join(path)).is_ok_and(|read| read == content);
        FILES.into_iter().all(is) && !self.0.join("new").exists()
    }
}

const FILES: [(&str, &str); 3] = [("file", "host"), ("gone", "host"), ("dir/old", "host")];

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_OUTPUT).read_to_string(&mut text)?;
    Ok(text)
}

impl Drop for Tree {
    fn drop(&mut self) {
        // Whatever can't be removed is in the system's own directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(kind: &str, code: i32) -> Attempt {
        Attempt {
            kind: Some(kind.into()),
            status: Status::Code(code),
            output: "cat: denied\n".into(),
            untouched: true,
        }
    }

    #[test]
    fn what_happened_inside_decides() {
        assert_eq!(judge(&attempt("overlay", 0)).verdict.as_str(), "ok");
        let copied = judge(&attempt("tmpfs", 0));
        assert_eq!((copied.verdict.as_str(), copied.found.contains("on tmpfs")), ("warn", true));
        assert!(judge(&attempt("overlay", NO_XATTR)).verdict.remedy().unwrap().contains("TMPFS_XATTR"));
        let denied = judge(&attempt("overlay", 3));
        assert_eq!(denied.verdict.as_str(), "fail");
        assert!(denied.found.contains("cat: denied"));
        let leaked = judge(&Attempt { untouched: false, ..attempt("overlay", 0) });
        assert_eq!(leaked.verdict.as_str(), "fail");
    }

    #[test]
    fn the_mount_is_found_by_its_place() {
        let line = "36 35 98:0 / /home/runner/work rw,nosuid shared:1 - overlay none rw,lowerdir=/x";
        assert_eq!(kind(line, INSIDE), Some("overlay"));
        assert_eq!(kind(line, "/home"), None);
        assert_eq!(kind("", INSIDE), None);
        assert_eq!(kind("1 2 3 - ", INSIDE), None);
    }

    #[test]
    fn a_tree_tells_what_was_changed() {
        let tree = Tree::create().unwrap();
        assert!(tree.is_untouched());
        fs::write(tree.0.join("new"), "").unwrap();
        assert!(!tree.is_untouched());
        let root = tree.0.clone();
        drop(tree);
        assert!(!root.exists());
    }
}
