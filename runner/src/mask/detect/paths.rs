//! Which files may hold what looks like a credential: samples, fixtures, vendored code.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// Files whose findings are no concern, by patterns written as in a `.gitignore`. For scans of files.
#[derive(Clone, Debug)]
pub struct AllowedPaths {
    patterns: Vec<String>,
    built: Gitignore,
}

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
        let patterns: Vec<String> = patterns.into_iter().map(str::to_string).collect();
        let failed = |pattern: &str, why| BadPattern { pattern: pattern.to_string(), why };
        for pattern in &patterns {
            builder.add_line(None, pattern).map_err(|why| failed(pattern, why))?;
        }
        let built = builder.build().map_err(|why| failed("the patterns together", why))?;
        Ok(AllowedPaths { patterns, built })
    }

    /// Whether everything in the file at `path`, relative to what is scanned, may pass.
    pub fn allows(&self, path: &Path) -> bool {
        // Absolute, it is nowhere in what is scanned.
        !self.built.is_empty()
            && path.is_relative()
            && self.built.matched_path_or_any_parents(path, false).is_ignore()
    }
}

/// None.
impl Default for AllowedPaths {
    fn default() -> Self {
        AllowedPaths { patterns: Vec::new(), built: Gitignore::empty() }
    }
}

impl PartialEq for AllowedPaths {
    fn eq(&self, other: &Self) -> bool {
        self.patterns == other.patterns
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
        assert!(!AllowedPaths::default().allows(Path::new("a")) && !allows("/tests/data/key.pem"));
        assert!(AllowedPaths::new(["a{b"]).is_err());
    }
}
