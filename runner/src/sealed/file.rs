//! `.palisade/secrets.yml`: the sealed secrets of a repository, which anybody may read.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::header::{Header, Origin};
use super::key::{Keyring, PublicKey};
use crate::base64::{base64url, from_base64url};
use crate::mask::Secret;
use crate::workflow::{MAX_BYTES, plain, read_within};

/// Where it is in a repository.
pub const PATH: &str = ".palisade/secrets.yml";
/// The version of the format.
const VERSION: u32 = 1;
/// Most keys that one secret is sealed to.
pub const MAX_RECIPIENTS: usize = 100;
/// What people read first.
const HEADER: &str = "\
# Secrets that only the runners that they are sealed to can open, for the jobs that they name: made by `palisade seal`.
# What stands beside a value is part of it: changed or moved, it can't be opened.
";

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sealed(Vec<Entry>);

/// One secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is bound to.
    pub header: Header,
    /// The encrypted value, by the name of the key that it is sealed to.
    sealed: BTreeMap<String, Vec<u8>>,
}

/// Why an entry isn't opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    /// It is for other runners.
    #[error("it is sealed to none of this runner's keys, but to {0}")]
    NotOurs(String),
    /// It isn't what was sealed.
    #[error(
        "it was changed or moved after it was sealed: its name, server, repository, environment, refs and value \
         belong together"
    )]
    Broken,
}

impl Entry {
    /// Seals a value.
    pub fn seal(header: Header, value: &Secret, to: &[PublicKey]) -> Result<Entry, String> {
        let bound = header.bound();
        let seal = |key: &PublicKey| Ok((key.id(), key.seal(value, &bound)?));
        let sealed = to.iter().map(seal).collect::<Result<_, String>>()?;
        Ok(Entry { header, sealed })
    }

    /// Opens it with one of these keys.
    pub fn open(&self, keys: &Keyring) -> Result<Secret, OpenError> {
        let ours = self.sealed.iter().find_map(|(id, sealed)| Some((keys.find(id)?, sealed)));
        let Some((key, sealed)) = ours else {
            let others: Vec<&str> = self.sealed.keys().map(String::as_str).collect();
            return Err(OpenError::NotOurs(others.join(", ")));
        };
        key.open(sealed, &self.header.bound()).ok_or(OpenError::Broken)
    }
}

/// Why there is no such file to go by.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be read or written.
    #[error("`{}`: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It isn't one.
    #[error("`{PATH}` is no file of sealed secrets: {0}")]
    Invalid(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default)]
    secrets: Vec<WrittenEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenEntry {
    name: String,
    server: Option<String>,
    #[serde(default)]
    local: bool,
    repository: String,
    environment: String,
    refs: Vec<String>,
    sealed: BTreeMap<String, String>,
}

impl Sealed {
    /// That of the repository at `root`; an empty one where there is none.
    pub fn read(root: &Path) -> Result<Sealed, FileError> {
        let told = |error| FileError::Io { path: root.join(PATH), error };
        let bytes = match read_within(root, Path::new(PATH)) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Sealed::default());
            }
            read => read.map_err(told)?,
        };
        Sealed::parse(&bytes).map_err(FileError::Invalid)
    }

    /// Reads the bytes of one.
    ///
    /// # Errors
    /// What is wrong with them, in words.
    pub fn parse(bytes: &[u8]) -> Result<Sealed, String> {
        let written: Written = serde_json::from_value(plain(bytes)?).map_err(|e| e.to_string())?;
        if written.version != VERSION {
            return Err(format!("its version is {}, this palisade knows {VERSION}", written.version));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for entry in written.secrets {
            let entry = entry.entry()?;
            if entries.iter().any(|other| other.header.replaces(&entry.header)) {
                return Err(format!(
                    "`{}` of the environment `{}` is there twice",
                    entry.header.name(),
                    entry.header.environment()
                ));
            }
            entries.push(entry);
        }
        Ok(Sealed(entries))
    }

    /// All that it has.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Takes an entry in, in the place of the one that was there; says whether there was one.
    pub fn put(&mut self, entry: Entry) -> bool {
        let there = self.0.iter_mut().find(|other| other.header.replaces(&entry.header));
        match there {
            Some(other) => {
                *other = entry;
                true
            }
            None => {
                self.0.push(entry);
                self.0.sort_by(|a, b| a.header.cmp(&b.header));
                false
            }
        }
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let mut text = format!("{HEADER}version: {VERSION}\nsecrets:");
        // A string of JSON is one of YAML. Writing to a text never fails.
        let quoted = |text: &str| Json::from(text).to_string();
        for Entry { header, sealed } in &self.0 {
            let _ = writeln!(text, "\n  - name: {}", header.name());
            let _ = match header.origin() {
                Origin::Server(server) => writeln!(text, "    server: {}", quoted(server)),
                Origin::Local => writeln!(text, "    local: true"),
            };
            let _ = writeln!(text, "    repository: {}", quoted(header.repository()));
            let _ = writeln!(text, "    environment: {}", quoted(header.environment()));
            let refs: Vec<String> = header.refs().iter().map(|text| quoted(text)).collect();
            let _ = writeln!(text, "    refs: [{}]", refs.join(", "));
            let _ = write!(text, "    sealed:");
            for (id, sealed) in sealed {
                let _ = write!(text, "\n      {}: {}", quoted(id), quoted(&base64url(sealed)));
            }
        }
        text.push_str(if self.0.is_empty() { " []\n" } else { "\n" });
        text
    }

    /// Writes it to the repository at `root`, all at once.
    pub fn write(&self, root: &Path) -> Result<(), FileError> {
        let path = root.join(PATH);
        let told = |error| FileError::Io { path: path.clone(), error };
        let text = self.render();
        if text.len() > MAX_BYTES {
            let why = format!("it would be larger than {} KiB", MAX_BYTES >> 10);
            return Err(told(io::Error::new(io::ErrorKind::FileTooLarge, why)));
        }
        fs::create_dir_all(path.parent().unwrap_or(root)).map_err(told)?;
        let fresh = path.with_extension(format!("yml.{}", std::process::id()));
        // Nothing that is there already, such as a link, is written to.
        let mut file = File::create_new(&fresh).map_err(told)?;
        let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&fresh, &path));
        written.map_err(|error| {
            // Nothing is kept of what could not be written.
            let _ = fs::remove_file(&fresh);
            told(error)
        })
    }
}

impl WrittenEntry {
    fn entry(self) -> Result<Entry, String> {
        let named = |why: String| format!("`{}`: {why}", self.name.escape_debug());
        let origin = match (self.server, self.local) {
            (Some(server), false) => Origin::Server(server),
            (None, true) => Origin::Local,
            _ => return Err(named("it has either a `server` or `local: true`".into())),
        };
        let header = Header::new(&self.name, origin, &self.repository, &self.environment, &self.refs);
        let header = header.map_err(named)?;
        if self.sealed.is_empty() || self.sealed.len() > MAX_RECIPIENTS {
            return Err(named(format!("it is sealed to 1 to {MAX_RECIPIENTS} keys")));
        }
        let decode = |(id, text): (String, String)| {
            let sealed = from_base64url(&text);
            Ok((id, sealed.ok_or_else(|| named("a value of `sealed` is no base64url".into()))?))
        };
        let sealed = self.sealed.into_iter().map(decode).collect::<Result<_, String>>()?;
        Ok(Entry { header, sealed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealed::key::PrivateKey;

    fn entry(name: &str) -> Entry {
        let header = Header::new(name, Origin::Local, "a/b", "it's \"x\"", &["refs/heads/**".into()]);
        let to = [PrivateKey::make().public(), PrivateKey::make().public()];
        Entry::seal(header.unwrap(), &Secret::new("hunter2".into()), &to).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Sealed::read(dir.path()).unwrap(), Sealed::default());
        let mut sealed = Sealed::default();
        for name in ["B", "A"] {
            assert!(!sealed.put(entry(name)));
        }
        assert!(sealed.put(entry("A")));
        for sealed in [sealed, Sealed::default()] {
            sealed.write(dir.path()).unwrap();
            assert_eq!(Sealed::read(dir.path()).unwrap(), sealed);
        }
    }

    #[test]
    fn what_is_no_such_file_says_why() {
        let good = "  - {name: A, local: true, repository: a/b, environment: e, refs: [refs/x], sealed: {k: AAAA}}\n";
        let parse = |text: &str| Sealed::parse(text.as_bytes()).map(|sealed| sealed.0.len());
        assert_eq!(parse(&format!("version: 1\nsecrets:\n{good}")), Ok(1));
        for (text, why) in [
            ("", "the file is empty"),
            ("version: 2", "its version is 2"),
            ("version: 1\nsecrets: 1", "expected a sequence"),
            ("version: 1\nmore: 1", "unknown field `more`"),
            ("version: [", "not valid YAML"),
            (&format!("version: 1\nsecrets:\n{good}{good}"), "twice"),
            (
                &format!("version: 1\nsecrets:\n{}", good.replace("local: true", "local: false")),
                "either a `server`",
            ),
            (&format!("version: 1\nsecrets:\n{}", good.replace("k: AAAA", "")), "1 to 100 keys"),
            (&format!("version: 1\nsecrets:\n{}", good.replace("AAAA", "A=")), "no base64url"),
            (&format!("version: 1\nsecrets:\n{}", good.replace("[refs/x]", "[]")), "1 to 100 references"),
        ] {
            let told = parse(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
