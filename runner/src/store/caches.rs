//! Caches in a directory of this machine, for all runs of this user.
//!
//! An entry of the shelf is named by digests of its repository, scope, version and key, so that there is one of each
//! and nobody has to open what isn't meant: `cache.json` says what it is, beside the archive. Where there is no room,
//! what was used least recently goes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::stream::{self, Archive};
use super::{Cache, Caches, Digest, NewCache, StoreError, Upload, Wanted, read_description};
use crate::limits::Size;
use crate::shelf::{Making, Shelf, told};
use crate::state::State;

/// The directory in that of the state.
const DIRECTORY: &str = "cache";
/// What an entry is.
const DESCRIPTION: &str = "cache.json";
/// Its archive.
const ARCHIVE: &str = "cache.tar.zst";

/// `[cache]` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// How many bytes the store may hold.
    pub max_size: Size,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { max_size: Size(10 << 30) }
    }
}

/// The caches of one repository.
#[derive(Debug)]
pub struct LocalCaches {
    state: State,
    max_size: u64,
    repository: String,
    open: OnceLock<Arc<Shelf>>,
}

/// `cache.json`
#[derive(Serialize, Deserialize)]
struct Description {
    repository: String,
    scope: String,
    version: Digest,
    key: String,
    size: u64,
    digest: Digest,
    /// Nanoseconds since 1970.
    created: u64,
}

impl LocalCaches {
    /// Those of the repository that `repository` tells from all others. Nothing is made before something is kept.
    pub fn new(state: State, settings: Settings, repository: String) -> Self {
        LocalCaches { state, max_size: settings.max_size.0, repository, open: OnceLock::new() }
    }

    fn shelf(&self) -> Result<Arc<Shelf>, StoreError> {
        if let Some(shelf) = self.open.get() {
            return Ok(shelf.clone());
        }
        let directory = self.state.dir(DIRECTORY).map_err(StoreError::State)?;
        Ok(self.open.get_or_init(|| Arc::new(Shelf::new(directory))).clone())
    }

    /// What the names of the caches of a scope and version begin with.
    fn stem(&self, scope: &str, version: Digest) -> String {
        format!("{}-{}-{}-", short(&self.repository), short(scope), short(&version.to_string()))
    }

    /// Exactly this key, or the newest one that begins so.
    fn newest(&self, shelf: &Shelf, names: &[String], stem: &str, key: &str) -> Option<Cache> {
        let exact = format!("{stem}{}", short(key));
        let mut found: Option<(u64, Cache)> = None;
        for name in names.iter().filter(|name| name.starts_with(stem)) {
            let Some(description) = read_description(&shelf.path(name).join(DESCRIPTION)) else { continue };
            let Description { repository, key: own, size, digest, created, .. } = description;
            if repository != self.repository || !own.starts_with(key) {
                continue;
            }
            // No other is newer than the very one.
            let age = if *name == exact && own == key { u64::MAX } else { created };
            if found.as_ref().is_none_or(|(best, _)| age > *best) {
                found = Some((age, Cache { key: own, size, digest, name: name.clone() }));
            }
        }
        found.map(|(_, cache)| cache)
    }
}

impl Caches for LocalCaches {
    fn find(&self, wanted: &Wanted<'_>) -> Result<Option<Cache>, StoreError> {
        let shelf = self.shelf()?;
        let names = shelf.names()?;
        for scope in wanted.scopes {
            let stem = self.stem(scope, wanted.version);
            for key in wanted.keys {
                let found = self.newest(&shelf, &names, &stem, key);
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    fn open(&self, cache: &Cache) -> Result<File, StoreError> {
        let shelf = self.shelf()?;
        let held = shelf.hold(&cache.name)?.ok_or(StoreError::Gone)?;
        held.used();
        let opened = stream::open(&held.path().join(ARCHIVE), cache.digest);
        if let Err(StoreError::Changed { .. }) = opened {
            // It is good for nothing, and a good one may take its place.
            drop(held);
            shelf.remove(&cache.name)?;
        }
        opened
    }

    fn begin(&self, new: NewCache) -> Result<Box<dyn Upload<Cache>>, StoreError> {
        let shelf = self.shelf()?;
        let name = format!("{}{}", self.stem(&new.scope, new.version), short(&new.key));
        if shelf.hold(&name)?.is_some() {
            return Err(StoreError::Reserved);
        }
        let making = shelf.make()?;
        let archive = Archive::create(making.directory().join(ARCHIVE))?;
        let repository = self.repository.clone();
        Ok(Box::new(Incoming { shelf, max_size: self.max_size, making, archive, name, repository, new }))
    }
}

/// A cache on its way.
struct Incoming {
    shelf: Arc<Shelf>,
    max_size: u64,
    making: Making,
    archive: Archive,
    name: String,
    repository: String,
    new: NewCache,
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.archive.write(bytes, || make_room(&self.shelf, self.max_size))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Upload<Cache> for Incoming {
    fn keep(self: Box<Self>) -> Result<Cache, StoreError> {
        let Incoming { shelf, max_size, mut making, archive, name, repository, new } = *self;
        make_room(&shelf, max_size)?;
        let (_, size, digest) = archive.end();
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
        let NewCache { scope, version, key } = new;
        let description = Description { repository, scope, version, key: key.clone(), size, digest, created };
        let path = making.directory().join(DESCRIPTION);
        let text = serde_json::to_vec(&description).map_err(|e| told(&path)(e.into()))?;
        fs::write(&path, text).map_err(told(&path))?;
        shelf.put(&mut making, &name)?.ok_or(StoreError::Reserved)?;
        Ok(Cache { key, size, digest, name })
    }
}

/// Removes what was used least recently where there is too much; fails where nothing more can go.
fn make_room(shelf: &Shelf, max: u64) -> Result<(), StoreError> {
    if shelf.bytes()? <= max {
        return Ok(());
    }
    let making = shelf.bytes_in_making()?;
    shelf.evict(
        max.saturating_sub(making),
        |_| true,
        |path| {
            let archive = fs::metadata(path.join(ARCHIVE)).ok()?;
            let description = fs::metadata(path.join(DESCRIPTION)).ok()?;
            Some(archive.len() + description.len())
        },
    )?;
    if shelf.bytes()? > max { Err(StoreError::Full { table: "cache", max }) } else { Ok(()) }
}

/// As many digits of a digest as tell one text from all others that anybody can find.
fn short(text: &str) -> String {
    let digest = Digest::of(text.as_bytes()).to_string();
    digest[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const MAIN: &str = "refs/heads/main";
    const PULL: &str = "refs/pull/1/merge";

    fn store(dir: &TempDir, repository: &str, max_size: u64) -> LocalCaches {
        let settings = Settings { max_size: Size(max_size) };
        LocalCaches::new(State::locate(Some(dir.path().to_owned())), settings, repository.to_owned())
    }

    fn version(number: u8) -> Digest {
        Digest([number; 32])
    }

    fn add(store: &LocalCaches, scope: &str, key: &str, content: &[u8]) -> Result<Cache, StoreError> {
        let new = NewCache { scope: scope.into(), version: version(1), key: key.into() };
        let mut upload = store.begin(new)?;
        upload.write_all(content).unwrap();
        upload.keep()
    }

    fn find(store: &LocalCaches, scopes: &[&str], keys: &[&str]) -> Option<String> {
        let scopes: Vec<String> = scopes.iter().map(|s| (*s).to_owned()).collect();
        let wanted = Wanted { scopes: &scopes, version: version(1), keys };
        let cache = store.find(&wanted).unwrap()?;
        let content = io::read_to_string(Caches::open(store, &cache).unwrap()).unwrap();
        Some(format!("{}={content}", cache.key))
    }

    #[test]
    fn the_key_goes_before_its_beginnings_and_the_newest_before_older_ones() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "r", 1 << 20);
        for (key, content) in [("npm-a", "1"), ("npm-b", "2"), ("npm", "3"), ("npm-abc", "4"), ("Npm-z", "5")]
        {
            add(&store, MAIN, key, content.as_bytes()).unwrap();
        }
        for (keys, found) in [
            (&["npm"][..], Some("npm=3")),
            (&["npm-a"], Some("npm-a=1")),
            (&["npm-"], Some("npm-abc=4")),
            (&["npm-x", "npm-b", "npm"], Some("npm-b=2")),
            (&["pip", "np"], Some("npm-abc=4")),
            (&["pip"], None),
        ] {
            assert_eq!(find(&store, &[MAIN], keys).as_deref(), found, "{keys:?}");
        }
        assert!(matches!(add(&store, MAIN, "npm", b"again"), Err(StoreError::Reserved)));
        let other = Wanted { scopes: &[MAIN.into()], version: version(2), keys: &["npm"] };
        assert!(store.find(&other).unwrap().is_none());
    }

    #[test]
    fn scopes_and_repositories_are_apart() {
        let dir = tempfile::tempdir().unwrap();
        let store_of = |repository| store(&dir, repository, 1 << 20);
        let (ours, theirs) = (store_of("ours"), store_of("theirs"));
        add(&ours, PULL, "k", b"pull").unwrap();
        assert_eq!(find(&ours, &[MAIN], &["k"]), None);
        add(&ours, MAIN, "k", b"main").unwrap();
        assert_eq!(find(&ours, &[PULL, MAIN], &["k"]).as_deref(), Some("k=pull"));
        assert_eq!(find(&ours, &["refs/pull/2/merge", MAIN], &["k"]).as_deref(), Some("k=main"));
        assert_eq!(find(&theirs, &[MAIN, PULL], &["k"]), None);
    }

    #[test]
    fn what_was_changed_is_told_and_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "r", 1 << 20);
        let cache = add(&store, MAIN, "k", b"good").unwrap();
        fs::write(store.shelf().unwrap().path(&cache.name).join(ARCHIVE), "evil").unwrap();
        assert!(matches!(Caches::open(&store, &cache), Err(StoreError::Changed { .. })));
        assert!(matches!(Caches::open(&store, &cache), Err(StoreError::Gone)));
        add(&store, MAIN, "k", b"anew").unwrap();
        assert_eq!(find(&store, &[MAIN], &["k"]).as_deref(), Some("k=anew"));
    }

    #[test]
    fn the_least_recently_used_go_and_too_much_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "r", 3000);
        add(&store, MAIN, "a", &[0; 1000]).unwrap();
        add(&store, MAIN, "b", &[1; 1000]).unwrap();
        assert!(find(&store, &[MAIN], &["a"]).is_some());
        add(&store, MAIN, "c", &[2; 1000]).unwrap();
        let left = ["a", "b", "c"].map(|key| find(&store, &[MAIN], &[key]).is_some());
        assert_eq!(left, [true, false, true]);
        assert!(matches!(add(&store, MAIN, "d", &[3; 4000]), Err(StoreError::Full { table: "cache", .. })));
    }

    #[test]
    fn only_one_of_many_that_come_at_the_same_time_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir, "r", 1 << 20);
        let kept = std::thread::scope(|scope| {
            let add = |n: u8| add(&store, MAIN, "k", &[b'0' + n]).is_ok();
            let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || add(n))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|kept| *kept).count()
        });
        assert_eq!(kept, 1);
        assert_eq!(store.shelf().unwrap().names().unwrap().len(), 1);
    }
}
