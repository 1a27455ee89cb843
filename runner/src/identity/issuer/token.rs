//! A signed token. Source: RFC 7519, and RFC 7515, section 7.1.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

use super::key::{KeyError, Signer};
use crate::base64::base64url;
use crate::identity::Claims;
use crate::mask::Secret;

/// How long a token can be used, in seconds.
pub const LIFETIME: u64 = 300;
/// How far the clock of who verifies it may be behind, in seconds.
pub const SKEW: u64 = 300;

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    /// As it is sent.
    pub value: Secret,
    /// `jti`: its own name, which no other has.
    pub id: String,
    /// `exp`
    pub expires: SystemTime,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: u64,
    nbf: u64,
    exp: u64,
    #[serde(flatten)]
    claims: &'a Claims,
}

/// Seconds since 1970.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Token {
    /// Signs one.
    pub fn sign(
        signer: &dyn Signer,
        kid: &str,
        issuer: &str,
        audience: &str,
        claims: &Claims,
        now: SystemTime,
    ) -> Result<Token, KeyError> {
        let id = random_id()?;
        let iat = seconds(now);
        let exp = iat + LIFETIME;
        let header = Header { alg: signer.algorithm().as_str(), kid, typ: "JWT" };
        let payload =
            Payload { iss: issuer, aud: audience, jti: &id, iat, nbf: iat.saturating_sub(SKEW), exp, claims };
        let json = |e: serde_json::Error| KeyError::Io(e.into());
        let header = serde_json::to_vec(&header).map_err(json)?;
        let payload = serde_json::to_vec(&payload).map_err(json)?;
        let mut value = format!("{}.{}", base64url(&header), base64url(&payload));
        let signature = base64url(&signer.sign(value.as_bytes())?);
        value.reserve_exact(signature.len() + 1);
        value.push('.');
        value.push_str(&signature);
        Ok(Token { value: Secret::new(value), id, expires: UNIX_EPOCH + Duration::from_secs(exp) })
    }
}

/// 128 random bits as text.
pub fn random_id() -> Result<String, KeyError> {
    let mut bytes = [0; 16];
    let failed = |_| std::io::Error::other("the system gives no random numbers");
    SystemRandom::new().fill(&mut bytes).map_err(failed)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::exchange::Algorithm;
    use crate::identity::issuer::key::Key;

    #[test]
    fn a_token_says_who_it_is_of_and_no_two_are_the_same() {
        let key = Key::parse(Algorithm::Es256, &Key::make(Algorithm::Es256).unwrap()).unwrap();
        let facts = crate::identity::Facts::of_forge(
            "https://git.example",
            &serde_json::Map::new(),
            "ci.yml",
            &serde_json::Value::Null,
        );
        let claims = Claims::new(&facts, &Default::default(), &Default::default());
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let sign = || Token::sign(&key, "k", "https://ci.example", "sts", &claims, now).unwrap();
        let (one, other) = (sign(), sign());
        assert_ne!(one.id, other.id);
        assert_eq!(one.expires, now + Duration::from_secs(LIFETIME));
        let parts: Vec<String> = one.value.expose().split('.').map(str::to_owned).collect();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], base64url(br#"{"alg":"ES256","kid":"k","typ":"JWT"}"#));
        // Two numbers of 32 bytes each, never DER: RFC 7518, section 3.4.
        assert_eq!(parts[2].len(), 86);
        assert!(!format!("{one:?}").contains(&parts[1]));
    }
}
