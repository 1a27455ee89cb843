//! Which files may hold what looks like a credential: samples, fixtures, vendored code.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Files whose findings are no concern, by patterns written as in a `.gitignore`. For scans of files.
#[derive(Clone, Debug)]
pub struct AllowedPaths(Gitignore);

/// A pattern of paths that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no pattern of paths: {why}")]
pub struct BadPattern {
    pattern: String,
    why: ignore::Error,
}

impl AllowedPaths {
    /// Reads the patterns; a later one counts more than those before.
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p str>) -> Result<Self, BadPattern> {
        let mut builder = GitignoreBuilder::new("");
        let failed = |pattern: &str, why| BadPattern { pattern: pattern.to_string(), why };
        for pattern in patterns {
            builder.add_line(None, pattern).map_err(|why| failed(pattern, why))?;
        }
        builder.build().map(AllowedPaths).map_err(|why| failed("the patterns together", why))
    }

    /// Whether everything in the file at `path`, relative to what is scanned, may pass.
    pub fn allows(&self, path: &Path) -> bool {
        !self.0.is_empty() && self.0.matched_path_or_any_parents(path, false).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_allowed_as_git_ignores_them() {
        let allowed = AllowedPaths::new(["tests/data/", "*.snap", "!real.snap"]).unwrap();
        let allows = |path: &str| allowed.allows(Path::new(path));
        assert!(allows("tests/data/key.pem") && allows("a/b.snap"));
        assert!(!allows("a/real.snap") && !allows("src/key.pem"));
        assert!(!AllowedPaths::new([]).unwrap().allows(Path::new("tests/data/key.pem")));
        assert!(AllowedPaths::new(["a{b"]).is_err());
    }
}
