//! Keys of runners: who a secret is sealed to, and by what it is opened. HPKE in its base mode, with X25519, HKDF-SHA256
//! and ChaCha20-Poly1305. Source: RFC 9180.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base64::{base64url, from_base64url};
use crate::mask::Secret;
use crate::private_file;
use crate::state::State;

/// What the encryption is for, so that nothing that was made for something else is taken: the `info` of RFC 9180.
const PURPOSE: &[u8] = b"palisade sealed secret 1";
/// What a public key begins with.
const PREFIX: &str = "palisade-seal:";
/// Bytes of an encapsulated key of X25519. Source: RFC 9180, section 7.1.
const ENCAPSULATED: usize = 32;
/// Where the keys are in the state directory.
const DIRECTORY: &str = "seal";
/// Most keys of a runner.
const MAX_KEYS: usize = 100;

/// The public half: whom a secret is sealed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(<X25519HkdfSha256 as Kem>::PublicKey);

impl PublicKey {
    /// Its name: the beginning of its digest.
    pub fn id(&self) -> String {
        base64url(&Sha256::digest(self.0.to_bytes())[..12])
    }

    /// Encrypts a value that can be opened only with the same `bound`.
    pub fn seal(&self, value: &Secret, bound: &[u8]) -> Result<Vec<u8>, String> {
        let (key, mut sealed) = single_shot_seal::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &self.0,
            PURPOSE,
            value.expose().as_bytes(),
            bound,
        )
        .map_err(|e| format!("nothing can be sealed to the key {}: {e}", self.id()))?;
        sealed.splice(..0, key.to_bytes());
        Ok(sealed)
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}", base64url(&self.0.to_bytes()))
    }
}

impl FromStr for PublicKey {
    type Err = String;
    fn from_str(text: &str) -> Result<PublicKey, String> {
        let bytes = text.strip_prefix(PREFIX).and_then(from_base64url);
        let key = bytes.and_then(|bytes| Deserializable::from_bytes(&bytes).ok());
        key.map(PublicKey)
            .ok_or_else(|| format!("it is no `{PREFIX}…`, as `palisade seal key show` prints on the runner"))
    }
}

/// The private half.
pub struct PrivateKey(<X25519HkdfSha256 as Kem>::PrivateKey);

impl PrivateKey {
    /// A new one.
    pub fn make() -> PrivateKey {
        PrivateKey(X25519HkdfSha256::gen_keypair().0)
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(X25519HkdfSha256::sk_to_pk(&self.0))
    }

    /// Opens what was sealed to it with the same `bound`; nothing where either isn't what it was.
    pub fn open(&self, sealed: &[u8], bound: &[u8]) -> Option<Secret> {
        let (key, sealed) = sealed.split_at_checked(ENCAPSULATED)?;
        let key = Deserializable::from_bytes(key).ok()?;
        let opened = single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.0,
            &key,
            PURPOSE,
            sealed,
            bound,
        );
        let opened = Zeroizing::new(opened.ok()?);
        Some(Secret::new(std::str::from_utf8(&opened).ok()?.to_owned()))
    }
}

/// The keys of a runner, the oldest first: the last one is sealed to, all of them open.
pub struct Keyring {
    directory: PathBuf,
    keys: Vec<(u32, PrivateKey)>,
}

impl Keyring {
    /// Those that there are; none where none was made.
    pub fn read(state: &State) -> io::Result<Keyring> {
        let directory = state.root().map(|root| root.join(DIRECTORY)).unwrap_or_default();
        let mut keys = Vec::new();
        for number in numbers(&directory)? {
            let path = file_of(&directory, number);
            let told = |e: Error| Error::new(e.kind(), format!("`{}`: {e}", path.display()));
            let kept = private_file::read(&path).map_err(told)?;
            let key = Deserializable::from_bytes(&kept);
            let key = key.map_err(|_| told(Error::new(ErrorKind::InvalidData, "it is no key")))?;
            keys.push((number, PrivateKey(key)));
        }
        Ok(Keyring { directory, keys })
    }

    /// Makes one more key, which is sealed to from now on.
    pub fn add(&mut self, state: &State) -> io::Result<()> {
        self.directory = state.dir(DIRECTORY)?;
        if self.keys.len() >= MAX_KEYS {
            return Err(Error::other(format!("a runner has no more than {MAX_KEYS} keys")));
        }
        let (key, number) = (PrivateKey::make(), self.keys.last().map_or(1, |(last, _)| last + 1));
        let kept = Zeroizing::new(key.0.to_bytes().to_vec());
        private_file::write(&file_of(&self.directory, number), &kept)?;
        self.keys.push((number, key));
        Ok(())
    }

    /// The key that is sealed to.
    pub fn current(&self) -> Option<&PrivateKey> {
        self.keys.last().map(|(_, key)| key)
    }

    /// The key of this name.
    pub fn find(&self, id: &str) -> Option<&PrivateKey> {
        self.keys.iter().map(|(_, key)| key).find(|key| key.public().id() == id)
    }

    /// Forgets all keys but the one that is sealed to; says how many.
    pub fn forget_old(&mut self) -> io::Result<usize> {
        let old = self.keys.len().saturating_sub(1);
        for (number, _) in self.keys.drain(..old) {
            fs::remove_file(file_of(&self.directory, number))?;
        }
        Ok(old)
    }
}

/// Whether this runner opens sealed secrets at all.
pub fn is_there(state: &State) -> bool {
    state.root().is_some_and(|root| numbers(&root.join(DIRECTORY)).is_ok_and(|found| !found.is_empty()))
}

/// The numbers of the keys in a directory, in their order.
fn numbers(directory: &Path) -> io::Result<Vec<u32>> {
    let entries = match fs::read_dir(directory) {
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let number: Option<u32> = name.to_str().and_then(|name| name.strip_suffix(".key")?.parse().ok());
        found.extend(number);
    }
    found.sort_unstable();
    found.truncate(MAX_KEYS);
    Ok(found)
}

fn file_of(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number}.key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_and_what_is_bound_open() {
        let (key, other) = (PrivateKey::make(), PrivateKey::make());
        let value = Secret::new("hunter2".into());
        let sealed = key.public().seal(&value, b"here").unwrap();
        assert_eq!(key.open(&sealed, b"here"), Some(value.clone()));
        assert_eq!(other.open(&sealed, b"here"), None);
        assert_eq!(key.open(&sealed, b"there"), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(&changed, b"here"), None, "{at}");
            assert_eq!(key.open(&sealed[..at], b"here"), None, "{at}");
        }
        assert_ne!(key.public().seal(&value, b"here").unwrap(), sealed);
    }

    #[test]
    fn a_public_key_is_read_as_it_is_shown() {
        let key = PrivateKey::make().public();
        assert_eq!(key.to_string().parse(), Ok(key));
        let zero = format!("{PREFIX}{}", base64url(&[0; 32]));
        for text in ["", "palisade-seal:", "palisade-seal:AAAA", "age1qqqq"] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
        // A point that makes every shared secret the same is sealed to by nobody.
        let sealed = zero.parse::<PublicKey>().and_then(|key| key.seal(&Secret::new("x".into()), b""));
        assert!(sealed.is_err());
    }

    #[test]
    fn the_newest_key_is_sealed_to_and_all_open() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path().join("state")));
        assert!(!is_there(&state));
        let mut keys = Keyring::read(&state).unwrap();
        assert!(keys.current().is_none());
        keys.add(&state).unwrap();
        let first = keys.current().unwrap().public();
        keys.add(&state).unwrap();
        let mut keys = Keyring::read(&state).unwrap();
        assert!(is_there(&state));
        assert_ne!(keys.current().unwrap().public(), first);
        assert!(keys.find(&first.id()).is_some());
        assert_eq!(keys.forget_old().unwrap(), 1);
        assert!(Keyring::read(&state).unwrap().find(&first.id()).is_none());
    }
}
