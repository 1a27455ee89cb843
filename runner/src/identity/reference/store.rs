//! Secrets that a provider has, which are read by the exchanges of grants: by the same keys, and nothing else of it.

use std::sync::Arc;

use super::MAX_VALUE;
use crate::identity::Claims;
use crate::identity::exchange::aws::Aws;
use crate::identity::exchange::azure::KeyVault;
use crate::identity::exchange::gcp::SecretManager;
use crate::identity::exchange::vault::Vault;
use crate::identity::exchange::{Credentials, Exchange, ExchangeError, Request};
use crate::mask::Secret;

/// What the one value is called among credentials.
const VALUE: &str = "VALUE";
/// How long a session of AWS lasts that is for one question: the shortest that there is.
const LIFETIME: &str = "15m";
/// Keys of grants that say what a step gets.
const OF_GRANTS: [&str; 7] =
    ["read", "token", "session", "registry", "registries", "id-token-audiences", "delivery"];

/// Who has a secret, and where there.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    /// A path of a Vault or an OpenBao, and a field.
    Vault(Vault),
    /// A secret of AWS Secrets Manager.
    SecretsManager(Aws),
    /// A parameter of AWS Systems Manager.
    ParameterStore(Aws),
    /// A secret of Google Cloud.
    SecretManager(SecretManager),
    /// A secret of an Azure Key Vault.
    KeyVault(KeyVault),
}

/// A secret that was read, with what else came.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its value.
    pub value: Secret,
    /// What it was read with, which is secret too, and what is recorded.
    pub credentials: Credentials,
}

impl Store {
    /// Their names in references.
    pub const KINDS: [&str; 5] = ["vault", "aws-sm", "aws-ssm", "gcp-sm", "azure-kv"];

    /// Reads what is behind the name of a provider, and the keys that its grants have too.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(kind: &str, place: &str, mut keys: toml::Table) -> Result<Store, String> {
        if let Some(key) = OF_GRANTS.iter().find(|key| keys.contains_key(**key)) {
            return Err(format!("`{key}` is of grants: a secret is one value"));
        }
        let told = |e: toml::de::Error| e.message().to_owned();
        let with = |mut keys: toml::Table, place: String| {
            keys.insert("read".into(), toml::Table::from_iter([(VALUE.to_owned(), place.into())]).into());
            keys
        };
        let (plain, field) = match place.split_once('#') {
            Some((plain, field)) if !field.is_empty() => (plain, Some(field)),
            Some(_) => return Err(format!("`{}`: the field has no name", place.escape_debug())),
            None => (place, None),
        };
        if kind.starts_with("aws-") {
            keys.entry("lifetime").or_insert_with(|| LIFETIME.into());
        }
        Ok(match kind {
            "vault" => Store::Vault(with(keys, place.to_owned()).try_into().map_err(told)?),
            "aws-sm" => {
                Store::SecretsManager(with(keys, format!("secretsmanager:{place}")).try_into().map_err(told)?)
            }
            "aws-ssm" => {
                // The name of one that is in a hierarchy begins with a slash, which the reference has for itself.
                let slash = if place.contains('/') && !place.starts_with('/') && !place.starts_with("arn:") {
                    "/"
                } else {
                    ""
                };
                let place = format!("ssm:{slash}{place}");
                Store::ParameterStore(with(keys, place).try_into().map_err(told)?)
            }
            "gcp-sm" => Store::SecretManager(SecretManager::new(plain, field, keys)?),
            "azure-kv" => Store::KeyVault(KeyVault::new(plain, field, keys)?),
            other => return Err(format!("`{other}` is no provider of secrets")),
        })
    }

    /// Its name in references.
    pub fn kind(&self) -> &'static str {
        match self {
            Store::Vault(_) => "vault",
            Store::SecretsManager(_) => "aws-sm",
            Store::ParameterStore(_) => "aws-ssm",
            Store::SecretManager(_) => "gcp-sm",
            Store::KeyVault(_) => "azure-kv",
        }
    }

    /// What the tokens say that are exchanged for it, of a job with these claims.
    ///
    /// # Errors
    /// Where they can't say what they are to.
    pub fn claims(&self, claims: &Arc<Claims>) -> Result<Arc<Claims>, ExchangeError> {
        match self {
            Store::SecretsManager(aws) | Store::ParameterStore(aws) => aws.claims(claims),
            _ => Ok(claims.clone()),
        }
    }

    /// Fetches the secret.
    ///
    /// # Errors
    /// Why it can't be had, in the provider's words.
    pub fn fetch(&self, request: &Request) -> Result<Kept, ExchangeError> {
        let credentials = match self {
            Store::Vault(vault) => vault.exchange(request)?,
            Store::SecretsManager(aws) | Store::ParameterStore(aws) => aws.exchange(request)?,
            Store::SecretManager(secret) => secret.read(VALUE, request)?,
            Store::KeyVault(secret) => secret.read(VALUE, request)?,
        };
        let value = credentials.secrets().find(|(name, _)| *name == VALUE).map(|(_, value)| value.clone());
        let why = match value {
            None => "there is no value",
            Some(value) if value.expose().is_empty() => "the value is empty",
            Some(value) if value.expose().len() > MAX_VALUE => "the value is larger than 64 KiB",
            Some(value) => return Ok(Kept { value, credentials }),
        };
        // The reason why there is nothing is worth more than that this failed too.
        let _ = self.revoke(&credentials, request);
        Err(ExchangeError::Delivery(why.into()))
    }

    /// Whether the value ends with what it was read with, which is then kept until the job has ended.
    pub fn is_leased(&self, credentials: &Credentials) -> bool {
        matches!(self, Store::Vault(vault) if vault.has_leased(credentials))
    }

    /// Whether the provider can take back what it was read with.
    pub fn revokes(&self) -> bool {
        matches!(self, Store::Vault(_))
    }

    /// Makes what it was read with worthless, where the provider can do that.
    ///
    /// # Errors
    /// Why that failed.
    pub fn revoke(&self, credentials: &Credentials, request: &Request) -> Result<(), ExchangeError> {
        match self {
            Store::Vault(vault) => vault.revoke(credentials, request),
            _ => Ok(()),
        }
    }
}
