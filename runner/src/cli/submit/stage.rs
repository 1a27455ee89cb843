//! The commit that is submitted, in a repository of its own that borrows the objects of the other: what is read of it is
//! what is committed, nothing of the configuration there has a say, and nothing is written there.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cli::Error;
use crate::git;
use crate::workflow::DIRECTORIES;

/// Most branches, and most tags, that the commit is seen with.
const MAX_REFERENCES: usize = 10_000;
/// The reference by which the commit is found in a bundle, whatever else leads to it.
const COMMIT: &str = "refs/palisade/commit";

/// The repository on this host.
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Of a bare one, where it is; of others the tree's root.
    pub root: PathBuf,
    /// Where it was named: a tree of its own has a head of its own.
    named: PathBuf,
    objects: PathBuf,
    common: PathBuf,
    format: String,
}

/// The staged commit.
pub struct Stage {
    directory: PathBuf,
    /// Its tree, with nothing in it but workflows.
    pub root: PathBuf,
    /// The commit.
    pub commit: String,
    /// The full reference, or `HEAD`.
    pub reference: String,
    /// The first line of its message.
    pub title: String,
}

impl Source {
    /// The repository that a directory is in.
    pub fn find(directory: &Path) -> Result<Source, Error> {
        let shown = directory.display();
        let at =
            |args: &[&str]| git_in(directory, args).map_err(|why| Error::input(format!("{shown}: {why}")));
        if !directory.is_dir() {
            return Err(Error::input(format!("{shown}: not a directory")));
        }
        let lines = at(&[
            "rev-parse",
            "--path-format=absolute",
            "--git-common-dir",
            "--git-path",
            "objects",
            "--show-object-format",
            "--is-shallow-repository",
            "--is-bare-repository",
        ])?;
        let [common, objects, format, shallow, bare] = lines.lines().collect::<Vec<_>>()[..] else {
            return Err(Error::input(format!("{shown}: git doesn't tell where the repository is")));
        };
        if shallow == "true" {
            return Err(Error::input(format!("{shown}: the repository has only a part of its history"))
                .hint("fetch the rest with `git fetch --unshallow`"));
        }
        let (common, objects) = (PathBuf::from(common), PathBuf::from(objects));
        let root = match bare {
            "true" => common.clone(),
            _ => at(&["rev-parse", "--show-toplevel"]).map_or_else(
                |_| common.parent().map_or(common.clone(), Path::to_owned),
                |line| line.trim_end().into(),
            ),
        };
        let named = directory.to_owned();
        Ok(Source { path: common.clone(), root, named, objects, common, format: format.to_owned() })
    }

    /// Whether its tree differs from the commit that is checked out.
    pub fn is_dirty(&self) -> bool {
        let changed = git_in(&self.root, &["status", "--porcelain", "--untracked-files=no"]);
        changed.is_ok_and(|changed| !changed.is_empty())
    }

    /// What it is called: the name of its directory, without `.git`.
    fn name(&self) -> String {
        let name = self.root.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name
            .trim_end_matches(".git")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' })
            .collect();
        let name = name.trim_start_matches('.');
        if name.is_empty() { "repository".to_owned() } else { name.to_owned() }
    }

    /// Stages a commit: that of a branch, tag or commit, or the one that is checked out.
    pub fn stage(&self, reference: &str) -> Result<Stage, Error> {
        let in_source = |args: &[&str]| git_in(&self.named, args);
        let verified = format!("{reference}^{{commit}}");
        let commit = in_source(&["rev-parse", "--verify", "--quiet", "--end-of-options", &verified])
            .map_err(|_| Error::input(format!("{}: there is no commit `{reference}`", self.root.display())))?
            .trim()
            .to_owned();
        let full = in_source(&["rev-parse", "--symbolic-full-name", "--end-of-options", reference]);
        let full = full.unwrap_or_default();
        let full = full.lines().last().unwrap_or_default().trim();
        let of_people = ["refs/heads/", "refs/tags/"].iter().any(|prefix| full.starts_with(prefix));
        let reference = if of_people { full.to_owned() } else { "HEAD".to_owned() };
        let failed = |e: std::io::Error| Error::input(format!("cannot stage the commit: {e}"));
        let directory = nix::unistd::mkdtemp(&std::env::temp_dir().join("palisade-submit-XXXXXX"))
            .map_err(|e| failed(e.into()))?;
        let root = directory.join(self.name());
        let mut stage = Stage { directory, root, commit, reference, title: String::new() };
        stage.fill(self).map_err(failed)?;
        Ok(stage)
    }

    /// References and what they are, for the stage.
    fn references(&self, patterns: &[&str]) -> Vec<(String, String)> {
        let count = format!("--count={MAX_REFERENCES}");
        let mut args = vec!["for-each-ref", "--format=%(objectname) %(refname)", &count];
        args.extend(patterns);
        let listed = git_in(&self.path, &args).unwrap_or_default();
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        pairs.map(|(id, name)| (name.to_owned(), id.to_owned())).collect()
    }

    /// The branch that a clone checks out.
    fn default_branch(&self) -> Option<String> {
        let repository = git::Repository::bare(self.common.clone());
        let of_bare = || {
            let head = repository.head().branch?;
            (self.root == self.common).then(|| head.trim_start_matches("refs/heads/").to_owned())
        };
        repository.default_branch().or_else(of_bare)
    }
}

impl Stage {
    fn fill(&mut self, source: &Source) -> std::io::Result<()> {
        fs::create_dir(&self.root)?;
        let format = format!("--object-format={}", source.format);
        self.git(&["init", "-q", "--template=", &format, "."])?;
        let dot_git = self.root.join(".git");
        fs::create_dir_all(dot_git.join("objects/info"))?;
        let mut alternates = source.objects.as_os_str().as_bytes().to_vec();
        alternates.push(b'\n');
        fs::write(dot_git.join("objects/info/alternates"), alternates)?;
        let merged = format!("--merged={}", self.commit);
        let mut references = source.references(&["refs/heads"]);
        references.extend(source.references(&[&merged, "refs/tags"]));
        references.retain(|(name, _)| *name != self.reference);
        for name in [COMMIT, &self.reference] {
            if name != "HEAD" {
                references.push((name.to_owned(), self.commit.clone()));
            }
        }
        references.sort();
        let lines = references.iter().map(|(name, id)| format!("{id} {name}\n"));
        fs::write(dot_git.join("packed-refs"), lines.collect::<String>())?;
        let head = match self.reference.as_str() {
            "HEAD" => format!("{}\n", self.commit),
            reference => format!("ref: {reference}\n"),
        };
        fs::write(dot_git.join("HEAD"), head)?;
        if let Some(branch) = source.default_branch() {
            fs::create_dir_all(dot_git.join("refs/remotes/origin"))?;
            let head = format!("ref: refs/remotes/origin/{branch}\n");
            fs::write(dot_git.join("refs/remotes/origin/HEAD"), head)?;
        }
        if let Ok(url) = git_in(&source.path, &["config", "--get", "remote.origin.url"]) {
            self.git(&["config", "remote.origin.url", url.trim()])?;
        }
        self.title = self.git(&["log", "-1", "--no-show-signature", "--format=%s", &self.commit])?;
        self.title = self.title.trim_end().to_owned();
        let mut list = vec!["ls-tree", "-d", "--name-only", "--full-tree", &self.commit];
        list.extend(DIRECTORIES);
        let there = self.git(&list)?;
        if !there.is_empty() {
            // A link in a commit leads nowhere: it is the text that it is.
            let mut args = vec!["-c", "core.symlinks=false", "checkout", "-q", &self.commit, "--"];
            args.extend(there.lines());
            self.git(&args)?;
        }
        Ok(())
    }

    /// Makes a bundle of the commit, with its history and its tags.
    pub fn bundle(&self) -> Result<PathBuf, Error> {
        let path = self.directory.join("bundle");
        let file = path.to_string_lossy().into_owned();
        let mut args = vec!["bundle", "create", "-q", &file, COMMIT, "--tags"];
        if self.reference != "HEAD" {
            args.push(&self.reference);
        }
        self.git(&args).map_err(|e| Error::input(format!("cannot bundle the commit: {e}")))?;
        Ok(path)
    }

    /// Git in the stage, with no configuration but the stage's.
    fn git(&self, args: &[&str]) -> std::io::Result<String> {
        let mut command = Command::new("git");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        run(command.args(args).current_dir(&self.root)).map_err(std::io::Error::other)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What git says in a repository of somebody's, whose configuration starts nothing.
pub fn git_in(directory: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    command.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
    run(command.args(args).current_dir(directory))
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.env("LC_ALL", "C").stdin(Stdio::null()).output();
    let output = output.map_err(|e| format!("cannot run git: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().map(|line| line.trim_start_matches("fatal: ")).find(|line| !line.is_empty());
    Err(said.unwrap_or("git failed and doesn't say why").to_owned())
}
