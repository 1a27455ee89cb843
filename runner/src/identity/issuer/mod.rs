//! The issuer: keys in the state directory that sign ID tokens, and what is published of them. Whoever trusts its
//! address trusts what it signs. Its private keys are files of this user's alone, in a directory that no job sees.

pub mod documents;
pub mod key;
pub mod ledger;
mod serve;
pub mod token;

use std::fs;
use std::io;
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

/// An issuer.
pub struct Issuer {
    directory: PathBuf,
    ledger: Ledger,
    /// The keys that sign, read when they first do.
    signers: [OnceLock<Box<dyn Signer>>; Algorithm::ALL.len()],
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
        if let Some(there) = Ledger::read(&directory).map_err(IssuerError::io(&directory))? {
            return Err(IssuerError::There(there.url));
        }
        make_keys(&directory, &mut ledger, algorithms)?;
        Ok(Issuer { directory, ledger, signers: Default::default() })
    }

    /// The one that there is.
    pub fn open(state: &State) -> Result<Issuer, IssuerError> {
        let directory = state.root().map(|root| root.join(DIRECTORY)).ok_or(IssuerError::None)?;
        let ledger =
            Ledger::read(&directory).map_err(IssuerError::io(&directory))?.ok_or(IssuerError::None)?;
        Ok(Issuer { directory, ledger, signers: Default::default() })
    }

    /// Makes new keys of all kinds that it has, or of those that are named. Old ones go on until the new ones are
    /// published and known; or are forgotten at once.
    pub fn rotate(&mut self, algorithms: &[Algorithm], at_once: bool) -> Result<(), IssuerError> {
        let now = seconds(SystemTime::now());
        let has = |algorithm: &&Algorithm| {
            algorithms.contains(algorithm)
                || algorithms.is_empty() && self.ledger.keys().iter().any(|key| key.algorithm == **algorithm)
        };
        let wanted: Vec<Algorithm> = Algorithm::ALL.iter().filter(has).copied().collect();
        let mut gone = self.ledger.sweep(now);
        if at_once {
            gone.extend(wanted.iter().flat_map(|algorithm| self.ledger.revoke(*algorithm)));
        }
        make_keys(&self.directory, &mut self.ledger, &wanted)?;
        for key in gone {
            let path = file_of(&self.directory, &key.kid);
            fs::remove_file(&path).map_err(IssuerError::io(path))?;
        }
        self.signers = Default::default();
        Ok(())
    }

    /// Takes note that what it has is published now.
    pub fn published(&mut self) -> Result<(), IssuerError> {
        if self.ledger.publish(seconds(SystemTime::now())) {
            self.ledger.write(&self.directory).map_err(IssuerError::io(&self.directory))?;
        }
        Ok(())
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
        if !id_token::is_audience(audience) {
            let why = format!("`{}` is no audience: {}", audience.escape_debug(), id_token::AUDIENCE);
            return Err(ExchangeError::Issuer(why));
        }
        let now = SystemTime::now();
        let url = &self.ledger.url;
        let Some(entry) = self.ledger.signs(algorithm, seconds(now)) else {
            return Err(ExchangeError::Issuer(format!(
                "the issuer has no key that signs by {algorithm}; `palisade issuer rotate --algorithm {algorithm}` makes one"
            )));
        };
        let told = |e: IssuerError| ExchangeError::Issuer(e.to_string());
        let slot = &self.signers[algorithm as usize];
        let signer = match slot.get() {
            Some(signer) => signer,
            None => {
                let path = file_of(&self.directory, &entry.kid);
                let key = Key::read(&path, algorithm).map_err(IssuerError::of(path)).map_err(told)?;
                slot.get_or_init(|| Box::new(key))
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
    ledger.write(directory).map_err(IssuerError::io(directory))
}

fn file_of(directory: &Path, kid: &str) -> PathBuf {
    directory.join(format!("{kid}.pk8"))
}
