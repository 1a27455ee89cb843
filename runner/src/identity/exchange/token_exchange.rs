//! One token for another: the request and the answer of RFC 8693, as the token services of Google and others have them.

use std::time::{Duration, SystemTime};

use palisade_proto::Instance;
use palisade_proto::http::{Content, Method, Request as Ask};
use serde::Deserialize;

use super::ExchangeError;
use super::call::{self, Provider};
use crate::mask::Secret;

/// `grant_type` of RFC 8693, section 2.1.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// A signed token, of whatever kind. RFC 8693, section 3.
pub const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// A token for a service. RFC 8693, section 3.
pub const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// What came for it.
pub struct Exchanged {
    /// The token.
    pub token: Secret,
    /// When it ends, if it was told.
    pub expires: Option<SystemTime>,
    /// For what it is.
    pub scope: Option<String>,
}

#[derive(Deserialize)]
struct Said {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<u64>,
    scope: Option<String>,
}

/// Asks a token service.
pub fn exchange(
    provider: &Provider<'_>,
    server: &Instance,
    path: &str,
    fields: &[(&str, &str)],
) -> Result<Exchanged, ExchangeError> {
    let body = call::form(fields);
    let ask = Ask {
        method: Method::Post,
        server,
        path,
        headers: &[("accept", "application/json")],
        content: Some(Content { kind: "application/x-www-form-urlencoded", bytes: body.as_bytes() }),
        limit: call::MAX_ANSWER,
    };
    let reply = provider.ask(&ask, |_| false)?;
    let said: Said = provider.read(&reply)?;
    let token = said.access_token;
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(provider.garbled("its `access_token` is none"));
    }
    // `N_A` is for what isn't for a service: RFC 8693, section 2.2.1.
    if let Some(kind) =
        said.token_type.filter(|kind| !["bearer", "n_a"].contains(&&*kind.to_ascii_lowercase()))
    {
        return Err(provider.garbled(format!("the token is a `{}`, and no bearer", call::one_line(&kind))));
    }
    Ok(Exchanged {
        token: Secret::new(token),
        expires: said
            .expires_in
            .and_then(|seconds| SystemTime::now().checked_add(Duration::from_secs(seconds))),
        scope: said.scope.map(|scope| call::one_line(&scope)),
    })
}
