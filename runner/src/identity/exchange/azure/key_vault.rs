//! A secret of an Azure Key Vault, read as an application of Microsoft Entra with a federated credential. Source: "OAuth 2.0
//! client credentials flow", "Access token request with a federated credential", in the documentation of Microsoft's identity
//! platform; "Get Secret" in the reference of Key Vault.

use std::borrow::Cow;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::call::{Provider, one_line};
use super::super::server::Server;
use super::super::{Algorithm, Credentials, ExchangeError, Given, Request, token_exchange};
use super::Azure;
use crate::mask::Secret;

/// Who they are, for people.
const ENTRA: &str = "Microsoft Entra";
const NAME: &str = "Azure Key Vault";
/// Where the vaults of the public cloud are.
const DOMAIN: &str = "vault.azure.net";
/// The version of Key Vault's API.
const VERSION: &str = "7.4";
/// RFC 7523, section 2.2.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const TOKEN: &str = "access token";

/// One of its secrets, and as whom it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyVault {
    azure: Azure,
    server: Server,
    /// What the token is for.
    scope: String,
    /// Below `/secrets/`: a name, or a name and a version.
    path: String,
    field: Option<String>,
}

impl KeyVault {
    /// The secret at `VAULT/NAME` or `VAULT/NAME/VERSION`, read with the keys of a grant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(place: &str, field: Option<&str>, mut keys: toml::Table) -> Result<KeyVault, String> {
        let mut text = |key: &str| {
            let text = |value: toml::Value| value.as_str().map(str::to_owned);
            keys.remove(key).map(|value| text(value).ok_or_else(|| format!("`{key}` is a text"))).transpose()
        };
        let (domain, address) = (text("vault-domain")?, text("vault-address")?);
        let domain = domain.unwrap_or_else(|| DOMAIN.to_owned());
        let plain = |part: &&str| {
            !part.is_empty()
                && part.len() <= 127
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !domain.split('.').all(|label| plain(&label)) {
            return Err(format!("`vault-domain`: `{}` is no domain", domain.escape_debug()));
        }
        let parts: Vec<&str> = place.split('/').collect();
        let (vault, path) = match parts[..] {
            [vault, name] if parts.iter().all(plain) => (vault, name.to_owned()),
            [vault, name, version] if parts.iter().all(plain) => (vault, format!("{name}/{version}")),
            _ => {
                return Err(format!(
                    "`{}` is neither `VAULT/NAME` nor `VAULT/NAME/VERSION`, such as `my-vault/npm-token`",
                    place.escape_debug()
                ));
            }
        };
        let server = match address {
            Some(address) => Server::try_from(address).map_err(|why| format!("`vault-address`: {why}"))?,
            None => Server::known(&format!("{vault}.{domain}"))?,
        };
        let azure: Azure = keys.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
        if azure.subscription.is_some() {
            return Err("`subscription-id` is of grants".into());
        }
        let scope = format!("https://{domain}/.default");
        Ok(KeyVault { azure, server, scope, path, field: field.map(str::to_owned) })
    }

    /// Reads it; the value has this name.
    pub fn read(&self, name: &'static str, request: &Request) -> Result<Credentials, ExchangeError> {
        #[derive(Deserialize)]
        struct Said {
            value: String,
            /// Its address, with its version.
            #[serde(default)]
            id: String,
        }
        let token = self.token(request)?;
        let sent = [&token];
        let provider = Provider { name: NAME, http: &request.http, deadline: request.deadline, sent: &sent };
        let path = format!("/secrets/{}?api-version={VERSION}", self.path);
        let reply = provider.ask_as(&token, self.server.instance(), &path, None)?;
        let said: Said = provider.read(&reply)?;
        let value = Zeroizing::new(said.value);
        let value = provider.field(&self.path, &value, self.field.as_deref())?;
        let mut record = vec![
            ("client", self.azure.client.clone()),
            ("tenant", self.azure.tenant.clone()),
            ("read", one_line(&said.id)),
        ];
        record.extend(reply.header("x-ms-request-id").map(|id| ("request", one_line(id))));
        let values: Vec<(Cow<'static, str>, Given)> =
            vec![(TOKEN.into(), Given::Secret(token)), (name.into(), Given::Secret(value))];
        Ok(Credentials { values, expires: None, record })
    }

    /// The application's token for Key Vault.
    fn token(&self, request: &Request) -> Result<Secret, ExchangeError> {
        let assertion = request.tokens.token(&self.azure.audience, Algorithm::Rs256)?;
        let sent = [&assertion];
        let provider = Provider { name: ENTRA, http: &request.http, deadline: request.deadline, sent: &sent };
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", self.azure.client.as_str()),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", assertion.expose()),
            ("scope", &self.scope),
        ];
        let path = format!("/{}/oauth2/v2.0/token", self.azure.tenant);
        let given = token_exchange::exchange(&provider, self.azure.authority.instance(), &path, &fields)?;
        Ok(given.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &str, keys: &str) -> Result<KeyVault, String> {
        let id = "11111111-2222-3333-4444-555555555555";
        let keys = format!("client-id = '{id}'\ntenant-id = '{id}'\n{keys}");
        KeyVault::new(place, None, toml::from_str(&keys).unwrap())
    }

    #[test]
    fn a_secret_is_named_by_its_vault() {
        let secret = read("app/key", "").unwrap();
        assert_eq!(secret.server.to_string(), "https://app.vault.azure.net");
        assert_eq!(secret.scope, "https://vault.azure.net/.default");
        let secret = read("app/key/0123", "vault-domain = 'vault.usgovcloudapi.net'").unwrap();
        assert_eq!(secret.server.to_string(), "https://app.vault.usgovcloudapi.net");
        assert_eq!(
            (secret.path.as_str(), secret.scope.as_str()),
            ("key/0123", "https://vault.usgovcloudapi.net/.default")
        );
        for place in ["", "key", "app/", "app/k?y", "a.b/c", "app/../key", "a/b/c/d"] {
            assert!(read(place, "").unwrap_err().contains("is neither `VAULT/NAME`"), "{place}");
        }
        for (keys, why) in [
            ("vault-domain = 'a/b'", "is no domain"),
            ("vault-domain = 1", "`vault-domain` is a text"),
            ("vault-address = 'http://a.b'", "`https://` only"),
            ("pool = 'a'", "unknown field `pool`"),
        ] {
            assert!(read("app/key", keys).unwrap_err().contains(why), "{keys}");
        }
    }
}
