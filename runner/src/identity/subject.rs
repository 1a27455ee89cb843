//! `sub`: by what most who are shown a token decide. The default is GitHub's; a template of the configuration is put
//! together from claims.

use serde::Deserialize;

use super::Claims;

/// Longest template, in bytes.
const MAX_TEMPLATE: usize = 512;

/// How a subject is made.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Subject(Option<Vec<Part>>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Claim(Claim),
}

/// A claim that a template can name.
#[derive(Clone, Copy, Debug)]
struct Claim {
    name: &'static str,
    value: fn(&Claims) -> &str,
}

impl PartialEq for Claim {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

const CLAIMS: [Claim; 14] = [
    Claim { name: "actor", value: |claims| &claims.actor },
    Claim { name: "base_ref", value: |claims| &claims.base_ref },
    Claim { name: "environment", value: |claims| claims.environment.as_deref().unwrap_or_default() },
    Claim { name: "event_name", value: |claims| &claims.event_name },
    Claim { name: "head_ref", value: |claims| &claims.head_ref },
    Claim { name: "job_workflow_ref", value: |claims| &claims.job_workflow_ref },
    Claim { name: "ref", value: |claims| &claims.reference },
    Claim { name: "ref_protected", value: |claims| &claims.ref_protected },
    Claim { name: "ref_type", value: |claims| &claims.ref_type },
    Claim { name: "repository", value: |claims| &claims.repository },
    Claim { name: "repository_owner", value: |claims| &claims.repository_owner },
    Claim { name: "server", value: |claims| &claims.palisade.server },
    Claim { name: "sha", value: |claims| &claims.sha },
    Claim { name: "workflow_ref", value: |claims| &claims.workflow_ref },
];

/// What the claim of this name says, if it is one that can be named.
pub fn claim(name: &str) -> Option<fn(&Claims) -> &str> {
    CLAIMS.iter().find(|claim| claim.name == name).map(|claim| claim.value)
}

/// The names of the claims that can be named.
pub fn claims() -> impl Iterator<Item = &'static str> {
    CLAIMS.iter().map(|claim| claim.name)
}

impl TryFrom<String> for Subject {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text.len() > MAX_TEMPLATE {
            return Err(format!("a subject is at most {MAX_TEMPLATE} bytes long"));
        }
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}').ok_or("`{` has no `}`")?;
            let claim = CLAIMS.iter().find(|claim| claim.name == name).ok_or_else(|| {
                let known: Vec<&str> = CLAIMS.iter().map(|claim| claim.name).collect();
                format!("`{{{name}}}` is no claim that a subject can have: {}", known.join(", "))
            })?;
            parts.extend([Part::Text(before.to_owned()), Part::Claim(*claim)]);
            rest = behind;
        }
        parts.push(Part::Text(rest.to_owned()));
        if !parts.iter().any(|part| matches!(part, Part::Claim(_))) {
            return Err("a subject without a claim is the same for every job".into());
        }
        Ok(Subject(Some(parts)))
    }
}

impl Subject {
    /// The subject of claims whose `sub` isn't known yet. That of a run on this machine, of which only its tree says
    /// what it is, can never be mistaken for one of a forge.
    pub fn of(&self, claims: &Claims) -> String {
        let subject = match &self.0 {
            None => default(claims),
            Some(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Claim(claim) => escaped((claim.value)(claims)),
                })
                .collect(),
        };
        if claims.is_local() { format!("local:{subject}") } else { subject }
    }
}

/// Source: "OpenID Connect reference", "Example subject claims".
fn default(claims: &Claims) -> String {
    let repository = escaped(&claims.repository);
    match &claims.environment {
        Some(environment) => format!("repo:{repository}:environment:{}", escaped(environment)),
        None if claims.event_name.starts_with("pull_request") => format!("repo:{repository}:pull_request"),
        None => format!("repo:{repository}:ref:{}", escaped(&claims.reference)),
    }
}

/// A value with nothing in it that could end it, so that no reference is taken for an environment: GitHub too writes
/// `%3A` for `:`. The escape character itself is escaped.
fn escaped(value: &str) -> String {
    value.replace('%', "%25").replace(':', "%3A")
}
