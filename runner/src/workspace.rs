//! What of the user's tree a job may see: what git tracks and what it doesn't ignore, and of `.git` all
//! but the credentials in its configuration.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::git;
use crate::job::inside;
use crate::worktree;

/// Most entries of a tree that are looked at.
const MAX_ENTRIES: usize = 4_000_000;
/// Deepest directory.
const MAX_DEPTH: usize = 512;
/// Largest git configuration.
const MAX_CONFIG: u64 = 1 << 20;

/// What a job doesn't get of a tree; paths are relative to its root.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Ignored files and directories.
    pub hidden: Vec<PathBuf>,
    /// Git configurations with their credentials taken out, and the files of a repository that is elsewhere.
    pub replaced: Vec<(PathBuf, Vec<u8>)>,
    /// The index is of a kind that isn't understood, so tracked files that are also ignored are missing.
    pub index_unknown: bool,
}

/// Why a tree can't be shown to a job.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// Reading a directory failed.
    #[error("cannot read `{}`: {error}", path.display())]
    Read {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// Too large to be looked through.
    #[error("`{}` has more than {MAX_ENTRIES} entries, or is more than {MAX_DEPTH} deep", .0.display())]
    TooLarge(PathBuf),
    /// A git configuration that can't be checked for credentials.
    #[error("cannot check `{}` for credentials: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// Looks through the tree at `root`.
pub fn withheld(root: &Path) -> Result<Withheld, WorkspaceError> {
    let repository = git::Repository::open(root);
    if repository.is_none() && !root.join(".gitignore").exists() {
        return Ok(Withheld::default());
    }
    let mut rules = Vec::new();
    rules.extend(matcher(GitignoreBuilder::new(root).build_global().0));
    if let Some(repository) = &repository {
        rules.extend(file_matcher(root, &repository.common_dir().join("info/exclude")));
    }
    let tracked = Tracked { repository: repository.as_ref(), paths: None, unknown: false };
    let mut walk = Walk { root, rules, tracked, entries: 0, out: Withheld::default() };
    walk.directory(Path::new(""), 0)?;
    walk.out.index_unknown = walk.tracked.unknown;
    Ok(walk.out)
}

fn matcher(rules: Gitignore) -> Option<Gitignore> {
    (!rules.is_empty()).then_some(rules)
}

fn file_matcher(root: &Path, file: &Path) -> Option<Gitignore> {
    let mut builder = GitignoreBuilder::new(root);
    // A pattern that isn't one is ignored, as git does.
    let _ = builder.add(file);
    builder.build().ok().and_then(matcher)
}

struct Walk<'a> {
    root: &'a Path,
    /// Outermost first; the innermost that matches decides.
    rules: Vec<Gitignore>,
    tracked: Tracked<'a>,
    entries: usize,
    out: Withheld,
}

impl Walk<'_> {
    fn directory(&mut self, at: &Path, depth: usize) -> Result<(), WorkspaceError> {
        let path = self.root.join(at);
        if depth > MAX_DEPTH {
            return Err(WorkspaceError::TooLarge(path));
        }
        let outer = self.rules.len();
        let mut directories = Vec::new();
        let mut files = Vec::new();
        for entry in read_dir(&path)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(WorkspaceError::TooLarge(self.root.to_owned()));
            }
            let name = entry.file_name();
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if name == ".git" {
                if is_dir {
                    self.git_dir(&at.join(name), 0)?;
                } else if at.as_os_str().is_empty()
                    && let Some(repository) = self.tracked.repository
                {
                    let objects = Path::new(inside::REPOSITORY).join("objects");
                    self.out.replaced.extend(worktree::standalone(repository, &objects));
                }
            } else if is_dir {
                directories.push(name);
            } else {
                if name == ".gitignore" {
                    self.rules.extend(file_matcher(&path, &path.join(&name)));
                }
                files.push(name);
            }
        }
        for name in files {
            let at = at.join(name);
            if self.ignored(&at, false) && !self.tracked.holds(&at) {
                self.out.hidden.push(at);
            }
        }
        for name in directories {
            let at = at.join(name);
            if !self.ignored(&at, true) {
                self.directory(&at, depth + 1)?;
            } else if self.tracked.holds_below(&at) {
                self.ignored_directory(&at, depth + 1)?;
            } else {
                self.out.hidden.push(at);
            }
        }
        self.rules.truncate(outer);
        Ok(())
    }

    /// A directory that is ignored but has tracked files: everything else in it is hidden.
    fn ignored_directory(&mut self, at: &Path, depth: usize) -> Result<(), WorkspaceError> {
        let path = self.root.join(at);
        if depth > MAX_DEPTH {
            return Err(WorkspaceError::TooLarge(path));
        }
        for entry in read_dir(&path)? {
            let at = at.join(entry.file_name());
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir && self.tracked.holds_below(&at) {
                self.ignored_directory(&at, depth + 1)?;
            } else if !self.tracked.holds(&at) {
                self.out.hidden.push(at);
            }
        }
        Ok(())
    }

    fn ignored(&self, at: &Path, is_dir: bool) -> bool {
        let path = self.root.join(at);
        let decided = self.rules.iter().rev().find_map(|rules| match rules.matched(&path, is_dir) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        });
        decided.unwrap_or(false)
    }

    /// A repository's own directory, with those of its submodules.
    fn git_dir(&mut self, at: &Path, depth: usize) -> Result<(), WorkspaceError> {
        for name in ["config", "config.worktree"] {
            let at = at.join(name);
            if let Some(clean) = without_credentials_at(&self.root.join(&at))? {
                self.out.replaced.push((at, clean));
            }
        }
        self.submodules(&at.join("modules"), depth)
    }

    fn submodules(&mut self, at: &Path, depth: usize) -> Result<(), WorkspaceError> {
        let path = self.root.join(at);
        if depth > MAX_DEPTH {
            return Err(WorkspaceError::TooLarge(path));
        }
        if !path.is_dir() {
            return Ok(());
        }
        for entry in read_dir(&path)? {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let at = at.join(entry.file_name());
            // A submodule's name may have slashes, so that its directory is deeper.
            if entry.path().join("HEAD").exists() {
                self.git_dir(&at, depth + 1)?;
            } else {
                self.submodules(&at, depth + 1)?;
            }
        }
        Ok(())
    }
}

fn read_dir(path: &Path) -> Result<Vec<fs::DirEntry>, WorkspaceError> {
    let entries = fs::read_dir(path).and_then(Iterator::collect);
    entries.map_err(|error| WorkspaceError::Read { path: path.to_owned(), error })
}

/// The paths that git tracks, read when first asked for.
struct Tracked<'a> {
    repository: Option<&'a git::Repository>,
    paths: Option<Vec<Vec<u8>>>,
    unknown: bool,
}

impl Tracked<'_> {
    fn holds(&mut self, at: &Path) -> bool {
        let at = bytes(at).to_owned();
        self.paths().binary_search(&at).is_ok()
    }

    fn holds_below(&mut self, at: &Path) -> bool {
        let mut prefix = bytes(at).to_owned();
        prefix.push(b'/');
        let paths = self.paths();
        let first = paths.partition_point(|path| path < &prefix);
        paths.get(first).is_some_and(|path| path.starts_with(&prefix))
    }

    fn paths(&mut self) -> &[Vec<u8>] {
        if self.paths.is_none() {
            let tracked = self.repository.map_or_else(|| Some(Vec::new()), git::Repository::tracked);
            self.unknown = tracked.is_none();
            self.paths = tracked.or_else(|| Some(Vec::new()));
        }
        self.paths.as_deref().unwrap_or_default()
    }
}

fn bytes(path: &Path) -> &[u8] {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes()
}

/// Whether a git configuration holds credentials, or can't be read.
pub fn holds_credentials(path: &Path) -> bool {
    !matches!(without_credentials_at(path), Ok(None))
}

fn without_credentials_at(path: &Path) -> Result<Option<Vec<u8>>, WorkspaceError> {
    let error = |why: String| WorkspaceError::Config { path: path.to_owned(), why };
    let mut config = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(MAX_CONFIG + 1).read_to_end(&mut config).map_err(|e| error(e.to_string()))?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(error(e.to_string())),
    };
    if config.len() as u64 > MAX_CONFIG {
        return Err(error(format!("it is larger than {MAX_CONFIG} bytes")));
    }
    let config = String::from_utf8(config).map_err(|_| error("it is not UTF-8".into()))?;
    let clean = without_credentials(&config);
    Ok((clean != config).then(|| clean.into_bytes()))
}

/// A git configuration less its credentials: headers that carry tokens, credential helpers (which may be
/// scripts with a password in them), passwords, and user info in URLs of HTTP.
pub fn without_credentials(config: &str) -> String {
    let mut out = String::with_capacity(config.len());
    let mut section = String::new();
    let mut lines = config.split_inclusive('\n');
    while let Some(line) = lines.next() {
        // A value goes on where its line ends with a backslash.
        let mut logical = line.to_owned();
        while logical.trim_end_matches(['\n', '\r']).ends_with('\\') {
            let Some(next) = lines.next() else { break };
            logical.push_str(next);
        }
        let (header, setting) =
            match logical.trim_start().starts_with('[').then(|| logical.find(']')).flatten() {
                Some(end) => logical.split_at(end + 1),
                None => ("", logical.as_str()),
            };
        if !header.is_empty() {
            section = header.trim_start_matches(['[', ' ', '\t']).to_ascii_lowercase();
        }
        let key = setting.split(['=', ';', '#']).next().unwrap_or_default().trim().to_ascii_lowercase();
        out.push_str(&without_user_info(header));
        if is_credential(&section, &key) {
            out.push('\n');
        } else {
            out.push_str(&without_user_info(setting));
        }
    }
    out
}

fn is_credential(section: &str, key: &str) -> bool {
    const KEYS: [&str; 8] =
        ["extraheader", "password", "passwd", "passphrase", "smtppass", "token", "secret", "apikey"];
    KEYS.iter().any(|word| key.contains(word)) || section.starts_with("credential") && key == "helper"
}

/// Takes `user:password@` out of every URL; a name alone goes too where it is HTTP, since there it may be
/// a token.
fn without_user_info(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        let end = after.find(|c: char| c == '/' || c == '"' || c == '?' || c == '#' || c.is_whitespace());
        let authority = &after[..end.unwrap_or(after.len())];
        out.push_str(before);
        let http = before.trim_end_matches("://").to_ascii_lowercase();
        let http = http.ends_with("http") || http.ends_with("https");
        // What remains is looked at again from there: "://" may stand in what looked like an authority.
        rest = match authority.rsplit_once('@') {
            Some((user, _)) if http || user.contains(':') => &after[user.len() + 1..],
            _ => after,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        dir
    }

    fn hidden(dir: &tempfile::TempDir) -> Vec<String> {
        let mut hidden: Vec<String> =
            withheld(dir.path()).unwrap().hidden.iter().map(|p| p.display().to_string()).collect();
        hidden.sort();
        hidden
    }

    #[test]
    fn without_rules_nothing_is_hidden_nor_looked_at() {
        let dir = tree(&[("target/a", ""), ("b", "")]);
        assert_eq!(withheld(dir.path()).unwrap(), Withheld::default());
    }

    #[test]
    fn ignored_paths_are_hidden_at_their_top() {
        let dir = tree(&[
            (".gitignore", "/target\n*.env\n!keep.env\nnode_modules/\n"),
            ("target/debug/x", ""),
            ("sub/target/x", ""),
            ("a.env", ""),
            ("keep.env", ""),
            ("sub/b.env", ""),
            ("sub/node_modules/x/y", ""),
            ("sub/node_modules2", ""),
        ]);
        assert_eq!(hidden(&dir), ["a.env", "sub/b.env", "sub/node_modules", "target"]);
    }

    #[test]
    fn an_inner_rule_overrides_an_outer_one() {
        let dir = tree(&[
            (".gitignore", "*.log\n"),
            ("sub/.gitignore", "!*.log\n/only-here\n"),
            ("a.log", ""),
            ("only-here", ""),
            ("sub/a.log", ""),
            ("sub/only-here", ""),
        ]);
        assert_eq!(hidden(&dir), ["a.log", "sub/only-here"]);
    }

    #[test]
    fn what_git_tracks_is_shown_though_it_is_ignored() {
        let dir = tree(&[
            (".gitignore", "/build\n*.key\n"),
            ("build/tracked/a", ""),
            ("build/tracked/b", ""),
            ("build/c", ""),
            ("x.key", ""),
            ("y.key", ""),
            (".git/info/exclude", "secret.txt\n"),
            ("secret.txt", ""),
        ]);
        let git = |args: &[&str]| {
            let run = std::process::Command::new("git").args(args).current_dir(dir.path()).output();
            run.is_ok_and(|out| out.status.success())
        };
        if !git(&["init", "-q"]) {
            println!("skipped: git is not installed");
            return;
        }
        fs::write(dir.path().join(".git/info/exclude"), "secret.txt\n").unwrap();
        assert!(git(&["add", "-f", "build/tracked/a", "x.key"]));
        assert_eq!(hidden(&dir), ["build/c", "build/tracked/b", "secret.txt", "y.key"]);
    }

    #[test]
    fn credentials_are_taken_out_of_git_configurations() {
        let clean = without_credentials(
            "[core]\n\tbare = false\n[remote \"origin\"]\n\turl = https://user:pw@example.org/a/b.git\n\
             \tpushurl = ssh://git@example.org/a/b\n[url \"https://tok@example.org/\"]\n\tinsteadOf = gh:\n\
             [http \"https://example.org/\"]\n\textraheader = AUTHORIZATION: basic eHg=\n\
             [http] extraHeader = X: \\\n y\n[credential]\n\thelper = \"!f() { echo password=x; }; f\"\n\
             [sendemail]\n\tsmtpPass = x\n[user]\n\tname = T\n",
        );
        insta::assert_snapshot!(clean, @r#"
        [core]
        	bare = false
        [remote "origin"]
        	url = https://example.org/a/b.git
        	pushurl = ssh://git@example.org/a/b
        [url "https://example.org/"]
        	insteadOf = gh:
        [http "https://example.org/"]

        [http]
        [credential]

        [sendemail]

        [user]
        	name = T
        "#);
    }

    #[test]
    fn configurations_of_submodules_are_cleaned_too() {
        let secret = "[remote \"origin\"]\n\turl = https://a:b@example.org/x\n";
        let dir = tree(&[
            (".git/HEAD", ""),
            (".git/config", "[core]\n\tbare = false\n"),
            (".git/modules/libs/one/HEAD", ""),
            (".git/modules/libs/one/config", secret),
            ("nested/.git/config", secret),
        ]);
        let mut replaced: Vec<_> =
            withheld(dir.path()).unwrap().replaced.into_iter().map(|(path, _)| path).collect();
        replaced.sort();
        assert_eq!(replaced, [Path::new(".git/modules/libs/one/config"), Path::new("nested/.git/config")]);
    }

    proptest! {
        #[test]
        fn a_password_in_a_url_never_stays(host in "[a-z]{1,8}", before in "[ -~]{0,20}") {
            let config = format!("[a]\nurl = {before}https://u:hunter2@{host}/x\n");
            prop_assert!(!without_credentials(&config).contains("hunter2"));
        }

        #[test]
        fn what_has_no_credentials_stays_as_it_is(lines in proptest::collection::vec("[a-c]{1,5} = [a-z /.:-]{0,12}", 0..8)) {
            let config = lines.join("\n");
            prop_assume!(!config.contains("://"));
            prop_assert_eq!(without_credentials(&config), config);
        }
    }
}
