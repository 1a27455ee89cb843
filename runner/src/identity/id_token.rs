//! The grant of an ID token itself, which steps ask the endpoint for, as those of GitHub's runner do.

use serde::Deserialize;

use super::exchange::Algorithm;

/// Longest audience, in bytes.
pub const MAX_AUDIENCE: usize = 256;
/// How many characters are shown of what is none.
const SHOWN: usize = 40;
/// Most audiences of a grant.
const MAX_AUDIENCES: usize = 64;

/// The keys of `provider = "id-token"`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct IdTokens {
    /// For whom there may be tokens.
    pub audiences: Vec<String>,
    /// How they are signed.
    pub algorithm: Algorithm,
    /// Who signs them.
    pub issuer: SignedBy,
}

/// Who signs tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignedBy {
    /// This runner.
    #[default]
    Runner,
    /// The job's forge, in its own words.
    Forge,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    audiences: Vec<String>,
    algorithm: Option<Algorithm>,
    #[serde(default)]
    issuer: SignedBy,
}

impl TryFrom<Table> for IdTokens {
    type Error = String;
    fn try_from(Table { audiences, algorithm, issuer }: Table) -> Result<Self, String> {
        if audiences.is_empty() || audiences.len() > MAX_AUDIENCES {
            return Err(format!("`audiences` has 1 to {MAX_AUDIENCES} of them"));
        }
        audiences.iter().try_for_each(|audience| check_audience(audience))?;
        if issuer == SignedBy::Forge && algorithm.is_some() {
            return Err("the forge decides how it signs: `algorithm` is for tokens of this runner".into());
        }
        Ok(IdTokens { audiences, algorithm: algorithm.unwrap_or_default(), issuer })
    }
}

/// Whether a text can be an audience: a name or an address, in characters that nobody reads in two ways. An error, with
/// the beginning of what it is instead, where it can't.
pub fn check_audience(text: &str) -> Result<(), String> {
    let fits = |b: u8| b.is_ascii_graphic() && !b"\"'\\`<>".contains(&b);
    if !text.is_empty() && text.len() <= MAX_AUDIENCE && text.bytes().all(fits) {
        return Ok(());
    }
    let shown: String = text.chars().take(SHOWN).collect();
    Err(format!(
        "`{}` is no audience: 1 to {MAX_AUDIENCE} printable characters of ASCII without spaces, quotes and backslashes",
        shown.escape_debug()
    ))
}
