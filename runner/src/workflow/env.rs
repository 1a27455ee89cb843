//! Mappings of names to text, such as `env:` and `with:`: entries, or one expression for all of them.

use super::span::Spanned;
use crate::expr::{EvalError, Expr, Scope, Template, Value, is_insert};

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
        if let Env::Entries(entries) = self
            && !entries.iter().any(|(name, _)| is_computed(name))
        {
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
                    if is_insert(name) {
                        put_all(value, scope, &mut put)?;
                    } else if is_computed(name) {
                        put(&computed(name, scope)?, value.evaluate(scope)?);
                    } else {
                        put(name, value.evaluate(scope)?);
                    }
                }
                return Ok(());
            }
            Env::Whole(whole) => whole,
        };
        put_all(whole, scope, &mut put)
    }
}

/// Whether a name is an expression, or has some in it.
fn is_computed(name: &str) -> bool {
    name.contains("${{")
}

/// What comes out as a name.
fn computed(name: &str, scope: &dyn Scope) -> Result<String, EvalError> {
    let wrong = |what: String| EvalError::new(format!("{what}: `{name}`"));
    let named = Template::parse(name).map_err(|e| wrong(e.to_string()))?.evaluate(scope)?;
    match is_name(&named) {
        true => Ok(named),
        false => Err(wrong(format!("`{named}` can't be a name, which this gives"))),
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('=')
}

/// Hands over all entries of a value.
fn put_all(
    from: &Spanned<Template>,
    scope: &dyn Scope,
    put: &mut impl FnMut(&str, String),
) -> Result<(), EvalError> {
    let wrong = |what: String| EvalError::new(format!("{what}: `{}`", from.source()));
    match from.evaluate_value(scope)? {
        Value::Object(object) => {
            for (name, value) in object.iter() {
                if !value.is_primitive() {
                    let kind = value.kind();
                    return Err(wrong(format!("`{name}` must be text, not {kind}, in what this gives")));
                }
                if !is_name(name) {
                    return Err(wrong(format!("`{name}` can't be a name in what this gives")));
                }
                put(name, value.to_display_string().into_owned());
            }
            Ok(())
        }
        other => Err(wrong(format!("names with their texts are wanted, not {}, from", other.kind()))),
    }
}

impl<'a> IntoIterator for &'a Env {
    type Item = &'a Entry;
    type IntoIter = std::slice::Iter<'a, Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
