//! `provider = "kubernetes"`: a token for a cluster whose API server knows this runner's issuer: of a service account, by
//! TokenRequest, or the ID token itself. It is delivered as a kubeconfig that names a file with the token, which is always
//! fresh. Source: "Authenticating" and "TokenRequest" in the documentation of Kubernetes.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use palisade_proto::Http;
use serde::Deserialize;
use serde_json::json;

use super::call::{self, Provider};
use super::fresh::keep_file;
use super::server::Server;
use super::{Algorithm, Credentials, Delivery, Exchange, ExchangeError, Given, Request};
use crate::base64::base64;
use crate::config::Time;
use crate::identity::id_token::check_audience;
use crate::identity::issuer::token;
use crate::mask::Secret;

/// Who it is, for people.
const NAME: &str = "Kubernetes";
/// The audience that the documentation of Kubernetes has in its examples of other issuers.
const AUDIENCE: &str = "kubernetes";
/// How long a token lasts unless the grant says otherwise, and within which bounds. Clusters give no shorter ones.
const LIFETIME: Duration = Duration::from_mins(10);
const LIFETIMES: std::ops::RangeInclusive<Duration> = LIFETIME..=Duration::from_hours(24);
/// Largest file of certificates.
const MAX_CA: u64 = 1 << 20;

const TOKEN: &str = "token";

/// The keys of `provider = "kubernetes"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Kubernetes {
    server: Server,
    ca_file: Option<PathBuf>,
    namespace: Option<String>,
    account: Option<String>,
    lifetime: Duration,
    audience: String,
    algorithm: Algorithm,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    server: Server,
    ca_file: Option<PathBuf>,
    namespace: Option<String>,
    service_account: Option<String>,
    lifetime: Option<Time>,
    audience: Option<String>,
    #[serde(default)]
    algorithm: Algorithm,
}

impl TryFrom<Table> for Kubernetes {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        if let Some(path) = table.ca_file.as_ref().filter(|path| !path.is_absolute()) {
            return Err(format!("`ca-file`: `{}` is not an absolute path", path.display()));
        }
        let names = [("namespace", &table.namespace), ("service-account", &table.service_account)];
        for (key, name) in names {
            if let Some(name) = name.as_deref().filter(|name| !is_name(name)) {
                let name = name.escape_debug();
                return Err(format!("`{key}`: `{name}` is no name: small letters, digits, `-` and `.`"));
            }
        }
        if table.service_account.is_some() && table.namespace.is_none() {
            return Err("a `service-account` is in a `namespace`".into());
        }
        if table.service_account.is_none() && table.lifetime.is_some() {
            return Err("`lifetime` is that of a `service-account`'s token".into());
        }
        let lifetime = table.lifetime.map_or(LIFETIME, |time| time.0);
        if !LIFETIMES.contains(&lifetime) {
            return Err("`lifetime` is between `10m` and `24h`".into());
        }
        let audience = table.audience.unwrap_or_else(|| AUDIENCE.to_owned());
        check_audience(&audience)?;
        Ok(Kubernetes {
            server: table.server,
            ca_file: table.ca_file,
            namespace: table.namespace,
            account: table.service_account,
            lifetime,
            audience,
            algorithm: table.algorithm,
        })
    }
}

/// Source: RFC 1123, section 2.1, as Kubernetes has it.
fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 253 && text.bytes().all(fits) && text.starts_with(ends) && text.ends_with(ends)
}

/// A service account's token.
struct Account {
    token: Secret,
    expires: SystemTime,
    /// What the server's own audit log calls the request.
    audit: Option<String>,
}

impl Exchange for Kubernetes {
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        let id_token = request.tokens.token(&self.audience, self.algorithm)?;
        let mut record = vec![("server", self.server.to_string())];
        record.extend(self.namespace.iter().map(|namespace| ("namespace", namespace.clone())));
        let (token, expires) = match (&self.namespace, &self.account) {
            (Some(namespace), Some(account)) => {
                record.push(("account", account.clone()));
                let Account { token, expires, audit } =
                    self.request(namespace, account, &id_token, request)?;
                record.extend(audit.map(|id| ("request", call::one_line(&id))));
                (token, expires)
            }
            _ => (id_token, SystemTime::now() + Duration::from_secs(token::LIFETIME)),
        };
        let values = vec![(Cow::from(TOKEN), Given::Secret(token))];
        Ok(Credentials { values, expires: Some(expires), record })
    }

    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        if delivery.variables.iter().any(|(name, _)| name == "KUBECONFIG") {
            let what = "a step can have one grant of Kubernetes: its tools look for one `KUBECONFIG`";
            return Err(ExchangeError::Delivery(what.into()));
        }
        let grant = delivery.request.grant.clone();
        let file = keep_file(self, credentials, TOKEN, &format!("kubernetes-{grant}"), delivery)?;
        let mut cluster = json!({ "server": self.server.to_string() });
        if let Some(ca) = self.ca()? {
            cluster["certificate-authority-data"] = base64(&ca).into();
        }
        let mut context = json!({ "cluster": "palisade", "user": "palisade" });
        if let Some(namespace) = &self.namespace {
            context["namespace"] = namespace.clone().into();
        }
        // JSON is YAML too.
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "palisade",
            "clusters": [{ "name": "palisade", "cluster": cluster }],
            "users": [{ "name": "palisade", "user": { "tokenFile": file } }],
            "contexts": [{ "name": "palisade", "context": context }],
        });
        let config = delivery.write(&format!("kubeconfig-{grant}"), config.to_string().as_bytes())?;
        delivery.set("KUBECONFIG", config);
        Ok(())
    }
}

impl Kubernetes {
    /// A token of a service account.
    fn request(
        &self,
        namespace: &str,
        account: &str,
        id_token: &Secret,
        request: &Request,
    ) -> Result<Account, ExchangeError> {
        #[derive(Deserialize)]
        struct Said {
            status: Status,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            token: String,
            expiration_timestamp: String,
        }
        let http = self.http(&request.http)?;
        let sent = [id_token];
        let provider = Provider { name: NAME, http: &http, deadline: request.deadline, sent: &sent };
        let body = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": { "expirationSeconds": self.lifetime.as_secs() },
        });
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let reply = provider.ask_as(id_token, self.server.instance(), &path, Some(&body))?;
        let Said { status } = provider.read(&reply)?;
        let expires = call::moment(&status.expiration_timestamp)
            .ok_or_else(|| provider.garbled("the token ends at no time that can be read"))?;
        if status.token.is_empty() || !status.token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(provider.garbled("its token is none"));
        }
        let audit = reply.header("audit-id").map(str::to_owned);
        Ok(Account { token: Secret::new(status.token), expires, audit })
    }

    /// What trusts the cluster's own authority too.
    fn http(&self, http: &Http) -> Result<Http, ExchangeError> {
        match &self.ca_file {
            None => Ok(http.clone()),
            Some(path) => http.with_ca_file(path).map_err(|e| ExchangeError::Delivery(e.to_string())),
        }
    }

    fn ca(&self) -> Result<Option<Vec<u8>>, ExchangeError> {
        use std::io::Read;
        let Some(path) = &self.ca_file else { return Ok(None) };
        let told = |e: std::io::Error| ExchangeError::Delivery(format!("`{}`: {e}", path.display()));
        let mut ca = Vec::new();
        std::fs::File::open(path).map_err(told)?.take(MAX_CA).read_to_end(&mut ca).map_err(told)?;
        Ok(Some(ca))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_in_a_namespace() {
        let read = |keys: &str| -> Result<Kubernetes, String> {
            let keys: toml::Table =
                toml::from_str(&format!("server = 'https://k8s.example.com:6443'\n{keys}")).unwrap();
            keys.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
        };
        let kubernetes = read("namespace = 'apps'\nservice-account = 'deployer'").unwrap();
        assert_eq!(
            (kubernetes.audience.as_str(), kubernetes.lifetime),
            ("kubernetes", Duration::from_mins(10))
        );
        assert!(read("").is_ok());
        for (keys, why) in [
            ("service-account = 'deployer'", "is in a `namespace`"),
            ("namespace = 'a/../b'", "`namespace`: `a/../b` is no name"),
            ("namespace = 'a'\nservice-account = '-a'", "is no name"),
            ("lifetime = '1h'", "is that of a `service-account`'s token"),
            ("namespace = 'a'\nservice-account = 'b'\nlifetime = '1m'", "between `10m` and `24h`"),
            ("ca-file = 'ca.pem'", "is not an absolute path"),
        ] {
            let error = read(keys).unwrap_err();
            assert!(error.contains(why), "{keys}: {error}");
        }
    }
}
