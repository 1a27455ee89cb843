//! The secrets that the configuration refers to, for a job that may have them.

use super::super::contexts::RunContexts;
use super::super::identity::called;
use super::super::schedule::Run;
use super::{Entered, Refusal};
use crate::identity::claims::{Environment, Observed};
use crate::output::Output;
use crate::output::event::{Annotation, Event, JobName, Level};

/// The contexts of a job with the secrets that it may have, fetched and masked; none where the configuration refers to none.
pub fn fetch(
    run: &Run,
    job: &JobName,
    environment: Option<&Entered>,
    output: &Output,
) -> Result<Option<RunContexts>, Refusal> {
    let identity = &run.identity;
    if identity.secrets.is_empty() {
        return Ok(None);
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
        if let Some(why) = reference.why_not(&claims) {
            contexts.secrets.withhold(&reference.name, why);
            continue;
        }
        let value = reference.fetch(&run.place.source)?;
        if let Err(refused) = output.masker().add(&reference.name, &value) {
            let annotation = Annotation::new(Level::Warning, refused.to_string());
            output.emit(Event::Annotation { job: job.clone(), step: None, annotation });
        }
        contexts.secrets.insert(&reference.name, value);
    }
    Ok(Some(contexts))
}
