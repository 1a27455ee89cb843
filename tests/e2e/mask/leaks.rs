//! What palisade doesn't mask, and why. Everything else that the oracle recovers is a bug.

/// A form that leaks.
pub struct KnownLeak {
    /// The form's name.
    pub form: &'static str,
    /// The kinds of secrets whose form leaks.
    pub kinds: &'static [&'static str],
    /// Why it isn't masked.
    pub reason: &'static str,
}

/// All that is known to leak.
pub const KNOWN_LEAKS: &[KnownLeak] = &[
    some("base64 of JSON", &["quotes"], "escapes are undone in text, not inside of base64"),
    some(
        "base64 of UTF-16",
        &["non-ascii"],
        "UTF-16 beyond ASCII is looked for as it is, not inside of base64",
    ),
    some("od -c", &["non-ascii"], "the octal numbers of what isn't ASCII stand between the letters"),
    some("od -An -t d1", &["non-ascii"], "bytes as negative numbers are not looked for"),
    some("set -x of printing on one line", &["punctuation"], COLUMN),
    some("set -x of printing each character", &["punctuation"], COLUMN),
];

const COLUMN: &str = "quotes and brackets round a character are taken for what a trace puts there, where they are the characters";
const fn some(form: &'static str, kinds: &'static [&'static str], reason: &'static str) -> KnownLeak {
    KnownLeak { form, kinds, reason }
}

/// Whether a form of a secret of some kind is known to leak.
pub fn is_known(form: &str, kind: &str) -> bool {
    KNOWN_LEAKS.iter().any(|leak| leak.covers(form, kind))
}

impl KnownLeak {
    /// Whether it is about this.
    pub fn covers(&self, form: &str, kind: &str) -> bool {
        self.form == form && self.kinds.contains(&kind)
    }
}
