//! Tokens of a step, and what a grant gives: each is masked and on record before anybody has it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use crate::identity::exchange::{Algorithm, Credentials, ExchangeError, Masks, Tokens};
use crate::identity::grant::Grant;
use crate::identity::issuer::{Issuer, Token};
use crate::identity::{Claims, ForgeToken, ForgeTokens};
use crate::mask::Secret;
use crate::output::Output;
use crate::output::clock;
use crate::output::event::{Event, Issued, JobName};

/// Most tokens of a job.
const MAX_TOKENS: usize = 1000;

/// Tokens of a step.
#[derive(Clone)]
pub struct StepTokens {
    /// Who signs them.
    pub signer: Signer,
    /// What they say.
    pub claims: Arc<Claims>,
    /// The grant that they are of.
    pub grant: Arc<str>,
    /// Where each is told of, and masked.
    pub output: Output,
    /// The job.
    pub job: JobName,
    /// Index of the step.
    pub step: usize,
    /// How many the job has had.
    pub count: Arc<AtomicUsize>,
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
            Signer::None => return Err(ExchangeError::Issuer("nobody signs tokens here".into())),
        };
        Masking(self.output.clone()).mask("ID token", &value)?;
        self.output.emit(Event::Issued {
            job: self.job.clone(),
            step: self.step,
            issued: Issued {
                grant: self.grant.to_string(),
                provider: "id-token",
                subject,
                audience: Some(audience.to_owned()),
                id,
                expires: expires.map(clock::at),
                record: Default::default(),
            },
        });
        Ok(value)
    }
}

/// Who signs the tokens of a grant.
#[derive(Clone)]
pub enum Signer {
    /// This runner.
    Runner(Arc<Issuer>),
    /// The forge.
    Forge(Arc<ForgeTokens>),
    /// Nobody.
    None,
}

/// Has what a grant gives masked and recorded.
pub struct ToldOfGrant {
    /// The grant that they are of.
    pub grant: Arc<Grant>,
    /// Whom it is given to.
    pub subject: String,
    /// Where each is told of, and masked.
    pub output: Output,
    /// The job.
    pub job: JobName,
    /// Index of the step.
    pub step: usize,
}

impl Masks for ToldOfGrant {
    fn mask(&self, name: &str, value: &Secret) -> Result<(), ExchangeError> {
        Masking(self.output.clone()).mask(name, value)
    }

    fn issued(&self, credentials: &Credentials) {
        let issued = Issued {
            grant: self.grant.name.to_string(),
            provider: self.grant.provider.name(),
            subject: self.subject.clone(),
            audience: None,
            id: None,
            expires: credentials.expires.map(clock::at),
            record: credentials.record.iter().cloned().collect(),
        };
        self.output.emit(Event::Issued { job: self.job.clone(), step: self.step, issued });
    }
}

/// Registers secrets with the masker of the job's output.
pub struct Masking(pub Output);

impl Masks for Masking {
    fn mask(&self, name: &str, value: &Secret) -> Result<(), ExchangeError> {
        self.0.masker().add(name, value).map_err(|refused| ExchangeError::Delivery(refused.to_string()))
    }
}
