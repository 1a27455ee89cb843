//! Taking back what was given.

use std::time::{Duration, Instant};

use super::waiting::Wait;
use super::{GivenTo, PATIENCE};
use crate::identity::exchange::{ExchangeError, Request};
use crate::job::execute::Running;
use crate::output::event::Level;

/// How long providers have for it once the job is to stop.
const GRACE: Duration = Duration::from_secs(2);

/// Something that can be taken back.
pub struct Revocable {
    /// For people.
    pub what: String,
    /// Does it, until then.
    pub revoke: Box<dyn FnOnce(Instant) -> Result<(), ExchangeError> + Send>,
}

impl GivenTo {
    /// What can be taken back of it.
    pub fn revocable(self) -> Option<Revocable> {
        let GivenTo { grant, credentials, request, .. } = self;
        grant.provider.exchange().filter(|exchange| exchange.revokes()).is_some().then(|| {
            let what = format!("the credentials of the grant `{}`", grant.name);
            let revoke = move |deadline| match grant.provider.exchange() {
                Some(exchange) => exchange.revoke(&credentials, &Request { deadline, ..request }),
                None => Ok(()),
            };
            Revocable { what, revoke: Box::new(revoke) }
        })
    }
}

impl Running<'_> {
    /// Has credentials taken back, all at the same time.
    pub fn revoke(&self, step: Option<usize>, all: Vec<Revocable>) {
        if all.is_empty() {
            return;
        }
        let what: Vec<String> = all.iter().map(|revocable| revocable.what.clone()).collect();
        let deadline = Instant::now() + PATIENCE;
        let work = move || {
            std::thread::scope(|scope| {
                let begun: Vec<_> =
                    all.into_iter().map(|it| scope.spawn(move || (it.revoke)(deadline))).collect();
                let panicked = |_| Err(ExchangeError::Delivery("who asked has failed".into()));
                begun.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect::<Vec<_>>()
            })
        };
        // Nobody asks for it twice: a cancelled job has its grace too.
        let wait = Wait { already_asked: false, deadline: None, ..self.wait(GRACE) };
        let tell = |message| self.execution.annotate(step, Level::Warning, message);
        match wait.until_done(work, drop) {
            Ok(done) => {
                for (what, done) in what.iter().zip(done) {
                    if let Err(error) = done {
                        tell(format!("{what} can't be revoked: {error}"));
                    }
                }
            }
            Err(_) => tell(format!(
                "{} may not be revoked: the job had to stop, and there was no answer within {} s",
                what.join(", "),
                GRACE.as_secs()
            )),
        }
    }
}
