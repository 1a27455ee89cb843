//! Which files of a tree are looked at: those that git would commit, or all.

use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use ignore::{DirEntry, WalkBuilder};

use super::hit::shown;
use super::root::{Root, is_git_dir};
use super::subject::Subject;
use super::{Problem, Totals, Why};
use crate::git::Repository;
use crate::mask::detect::AllowedPaths;

/// Files of `.git` that are always looked at: a checkout may leave its token there.
const GIT_CONFIG: [&str; 2] = ["config", "config.worktree"];
/// What of `.git` has no configuration.
const GIT_BULK: [&str; 4] = ["hooks", "lfs", "logs", "refs"];

/// Gives every file of a root that is to be looked at, in the order of their paths but for those that are tracked
/// and ignored.
pub(super) fn walk(
    root: &Root,
    all: bool,
    allowed: &AllowedPaths,
    give: &mut dyn FnMut(Subject) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut walk =
        Walk { base: Base::of(root), allowed, give, tracked: Vec::new(), passed: Totals::default() };
    let outcome = match (root.is_dir(), all) {
        (false, _) => walk.file(root.path().to_owned(), true),
        (true, true) => walk.everything(root.path()),
        (true, false) => walk.as_git(root),
    };
    outcome?;
    let passed = std::mem::take(&mut walk.passed);
    (walk.give)(Subject::Passed(passed))
}

struct Walk<'a> {
    base: Base,
    allowed: &'a AllowedPaths,
    give: &'a mut dyn FnMut(Subject) -> ControlFlow<()>,
    /// What is tracked around the place where the walk is, innermost last.
    tracked: Vec<Tracked>,
    passed: Totals,
}

impl Walk<'_> {
    fn everything(&mut self, root: &Path) -> ControlFlow<()> {
        for entry in WalkBuilder::new(root).standard_filters(false).filter_entry(no_objects).build_sorted() {
            self.entry(entry)?;
        }
        ControlFlow::Continue(())
    }

    fn as_git(&mut self, root: &Root) -> ControlFlow<()> {
        if let Some(repository) = root.repository() {
            self.enter(repository, root.path(), &self.base.below.clone())?;
        }
        let mut builder = WalkBuilder::new(root.path());
        builder.hidden(false).ignore(false);
        builder.filter_entry(|entry| entry.file_name() != ".git" && no_objects(entry));
        for entry in builder.build_sorted() {
            if let Ok(entry) = &entry {
                self.leave(Some(entry.path()))?;
                let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
                if is_dir && entry.depth() > 0 && entry.path().join(".git").symlink_metadata().is_ok() {
                    self.enter(entry.path(), entry.path(), Path::new(""))?;
                } else if let Some(tracked) = self.tracked.last_mut() {
                    tracked.walk(entry.path());
                }
            }
            self.entry(entry)?;
        }
        self.leave(None)
    }

    /// Enters the work tree of a repository, of which the part at `below` is walked, as `walked`.
    fn enter(&mut self, repository: &Path, walked: &Path, below: &Path) -> ControlFlow<()> {
        if below.as_os_str().is_empty() {
            self.git_dir(&walked.join(".git"))?;
        }
        let Some(repository) = Repository::open(repository) else { return ControlFlow::Continue(()) };
        let Some(paths) = repository.tracked() else {
            let place = shown(&walked.to_string_lossy());
            return (self.give)(Subject::Problem(Problem { place, why: Why::Index }));
        };
        self.tracked.push(Tracked::new(walked, below, paths));
        ControlFlow::Continue(())
    }

    /// Leaves all work trees but those that `path` is in; what they track and ignore is still to be looked at.
    fn leave(&mut self, path: Option<&Path>) -> ControlFlow<()> {
        while let Some(tracked) =
            self.tracked.pop_if(|tracked| path.is_none_or(|path| !path.starts_with(&tracked.root)))
        {
            for path in tracked.rest() {
                self.file(path, false)?;
            }
        }
        ControlFlow::Continue(())
    }

    /// The configurations of a repository and of its submodules.
    fn git_dir(&mut self, dir: &Path) -> ControlFlow<()> {
        if !dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return ControlFlow::Continue(());
        }
        let mut builder = WalkBuilder::new(dir);
        builder.standard_filters(false).filter_entry(|entry| {
            let bulk = entry.depth() == 1 && GIT_BULK.iter().any(|name| entry.file_name() == *name);
            !bulk && no_objects(entry)
        });
        for entry in builder.build_sorted() {
            let wanted = |entry: &DirEntry| GIT_CONFIG.iter().any(|name| entry.file_name() == *name);
            if entry.as_ref().is_ok_and(wanted) {
                self.entry(entry)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn entry(&mut self, entry: Result<DirEntry, ignore::Error>) -> ControlFlow<()> {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => return (self.give)(Subject::Problem(problem(&e))),
        };
        match entry.file_type() {
            _ if entry.depth() == 0 => {}
            Some(kind) if kind.is_file() => return self.file(entry.into_path(), false),
            Some(kind) if kind.is_dir() => {}
            Some(kind) if kind.is_symlink() => self.passed.links += 1,
            _ => self.passed.special += 1,
        }
        ControlFlow::Continue(())
    }

    fn file(&mut self, path: PathBuf, named: bool) -> ControlFlow<()> {
        let relative = self.base.relative(&path);
        if self.allowed.allows(&relative) {
            return ControlFlow::Continue(());
        }
        (self.give)(Subject::File { path: as_shown(&path).to_owned(), relative, named })
    }
}

trait BuildSorted {
    /// The walk, in the order of paths.
    fn build_sorted(&mut self) -> ignore::Walk;
}

impl BuildSorted for WalkBuilder {
    fn build_sorted(&mut self) -> ignore::Walk {
        self.sort_by_file_name(OsStr::cmp).build()
    }
}

/// git keeps contents compressed, so that nothing can be found in them but by way of the history.
fn no_objects(entry: &DirEntry) -> bool {
    entry.file_name() != "objects" || !entry.path().parent().is_some_and(is_git_dir)
}

/// Without the `./` that the walk of `.` puts before every path.
fn as_shown(path: &Path) -> &Path {
    path.strip_prefix("./").unwrap_or(path)
}

fn problem(error: &ignore::Error) -> Problem {
    let (mut error, mut place) = (error, String::new());
    loop {
        match error {
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => error = err,
            ignore::Error::WithPath { path, err } => {
                place = shown(&as_shown(path).to_string_lossy());
                error = err;
            }
            // One of the walk's names the path too; its cause doesn't.
            _ => {
                let cause = error.io_error().and_then(|e| e.get_ref()).and_then(|e| e.source());
                let why = cause.map_or_else(|| error.to_string(), ToString::to_string);
                return Problem { place, why: Why::Failed(shown(&why)) };
            }
        }
    }
}

/// From where paths count: the root of the repository, or what was named.
struct Base {
    named: PathBuf,
    /// What was named, from there.
    below: PathBuf,
}

impl Base {
    fn of(root: &Root) -> Base {
        let real = root.path().canonicalize().unwrap_or_else(|_| root.path().to_owned());
        let base = root.repository().or(if root.is_dir() { Some(&real) } else { real.parent() });
        let below = base.and_then(|base| real.strip_prefix(base).ok()).map(Path::to_owned);
        Base { named: root.path().to_owned(), below: below.unwrap_or_default() }
    }

    fn relative(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.named) {
            Ok(rest) if rest.as_os_str().is_empty() => self.below.clone(),
            Ok(rest) => self.below.join(rest),
            Err(_) => path.to_owned(),
        }
    }
}

/// What a repository tracks below the root of a walk.
struct Tracked {
    root: PathBuf,
    /// From the root, sorted.
    paths: Vec<Vec<u8>>,
    walked: Vec<bool>,
}

impl Tracked {
    /// `paths` are sorted and from the root of the work tree, of which `below` is walked as `root`.
    fn new(root: &Path, below: &Path, mut paths: Vec<Vec<u8>>) -> Tracked {
        if !below.as_os_str().is_empty() {
            let prefix = [below.as_os_str().as_bytes(), b"/"].concat();
            paths.retain(|path| path.starts_with(&prefix));
            paths.iter_mut().for_each(|path| drop(path.drain(..prefix.len())));
        }
        let walked = vec![false; paths.len()];
        Tracked { root: root.to_owned(), paths, walked }
    }

    /// Remembers that the walk came to `path`.
    fn walk(&mut self, path: &Path) {
        let Ok(path) = path.strip_prefix(&self.root) else { return };
        let path = path.as_os_str().as_bytes();
        if let Ok(at) = self.paths.binary_search_by(|tracked| tracked[..].cmp(path)) {
            self.walked[at] = true;
        }
    }

    /// The files to which the walk did not come, because they are ignored too.
    fn rest(&self) -> impl Iterator<Item = PathBuf> {
        let missed = self.paths.iter().zip(&self.walked).filter(|(_, walked)| !**walked);
        let below = missed.map(|(path, _)| Path::new(OsStr::from_bytes(path)));
        below.filter(|below| is_file_below(&self.root, below)).map(|below| self.root.join(below))
    }
}

/// Whether there is a file at `below` that no link and no `..` leads out of `root` to.
fn is_file_below(root: &Path, below: &Path) -> bool {
    let mut path = root.to_owned();
    let mut kind = None;
    for part in below.components() {
        let Component::Normal(name) = part else { return false };
        if kind.is_some_and(|kind: fs::FileType| !kind.is_dir()) {
            return false;
        }
        path.push(name);
        let Ok(metadata) = path.symlink_metadata() else { return false };
        kind = Some(metadata.file_type());
    }
    kind.is_some_and(|kind| kind.is_file())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let files =
            ["a", "sub/b", "sub/c.log", "target/x/o", "target/kept", ".env", "nested/d", "nested/e.tmp"];
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        fs::write(dir.path().join(".gitignore"), "/target/\n*.log\n").unwrap();
        fs::write(dir.path().join("nested/.gitignore"), "*.tmp\n").unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("link")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        dir
    }

    /// Runs git; `false` where there is none on this machine.
    fn git(dir: &Path, args: &[&str]) -> bool {
        let run =
            Command::new("git").args(args).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null").output();
        run.is_ok_and(|out| out.status.success())
    }

    fn walked(dir: &Path, below: &str, all: bool, allowed: &AllowedPaths) -> (Vec<String>, Totals) {
        let root = Root::open(&dir.join(below)).unwrap();
        let (mut files, mut passed) = (Vec::new(), Totals::default());
        let end = walk(&root, all, allowed, &mut |subject| {
            match subject {
                Subject::File { path, .. } => {
                    files.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
                }
                Subject::Passed(totals) => passed = totals,
                Subject::Problem(problem) => panic!("{problem:?}"),
                Subject::Object { .. } => panic!("no history was asked for"),
            }
            ControlFlow::Continue(())
        });
        assert!(end.is_continue());
        (files, passed)
    }

    #[test]
    fn outside_of_a_repository_everything_is_looked_at() {
        let dir = tree();
        let (files, passed) = walked(dir.path(), "", false, &AllowedPaths::default());
        let all = [
            ".env",
            ".gitignore",
            "a",
            "nested/.gitignore",
            "nested/d",
            "nested/e.tmp",
            "sub/b",
            "sub/c.log",
            "target/kept",
            "target/x/o",
        ];
        assert_eq!(files, all);
        assert_eq!(passed, Totals { links: 1, special: 1, ..Totals::default() });
    }

    #[test]
    fn in_a_repository_what_git_would_commit() {
        let dir = tree();
        let nested = dir.path().join("nested");
        if !git(dir.path(), &["init", "-q"]) || !git(&nested, &["init", "-q"]) {
            println!("skipped: git is not installed");
            return;
        }
        assert!(git(dir.path(), &["add", "-f", "target/kept", "a", "sub/b"]));
        assert!(git(&nested, &["add", "-f", "e.tmp"]));
        let walked = |below, all| walked(dir.path(), below, all, &AllowedPaths::default()).0;
        let expected = [
            ".git/config",
            ".env",
            ".gitignore",
            "a",
            "nested/.git/config",
            "nested/.gitignore",
            "nested/d",
            "nested/e.tmp",
            "sub/b",
            "target/kept",
        ];
        assert_eq!(walked("", false), expected);
        assert_eq!(walked("sub", false), ["sub/b"]);
        assert_eq!(walked("target/x/o", false), ["target/x/o"]);
        let all = walked("", true);
        assert!(all.iter().any(|f| f == "target/x/o") && all.iter().any(|f| f == ".git/HEAD"), "{all:?}");
        assert!(all.iter().all(|f| !f.contains("objects")), "{all:?}");
    }

    #[test]
    fn paths_are_allowed_from_the_root_of_the_repository() {
        let dir = tree();
        if !git(dir.path(), &["init", "-q"]) {
            println!("skipped: git is not installed");
            return;
        }
        let allowed = AllowedPaths::new(["/sub/b", "nested/", ".git"]).unwrap();
        let walked = |below| walked(dir.path(), below, false, &allowed).0;
        assert_eq!(walked(""), [".env", ".gitignore", "a"]);
        assert_eq!(walked("sub"), [""; 0]);
        assert_eq!(walked("nested/d"), [""; 0]);
    }

    #[test]
    fn no_index_leads_out_of_the_tree() {
        let dir = tree();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("f"), "x").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("out")).unwrap();
        let escape = format!("../{}/f", outside.path().file_name().unwrap().to_str().unwrap());
        let absolute = outside.path().join("f");
        for below in ["out/f", &escape, absolute.to_str().unwrap(), "link", "sub", "a/b", "pipe", ""] {
            assert!(!is_file_below(dir.path(), Path::new(below)), "{below}");
        }
        assert!(is_file_below(dir.path(), Path::new("target/kept")));
    }
}
