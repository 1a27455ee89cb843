//! What the jobs of a run pass on to each other and to people, and what runs pass on to later ones.
//!
//! A store keeps streams of bytes with a name: how they are packed is the business of the processes in the sandbox that
//! make and unpack them ([`crate::inside`]); nothing here looks into one. Stores are traits, so that a forge's own can
//! stand in; those of this machine are directories on a [`crate::shelf::Shelf`].

mod artifacts;
mod caches;
mod stream;

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use artifacts::{LocalArtifacts, OfRun, Settings as ArtifactSettings};
pub use caches::{LocalCaches, Settings as CacheSettings};

use crate::shelf::ShelfError;

/// All stores that a run's jobs use.
#[derive(Debug)]
pub struct Stores {
    /// Those of the run.
    pub artifacts: Box<dyn Artifacts>,
    /// Those of the repository.
    pub caches: Box<dyn Caches>,
}

/// The artifacts of one run. Names are unique in it; an artifact that is kept never changes.
pub trait Artifacts: fmt::Debug + Send + Sync {
    /// Those that there are, in the order in which they came.
    fn list(&self) -> Result<Vec<Artifact>, StoreError>;

    /// Begins one; it counts from [`Upload::keep`] on.
    fn begin(&self, new: NewArtifact) -> Result<Box<dyn Upload<Artifact>>, StoreError>;

    /// Opens its archive, which is as it was kept.
    fn open(&self, artifact: &Artifact) -> Result<File, StoreError>;

    /// How long one is kept that doesn't say, which is also the longest.
    fn retention(&self) -> Duration;
}

/// The caches of one repository. One is found only in the scope that it was kept in: who may read which scopes is decided
/// by who asks. A cache that is kept never changes.
pub trait Caches: fmt::Debug + Send + Sync {
    /// The first that there is: in the order of the scopes, in each in that of the keys; of a key, the cache that has
    /// it, else the newest whose key begins so.
    fn find(&self, wanted: &Wanted<'_>) -> Result<Option<Cache>, StoreError>;

    /// Opens its archive, which is as it was kept.
    fn open(&self, cache: &Cache) -> Result<File, StoreError>;

    /// Begins one; it counts from [`Upload::keep`] on.
    fn begin(&self, new: NewCache) -> Result<Box<dyn Upload<Cache>>, StoreError>;
}

/// A cache that is looked for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Where.
    pub scopes: &'a [String],
    /// What its content is made of: see [`NewCache::version`].
    pub version: Digest,
    /// Its key, and beginnings of others that would do.
    pub keys: &'a [&'a str],
}

/// A cache to be.
#[derive(Debug)]
pub struct NewCache {
    /// Who may read it: a reference, or a pull request.
    pub scope: String,
    /// A digest of the paths that it holds and how.
    pub version: Digest,
    /// Its key.
    pub key: String,
}

/// A cache.
#[derive(Clone, Debug)]
pub struct Cache {
    /// Its key.
    pub key: String,
    /// Bytes of its archive.
    pub size: u64,
    /// SHA-256 of its archive.
    pub digest: Digest,
    /// What the store calls it.
    name: String,
}

/// A stream on its way into a store; dropped, it leaves nothing behind.
pub trait Upload<T>: Write + Send {
    /// Keeps it.
    fn keep(self: Box<Self>) -> Result<T, StoreError>;
}

/// An artifact to be.
#[derive(Debug)]
pub struct NewArtifact {
    /// Its name.
    pub name: ArtifactName,
    /// How long it is kept.
    pub retention: Duration,
    /// It takes the place of one that has its name.
    pub overwrite: bool,
}

/// An artifact.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// Its number, unique in its run.
    pub id: u64,
    /// Its name.
    pub name: ArtifactName,
    /// Bytes of its archive.
    pub size: u64,
    /// SHA-256 of its archive.
    pub digest: Digest,
    /// Its archive on this machine.
    pub path: PathBuf,
}

/// Most bytes of an artifact's name.
const MAX_NAME: usize = 512;

/// The name of an artifact.
///
/// Upstream's rule (`path-and-artifact-name-validation.ts` of `@actions/artifact`): not empty, and none of the characters
/// that some file systems don't have in names. Here it isn't `.` or `..` either, and has an end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactName(String);

/// Characters that can't be in the path of a file in an artifact, by upstream's rule.
pub const NOT_IN_PATHS: [char; 9] = ['"', ':', '<', '>', '|', '*', '?', '\r', '\n'];

impl ArtifactName {
    /// Checks a name.
    pub fn parse(name: &str) -> Result<ArtifactName, String> {
        let refused = |why: &str| {
            let shown: String = name.chars().take(200).collect();
            Err(format!("the artifact name `{}` is not valid: {why}", shown.escape_debug()))
        };
        if let Some(odd) = name.chars().find(|c| NOT_IN_PATHS.contains(c) || matches!(c, '\\' | '/' | '\0')) {
            return refused(&format!(
                "it contains `{}`; it can't have any of \" : < > | * ? \\ / and ends of lines",
                odd.escape_debug()
            ));
        }
        match name {
            "" => refused("it is empty"),
            "." | ".." => refused("it means a directory"),
            _ if name.len() > MAX_NAME => refused(&format!("it is longer than {MAX_NAME} bytes")),
            _ => Ok(ArtifactName(name.to_owned())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ArtifactName {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        ArtifactName::parse(&name)
    }
}

impl From<ArtifactName> for String {
    fn from(name: ArtifactName) -> String {
        name.0
    }
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256, shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest([u8; 32]);

impl Digest {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        use sha2::Digest as _;
        Digest(sha2::Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a store can't do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no directory for it.
    #[error("cannot keep it: {0}")]
    State(io::Error),
    /// Its directory can't be read or written.
    #[error("the store, {0}")]
    Io(#[from] ShelfError),
    /// An artifact's name is taken.
    #[error(
        "an artifact with this name already exists on the workflow run; take another name, or `overwrite: true`"
    )]
    Taken,
    /// There is a cache of this key.
    #[error("another job has made this cache, or is making it")]
    Reserved,
    /// It is full of what is newer or in use.
    #[error("the store is full: it may hold {max} bytes, `max-size` of [{table}] in the configuration")]
    Full {
        /// The table of the configuration.
        table: &'static str,
        /// Its bound.
        max: u64,
    },
    /// What is there isn't what was kept.
    #[error("`{}` was changed after it was kept: it was sha256:{was} and is sha256:{is}", path.display())]
    Changed {
        /// The archive.
        path: PathBuf,
        /// Its digest when it was kept.
        was: Digest,
        /// The one it has.
        is: Digest,
    },
    /// It isn't there any more.
    #[error("it is not in the store any more")]
    Gone,
}

/// Most bytes of what a store writes about an entry.
const MAX_DESCRIPTION: u64 = 64 << 10;

/// Reads what a store has written about an entry; nothing where it isn't there, or is of another kind.
fn read_description<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let file = File::open(path).ok()?;
    serde_json::from_reader(io::BufReader::new(io::Read::take(file, MAX_DESCRIPTION))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_by_upstreams_rule() {
        for name in ["a", "my artifact", "..a", "é-1", "a'b", "-rf", "$(id)"] {
            assert_eq!(ArtifactName::parse(name).unwrap().as_str(), name);
        }
        for name in
            ["", ".", "..", "a/b", "a\\b", "a:b", "a*", "a?", "a|b", "a\"b", "<a>", "a\nb", "a\rb", "a\0"]
        {
            let error = ArtifactName::parse(name).unwrap_err();
            assert!(error.contains("is not valid"), "{error}");
        }
        assert!(ArtifactName::parse(&"a".repeat(MAX_NAME + 1)).is_err());
    }
}
