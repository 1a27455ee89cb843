//! The ID token itself, asked for and answered as at GitHub: `GET URL&audience=…` with a bearer gives
//! `{"value": …}`. Source: "OpenID Connect reference", "Methods for requesting the OIDC token", and `@actions/core`.

use std::sync::Arc;

use serde_json::json;

use super::{Answer, Asked, Caller, Route};
use crate::identity::exchange::Tokens;
use crate::identity::grant::{Grant, Provider};
use crate::identity::id_token::check_audience;

/// The path that tokens are asked for at.
const PATH: &str = "/id-token";

/// `ACTIONS_ID_TOKEN_REQUEST_URL`: those who ask append `&audience=…`.
pub fn request_url(origin: &str) -> String {
    format!("{origin}{PATH}?api-version=2.0")
}

/// Answers one step.
pub struct IdTokenRoute {
    /// The step.
    pub caller: Caller,
    /// What it may have: grants of ID tokens, each with what gives its tokens.
    pub grants: Vec<(Arc<Grant>, Arc<dyn Tokens>)>,
    /// The audience of who names none.
    pub audience: String,
    /// Hears why a token was refused.
    pub refused: Box<dyn Fn(&str) + Send + Sync>,
}

impl Route for IdTokenRoute {
    fn answer(&self, asked: &Asked<'_>) -> Option<Answer> {
        if asked.path != PATH || !asked.bears(&self.caller.bearer) {
            return None;
        }
        if asked.method != "GET" {
            return Some(Answer::refused(405, "a token is asked for by GET"));
        }
        Some(match self.token(asked) {
            Ok(token) => Answer::json(200, &json!({ "count": token.len(), "value": token })),
            Err((status, why)) => {
                (self.refused)(&why);
                Answer::refused(status, &why)
            }
        })
    }
}

impl IdTokenRoute {
    fn token(&self, asked: &Asked<'_>) -> Result<String, (u16, String)> {
        let audience = asked.parameter("audience").map_err(|why| (400, why.to_owned()))?;
        let audience = audience.filter(|audience| !audience.is_empty());
        let audience = audience.as_deref().unwrap_or(&self.audience);
        check_audience(audience).map_err(|why| (400, why))?;
        for (grant, tokens) in &self.grants {
            if let Provider::IdToken(settings) = &grant.provider
                && settings.audiences.iter().any(|known| known == audience)
            {
                let token = tokens.token(audience, settings.algorithm);
                return token.map(|token| token.expose().to_owned()).map_err(|e| (500, e.to_string()));
            }
        }
        let names: Vec<String> = self.grants.iter().map(|(grant, _)| format!("`{}`", grant.name)).collect();
        Err((
            403,
            format!("`audiences`: `{audience}` is not among those of the grant {}", names.join(" or ")),
        ))
    }
}
