//! `palisade identity test`: a decision, and then a real exchange, of which the values aren't shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use super::super::error::{Blame, Error};
use super::{Described, JobArgs, allowed, explained, known};
use crate::identity::Claims;
use crate::identity::exchange::{Algorithm, Credentials, ExchangeError, Given, Request, Tokens};
use crate::identity::grant::{Decision, Grant};
use crate::identity::id_token::SignedBy;
use crate::identity::issuer::Issuer;
use crate::identity::reference::{Place, Reference};
use crate::mask::{Masker, Secret};
use crate::output::clock;

/// How long a provider has for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

impl JobArgs {
    /// Exchanges a token for what a grant gives, or fetches a secret, and says what that is.
    pub(super) fn test(&self, name: &str, as_json: bool) -> Result<String, Error> {
        let Described { claims, broker, .. } = self.described()?;
        let tried = match (broker.grants.get(name), broker.secrets.get(name)) {
            (None, Some(secret)) => self.tried_secret(secret, &claims)?,
            _ => self.tried_grant(known(&broker, name)?, &claims)?,
        };
        let what = tried.what.clone();
        if tried.signed_by == Some(SignedBy::Forge) {
            let error = format!("the forge signs for {what}, which it does for its jobs alone");
            return Err(Error::input(error));
        }
        let issuer = match tried.signed_by {
            Some(_) => Some(broker.issuer().map_err(Error::input)?),
            None => None,
        };
        let (claims, masker) = (Arc::new(claims), Masker::new());
        let signed = match &tried.of {
            Of::Grant(grant) => grant.provider.claims(&claims),
            Of::Secret(Place::Store { store, .. }) => store.claims(&claims),
            Of::Secret(Place::Here(_)) => Ok(claims.clone()),
        };
        let tokens = Signed { issuer, claims: signed.map_err(Error::input)?, masker: masker.clone() };
        let request = Request {
            grant: name.into(),
            claims: claims.clone(),
            tokens: Arc::new(tokens),
            http: broker.http().map_err(Error::input)?,
            shown: broker.shown().clone(),
            deadline: Instant::now() + PATIENCE,
        };
        let failed = |error: ExchangeError| {
            let blame = match error {
                ExchangeError::Issuer(_) | ExchangeError::Delivery(_) => Blame::Input,
                ExchangeError::Refused { .. }
                | ExchangeError::Unreachable { .. }
                | ExchangeError::Garbled { .. } => Blame::Forge,
            };
            Error::new(blame, masker.mask(&format!("{what}: {error}")).into_owned())
        };
        let start = Instant::now();
        let credentials = tried.of.get(&request).map_err(failed)?;
        let milliseconds = start.elapsed().as_millis() as u64;
        let unfit: Vec<String> = credentials
            .secrets()
            .filter_map(|(name, secret)| masker.add(name, secret).err().map(|refused| refused.to_string()))
            .collect();
        let request = Request { deadline: Instant::now() + PATIENCE, ..request };
        let revoked = tried.of.give_back(&credentials, &request);
        if let Some(why) = unfit.first() {
            // A step would not get it either, or with a warning.
            return Err(Error::input(format!("{what} gives what can't be masked: {why}")));
        }
        revoked.map_err(failed)?;
        let said = if as_json {
            told_as_json(&tried, name, &credentials, milliseconds)
        } else {
            let kind = tried.of.kind();
            let head = format!("{kind} {name} ({}): allowed\n{}", tried.provider, explained(&tried.decision));
            head + &told(&credentials, milliseconds)
        };
        Ok(masker.mask(&said).into_owned())
    }

    fn tried_grant<'b>(&self, grant: &'b Arc<Grant>, claims: &Claims) -> Result<Tried<'b>, Error> {
        let (what, decision) = (format!("the grant `{}`", grant.name), self.allowed(grant, claims)?);
        if grant.provider.exchange().is_none() {
            let error = Error::input(format!("{what} gives ID tokens, for which nothing is exchanged"));
            let name = &grant.name;
            return Err(error.hint(format!("`palisade identity token {name} --audience NAME` signs one")));
        }
        let (provider, signed_by) = (grant.provider.name(), grant.token_signed_by());
        Ok(Tried { what, decision, provider, signed_by, of: Of::Grant(grant) })
    }

    fn tried_secret<'b>(&self, secret: &'b Arc<Reference>, claims: &Claims) -> Result<Tried<'b>, Error> {
        let what = format!("the secret `{}`", secret.name);
        let decision = allowed(&what, secret.decide(claims))?;
        let signed_by = match &secret.place {
            Place::Here(_) => None,
            Place::Store { signed_by, .. } => Some(*signed_by),
        };
        let (provider, of) = (secret.place.kind(), Of::Secret(&secret.place));
        Ok(Tried { what, decision, provider, signed_by, of })
    }
}

/// What is tried.
struct Tried<'b> {
    /// For people.
    what: String,
    decision: Decision,
    provider: &'static str,
    /// Nobody, where no token is taken.
    signed_by: Option<SignedBy>,
    of: Of<'b>,
}

/// By what something is given.
enum Of<'b> {
    Grant(&'b Grant),
    Secret(&'b Place),
}

impl Of<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Of::Grant(_) => "grant",
            Of::Secret(_) => "secret",
        }
    }

    fn get(&self, request: &Request) -> Result<Credentials, ExchangeError> {
        let nothing = || ExchangeError::Delivery("nothing is exchanged for it".into());
        match self {
            Of::Grant(grant) => grant.provider.exchange().ok_or_else(nothing)?.exchange(request),
            Of::Secret(Place::Store { store, .. }) => Ok(store.fetch(request)?.credentials),
            Of::Secret(Place::Here(here)) => {
                let late = || Instant::now() >= request.deadline;
                let value = here.fetch(&request.shown, &late).map_err(ExchangeError::Delivery)?;
                let values = vec![("value".into(), Given::Secret(value))];
                Ok(Credentials { values, expires: None, record: Vec::new() })
            }
        }
    }

    fn give_back(&self, credentials: &Credentials, request: &Request) -> Result<(), ExchangeError> {
        match self {
            Of::Grant(grant) => match grant.provider.exchange() {
                Some(exchange) => exchange.revoke(credentials, request),
                None => Ok(()),
            },
            Of::Secret(Place::Store { store, .. }) => store.revoke(credentials, request),
            Of::Secret(Place::Here(_)) => Ok(()),
        }
    }
}

fn told(credentials: &Credentials, milliseconds: u64) -> String {
    let mut rows: Vec<(&str, String)> =
        credentials.record.iter().map(|(name, value)| (*name, value.clone())).collect();
    rows.extend(credentials.expires.map(|end| ("expires", clock::at(end))));
    let names: Vec<&str> = credentials.secrets().map(|(name, _)| name).collect();
    rows.push(("secrets", names.join(", ")));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = rows.iter().map(|(name, value)| format!("  {name:width$}  {value}\n"));
    format!("exchanged in {}\n{}", clock::duration(milliseconds), lines.collect::<String>())
}

fn told_as_json(tried: &Tried<'_>, name: &str, credentials: &Credentials, milliseconds: u64) -> String {
    let record: Map<String, Json> =
        credentials.record.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    let secrets: Vec<&str> = credentials.secrets().map(|(name, _)| name).collect();
    let said = json!({
        tried.of.kind(): name, "provider": tried.provider, "record": record, "expires": credentials.expires.map(clock::at),
        "secrets": secrets, "milliseconds": milliseconds,
    });
    format!("{said}\n")
}

/// Tokens of the job that is described.
struct Signed {
    /// Nobody, for a provider that takes none.
    issuer: Option<Arc<Issuer>>,
    claims: Arc<Claims>,
    masker: Masker,
}

impl Tokens for Signed {
    fn token(&self, audience: &str, algorithm: Algorithm) -> Result<Secret, ExchangeError> {
        let nobody = || ExchangeError::Issuer("nobody signs tokens here".into());
        let token = self.issuer.as_ref().ok_or_else(nobody)?.token(&self.claims, audience, algorithm)?;
        let masked = self.masker.add("ID token", &token.value);
        masked.map_err(|refused| ExchangeError::Delivery(refused.to_string()))?;
        Ok(token.value)
    }
}
