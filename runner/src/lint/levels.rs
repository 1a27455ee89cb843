//! What is done about each lint.

use std::path::Path;

use serde::Deserialize;

use super::Lint;

/// By whose rules a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// GitHub's: what it refuses is an error.
    GitHub,
    /// Those of Forgejo and Gitea, which run what GitHub refuses.
    Lenient,
}

impl Rules {
    /// By the directory that a file is in.
    pub fn of(file: &Path) -> Rules {
        match file.iter().any(|name| name == ".forgejo" || name == ".gitea") {
            true => Rules::Lenient,
            false => Rules::GitHub,
        }
    }
}

/// What a person or a configuration says of lints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Levels {
    /// Those that aren't told.
    pub allow: Vec<Lint>,
    /// Those that are errors.
    pub deny: Vec<Lint>,
    /// Whether all others are errors too.
    pub strict: bool,
}

/// What becomes of what a lint found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It isn't told.
    Allow,
    /// It is a warning.
    Warn,
    /// It is an error.
    Deny,
}

/// There is no lint of that name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no lint is called `{0}`; `palisade check --lints` lists them")]
pub struct UnknownLint(pub String);

impl Levels {
    /// What becomes of what a lint found in a file that is read by these rules.
    pub fn of(&self, lint: Lint, rules: Rules) -> Level {
        let is_refused = rules == Rules::GitHub && lint.is_refused_by_github();
        if self.allow.contains(&lint) {
            Level::Allow
        } else if self.strict || is_refused || self.deny.contains(&lint) {
            Level::Deny
        } else {
            Level::Warn
        }
    }
}

impl Levels {
    /// These, with what somebody says who knows better.
    pub fn with(mut self, allow: &[Lint], deny: &[Lint], strict: bool) -> Levels {
        self.allow.retain(|lint| !deny.contains(lint));
        self.deny.retain(|lint| !allow.contains(lint));
        self.allow.extend(allow);
        self.deny.extend(deny);
        self.strict |= strict;
        self
    }
}

impl TryFrom<String> for Lint {
    type Error = UnknownLint;
    fn try_from(id: String) -> Result<Self, UnknownLint> {
        id.parse()
    }
}

impl std::str::FromStr for Lint {
    type Err = UnknownLint;
    fn from_str(id: &str) -> Result<Self, UnknownLint> {
        Lint::find(id).ok_or_else(|| UnknownLint(id.to_owned()))
    }
}
