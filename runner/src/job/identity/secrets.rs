//! Secrets that are kept elsewhere: fetched when a step first reads them, masked before anything is done with them.

use std::sync::Arc;
use std::time::Instant;

use super::give::signer;
use super::tokens::{Masking, StepTokens, Told};
use super::{PATIENCE, Refused, Revocable, Stopped};
use crate::expr::Expr;
use crate::identity::exchange::{Credentials, ExchangeError, Masks, Request};
use crate::identity::reference::{Kept, Place, Reference, Store};
use crate::job::cancel::Urgency;
use crate::job::execute::Running;
use crate::mask::Secret;
use crate::output::event::{By, Level};

impl Running<'_> {
    /// Fetches what these expressions read, of the job's secrets that are kept elsewhere. `step` is the one that they are of,
    /// where they are no settings of the job's own.
    ///
    /// # Errors
    /// Why one can't be had.
    pub fn fetch_secrets<'e>(
        &mut self,
        step: Option<usize>,
        exprs: impl Iterator<Item = &'e Expr>,
    ) -> Result<(), Refused> {
        // What an action's own steps have, the workflow didn't write: they read no secrets.
        if self.frame.action.is_some() {
            return Ok(());
        }
        let run = self.execution.run;
        for elsewhere in run.secrets.to_fetch(exprs) {
            let reference = &elsewhere.reference;
            let value = match &reference.place {
                Place::Here(here) => {
                    let cancel = self.execution.cancel;
                    let already_asked = self.cancelled.is_some();
                    let stop = || match cancel.urgency() {
                        Urgency::None => false,
                        Urgency::Asked => !already_asked,
                        Urgency::AtOnce => true,
                    };
                    let fetched = here.fetch(self.execution.identity.shown(), &stop);
                    if stop() {
                        return Err(self.stopped(Stopped::Cancelled));
                    }
                    let value = fetched.map_err(|why| unfetched(reference, &why))?;
                    self.mask(step, reference, &value);
                    let nothing = Credentials { values: Vec::new(), expires: None, record: Vec::new() };
                    self.told(step, reference, None).issued(&nothing);
                    value
                }
                Place::Store { store, .. } => self.fetch(step, reference, store)?,
            };
            elsewhere.fetched(value);
        }
        Ok(())
    }

    /// Fetches one from its provider.
    fn fetch(
        &mut self,
        step: Option<usize>,
        reference: &Arc<Reference>,
        store: &Store,
    ) -> Result<Secret, Refused> {
        let told = |e: ExchangeError| unfetched(reference, &e);
        let (request, tokens) = self.request_of(step, reference, store)?;
        let revokes = store.revokes();
        let (of_thread, late) = ((store.clone(), request.clone()), (store.clone(), request.clone()));
        let waited = self.wait(std::time::Duration::ZERO).until_done(
            move || of_thread.0.fetch(&of_thread.1),
            move |fetched: Result<Kept, ExchangeError>| {
                if let Ok(Kept { credentials, .. }) = fetched {
                    // There is nobody left to tell.
                    let request = Request { deadline: Instant::now() + PATIENCE, ..late.1 };
                    let _ = late.0.revoke(&credentials, &request);
                }
            },
        );
        let Kept { value, credentials } = waited.map_err(|stopped| self.stopped(stopped))?.map_err(told)?;
        self.mask(step, reference, &value);
        let record = self.told(step, reference, Some(tokens));
        let masked = credentials
            .secrets()
            .filter(|(_, secret)| **secret != value)
            .try_for_each(|(name, secret)| record.mask(name, secret));
        record.issued(&credentials);
        let (of_secret, store) = (reference.clone(), store.clone());
        let leased = store.is_leased(&credentials);
        let revocable = Revocable {
            what: format!("what the secret `{}` was read with", of_secret.name),
            revoke: Box::new(move |deadline| store.revoke(&credentials, &Request { deadline, ..request })),
        };
        match (leased, revokes) {
            (true, _) => self.identity.leased.push(revocable),
            (false, true) => self.revoke(step, vec![revocable]),
            (false, false) => {}
        }
        masked.map_err(told)?;
        Ok(value)
    }

    fn request_of(
        &mut self,
        step: Option<usize>,
        reference: &Arc<Reference>,
        store: &Store,
    ) -> Result<(Request, Arc<StepTokens>), Refused> {
        let Place::Store { signed_by, .. } = reference.place else {
            return Err(Refused::from(format!("the secret `{}` is of this host", reference.name)));
        };
        let identity = self.execution.identity;
        let failed = |why: String| unfetched(reference, &why);
        let claims = self.claims();
        let signer = signer(identity, Some(signed_by)).map_err(failed)?;
        let signed = store.claims(&claims).map_err(|e| unfetched(reference, &e))?;
        let by = By::Secret(reference.name.to_string());
        let tokens = self.tokens(step, by, signer, signed);
        let request = Request {
            grant: reference.name.clone(),
            claims,
            tokens: tokens.clone(),
            http: identity.http().map_err(failed)?,
            shown: identity.shown().clone(),
            deadline: Instant::now() + PATIENCE,
        };
        Ok((request, tokens))
    }

    /// One that is too short to be masked is the job's to have, and it is told so.
    fn mask(&self, step: Option<usize>, reference: &Reference, value: &Secret) {
        if let Err(refused) = self.execution.output.masker().add(&reference.name, value) {
            self.execution.annotate(step, Level::Warning, refused.to_string());
        }
    }

    fn told(&mut self, step: Option<usize>, reference: &Reference, token: Option<Arc<StepTokens>>) -> Told {
        Told {
            by: By::Secret(reference.name.to_string()),
            provider: reference.place.kind(),
            subject: self.claims().sub.clone(),
            masking: Masking(self.execution.output.clone()),
            job: self.execution.name.clone(),
            step,
            token,
        }
    }
}

fn unfetched(reference: &Reference, why: &dyn std::fmt::Display) -> Refused {
    Refused::from(format!("cannot fetch the secret `{}`: {why}", reference.name))
}
