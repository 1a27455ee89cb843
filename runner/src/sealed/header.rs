//! What a sealed secret is bound to, and which jobs it is for.

use serde::Serialize;

use crate::dotenv;
use crate::environment::MAX_NAME;
use crate::identity::{Facts, Source};
use crate::trigger::Pattern;

/// Most characters of anything else that it names.
const MAX_TEXT: usize = 1024;
/// Most patterns of references.
const MAX_REFS: usize = 100;

/// What stands beside the encrypted value, and can't be changed without breaking it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Header {
    /// The secret's name, in upper case.
    name: String,
    /// Whose jobs.
    origin: Origin,
    /// The repository, with its owner.
    repository: String,
    /// The environment, in lower case.
    environment: String,
    /// Patterns of references; one has to match.
    refs: Vec<String>,
}

/// Whose word it is that a job is of the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Origin {
    /// The forge at this address.
    Server(String),
    /// Who runs it on this machine.
    Local,
}

impl Header {
    /// Of these; an error where one of them can't be what it should be.
    pub fn new(
        name: &str,
        origin: Origin,
        repository: &str,
        environment: &str,
        refs: &[String],
    ) -> Result<Header, String> {
        if !dotenv::is_name(name) || name.len() > MAX_TEXT {
            return Err("the name of a secret has only letters, digits and `_`, and no digit first".into());
        }
        let origin = match origin {
            Origin::Server(server) => Origin::Server(server.trim_end_matches('/').to_owned()),
            Origin::Local => Origin::Local,
        };
        if let Origin::Server(server) = &origin
            && (!server.starts_with("http://") && !server.starts_with("https://") || server.len() > MAX_TEXT)
        {
            return Err(format!("`{}` is no address of a forge", server.escape_debug()));
        }
        let parts: Vec<&str> = repository.split('/').collect();
        if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) || repository.len() > MAX_TEXT {
            return Err(format!("`{}` is no repository: expected OWNER/NAME", repository.escape_debug()));
        }
        if environment.is_empty() || environment.chars().nth(MAX_NAME).is_some() {
            return Err(format!("the name of an environment has 1 to {MAX_NAME} characters"));
        }
        if refs.is_empty() || refs.len() > MAX_REFS {
            return Err(format!("a sealed secret names 1 to {MAX_REFS} references"));
        }
        for reference in refs {
            let wrong = |why: &str| Err(format!("the reference `{}`: {why}", reference.escape_debug()));
            if !reference.starts_with("refs/") || reference.len() > MAX_TEXT {
                return wrong("it begins with `refs/`, as `refs/heads/main` does");
            }
            if let Err(e) = Pattern::parse(reference) {
                return wrong(&e.to_string());
            }
        }
        Ok(Header {
            name: name.to_ascii_uppercase(),
            origin,
            repository: repository.to_owned(),
            environment: environment.to_lowercase(),
            refs: refs.to_vec(),
        })
    }

    /// The secret's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose jobs it is for.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The repository.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The environment.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// The references' patterns.
    pub fn refs(&self) -> &[String] {
        &self.refs
    }

    /// Whether it is for jobs of an environment.
    pub fn is_of(&self, environment: &str) -> bool {
        self.environment == environment.to_lowercase()
    }

    /// Whether both are the same secret of the same jobs, so that one takes the other's place.
    pub fn replaces(&self, other: &Header) -> bool {
        let key = |header: &Header| Header { refs: Vec::new(), ..header.clone() };
        key(self) == key(other)
    }

    /// What is authenticated with the value.
    pub fn bound(&self) -> Vec<u8> {
        // Texts and lists of them always become JSON, and each in one way.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Whether a run may have it; if not, the rule. Its environment is asked for by [`is_of`](Self::is_of).
    pub fn admits(&self, facts: &Facts) -> Result<(), String> {
        if facts.is_fork() {
            return Err("`fork`: this run is of a fork, or was caused by one".into());
        }
        match (&self.origin, facts.source()) {
            (Origin::Local, Source::Local) => {}
            (Origin::Local, Source::Forge) => {
                return Err("`local`: it is for runs on this machine, and this is a job of a forge".into());
            }
            (Origin::Server(server), Source::Local) => {
                return Err(format!(
                    "`server`: it is for jobs of {server}, and this is a run on this machine"
                ));
            }
            (Origin::Server(server), Source::Forge) if server == facts.server() => {}
            (Origin::Server(server), Source::Forge) => {
                return Err(format!(
                    "`server`: it is for jobs of {server}, and this one is of {}",
                    facts.server()
                ));
            }
        }
        if self.repository != facts.text("repository") {
            return Err(format!(
                "`repository`: it is for {}, and this run is of {}",
                self.repository,
                facts.text("repository")
            ));
        }
        let reference = facts.text("ref");
        let matches =
            |pattern: &String| Pattern::parse(pattern).is_ok_and(|pattern| pattern.matches(reference));
        if !self.refs.iter().any(matches) {
            return Err(format!(
                "`refs`: it is for {}, and this run is of {reference}",
                self.refs.join(", ")
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header(origin: Origin, repository: &str, refs: &[&str]) -> Result<Header, String> {
        let refs: Vec<String> = refs.iter().map(|text| (*text).to_owned()).collect();
        Header::new("token", origin, repository, "Production", &refs)
    }

    fn facts(server: &str, more: serde_json::Value, event: serde_json::Value) -> Facts {
        let mut github = json!({ "repository": "acme/app", "ref": "refs/heads/main", "event_name": "push" });
        github.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Facts::of_forge(server, github.as_object().unwrap(), "w.yml", &event)
    }

    #[test]
    fn each_rule_refuses_by_its_name() {
        let server = || Origin::Server("https://git.example/".into());
        let header = |origin, refs: &[&str]| header(origin, "acme/app", refs).unwrap();
        let main = header(server(), &["refs/heads/main", "refs/tags/v*"]);
        let here = "https://git.example";
        let fork = json!({ "pull_request": { "head": { "repo": { "full_name": "eve/app" } } } });
        for (header, facts, rule) in [
            (&main, facts(here, json!({}), json!({})), None),
            (&main, facts(here, json!({ "ref": "refs/tags/v1" }), json!({})), None),
            (&main, facts(here, json!({ "ref": "refs/heads/topic" }), json!({})), Some("`refs`")),
            (&main, facts(here, json!({ "ref": "refs/heads/v1" }), json!({})), Some("`refs`")),
            (&main, facts(here, json!({ "ref": "" }), json!({})), Some("`refs`")),
            (&main, facts(here, json!({ "repository": "acme/App" }), json!({})), Some("`repository`")),
            (&main, facts("https://git.example:1", json!({}), json!({})), Some("`server`")),
            (&main, facts(here, json!({ "event_name": "pull_request" }), fork), Some("`fork`")),
            (&header(Origin::Local, &["refs/**"]), facts(here, json!({}), json!({})), Some("`local`")),
        ] {
            let told = header.admits(&facts).err();
            let begins = told.as_deref().map(|why| rule.is_some_and(|rule| why.starts_with(rule)));
            assert_eq!(begins, rule.map(|_| true), "{told:?}");
        }
    }

    #[test]
    fn everything_that_it_says_is_bound() {
        let one = header(Origin::Local, "acme/app", &["refs/heads/main"]).unwrap();
        assert_eq!((one.name(), one.is_of("PRODUCTION"), one.is_of("prod")), ("TOKEN", true, false));
        let other = header(Origin::Local, "acme/app", &["refs/heads/main", "refs/heads/x"]).unwrap();
        assert!(one.replaces(&other));
        for other in [
            other,
            header(Origin::Local, "acme/app2", &["refs/heads/main"]).unwrap(),
            header(Origin::Server("https://a".into()), "acme/app", &["refs/heads/main"]).unwrap(),
        ] {
            assert_ne!(one.bound(), other.bound());
        }
    }

    #[test]
    fn what_names_nothing_is_an_error() {
        let server = || Origin::Server("https://git.example".into());
        for (made, why) in [
            (header(server(), "app", &["refs/heads/main"]), "no repository"),
            (header(server(), "a/", &["refs/heads/main"]), "no repository"),
            (header(server(), "a/b", &[]), "1 to 100 references"),
            (header(server(), "a/b", &["main"]), "begins with `refs/`"),
            (header(server(), "a/b", &["!refs/heads/x"]), "begins with `refs/`"),
            (header(server(), "a/b", &["refs/["]), "the reference `refs/[`"),
            (header(Origin::Server("git.example".into()), "a/b", &["refs/x"]), "no address"),
        ] {
            assert!(made.as_ref().unwrap_err().contains(why), "{made:?}");
        }
        assert!(Header::new("a-b", Origin::Local, "a/b", "e", &["refs/x".into()]).is_err());
        assert!(Header::new("a", Origin::Local, "a/b", "", &["refs/x".into()]).is_err());
    }
}
