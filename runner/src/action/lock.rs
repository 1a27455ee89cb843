//! `.palisade/actions.lock`: the commit and the tree that each `uses:` of another repository means, so that nobody can
//! put something else in its place by moving a tag. TOML; made by `palisade lock` and kept with the workflows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::store::CommitId;
use super::tree::TreeDigest;

/// Where it is in a repository.
pub const PATH: &str = ".palisade/actions.lock";
/// The version of the format.
const VERSION: u32 = 1;
/// Most bytes of it.
const MAX_SIZE: u64 = 4 << 20;
/// What people read first.
const HEADER: &str = "\
# The commits and trees that `uses:` of other repositories means here. `palisade lock` makes this file, `palisade lock
# --update` moves on to what the tags and branches have now, and `palisade run` holds to it.

";

/// What is pinned, by [`Remote::version`](super::Remote::version).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock(pub BTreeMap<String, Pin>);

/// What a version means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Where it was found, for people.
    pub source: String,
    /// Its commit.
    pub commit: CommitId,
    /// Its files.
    pub tree: TreeDigest,
}

/// Why there is no lock to go by.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It can't be read or written.
    #[error("`{}`: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It isn't one.
    #[error("`{}` is no lock: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    #[serde(default, rename = "action")]
    actions: Vec<WrittenPin>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPin {
    uses: String,
    source: String,
    commit: String,
    tree: String,
}

/// How what is used differs from what is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// It is used and not locked.
    Missing(&'a Pin),
    /// It is locked and means something else now.
    Moved {
        /// What is locked.
        from: &'a Pin,
        /// What it means now.
        to: &'a Pin,
    },
    /// It is locked and not used.
    Stale,
}

impl Lock {
    /// How `now` differs, by version.
    pub fn changes<'a>(&'a self, now: &'a Lock) -> BTreeMap<&'a str, Change<'a>> {
        let used = now.0.iter().filter_map(|(version, to)| match self.0.get(version) {
            None => Some((version.as_str(), Change::Missing(to))),
            Some(from) if (&from.commit, &from.tree) != (&to.commit, &to.tree) => {
                Some((version.as_str(), Change::Moved { from, to }))
            }
            Some(_) => None,
        });
        let unused = self.0.keys().filter(|version| !now.0.contains_key(*version));
        used.chain(unused.map(|version| (version.as_str(), Change::Stale))).collect()
    }

    /// The lock of the repository at `root`; `None` where it has none.
    pub fn read(root: &Path) -> Result<Option<Lock>, LockError> {
        let path = root.join(PATH);
        let told = |error| LockError::Io { path: path.clone(), error };
        let file = match File::open(&path) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            opened => opened.map_err(told)?,
        };
        let mut text = String::new();
        let size = file.take(MAX_SIZE + 1).read_to_string(&mut text).map_err(told)?;
        let invalid = |why| LockError::Invalid { path: path.clone(), why };
        if size as u64 > MAX_SIZE {
            return Err(invalid(format!("it is larger than {MAX_SIZE} bytes")));
        }
        Lock::parse(&text).map(Some).map_err(invalid)
    }

    /// Reads the file's content.
    pub fn parse(text: &str) -> Result<Lock, String> {
        let written: Written = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        if written.version != VERSION {
            return Err(format!("its version is {}, this palisade knows {VERSION}", written.version));
        }
        let mut pins = BTreeMap::new();
        for WrittenPin { uses, source, commit, tree } in written.actions {
            let wrong = |what: &str, value: &str| format!("`{value}` of `{uses}` is no {what}");
            let pin = Pin {
                source,
                commit: CommitId::parse(&commit).ok_or_else(|| wrong("commit", &commit))?,
                tree: TreeDigest::parse(&tree).ok_or_else(|| wrong("digest of a tree", &tree))?,
            };
            if pins.insert(uses.clone(), pin).is_some() {
                return Err(format!("`{uses}` stands in it twice"));
            }
        }
        Ok(Lock(pins))
    }

    /// The file's content.
    pub fn render(&self) -> String {
        let actions = self.0.iter().map(|(uses, pin)| WrittenPin {
            uses: uses.clone(),
            source: pin.source.clone(),
            commit: pin.commit.to_string(),
            tree: pin.tree.to_string(),
        });
        let written = Written { version: VERSION, actions: actions.collect() };
        // Text under fixed keys is always TOML.
        HEADER.to_owned() + &toml::to_string(&written).unwrap_or_default()
    }

    /// Writes it to the repository at `root`, all at once.
    pub fn write(&self, root: &Path) -> Result<(), LockError> {
        let path = root.join(PATH);
        let told = |error| LockError::Io { path: path.clone(), error };
        let directory = path.parent().unwrap_or(root);
        fs::create_dir_all(directory).map_err(told)?;
        let fresh = path.with_extension(format!("lock.{}", std::process::id()));
        // Nothing that is there already, such as a link, is written to.
        let mut file = File::create_new(&fresh).map_err(told)?;
        let written = file.write_all(self.render().as_bytes()).and_then(|()| fs::rename(&fresh, &path));
        written.map_err(|error| {
            // Nothing is kept of what could not be written.
            let _ = fs::remove_file(&fresh);
            told(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock() -> Lock {
        let pin = |digit: &str| Pin {
            source: "https://forge.example".into(),
            commit: CommitId::parse(&digit.repeat(40)).unwrap(),
            tree: TreeDigest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap(),
        };
        Lock([("o/b@v1".to_owned(), pin("1")), ("o/a@feature/\"x\"".to_owned(), pin("2"))].into())
    }

    #[test]
    fn changes_are_what_is_new_what_moved_and_what_is_used_no_more() {
        let held = lock();
        assert!(held.changes(&held).is_empty());
        let mut now = held.clone();
        let (gone, _) = now.0.pop_first().unwrap();
        let moved = now.0.values_mut().next().unwrap();
        moved.commit = CommitId::parse(&"3".repeat(40)).unwrap();
        let new = moved.clone();
        now.0.insert("o/new@v1".into(), new);
        let changes = held.changes(&now);
        assert_eq!(changes[gone.as_str()], Change::Stale);
        assert!(matches!(changes["o/b@v1"], Change::Moved { from, to } if from.commit != to.commit));
        assert!(matches!(changes["o/new@v1"], Change::Missing(_)));
        assert_eq!(changes.len(), 3);
    }

    #[test]
    fn it_is_text_that_people_can_review() {
        insta::assert_snapshot!(lock().render(), @r#"
        # The commits and trees that `uses:` of other repositories means here. `palisade lock` makes this file, `palisade lock
        # --update` moves on to what the tags and branches have now, and `palisade run` holds to it.

        version = 1

        [[action]]
        uses = 'o/a@feature/"x"'
        source = "https://forge.example"
        commit = "2222222222222222222222222222222222222222"
        tree = "sha256:2222222222222222222222222222222222222222222222222222222222222222"

        [[action]]
        uses = "o/b@v1"
        source = "https://forge.example"
        commit = "1111111111111111111111111111111111111111"
        tree = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
        "#);
    }

    #[test]
    fn what_was_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Lock::read(dir.path()).unwrap(), None);
        lock().write(dir.path()).unwrap();
        assert_eq!(Lock::read(dir.path()).unwrap(), Some(lock()));
        assert_eq!(fs::read_dir(dir.path().join(".palisade")).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_lock_is_told() {
        let error = |text: &str| Lock::parse(text).unwrap_err();
        let entry = |commit: &str, tree: &str| {
            format!(
                "version = 1\n[[action]]\nuses = 'o/r@v'\nsource = 's'\ncommit = '{commit}'\ntree = '{tree}'\n"
            )
        };
        let (commit, tree) = ("a".repeat(40), format!("sha256:{}", "b".repeat(64)));
        assert!(Lock::parse(&entry(&commit, &tree)).is_ok());
        assert!(error(&entry("a1b2c3d", &tree)).contains("`a1b2c3d` of `o/r@v` is no commit"));
        assert!(error(&entry(&commit, "md5:1")).contains("is no digest of a tree"));
        assert!(error("version = 2").contains("its version is 2"));
        assert!(error("version = 1\nmore = 1").contains("unknown field `more`"));
        let twice = entry(&commit, &tree) + entry(&commit, &tree).split_once('\n').unwrap().1;
        assert!(error(&twice).contains("stands in it twice"));
    }
}
