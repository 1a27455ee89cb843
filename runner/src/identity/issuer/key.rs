//! A key that signs tokens, and its public half as a JSON Web Key.

use std::io;
use std::path::Path;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::UnwrapErr;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base64::base64url;
use crate::identity::exchange::Algorithm;
use crate::private_file;

/// Bits of an RSA key: what is taken everywhere. Source: NIST SP 800-57, part 1, table 2: until 2030.
const RSA_BITS: usize = 2048;

/// Signs without giving the key away: the seam for keys that are in hardware.
pub trait Signer: Send + Sync {
    /// How it signs.
    fn algorithm(&self) -> Algorithm;
    /// The public half.
    fn public(&self) -> Jwk;
    /// The signature of a message, as RFC 7518 has it in a token.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError>;
}

/// The public half of a key. Source: RFC 7518, section 6.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kty", deny_unknown_fields)]
pub enum Jwk {
    /// A point of a curve.
    EC {
        /// The curve's name.
        crv: String,
        /// Its first coordinate.
        x: String,
        /// Its second.
        y: String,
    },
    /// Of RSA.
    RSA {
        /// The modulus.
        n: String,
        /// The exponent.
        e: String,
    },
}

impl Jwk {
    /// Its name: the thumbprint of RFC 7638, so that the same key has the same name everywhere.
    pub fn kid(&self) -> String {
        let members = match self {
            Jwk::EC { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Jwk::RSA { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        base64url(&Sha256::digest(members))
    }
}

/// Why a key can't be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It can't be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is no such key.
    #[error("it is no private key of {0} in PKCS #8")]
    NoKey(Algorithm),
    /// It could not be made.
    #[error("a key of {algorithm} can't be made: {why}")]
    Making {
        /// For what.
        algorithm: Algorithm,
        /// Why.
        why: String,
    },
    /// It did not sign.
    #[error("the key of {0} can't sign")]
    Signing(Algorithm),
}

/// A key in this process's memory.
#[derive(Debug)]
pub struct Key {
    pair: Pair,
    random: SystemRandom,
}

#[derive(Debug)]
enum Pair {
    Es256(Box<EcdsaKeyPair>),
    Rs256(Box<RsaKeyPair>),
}

impl Key {
    /// Makes a new key, in the form in which it is kept.
    pub fn make(algorithm: Algorithm) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let failed = |why: String| KeyError::Making { algorithm, why };
        match algorithm {
            Algorithm::Es256 => {
                let made =
                    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
                Ok(Zeroizing::new(made.map_err(|e| failed(e.to_string()))?.as_ref().to_vec()))
            }
            // ring signs by RSA and makes no keys for it.
            Algorithm::Rs256 => {
                let made = rsa::PrivateKey::new(&mut UnwrapErr(getrandom::SysRng), RSA_BITS);
                let made = made.map_err(|e| failed(e.to_string()))?;
                let document = made.to_pkcs8_der().map_err(|e| failed(e.to_string()))?;
                Ok(Zeroizing::new(document.as_bytes().to_vec()))
            }
        }
    }

    /// The key that was kept.
    pub fn parse(algorithm: Algorithm, kept: &[u8]) -> Result<Key, KeyError> {
        let random = SystemRandom::new();
        let pair = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, kept, &random)
                .map(|pair| Pair::Es256(Box::new(pair))),
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(kept).map(|pair| Pair::Rs256(Box::new(pair))),
        };
        Ok(Key { pair: pair.map_err(|_| KeyError::NoKey(algorithm))?, random })
    }

    /// Keeps a key in a new file that only this user can read.
    pub fn write(path: &Path, kept: &[u8]) -> Result<(), KeyError> {
        Ok(private_file::write(path, kept)?)
    }

    /// Reads it.
    pub fn read(path: &Path, algorithm: Algorithm) -> Result<Key, KeyError> {
        Key::parse(algorithm, &private_file::read(path)?)
    }
}

impl Signer for Key {
    fn algorithm(&self) -> Algorithm {
        match self.pair {
            Pair::Es256(_) => Algorithm::Es256,
            Pair::Rs256(_) => Algorithm::Rs256,
        }
    }

    fn public(&self) -> Jwk {
        match &self.pair {
            Pair::Es256(pair) => {
                // A byte that says that it isn't compressed, then both coordinates: SEC 1, section 2.3.3.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                Jwk::EC { crv: "P-256".into(), x: base64url(x), y: base64url(y) }
            }
            Pair::Rs256(pair) => {
                let parts: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public_key().into();
                Jwk::RSA { n: base64url(&parts.n), e: base64url(&parts.e) }
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Signing(self.algorithm());
        match &self.pair {
            Pair::Es256(pair) => Ok(pair.sign(&self.random, message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rs256(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_name_of_the_rfc() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF\
                 V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
                 c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1\
                 jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = Jwk::RSA { n: n.into(), e: "AQAB".into() };
        assert_eq!(key.kid(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn what_is_signed_is_verified_with_the_public_half() {
        use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
        let key = Key::parse(Algorithm::Es256, &Key::make(Algorithm::Es256).unwrap()).unwrap();
        let signature = key.sign(b"message").unwrap();
        let Pair::Es256(pair) = &key.pair else { panic!() };
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref());
        assert!(public.verify(b"message", &signature).is_ok());
        assert!(public.verify(b"massage", &signature).is_err());
        let key = Key::parse(Algorithm::Rs256, &Key::make(Algorithm::Rs256).unwrap()).unwrap();
        let signature = key.sign(b"message").unwrap();
        let Pair::Rs256(pair) = &key.pair else { panic!() };
        let public =
            UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
        assert!(public.verify(b"message", &signature).is_ok());
        assert!(matches!(key.public(), Jwk::RSA { e, .. } if e == "AQAB"));
    }

    #[test]
    fn a_key_that_others_can_read_is_not_used() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("k");
        Key::write(&path, &Key::make(Algorithm::Es256).unwrap()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(Key::read(&path, Algorithm::Es256).is_ok());
        assert!(Key::write(&path, b"x").is_err());
        assert!(
            Key::read(&path, Algorithm::Rs256).unwrap_err().to_string().contains("no private key of RS256")
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = Key::read(&path, Algorithm::Es256).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
