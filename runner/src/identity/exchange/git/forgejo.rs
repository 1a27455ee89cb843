//! Access tokens of a Forgejo or a Gitea, made and deleted by its API as the user whose they are, with name and password:
//! it takes nothing else for this. Source: "userGetTokens", "userCreateToken" and "userDeleteAccessToken" in the API's
//! reference, and "Access token scope" in Forgejo's documentation.

use std::time::{Instant, SystemTime};

use palisade_proto::Http;
use palisade_proto::http::{Content, Method, Reply, Request as Ask};
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::ExchangeError;
use super::super::call::{MAX_ANSWER, Provider};
use super::super::server::Server;
use super::name::{TokenName, is_expired};
use crate::base64::base64;
use crate::mask::Secret;

/// Who it is, for people.
const NAME: &str = "the forge";
/// What tokens can be for. Neither all at once nor the forge's administration.
const PARTS: [&str; 8] =
    ["activitypub", "issue", "misc", "notification", "organization", "package", "repository", "user"];

/// What a token is for: `read:PART` or `write:PART`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(String);

impl TryFrom<String> for Scope {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("read" | "write", part)) if PARTS.contains(&part) => Ok(Scope(text)),
            _ => Err(format!(
                "`{}` is no scope of a token: one is `read:` or `write:` and one of {}",
                text.escape_debug(),
                PARTS.join(", ")
            )),
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A bot at its forge.
pub struct Bot<'a> {
    pub server: &'a Server,
    pub user: &'a str,
    pub password: &'a Secret,
    pub http: &'a Http,
    pub deadline: Instant,
}

/// A token that was made.
pub struct Made {
    pub token: Secret,
    /// Its number at the forge.
    pub id: u64,
}

impl Bot<'_> {
    /// Makes a token.
    pub fn make(&self, name: &TokenName, scopes: &[Scope]) -> Result<Made, ExchangeError> {
        let made = self.try_to_make(name, scopes);
        if made.is_err() {
            // An answer that was lost doesn't say whether there is one.
            let _ = self.delete(&name.to_string());
        }
        made
    }

    fn try_to_make(&self, name: &TokenName, scopes: &[Scope]) -> Result<Made, ExchangeError> {
        #[derive(Deserialize)]
        struct Said {
            id: u64,
            sha1: String,
        }
        let scopes: Vec<&str> = scopes.iter().map(|scope| scope.0.as_str()).collect();
        let body = json!({ "name": name.to_string(), "scopes": scopes }).to_string();
        let said: Said = self.call(Method::Post, "", Some(&body), |provider, reply| provider.read(reply))?;
        if said.sha1.is_empty() || !said.sha1.bytes().all(|b| b.is_ascii_graphic()) {
            let message = "its token is none".to_owned();
            return Err(ExchangeError::Garbled { provider: NAME.to_owned(), message });
        }
        Ok(Made { token: Secret::new(said.sha1), id: said.id })
    }

    /// Deletes a token by its number or its name. One that isn't there is deleted.
    pub fn delete(&self, token: &str) -> Result<(), ExchangeError> {
        self.call(Method::Delete, &format!("/{token}"), None, |provider, reply| match reply.status {
            200..300 | 404 => Ok(()),
            _ => Err(provider.refused(reply)),
        })
    }

    /// Deletes those of our tokens that nobody uses any more, of the newest 50.
    pub fn delete_expired(&self) -> Result<(), ExchangeError> {
        #[derive(Deserialize)]
        struct Known {
            id: u64,
            name: String,
        }
        let known: Vec<Known> =
            self.call(Method::Get, "?limit=50", None, |provider, reply| provider.read(reply))?;
        let now = SystemTime::now();
        known
            .iter()
            .filter(|token| is_expired(&token.name, now))
            .try_for_each(|token| self.delete(&token.id.to_string()))
    }

    fn call<T>(
        &self,
        method: Method,
        below: &str,
        body: Option<&str>,
        read: impl FnOnce(&Provider<'_>, &Reply) -> Result<T, ExchangeError>,
    ) -> Result<T, ExchangeError> {
        let pair = Zeroizing::new(format!("{}:{}", self.user, self.password.expose()));
        let login = Secret::new(base64(pair.as_bytes()));
        let sent = [self.password, &login];
        let provider = Provider { name: NAME, http: self.http, deadline: self.deadline, sent: &sent };
        let authorization = Zeroizing::new(format!("Basic {}", login.expose()));
        let ask = Ask {
            method,
            server: self.server.instance(),
            path: &format!("/api/v1/users/{}/tokens{below}", self.user),
            headers: &[("authorization", &authorization), ("accept", "application/json")],
            content: body.map(|body| Content { kind: "application/json", bytes: body.as_bytes() }),
            limit: MAX_ANSWER,
        };
        read(&provider, &provider.ask(&ask, |_| false)?)
    }
}
