//! What a workflow leaves of what its runner allows: `PALISADE_EGRESS`, a list of presets and rules with names. It only
//! takes away: what a job reaches, the runner's rules and each list around it must all have.

use super::presets;
use super::rule::{Grant, Kind, Policy, Rule, RuleError};

/// The variable that has it, in the `env` of a workflow, a job or a step.
pub const VARIABLE: &str = "PALISADE_EGRESS";
/// Longest list in bytes.
const MAX_LENGTH: usize = 16 << 10;
/// Most rules of a list, those of presets counted.
const MAX_RULES: usize = 256;
/// The whole list that leaves nothing.
pub const NONE: &str = "none";
/// The word for the job's own forge.
const FORGE: &str = "forge";

/// A list as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrowing {
    items: Vec<Item>,
}

/// One word of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    text: String,
    rules: Vec<Rule>,
}

/// Why a text is no list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NarrowingError {
    /// One of its rules isn't understood.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// It has an address.
    #[error("`{0}` is an address: a workflow names names, and where they may lead to is the runner's to say")]
    Address(String),
    /// It is too long.
    #[error("it has more than {MAX_RULES} rules or {MAX_LENGTH} bytes")]
    TooLong,
    /// Nothing is in it.
    #[error("it is empty; write `none` where nothing is to be reached")]
    Empty,
}

impl Narrowing {
    /// Reads a list: presets and rules between commas and white space, or `none`.
    pub fn parse(text: &str) -> Result<Narrowing, NarrowingError> {
        if text.len() > MAX_LENGTH {
            return Err(NarrowingError::TooLong);
        }
        let words: Vec<&str> =
            text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).collect();
        match words[..] {
            [] => return Err(NarrowingError::Empty),
            [NONE] => return Ok(Narrowing::default()),
            _ => {}
        }
        let items: Vec<Item> = words.into_iter().map(item).collect::<Result<_, _>>()?;
        if items.iter().map(|item| item.rules.len()).sum::<usize>() > MAX_RULES {
            return Err(NarrowingError::TooLong);
        }
        Ok(Narrowing { items })
    }

    /// Has the word `forge` mean what a job reaches of its forge, which is nothing where it has none.
    pub fn with_forge(mut self, rules: &[String]) -> Result<Narrowing, NarrowingError> {
        for item in self.items.iter_mut().filter(|item| item.text == FORGE) {
            item.rules = rules
                .iter()
                .map(|rule| Ok(Rule::parse(rule, Kind::Allow)?))
                .collect::<Result<_, NarrowingError>>()?;
        }
        Ok(self)
    }

    /// Its rules as they are written, for the gateway.
    pub fn texts(&self) -> Vec<String> {
        self.rules().map(|rule| rule.text().to_owned()).collect()
    }

    /// Its rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.items.iter().flat_map(|item| &item.rules)
    }

    /// What of it a policy doesn't allow, at least in part: the word, and the rule where the word is a preset.
    pub fn beyond(&self, policy: &Policy) -> Vec<String> {
        let beyond = |item: &Item| {
            let rule = item.rules.iter().find(|rule| !policy.covers(rule))?;
            Some(match rule.text() == item.text {
                true => format!("`{rule}`"),
                false => format!("`{rule}` of the preset `{}`", item.text),
            })
        };
        self.items.iter().filter_map(beyond).collect()
    }
}

fn item(word: &str) -> Result<Item, NarrowingError> {
    let parse = |text: &str| -> Result<Rule, NarrowingError> {
        let rule = Rule::parse(text, Kind::Allow)?;
        match rule.is_of_names() {
            true => Ok(rule),
            false => Err(NarrowingError::Address(text.to_owned())),
        }
    };
    let rules = match presets::find(word) {
        Ok(preset) => preset.rules.iter().map(|rule| parse(rule)).collect::<Result<_, _>>()?,
        Err(_) => vec![parse(word)?],
    };
    Ok(Item { text: word.to_owned(), rules })
}

/// What all lists leave of what a policy grants; the closest rule of each decides.
pub fn left<'p>(lists: &[Vec<Rule>], grant: Grant<'p>, about: impl Fn(&Rule) -> bool) -> Option<Grant<'p>> {
    lists.iter().try_fold(grant, |grant, list| {
        let rule = list.iter().find(|rule| about(rule))?;
        Some(Grant { opaque: grant.opaque && rule.is_opaque(), ..grant })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(allow: &[&str], within: &[&str]) -> Policy {
        let allow = allow.iter().map(|text| Rule::parse(text, Kind::Allow).unwrap()).collect();
        let policy = Policy::new(crate::egress::rule::Scope::Allowed, allow, Vec::new());
        within.iter().fold(policy, |policy, text| {
            policy.within(Narrowing::parse(text).unwrap().rules().cloned().collect())
        })
    }

    #[test]
    fn a_list_has_presets_and_rules_and_says_what_is_wrong() {
        let texts = |text: &str| Narrowing::parse(text).map(|list| list.texts());
        assert_eq!(
            texts("codeberg, a.test:1-2\n *.b.test"),
            Ok(vec!["codeberg.org:443".to_owned(), "a.test:1-2".to_owned(), "*.b.test".to_owned()])
        );
        assert_eq!(texts(" none "), Ok(Vec::new()));
        let error = |text: &str| Narrowing::parse(text).unwrap_err().to_string();
        assert_eq!(error(" , "), "it is empty; write `none` where nothing is to be reached");
        assert_eq!(error("a.test, b..test"), "rule `b..test`, column 3: a label between dots is empty");
        assert!(error("a.test, 10.0.0.0/8").starts_with("`10.0.0.0/8` is an address"));
        let forge =
            |rules: &[String]| Narrowing::parse("forge b.test").unwrap().with_forge(rules).unwrap().texts();
        assert_eq!(forge(&["git.test:3000".to_owned()]), ["git.test:3000", "b.test"]);
        assert_eq!(forge(&[]), ["b.test"]);
        assert!(error(&"a.test ".repeat(257)).contains("more than 256 rules"));
        assert!(error(&"a".repeat(MAX_LENGTH + 1)).contains("more than 256 rules"));
    }

    #[test]
    fn lists_take_away_and_never_give() {
        use crate::egress::name::Name;
        use crate::egress::rule::Decision;
        let policy = policy(
            &["*.a.test:443", "ssh.a.test:22/opaque", "b.test"],
            &["x.a.test ssh.a.test:22 c.test b.test:443", "*.a.test:1-63 *.a.test:443 b.test c.test"],
        );
        let of = |name: &str, port| match policy.of_port(&Name::parse(name).unwrap(), port) {
            Decision::Allowed(grant) => {
                if grant.opaque {
                    "opaque"
                } else {
                    "allowed"
                }
            }
            Decision::LeftOut => "left out",
            Decision::Denied(_) => "denied",
            Decision::Unknown => "unknown",
        };
        assert_eq!(of("x.a.test", 443), "allowed");
        assert_eq!(of("y.a.test", 443), "left out", "the first list doesn't have it");
        assert_eq!(of("ssh.a.test", 22), "allowed", "what is spoken is looked at: no list says otherwise");
        assert_eq!(of("b.test", 80), "left out");
        assert_eq!(of("b.test", 443), "allowed");
        assert_eq!(of("c.test", 443), "unknown", "both lists have it, and the runner doesn't");
        assert_eq!(policy.ports(&Name::parse("b.test").unwrap()), [443]);
    }

    #[test]
    fn what_is_beyond_is_named() {
        let beyond = |allow: &[&str], text: &str| Narrowing::parse(text).unwrap().beyond(&policy(allow, &[]));
        let none: [&str; 0] = [];
        assert_eq!(beyond(&["a.test", "*.b.test:443"], "a.test:443 *.b.test x.b.test *.c.b.test:443"), none);
        assert_eq!(
            beyond(&["a.test:443", "*.b.test:443"], "a.test a.test:444 b.test *.test.b *.b.test:443/opaque"),
            ["`a.test:444`", "`b.test`", "`*.test.b`", "`*.b.test:443/opaque`"]
        );
        assert_eq!(beyond(&["gitlab.com"], "gitlab"), ["`registry.gitlab.com:443` of the preset `gitlab`"]);
    }
}
