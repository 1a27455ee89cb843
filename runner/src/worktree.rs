//! A work tree whose `.git` is a file that points out of it: one of `git worktree`, or a submodule. A job doesn't see
//! where it points, so it gets a repository that stands by itself: references, index and configuration are copied,
//! and objects are found by git's alternates where the job sees those of the host.
//! Source of the layout: git's "gitrepository-layout" and "git-worktree".

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::git::Repository;
use crate::workspace::without_credentials;

/// Most bytes of all files; a sandbox takes 16 MiB of orders. An index of that size has 100,000 paths.
const MAX_BYTES: usize = 12 << 20;
/// Most loose references; a repository with more keeps most of them packed.
const MAX_REFERENCES: usize = 20_000;
/// Deepest name of a reference.
const MAX_DEPTH: usize = 32;

/// The files of the repository, by their paths in the work tree; `objects` is where the job sees the host's. Nothing
/// where it is of a kind that isn't understood, or too large.
pub fn standalone(repository: &Repository, objects: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(repository, objects).unwrap_or_default()
}

fn files(repository: &Repository, objects: &Path) -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let (own, common) = (repository.git_dir(), repository.common_dir());
    // References that are no files.
    if common.join("reftable").exists() {
        return None;
    }
    let mut files = Vec::new();
    let mut add = |at: &str, content: Vec<u8>| files.push((Path::new(".git").join(at), content));
    add("HEAD", read(&own.join("HEAD"))?);
    for (directory, at, is_config) in [
        (common, "config", true),
        (own, "config.worktree", true),
        (own, "index", false),
        (own, "info/sparse-checkout", false),
        (common, "packed-refs", false),
        (common, "shallow", false),
        (common, "info/exclude", false),
    ] {
        match read(&directory.join(at)) {
            Some(text) if is_config => add(at, here(&String::from_utf8(text).ok()?).into_bytes()),
            Some(content) => add(at, content),
            // What is there is needed.
            None if directory.join(at).exists() => return None,
            None => {}
        }
    }
    let mut loose = Vec::new();
    references(&common.join("refs"), "refs", &mut loose)?;
    if loose.is_empty() {
        // Git knows a repository by this directory.
        add("refs/heads/.keep", Vec::new());
    }
    for (at, content) in loose {
        add(&at, content);
    }
    add("objects/info/alternates", format!("{}\n", objects.display()).into_bytes());
    let size: usize = files.iter().map(|(path, content)| path.as_os_str().len() + content.len()).sum();
    (size <= MAX_BYTES).then_some(files)
}

/// A configuration less its credentials and what says where the work tree is, which is beside it now.
fn here(config: &str) -> String {
    let mut in_core = false;
    let mut out = String::with_capacity(config.len());
    for line in without_credentials(config).split_inclusive('\n') {
        let text = line.trim();
        if text.starts_with('[') {
            in_core = text.eq_ignore_ascii_case("[core]");
        }
        let key = text.split('=').next().unwrap_or_default().trim();
        let is_place = ["worktree", "bare"].iter().any(|place| key.eq_ignore_ascii_case(place));
        if !(in_core && is_place) {
            out.push_str(line);
        }
    }
    out
}

/// Loose references, deepest last.
fn references(directory: &Path, at: &str, out: &mut Vec<(String, Vec<u8>)>) -> Option<()> {
    let Ok(entries) = fs::read_dir(directory) else { return Some(()) };
    for entry in entries {
        let entry = entry.ok()?;
        let at = format!("{at}/{}", entry.file_name().to_str()?);
        if out.len() == MAX_REFERENCES || at.split('/').count() > MAX_DEPTH {
            return None;
        }
        let kind = entry.file_type().ok()?;
        if kind.is_dir() {
            references(&entry.path(), &at, out)?;
        } else if kind.is_file() {
            out.push((at, read(&entry.path())?));
        }
    }
    Some(())
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES as u64 + 1).read_to_end(&mut content).ok()?;
    (content.len() <= MAX_BYTES).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_says_nothing_of_where_the_tree_is() {
        let config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tworktree = ../../x\n[user]\n\tworktree = y\n";
        assert_eq!(here(config), "[core]\n\trepositoryformatversion = 0\n[user]\n\tworktree = y\n");
    }

    #[test]
    fn what_is_not_understood_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let repository = Repository::bare(dir.path().to_owned());
        let objects = Path::new("/objects");
        assert_eq!(standalone(&repository, objects), []);
        fs::write(dir.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let paths = |repository| {
            let files = standalone(repository, objects).into_iter();
            files.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            paths(&repository),
            [".git/HEAD", ".git/refs/heads/.keep", ".git/objects/info/alternates"]
        );
        fs::create_dir(dir.path().join("reftable")).unwrap();
        assert_eq!(paths(&repository), [""; 0]);
    }
}
