//! Where steps ask for tokens and credentials: a small HTTP server on the loopback of their job's own network, which
//! the job's process serves from outside of it. It is opened when the first step needs it.
//!
//! What it answers are [`Route`]s of [`Session`]s. A session is a step's: it begins with the step, and with its end
//! nothing of it is answered any more. Whoever asks without a bearer of a running step learns nothing.

pub mod http;
mod id_token;
mod server;

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use http::{Answer, Asked};
pub use id_token::{IdTokenRoute, request_url};
pub use server::{Answers, Server};

use crate::mask::Secret;

/// Answers some of what steps ask. What no route of a running step answers is refused.
pub trait Route: Send + Sync {
    /// The answer; nothing where the question isn't this route's, or doesn't prove the right to ask it.
    fn answer(&self, asked: &Asked<'_>) -> Option<Answer>;
}

/// A step as the endpoint knows it.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The endpoint's own address inside of the job: `http://127.0.0.1:PORT`.
    pub origin: String,
    /// What proves that who asks is the step. It is masked, and worth nothing after the step.
    pub bearer: Secret,
}

/// A job's endpoint. It ends when this is dropped.
pub struct Endpoint {
    origin: String,
    sessions: Arc<Sessions>,
    _server: Server,
}

#[derive(Default)]
struct Sessions(Mutex<Vec<Arc<Routes>>>);

type Routes = Vec<Box<dyn Route>>;

impl Sessions {
    fn all(&self) -> MutexGuard<'_, Vec<Arc<Routes>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, asked: &Asked<'_>) -> Option<Answer> {
        // A route may take its time, in which other sessions begin and end.
        let sessions = self.all().clone();
        sessions.iter().flat_map(|routes| routes.iter()).find_map(|route| route.answer(asked))
    }
}

impl Endpoint {
    /// Answers on a socket of the job's loopback. `refused` hears of each question that nothing answers.
    pub fn open(listener: TcpListener, refused: impl Fn() + Send + Sync + 'static) -> io::Result<Endpoint> {
        let origin = format!("http://{}", listener.local_addr()?);
        let sessions = Arc::new(Sessions::default());
        let asked = sessions.clone();
        let answers = move |question: &Asked<'_>| {
            // Only who passes on the question of another adds this: a proxy that somebody abuses.
            if question.has("x-forwarded-for") {
                refused();
                return Answer::refused(403, "what is passed on for others is not answered");
            }
            asked.answer(question).unwrap_or_else(|| {
                refused();
                Answer::refused(401, "no step that runs now may ask this, or its bearer is missing or wrong")
            })
        };
        let server = Server::start(listener, Arc::new(answers))?;
        Ok(Endpoint { origin, sessions, _server: server })
    }

    /// Its address inside of the job.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Answers these too, until the session is dropped.
    pub fn begin(&self, routes: Routes) -> Session {
        let routes = Arc::new(routes);
        self.sessions.all().push(routes.clone());
        Session { sessions: self.sessions.clone(), routes }
    }
}

/// What a step may ask.
pub struct Session {
    sessions: Arc<Sessions>,
    routes: Arc<Routes>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sessions.all().retain(|routes| !Arc::ptr_eq(routes, &self.routes));
    }
}
