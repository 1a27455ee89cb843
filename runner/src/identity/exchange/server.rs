//! Where a provider is, when a grant says so.

use palisade_proto::Instance;
use serde::Deserialize;

/// The address of a provider: encrypted, or on this machine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct Server(Instance);

impl Server {
    /// One that is known to be one.
    pub fn known(host: &str) -> Result<Server, String> {
        Server::try_from(format!("https://{host}"))
    }

    /// The address.
    pub fn instance(&self) -> &Instance {
        &self.0
    }
}

impl TryFrom<String> for Server {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let instance: Instance = text.parse().map_err(|e| format!("`{}`: {e}", text.escape_debug()))?;
        if !instance.is_encrypted() && !instance.is_loopback() {
            return Err(format!(
                "`{instance}`: credentials go by `https://` only, but on this machine itself"
            ));
        }
        Ok(Server(instance))
    }
}

impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_encrypted() {
        let server = |text: &str| Server::try_from(text.to_owned()).map(|server| server.to_string());
        assert_eq!(
            server("https://vault.example.org:8200/").as_deref(),
            Ok("https://vault.example.org:8200")
        );
        assert_eq!(server("http://127.0.0.1:5000").as_deref(), Ok("http://127.0.0.1:5000"));
        assert!(server("http://vault.example.org").unwrap_err().contains("`https://` only"));
        assert!(server("vault").unwrap_err().contains("`vault`"));
    }
}
