//! Serves what is published of an issuer, for who has no web server: plain HTTP, behind a proxy that speaks TLS.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::SystemTime;

use super::documents::{CONFIGURATION, KEYS, configuration, keys};
use super::token::seconds;
use super::{Issuer, IssuerError};
use crate::identity::endpoint::{Answer, Asked, Server};
use crate::state::State;

/// How long others may keep an answer: much shorter than the overlap of keys allows them to.
const CACHING: &str = "public, max-age=300";

/// Serves until what it gives is dropped. The issuer is read anew for each request, so that a rotation shows at once.
pub fn serve(state: &State, listener: TcpListener) -> Result<Server, IssuerError> {
    Issuer::open(state)?.published()?;
    let state = state.clone();
    let answers = Arc::new(move |asked: &Asked<'_>| answer(&state, asked));
    Server::start(listener, answers).map_err(IssuerError::io("server"))
}

fn answer(state: &State, asked: &Asked<'_>) -> Answer {
    if !["GET", "HEAD"].contains(&asked.method) {
        return Answer::refused(405, "it is only read");
    }
    // A proxy may have the issuer's address below a path.
    let (is_keys, is_configuration) = (asked.path.ends_with(KEYS), asked.path.ends_with(CONFIGURATION));
    if !is_keys && !is_configuration {
        return Answer::refused(404, "there is nothing here");
    }
    let document = || -> Result<String, IssuerError> {
        let issuer = Issuer::open(state)?;
        let now = seconds(SystemTime::now());
        if is_configuration {
            return Ok(configuration(issuer.ledger(), now));
        }
        let keys = keys(issuer.ledger(), now);
        issuer.published()?;
        Ok(keys)
    };
    match document() {
        Ok(body) => Answer {
            status: 200,
            headers: vec![("Cache-Control", CACHING.into()), ("X-Content-Type-Options", "nosniff".into())],
            kind: "application/json",
            body,
        },
        // What is wrong is for who runs it, not for who asks.
        Err(_) => Answer::refused(503, "the issuer can't be read"),
    }
}
