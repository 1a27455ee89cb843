//! A value that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// A secret value. It has no `Display` and no serialisation, its `Debug` shows nothing of it, and its
/// memory is cleared when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value in. The string's own buffer is kept, so no copy of it stays behind.
    pub fn new(value: String) -> Self {
        Secret(Zeroizing::new(value))
    }

    /// The value itself. Every call is a place where it can get out.
    pub fn expose(&self) -> &str {
        &self.0
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
        let shown = format!("{:?}", Some(Secret::new("hunter2hunter2".into())));
        assert_eq!(shown, "Some(Secret(***))");
    }
}
