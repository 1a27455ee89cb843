//! What to do about each kind of credential, and what isn't one whatever it looks like.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::rule::Rule;
use super::rules;

/// What to do when a credential is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// Mask it.
    #[default]
    Mask,
    /// Mask it and fail the job.
    Fail,
    /// Nothing: it isn't looked for.
    Off,
}

/// What to do about each kind of credential.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    default: Action,
    actions: BTreeMap<&'static str, Action>,
    allowed: BTreeSet<Digest>,
    paths: Paths,
}

/// Which files may hold what looks like a credential: lines of a `.gitignore`.
#[derive(Clone, Debug)]
struct Paths {
    lines: Vec<String>,
    built: Gitignore,
}

/// The SHA-256 of a value that is allowed: a policy can name it without holding it.
pub type Digest = [u8; 32];

impl Default for Paths {
    fn default() -> Self {
        Paths { lines: Vec::new(), built: Gitignore::empty() }
    }
}

/// A pattern of paths that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no pattern of paths: {why}")]
pub struct BadPattern {
    pattern: String,
    why: ignore::Error,
}

/// There is no rule of that name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no rule is called `{0}`; `palisade mask --rules` lists them")]
pub struct UnknownRule(pub String);

impl Policy {
    /// One that does the same about every kind.
    pub fn new(default: Action) -> Policy {
        Policy { default, ..Policy::default() }
    }

    /// Sets what to do about one kind.
    pub fn set(&mut self, rule: &str, action: Action) -> Result<(), UnknownRule> {
        let rule = rules::find(rule).ok_or_else(|| UnknownRule(rule.to_string()))?;
        self.actions.insert(rule.id, action);
        Ok(())
    }

    /// Lets a value pass, by its SHA-256.
    pub fn allow(&mut self, digest: Digest) {
        self.allowed.insert(digest);
    }

    /// Lets everything pass in the files that `pattern` matches, written as in a `.gitignore`. For scans of files.
    pub fn allow_path(&mut self, pattern: &str) -> Result<(), BadPattern> {
        let failed = |why| BadPattern { pattern: pattern.to_string(), why };
        let mut builder = GitignoreBuilder::new("");
        self.paths.lines.push(pattern.to_string());
        for line in &self.paths.lines {
            builder.add_line(None, line).map_err(failed)?;
        }
        self.paths.built = builder.build().map_err(failed)?;
        Ok(())
    }

    /// Whether everything in the file at `path`, relative to what is scanned, may pass.
    pub fn allows_path(&self, path: &Path) -> bool {
        !self.paths.lines.is_empty() && self.paths.built.matched_path_or_any_parents(path, false).is_ignore()
    }

    /// What to do about one kind.
    pub fn action(&self, rule: &Rule) -> Action {
        self.actions.get(rule.id).copied().unwrap_or(self.default)
    }

    /// Whether a value may pass.
    pub(super) fn allows(&self, value: &[u8]) -> bool {
        use sha2::Digest as _;
        !self.allowed.is_empty() && self.allowed.contains::<Digest>(&sha2::Sha256::digest(value).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_allowed_as_git_ignores_them() {
        let mut policy = Policy::default();
        assert!(!policy.allows_path(Path::new("tests/data/key.pem")));
        policy.allow_path("tests/data/").unwrap();
        policy.allow_path("*.snap").unwrap();
        policy.allow_path("!real.snap").unwrap();
        let allowed = |path: &str| policy.allows_path(Path::new(path));
        assert!(allowed("tests/data/key.pem") && allowed("a/b.snap"));
        assert!(!allowed("a/real.snap") && !allowed("src/key.pem"));
    }

    #[test]
    fn actions_are_set_by_rule() {
        let mut policy = Policy::default();
        policy.set("aws-access-key-id", Action::Fail).unwrap();
        assert_eq!(policy.set("no-such", Action::Off), Err(UnknownRule("no-such".into())));
        let action = |id| policy.action(rules::find(id).unwrap());
        assert_eq!((action("aws-access-key-id"), action("github-token")), (Action::Fail, Action::Mask));
    }
}
