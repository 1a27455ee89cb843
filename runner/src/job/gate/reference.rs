//! Which of the secrets that the configuration refers to a job may have. They are fetched when they are read.

use super::super::contexts::RunContexts;
use super::super::identity::called;
use super::super::schedule::Run;
use super::Entered;
use crate::identity::claims::{Environment, Observed};

/// The contexts of a job with the secrets that it may have; none where the configuration refers to none.
pub fn refer(run: &Run, environment: Option<&Entered>) -> Option<RunContexts> {
    let identity = &run.identity;
    if identity.secrets.is_empty() {
        return None;
    }
    let claims = identity.claims(Observed {
        called: run.file.as_ref().map(|file| called(file, identity.facts())),
        environment: environment
            .filter(|entered| entered.is_known)
            .map(|entered| Environment { name: entered.name.clone(), approved: entered.is_approved }),
        ..Observed::default()
    });
    let base = environment.map_or(&run.contexts, |entered| &entered.contexts);
    let mut contexts = base.of_called(base.inputs.clone(), base.secrets.clone(), base.rights.clone());
    for reference in identity.secrets.iter() {
        match reference.decide(&claims).why_not() {
            Some(why) => contexts.secrets.withhold(&reference.name, why),
            None => contexts.secrets.refer(reference.clone()),
        }
    }
    Some(contexts)
}
