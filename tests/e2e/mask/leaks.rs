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
    all("hex of hex", NESTED),
    all("hex of base64", NESTED),
    all("base64 of hex", NESTED),
    some("base64 of JSON", &["quotes"], "escapes are undone in text, not inside of base64"),
    some(
        "base64 of UTF-16",
        &["non-ascii"],
        "UTF-16 beyond ASCII is looked for as it is, not inside of base64",
    ),
    all(
        "octal as \\0NNN",
        "an octal escape is taken to have three digits, as in C, not four, as `printf %b` has",
    ),
    all("xxd -b", "binary digits are not looked for"),
    all(
        "od -c",
        "a line whose first character is a digit is taken for a decimal dump, and what follows for its column of text; the octal numbers of a value beyond ASCII stand between its letters",
    ),
    some("od -An -t d1", &["non-ascii"], "bytes as negative numbers are not looked for"),
    some("hex as 0xNN, ", PUNCTUATED, LIST),
    some("hex as 0xNN,", PUNCTUATED, LIST),
    some("hex as 0xN, without leading zeros", PUNCTUATED, LIST),
    some("xxd -i", PUNCTUATED, LIST),
    some("a list of characters", PUNCTUATED, LIST),
    some(
        "one character a line, numbered by cat -n",
        PUNCTUATED,
        "a bar or bracket of the value is taken for what separates the number",
    ),
    all("set -x of printing on one line", TRACE),
    some("set -x of printing each character", ODD_CHARACTERS, COLUMN),
    some("set -x of printing each character, with what it prints", ODD_CHARACTERS, COLUMN),
    some("set -x of a loop over each character", ODD_CHARACTERS, COLUMN),
    some("a link in the middle", SHORT, SEQUENCE),
    some("a title sequence in the middle", SHORT, SEQUENCE),
    some("the shortest piece that counts", &["non-ascii"], PIECE),
    some("base64 of a piece", &["non-ascii"], PIECE),
    some("hex of a piece", &["non-ascii"], PIECE),
    some("after ESC [", &["digits"], "digits after it are taken for the parameters of a control sequence"),
];

/// Much of these is punctuation.
const PUNCTUATED: &[&str] = &["password", "punctuation", "connection string"];
/// Some characters of these are neither letters nor digits of ASCII, and must not be missed.
const ODD_CHARACTERS: &[&str] = &["password", "punctuation", "connection string", "non-ascii"];
/// Half of these is too short to be masked alone.
const SHORT: &[&str] = &["8 characters", "11 characters", "password", "punctuation", "digits", "dotenv"];

const NESTED: &str = "of two encodings inside of each other, only base64 of base64 is looked for";
const LIST: &str = "commas are not left out of a text that is compared with punctuation";
const TRACE: &str = "each line begins with another character, so that they have nothing in common";
const COLUMN: &str = "only letters and digits of ASCII are taken from the ends of lines";
const SEQUENCE: &str =
    "the text of a title or link is kept, since it may be a secret itself, and cuts the value in two";
const PIECE: &str = "half of a value is half of its bytes, which may be more than half of its characters";

const fn all(form: &'static str, reason: &'static str) -> KnownLeak {
    KnownLeak { form, kinds: &[], reason }
}

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
