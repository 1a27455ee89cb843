//! `provider = "azure"`: an ID token that Microsoft Entra takes as the assertion of an application with a federated
//! credential. It is delivered as a file, which the libraries of Azure take to Entra themselves; it is written anew before
//! it ends. Source: "Microsoft Entra Workload ID" in Microsoft's documentation.

mod key_vault;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::fresh::keep_file;
use super::server::Server;
use super::{Algorithm, Credentials, Delivery, Exchange, ExchangeError, Given, Request};
use crate::identity::id_token::check_audience;
use crate::identity::issuer::token;

pub use key_vault::KeyVault;

/// The audience of the public cloud.
const AUDIENCE: &str = "api://AzureADTokenExchange";

const TOKEN: &str = "id token";

/// The keys of `provider = "azure"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Azure {
    client: String,
    tenant: String,
    subscription: Option<String>,
    audience: String,
    authority: Server,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    client_id: String,
    tenant_id: String,
    subscription_id: Option<String>,
    audience: Option<String>,
    authority_host: Option<Server>,
}

impl TryFrom<Table> for Azure {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let ids =
            [("client-id", Some(&table.client_id)), ("subscription-id", table.subscription_id.as_ref())];
        for (key, id) in ids {
            if let Some(id) = id.filter(|id| !is_uuid(id)) {
                return Err(format!("`{key}`: `{}` is no UUID", id.escape_debug()));
            }
        }
        let is_domain = |text: &str| {
            text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
        };
        if !is_uuid(&table.tenant_id) && !is_domain(&table.tenant_id) {
            let tenant = table.tenant_id.escape_debug();
            return Err(format!("`tenant-id`: `{tenant}` is neither a UUID nor a domain"));
        }
        let audience = table.audience.unwrap_or_else(|| AUDIENCE.to_owned());
        check_audience(&audience)?;
        let authority =
            table.authority_host.map_or_else(|| Server::known("login.microsoftonline.com"), Ok)?;
        Ok(Azure {
            client: table.client_id,
            tenant: table.tenant_id,
            subscription: table.subscription_id,
            audience,
            authority,
        })
    }
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    groups == [8, 4, 4, 4, 12] && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

impl Exchange for Azure {
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        // Entra takes no other algorithm.
        let assertion = request.tokens.token(&self.audience, Algorithm::Rs256)?;
        Ok(Credentials {
            values: vec![(Cow::from(TOKEN), Given::Secret(assertion))],
            expires: Some(SystemTime::now() + Duration::from_secs(token::LIFETIME)),
            record: vec![
                ("client", self.client.clone()),
                ("tenant", self.tenant.clone()),
                ("audience", self.audience.clone()),
            ],
        })
    }

    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        if delivery.variables.iter().any(|(name, _)| name == "AZURE_CLIENT_ID") {
            let what = "a step can have one grant of Azure: its tools look for credentials in one place";
            return Err(ExchangeError::Delivery(what.into()));
        }
        let name = format!("azure-{}", delivery.request.grant);
        let file = keep_file(self, credentials, TOKEN, &name, delivery)?;
        delivery.set("AZURE_FEDERATED_TOKEN_FILE", file);
        delivery.set("AZURE_CLIENT_ID", &self.client);
        delivery.set("AZURE_TENANT_ID", &self.tenant);
        delivery.set("AZURE_AUTHORITY_HOST", format!("{}/", self.authority));
        if let Some(subscription) = &self.subscription {
            delivery.set("AZURE_SUBSCRIPTION_ID", subscription);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(keys: &str) -> Result<Azure, String> {
        let keys: toml::Table = toml::from_str(keys).unwrap();
        keys.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
    }

    const ID: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn an_application_and_a_tenant_are_enough() {
        for tenant in [ID, "contoso.onmicrosoft.com"] {
            let azure = read(&format!("client-id = '{ID}'\ntenant-id = '{tenant}'")).unwrap();
            assert_eq!(azure.audience, "api://AzureADTokenExchange");
            assert_eq!(azure.authority.to_string(), "https://login.microsoftonline.com");
        }
    }

    #[test]
    fn ids_are_checked() {
        for (client, tenant, why) in [
            ("deploy", ID, "`client-id`: `deploy` is no UUID"),
            (ID, "contoso", "neither a UUID nor a domain"),
            (ID, "a.b/c", "neither a UUID nor a domain"),
        ] {
            let error = read(&format!("client-id = '{client}'\ntenant-id = '{tenant}'")).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
