//! Conditions on claims: one alternative of a grant's `allow`. All of it must hold; what isn't said is no condition,
//! but for what is never allowed unless it is named: forks, `pull_request_target`, workflows of others, local runs.

use serde::{Deserialize, Serialize};

use super::Claims;
use crate::trigger::Pattern;

/// One alternative as it is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Table {
    server: Option<Patterns>,
    repository: Option<Patterns>,
    owner: Option<Patterns>,
    #[serde(rename = "ref")]
    reference: Option<Patterns>,
    ref_protected: Option<bool>,
    event: Option<Patterns>,
    environment: Option<Patterns>,
    approved: Option<bool>,
    actor: Option<Patterns>,
    workflow: Option<Patterns>,
    fork: bool,
    local: bool,
}

/// One alternative.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Conditions(Table);

impl TryFrom<Table> for Conditions {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        if table.repository.is_none() && table.owner.is_none() {
            return Err("a rule of `allow` names a `repository` or an `owner`".into());
        }
        match (&table.server, table.local) {
            (None, false) => Err("a rule of `allow` names the forge (`server`): others can have a repository of \
                                  the same name at another; or it is for runs on this machine (`local = true`)"
                .into()),
            (Some(_), true) => Err("a rule of `allow` is for a `server` or for `local` runs, not for both".into()),
            _ => Ok(Conditions(table)),
        }
    }
}

/// One or several patterns, of which one has to match the whole value, each character as it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "OneOrMany")]
struct Patterns(Vec<Pattern>);

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// Most patterns of one condition.
const MAX_PATTERNS: usize = 100;

impl TryFrom<OneOrMany> for Patterns {
    type Error = String;
    fn try_from(written: OneOrMany) -> Result<Self, String> {
        let texts = match written {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        };
        if texts.is_empty() || texts.len() > MAX_PATTERNS {
            return Err(format!("a condition has 1 to {MAX_PATTERNS} patterns"));
        }
        let parse = |text: &String| {
            let wrong = |why: String| format!("pattern `{text}`: {why}");
            if text.is_empty() || text.starts_with('!') {
                return Err(wrong("it can neither be empty nor take anything out again by `!`".into()));
            }
            Pattern::parse(text).map_err(|e| wrong(e.to_string()))
        };
        texts.iter().map(parse).collect::<Result<_, _>>().map(Patterns)
    }
}

impl std::fmt::Display for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all: Vec<String> = self.0.iter().map(|pattern| format!("`{pattern}`")).collect();
        f.write_str(&all.join(" or "))
    }
}

impl Patterns {
    fn matches(&self, value: &str) -> bool {
        !value.is_empty() && self.0.iter().any(|pattern| pattern.matches(value))
    }

    /// A pattern is this very text.
    fn names(&self, value: &str) -> bool {
        self.0.iter().any(|pattern| pattern.to_string() == value)
    }
}

/// How one condition stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// What it wants and what there is.
    pub told: String,
}

impl Check {
    /// One that holds or not, in these words.
    pub fn new(name: &'static str, holds: bool, told: String) -> Check {
        Check { name, holds, told }
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}`: {}", self.name, self.told)
    }
}

impl Conditions {
    /// How each condition stands for claims, in an order in which the first that doesn't hold says most.
    pub fn check(&self, claims: &Claims) -> Vec<Check> {
        let Conditions(table) = self;
        let mut checks = vec![Check::new(
            "local",
            claims.is_local() == table.local,
            match (claims.is_local(), table.local) {
                (true, true) => "a run on this machine".into(),
                (false, false) => "a job of a forge".into(),
                (true, false) => {
                    "this is a run on this machine, of which only its tree says what it is".into()
                }
                (false, true) => "it is for runs on this machine, and this is a job of a forge".into(),
            },
        )];
        let environment = claims.environment.as_deref().unwrap_or_default();
        let texts = [
            ("server", &table.server, claims.palisade.server.as_str()),
            ("repository", &table.repository, &claims.repository),
            ("owner", &table.owner, &claims.repository_owner),
            ("event", &table.event, &claims.event_name),
            ("ref", &table.reference, &claims.reference),
            ("environment", &table.environment, environment),
            ("actor", &table.actor, &claims.actor),
            ("workflow", &table.workflow, &claims.job_workflow_ref),
        ];
        for (name, wanted, value) in texts {
            let Some(wanted) = wanted else { continue };
            let is = match value {
                "" if name == "environment" => {
                    "the job has no environment that the configuration has".to_owned()
                }
                "" => "there is none".to_owned(),
                value => format!("it is `{}`", value.escape_debug()),
            };
            checks.push(Check::new(name, wanted.matches(value), format!("it must be {wanted}, and {is}")));
        }
        let switches = [
            ("ref-protected", table.ref_protected, claims.ref_protected == "true"),
            ("approved", table.approved, claims.palisade.approved),
        ];
        for (name, wanted, value) in switches {
            let Some(wanted) = wanted else { continue };
            checks.push(Check::new(name, wanted == value, format!("it must be {wanted}, and it is {value}")));
        }
        checks.extend(self.unless_named(claims));
        checks
    }

    /// What is refused where nothing is said of it.
    fn unless_named(&self, claims: &Claims) -> Vec<Check> {
        let Conditions(table) = self;
        let mut checks = Vec::new();
        if claims.palisade.fork {
            let told = "this is, or was caused by, code of a fork; `fork = true` would allow that";
            checks.push(Check::new("fork", table.fork, told.into()));
        }
        let event = claims.event_name.as_str();
        if event == "pull_request_target" {
            let named = table.event.as_ref().is_some_and(|events| events.names(event));
            let told = "`pull_request_target` must be named as it is: it runs for everybody's pull requests";
            checks.push(Check::new("event", named, told.into()));
        }
        let owner = claims.job_workflow_ref.split('/').next().unwrap_or_default();
        if owner != claims.repository_owner {
            let told = format!(
                "the job is in `{}`, a workflow of another owner, which must be named",
                claims.job_workflow_ref.escape_debug()
            );
            checks.push(Check::new("workflow", table.workflow.is_some(), told));
        }
        checks
    }
}
