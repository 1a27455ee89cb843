//! What palisade doesn't mask, and why. Everything else that the oracle recovers is a bug.

/// A form that leaks.
pub struct KnownLeak {
    /// The form's name.
    pub form: &'static str,
    /// The kinds of secrets whose form leaks; all of them if empty.
    pub kinds: &'static [&'static str],
    /// Why it isn't masked.
    pub reason: &'static str,
}

/// All that is known to leak.
pub const KNOWN_LEAKS: &[KnownLeak] = &[];

/// Whether a form of a secret of some kind is known to leak.
pub fn is_known(form: &str, kind: &str) -> bool {
    KNOWN_LEAKS.iter().any(|leak| leak.covers(form, kind))
}

impl KnownLeak {
    /// Whether it is about this.
    pub fn covers(&self, form: &str, kind: &str) -> bool {
        self.form == form && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }
}
