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
    some(
        "Python pprint of bytes",
        &["punctuation", "non-ascii"],
        "several literals are joined only as letters and digits, and not where they hold escapes",
    ),
    some("a link in the middle", SHORT, SEQUENCE),
    some("a title sequence in the middle", SHORT, SEQUENCE),
];

/// Half of these, or of a part of theirs, is too short to be masked alone.
const SHORT: &[&str] =
    &["8 characters", "11 characters", "password", "punctuation", "digits", "dotenv", "connection string"];

const COLUMN: &str = "quotes and brackets round a character are taken for what a trace puts there, where they are the characters";
const SEQUENCE: &str =
    "the text of a title or link is kept, since it may be a secret itself, and cuts the value in two";
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
        self.form == form && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }
}
