//! What a grant has read of a Vault.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// Longest path, in bytes.
const MAX_PATH: usize = 512;

/// One value: where it is, and which field of it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Wanted {
    path: String,
    field: String,
    /// What is sent to have it made, such as the name of a certificate; without, it is read.
    with: Option<Map<String, Json>>,
    secret: bool,
}

/// `path#field`, or a table.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Short(String),
    Long(Long),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    path: String,
    field: String,
    with: Option<Map<String, Json>>,
    #[serde(default = "yes")]
    secret: bool,
}

fn yes() -> bool {
    true
}

impl TryFrom<Written> for Wanted {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let Long { path: written, field, with, secret } = match written {
            Written::Long(long) => long,
            Written::Short(text) => {
                let wrong = || {
                    format!(
                        "`{}` is no `path#field`, such as `secret/data/app#password`",
                        text.escape_debug()
                    )
                };
                let (path, field) = text.rsplit_once('#').ok_or_else(wrong)?;
                Long { path: path.to_owned(), field: field.to_owned(), with: None, secret: true }
            }
        };
        if field.is_empty() {
            return Err(format!("`{}`: the field has no name", written.escape_debug()));
        }
        Ok(Wanted { path: path(&written)?, field, with, secret })
    }
}

/// A path of the API below `/v1/`, with neither a query nor a way up.
pub fn path(written: &str) -> Result<String, String> {
    let path = written.trim_matches('/');
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@:+=~/".contains(c);
    let dots = path.split('/').any(|part| part.is_empty() || part == "." || part == "..");
    if path.len() > MAX_PATH || dots || !path.chars().all(plain) {
        return Err(format!("`{}` is no path, such as `secret/data/app`", written.escape_debug()));
    }
    Ok(path.to_owned())
}

impl Wanted {
    /// Where it is.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is sent to have it made.
    pub fn with(&self) -> Option<&Map<String, Json>> {
        self.with.as_ref()
    }

    /// Whether it is masked.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether one answer has both.
    pub fn is_same_request(&self, other: &Wanted) -> bool {
        (&self.path, &self.with) == (&other.path, &other.with)
    }

    /// The value in an answer's `data`; else what is there instead, by names alone.
    pub fn value(&self, data: &Map<String, Json>) -> Result<String, String> {
        // The second version of the key-value store wraps the fields.
        let inner = data.get("data").and_then(Json::as_object).filter(|_| data.contains_key("metadata"));
        let fields = inner.unwrap_or(data);
        match fields.get(&self.field) {
            Some(Json::String(text)) => Ok(text.clone()),
            Some(Json::Null) | None => {
                let known: Vec<String> =
                    fields.keys().map(|key| format!("`{}`", key.escape_debug())).collect();
                Err(format!("`{}` has no field `{}`; it has {}", self.path, self.field, known.join(", ")))
            }
            Some(other) => Ok(other.to_string()),
        }
    }
}
