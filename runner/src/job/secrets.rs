//! The secrets of a run, by name.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use crate::expr::{Expr, Object, Value};
use crate::identity::reference::Reference;
use crate::mask::{MASK, Secret};

/// The secrets by their names in upper case: names are the same in any case, as on GitHub.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// Those that there are.
    given: IndexMap<String, Secret>,
    /// Those that are fetched when somebody reads them.
    elsewhere: IndexMap<String, Elsewhere>,
    /// Why there are no others.
    withheld: IndexMap<String, String>,
}

/// A secret that is kept elsewhere.
#[derive(Clone, Debug)]
pub struct Elsewhere {
    /// Where.
    pub reference: Arc<Reference>,
    value: OnceLock<Secret>,
}

impl Elsewhere {
    /// Takes note of its value.
    pub fn fetched(&self, value: Secret) {
        // The first one stands: what read it has it already.
        let _ = self.value.set(value);
    }
}

impl Secrets {
    /// Adds one; a later one of the same name stands.
    pub fn insert(&mut self, name: &str, value: Secret) {
        self.given.insert(name.to_ascii_uppercase(), value);
    }

    /// Adds one that is to be fetched when it is read; it stands before one of the same name.
    pub fn refer(&mut self, reference: Arc<Reference>) {
        let name = reference.name.to_ascii_uppercase();
        self.given.shift_remove(&name);
        self.elsewhere.insert(name, Elsewhere { reference, value: OnceLock::new() });
    }

    /// Takes note why there is none of a name, for who misses it.
    pub fn withhold(&mut self, name: &str, why: String) {
        self.withheld.insert(name.to_ascii_uppercase(), why);
    }

    /// Why there is none of a name, if that was said.
    pub fn why_withheld(&self, name: &str) -> Option<&str> {
        self.withheld.get(&name.to_ascii_uppercase()).map(String::as_str)
    }

    /// Adds one, unless there is one of the name.
    pub fn insert_default(&mut self, name: &str, value: Secret) {
        self.given.entry(name.to_ascii_uppercase()).or_insert(value);
    }

    /// Names and values of those that there are, in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        let fetched = self.elsewhere.iter().filter_map(|(name, it)| Some((name.as_str(), it.value.get()?)));
        self.given.iter().map(|(name, value)| (name.as_str(), value)).chain(fetched)
    }

    fn has(&self, name: &str) -> bool {
        let name = name.to_ascii_uppercase();
        self.given.contains_key(&name) || self.elsewhere.contains_key(&name)
    }

    /// The `secrets` context: made only while an expression reads it.
    pub fn context(&self) -> Value {
        Value::from(self.iter().map(|(name, value)| (name, value.expose())).collect::<Object>())
    }

    /// The same to be shown: those that nobody has fetched yet are [`MASK`].
    pub fn shown(&self) -> Value {
        let unfetched = self.elsewhere.iter().filter(|(_, it)| it.value.get().is_none());
        let unfetched = unfetched.map(|(name, _)| (name.as_str(), MASK));
        Value::from(
            self.iter().map(|(name, value)| (name, value.expose())).chain(unfetched).collect::<Object>(),
        )
    }

    /// The secrets that expressions read and that nobody has fetched yet: those that they name, or all where they don't say
    /// which.
    pub fn to_fetch<'s, 'e>(&'s self, exprs: impl Iterator<Item = &'e Expr>) -> Vec<&'s Elsewhere> {
        if self.elsewhere.is_empty() {
            return Vec::new();
        }
        let mut wanted: Vec<bool> = self.elsewhere.values().map(|_| false).collect();
        for reading in exprs.flat_map(Expr::readings).filter(|reading| reading.context == "secrets") {
            match reading.path.first().copied().flatten() {
                Some(name) => {
                    let at = self.elsewhere.get_index_of(&name.to_ascii_uppercase());
                    at.into_iter().for_each(|at| wanted[at] = true);
                }
                None => wanted.fill(true),
            }
        }
        let all = self.elsewhere.values().zip(wanted);
        all.filter(|(it, wanted)| *wanted && it.value.get().is_none()).map(|(it, _)| it).collect()
    }

    /// The secrets that expressions name and that nobody gave, each once.
    pub fn missing<'a>(&self, exprs: impl Iterator<Item = &'a Expr>) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        for reading in exprs.flat_map(Expr::readings) {
            if let ("secrets", Some(Some(name))) = (reading.context, reading.path.first().copied())
                && !self.has(name)
                && !missing.iter().any(|known| known.eq_ignore_ascii_case(name))
            {
                missing.push(name.to_owned());
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.insert("Token", Secret::new("old".into()));
        secrets.insert("KEY", Secret::new("k".into()));
        secrets.insert("TOKEN", Secret::new("new".into()));
        secrets.insert_default("token", Secret::new("default".into()));
        secrets
    }

    #[test]
    fn names_are_the_same_in_any_case_and_the_last_value_stands() {
        let context = secrets().context();
        assert_eq!(context.get("token"), Some(&"new".into()));
        assert_eq!(secrets().iter().count(), 2);
    }

    #[test]
    fn what_is_read_is_fetched_once_and_nothing_else() {
        let mut secrets = secrets();
        for name in ["TOKEN", "OTHER"] {
            let text = format!(
                "name = '{name}'\nfrom = 'secret://file/x'\nallow = [{{ local = true, repository = 'a/b' }}]"
            );
            secrets.refer(Arc::new(toml::from_str(&text).unwrap()));
        }
        let wanted = |source: &str| -> Vec<String> {
            let expr = Expr::parse(source).unwrap();
            secrets.to_fetch([&expr].into_iter()).iter().map(|it| it.reference.name.to_string()).collect()
        };
        assert_eq!(wanted("github.token || secrets.KEY || 'secrets.OTHER'"), [""; 0]);
        assert_eq!(wanted("secrets.token && secrets['TOKEN']"), ["TOKEN"]);
        for source in ["toJSON(secrets)", "secrets[env.X]", "secrets.*", "secrets"] {
            assert_eq!(wanted(source), ["TOKEN", "OTHER"], "{source}");
        }
        // Until then there is none, also not the one that the forge gave.
        assert_eq!(secrets.context().get("token"), None);
        assert_eq!(secrets.shown().get("token"), Some(&"***".into()));
        let expr = Expr::parse("secrets.token").unwrap();
        secrets.to_fetch([&expr].into_iter())[0].fetched(Secret::new("fetched".into()));
        assert_eq!(secrets.context().get("token"), Some(&"fetched".into()));
        assert!(secrets.to_fetch([&expr].into_iter()).is_empty());
    }

    #[test]
    fn what_is_named_and_not_there_is_told_once() {
        let exprs = ["secrets.token", "secrets.A || secrets['a']", "toJSON(secrets)", "secrets.B"]
            .map(|source| Expr::parse(source).unwrap());
        assert_eq!(secrets().missing(exprs.iter()), ["A", "B"]);
    }
}
