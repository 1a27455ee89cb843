//! `provider = "vault"`: a login by JWT at a HashiCorp Vault or an OpenBao, and what is read there with it. Leases are
//! renewed while the step runs; at its end the token is revoked, and with it all that was leased.

mod api;
mod wanted;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use serde::Deserialize;

use super::call::{MAX_VALUES, is_variable};
use super::fresh::Fresh;
use super::server::Server;
use super::values::How;
use super::{Algorithm, Credentials, Delivery, Exchange, ExchangeError, Given, Request};
use crate::identity::id_token::check_audience;
use crate::mask::Secret;
use api::{Api, Login};
use wanted::Wanted;

// Names of what isn't a value of the grant; a variable can't be called so.
const TOKEN: &str = "vault token";
const RENEWABLE: &str = "renewable";
const REVOCABLE: &str = "revocable";
const LEASE: &str = "lease";

/// The keys of `provider = "vault"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Vault {
    server: Server,
    namespace: Option<String>,
    mount: String,
    role: String,
    audience: String,
    algorithm: Algorithm,
    /// By the variable that it is delivered as.
    read: BTreeMap<String, Wanted>,
    token: bool,
    delivery: How,
}

/// The keys as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    address: Server,
    namespace: Option<String>,
    mount: Option<String>,
    role: String,
    audience: Option<String>,
    #[serde(default)]
    algorithm: Algorithm,
    #[serde(default)]
    read: BTreeMap<String, Wanted>,
    #[serde(default)]
    token: bool,
    #[serde(default)]
    delivery: How,
}

impl TryFrom<Table> for Vault {
    type Error = String;
    fn try_from(table: Table) -> Result<Self, String> {
        let mount = table.mount.unwrap_or_else(|| "jwt".to_owned());
        let mount = wanted::path(&mount).map_err(|why| format!("`mount`: {why}"))?;
        let audience = table.audience.unwrap_or_else(|| table.address.to_string());
        check_audience(&audience)?;
        if table.role.is_empty() {
            return Err("`role` is empty".into());
        }
        if table.read.len() > MAX_VALUES {
            return Err(format!("`read` has more than {MAX_VALUES} values"));
        }
        if let Some(name) = table.read.keys().find(|name| !is_variable(name)) {
            let name = name.escape_debug();
            return Err(format!("`read`: `{name}` is no name of a variable: letters, digits and `_`"));
        }
        if table.read.is_empty() && !table.token {
            return Err("it gives nothing: name values in `read`, or say `token = true`".into());
        }
        Ok(Vault {
            server: table.address,
            namespace: table.namespace,
            mount,
            role: table.role,
            audience,
            algorithm: table.algorithm,
            read: table.read,
            token: table.token,
            delivery: table.delivery,
        })
    }
}

impl Exchange for Vault {
    fn exchange(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        let jwt = request.tokens.token(&self.audience, self.algorithm)?;
        let login = self.api(&request.http, request.deadline, None).login(&self.mount, &self.role, &jwt)?;
        let api = self.api(&request.http, request.deadline, Some(&login.token));
        let read = self.all(&api, &login);
        if read.is_err() && login.revocable {
            // The reason why there is nothing is worth more than that this failed too.
            let _ = api.revoke();
        }
        read
    }

    fn deliver(&self, credentials: Credentials, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
        for prefix in ["VAULT", "BAO"] {
            delivery.set(format!("{prefix}_ADDR"), self.server.to_string());
            if let Some(namespace) = &self.namespace {
                delivery.set(format!("{prefix}_NAMESPACE"), namespace);
            }
        }
        let mut values: Vec<(&str, &str)> =
            self.read.keys().filter_map(|name| Some((name.as_str(), credentials.expose(name)?))).collect();
        if let Some(token) = credentials.expose(TOKEN).filter(|_| self.token) {
            values.push(("VAULT_TOKEN", token));
            if self.delivery == How::File {
                deliver_to_cli(token, delivery)?;
            }
        }
        for (name, value) in values {
            self.delivery.put(name, value, delivery)?;
        }
        if credentials.expose(RENEWABLE).is_some() {
            let (vault, kept) = (self.clone(), credentials.clone());
            let renew = Box::new(move |request: &Request| vault.renew(&kept, request));
            let fresh = Fresh::keep(credentials, delivery, renew, Box::new(|_| Ok(())))?;
            delivery.held.push(Box::new(fresh));
        }
        Ok(())
    }

    fn revokes(&self) -> bool {
        true
    }

    fn revoke(&self, credentials: &Credentials, request: &Request) -> Result<(), ExchangeError> {
        let token = secret(credentials, TOKEN).filter(|_| credentials.expose(REVOCABLE).is_some());
        let Some(token) = token else { return Ok(()) };
        self.api(&request.http, request.deadline, Some(token)).revoke()
    }
}

impl Vault {
    /// Whether what was read ends with the token that it was read with.
    pub fn has_leased(&self, credentials: &Credentials) -> bool {
        credentials.values.iter().any(|(name, _)| name == LEASE)
    }

    fn api<'a>(
        &'a self,
        http: &'a palisade_proto::Http,
        deadline: Instant,
        token: Option<&'a Secret>,
    ) -> Api<'a> {
        Api { server: &self.server, namespace: self.namespace.as_deref(), token, http, deadline }
    }

    /// All that the grant names.
    fn all(&self, api: &Api<'_>, login: &Login) -> Result<Credentials, ExchangeError> {
        let mut values: Vec<(Cow<'static, str>, Given)> =
            vec![(TOKEN.into(), Given::Secret(login.token.clone()))];
        let mut least = login.lifetime;
        let mut renewable = login.renewable;
        // What several values are from is asked for once: each answer of a dynamic secret is a lease of its own.
        let mut answers: Vec<(&Wanted, api::Answer)> = Vec::new();
        for (name, wanted) in &self.read {
            let known = answers.iter().position(|(other, _)| other.is_same_request(wanted));
            let at = match known {
                Some(at) => at,
                None => {
                    let answer = api.read(wanted)?;
                    if let Some(lease) = &answer.lease {
                        least = least.into_iter().chain([lease.lifetime]).min();
                        renewable &= lease.renewable;
                        values.push((LEASE.into(), Given::Plain(lease.id.clone())));
                    }
                    answers.push((wanted, answer));
                    answers.len() - 1
                }
            };
            let value = wanted.value(&answers[at].1.data).map_err(|why| api.missing(why))?;
            let given =
                if wanted.is_secret() { Given::Secret(Secret::new(value)) } else { Given::Plain(value) };
            values.push((name.clone().into(), given));
        }
        if renewable && least.is_some() {
            values.push((RENEWABLE.into(), Given::Plain(String::new())));
        }
        if login.revocable {
            values.push((REVOCABLE.into(), Given::Plain(String::new())));
        }
        let paths: Vec<&str> = answers.iter().map(|(wanted, _)| wanted.path()).collect();
        let mut record = vec![
            ("server", self.server.to_string()),
            ("role", self.role.clone()),
            ("accessor", login.accessor.clone()),
            ("policies", login.policies.clone()),
            ("request", login.request.clone()),
        ];
        if !paths.is_empty() {
            record.push(("read", paths.join(" ")));
        }
        record.retain(|(_, value)| !value.is_empty());
        Ok(Credentials { values, expires: least.map(|lifetime| SystemTime::now() + lifetime), record })
    }

    /// Lengthens the lives of the token and of all leases.
    fn renew(&self, credentials: &Credentials, request: &Request) -> Result<Credentials, ExchangeError> {
        let mut renewed = credentials.clone();
        let Some(token) = secret(credentials, TOKEN) else { return Ok(renewed) };
        let api = self.api(&request.http, request.deadline, Some(token));
        let mut least = api.renew_token()?;
        for (name, value) in &credentials.values {
            if let (LEASE, Given::Plain(lease)) = (&**name, value) {
                least = least.min(api.renew_lease(lease)?);
            }
        }
        renewed.expires = Some(SystemTime::now() + least);
        Ok(renewed)
    }
}

/// Has the command line tools find the token without a value in the environment: their configuration names a program that
/// says it. Source: "Token helpers" in Vault's documentation.
fn deliver_to_cli(token: &str, delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
    let file = delivery.write("vault-cli-token", token.as_bytes())?;
    // What `vault login` would have it keep is read and forgotten.
    let helper =
        format!("#!/bin/sh\ncase $1 in\nget) exec cat '{file}' ;;\nstore) exec cat >/dev/null ;;\nesac\n");
    let helper = delivery.write_program("vault-token-helper", helper.as_bytes())?;
    let config = delivery.write("vault-cli-config", format!("token_helper = \"{helper}\"\n").as_bytes())?;
    delivery.set("VAULT_CONFIG_PATH", &config);
    delivery.set("BAO_CONFIG_PATH", config);
    Ok(())
}

fn secret<'a>(credentials: &'a Credentials, name: &str) -> Option<&'a Secret> {
    credentials.secrets().find(|(known, _)| *known == name).map(|(_, secret)| secret)
}

/// How long something lasts that lasts this many seconds; 0 is without end.
fn lifetime(seconds: u64) -> Option<Duration> {
    (seconds > 0).then(|| Duration::from_secs(seconds.min(10 * 365 * 86_400)))
}

#[cfg(test)]
mod tests;
