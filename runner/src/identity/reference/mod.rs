//! `[[secret]]` of the configuration: secrets that are kept elsewhere, which jobs have them, and how they are fetched. They
//! are fetched for each job anew, when a step first reads them, and kept nowhere.

mod here;
mod store;

use std::sync::Arc;

use serde::Deserialize;

use super::Claims;
use super::condition::Conditions;
use super::grant::Decision;
use super::id_token::SignedBy;
use crate::dotenv;

pub use here::Here;
pub use store::{Kept, Store};

/// What a reference begins with.
const SCHEME: &str = "secret://";
/// Most of them.
const MAX: usize = 256;
/// Largest value in bytes.
pub const MAX_VALUE: usize = 64 << 10;

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Reference>")]
pub struct References(Vec<Arc<Reference>>);

impl TryFrom<Vec<Reference>> for References {
    type Error = String;
    fn try_from(all: Vec<Reference>) -> Result<Self, String> {
        if all.len() > MAX {
            return Err(format!("there are more than {MAX} secrets"));
        }
        Ok(References(all.into_iter().map(Arc::new).collect()))
    }
}

impl References {
    /// The one of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&Arc<Reference>> {
        self.0.iter().find(|reference| reference.name.eq_ignore_ascii_case(name))
    }

    /// In their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Reference>> {
        self.0.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One secret.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct Reference {
    /// What jobs call it.
    pub name: Arc<str>,
    /// Where it is.
    pub place: Place,
    allow: Vec<Conditions>,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// On this host.
    Here(Here),
    /// With a provider, which gives it for an ID token.
    Store {
        /// The provider.
        store: Box<Store>,
        /// Who signs the token.
        signed_by: SignedBy,
    },
}

impl Place {
    /// What has it: the word behind `secret://`.
    pub fn kind(&self) -> &'static str {
        match self {
            Place::Here(Here::File(_)) => "file",
            Place::Here(Here::Program(_)) => "exec",
            Place::Store { store, .. } => store.kind(),
        }
    }
}

impl TryFrom<toml::Table> for Reference {
    type Error = String;
    fn try_from(mut table: toml::Table) -> Result<Self, String> {
        let mut text = |key: &str| match table.remove(key) {
            Some(toml::Value::String(text)) => Ok(text),
            _ => Err(format!("a secret has a text `{key}`")),
        };
        let (name, from) = (text("name")?, text("from")?);
        if !dotenv::is_name(&name) {
            return Err(format!("`{}` can't be the name of a secret", name.escape_debug()));
        }
        let told = |what: String| format!("secret `{name}`: {what}");
        let allow =
            table.remove("allow").ok_or_else(|| told("without `allow`, no job may have it".into()))?;
        let allow: Vec<Conditions> =
            allow.try_into().map_err(|e: toml::de::Error| told(format!("`allow`: {}", e.message())))?;
        let parts = from.strip_prefix(SCHEME).and_then(|rest| rest.split_once('/'));
        let place = match (Here::parse(&from), parts) {
            (Some(here), _) => match table.keys().next() {
                Some(key) => return Err(told(format!("`{key}` is no key of one that is on this host"))),
                None => Place::Here(here),
            },
            (None, Some((kind, path))) if Store::KINDS.contains(&kind) => {
                let issuer = table.remove("issuer").map(toml::Value::try_into).transpose();
                let signed_by =
                    issuer.map_err(|e: toml::de::Error| told(format!("`issuer`: {}", e.message())))?;
                let store = Store::read(kind, path, table).map_err(told)?;
                Place::Store { store: Box::new(store), signed_by: signed_by.unwrap_or_default() }
            }
            _ => {
                let kinds: Vec<String> =
                    Store::KINDS.iter().map(|kind| format!("`{SCHEME}{kind}/…`")).collect();
                return Err(told(format!(
                    "`from` is `{SCHEME}file/PATH` or `{SCHEME}exec/PATH`, with the whole path, or {}",
                    kinds.join(", ")
                )));
            }
        };
        Ok(Reference { name: name.into(), place, allow })
    }
}

impl Reference {
    /// Decides whether a job with these claims may have it.
    pub fn decide(&self, claims: &Claims) -> Decision {
        let rules = self.allow.iter().map(|rule| rule.check(claims)).collect();
        Decision { always: Vec::new(), rules }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: &str = "allow = [{ local = true, repository = 'acme/app' }]";

    fn read(from: &str, keys: &str) -> Result<Reference, String> {
        let text = format!("name = 'TOKEN'\nfrom = '{from}'\n{ALLOW}\n{keys}");
        toml::from_str(&text).map_err(|error| error.message().to_owned())
    }

    const AWS: &str = "role = 'arn:aws:iam::123456789012:role/ci'\nregion = 'eu-central-1'";
    const VAULT: &str = "address = 'https://vault.example.org'\nrole = 'ci'";
    const GCP: &str = "workload-identity-provider = \
         'projects/1/locations/global/workloadIdentityPools/ci/providers/palisade'";
    const AZURE: &str = "client-id = '11111111-2222-3333-4444-555555555555'\ntenant-id = 'acme.example'";

    #[test]
    fn each_place_is_read_with_the_keys_of_its_provider() {
        for (from, keys, kind) in [
            ("secret://file/etc/token", "", "file"),
            ("secret://exec/usr/bin/token", "", "exec"),
            ("secret://vault/secret/data/app#token", VAULT, "vault"),
            ("secret://aws-sm/prod/app#token", AWS, "aws-sm"),
            ("secret://aws-ssm/app/token", AWS, "aws-ssm"),
            ("secret://gcp-sm/my-project/token", GCP, "gcp-sm"),
            ("secret://azure-kv/my-vault/token", AZURE, "azure-kv"),
        ] {
            let read = read(from, keys).unwrap();
            assert_eq!((read.place.kind(), &*read.name), (kind, "TOKEN"));
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for (from, keys, why) in [
            ("/etc/token", "", "`from` is `secret://file/PATH`"),
            ("secret://s3/a/b", "", "`secret://azure-kv/…`"),
            ("secret://file/etc/token", "role = 'x'", "`role` is no key of one that is on this host"),
            ("secret://vault/secret/data/app", VAULT, "no `path#field`"),
            ("secret://vault/a#b", "", "missing field `address`"),
            ("secret://vault/a#b", &format!("{VAULT}\ntoken = true"), "`token` is of grants"),
            ("secret://aws-sm/a b", AWS, "is neither `secretsmanager:NAME`"),
            ("secret://aws-ssm/a#b", AWS, "is neither `secretsmanager:NAME`"),
            ("secret://aws-sm/a", &format!("{AWS}\ndelivery = 'env'"), "`delivery` is of grants"),
            ("secret://aws-sm/a", &format!("{AWS}\nread.A = 'ssm:b'"), "`read` is of grants"),
            ("secret://gcp-sm/token", GCP, "is neither `PROJECT/NAME`"),
            ("secret://azure-kv/token", AZURE, "is neither `VAULT/NAME`"),
            ("secret://vault/a#b", &format!("{VAULT}\nissuer = 'me'"), "`issuer`: "),
        ] {
            let error = read(from, keys).unwrap_err();
            assert!(error.contains(why) && error.contains("secret `TOKEN`: "), "{from}: {error}");
        }
        let error = toml::from_str::<Reference>("name = 'A'\nfrom = 'secret://file/x'").unwrap_err();
        assert!(error.message().contains("without `allow`"), "{error}");
    }
}
