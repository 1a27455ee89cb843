//! ID tokens of a service account, each for an audience, as a metadata server gives them: for services behind Cloud Run or
//! the Identity-Aware Proxy. Source: "Method: projects.serviceAccounts.generateIdToken" in the reference of Google's IAM
//! Service Account Credentials API, and "Verify the identity of instances" in Compute Engine's documentation.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::call::Provider;
use super::super::fresh::PATIENCE;
use super::super::{Credentials, ExchangeError, Masks, Request};
use super::{ACCOUNTS, Gcp};
use crate::base64::from_base64url;
use crate::identity::endpoint::{Answer, Asked};
use crate::mask::Secret;

/// How long before its end a token isn't given any more.
const LEFT: Duration = Duration::from_mins(10);

/// Gives them while a step runs.
pub struct Identity {
    gcp: Gcp,
    request: Request,
    masks: Arc<dyn Masks>,
    /// Those that were given, which are given again: as many as there are audiences at most, twice.
    given: Mutex<Vec<Given>>,
}

struct Given {
    audience: String,
    email: bool,
    token: Secret,
    expires: SystemTime,
}

impl Identity {
    /// For the step of this request.
    pub fn new(gcp: &Gcp, request: &Request, masks: &Arc<dyn Masks>) -> Identity {
        Identity { gcp: gcp.clone(), request: request.clone(), masks: masks.clone(), given: Mutex::default() }
    }

    /// Whether there are any.
    pub fn is_there(&self) -> bool {
        self.gcp.account.is_some() && !self.gcp.id_token_audiences.is_empty()
    }

    /// Answers `identity?audience=AUDIENCE`, with `format=full` for a token that says the account's address.
    pub fn answer(&self, asked: &Asked<'_>) -> Answer {
        let parameter = |name| asked.parameter(name).map_err(|why| Answer::text(400, why));
        let asked = parameter("audience").and_then(|audience| Ok((audience, parameter("format")?)));
        let (audience, format) = match asked {
            Ok((Some(audience), format)) if !audience.is_empty() => (audience, format),
            Ok(_) => return Answer::text(400, "non-empty audience parameter required"),
            Err(answer) => return answer,
        };
        if !self.gcp.id_token_audiences.contains(&audience) {
            let audiences = self.gcp.id_token_audiences.join(", ");
            return Answer::text(
                403,
                format!("`id-token-audiences` of the grant `{}` has {audiences} alone", self.request.grant),
            );
        }
        let email = match format.as_deref() {
            None | Some("standard") => false,
            Some("full") => true,
            Some(_) => return Answer::text(400, "`format` is `standard` or `full`"),
        };
        match self.token(&audience, email) {
            Ok(token) => Answer::text(200, token.expose()),
            Err(error) => Answer::text(503, error.to_string()),
        }
    }

    fn token(&self, audience: &str, email: bool) -> Result<Secret, ExchangeError> {
        let good = |given: &&Given| {
            given.audience == audience && given.email == email && SystemTime::now() + LEFT < given.expires
        };
        let given = || self.given.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = given().iter().find(good) {
            return Ok(known.token.clone());
        }
        let request = Request { deadline: Instant::now() + PATIENCE, ..self.request.clone() };
        let (token, expires) = self.gcp.id_token(audience, email, &request)?;
        self.masks.mask("ID token of Google", &token)?;
        self.masks.issued(&Credentials {
            values: Vec::new(),
            expires: Some(expires),
            record: vec![
                ("account", self.gcp.account.clone().unwrap_or_default()),
                ("audience", audience.to_owned()),
            ],
        });
        let mut given = given();
        given.retain(|given| given.audience != audience || given.email != email);
        given.push(Given { audience: audience.to_owned(), email, token: token.clone(), expires });
        Ok(token)
    }
}

impl Gcp {
    /// A token that says to an audience that its bearer is the service account; and its end.
    fn id_token(
        &self,
        audience: &str,
        email: bool,
        request: &Request,
    ) -> Result<(Secret, SystemTime), ExchangeError> {
        #[derive(Deserialize)]
        struct Said {
            token: String,
        }
        let federated = self.federate(request)?.token;
        let sent = [&federated];
        let provider =
            Provider { name: ACCOUNTS, http: &request.http, deadline: request.deadline, sent: &sent };
        let body = json!({ "audience": audience, "includeEmail": email });
        let account = self.account.as_deref().unwrap_or_default();
        let path = format!("/v1/projects/-/serviceAccounts/{account}:generateIdToken");
        let reply = provider.ask_as(&federated, self.accounts.instance(), &path, Some(&body))?;
        let said: Said = provider.read(&reply)?;
        let expires = end(&said.token).ok_or_else(|| provider.garbled("its `token` is none that ends"))?;
        Ok((Secret::new(said.token), expires))
    }
}

/// When a token says that it ends. Its signature is for who gets it.
fn end(token: &str) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [_, claims, _] = parts[..] else { return None };
    let claims: Claims = serde_json::from_slice(&Zeroizing::new(from_base64url(claims)?)).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(claims.exp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64::base64url;

    #[test]
    fn the_end_of_a_token_is_its_own_word() {
        let token = |claims: &str| format!("e30.{}.c2ln", base64url(claims.as_bytes()));
        assert_eq!(end(&token("{\"exp\":7}")), Some(UNIX_EPOCH + Duration::from_secs(7)));
        for none in [
            "",
            "a.b",
            "a.b.c",
            &token("{}"),
            &token("{\"exp\":-1}"),
            &token("{\"exp\":18446744073709551615}"),
        ] {
            assert_eq!(end(none), None, "{none}");
        }
    }
}
