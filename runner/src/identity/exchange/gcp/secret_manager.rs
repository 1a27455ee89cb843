//! A secret of Google Cloud's Secret Manager. Source: "Method: projects.secrets.versions.access" in Secret Manager's
//! reference.

use std::borrow::Cow;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::super::call::Provider;
use super::super::server::Server;
use super::super::{Credentials, ExchangeError, Given, Request};
use super::{Gcp, TOKEN};
use crate::mask::parts::decode_base64;

/// Who it is, for people.
const NAME: &str = "Google's Secret Manager";

/// One of its secrets, and as whom it is read.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretManager {
    gcp: Gcp,
    server: Server,
    /// `projects/…/secrets/…/versions/…`, also of a location.
    path: String,
    field: Option<String>,
}

impl SecretManager {
    /// The secret at `PROJECT/NAME`, `PROJECT/NAME/VERSION` or the whole path of the API, read with the keys of a grant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(place: &str, field: Option<&str>, mut keys: toml::Table) -> Result<SecretManager, String> {
        let server = match keys.remove("secrets-service") {
            Some(server) => Server::try_from(server.as_str().unwrap_or_default().to_owned())
                .map_err(|why| format!("`secrets-service`: {why}"))?,
            None => Server::known("secretmanager.googleapis.com")?,
        };
        for key in ["registries", "delivery", "project"] {
            if keys.contains_key(key) {
                return Err(format!("`{key}` is of grants"));
            }
        }
        let wrong = || {
            format!(
                "`{}` is neither `PROJECT/NAME` nor `PROJECT/NAME/VERSION`, such as `my-project/npm-token`",
                place.escape_debug()
            )
        };
        let plain = |part: &&str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
            !part.is_empty() && part.len() <= 255 && !part.starts_with('.') && part.bytes().all(fits)
        };
        let parts: Vec<&str> = place.split('/').collect();
        if !parts.iter().all(plain) {
            return Err(wrong());
        }
        let path = match parts[..] {
            [project, name] => format!("projects/{project}/secrets/{name}/versions/latest"),
            [project, name, version] => format!("projects/{project}/secrets/{name}/versions/{version}"),
            ["projects", _, "secrets", _, "versions", _]
            | ["projects", _, "locations", _, "secrets", _, "versions", _] => place.to_owned(),
            _ => return Err(wrong()),
        };
        let gcp: Gcp = keys.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
        Ok(SecretManager { gcp, server, path, field: field.map(str::to_owned) })
    }

    /// Reads it; the value has this name.
    pub fn read(&self, name: &'static str, request: &Request) -> Result<Credentials, ExchangeError> {
        #[derive(Deserialize)]
        struct Said {
            /// Which version it is.
            name: String,
            payload: Payload,
        }
        #[derive(Deserialize)]
        struct Payload {
            data: String,
        }
        let (token, _, mut record) = self.gcp.token(request)?;
        let sent = [&token];
        let provider = Provider { name: NAME, http: &request.http, deadline: request.deadline, sent: &sent };
        let path = format!("/v1/{}:access", self.path);
        let said: Said = provider.read(&provider.ask_as(&token, self.server.instance(), &path, None)?)?;
        let of = &self.path;
        let data = Zeroizing::new(said.payload.data);
        let bytes = decode_base64(data.as_bytes()).map(Zeroizing::new);
        let text = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| provider.garbled(format!("`{of}` has no text")))?;
        let value = provider.field(of, text, self.field.as_deref())?;
        record.push(("read", super::call::one_line(&said.name)));
        let values: Vec<(Cow<'static, str>, Given)> =
            vec![(TOKEN.into(), Given::Secret(token)), (name.into(), Given::Secret(value))];
        Ok(Credentials { values, expires: None, record })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: &str, keys: &str) -> Result<String, String> {
        let keys = format!(
            "workload-identity-provider = 'projects/1/locations/global/workloadIdentityPools/ci/providers/p'\n{keys}"
        );
        SecretManager::new(place, None, toml::from_str(&keys).unwrap()).map(|secret| secret.path)
    }

    #[test]
    fn a_secret_is_named_by_its_project() {
        assert_eq!(read("app/key", "").as_deref(), Ok("projects/app/secrets/key/versions/latest"));
        assert_eq!(read("app/key/3", "").as_deref(), Ok("projects/app/secrets/key/versions/3"));
        let whole = "projects/app/locations/europe-west3/secrets/key/versions/3";
        assert_eq!(read(whole, "").as_deref(), Ok(whole));
        for place in ["", "key", "app/", "app/../key", "app/key/1/2", "app/k?y", "a/b/c:access?x"] {
            assert!(read(place, "").unwrap_err().contains("is neither `PROJECT/NAME`"), "{place}");
        }
        assert!(read("app/key", "delivery = 'file'").unwrap_err().contains("`delivery` is of grants"));
        assert!(read("app/key", "secrets-service = 'http://a.b'").unwrap_err().contains("`https://` only"));
    }
}
