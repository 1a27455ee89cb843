//! The forges that this host is registered at: whether they answer from here, know the runner, and have the same time.

use std::time::{Duration, SystemTime};

use palisade_proto::forgejo::{Credentials, Server};
use palisade_proto::{Error, Reason, Secret, Unreachable};

use super::Finding;
use crate::config::Config;
use crate::forge::forgejo::{VERSION, http};
use crate::output::clock;
use crate::registration::Registration;
use crate::state::State;

const ID: &str = "forge";
/// How far apart clocks may be: more, and tokens are refused that are valid for minutes only.
const APART: Duration = Duration::from_secs(60);

/// One finding a registration.
pub fn check(state: &State, config: &Config) -> Vec<Finding> {
    let all = match Registration::all(state) {
        Ok(all) => all,
        Err(error) => {
            return vec![Finding::fail(ID, error.to_string(), "mend or remove what is there")];
        }
    };
    if all.is_empty() {
        return Vec::new();
    }
    let http = match http(config.daemon.ca_file.as_deref()) {
        Ok(http) => http,
        Err(error) => {
            let remedy = "mend the environment's proxies, or `ca-file` in `[daemon]` of the configuration";
            return vec![Finding::fail(ID, error.to_string(), remedy)];
        }
    };
    all.iter().map(|registration| judge(registration, &http)).collect()
}

fn judge(registration: &Registration, http: &palisade_proto::Http) -> Finding {
    let id = format!("{ID}.{}", registration.id());
    let known = &registration.known;
    let again = format!("`palisade unregister {}`, and register anew", registration.id());
    let usable = registration.instance().and_then(|instance| Ok((instance, registration.token()?)));
    let (instance, token) = match usable {
        Ok(usable) => usable,
        Err(error) => return Finding::fail(id, error.to_string(), again),
    };
    let token = Secret::new(token.expose().to_owned());
    let credentials = match Credentials::new(known.uuid.clone(), token) {
        Ok(credentials) => credentials,
        Err(error) => return Finding::fail(id, error.to_string(), again),
    };
    let server = Server::new(http, &instance, known.forge);
    let before = SystemTime::now();
    let date = match server.date() {
        Ok(date) => date,
        Err(error) => return Finding::fail(id, error.to_string(), remedy(&error)),
    };
    // What the daemon says at each start; it asks for nothing.
    if let Err(error) = server.runner(credentials).declare(VERSION, &known.labels) {
        let remedy = if error.is_revoked() { again } else { remedy(&error) };
        return Finding::fail(id, error.to_string(), remedy);
    }
    let instance = &known.instance;
    match date.as_deref().and_then(moment).map(|there| apart(before, there)) {
        Some(apart) if apart > APART => Finding::warn(
            id,
            format!(
                "{instance} answers and knows the runner; its clock is {} s from this host's",
                apart.as_secs()
            ),
            "have both take their time from the network (`timedatectl set-ntp true`)",
        ),
        Some(_) => Finding::ok(id, format!("{instance} answers, knows the runner and has this host's time")),
        None => Finding::ok(id, format!("{instance} answers and knows the runner")),
    }
}

/// What to do about a forge that doesn't answer as it should.
fn remedy(error: &Error) -> String {
    let text = match error.reason() {
        Reason::Unreachable { what, .. } => match what {
            Unreachable::Name => "check the address, and this host's name servers",
            Unreachable::Proxy => "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
            Unreachable::Tls => {
                "name the file with its certificate's authority: `ca-file` in `[daemon]` of the configuration"
            }
            Unreachable::Connection | Unreachable::Timeout | Unreachable::Cut => {
                "check that the forge runs, and that nothing between it and this host is in the way"
            }
        },
        Reason::Status { status: 404, .. } => "check the address, and that the forge has Actions enabled",
        Reason::Redirected { .. } => "register with the address that the forge goes by",
        Reason::Refused { .. } | Reason::Status { .. } | Reason::Malformed { .. } => {
            "look into the forge's own log"
        }
        Reason::Misconfigured { .. } => "change the configuration as it says",
    };
    text.to_owned()
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|negative| negative.duration())
}

/// A moment as HTTP has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
/// Source: <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>.
fn moment(date: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = date.split(' ').collect();
    let [_, day, month, year, time, "GMT"] = words[..] else { return None };
    let month = 1 + MONTHS.iter().position(|known| *known == month)?;
    clock::parse(&format!("{year}-{month:02}-{day}T{time}.000Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_a_moment() {
        let since = moment("Sun, 06 Nov 1994 08:49:37 GMT").unwrap().duration_since(SystemTime::UNIX_EPOCH);
        assert_eq!(since.unwrap().as_secs(), 784_111_777);
        for date in ["", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "a b c d e GMT"] {
            assert!(moment(date).is_none(), "{date}");
        }
        let minute = Duration::from_secs(60);
        assert_eq!(apart(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + minute), minute);
    }
}
