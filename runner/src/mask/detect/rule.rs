//! What a rule is: the format of one kind of credential, as data.

use super::check;
use super::command::Style;
use super::set::Set;

/// One kind of credential.
#[derive(Debug)]
pub struct Rule {
    /// Unique, in kebab case: what a policy names and what stands in the mask.
    pub id: &'static str,
    /// What the credential is, in a few words.
    pub what: &'static str,
    /// Where its provider documents the format.
    pub source: &'static str,
    /// How bad its loss is.
    pub severity: Severity,
    /// What it looks like.
    pub(super) shape: Shape,
    /// Whether it has to begin a word.
    pub(super) begins_word: bool,
    /// Whether a value of that shape is one: a checksum, a structure, or at least no placeholder.
    pub(super) check: fn(&[u8]) -> bool,
    /// What follows soon after it.
    pub(super) partner: Option<&'static Partner>,
    /// Examples of it, one a line, for tests: see `rules/tests.rs` for the notation.
    #[cfg(test)]
    pub(super) hits: &'static str,
    /// Examples of what looks similar and isn't one.
    #[cfg(test)]
    pub(super) misses: &'static str,
}

/// How bad the loss of a credential is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// No access alone: an identifier, a test credential.
    Low,
    /// Access that is short-lived or narrow, or a value that may not be a credential.
    Medium,
    /// Access to an account's data.
    High,
    /// Access to all of an account, or to what others run.
    Critical,
}

/// What a credential looks like.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// `secret` between what identifies it.
    Token { lead: &'static [Part], secret: &'static [Part], tail: &'static [Part] },
    /// A value of this shape that is given to a name: `NAME=value`, `"name": "value"` and the like. Names are in
    /// lower case; `_` in them stands for `_`, `-`, `.` or nothing.
    Named { names: &'static [&'static str], value: &'static [Part] },
    /// Any value that is given to a name; `_` stands for a space too.
    Assigned { names: &'static [&'static str], form: Form },
    /// The password in `scheme://user:password@host`.
    Userinfo { schemes: &'static [&'static str] },
    /// The password that an option of one of these commands is given.
    Command { commands: &'static [&'static str], options: &'static [&'static str], style: Style },
    /// What stands between `-----BEGIN … PRIVATE KEY-----` and its end, line by line; each of these begins one.
    Armoured { begins: &'static [&'static str] },
    /// Values in a manifest of Kubernetes that one of these keys belongs to.
    Manifest { keys: &'static [&'static str] },
    /// Only ever the partner of another rule.
    Follows,
}

/// What kind of value an [`Shape::Assigned`] rule expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Chosen by a person perhaps.
    Password,
    /// Made by a machine.
    Random,
    /// What follows `Authorization: Basic`.
    Basic,
    /// What follows `Authorization:` and any other scheme.
    Bearer,
    /// The values of what follows `Cookie:` and `Set-Cookie:`.
    Cookies,
}

/// A piece of a token.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    /// Exactly this.
    Lit(&'static str),
    /// One of these; a longer one stands before its own beginning.
    OneOf(&'static [&'static str]),
    /// As many of `set` as there are: at least `min`, at most `max`. What follows must not be of the set.
    Run { set: Set, min: u16, max: u16 },
    /// This or nothing.
    Maybe(&'static str),
}

/// No upper limit of a run.
pub(super) const OPEN: u16 = u16::MAX;

/// Exactly `n` of a set.
pub(super) const fn exactly(n: u16, set: Set) -> Part {
    Part::Run { set, min: n, max: n }
}

/// From `min` to `max` of a set.
pub(super) const fn between(min: u16, max: u16, set: Set) -> Part {
    Part::Run { set, min, max }
}

/// `min` or more of a set: nothing of a longer token stays behind.
pub(super) const fn at_least(min: u16, set: Set) -> Part {
    Part::Run { set, min, max: OPEN }
}

/// A credential that has no mark of its own but stands soon after another.
#[derive(Debug)]
pub(super) struct Partner {
    /// The rule to report.
    pub rule: Rule,
    /// What it consists of, and how many of them.
    pub set: Set,
    pub len: u16,
}

impl Severity {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl Rule {
    /// Where its provider documents the format, as a URL.
    pub fn url(&self) -> Option<String> {
        let (_, page) = self.source.rsplit_once(": ")?;
        page.split([',', ' ']).next().map(|page| format!("https://{page}"))
    }

    /// A token with an identity of its own.
    pub(super) const fn token(
        id: &'static str,
        what: &'static str,
        source: &'static str,
        secret: &'static [Part],
    ) -> Rule {
        Rule::within(id, what, source, &[], secret, &[])
    }

    /// A secret between what identifies it.
    pub(super) const fn within(
        id: &'static str,
        what: &'static str,
        source: &'static str,
        lead: &'static [Part],
        secret: &'static [Part],
        tail: &'static [Part],
    ) -> Rule {
        Rule::new(id, what, source, Shape::Token { lead, secret, tail }).check(check::plausible)
    }

    /// A value known by the name it is given to.
    pub(super) const fn named(
        id: &'static str,
        what: &'static str,
        source: &'static str,
        names: &'static [&'static str],
        value: &'static [Part],
    ) -> Rule {
        Rule::new(id, what, source, Shape::Named { names, value }).check(check::plausible)
    }

    pub(super) const fn new(
        id: &'static str,
        what: &'static str,
        source: &'static str,
        shape: Shape,
    ) -> Rule {
        Rule {
            id,
            what,
            source,
            severity: Severity::High,
            shape,
            begins_word: true,
            check: check::anything,
            partner: None,
            #[cfg(test)]
            hits: "",
            #[cfg(test)]
            misses: "",
        }
    }

    pub(super) const fn severity(self, severity: Severity) -> Rule {
        Rule { severity, ..self }
    }

    pub(super) const fn check(self, check: fn(&[u8]) -> bool) -> Rule {
        Rule { check, ..self }
    }

    /// It counts inside of words too.
    pub(super) const fn anywhere(self) -> Rule {
        Rule { begins_word: false, ..self }
    }

    pub(super) const fn partner(self, partner: &'static Partner) -> Rule {
        Rule { partner: Some(partner), ..self }
    }

    #[cfg(test)]
    pub(super) const fn examples(self, hits: &'static str, misses: &'static str) -> Rule {
        Rule { hits, misses, ..self }
    }

    #[cfg(not(test))]
    pub(super) const fn examples(self, _hits: &'static str, _misses: &'static str) -> Rule {
        self
    }

    /// Which of two rules that found the same names it better: the one with the more particular format.
    pub(super) fn rank(&self) -> u8 {
        match self.shape {
            Shape::Token { .. } | Shape::Armoured { .. } => 3,
            Shape::Named { .. } | Shape::Follows => 2,
            Shape::Userinfo { .. } | Shape::Command { .. } | Shape::Manifest { .. } => 1,
            Shape::Assigned { .. } => 0,
        }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.id == other.id
    }
}
