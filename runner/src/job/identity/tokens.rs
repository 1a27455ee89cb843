//! Tokens of a step, and what a grant gives: each is masked and on record before anybody has it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use crate::identity::exchange::{Algorithm, Credentials, ExchangeError, Masks, Tokens};
use crate::identity::issuer::{Issuer, Token};
use crate::identity::{Claims, ForgeToken, ForgeTokens};
use crate::mask::Secret;
use crate::output::Output;
use crate::output::clock;
use crate::output::event::{By, Event, Issued, JobName};

/// Most tokens of a job.
const MAX_TOKENS: usize = 1000;

/// Tokens of a step.
pub struct StepTokens {
    /// Who signs them.
    pub signer: Signer,
    /// What they say.
    pub claims: Arc<Claims>,
    /// By what they are given.
    pub by: By,
    /// Where each is told of, and masked.
    pub output: Output,
    /// The job.
    pub job: JobName,
    /// Index of the step; none for what is a setting of the job.
    pub step: Option<usize>,
    /// How many the job has had.
    pub count: Arc<AtomicUsize>,
    /// The name (`jti`) of the last one.
    pub last: Mutex<Option<String>>,
}

impl Tokens for StepTokens {
    fn token(&self, audience: &str, algorithm: Algorithm) -> Result<Secret, ExchangeError> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= MAX_TOKENS {
            return Err(ExchangeError::Issuer(format!(
                "this job has had {MAX_TOKENS} tokens; there are no more"
            )));
        }
        let (value, subject, id, expires) = match &self.signer {
            Signer::Runner(issuer) => {
                let Token { value, id, expires } = issuer.token(&self.claims, audience, algorithm)?;
                (value, self.claims.sub.clone(), Some(id), Some(expires))
            }
            Signer::Forge(forge) => {
                let ForgeToken { value, said } = forge.token(audience)?;
                let expires = said.exp.and_then(|at| UNIX_EPOCH.checked_add(Duration::from_secs(at)));
                (value, said.sub, said.jti, expires)
            }
            Signer::Nobody => return Err(ExchangeError::Issuer("nobody signs tokens here".into())),
        };
        Masking(self.output.clone()).mask("ID token", &value)?;
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&id);
        self.output.emit(Event::Issued {
            job: self.job.clone(),
            step: self.step,
            issued: Issued {
                by: self.by.clone(),
                provider: "id-token",
                subject,
                audience: Some(audience.to_owned()),
                id,
                expires: expires.map(clock::at),
                record: who(&self.claims),
            },
        });
        Ok(value)
    }
}

/// What is recorded of the claims by which a token was given.
fn who(claims: &Claims) -> BTreeMap<&'static str, String> {
    let said = [
        ("actor", &claims.actor),
        ("repository", &claims.repository),
        ("ref", &claims.reference),
        ("sha", &claims.sha),
        ("event_name", &claims.event_name),
        ("job_workflow_ref", &claims.job_workflow_ref),
        ("run_id", &claims.run_id),
        ("run_attempt", &claims.run_attempt),
    ];
    let environment = claims.environment.iter().map(|name| ("environment", name));
    let said = said.into_iter().chain(environment).filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| (name, value.clone())).collect()
}

/// Who signs the tokens of a grant.
#[derive(Clone)]
pub enum Signer {
    /// This runner.
    Runner(Arc<Issuer>),
    /// The forge.
    Forge(Arc<ForgeTokens>),
    /// Nobody, for who takes none.
    Nobody,
}

/// Has what is given masked and recorded.
pub struct Told {
    /// By what it is given.
    pub by: By,
    /// Who gives it.
    pub provider: &'static str,
    /// Whom it is given to.
    pub subject: String,
    /// Where it is masked.
    pub masking: Masking,
    /// The job.
    pub job: JobName,
    /// Index of the step; none for what is a setting of the job.
    pub step: Option<usize>,
    /// The tokens that it is given for.
    pub token: Option<Arc<StepTokens>>,
}

impl Masks for Told {
    fn mask(&self, name: &str, value: &Secret) -> Result<(), ExchangeError> {
        self.masking.mask(name, value)
    }

    fn issued(&self, credentials: &Credentials) {
        let last =
            |tokens: &Arc<StepTokens>| tokens.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let issued = Issued {
            by: self.by.clone(),
            provider: self.provider,
            subject: self.subject.clone(),
            audience: None,
            id: self.token.as_ref().and_then(last),
            expires: credentials.expires.map(clock::at),
            record: credentials.record.iter().cloned().collect(),
        };
        self.masking.0.emit(Event::Issued { job: self.job.clone(), step: self.step, issued });
    }
}

/// Registers secrets with the masker of the job's output.
pub struct Masking(pub Output);

impl Masks for Masking {
    fn mask(&self, name: &str, value: &Secret) -> Result<(), ExchangeError> {
        self.0.masker().add(name, value).map_err(|refused| ExchangeError::Delivery(refused.to_string()))
    }
}
