//! Credentials that are exchanged anew before they expire, in a thread of their own: nobody who asks for them waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use zeroize::Zeroizing;

use super::{Credentials, Delivery, Exchange, ExchangeError, Masks, Request, write};
use crate::daemon::backoff::jittered;

/// What is left of a lifetime when credentials are exchanged anew, at most: before the clients that look earliest do so,
/// those of AWS at 15 minutes.
const MOST_LEFT: Duration = Duration::from_mins(20);
/// How long an exchange may take.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(15);

/// Memory of a thread's stack: it speaks TLS.
const STACK: usize = 512 << 10;

/// Gives credentials anew.
pub type Renew = Box<dyn Fn(&Request) -> Result<Credentials, ExchangeError> + Send>;

/// Is told of new credentials, which are masked by then, before anybody gets them.
pub type Told = Box<dyn FnMut(&Credentials) -> Result<(), ExchangeError> + Send>;

/// Has a file hold one value of credentials that are exchanged anew, as long as the step runs; gives its path there.
pub fn keep_file<E: Exchange + Clone + 'static>(
    exchange: &E,
    credentials: Credentials,
    value: &'static str,
    name: &str,
    delivery: &mut Delivery<'_>,
) -> Result<String, ExchangeError> {
    let content = |credentials: &Credentials| {
        Zeroizing::new(credentials.expose(value).unwrap_or_default().as_bytes().to_vec())
    };
    let path = delivery.write(name, &content(&credentials))?;
    let (exchange, files, name) = (exchange.clone(), delivery.files.clone(), name.to_owned());
    let renew = Box::new(move |request: &Request| exchange.exchange(request));
    let told = Box::new(move |new: &Credentials| write(&*files, &name, &content(new)).map(drop));
    let fresh = Fresh::keep(credentials, delivery, renew, told)?;
    delivery.held.push(Box::new(fresh));
    Ok(path)
}

/// How credentials are had anew.
struct Renewal {
    request: Request,
    masks: Arc<dyn Masks>,
    renew: Renew,
    told: Told,
}

impl Renewal {
    fn renew(&mut self) -> Result<Credentials, ExchangeError> {
        let request = Request { deadline: Instant::now() + PATIENCE, ..self.request.clone() };
        (self.renew)(&request)
    }

    fn tell(&mut self, new: &Credentials) -> Result<(), ExchangeError> {
        for (name, secret) in new.secrets() {
            self.masks.mask(name, secret)?;
        }
        self.masks.issued(new);
        (self.told)(new)
    }
}

/// Credentials that stay fresh as long as this is there; after it nobody is told of new ones.
pub struct Fresh(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    credentials: Arc<Credentials>,
    /// Why there are no newer ones.
    failed: Option<ExchangeError>,
    ended: bool,
}

impl Fresh {
    /// Keeps these fresh. Those that tell no end are kept as they are.
    pub fn keep(
        credentials: Credentials,
        delivery: &Delivery<'_>,
        renew: Renew,
        told: Told,
    ) -> Result<Fresh, ExchangeError> {
        let expires = credentials.expires;
        let state = State { credentials: Arc::new(credentials), failed: None, ended: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        if expires.is_some() {
            let renewal =
                Renewal { request: delivery.request.clone(), masks: delivery.masks.clone(), renew, told };
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name("renewal".into()).stack_size(STACK);
            let spawned = thread.spawn(move || shared.go_on(renewal));
            spawned.map_err(|e| ExchangeError::Delivery(format!("nobody can renew them: {e}")))?;
        }
        Ok(Fresh(shared))
    }

    /// The newest ones; the reason why there are no newer where they have expired.
    pub fn get(&self) -> Result<Arc<Credentials>, ExchangeError> {
        let state = self.0.lock();
        let expired = state.credentials.expires.is_some_and(|end| end <= SystemTime::now());
        match &state.failed {
            Some(error) if expired => Err(error.clone()),
            _ => Ok(state.credentials.clone()),
        }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_on(&self, mut renewal: Renewal) {
        let mut wait = match self.lock().credentials.expires {
            Some(end) => until_renewal(end, SystemTime::now()),
            None => return,
        };
        loop {
            let (state, _) = self
                .changed
                .wait_timeout_while(self.lock(), wait, |state| !state.ended)
                .unwrap_or_else(PoisonError::into_inner);
            if state.ended {
                return;
            }
            drop(state);
            let renewed = renewal.renew();
            let mut state = self.lock();
            // Once the step has ended nothing is put anywhere any more.
            if state.ended {
                return;
            }
            match renewed.and_then(|new| renewal.tell(&new).map(|()| new)) {
                Ok(new) => {
                    wait = match new.expires {
                        Some(end) => until_renewal(end, SystemTime::now()),
                        None => return,
                    };
                    state.credentials = Arc::new(new);
                    state.failed = None;
                }
                Err(error) => {
                    wait = jittered(AGAIN);
                    state.failed = Some(error);
                }
            }
        }
    }
}

/// How long credentials that end at a time are kept before they are exchanged anew: until a third of their life is
/// left, or 20 minutes of it.
fn until_renewal(end: SystemTime, now: SystemTime) -> Duration {
    let left = end.duration_since(now).unwrap_or_default();
    // Never at once: a provider that gives what has expired isn't asked without end.
    left.saturating_sub(MOST_LEFT.min(left / 3)).max(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renewal_is_early() {
        let now = SystemTime::now();
        let after = |minutes: u64| until_renewal(now + Duration::from_mins(minutes), now);
        assert_eq!(after(60), Duration::from_mins(40));
        assert_eq!(after(15), Duration::from_mins(10));
        assert_eq!(after(720), Duration::from_mins(700));
        assert_eq!(until_renewal(now, now + Duration::from_mins(1)), Duration::from_secs(1));
    }
}
