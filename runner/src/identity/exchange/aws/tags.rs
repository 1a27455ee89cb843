//! Tags of a session, which AWS takes from a claim of the token: policies can ask for them (`aws:PrincipalTag/repository`),
//! where a trust policy sees no more than the subject. Source: "Pass session tags in AWS STS" in AWS's documentation of IAM.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::identity::Claims;
use crate::identity::exchange::ExchangeError;
use crate::identity::subject;

/// Most tags of a session, and longest value of one.
const MAX: usize = 50;
const MAX_VALUE: usize = 256;

/// Names of claims that become tags.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Tags(Vec<String>);

impl TryFrom<Vec<String>> for Tags {
    type Error = String;
    fn try_from(names: Vec<String>) -> Result<Self, String> {
        if names.len() > MAX {
            return Err(format!("`tags` has more than {MAX} claims"));
        }
        match names.iter().find(|name| subject::claim(name).is_none()) {
            Some(wrong) => {
                let known = subject::claims().collect::<Vec<_>>().join(", ");
                Err(format!("`tags`: `{}` is no claim that can be a tag: {known}", wrong.escape_debug()))
            }
            None => Ok(Tags(names)),
        }
    }
}

/// The claim `https://aws.amazon.com/tags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    principal_tags: BTreeMap<String, [String; 1]>,
}

impl Tags {
    /// What a token says of them; nothing where there are none. A claim that is empty is no tag.
    ///
    /// # Errors
    /// Where AWS would take a value for another, or not at all.
    pub fn of(&self, claims: &Claims) -> Result<Option<Claim>, ExchangeError> {
        let mut principal_tags = BTreeMap::new();
        for name in &self.0 {
            let value = subject::claim(name).map(|value| value(claims)).unwrap_or_default();
            if !is_value(value) {
                let value = value.escape_debug();
                let what = format!("`tags`: the claim `{name}` can't be a tag of AWS: `{value}`");
                return Err(ExchangeError::Issuer(what));
            }
            if !value.is_empty() {
                principal_tags.insert(name.clone(), [value.to_owned()]);
            }
        }
        Ok((!principal_tags.is_empty()).then_some(Claim { principal_tags }))
    }
}

fn is_value(text: &str) -> bool {
    text.chars().count() <= MAX_VALUE && text.chars().all(|c| c.is_alphanumeric() || "_.:/=+-@ ".contains(c))
}
