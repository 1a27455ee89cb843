//! The issuer: keys in the state directory that sign ID tokens, and what is published of them. Whoever trusts its
//! address trusts what it signs. Its private keys are files of this user's alone, in a directory that no job sees.

pub mod documents;
pub mod key;
pub mod ledger;
mod serve;
pub mod token;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

pub use ledger::{Ledger, Standing};
pub use serve::serve;
pub use token::Token;

use self::key::{Key, Signer};
use self::token::seconds;
use super::exchange::{Algorithm, ExchangeError};
use super::{Claims, id_token};
use crate::state::State;

/// Its directory in the state directory.
const DIRECTORY: &str = "issuer";
/// The file in it that is locked while what is known of the keys changes.
const LOCK: &str = "lock";

/// An issuer.
pub struct Issuer {
    directory: PathBuf,
    ledger: Ledger,
    /// The keys in the ledger's order, read when they first sign.
    signers: Vec<OnceLock<Box<dyn Signer>>>,
}

/// What may be wrong with an issuer's files.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// There is none.
    #[error("this runner has no issuer of ID tokens; make one with `palisade issuer init --url https://…`")]
    None,
    /// There is one already.
    #[error("there is an issuer already, `{0}`; `palisade issuer rotate` makes new keys for it")]
    There(String),
    /// What was given can't be used.
    #[error("{0}")]
    Invalid(String),
    /// A file of it can't be used.
    #[error("the issuer's `{}`: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: key::KeyError,
    },
}

impl IssuerError {
    fn of(path: impl Into<PathBuf>) -> impl FnOnce(key::KeyError) -> IssuerError {
        let path = path.into();
        move |error| IssuerError::File { path, error }
    }

    fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> IssuerError {
        let told = IssuerError::of(path);
        move |error| told(error.into())
    }
}

impl Issuer {
    /// Makes one, with a key of each kind that is asked for.
    pub fn init(state: &State, url: &str, algorithms: &[Algorithm]) -> Result<Issuer, IssuerError> {
        let mut ledger = Ledger::new(url).map_err(IssuerError::Invalid)?;
        let directory = state.dir(DIRECTORY).map_err(IssuerError::io(DIRECTORY))?;
        let _held = lock(&directory)?;
        if let Some(there) = Ledger::read(&directory).map_err(IssuerError::io(&directory))? {
            return Err(IssuerError::There(there.url));
        }
        make_keys(&directory, &mut ledger, algorithms)?;
        ledger.write(&directory).map_err(IssuerError::io(&directory))?;
        Ok(Issuer::of(directory, ledger))
    }

    /// The one that there is.
    pub fn open(state: &State) -> Result<Issuer, IssuerError> {
        let directory = state.root().map(|root| root.join(DIRECTORY)).ok_or(IssuerError::None)?;
        let ledger = read(&directory)?;
        Ok(Issuer::of(directory, ledger))
    }

    fn of(directory: PathBuf, ledger: Ledger) -> Issuer {
        let signers = ledger.keys().iter().map(|_| OnceLock::new()).collect();
        Issuer { directory, ledger, signers }
    }

    /// Makes new keys of all kinds that it has, or of those that are named. Old ones go on until the new ones are
    /// published and known; or are forgotten at once.
    pub fn rotate(self, algorithms: &[Algorithm], at_once: bool) -> Result<Issuer, IssuerError> {
        let Issuer { directory, .. } = self;
        let _held = lock(&directory)?;
        let mut ledger = read(&directory)?;
        let has = |algorithm: &&Algorithm| {
            algorithms.contains(algorithm)
                || algorithms.is_empty() && ledger.keys().iter().any(|key| key.algorithm == **algorithm)
        };
        let wanted: Vec<Algorithm> = Algorithm::ALL.iter().filter(has).copied().collect();
        let mut gone = ledger.sweep(seconds(SystemTime::now()));
        if at_once {
            gone.extend(wanted.iter().flat_map(|algorithm| ledger.revoke(*algorithm)));
        }
        make_keys(&directory, &mut ledger, &wanted)?;
        ledger.write(&directory).map_err(IssuerError::io(&directory))?;
        for key in gone {
            let path = file_of(&directory, &key.kid);
            fs::remove_file(&path).map_err(IssuerError::io(path))?;
        }
        Ok(Issuer::of(directory, ledger))
    }

    /// Takes note that the keys that this one has are published now.
    pub fn published(self) -> Result<Issuer, IssuerError> {
        if self.ledger.keys().iter().all(|key| key.signs.is_some()) {
            return Ok(self);
        }
        let Issuer { directory, ledger: shown, .. } = self;
        let _held = lock(&directory)?;
        let mut ledger = read(&directory)?;
        ledger.publish(&shown, seconds(SystemTime::now()));
        ledger.write(&directory).map_err(IssuerError::io(&directory))?;
        Ok(Issuer::of(directory, ledger))
    }

    /// What is known of its keys.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Signs a token.
    pub fn token(
        &self,
        claims: &Claims,
        audience: &str,
        algorithm: Algorithm,
    ) -> Result<Token, ExchangeError> {
        id_token::check_audience(audience).map_err(ExchangeError::Issuer)?;
        let now = SystemTime::now();
        let url = &self.ledger.url;
        let Some((index, entry)) = self.ledger.signs(algorithm, seconds(now)) else {
            return Err(ExchangeError::Issuer(format!(
                "the issuer has no key that signs by {algorithm}; `palisade issuer rotate --algorithm {algorithm}` \
                 makes one"
            )));
        };
        let told = |e: IssuerError| ExchangeError::Issuer(e.to_string());
        let signer = match self.signers[index].get() {
            Some(signer) => signer,
            None => {
                let path = file_of(&self.directory, &entry.kid);
                let key = Key::read(&path, algorithm).map_err(IssuerError::of(path)).map_err(told)?;
                self.signers[index].get_or_init(|| Box::new(key))
            }
        };
        let token = Token::sign(&**signer, &entry.kid, url, audience, claims, now);
        token.map_err(|e| ExchangeError::Issuer(e.to_string()))
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// What is known of the keys in a directory.
fn read(directory: &Path) -> Result<Ledger, IssuerError> {
    Ledger::read(directory).map_err(IssuerError::io(directory))?.ok_or(IssuerError::None)
}

/// Keeps others from changing what is known meanwhile.
fn lock(directory: &Path) -> Result<File, IssuerError> {
    let path = directory.join(LOCK);
    let locked = || -> io::Result<File> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&path)?;
        file.lock()?;
        Ok(file)
    };
    locked().map_err(IssuerError::io(&path))
}

fn make_keys(directory: &Path, ledger: &mut Ledger, algorithms: &[Algorithm]) -> Result<(), IssuerError> {
    let now = seconds(SystemTime::now());
    for algorithm in algorithms {
        let made = || -> Result<_, key::KeyError> {
            let kept = Key::make(*algorithm)?;
            let public = Key::parse(*algorithm, &kept)?.public();
            Key::write(&file_of(directory, &public.kid()), &kept)?;
            Ok(public)
        };
        let public = made().map_err(IssuerError::of(directory))?;
        ledger.add(*algorithm, public, now);
    }
    Ok(())
}

fn file_of(directory: &Path, kid: &str) -> PathBuf {
    directory.join(format!("{kid}.pk8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Facts;

    fn claims() -> Claims {
        let facts =
            Facts::of_forge("https://git.example", &Default::default(), "ci.yml", &Default::default());
        Claims::new(&facts, &Default::default(), &Default::default())
    }

    fn kid_of(issuer: &Issuer) -> String {
        let token = issuer.token(&claims(), "sts", Algorithm::Es256).unwrap();
        let header = token.value.expose().split('.').next().unwrap().to_owned();
        let header = crate::mask::parts::decode_base64(header.as_bytes()).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        header["kid"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_rotation_changes_nothing_at_once_unless_it_is_to() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path().join("state")));
        assert!(matches!(Issuer::open(&state), Err(IssuerError::None)));
        let issuer = Issuer::init(&state, "https://ci.example", &[Algorithm::Es256]).unwrap();
        let first = kid_of(&issuer);
        assert!(matches!(Issuer::init(&state, "https://x.example", &[]), Err(IssuerError::There(_))));
        // Another has made a new key meanwhile: it isn't lost, and isn't taken for one that was published.
        Issuer::open(&state).unwrap().rotate(&[], false).unwrap();
        issuer.published().unwrap();
        let issuer = Issuer::open(&state).unwrap();
        assert_eq!(issuer.ledger().keys().len(), 2);
        assert_eq!(issuer.ledger().keys()[1].signs, None);
        assert_eq!(kid_of(&issuer), first);
        let issuer = issuer.published().unwrap().rotate(&[], true).unwrap();
        assert_ne!(kid_of(&issuer), first);
        let files = fs::read_dir(dir.path().join("state/issuer")).unwrap();
        let keys = files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "pk8"));
        assert_eq!(keys.count(), 1);
        assert!(issuer.token(&claims(), "sts", Algorithm::Rs256).unwrap_err().to_string().contains("rotate"));
        assert!(issuer.token(&claims(), "a b", Algorithm::Es256).is_err());
    }
}
