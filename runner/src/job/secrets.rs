//! The secrets of a run, by name.

use indexmap::IndexMap;

use crate::expr::{Expr, Object, Value};
use crate::mask::Secret;

/// The secrets by their names in upper case: names are the same in any case, as on GitHub; and why there are no others.
#[derive(Clone, Debug, Default)]
pub struct Secrets(IndexMap<String, Secret>, IndexMap<String, String>);

impl Secrets {
    /// Adds one; a later one of the same name stands.
    pub fn insert(&mut self, name: &str, value: Secret) {
        self.0.insert(name.to_ascii_uppercase(), value);
    }

    /// Takes note why there is none of a name, for who misses it.
    pub fn withhold(&mut self, name: &str, why: String) {
        self.1.insert(name.to_ascii_uppercase(), why);
    }

    /// Why there is none of a name, if that was said.
    pub fn why_withheld(&self, name: &str) -> Option<&str> {
        self.1.get(&name.to_ascii_uppercase()).map(String::as_str)
    }

    /// Adds one, unless there is one of the name.
    pub fn insert_default(&mut self, name: &str, value: Secret) {
        self.0.entry(name.to_ascii_uppercase()).or_insert(value);
    }

    /// Names and values in the order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains_key(&name.to_ascii_uppercase())
    }

    /// The `secrets` context: made only while an expression reads it.
    pub fn context(&self) -> Value {
        Value::from(self.iter().map(|(name, value)| (name, value.expose())).collect::<Object>())
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
    fn what_is_named_and_not_there_is_told_once() {
        let exprs = ["secrets.token", "secrets.A || secrets['a']", "toJSON(secrets)", "secrets.B"]
            .map(|source| Expr::parse(source).unwrap());
        assert_eq!(secrets().missing(exprs.iter()), ["A", "B"]);
    }
}
