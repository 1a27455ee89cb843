//! What to do about each kind of credential, and what isn't one whatever it looks like.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::rule::Rule;
use super::rules;

/// What to do when a credential is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    default: Action,
    actions: BTreeMap<&'static str, Action>,
    allowed: BTreeSet<Digest>,
}

/// The SHA-256 of a value that is allowed: a policy can name it without holding it.
pub type Digest = [u8; 32];

/// There is no rule of that name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no rule is called `{0}`; `palisade mask --rules` lists them")]
pub struct UnknownRule(pub String);

impl Policy {
    /// One that does the same about every kind.
    pub fn new(default: Action) -> Policy {
        Policy { default, ..Policy::default() }
    }

    /// Sets what to do about every kind that nothing else was set for.
    pub fn set_default(&mut self, action: Action) {
        self.default = action;
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
    fn actions_are_set_by_rule() {
        let mut policy = Policy::default();
        policy.set("aws-access-key-id", Action::Fail).unwrap();
        assert_eq!(policy.set("no-such", Action::Off), Err(UnknownRule("no-such".into())));
        let action = |id| policy.action(rules::find(id).unwrap());
        assert_eq!((action("aws-access-key-id"), action("github-token")), (Action::Fail, Action::Mask));
    }
}
