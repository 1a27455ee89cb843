//! Logins of container registries, as their tools read them from a file. Source: "containers-auth.json(5)" of the project
//! containers/image; Docker's own `config.json` has the same form.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use zeroize::Zeroizing;

use super::{Delivery, ExchangeError};
use crate::base64::base64;
use crate::mask::Secret;

/// Most registries of a grant.
const MAX: usize = 64;

/// Variables by which tools are told of the file: skopeo, podman, buildah and crane, then Helm.
const VARIABLES: [&str; 2] = ["REGISTRY_AUTH_FILE", "HELM_REGISTRY_CONFIG"];

/// Hosts of registries.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Registries(Vec<String>);

impl TryFrom<Vec<String>> for Registries {
    type Error = String;
    fn try_from(hosts: Vec<String>) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
        if hosts.len() > MAX {
            return Err(format!("`registries` has more than {MAX} hosts"));
        }
        match hosts.iter().find(|host| host.is_empty() || host.len() > 255 || !host.bytes().all(fits)) {
            Some(wrong) => Err(format!(
                "`registries`: `{}` is no host, such as `registry.example.com`",
                wrong.escape_debug()
            )),
            None => Ok(Registries(hosts)),
        }
    }
}

impl Registries {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The file with one login at all of them.
    pub fn logins(&self, login: &str) -> Zeroizing<Vec<u8>> {
        logins(self.0.iter().map(String::as_str), login)
    }
}

/// A login as the file has it: name and password, a colon between them, in base64. It is a secret of its own, so that it is
/// masked as a whole.
pub fn login(user: &str, password: &str) -> Secret {
    let pair = Zeroizing::new(format!("{user}:{password}"));
    Secret::new(base64(pair.as_bytes()))
}

/// The file with one login at these hosts.
pub fn logins<'a>(hosts: impl Iterator<Item = &'a str>, login: &str) -> Zeroizing<Vec<u8>> {
    let auths: Map<String, Json> = hosts.map(|host| (host.to_owned(), json!({ "auth": login }))).collect();
    Zeroizing::new(json!({ "auths": auths }).to_string().into_bytes())
}

/// What the file of a grant is called.
pub fn file(delivery: &Delivery<'_>) -> String {
    format!("registries-{}.json", delivery.request.grant)
}

/// Hands a file of logins on.
pub fn deliver(logins: &[u8], delivery: &mut Delivery<'_>) -> Result<(), ExchangeError> {
    if delivery.variables.iter().any(|(name, _)| name == VARIABLES[0]) {
        let what = "a step can have one grant with registries: their tools look for logins in one file";
        return Err(ExchangeError::Delivery(what.into()));
    }
    let path = delivery.write(&file(delivery), logins)?;
    for name in VARIABLES {
        delivery.set(name, &path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_a_pair_in_base64() {
        let hosts = ["europe-docker.pkg.dev", "registry.example.com:5000"].map(str::to_owned).to_vec();
        let logins = Registries::try_from(hosts).unwrap().logins(login("bob", "hunter2").expose());
        assert_eq!(
            std::str::from_utf8(&logins).unwrap(),
            r#"{"auths":{"europe-docker.pkg.dev":{"auth":"Ym9iOmh1bnRlcjI="},"registry.example.com:5000":{"auth":"Ym9iOmh1bnRlcjI="}}}"#
        );
        for host in ["", "https://registry.example.com", "Registry", "a/b"] {
            assert!(
                Registries::try_from(vec![host.to_owned()]).unwrap_err().contains("is no host"),
                "{host}"
            );
        }
    }
}
