//! Host names as rules, name servers and certificates agree on them: lower case, without a final dot.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest name: RFC 1035, section 2.3.4, as text without the final dot.
const MAX_NAME: usize = 253;
/// Longest label.
const MAX_LABEL: usize = 63;

/// A host name. What could be read as an address, such as `2130706433` or `0x7f.1`, is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Why a text is no name, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// Byte at which it goes wrong, from 0.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl Name {
    /// Reads a name; one final dot may stand.
    pub fn parse(text: &str) -> Result<Name, NameError> {
        let fail = |at, what| Err(NameError { at, what });
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return fail(0, "a name is missing");
        }
        if text.len() > MAX_NAME {
            return fail(MAX_NAME, "a name has at most 253 characters");
        }
        let mut at = 0;
        for label in text.split('.') {
            if label.is_empty() {
                return fail(at, "a label between dots is empty");
            }
            if label.len() > MAX_LABEL {
                return fail(at, "a label has at most 63 characters");
            }
            let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            if let Some(bad) = label.bytes().position(|b| !plain(&b)) {
                return fail(
                    at + bad,
                    match label.is_ascii() {
                        true => "a name has letters, digits, `-`, `_` and dots",
                        false => "a name is ASCII; write an international one as `xn--…`",
                    },
                );
            }
            if label.starts_with('-') || label.ends_with('-') {
                return fail(at, "a label neither begins nor ends with `-`");
            }
            at += label.len() + 1;
        }
        let last = text.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X") {
            return fail(text.len() - last.len(), "a name that ends in a number would be read as an address");
        }
        Ok(Name(text.to_ascii_lowercase().into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it lies below another: `a.b.c` below `c` and `b.c`, not below itself.
    pub fn is_below(&self, other: &Name) -> bool {
        self.0.strip_suffix(&*other.0).is_some_and(|front| front.len() > 1 && front.ends_with('.'))
    }

    /// How many labels it has.
    pub fn labels(&self) -> usize {
        self.0.split('.').count()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Name::parse(&text).map_err(|e| e.what.to_owned())
    }
}

impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_of_one_spelling() {
        assert_eq!(Name::parse("Static.Example.COM.").unwrap().as_str(), "static.example.com");
        assert_eq!(Name::parse("_dmarc.xn--bcher-kva.example").unwrap().labels(), 3);
    }

    #[test]
    fn what_is_no_name_is_refused_where_it_goes_wrong() {
        let long = format!("{}.example", "a".repeat(64));
        for (text, at) in [
            ("", 0),
            (".", 0),
            ("a..b", 2),
            ("a.b/c", 3),
            ("bücher.example", 1),
            ("-a.example", 0),
            ("a-.example", 0),
            ("127.0.0.1", 8),
            ("2130706433", 0),
            ("0x7f.0x1", 5),
            (&long, 0),
            (&"a.".repeat(128), 253),
        ] {
            assert_eq!(Name::parse(text).map_err(|e| e.at), Err(at), "{text}");
        }
    }

    #[test]
    fn below_means_whole_labels() {
        let name = |text| Name::parse(text).unwrap();
        assert!(name("a.example.com").is_below(&name("example.com")));
        assert!(name("a.b.example.com").is_below(&name("example.com")));
        assert!(!name("example.com").is_below(&name("example.com")));
        assert!(!name("badexample.com").is_below(&name("example.com")));
    }
}
