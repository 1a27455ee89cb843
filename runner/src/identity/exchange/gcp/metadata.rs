//! A metadata server of one service account, as far as the libraries of Google Cloud ask. Source: "About VM metadata" and
//! "Predefined metadata keys" in the documentation of Google's Compute Engine.
//!
//! Its protocol has no bearer: whoever is in the job's network while the step runs can ask. What keeps others out is that
//! network, and the header that no web page can set.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::super::Delivery;
use super::super::fresh::Fresh;
use super::identity::Identity;
use super::{Gcp, TOKEN};
use crate::identity::endpoint::{Answer, Asked, Route};

/// Where libraries look for the server's address.
pub const HOST: &str = "GCE_METADATA_HOST";
/// The header of every question and answer, and its value.
const FLAVOR: (&str, &str) = ("Metadata-Flavor", "Google");
/// Where the metadata is.
const ROOT: &str = "/computeMetadata/v1/";

/// Has the libraries ask the endpoint.
pub fn deliver(gcp: &Gcp, fresh: Fresh, delivery: &mut Delivery<'_>) {
    let origin = delivery.caller.origin.clone();
    let address = origin.strip_prefix("http://").unwrap_or(&origin);
    for name in [HOST, "GCE_METADATA_ROOT", "GCE_METADATA_IP"] {
        delivery.set(name, address);
    }
    // The library for Node.js asks by name first otherwise.
    delivery.set("METADATA_SERVER_DETECTION", "assume-present");
    delivery.routes.push(Box::new(Metadata {
        account: gcp.account.clone().unwrap_or_else(|| "default".to_owned()),
        project: gcp.project.clone(),
        scopes: gcp.scopes.clone(),
        identity: Identity::new(gcp, delivery.request, &delivery.masks),
        fresh,
    }));
}

struct Metadata {
    account: String,
    project: Option<String>,
    scopes: Vec<String>,
    identity: Identity,
    fresh: Fresh,
}

impl Route for Metadata {
    fn answer(&self, asked: &Asked<'_>) -> Option<Answer> {
        let path = match asked.path {
            "/" => "",
            path => path.strip_prefix(ROOT)?,
        };
        if asked.method != "GET" {
            return None;
        }
        let mut answer = if asked.header(FLAVOR.0) != Some(FLAVOR.1) {
            Answer::text(403, format!("Missing {}:{} header.", FLAVOR.0, FLAVOR.1))
        } else if asked.has("x-forwarded-for") {
            Answer::text(403, "A forwarded request isn't answered.")
        } else {
            self.at(path, asked).unwrap_or_else(|| Answer::text(404, "There is no such metadata."))
        };
        answer
            .headers
            .extend([(FLAVOR.0, FLAVOR.1.to_owned()), ("Server", "Metadata Server for VM".to_owned())]);
        Some(answer)
    }
}

impl Metadata {
    fn at(&self, path: &str, asked: &Asked<'_>) -> Option<Answer> {
        let text = |text: &str| Some(Answer::text(200, text));
        match path {
            "" => return text("computeMetadata/\n"),
            "project/project-id" => return text(self.project.as_deref()?),
            "universe/universe-domain" | "universe/universe_domain" => return text("googleapis.com"),
            "instance/service-accounts" | "instance/service-accounts/" => {
                return text(&format!("default/\n{}/\n", self.account));
            }
            _ => {}
        }
        let (account, key) = path.strip_prefix("instance/service-accounts/")?.split_once('/')?;
        if account != "default" && account != self.account {
            return None;
        }
        match key {
            "email" => text(&self.account),
            "scopes" => text(&self.scopes.join("\n")),
            "aliases" => text("default\n"),
            "token" => Some(self.token()),
            "identity" if self.identity.is_there() => Some(self.identity.answer(asked)),
            "" if asked.query.split('&').any(|pair| pair.eq_ignore_ascii_case("recursive=true")) => {
                let account = json!({ "aliases": ["default"], "email": self.account, "scopes": self.scopes });
                Some(Answer::json(200, &account))
            }
            "" if self.identity.is_there() => text("aliases\nemail\nidentity\nscopes\ntoken\n"),
            "" => text("aliases\nemail\nscopes\ntoken\n"),
            _ => None,
        }
    }

    fn token(&self) -> Answer {
        match self.fresh.get() {
            Ok(credentials) => {
                let left = credentials.expires.map_or(Duration::from_hours(1), |end| {
                    end.duration_since(SystemTime::now()).unwrap_or_default()
                });
                Answer::json(
                    200,
                    &json!({
                        "access_token": credentials.expose(TOKEN),
                        "expires_in": left.as_secs(),
                        "token_type": "Bearer",
                    }),
                )
            }
            Err(error) => {
                Answer::text(503, format!("the token has expired, and there is no new one: {error}"))
            }
        }
    }
}
