//! `[[grant]]` of the configuration: what jobs may have, and which.

use std::sync::Arc;

use serde::Deserialize;

use super::Claims;
use super::condition::{Check, Conditions};
use super::exchange::aws::Aws;
use super::exchange::azure::Azure;
use super::exchange::gcp::Gcp;
use super::exchange::git::Git;
use super::exchange::kubernetes::Kubernetes;
use super::exchange::oidc::Oidc;
use super::exchange::vault::Vault;
use super::exchange::{Exchange, ExchangeError};
use super::id_token::{IdTokens, SignedBy};
use crate::workflow::permissions::{Access, Permissions, Scope};

/// The variable of a step by which it asks for grants.
pub const VARIABLE: &str = "PALISADE_GRANTS";
/// Longest name of a grant.
const MAX_NAME: usize = 64;
/// Most grants of a configuration, and of one step.
const MAX_GRANTS: usize = 256;

/// All grants.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Grant>")]
pub struct Grants(Vec<Arc<Grant>>);

impl TryFrom<Vec<Grant>> for Grants {
    type Error = String;
    fn try_from(all: Vec<Grant>) -> Result<Self, String> {
        if all.len() > MAX_GRANTS {
            return Err(format!("there are more than {MAX_GRANTS} grants"));
        }
        for (index, grant) in all.iter().enumerate() {
            if all[..index].iter().any(|other| other.name == grant.name) {
                return Err(format!("grant `{}` is there twice", grant.name));
            }
        }
        Ok(Grants(all.into_iter().map(Arc::new).collect()))
    }
}

impl Grants {
    /// All of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.0.iter()
    }

    /// The grant of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Grant>> {
        self.0.iter().find(|grant| &*grant.name == name)
    }
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Grant {
    /// By what workflows ask for it.
    pub name: Arc<str>,
    /// Who may have it: one of these must hold.
    pub allow: Vec<Conditions>,
    /// The ids of the steps that may have it; all of a job's where there are none.
    pub steps: Option<Vec<String>>,
    /// What it gives.
    pub provider: Provider,
    /// Who signs what is exchanged for it.
    issuer: SignedBy,
}

/// What a grant gives, with the keys that are the provider's own.
#[derive(Clone, Debug, PartialEq)]
pub enum Provider {
    /// The ID token itself.
    IdToken(IdTokens),
    /// A session of a role of AWS.
    Aws(Aws),
    /// What a Vault or an OpenBao has.
    Vault(Vault),
    /// A token of Google Cloud.
    Gcp(Gcp),
    /// An assertion for Microsoft Entra.
    Azure(Azure),
    /// A token of any service that exchanges tokens.
    Oidc(Oidc),
    /// A token for a cluster of Kubernetes.
    Kubernetes(Kubernetes),
    /// A token of a bot at a forge.
    Git(Git),
}

impl Provider {
    /// Their names.
    pub const NAMES: [&str; 8] = ["id-token", "aws", "vault", "gcp", "azure", "oidc", "kubernetes", "git"];

    /// Reads the keys of a provider, which are all that no grant has.
    fn read(name: &str, keys: toml::Table) -> Result<Provider, String> {
        let told = |e: toml::de::Error| e.message().to_owned();
        Ok(match name {
            "id-token" => Provider::IdToken(keys.try_into().map_err(told)?),
            "aws" => Provider::Aws(keys.try_into().map_err(told)?),
            "vault" => Provider::Vault(keys.try_into().map_err(told)?),
            "gcp" => Provider::Gcp(keys.try_into().map_err(told)?),
            "azure" => Provider::Azure(keys.try_into().map_err(told)?),
            "oidc" => Provider::Oidc(keys.try_into().map_err(told)?),
            "kubernetes" => Provider::Kubernetes(keys.try_into().map_err(told)?),
            "git" => Provider::Git(keys.try_into().map_err(told)?),
            other => {
                return Err(format!("`{other}` is no provider; there are {}", Provider::NAMES.join(", ")));
            }
        })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Provider::IdToken(_) => "id-token",
            Provider::Aws(_) => "aws",
            Provider::Vault(_) => "vault",
            Provider::Gcp(_) => "gcp",
            Provider::Azure(_) => "azure",
            Provider::Oidc(_) => "oidc",
            Provider::Kubernetes(_) => "kubernetes",
            Provider::Git(_) => "git",
        }
    }

    /// What the tokens say that are exchanged for it, of a job with these claims.
    ///
    /// # Errors
    /// Where they can't say what they are to.
    pub fn claims(&self, claims: &Arc<Claims>) -> Result<Arc<Claims>, ExchangeError> {
        match self {
            Provider::Aws(aws) => aws.claims(claims),
            _ => Ok(claims.clone()),
        }
    }

    /// Whether it is given for an ID token. A forge gives its own for none.
    pub fn takes_token(&self) -> bool {
        !matches!(self, Provider::Git(_))
    }

    /// Who exchanges a token for it; nobody where the token is all.
    pub fn exchange(&self) -> Option<&dyn Exchange> {
        match self {
            Provider::IdToken(_) => None,
            Provider::Aws(aws) => Some(aws),
            Provider::Vault(vault) => Some(vault),
            Provider::Gcp(gcp) => Some(gcp),
            Provider::Azure(azure) => Some(azure),
            Provider::Oidc(oidc) => Some(oidc),
            Provider::Kubernetes(kubernetes) => Some(kubernetes),
            Provider::Git(git) => Some(git),
        }
    }
}

impl TryFrom<toml::Table> for Grant {
    type Error = String;
    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let Some(toml::Value::String(name)) = table.remove("name") else {
            return Err("a grant has a `name`".into());
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
            return Err(format!(
                "the name `{}` of a grant must be 1 to {MAX_NAME} letters, digits, `-`, `_` and `.`",
                name.escape_debug()
            ));
        }
        let told = |what: String| format!("grant `{name}`: {what}");
        let Some(toml::Value::String(provider)) = table.remove("provider") else {
            return Err(told("it has no `provider`".into()));
        };
        let allow =
            table.remove("allow").ok_or_else(|| told("without `allow`, nobody may have it".into()))?;
        let allow: Vec<Conditions> =
            allow.try_into().map_err(|e: toml::de::Error| told(format!("`allow`: {}", e.message())))?;
        let steps = table.remove("steps").map(|steps| {
            steps.try_into().map_err(|e: toml::de::Error| told(format!("`steps`: {}", e.message())))
        });
        let steps: Option<Vec<String>> = steps.transpose()?;
        // A grant of ID tokens reads it itself.
        let issuer = (!["id-token", "git"].contains(&provider.as_str()))
            .then(|| table.remove("issuer"))
            .flatten()
            .map(|issuer| {
                issuer.try_into().map_err(|e: toml::de::Error| told(format!("`issuer`: {}", e.message())))
            });
        let issuer = issuer.transpose()?.unwrap_or_default();
        let provider = Provider::read(&provider, table).map_err(&told)?;
        Ok(Grant { name: name.into(), allow, steps, provider, issuer })
    }
}

/// Whether somebody may have a grant, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What every asker must have.
    pub always: Vec<Check>,
    /// The conditions of each rule of `allow`, one of which must hold as a whole.
    pub rules: Vec<Vec<Check>>,
}

impl Decision {
    /// Whether they may.
    pub fn is_allowed(&self) -> bool {
        self.why_not().is_none()
    }

    /// The condition that doesn't hold: of the rule of which most do.
    pub fn why_not(&self) -> Option<String> {
        if let Some(check) = self.always.iter().find(|check| !check.holds) {
            return Some(check.to_string());
        }
        let failing = |rule: &&Vec<Check>| rule.iter().any(|check| !check.holds);
        if !self.rules.iter().all(|rule| failing(&rule)) {
            return None;
        }
        // As far as a rule holds from its begin on: the first conditions say where somebody is, the last what they do.
        let far = |rule: &&Vec<Check>| rule.iter().take_while(|check| check.holds).count();
        let nearest = self.rules.iter().rev().max_by_key(far);
        let check = nearest.and_then(|rule| rule.iter().find(|check| !check.holds));
        Some(check.map_or_else(|| "`allow`: it has no rule".to_owned(), Check::to_string))
    }
}

impl Grant {
    /// Who signs the ID token that it is, or is given for.
    pub fn signed_by(&self) -> SignedBy {
        match &self.provider {
            Provider::IdToken(tokens) => tokens.issuer,
            _ => self.issuer,
        }
    }

    /// Who signs the ID token that it is given for; nobody where it takes none.
    pub fn token_signed_by(&self) -> Option<SignedBy> {
        self.provider.takes_token().then(|| self.signed_by())
    }

    /// Decides whether a job with these claims and permissions may have it in a step of this id.
    pub fn decide(&self, claims: &Claims, permissions: &Permissions, step: Option<&str>) -> Decision {
        let access = permissions.of(Scope::IdToken);
        let mut always = vec![Check::new(
            "permissions",
            access == Access::Write,
            format!("the job needs `id-token: write`, and it has `id-token: {}`", access.as_str()),
        )];
        if let Some(steps) = &self.steps {
            let is = step.map_or("has no id".to_owned(), |step| format!("is `{}`", step.escape_debug()));
            let holds = step.is_some_and(|step| steps.iter().any(|known| known == step));
            let wanted: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
            let told = format!("it is for the step {}, and this one {is}", wanted.join(" or "));
            always.push(Check::new("steps", holds, told));
        }
        Decision { always, rules: self.allow.iter().map(|rule| rule.check(claims)).collect() }
    }
}

/// The names of the grants that a step asks for.
///
/// # Errors
/// Where there are too many.
pub fn asked(text: &str) -> Result<Vec<&str>, String> {
    let mut names: Vec<&str> = Vec::new();
    for name in text.split([',', ' ', '\n', '\t']).map(str::trim).filter(|name| !name.is_empty()) {
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() > MAX_GRANTS {
            return Err(format!("`{VARIABLE}` names more than {MAX_GRANTS} grants"));
        }
    }
    Ok(names)
}
