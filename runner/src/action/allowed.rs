//! `allow` under `[actions]` of the configuration: what may be used of other repositories.

use serde::Deserialize;

use super::Remote;
use crate::trigger::Pattern;

/// Repositories whose actions and workflows may be used: `[forge/]owner/name[@version]`, each part a pattern as those of
/// `branches`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Allowed {
    text: String,
    repository: Pattern,
    version: Option<Pattern>,
}

impl PartialEq for Allowed {
    fn eq(&self, other: &Allowed) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for Allowed {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let (repository, version) = match text.rsplit_once('@') {
            Some((repository, version)) => (repository, Some(version)),
            None => (text.as_str(), None),
        };
        let (name, host) = match repository.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or(("", rest), |(host, name)| (name, host)),
            None => (repository, "here"),
        };
        let parts = name.split('/').filter(|part| !part.is_empty()).count();
        if parts != name.split('/').count() || !(parts == 2 || name == "**") || host.is_empty() {
            return Err(format!(
                "`{text}` is no repository: write owner/name, owner/*, or https://host/owner/name"
            ));
        }
        let pattern = |part: &str| {
            let pattern = Pattern::parse(part).map_err(|e| format!("`{text}`: {e}"))?;
            if pattern.is_negated() {
                Err(format!("`{text}`: nothing can be taken out by `!`"))
            } else {
                Ok(pattern)
            }
        };
        let repository = pattern(&repository.to_lowercase())?;
        let version = version.map(pattern).transpose()?;
        Ok(Allowed { text, repository, version })
    }
}

impl Allowed {
    /// Whether a repository at its version is one of these.
    pub fn has(&self, remote: &Remote) -> bool {
        let forge = remote.forge.as_ref().map(|forge| format!("{forge}/")).unwrap_or_default();
        self.repository.matches(&format!("{forge}{}", remote.repository()).to_lowercase())
            && self.version.as_ref().is_none_or(|version| version.matches(&remote.reference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Uses;

    fn has(allowed: &str, uses: &str) -> bool {
        let Ok(Uses::Remote(remote)) = Uses::parse(uses) else { panic!("{uses}") };
        Allowed::try_from(allowed.to_owned()).unwrap().has(&remote)
    }

    #[test]
    fn a_repository_is_told_by_owner_name_and_forge() {
        for (allowed, uses) in [
            ("acme/*", "acme/deploy@v1"),
            ("acme/*", "Acme/Deploy/sub/path@main"),
            ("Acme/deploy", "acme/deploy@v1"),
            ("acme/deploy@v*", "acme/deploy@v1.2"),
            ("https://code.example/acme/*", "https://code.example/acme/deploy@v1"),
            ("https://code.example/**", "https://code.example/acme/deploy@v1"),
            ("**", "https://code.example/acme/deploy@v1"),
            ("*/*", "acme/deploy@v1"),
        ] {
            assert!(has(allowed, uses), "{allowed} {uses}");
        }
        for (allowed, uses) in [
            ("acme/*", "acme2/deploy@v1"),
            ("acme/deploy", "acme/deployer@v1"),
            ("acme/deploy@v*", "acme/deploy@main"),
            // Another forge's may be anybody's.
            ("acme/*", "https://code.example/acme/deploy@v1"),
            ("*/*", "https://code.example/acme/deploy@v1"),
            ("https://code.example/acme/*", "acme/deploy@v1"),
            ("https://code.example/acme/*", "https://code.example.org/acme/deploy@v1"),
        ] {
            assert!(!has(allowed, uses), "{allowed} {uses}");
        }
    }

    #[test]
    fn what_can_name_no_repository_is_told() {
        for text in [
            "",
            "acme",
            "acme/",
            "/x",
            "a/b/c",
            "https://host",
            "https:///a/b",
            "!acme/*",
            "a/[",
            "acme/x@!v1",
        ] {
            assert!(Allowed::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
