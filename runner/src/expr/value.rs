//! Values of the expression language and GitHub's rules for turning one kind into another.
//! Source of the rules: "Evaluate expressions in workflows and actions" in GitHub's documentation.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use indexmap::{Equivalent, IndexMap};

use super::{fold, number};

/// A value. Cheap to clone: text, arrays and objects are shared.
///
/// `==` in Rust compares structure; the language's own loose equality is [`Value::loosely_equals`].
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A double, as in JavaScript.
    Number(f64),
    /// Text.
    String(Arc<str>),
    /// A list.
    Array(Arc<Vec<Value>>),
    /// A mapping.
    Object(Arc<Object>),
}

/// What a [`Value`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A double.
    Number,
    /// Text.
    String,
    /// A list.
    Array,
    /// A mapping.
    Object,
}

impl Kind {
    /// GitHub's name of the kind; also what an array or object gives where text is wanted.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Null => "Null",
            Kind::Boolean => "Boolean",
            Kind::Number => "Number",
            Kind::String => "String",
            Kind::Array => "Array",
            Kind::Object => "Object",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Value {
    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Boolean,
            Value::Number(_) => Kind::Number,
            Value::String(_) => Kind::String,
            Value::Array(_) => Kind::Array,
            Value::Object(_) => Kind::Object,
        }
    }

    /// Whether it is neither an array nor an object.
    pub fn is_primitive(&self) -> bool {
        !matches!(self, Value::Array(_) | Value::Object(_))
    }

    /// Whether it counts as true: all but null, `false`, zero, NaN and the empty string.
    pub fn truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(b) => *b,
            Value::Number(n) => *n != 0.0 && !n.is_nan(),
            Value::String(s) => !s.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        }
    }

    /// As text: null is empty, an array is `Array`, an object `Object`.
    pub fn to_display_string(&self) -> Cow<'_, str> {
        match self {
            Value::Null => Cow::Borrowed(""),
            Value::Bool(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
            Value::Number(n) => Cow::Owned(number::format(*n)),
            Value::String(s) => Cow::Borrowed(s),
            Value::Array(_) | Value::Object(_) => Cow::Borrowed(self.kind().name()),
        }
    }

    /// As a number: null is 0, a boolean 0 or 1, text is read, an array or object is NaN.
    pub fn to_number(&self) -> f64 {
        match self {
            Value::Null => 0.0,
            Value::Bool(b) => f64::from(u8::from(*b)),
            Value::Number(n) => *n,
            Value::String(s) => number::parse(s),
            Value::Array(_) | Value::Object(_) => f64::NAN,
        }
    }

    /// `==` of the language: text ignores case, different kinds meet as numbers, arrays and objects are
    /// equal only to themselves, NaN to nothing.
    pub fn loosely_equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::String(a), Value::String(b)) => fold::equal(a, b),
            (Value::Array(a), Value::Array(b)) => Arc::ptr_eq(a, b),
            (Value::Object(a), Value::Object(b)) => Arc::ptr_eq(a, b),
            // An array or object is NaN here, so equal to nothing.
            _ => self.to_number() == other.to_number(),
        }
    }

    /// `<` and `>` of the language; `None` where the two have no order.
    pub fn loosely_compare(&self, other: &Value) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Value::String(a), Value::String(b)) => Some(fold::compare(a, b)),
            (Value::Null, Value::Null) => None,
            _ => self.to_number().partial_cmp(&other.to_number()),
        }
    }

    /// The value of a key of an object, if it is one and has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(object) => object.get(key),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Value::Bool(b)
    }
}

impl From<f64> for Value {
    fn from(n: f64) -> Self {
        Value::Number(n)
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Value::String(s.into())
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Value::String(s.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Value::Array(Arc::new(items))
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Value::Object(Arc::new(object))
    }
}

/// A mapping that keeps the order of insertion. A key is found in any case, unless the mapping was made
/// [case-sensitive](Object::case_sensitive); the spelling of the first insertion stays.
#[derive(Clone, Debug, Default)]
pub struct Object {
    entries: IndexMap<Key, Value>,
    exact: bool,
}

/// A key that hashes without regard to case; whether it also compares so is the object's choice.
#[derive(Clone, Debug)]
struct Key {
    text: Arc<str>,
    exact: bool,
}

/// A key to look up.
struct Lookup<'a>(&'a str);

fn same_key(a: &str, b: &str, exact: bool) -> bool {
    if exact { a == b } else { fold::equal(a, b) }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        fold::hash(&self.text, state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        same_key(&self.text, &other.text, self.exact)
    }
}

impl Eq for Key {}

impl Hash for Lookup<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        fold::hash(self.0, state);
    }
}

impl Equivalent<Key> for Lookup<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        same_key(self.0, &key.text, key.exact)
    }
}

impl Object {
    /// An empty object whose keys are found in any case.
    pub fn new() -> Self {
        Object::default()
    }

    /// An empty object whose keys differ by case: the `env` context, as variables do on Linux.
    pub fn case_sensitive() -> Self {
        Object { entries: IndexMap::new(), exact: true }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(&Lookup(key))
    }

    /// Sets a key; gives the value that it had.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: impl Into<Value>) -> Option<Value> {
        self.entries.insert(Key { text: key.into(), exact: self.exact }, value.into())
    }

    /// Sets a key read from JSON: again for an equal key, not for one that differs in case.
    pub(super) fn insert_as_read(&mut self, key: Arc<str>, value: Value) {
        match self.entries.get_full_mut(&Lookup(&key)) {
            Some((_, known, slot)) if known.text == key => *slot = value,
            Some(_) => {}
            None => {
                self.insert(key, value);
            }
        }
    }

    /// Bytes that an entry takes beside its texts: itself, its hash and index, and room to grow.
    pub(super) const ENTRY_SIZE: usize = 2 * (size_of::<Key>() + size_of::<Value>() + 2 * size_of::<usize>());

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in the order of insertion.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.iter().map(|(key, value)| (&*key.text, value))
    }

    /// Values in the order of insertion.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.values()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut object = Object::new();
        for (key, value) in pairs {
            object.insert(key, value);
        }
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case_and_keep_their_first_spelling() {
        let mut object = Object::new();
        object.insert("Name", "a");
        object.insert("other", "b");
        object.insert("NAME", "c");
        assert_eq!(object.get("name"), Some(&"c".into()));
        assert_eq!(object.iter().map(|(k, _)| k).collect::<Vec<_>>(), ["Name", "other"]);
    }

    #[test]
    fn a_case_sensitive_object_tells_spellings_apart() {
        let mut object = Object::case_sensitive();
        object.insert("path", "a");
        object.insert("PATH", "b");
        assert_eq!(object.len(), 2);
        assert_eq!(object.get("PATH"), Some(&"b".into()));
        assert_eq!(object.get("Path"), None);
    }
}
