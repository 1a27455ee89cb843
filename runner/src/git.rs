//! What a git repository tells about itself, read from its files without running git: where it stands,
//! where it came from, which paths it tracks.
//! Source of the formats: git's "gitrepository-layout" and "index-format".

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file of a repository that is read whole: packed references of a very large project.
const MAX_FILE: u64 = 64 << 20;
/// Largest index; about four million paths.
const MAX_INDEX: u64 = 512 << 20;
/// Longest chain of symbolic references.
const MAX_HOPS: usize = 5;

/// A repository, mostly with a work tree.
#[derive(Clone, Debug)]
pub struct Repository {
    /// `.git`, or where a `.git` file points.
    git_dir: PathBuf,
    /// What all work trees of the repository share.
    common_dir: PathBuf,
}

/// Where `HEAD` stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The branch, as a full reference; `None` where a commit is checked out directly.
    pub branch: Option<String>,
    /// The commit; `None` before the first one.
    pub sha: Option<String>,
}

/// The forge's side of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// `https://host`, whatever the protocol of the clone is.
    pub server: String,
    /// Everything before the name.
    pub owner: String,
    /// The name.
    pub name: String,
}

impl Repository {
    /// The repository whose work tree's root is `dir`.
    pub fn open(dir: &Path) -> Option<Repository> {
        let dot_git = dir.join(".git");
        let git_dir = if dot_git.is_dir() {
            dot_git
        } else {
            let pointer = read(&dot_git)?;
            dir.join(pointer.strip_prefix("gitdir:")?.trim())
        };
        let common_dir = match read(&git_dir.join("commondir")) {
            Some(path) => git_dir.join(path.trim()),
            None => git_dir.clone(),
        };
        Some(Repository { git_dir, common_dir })
    }

    /// A bare one.
    pub fn bare(git_dir: PathBuf) -> Repository {
        Repository { common_dir: git_dir.clone(), git_dir }
    }

    /// Its own directory: where it stands, its index.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// What all work trees share: configuration, references, excluded paths.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Where `HEAD` stands.
    pub fn head(&self) -> Head {
        let Some(head) = read(&self.git_dir.join("HEAD")) else { return Head::default() };
        match head.strip_prefix("ref:") {
            Some(branch) => {
                let branch = branch.trim().to_owned();
                Head { sha: self.resolve(&branch), branch: Some(branch) }
            }
            None => Head { branch: None, sha: commit_id(head.trim()) },
        }
    }

    /// The branch that the remote checks out by default, if the repository knows it.
    pub fn default_branch(&self) -> Option<String> {
        let head = read(&self.common_dir.join("refs/remotes/origin/HEAD"))?;
        Some(head.strip_prefix("ref:")?.trim().strip_prefix("refs/remotes/origin/")?.to_owned())
    }

    /// Where `origin` is.
    pub fn remote(&self) -> Option<Remote> {
        Remote::parse(&self.setting("[remote \"origin\"]", "url")?)
    }

    /// Whether its objects are named by SHA-256. Such a repository is none to git without its configuration.
    pub fn is_sha256(&self) -> bool {
        self.setting("[extensions]", "objectformat")
            .is_some_and(|format| format.eq_ignore_ascii_case("sha256"))
    }

    /// A setting of the configuration, by the header of its section.
    fn setting(&self, section: &str, name: &str) -> Option<String> {
        let config = read(&self.common_dir.join("config"))?;
        let mut is_there = false;
        for line in config.lines().map(str::trim) {
            if line.starts_with('[') {
                is_there = line.eq_ignore_ascii_case(section);
            } else if is_there
                && let Some((key, value)) = line.split_once('=')
                && key.trim().eq_ignore_ascii_case(name)
            {
                return Some(value.trim().to_owned());
            }
        }
        None
    }

    /// The paths that the index tracks, sorted by byte. `None` where there is an index of a kind that isn't
    /// understood (split, sparse).
    pub fn tracked(&self) -> Option<Vec<Vec<u8>>> {
        let path = self.git_dir.join("index");
        let mut index = Vec::new();
        match File::open(path) {
            Ok(file) => file.take(MAX_INDEX).read_to_end(&mut index).ok()?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Some(Vec::new()),
            Err(_) => return None,
        };
        index_paths(&index, if self.is_sha256() { 32 } else { 20 })
    }

    fn resolve(&self, reference: &str) -> Option<String> {
        let mut reference = reference.to_owned();
        for _ in 0..MAX_HOPS {
            if reference.split('/').any(|part| part == "..") || reference.starts_with('/') {
                return None;
            }
            let loose = [&self.git_dir, &self.common_dir].into_iter().find_map(|d| read(&d.join(&reference)));
            let Some(content) = loose else {
                let packed = read(&self.common_dir.join("packed-refs"))?;
                let found = packed.lines().find_map(|line| {
                    let (id, name) = line.split_once(' ')?;
                    (name == reference).then_some(id)
                });
                return commit_id(found?);
            };
            match content.strip_prefix("ref:") {
                Some(next) => reference = next.trim().to_owned(),
                None => return commit_id(content.trim()),
            }
        }
        None
    }
}

impl Remote {
    /// Parses the URL of a clone, with or without user info, or git's `host:path`.
    fn parse(url: &str) -> Option<Remote> {
        let (host, path) = match url.split_once("://") {
            Some(("file", _)) => return None,
            Some((_, rest)) => rest.split_once('/')?,
            None => url.split_once(':')?,
        };
        let host = host.rsplit('@').next()?;
        let path = path.trim_matches('/');
        let (owner, name) = path.strip_suffix(".git").unwrap_or(path).rsplit_once('/')?;
        if host.is_empty() || owner.is_empty() || name.is_empty() {
            return None;
        }
        Some(Remote { server: format!("https://{host}"), owner: owner.to_owned(), name: name.to_owned() })
    }
}

/// A text file of a repository, if it is there and not too large.
fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let size = File::open(path).ok()?.take(MAX_FILE + 1).read_to_string(&mut text).ok()?;
    (size as u64 <= MAX_FILE).then_some(text)
}

fn commit_id(text: &str) -> Option<String> {
    let hex = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| text.to_owned())
}

/// The paths in an index of version 2, 3 or 4, in which an object's id has so many bytes.
fn index_paths(index: &[u8], id: usize) -> Option<Vec<Vec<u8>>> {
    /// Times, device, inode, mode, owner and size of an entry, before its object id.
    const STAT: usize = 40;
    let number = |at: usize| index.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    if index.get(..4)? != b"DIRC" {
        return None;
    }
    let version = number(4)?;
    let count = number(8)? as usize;
    if !(2..=4).contains(&version) || count > index.len() / (STAT + id) {
        return None;
    }
    let mut paths: Vec<Vec<u8>> = Vec::with_capacity(count);
    let mut at = 12;
    for _ in 0..count {
        let flags_at = at + STAT + id;
        let flags = u16::from_be_bytes(index.get(flags_at..flags_at + 2)?.try_into().ok()?);
        let extended = version >= 3 && flags & 0x4000 != 0;
        let mut name_at = flags_at + if extended { 4 } else { 2 };
        let mut path = Vec::new();
        if version == 4 {
            // A path is what remains of the one before, after taking some bytes off its end, and more.
            let dropped = variable_length(index, &mut name_at)?;
            if let Some(previous) = paths.last() {
                path.extend_from_slice(previous.get(..previous.len().checked_sub(dropped)?)?);
            }
        }
        let rest = index.get(name_at..)?;
        let length = memchr::memchr(0, rest)?;
        path.extend_from_slice(&rest[..length]);
        // Entries before version 4 are padded with 1 to 8 NULs to a multiple of eight bytes.
        at = if version == 4 { name_at + length + 1 } else { at + (name_at - at + length + 8) / 8 * 8 };
        paths.push(path);
    }
    // Extensions in lower case change what the entries mean.
    let end = index.len().checked_sub(id)?;
    while at + 8 <= end {
        let signature = index.get(at..at + 4)?;
        if signature[0].is_ascii_lowercase() {
            return None;
        }
        at += 8 + number(at + 4)? as usize;
    }
    // Anything else doesn't end where it should.
    if at != end {
        return None;
    }
    paths.sort_unstable();
    Some(paths)
}

/// git's variable-width offset, as in packs.
fn variable_length(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut byte = *bytes.get(*at)?;
    *at += 1;
    let mut value = usize::from(byte & 0x7f);
    while byte & 0x80 != 0 {
        byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_add(1)?.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    /// Runs git in a directory; `false` where there is none on this machine.
    fn git(dir: &Path, args: &[&str]) -> bool {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
        Command::new("git")
            .args(identity)
            .args(args)
            .current_dir(dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .is_ok_and(|out| out.status.success())
    }

    fn repository() -> Option<tempfile::TempDir> {
        let dir = tempfile::tempdir().unwrap();
        if !git(dir.path(), &["init", "-q", "-b", "topic"]) {
            println!("skipped: git is not installed");
            return None;
        }
        for name in ["b", "a.txt", "dir/a-rather-long-name-that-needs-no-padding", "dir/x"] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        }
        assert!(git(dir.path(), &["add", "-A"]));
        assert!(git(dir.path(), &["commit", "-qm", "m"]));
        Some(dir)
    }

    #[test]
    fn head_is_found_loose_and_packed_and_detached() {
        let Some(dir) = repository() else { return };
        let repository = Repository::open(dir.path()).unwrap();
        let loose = repository.head();
        assert_eq!(loose.branch.as_deref(), Some("refs/heads/topic"));
        assert!(loose.sha.is_some());
        assert!(git(dir.path(), &["pack-refs", "--all"]));
        assert_eq!(repository.head(), loose);
        assert!(git(dir.path(), &["checkout", "-q", "--detach"]));
        assert_eq!(repository.head(), Head { branch: None, sha: loose.sha });
    }

    #[test]
    fn a_linked_work_tree_has_its_own_head() {
        let Some(dir) = repository() else { return };
        let linked = dir.path().join("linked");
        assert!(git(dir.path(), &["worktree", "add", "-qb", "other", "linked"]));
        let head = Repository::open(&linked).unwrap().head();
        assert_eq!(head.branch.as_deref(), Some("refs/heads/other"));
        assert!(head.sha.is_some());
    }

    #[test]
    fn every_version_of_the_index_tells_the_same() {
        let Some(dir) = repository() else { return };
        let repository = Repository::open(dir.path()).unwrap();
        let expected: Vec<Vec<u8>> =
            ["a.txt", "b", "dir/a-rather-long-name-that-needs-no-padding", "dir/x"].map(|p| p.into()).into();
        for version in ["2", "3", "4"] {
            assert!(git(dir.path(), &["update-index", "--index-version", version]));
            assert_eq!(repository.tracked(), Some(expected.clone()), "version {version}");
        }
    }

    #[test]
    fn a_split_index_is_not_misread() {
        let Some(dir) = repository() else { return };
        assert!(git(dir.path(), &["update-index", "--split-index"]));
        assert_eq!(Repository::open(dir.path()).unwrap().tracked(), None);
    }

    #[test]
    fn remotes_of_all_spellings() {
        let remote = |url| Remote::parse(url).map(|r| format!("{} {} {}", r.server, r.owner, r.name));
        for url in [
            "https://git.example.org/team/tool.git",
            "https://user:pass@git.example.org/team/tool",
            "ssh://git@git.example.org/team/tool.git",
            "git@git.example.org:team/tool.git",
        ] {
            assert_eq!(remote(url).as_deref(), Some("https://git.example.org team tool"), "{url}");
        }
        for url in ["/srv/git/tool", "../tool", "file:///srv/git/tool", "https://git.example.org", "x:y"] {
            assert_eq!(remote(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn an_index_of_any_bytes_is_no_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), version in 2u32..5) {
            let _ = index_paths(&bytes, 20);
            let mut index = b"DIRC".to_vec();
            index.extend(version.to_be_bytes());
            index.extend(2u32.to_be_bytes());
            index.append(&mut bytes);
            let _ = index_paths(&index, 20);
        }
    }
}
