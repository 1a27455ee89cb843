//! `palisade identity test`: a decision, and then a real exchange, of which the values aren't shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json, json};

use super::super::error::{Blame, Error};
use super::{Described, JobArgs, explained, known};
use crate::identity::Claims;
use crate::identity::exchange::{Algorithm, Credentials, ExchangeError, Request, Tokens};
use crate::identity::id_token::SignedBy;
use crate::identity::issuer::Issuer;
use crate::mask::{Masker, Secret};
use crate::output::clock;

/// How long a provider has for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

impl JobArgs {
    /// Exchanges a token for what a grant gives, and says what that is.
    pub(super) fn test(&self, name: &str, as_json: bool) -> Result<String, Error> {
        let Described { claims, broker, .. } = self.described()?;
        let grant = known(&broker, name)?;
        let decision = self.allowed(grant, &claims)?;
        let Some(exchange) = grant.provider.exchange() else {
            let error =
                Error::input(format!("the grant `{name}` gives ID tokens, for which nothing is exchanged"));
            return Err(error.hint(format!("`palisade identity token {name} --audience NAME` signs one")));
        };
        if grant.signed_by() == SignedBy::Forge {
            let error = format!("the forge signs for the grant `{name}`, which it does for its jobs alone");
            return Err(Error::input(error));
        }
        let issuer = match grant.provider.takes_token() {
            true => Some(broker.issuer().map_err(Error::input)?),
            false => None,
        };
        let (claims, masker) = (Arc::new(claims), Masker::new());
        let request = Request {
            grant: grant.name.clone(),
            claims: claims.clone(),
            tokens: Arc::new(Signed {
                issuer,
                claims: grant.provider.claims(&claims).map_err(Error::input)?,
                masker: masker.clone(),
            }),
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
            Error::new(blame, masker.mask(&format!("the grant `{name}`: {error}")).into_owned())
        };
        let start = Instant::now();
        let credentials = exchange.exchange(&request).map_err(failed)?;
        let milliseconds = start.elapsed().as_millis() as u64;
        let unfit: Vec<String> = credentials
            .secrets()
            .filter_map(|(name, secret)| masker.add(name, secret).err().map(|refused| refused.to_string()))
            .collect();
        let request = Request { deadline: Instant::now() + PATIENCE, ..request };
        let revoked = exchange.revoke(&credentials, &request);
        if let Some(why) = unfit.first() {
            // A step would not get it either.
            return Err(Error::input(format!("the grant `{name}` gives what can't be masked: {why}")));
        }
        revoked.map_err(failed)?;
        let said = if as_json {
            told_as_json(name, grant.provider.name(), &credentials, milliseconds)
        } else {
            let head = format!("grant {name} ({}): allowed\n{}", grant.provider.name(), explained(&decision));
            head + &told(&credentials, milliseconds)
        };
        Ok(masker.mask(&said).into_owned())
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

fn told_as_json(name: &str, provider: &str, credentials: &Credentials, milliseconds: u64) -> String {
    let record: Map<String, Json> =
        credentials.record.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    let secrets: Vec<&str> = credentials.secrets().map(|(name, _)| name).collect();
    let said = json!({
        "grant": name, "provider": provider, "record": record, "expires": credentials.expires.map(clock::at),
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
