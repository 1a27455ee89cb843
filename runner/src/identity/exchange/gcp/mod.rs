//! `provider = "gcp"`: an access token of Google Cloud, by Workload Identity Federation and, where the grant has a
//! service account, as that account. It is delivered by a metadata server, as on a machine of Google's. Source: "Security
//! Token Service API" and "IAM Service Account Credentials API" in Google Cloud's reference.

mod identity;
mod metadata;
mod secret_manager;

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::json;

use super::call::{self, Provider};
use super::fresh::Fresh;
use super::registry::{self, Registries};
use super::server::Server;
use super::token_exchange::{self, ACCESS_TOKEN, Exchanged, GRANT_TYPE, JWT};
use super::{Algorithm, Credentials, Delivery, Exchange, ExchangeError, Given, Request, write};
use crate::config::Time;
use crate::identity::id_token::check_audience;
use crate::mask::Secret;

pub use secret_manager::SecretManager;

/// Who it is, for people.
const TOKEN_SERVICE: &str = "Google's token service";
const ACCOUNTS: &str = "Google's service account credentials";
/// All of what the service account's roles allow.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Longest life of an access token of a service account, unless its organisation allows more.
const LIFETIMES: std::ops::RangeInclusive<Duration> = Duration::from_mins(5)..=Duration::from_hours(12);
const LIFETIME: Duration = Duration::from_hours(1);

/// Most audiences of ID tokens.
const MAX_AUDIENCES: usize = 64;

/// As whom registries of Google know the bearer of an access token.
const USER: &str = "oauth2accesstoken";

/// Where `gcloud` looks for a file with a token.
const TOKEN_FILE: &str = "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE";

const TOKEN: &str = "access token";
const LOGIN: &str = "registry login";

/// A token, its end, and what is recorded of it.
type Recorded = (Secret, Option<SystemTime>, Vec<(&'static str, String)>);

/// The keys of `provider = "gcp"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Gcp {
    provider: String,
    account: Option<String>,
    project: Option<String>,
    scopes: Vec<String>,
    lifetime: Duration,
    audience: String,
    algorithm: Algorithm,
    token_service: Server,
    accounts: Server,
    registries: Registries,
    /// For whom there are ID tokens of the service account.
    id_token_audiences: Vec<String>,
    delivery: How,
}

/// How a token is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    /// By a metadata server, always fresh.
    #[default]
    Metadata,
    /// As a file that `gcloud` reads, always fresh.
    File,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    workload_identity_provider: String,
    service_account: Option<String>,
    project: Option<String>,
    scopes: Option<Vec<String>>,
    lifetime: Option<Time>,
    audience: Option<String>,
    #[serde(default)]
    algorithm: Algorithm,
    token_service: Option<Server>,
    credentials_service: Option<Server>,
    #[serde(default)]
    registries: Registries,
    #[serde(default)]
    id_token_audiences: Vec<String>,
    #[serde(default)]
    delivery: How,
}

impl TryFrom<Table> for Gcp {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let provider = table.workload_identity_provider;
        if !is_provider(&provider) {
            return Err(format!(
                "`{}` is no provider of a pool: one looks like \
                 `projects/123456789/locations/global/workloadIdentityPools/ci/providers/palisade`",
                provider.escape_debug()
            ));
        }
        if let Some(account) = table.service_account.as_deref().filter(|account| !is_account(account)) {
            return Err(format!(
                "`{}` is no service account: one looks like `deploy@my-project.iam.gserviceaccount.com`",
                account.escape_debug()
            ));
        }
        let is_project = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
        if let Some(project) = table.project.as_deref().filter(|text| text.is_empty() || !is_project(text)) {
            return Err(format!("`{}` is no id of a project", project.escape_debug()));
        }
        let scopes = table.scopes.unwrap_or_else(|| vec![SCOPE.to_owned()]);
        let is_scope = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        if scopes.is_empty() || scopes.len() > 32 || !scopes.iter().all(is_scope) {
            return Err("`scopes` has 1 to 32 of them".into());
        }
        let lifetime = table.lifetime.map_or(LIFETIME, |time| time.0);
        if !LIFETIMES.contains(&lifetime) {
            return Err("`lifetime` is between `5m` and `12h`".into());
        }
        table.id_token_audiences.iter().try_for_each(|audience| check_audience(audience))?;
        if table.id_token_audiences.len() > MAX_AUDIENCES {
            return Err(format!("`id-token-audiences` has more than {MAX_AUDIENCES} of them"));
        }
        let gives_some = table.service_account.is_some() && table.delivery == How::Metadata;
        if !table.id_token_audiences.is_empty() && !gives_some {
            return Err(
                "`id-token-audiences` is for tokens of a `service-account`, by the metadata server".into()
            );
        }
        // What Google takes where the provider names no audience of its own.
        let audience = table.audience.unwrap_or_else(|| format!("https://iam.googleapis.com/{provider}"));
        check_audience(&audience)?;
        let known = |server: Option<Server>, host| server.map_or_else(|| Server::known(host), Ok);
        Ok(Gcp {
            account: table.service_account,
            project: table.project,
            scopes,
            lifetime,
            audience,
            algorithm: table.algorithm,
            token_service: known(table.token_service, "sts.googleapis.com")?,
            accounts: known(table.credentials_service, "iamcredentials.googleapis.com")?,
            registries: table.registries,
            id_token_audiences: table.id_token_audiences,
            delivery: table.delivery,
            provider,
        })
    }
}

fn is_provider(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    match parts[..] {
        [
            "projects",
            project,
            "locations",
            location,
            "workloadIdentityPools",
            pool,
            "providers",
            provider,
        ] => [project, location, pool, provider].iter().all(plain) && text.len() <= 256,
        _ => false,
    }
}

fn is_account(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-.@".contains(&b);
    text.len() <= 256
        && text.bytes().all(plain)
        && text.split('@').filter(|part| !part.is_empty()).count() == 2
}

impl Exchange for Gcp {
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        let (token, expires, record) = self.token(request)?;
        let login = registry::login(USER, token.expose());
        let mut values = vec![(Cow::from(TOKEN), Given::Secret(token))];
        if !self.registries.is_empty() {
            values.push((LOGIN.into(), Given::Secret(login)));
        }
        Ok(Credentials { values, expires, record })
    }

    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        let is_taken = |name: &str| name == metadata::HOST || name == TOKEN_FILE;
        if delivery.variables.iter().any(|(name, _)| is_taken(name)) {
            let what =
                "a step can have one grant of Google Cloud: its tools look for credentials in one place";
            return Err(ExchangeError::Delivery(what.into()));
        }
        let grant = delivery.request.grant.to_string();
        if let Some(project) = &self.project {
            for name in ["GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"] {
                delivery.set(name, project);
            }
        }
        if let Some(login) = credentials.expose(LOGIN) {
            registry::deliver(&self.registries.logins(login), delivery)?;
        }
        let own = (self.delivery == How::File).then(|| format!("gcp-{grant}"));
        if let (Some(name), Some(token)) = (&own, credentials.expose(TOKEN)) {
            let path = delivery.write(name, token.as_bytes())?;
            delivery.set(TOKEN_FILE, path);
        }
        // What is a file is written anew with each token.
        let (files, registries, logins) =
            (delivery.files.clone(), self.registries.clone(), registry::file(delivery));
        let told = move |new: &Credentials| {
            if let (Some(name), Some(token)) = (&own, new.expose(TOKEN)) {
                write(&*files, name, token.as_bytes())?;
            }
            if let Some(login) = new.expose(LOGIN) {
                write(&*files, &logins, &registries.logins(login))?;
            }
            Ok(())
        };
        let exchange = self.clone();
        let renew = Box::new(move |request: &Request| exchange.exchange(request));
        let fresh = Fresh::keep(credentials, delivery, renew, Box::new(told))?;
        match self.delivery {
            How::Metadata => metadata::deliver(self, fresh, delivery),
            How::File => delivery.held.push(Box::new(fresh)),
        }
        Ok(())
    }
}

impl Gcp {
    /// A token for Google's services, its end, and what is recorded of it.
    fn token(&self, request: &Request) -> Result<Recorded, ExchangeError> {
        let federated = self.federate(request)?;
        let mut record = vec![("provider", self.provider.clone())];
        let (token, expires) = match &self.account {
            None => (federated.token, federated.expires),
            Some(account) => {
                record.push(("account", account.clone()));
                let (token, expires) = self.impersonate(account, &federated.token, request)?;
                (token, Some(expires))
            }
        };
        record.push(("scopes", self.scopes.join(" ")));
        Ok((token, expires, record))
    }

    /// A token of the pool for an ID token.
    fn federate(&self, request: &Request) -> Result<Exchanged, ExchangeError> {
        let token = request.tokens.token(&self.audience, self.algorithm)?;
        let sent = [&token];
        let provider =
            Provider { name: TOKEN_SERVICE, http: &request.http, deadline: request.deadline, sent: &sent };
        let audience = format!("//iam.googleapis.com/{}", self.provider);
        // A token that only becomes another one needs no more than that.
        let scope = if self.account.is_some() { SCOPE.to_owned() } else { self.scopes.join(" ") };
        let fields = [
            ("grant_type", GRANT_TYPE),
            ("audience", &audience),
            ("scope", &scope),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token_type", JWT),
            ("subject_token", token.expose()),
        ];
        token_exchange::exchange(&provider, self.token_service.instance(), "/v1/token", &fields)
    }

    /// The service account's access token.
    fn impersonate(
        &self,
        account: &str,
        federated: &Secret,
        request: &Request,
    ) -> Result<(Secret, SystemTime), ExchangeError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Said {
            access_token: String,
            expire_time: String,
        }
        let sent = [federated];
        let provider =
            Provider { name: ACCOUNTS, http: &request.http, deadline: request.deadline, sent: &sent };
        let lifetime = format!("{}s", self.lifetime.as_secs());
        let body = json!({ "scope": self.scopes, "lifetime": lifetime });
        let path = format!("/v1/projects/-/serviceAccounts/{account}:generateAccessToken");
        let reply = provider.ask_as(federated, self.accounts.instance(), &path, Some(&body))?;
        let said: Said = provider.read(&reply)?;
        let expires = call::moment(&said.expire_time)
            .ok_or_else(|| provider.garbled("the token ends at no time that can be read"))?;
        if said.access_token.is_empty() || !said.access_token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(provider.garbled("its `accessToken` is none"));
        }
        Ok((Secret::new(said.access_token), expires))
    }
}

#[cfg(test)]
mod tests;
