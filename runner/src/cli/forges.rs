//! How commands reach forges.

use std::sync::Arc;

use palisade_proto::Http;

use super::error::{Blame, Error};
use crate::config::Config;
use crate::daemon::{self, Runner};
use crate::forge::forgejo::{self, Forgejo};
use crate::forge::local::{self, Local};
use crate::queue::Queue;
use crate::registration::{Registration, RegistrationError};
use crate::state::State;

/// Connections by the environment's proxies and the configuration's certificates.
pub fn http(config: &Config) -> Result<Http, Error> {
    forgejo::http(config.daemon.ca_file.as_deref()).map_err(Error::input)
}

/// The runner of a registration.
pub fn runner(registration: &Registration, http: &Http, state: &State) -> Result<Runner, Error> {
    let instance = registration.instance().map_err(failed)?;
    let known = &registration.known;
    let server = palisade_proto::forgejo::Server::new(http, &instance, known.forge);
    let token = palisade_proto::Secret::new(registration.token().map_err(failed)?.expose().to_owned());
    let credentials = palisade_proto::forgejo::Credentials::new(known.uuid.clone(), token)
        .map_err(|e| Error::input(format!("registration `{}`: {e}", registration.id())))?;
    let kept = daemon::request_key(state, registration.id()).map_err(|e| Error::new(Blame::Isolation, e))?;
    let runner = server.runner(credentials);
    let forge = Forgejo::new(runner, known.name.clone(), known.labels.clone(), kept);
    let runner = Runner::new(registration.id().to_owned(), known.instance.clone(), Box::new(forge));
    Ok(runner.for_one_job(known.ephemeral))
}

/// The runner of the daemon's own queue.
pub fn local(queue: &Arc<Queue>) -> Runner {
    let forge = Local::new(queue.clone());
    Runner::new(local::RUNNER.to_owned(), "this host".to_owned(), Box::new(forge))
}

/// Registrations that can't be used, as a failure of the command.
pub fn failed(error: RegistrationError) -> Error {
    let blame = match error {
        RegistrationError::Io(_) => Blame::Isolation,
        RegistrationError::Invalid { .. }
        | RegistrationError::NoToken { .. }
        | RegistrationError::Unknown { .. } => Blame::Input,
    };
    Error::new(blame, error)
}
