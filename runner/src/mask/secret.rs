//! A value that must not be seen.

use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use palisade_sandbox::memory::GuardedText;
use zeroize::Zeroizing;

/// A secret value. It has no `Display` and no serialisation, and its `Debug` shows nothing of it. Its memory is
/// kept out of swap space and core dumps, and cleared when its last clone is dropped.
#[derive(Clone)]
pub struct Secret(Arc<GuardedText>);

impl Secret {
    /// Takes a value in, and clears the string that it came in.
    pub fn new(value: String) -> Self {
        let value = Zeroizing::new(value);
        Secret(Arc::new(GuardedText::new(&value)))
    }

    /// The value itself. Every call is a place where it can get out: what is made of it has none of this
    /// type's protection.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Secret::new(value)
    }
}

/// Takes as long whatever differs, so that nobody learns a secret by guessing it byte by byte; only the lengths
/// show.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.expose().as_bytes(), other.expose().as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0, |all, (a, b)| black_box(all | (a ^ b))) == 0
    }
}

impl Eq for Secret {}

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

    #[test]
    fn equal_is_what_has_the_same_bytes() {
        let secret = |text: &str| Secret::new(text.to_owned());
        assert_eq!(secret("hunter2"), secret("hunter2"));
        assert_eq!(secret(""), secret("").clone());
        for other in ["hunter3", "iunter2", "hunter", "hunter22", ""] {
            assert_ne!(secret("hunter2"), secret(other));
        }
    }

    /// Held by every type in one way, and in one more for each way in which it gives its value away.
    trait GivesNothingAway<How> {
        const HELD: bool = true;
    }
    struct ByDisplay;
    struct BySerialize;
    struct ByDeref;
    impl<T> GivesNothingAway<()> for T {}
    impl<T: fmt::Display> GivesNothingAway<ByDisplay> for T {}
    impl<T: serde::Serialize> GivesNothingAway<BySerialize> for T {}
    impl<T: std::ops::Deref> GivesNothingAway<ByDeref> for T {}

    // Doesn't compile as soon as a second of these implementations applies: which one is meant is then unclear.
    const _: () = assert!(<Secret as GivesNothingAway<_>>::HELD);
}
