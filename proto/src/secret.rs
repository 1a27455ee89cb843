//! A text that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// A token, or the value of a secret. It has no `Display` and no serialisation, its `Debug` shows nothing of it,
/// and its memory is cleared when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value in.
    pub fn new(value: String) -> Self {
        Secret(Zeroizing::new(value))
    }

    /// The value itself. Every call is a place where it can get out.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value itself, for a type with a protection of its own.
    pub fn into_inner(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Secret::new(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Some(Secret::new("hunter2".into()))), "Some(Secret(***))");
        assert_eq!(Secret::new("hunter2".into()).into_inner(), "hunter2");
    }
}
