//! A credential that was found, as it is told.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::Digest as _;

use super::find::Found;
use super::position::Position;
use crate::mask::detect::{Digest, Rule};
use crate::output::text;

/// How much of a commit's name is shown to a person.
const SHORT: usize = 12;

/// A credential that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// What it is.
    pub rule: &'static Rule,
    /// In what it stands.
    pub place: Arc<Place>,
    /// Where it begins.
    pub start: Position,
    /// Where it ends: after its last character.
    pub end: Position,
    /// The line it begins in, or what of it stands near, with all credentials masked; fit for a terminal.
    pub excerpt: String,
    /// The same from scan to scan as long as rule, path, commit and what else the line holds are; 32 hexadecimal digits.
    /// Made of the masked line, it tells nothing of the value: the hash of a password could be searched for.
    pub fingerprint: String,
    /// Identifies the value.
    pub(super) value: Digest,
    /// Whether [`Hit::value`] is the digest by which a policy can allow it.
    pub(super) whole: bool,
}

/// In what a credential stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A file.
    File {
        /// As it was named, or below what was named.
        path: PathBuf,
    },
    /// A version of a file in the history of a repository.
    Blob {
        /// The first commit that has it.
        commit: String,
        /// Its path in that commit.
        path: PathBuf,
    },
    /// A commit itself, as `git cat-file -p` shows it: its message, mostly.
    Commit {
        /// Its name.
        id: String,
    },
    /// An annotated tag, as `git cat-file -p` shows it.
    Tag {
        /// Its name.
        name: String,
    },
}

impl Place {
    /// The path of the file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Place::File { path } | Place::Blob { path, .. } => Some(path),
            Place::Commit { .. } | Place::Tag { .. } => None,
        }
    }

    /// The commit, if it is one or in one.
    pub fn commit(&self) -> Option<&str> {
        match self {
            Place::Blob { commit: id, .. } | Place::Commit { id } => Some(id),
            Place::File { .. } | Place::Tag { .. } => None,
        }
    }
}

/// `path`, `commit:path` as git takes it, `commit …` or `tag …`; on one line, and fit for a terminal.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = |commit: &str| commit.chars().take(SHORT).collect::<String>();
        let path = |path: &Path| shown(&path.to_string_lossy());
        match self {
            Place::File { path: file } => write!(f, "{}", path(file)),
            Place::Blob { commit, path: file } => write!(f, "{}:{}", short(commit), path(file)),
            Place::Commit { id } => write!(f, "commit {}", short(id)),
            Place::Tag { name } => write!(f, "tag {}", shown(name)),
        }
    }
}

/// A text of the outside on one line, and fit for a terminal.
pub(super) fn shown(name: &str) -> String {
    let mut out = String::new();
    text::name(name, &mut out);
    out
}

impl Hit {
    /// The SHA-256 of the value, by which a policy can allow it. A credential of several pieces has none.
    ///
    /// Whoever knows the digest of a password can try passwords until one fits: it is for the person who owns the value.
    pub fn digest(&self) -> Option<Digest> {
        self.whole.then_some(self.value)
    }
}

/// Makes hits of what was found in one text. `path` is that by which a policy knows it.
pub(super) fn hits(found: Vec<Found>, place: Place, path: &Path) -> Vec<Hit> {
    let place = Arc::new(place);
    let mut hits: Vec<Hit> = Vec::with_capacity(found.len());
    let mut same = std::collections::HashMap::new();
    for Found { rule, start, end, excerpt, value, whole } in found {
        let nth: &mut u64 = same.entry((rule.id, excerpt.clone())).or_default();
        *nth += 1;
        let fingerprint = fingerprint(&[
            rule.id.as_bytes(),
            path.as_os_str().as_encoded_bytes(),
            place.commit().unwrap_or_default().as_bytes(),
            excerpt.as_bytes(),
            nth.to_string().as_bytes(),
        ]);
        hits.push(Hit { rule, place: place.clone(), start, end, excerpt, fingerprint, value, whole });
    }
    hits
}

fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = sha2::Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::detect::rules;

    #[test]
    fn places_are_fit_for_a_terminal() {
        let commit = "0123456789abcdef0123456789abcdef01234567".to_owned();
        let path = PathBuf::from("a\x1b[2J\nb");
        assert_eq!(Place::File { path: path.clone() }.to_string(), "a b");
        assert_eq!(Place::Blob { commit: commit.clone(), path }.to_string(), "0123456789ab:a b");
        assert_eq!(Place::Commit { id: commit }.to_string(), "commit 0123456789ab");
        assert_eq!(Place::Tag { name: "v1\x07".into() }.to_string(), "tag v1^G");
    }

    #[test]
    fn a_fingerprint_is_of_the_line_and_not_of_the_value() {
        let found = |excerpt: &str, line, value| Found {
            rule: rules::find("password").unwrap(),
            start: Position { line, column: 1 },
            end: Position { line, column: 9 },
            excerpt: excerpt.into(),
            value: [value; 32],
            whole: true,
        };
        let of = |all: Vec<Found>, path: &str| {
            let place = Place::File { path: path.into() };
            hits(all, place, Path::new(path)).into_iter().map(|hit| hit.fingerprint).collect::<Vec<_>>()
        };
        let one = of(vec![found("a ***", 1, 1), found("a ***", 7, 1), found("b ***", 8, 1)], "x");
        assert!(one[0] != one[1] && one[0] != one[2] && one.iter().all(|f| f.len() == 32));
        assert_eq!(of(vec![found("a ***", 5, 2)], "x"), one[..1]);
        assert_ne!(of(vec![found("a ***", 1, 1)], "y"), one[..1]);
    }
}
