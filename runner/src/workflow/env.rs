//! Mappings of names to text, such as `env:` and `with:`: entries, or one expression for all of them.

use super::span::Spanned;
use crate::expr::{EvalError, Expr, Scope, Template, Value};

/// A name with its text.
pub type Entry = (Spanned<String>, Spanned<Template>);
/// Names with their texts, in the order written.
pub type Entries = Vec<Entry>;

/// An `env:` or `with:`.
#[derive(Clone, Debug)]
pub enum Env {
    /// A mapping.
    Entries(Entries),
    /// `${{ … }}` in place of the mapping: a [single expression](Template::single_expr) whose value is an object.
    Whole(Spanned<Template>),
}

impl Default for Env {
    fn default() -> Self {
        Env::Entries(Entries::new())
    }
}

impl Env {
    /// What is written out: nothing of what an expression gives.
    pub fn entries(&self) -> &[Entry] {
        match self {
            Env::Entries(entries) => entries,
            Env::Whole(_) => &[],
        }
    }

    /// The same, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.entries().iter()
    }

    /// Whether there is neither an entry nor an expression.
    pub fn is_empty(&self) -> bool {
        matches!(self, Env::Entries(entries) if entries.is_empty())
    }

    /// All that may hold expressions.
    pub fn texts(&self) -> impl Iterator<Item = &Spanned<Template>> {
        let whole = match self {
            Env::Whole(whole) => Some(whole),
            Env::Entries(_) => None,
        };
        self.iter().map(|(_, value)| value).chain(whole)
    }

    /// The expressions.
    pub fn exprs(&self) -> impl Iterator<Item = &Expr> {
        self.texts().flat_map(|text| text.exprs())
    }

    /// The text of one name, if there is one.
    pub fn get(&self, name: &str, scope: &dyn Scope) -> Result<Option<String>, EvalError> {
        if let Env::Entries(entries) = self {
            let entry = entries.iter().find(|(known, _)| known.value == name);
            return entry.map(|(_, value)| value.evaluate(scope)).transpose();
        }
        let mut found = None;
        self.evaluate(scope, |known, value| found = (known == name).then_some(value).or(found.take()))?;
        Ok(found)
    }

    /// Hands each name over with its text, in order.
    pub fn evaluate(&self, scope: &dyn Scope, mut put: impl FnMut(&str, String)) -> Result<(), EvalError> {
        let whole = match self {
            Env::Entries(entries) => {
                for (name, value) in entries {
                    put(name, value.evaluate(scope)?);
                }
                return Ok(());
            }
            Env::Whole(whole) => whole,
        };
        let wrong = |what: String| EvalError::new(format!("{what}: `{}`", whole.source()));
        match whole.evaluate_value(scope)? {
            Value::Object(object) => {
                for (name, value) in object.iter() {
                    if !value.is_primitive() {
                        let kind = value.kind();
                        return Err(wrong(format!("`{name}` must be text, not {kind}, in what this gives")));
                    }
                    if name.is_empty() || name.contains('=') {
                        return Err(wrong(format!("`{name}` can't be a name in what this gives")));
                    }
                    put(name, value.to_display_string().into_owned());
                }
                Ok(())
            }
            other => Err(wrong(format!("names with their texts are wanted, not {}, from", other.kind()))),
        }
    }
}

impl<'a> IntoIterator for &'a Env {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
