//! The few calls of a Vault that are needed. Source: "JWT/OIDC auth method (API)", "/auth/token" and "/sys/leases" in
//! Vault's API documentation; OpenBao has the same.

use std::time::{Duration, Instant};

use palisade_proto::Http;
use palisade_proto::http::{Content, Method, Reply, Request as Ask};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::super::ExchangeError;
use super::super::call::{MAX_ANSWER, Provider, one_line};
use super::super::server::Server;
use super::lifetime;
use super::wanted::Wanted;
use crate::mask::Secret;

/// Who it is, for people.
const NAME: &str = "Vault";

/// A Vault, as somebody or nobody.
pub struct Api<'a> {
    pub server: &'a Server,
    pub namespace: Option<&'a str>,
    pub token: Option<&'a Secret>,
    pub http: &'a Http,
    pub deadline: Instant,
}

/// What a login gave.
pub struct Login {
    pub token: Secret,
    pub accessor: String,
    pub policies: String,
    pub request: String,
    /// `None` where it has no end.
    pub lifetime: Option<Duration>,
    pub renewable: bool,
    /// A batch token ends by itself alone.
    pub revocable: bool,
}

/// What was read.
pub struct Answer {
    pub data: Map<String, Json>,
    pub lease: Option<Lease>,
}

/// How long it is good for.
pub struct Lease {
    pub id: String,
    pub lifetime: Duration,
    pub renewable: bool,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    request_id: String,
    #[serde(default)]
    lease_id: String,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    data: Option<Map<String, Json>>,
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
    #[serde(default)]
    accessor: String,
    #[serde(default)]
    policies: Vec<String>,
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    token_type: String,
}

impl Api<'_> {
    /// Logs in with an ID token.
    pub fn login(&self, mount: &str, role: &str, jwt: &Secret) -> Result<Login, ExchangeError> {
        let (body, sent) = (json!({ "role": role, "jwt": jwt.expose() }), [jwt]);
        let (provider, reply) =
            self.call(Method::Post, &format!("auth/{mount}/login"), Some(&body), &sent)?;
        let said: Said = provider.read(&reply)?;
        let auth =
            said.auth.ok_or_else(|| provider.garbled("there is no `auth` in the answer to a login"))?;
        if auth.client_token.is_empty() || !auth.client_token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(provider.garbled("its token is none"));
        }
        Ok(Login {
            token: Secret::new(auth.client_token),
            accessor: one_line(&auth.accessor),
            policies: one_line(&auth.policies.join(" ")),
            request: one_line(&said.request_id),
            lifetime: lifetime(auth.lease_duration),
            renewable: auth.renewable,
            revocable: auth.token_type != "batch",
        })
    }

    /// Reads a path, or has something made there.
    pub fn read(&self, wanted: &Wanted) -> Result<Answer, ExchangeError> {
        let body = wanted.with().map(|with| Json::Object(with.clone()));
        let method = if body.is_some() { Method::Post } else { Method::Get };
        let (provider, reply) = self.call(method, wanted.path(), body.as_ref(), &[])?;
        if reply.status == 404 {
            let words = format!("there is nothing at `{}`", wanted.path());
            return Err(provider.refusal(&reply, &words));
        }
        if !(200..300).contains(&reply.status) {
            let error = provider.refused(&reply);
            return Err(match error {
                ExchangeError::Refused { provider, message } => {
                    ExchangeError::Refused { provider, message: format!("`{}`: {message}", wanted.path()) }
                }
                other => other,
            });
        }
        let said: Said = provider.read(&reply)?;
        let data = said.data.ok_or_else(|| {
            provider.garbled(format!("there is no `data` in the answer to `{}`", wanted.path()))
        })?;
        let lease = lifetime(said.lease_duration)
            .filter(|_| !said.lease_id.is_empty())
            .map(|lifetime| Lease { id: said.lease_id, lifetime, renewable: said.renewable });
        Ok(Answer { data, lease })
    }

    /// Lengthens the token's life; gives how long it is now.
    pub fn renew_token(&self) -> Result<Duration, ExchangeError> {
        let (provider, reply) = self.call(Method::Post, "auth/token/renew-self", Some(&json!({})), &[])?;
        let said: Said = provider.read(&reply)?;
        let seconds = said.auth.map_or(0, |auth| auth.lease_duration);
        lifetime(seconds).ok_or_else(|| provider.garbled("a renewed token has no lifetime"))
    }

    /// Lengthens a lease; gives how long it is now.
    pub fn renew_lease(&self, id: &str) -> Result<Duration, ExchangeError> {
        let (provider, reply) =
            self.call(Method::Put, "sys/leases/renew", Some(&json!({ "lease_id": id })), &[])?;
        let said: Said = provider.read(&reply)?;
        lifetime(said.lease_duration).ok_or_else(|| provider.garbled("a renewed lease has no lifetime"))
    }

    /// Ends the token and all that was leased with it.
    pub fn revoke(&self) -> Result<(), ExchangeError> {
        let (provider, reply) = self.call(Method::Post, "auth/token/revoke-self", Some(&json!({})), &[])?;
        match reply.status {
            200..300 => Ok(()),
            _ => Err(provider.refused(&reply)),
        }
    }

    /// A value that isn't there.
    pub fn missing(&self, why: String) -> ExchangeError {
        ExchangeError::Garbled { provider: NAME.to_owned(), message: why }
    }

    fn call<'a>(
        &'a self,
        method: Method,
        path: &str,
        body: Option<&Json>,
        sent: &'a [&'a Secret],
    ) -> Result<(Provider<'a>, Reply), ExchangeError> {
        let provider = Provider { name: NAME, http: self.http, deadline: self.deadline, sent };
        let body = body.map(|body| Zeroizing::new(body.to_string()));
        let mut headers = vec![("x-vault-request", "true")];
        headers.extend(self.namespace.map(|namespace| ("x-vault-namespace", namespace)));
        headers.extend(self.token.map(|token| ("x-vault-token", token.expose())));
        let ask = Ask {
            method,
            server: self.server.instance(),
            path: &format!("/v1/{path}"),
            headers: &headers,
            content: body.as_ref().map(|body| Content { kind: "application/json", bytes: body.as_bytes() }),
            limit: MAX_ANSWER,
        };
        let reply = provider.ask(&ask, |_| false)?;
        Ok((provider, reply))
    }
}
