//! What a runner shows of itself to a forge.

use std::fmt;

use ureq::http::{HeaderMap, HeaderName, HeaderValue};

use crate::Secret;

/// Longest identifier or token, in bytes. Both servers give 36 and 40.
const MAX_LENGTH: usize = 1024;

/// The identifier and the token that a registration gave.
#[derive(Clone)]
pub struct Credentials {
    uuid: String,
    token: Secret,
}

/// An identifier or a token that can't be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the runner's {what} is empty, too long, or has other characters than letters, digits and signs")]
pub struct InvalidCredentials {
    /// `identifier` or `token`.
    pub what: &'static str,
}

impl Credentials {
    /// Takes what a registration gave.
    pub fn new(uuid: String, token: Secret) -> Result<Self, InvalidCredentials> {
        for (what, text) in [("identifier", uuid.as_str()), ("token", token.expose())] {
            if text.is_empty() || text.len() > MAX_LENGTH || !text.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(InvalidCredentials { what });
            }
        }
        Ok(Credentials { uuid, token })
    }

    /// The runner's identifier, which is no secret.
    pub fn uuid(&self) -> &str {
        &self.uuid
    }

    /// The runner's token.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// The headers of every call of the runner.
    pub(super) fn headers(&self) -> HeaderMap {
        let pairs = [("x-runner-uuid", self.uuid.as_str()), ("x-runner-token", self.token.expose())];
        let header = |(name, value): (&'static str, &str)| {
            let mut value = HeaderValue::from_str(value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_static(name), value))
        };
        pairs.into_iter().filter_map(header).collect()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("uuid", &self.uuid).finish_non_exhaustive()
    }
}

/// Names one attempt to get tasks: sent again with the same key, a Forgejo from 15 on gives the same tasks again,
/// so that none is lost with an answer. Others ignore it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey(String);

impl RequestKey {
    /// A key that nobody else has: a random UUID (RFC 9562, version 4). None without random numbers.
    pub fn random() -> Option<RequestKey> {
        let mut bytes = [0; 16];
        rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).ok()?;
        let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (0x4 << 76) | (0b10 << 62);
        let hex = format!("{number:032x}");
        let groups = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Some(RequestKey(groups.join("-")))
    }

    /// The key that was written down as this text; none if it isn't one.
    pub fn parse(text: &str) -> Option<RequestKey> {
        let groups: Vec<_> = text.split('-').map(str::len).collect();
        let plain = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        (plain && groups == [8, 4, 4, 4, 12]).then(|| RequestKey(text.to_owned()))
    }

    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let value = HeaderValue::from_str(&self.0).ok()?;
        Some((HeaderName::from_static("x-runner-request-key"), value))
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_sent_is_taken() {
        let new = |uuid: &str, token: &str| Credentials::new(uuid.to_owned(), Secret::new(token.to_owned()));
        let credentials = new("81243289-614b", "72fd12f9").unwrap();
        assert!(!format!("{credentials:?}").contains("72fd12f9"));
        assert_eq!(credentials.headers().len(), 2);
        assert!(credentials.headers().values().all(HeaderValue::is_sensitive));
        for (uuid, token, what) in [
            ("", "a", "identifier"),
            ("a b", "a", "identifier"),
            ("a", "", "token"),
            ("a", "a\r\nb: c", "token"),
        ] {
            assert_eq!(new(uuid, token).err(), Some(InvalidCredentials { what }));
        }
        assert!(new("a", &"a".repeat(2000)).is_err());
    }

    #[test]
    fn a_key_is_a_random_uuid() {
        let (a, b) = (RequestKey::random().unwrap().to_string(), RequestKey::random().unwrap().to_string());
        assert_ne!(a, b);
        let groups: Vec<_> = a.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(&a[14..15], "4");
        assert!(matches!(&a[19..20], "8" | "9" | "a" | "b"), "{a}");
        assert_eq!(RequestKey::parse(&a).map(|key| key.to_string()), Some(a));
        for text in ["", "81243289-614b", "8124328\n-614b-49ab-ab01-42ae8c4dd98e", &"a".repeat(36)] {
            assert_eq!(RequestKey::parse(text), None);
        }
    }
}
