//! Giving a step what its grants are of: credentials are had, masked, recorded and delivered, and the endpoint answers the step.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::files::StepFiles;
use super::tokens::{Masking, Signer, StepTokens, Told};
use super::{Entered, GivenTo, PATIENCE, Refused};
use crate::identity::endpoint::{Caller, Endpoint, IdTokenRoute, Route, request_url};
use crate::identity::exchange::{Credentials, Delivery, ExchangeError, Masks, Request, Tokens};
use crate::identity::grant::{Grant, Provider};
use crate::identity::id_token::SignedBy;
use crate::identity::issuer::token::random_id;
use crate::identity::{Broker, Claims};
use crate::job::execute::Running;
use crate::mask::Secret;
use crate::output::Output;
use crate::output::event::{Annotation, By, Event, JobName, Level};

/// Most questions without an answer that a job is warned of.
const MAX_WARNINGS: usize = 10;

/// Who signs tokens.
pub fn signer(broker: &Broker, signed_by: Option<SignedBy>) -> Result<Signer, String> {
    let Some(signed_by) = signed_by else { return Ok(Signer::Nobody) };
    match (signed_by, broker.forge()) {
        (SignedBy::Runner, _) => broker.issuer().map(Signer::Runner),
        (SignedBy::Forge, Some(forge)) => Ok(Signer::Forge(forge.clone())),
        (SignedBy::Forge, None) => Err(NO_FORGE.to_owned()),
    }
}

/// Why a forge signs nothing.
pub const NO_FORGE: &str = "`issuer`: the forge offers this job no tokens; at a Forgejo, `enable-openid-connect: true` in the \
                            workflow has it do so";

impl Running<'_> {
    /// Gets what grants give, and has the endpoint answer.
    pub fn give(&mut self, index: usize, grants: &[Arc<Grant>]) -> Result<(), Refused> {
        let identity = self.execution.identity;
        // A runner without an issuer can still pass on what the forge gives.
        for grant in grants {
            signer(identity, grant.token_signed_by())?;
        }
        let claims = self.claims();
        let caller = Caller { origin: self.endpoint()?.origin().to_owned(), bearer: bearer()? };
        let masks = Arc::new(Masking(self.execution.output.clone()));
        masks.mask("ID token request token", &caller.bearer).map_err(|e| e.to_string())?;
        let names = grants.iter().map(|grant| grant.name.clone()).collect();
        let mut entered = Entered { grants: names, ..Entered::default() };
        let (own, brokered): (Vec<&Arc<Grant>>, Vec<_>) =
            grants.iter().partition(|grant| matches!(grant.provider, Provider::IdToken(_)));
        let mut routes: Vec<Box<dyn Route>> = Vec::new();
        if !own.is_empty() {
            entered.whole_job = own.iter().all(|grant| grant.steps.is_none());
            entered.variables.extend([
                ("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), request_url(&caller.origin)),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN".to_owned(), caller.bearer.expose().to_owned()),
            ]);
            let mut grants: Vec<(Arc<Grant>, Arc<dyn Tokens>)> = Vec::new();
            for grant in own {
                grants.push((grant.clone(), self.tokens_of_grant(index, grant, claims.clone())?));
            }
            routes.push(Box::new(IdTokenRoute {
                caller: caller.clone(),
                grants,
                audience: format!("{}/{}", claims.palisade.server, claims.repository_owner),
                refused: self.warns(index),
            }));
        }
        // From here on what a step has is given back, also where the rest of it can't be had.
        self.identity.step = Some(entered);
        self.begin(routes);
        if brokered.is_empty() {
            return Ok(());
        }
        let http = self.execution.identity.http()?;
        for grant in brokered {
            let told = |e: ExchangeError| format!("the grant `{}`: {e}", grant.name);
            let signed = grant.provider.claims(&claims).map_err(told)?;
            let tokens = self.tokens_of_grant(index, grant, signed)?;
            let request = Request {
                grant: grant.name.clone(),
                claims: claims.clone(),
                tokens: tokens.clone(),
                http: http.clone(),
                shown: identity.shown().clone(),
                deadline: Instant::now() + PATIENCE,
            };
            let credentials = self.exchange(grant, &request)?.map_err(told)?;
            // They are taken back whatever becomes of the rest.
            if let Some(entered) = &mut self.identity.step {
                entered.given.push(GivenTo {
                    grant: grant.clone(),
                    credentials: credentials.clone(),
                    request: request.clone(),
                    held: Vec::new(),
                });
                // What this step has by name ends with it.
                entered.whole_job = false;
            }
            for (name, secret) in credentials.secrets() {
                masks.mask(name, secret).map_err(told)?;
            }
            let record = Arc::new(Told {
                by: By::Grant(grant.name.to_string()),
                provider: grant.provider.name(),
                subject: claims.sub.clone(),
                masking: Masking(self.execution.output.clone()),
                job: self.execution.name.clone(),
                step: Some(index),
                token: Some(tokens),
            });
            record.issued(&credentials);
            let files = StepFiles::new(self.dir)?;
            let mut delivery = Delivery {
                request: &request,
                caller: &caller,
                variables: self.identity.variables().collect(),
                files: files.clone(),
                routes: Vec::new(),
                held: Vec::new(),
                masks: record,
            };
            let delivered = match grant.provider.exchange() {
                Some(exchange) => exchange.deliver(credentials, &mut delivery),
                None => Ok(()),
            };
            let Delivery { variables, routes, held, .. } = delivery;
            if let Some(entered) = &mut self.identity.step {
                entered.variables = variables;
                entered.files.append(&mut files.names());
                if let Some(given) = entered.given.last_mut() {
                    given.held = held;
                }
            }
            self.begin(routes);
            delivered.map_err(told)?;
        }
        Ok(())
    }

    /// Gets credentials, as long as the job goes on. Those that come too late are taken back.
    fn exchange(
        &mut self,
        grant: &Arc<Grant>,
        request: &Request,
    ) -> Result<Result<Credentials, ExchangeError>, Refused> {
        let nothing = || ExchangeError::Delivery("nothing is exchanged for it".into());
        let (of_thread, late) = ((grant.clone(), request.clone()), (grant.clone(), request.clone()));
        let work = move || {
            let (grant, request) = of_thread;
            grant.provider.exchange().ok_or_else(nothing)?.exchange(&request)
        };
        let take_back = move |made: Result<Credentials, ExchangeError>| {
            let (grant, request) = late;
            if let (Ok(credentials), Some(exchange)) = (made, grant.provider.exchange()) {
                // There is nobody left to tell.
                let request = Request { deadline: Instant::now() + PATIENCE, ..request };
                let _ = exchange.revoke(&credentials, &request);
            }
        };
        let waited = self.wait(Duration::ZERO).until_done(work, take_back);
        waited.map_err(|stopped| self.stopped(stopped))
    }

    fn tokens_of_grant(
        &self,
        step: usize,
        grant: &Grant,
        claims: Arc<Claims>,
    ) -> Result<Arc<StepTokens>, Refused> {
        let signer = signer(self.execution.identity, grant.token_signed_by())?;
        Ok(self.tokens(Some(step), By::Grant(grant.name.to_string()), signer, claims))
    }

    /// Tokens that say this.
    pub fn tokens(
        &self,
        step: Option<usize>,
        by: By,
        signer: Signer,
        claims: Arc<Claims>,
    ) -> Arc<StepTokens> {
        Arc::new(StepTokens {
            signer,
            claims,
            by,
            output: self.execution.output.clone(),
            job: self.execution.name.clone(),
            step,
            count: self.identity.tokens.clone(),
            last: Default::default(),
        })
    }

    fn begin(&mut self, routes: Vec<Box<dyn Route>>) {
        if let (Some(endpoint), Some(entered), false) =
            (&self.identity.endpoint, &mut self.identity.step, routes.is_empty())
        {
            entered.sessions.push(endpoint.begin(routes));
        }
    }

    /// The job's endpoint, which is opened when it is first needed.
    fn endpoint(&mut self) -> Result<&Endpoint, String> {
        if self.identity.endpoint.is_none() {
            let failed =
                |e: &dyn std::fmt::Display| format!("the endpoint of ID tokens can't be opened: {e}");
            let listener = self.sandbox.listen().map_err(|e| failed(&e))?;
            let (output, job, at) =
                (self.execution.output.clone(), self.execution.name.clone(), self.at_step.clone());
            let count = AtomicUsize::new(0);
            let refused = move || {
                if count.fetch_add(1, Ordering::Relaxed) < MAX_WARNINGS {
                    let message = "a process asked for an ID token or credentials without the right to them, and \
                                   was refused";
                    warn(&output, &job, at.get(), message.into());
                }
            };
            self.identity.endpoint = Some(Endpoint::open(listener, refused).map_err(|e| failed(&e))?);
        }
        self.identity.endpoint.as_ref().ok_or_else(|| "there is no endpoint".to_owned())
    }

    fn warns(&self, step: usize) -> Box<dyn Fn(&str) + Send + Sync> {
        let (output, job) = (self.execution.output.clone(), self.execution.name.clone());
        let count = AtomicUsize::new(0);
        Box::new(move |why| {
            if count.fetch_add(1, Ordering::Relaxed) < MAX_WARNINGS {
                warn(&output, &job, Some(step), format!("an ID token was refused: {why}"));
            }
        })
    }
}

fn warn(output: &Output, job: &JobName, step: Option<usize>, message: String) {
    let annotation = Annotation::new(Level::Warning, message);
    output.emit(Event::Annotation { job: job.clone(), step, annotation });
}

/// 256 random bits.
fn bearer() -> Result<Secret, String> {
    let half = || random_id().map_err(|e| e.to_string());
    Ok(Secret::new(half()? + &half()?))
}
