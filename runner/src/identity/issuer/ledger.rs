//! Which keys there are, which of them are published, and which signs. A new key signs only once it has been published
//! for as long as others may keep an old copy of what was published; an old one stays published until nothing that it
//! signed is alive, wherever clocks stand.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::key::Jwk;
use super::token::{LIFETIME, SKEW};
use crate::identity::exchange::Algorithm;

/// The file.
const FILE: &str = "issuer.json";
/// Its format.
const VERSION: u32 = 1;
/// Largest size of it.
const MAX_SIZE: u64 = 1 << 20;
/// How long others may keep a copy of the published keys, in seconds: what clouds are known to do is less.
pub const CACHES: u64 = 24 * 3600;
/// Longest address of an issuer; what clouds take is no longer.
const MAX_URL: usize = 255;

/// Everything that is known of an issuer but its private keys. Times are seconds since 1970.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    version: u32,
    /// `iss`: where its documents are published.
    pub url: String,
    keys: Vec<Entry>,
}

/// One key.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name.
    pub kid: String,
    /// How it signs.
    pub algorithm: Algorithm,
    /// When it was made.
    pub made: u64,
    /// From when on it signs: known once it is published.
    pub signs: Option<u64>,
    /// Its public half.
    pub public: Jwk,
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was made and not published yet.
    Unpublished,
    /// It is published, and signs from this time on.
    Waiting(u64),
    /// It signs.
    Signs,
    /// Another signs, and this one is published until this time.
    Retiring(u64),
    /// Nothing that it signed is alive.
    Dead,
}

impl Ledger {
    /// Of an issuer at an address, without keys.
    pub fn new(url: &str) -> Result<Ledger, String> {
        let secure = url.strip_prefix("https://");
        // Nobody else can be where the loopback is.
        let local = url.strip_prefix("http://").filter(|rest| {
            let host = rest.split('/').next().unwrap_or_default();
            let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
            ["127.0.0.1", "localhost", "[::1]"].contains(&host)
        });
        let Some(rest) = secure.or(local) else {
            return Err(format!("the address `{}` of an issuer begins with https://", url.escape_debug()));
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:[]%".contains(&b);
        if rest.is_empty() || rest.starts_with(['/', ':']) || !rest.bytes().all(plain) || url.len() > MAX_URL
        {
            return Err(format!(
                "`{}` is no address that an issuer can have: no more than {MAX_URL} plain characters, without `?`, \
                 `#`, spaces and a user's name",
                url.escape_debug()
            ));
        }
        if rest.ends_with('/') {
            return Err(format!(
                "the address `{url}` ends with a slash: those who compare it would not find it the same"
            ));
        }
        Ok(Ledger { version: VERSION, url: url.to_owned(), keys: Vec::new() })
    }

    /// Reads it; nothing where there is none in the directory.
    pub fn read(directory: &Path) -> io::Result<Option<Ledger>> {
        let file = match File::open(directory.join(FILE)) {
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            opened => opened?,
        };
        let mut text = String::new();
        file.take(MAX_SIZE).read_to_string(&mut text)?;
        let ledger: Ledger = serde_json::from_str(&text)?;
        if ledger.version != VERSION {
            let why = format!("its version is {}, this palisade knows {VERSION}", ledger.version);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(Some(ledger))
    }

    /// Writes it, all at once.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        let fresh = directory.join(format!("{FILE}.{}", std::process::id()));
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&fresh, directory.join(FILE))
    }

    /// Takes a key in. The first of its kind signs at once: nobody can have an old copy without it.
    pub fn add(&mut self, algorithm: Algorithm, public: Jwk, now: u64) {
        let first = !self.keys.iter().any(|key| key.algorithm == algorithm);
        let entry = Entry { kid: public.kid(), algorithm, made: now, signs: first.then_some(now), public };
        self.keys.push(entry);
    }

    /// Takes note that the keys that `shown` has are published now.
    pub fn publish(&mut self, shown: &Ledger, now: u64) {
        for key in self.keys.iter_mut().filter(|key| key.signs.is_none()) {
            if shown.keys.iter().any(|other| other.kid == key.kid) {
                key.signs = Some(now + CACHES);
            }
        }
    }

    /// All keys, the oldest first.
    pub fn keys(&self) -> &[Entry] {
        &self.keys
    }

    /// Where a key stands.
    pub fn standing(&self, key: &Entry, now: u64) -> Standing {
        let Some(signs) = key.signs else { return Standing::Unpublished };
        // Of those of its kind that follow, the one that has signed for longest.
        let after = self.keys.iter().skip_while(|other| other.kid != key.kid).skip(1);
        let after =
            after.filter(|other| other.algorithm == key.algorithm).filter_map(|other| other.signs).min();
        match after.filter(|at| *at <= now) {
            Some(at) if now < at + LIFETIME + SKEW + CACHES => {
                Standing::Retiring(at + LIFETIME + SKEW + CACHES)
            }
            Some(_) => Standing::Dead,
            None if now < signs => Standing::Waiting(signs),
            None => Standing::Signs,
        }
    }

    /// The key that signs, and its place among all.
    pub fn signs(&self, algorithm: Algorithm, now: u64) -> Option<(usize, &Entry)> {
        let of_kind = self.keys.iter().enumerate().filter(|(_, key)| key.algorithm == algorithm);
        of_kind.rev().find(|(_, key)| self.standing(key, now) == Standing::Signs)
    }

    /// The keys that are, or are to be, published.
    pub fn published(&self, now: u64) -> impl Iterator<Item = &Entry> {
        self.keys.iter().filter(move |key| self.standing(key, now) != Standing::Dead)
    }

    /// Forgets all keys of a kind at once, as if they were known to somebody.
    pub fn revoke(&mut self, algorithm: Algorithm) -> Vec<Entry> {
        let (gone, kept) =
            std::mem::take(&mut self.keys).into_iter().partition(|key| key.algorithm == algorithm);
        self.keys = kept;
        gone
    }

    /// Forgets the keys that are dead.
    pub fn sweep(&mut self, now: u64) -> Vec<Entry> {
        let dead = |key: &Entry| self.standing(key, now) == Standing::Dead;
        let names: Vec<String> =
            self.keys.iter().filter(|key| dead(key)).map(|key| key.kid.clone()).collect();
        let (gone, kept) =
            std::mem::take(&mut self.keys).into_iter().partition(|key| names.contains(&key.kid));
        self.keys = kept;
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Jwk {
        Jwk::EC { crv: "P-256".into(), x: number.to_string(), y: String::new() }
    }

    #[test]
    fn a_new_key_signs_only_after_everybody_can_know_it() {
        let mut ledger = Ledger::new("https://ci.example").unwrap();
        let signs =
            |ledger: &Ledger, now| ledger.signs(Algorithm::Es256, now).map(|(_, key)| key.kid.clone());
        ledger.add(Algorithm::Es256, key(1), 1000);
        assert_eq!(signs(&ledger, 1000), Some(key(1).kid()));
        assert_eq!(signs(&ledger, 999), None);
        ledger.add(Algorithm::Es256, key(2), 2000);
        // However long ago it was made: nobody has seen it.
        assert_eq!(signs(&ledger, 9_000_000), Some(key(1).kid()));
        assert_eq!(ledger.standing(&ledger.keys()[1], 9_000_000), Standing::Unpublished);
        let shown = ledger.clone();
        ledger.add(Algorithm::Es256, key(3), 2500);
        ledger.publish(&shown, 3000);
        ledger.publish(&shown, 4000);
        // What wasn't shown isn't published.
        assert_eq!(ledger.standing(&ledger.keys()[2], 9_000_000), Standing::Unpublished);
        ledger.keys.pop();
        let from = 3000 + CACHES;
        assert_eq!(ledger.standing(&ledger.keys()[1], from - 1), Standing::Waiting(from));
        assert_eq!(signs(&ledger, from - 1), Some(key(1).kid()));
        assert_eq!(signs(&ledger, from), Some(key(2).kid()));
        // The old one stays published until all that it signed is dead.
        let until = from + LIFETIME + SKEW + CACHES;
        assert_eq!(ledger.standing(&ledger.keys()[0], from), Standing::Retiring(until));
        assert_eq!(ledger.published(until - 1).count(), 2);
        assert_eq!(ledger.published(until).count(), 1);
        assert!(ledger.sweep(until - 1).is_empty());
        assert_eq!(ledger.sweep(until)[0].kid, key(1).kid());
        assert_eq!(ledger.keys().len(), 1);
    }

    #[test]
    fn kinds_of_keys_know_nothing_of_each_other() {
        let mut ledger = Ledger::new("https://ci.example").unwrap();
        ledger.add(Algorithm::Es256, key(1), 0);
        ledger.add(Algorithm::Rs256, Jwk::RSA { n: "n".into(), e: "AQAB".into() }, 5);
        assert!(Algorithm::ALL.iter().all(|algorithm| ledger.signs(*algorithm, 5).is_some()));
        assert_eq!(ledger.revoke(Algorithm::Es256).len(), 1);
        assert_eq!(ledger.keys().len(), 1);
    }

    #[test]
    fn an_address_is_one_that_everybody_reads_the_same() {
        for url in
            ["https://ci.example", "https://ci.example:8443/a/b", "http://127.0.0.1:80", "http://localhost"]
        {
            assert!(Ledger::new(url).is_ok(), "{url}");
        }
        for url in [
            "http://ci.example",
            "http://127.0.0.1.example",
            "https://",
            "https:///x",
            "https://ci.example/",
            "https://u@ci.example",
            "https://ci.example?x",
            "https://ci.example#x",
            "https://сi.example",
            "ftp://x",
            "",
        ] {
            assert!(Ledger::new(url).is_err(), "{url}");
        }
        assert!(Ledger::new(&format!("https://{}", "x".repeat(300))).is_err());
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Ledger::read(dir.path()).unwrap(), None);
        let mut ledger = Ledger::new("https://ci.example").unwrap();
        ledger.add(Algorithm::Rs256, Jwk::RSA { n: "n".into(), e: "AQAB".into() }, 5);
        ledger.write(dir.path()).unwrap();
        assert_eq!(Ledger::read(dir.path()).unwrap(), Some(ledger));
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert!(Ledger::read(dir.path()).is_err());
    }
}
