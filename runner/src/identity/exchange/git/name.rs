//! Names of tokens at a forge. A token of a forge has no end of its own: its name says by when it is no runner's any more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::ExchangeError;
use crate::identity::Claims;
use crate::identity::issuer::token::random_id;

/// How the names of our tokens begin.
const BEGIN: &str = "palisade-";
/// How long a token is at most left alone: longer than any step runs. One whose runner was killed is deleted afterwards.
const KEPT: Duration = Duration::from_hours(7 * 24);
/// How much of a repository's name is in one, in characters.
const MAX_REPOSITORY: usize = 100;

/// A name that no other token has: `palisade-REPOSITORY-RUN-ATTEMPT-RANDOM-END`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenName(String);

impl TokenName {
    /// One for a job.
    pub fn new(claims: &Claims) -> Result<TokenName, ExchangeError> {
        let random = random_id().map_err(|e| ExchangeError::Issuer(e.to_string()))?;
        let plain = |text: &str| -> String {
            let fits = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c } else { '-' };
            text.chars().take(MAX_REPOSITORY).map(fits).collect()
        };
        let end = seconds(SystemTime::now() + KEPT);
        let [repository, run, attempt] =
            [&claims.repository, &claims.run_id, &claims.run_attempt].map(|text| plain(text));
        Ok(TokenName(format!("{BEGIN}{repository}-{run}-{attempt}-{random}-{end}")))
    }
}

impl std::fmt::Display for TokenName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a token of this name is one of ours that nobody uses any more.
pub fn is_expired(name: &str, now: SystemTime) -> bool {
    let end = name.strip_prefix(BEGIN).and_then(|rest| rest.rsplit_once('-')).map(|(_, end)| end);
    end.and_then(|end| end.parse::<u64>().ok()).is_some_and(|end| end < seconds(now))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Facts;

    #[test]
    fn a_name_says_whose_it_is_and_until_when() {
        let github = serde_json::json!({ "repository": "acme/app ü", "run_id": "7", "run_attempt": "1" });
        let github = github.as_object().unwrap();
        let facts = Facts::of_forge("https://git.example", github, "ci.yml", &serde_json::Value::Null);
        let claims = Claims::new(&facts, &Default::default(), &Default::default());
        let name = TokenName::new(&claims).unwrap().to_string();
        assert!(name.starts_with("palisade-acme-app---7-1-"), "{name}");
        let now = SystemTime::now();
        assert!(!is_expired(&name, now));
        assert!(is_expired(&name, now + KEPT + Duration::from_secs(2)));
        for other in ["", "palisade", "laptop-0", "palisade-", "palisade-x", "palisade-1-x"] {
            assert!(!is_expired(other, now), "{other}");
        }
    }
}
