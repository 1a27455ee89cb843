//! ID tokens of the forge itself, where it offers them to a job: this runner asks for them, and what it asks with never
//! enters the job.

use palisade_proto::forgejo::{IdTokenRequest, id_token};
use palisade_proto::{Http, Instance};
use serde::Deserialize;

use super::exchange::ExchangeError;
use crate::mask::Secret;
use crate::mask::parts::decode_base64;
use crate::order::IdTokenOffer;

/// The offer of a forge.
pub struct ForgeTokens {
    http: Http,
    instance: Instance,
    request: IdTokenRequest,
}

/// A token of a forge, with what it says of itself.
pub struct ForgeToken {
    /// As it is sent.
    pub value: Secret,
    /// What is told of it.
    pub said: Said,
}

/// What of a token's claims is recorded. It isn't verified: that is for those that it is for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Said {
    /// Whom it is about.
    pub sub: String,
    /// Its name.
    pub jti: Option<String>,
    /// When it ends, in seconds since 1970.
    pub exp: Option<u64>,
}

impl ForgeTokens {
    /// Of the forge at an address.
    pub fn new(http: Http, instance: Instance, offer: &IdTokenOffer) -> ForgeTokens {
        let token = palisade_proto::Secret::new(offer.token.expose().to_owned());
        ForgeTokens { http, instance, request: IdTokenRequest { url: offer.url.clone(), token } }
    }

    /// A token for an audience.
    pub fn token(&self, audience: &str) -> Result<ForgeToken, ExchangeError> {
        let told = |e: palisade_proto::Error| ExchangeError::Issuer(e.to_string());
        let value = id_token(&self.http, &self.instance, &self.request, audience).map_err(told)?;
        let value = Secret::new(value.into_inner());
        let payload = value.expose().split('.').nth(1).and_then(|part| decode_base64(part.as_bytes()));
        let said = payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default();
        Ok(ForgeToken { value, said })
    }
}

impl std::fmt::Debug for ForgeTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForgeTokens").field("url", &self.request.url).finish_non_exhaustive()
    }
}
