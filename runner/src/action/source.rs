//! Where the repositories of actions are: `[actions]` of the configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Remote;
use super::allowed::Allowed;
use crate::limits::Size;

/// Where actions are looked for that name no forge, as on GitHub.
const GITHUB: &str = "https://github.com";
/// Forges that `uses: https://…` may name besides those of the configuration and the repository's own: what
/// workflows of Forgejo and Gitea commonly name.
const FORGES: [&str; 5] = [
    GITHUB,
    "https://codeberg.org",
    "https://code.forgejo.org",
    "https://data.forgejo.org",
    "https://gitea.com",
];

/// `[actions]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Settings {
    /// Where `owner/name@ref` is looked for, in this order.
    pub sources: Vec<Source>,
    /// Where a forge's repositories are to be taken from instead, by its address.
    pub mirrors: BTreeMap<Address, Source>,
    /// Further forges that `uses: https://…` may name.
    pub forges: Vec<Address>,
    /// What may be used of other repositories; where it isn't given, all.
    pub allow: Option<Vec<Allowed>>,
    /// Nothing is fetched but from directories: what the store has is used, and references stay what they were.
    pub offline: bool,
    /// Nothing runs that isn't in `.palisade/actions.lock`.
    pub require_lock: bool,
    /// Nothing runs that isn't named by its commit.
    pub require_sha: bool,
    /// How many bytes the store may hold.
    pub max_size: Size,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sources: vec![Source::Forge(Address(GITHUB.into()))],
            mirrors: BTreeMap::new(),
            forges: Vec::new(),
            allow: None,
            offline: false,
            require_lock: false,
            require_sha: false,
            max_size: Size(4 << 30),
        }
    }
}

/// Where repositories are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Source {
    /// A forge or a mirror of one: `<address>/<owner>/<name>`.
    Forge(Address),
    /// A directory of repositories: `<owner>/<name>.git` or `<owner>/<name>`, bare or not.
    Directory(PathBuf),
}

/// `https://host[:port][/path]`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Address(String);

impl TryFrom<String> for Address {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        match host {
            Some(host) if host.contains('@') => {
                Err(format!("`{}` holds credentials", text.split("://").next().unwrap_or_default()))
            }
            Some(host)
                if !host.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control()) =>
            {
                let (scheme, rest) = text.split_once("://").unwrap_or_default();
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                let address = format!("{scheme}://{}/{path}", host.to_ascii_lowercase());
                Ok(Address(address.trim_end_matches('/').to_owned()))
            }
            _ => Err(format!("`{text}` is no address: write https://host, or an absolute path")),
        }
    }
}

impl TryFrom<String> for Source {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let path = text.strip_prefix("file://").unwrap_or(&text);
        if path.starts_with('/') {
            Ok(Source::Directory(path.into()))
        } else {
            text.try_into().map(Source::Forge)
        }
    }
}

impl Address {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Forge(address) => f.write_str(&address.0),
            Source::Directory(path) => path.display().fmt(f),
        }
    }
}

/// A forge that the configuration doesn't allow.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is none of the forges that actions may come from; `forges` under `[actions]` of the configuration lists more"
)]
pub struct ForgeRefused(String);

impl Settings {
    /// The settings for a job of a forge that looks for actions elsewhere than GitHub, where the configuration names
    /// no sources of its own.
    pub fn of_forge(mut self, address: &str) -> Settings {
        if self.sources == Settings::default().sources
            && let Ok(source) = Source::try_from(address.to_owned())
            && matches!(source, Source::Forge(_))
        {
            self.sources = vec![source];
        }
        self
    }

    /// Forges among the sources that the configuration names, if it does.
    pub fn named(&self) -> impl Iterator<Item = &Address> {
        let named = self.sources != Settings::default().sources;
        let sources = self.sources.iter().filter(move |_| named);
        sources.filter_map(|source| match source {
            Source::Forge(address) => Some(address),
            Source::Directory(_) => None,
        })
    }

    /// Whether something of this repository may be used at all.
    pub fn allows(&self, remote: &Remote) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.iter().any(|allowed| allowed.has(remote)))
    }

    /// Where an action may be, in this order. `own` is the address of the repository's own forge.
    pub fn of(&self, remote: &Remote, own: &str) -> Result<Vec<Source>, ForgeRefused> {
        let Some(forge) = &remote.forge else {
            return Ok(self.sources.iter().map(|source| self.mirrored(source)).collect());
        };
        let address = Address::try_from(forge.clone()).map_err(|_| ForgeRefused(forge.clone()))?;
        let written = |text: &str| Address::try_from(text.to_owned()).is_ok_and(|known| known == address);
        let source = Source::Forge(address.clone());
        let allowed = self.sources.contains(&source)
            || self.mirrors.contains_key(&address)
            || self.forges.contains(&address)
            || FORGES.into_iter().chain([own]).any(written);
        if allowed { Ok(vec![self.mirrored(&source)]) } else { Err(ForgeRefused(forge.clone())) }
    }

    fn mirrored(&self, source: &Source) -> Source {
        match source {
            Source::Forge(address) => self.mirrors.get(address).unwrap_or(source).clone(),
            Source::Directory(_) => source.clone(),
        }
    }
}

/// One repository as git finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// By the network.
    Url(String),
    /// On this machine.
    Path(PathBuf),
    /// On this machine, as a file that git made of it.
    Bundle(PathBuf),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Url(url) => f.write_str(url),
            Location::Path(path) | Location::Bundle(path) => path.display().fmt(f),
        }
    }
}

impl Source {
    /// The repository of an action; `None` where a directory doesn't have it.
    pub fn locate(&self, owner: &str, name: &str) -> Option<Location> {
        match self {
            Source::Forge(address) => Some(Location::Url(format!("{}/{owner}/{name}", address.0))),
            Source::Directory(directory) => {
                let owner = entry(directory, owner)?;
                let names = [format!("{name}.git"), name.to_owned()];
                let paths = names.iter().filter_map(|name| entry(&owner, name));
                paths.filter_map(|path| repository(&path)).next().map(Location::Path)
            }
        }
    }
}

/// An entry of a directory by its name, in whatever case: forges don't tell it apart either.
fn entry(directory: &Path, name: &str) -> Option<PathBuf> {
    let exact = directory.join(name);
    if exact.exists() {
        return Some(exact);
    }
    let mut entries = directory.read_dir().ok()?.flatten();
    entries.find(|entry| entry.file_name().eq_ignore_ascii_case(name)).map(|entry| entry.path())
}

/// The directory with the objects of a repository, bare or not.
fn repository(path: &Path) -> Option<PathBuf> {
    let is_one = |path: &Path| path.join("objects").is_dir() && path.join("HEAD").exists();
    [path.to_owned(), path.join(".git")].into_iter().find(|path| is_one(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::Uses;

    fn remote(text: &str) -> Remote {
        match Uses::parse(text) {
            Ok(Uses::Remote(remote)) => remote,
            other => panic!("{other:?}"),
        }
    }

    fn settings(text: &str) -> Settings {
        toml::from_str(text).unwrap()
    }

    fn of(settings: &Settings, uses: &str) -> Result<Vec<String>, String> {
        let sources = settings.of(&remote(uses), "https://own.example").map_err(|e| e.to_string())?;
        Ok(sources.iter().map(Source::to_string).collect())
    }

    #[test]
    fn sources_come_in_their_order_and_mirrors_stand_in() {
        let both = settings(
            "sources = ['/srv/git/', 'https://Forge.example/']\n[mirrors]\n'https://forge.example' = 'https://mirror.example/forge'",
        );
        assert_eq!(of(&both, "o/r@v1").unwrap(), ["/srv/git/", "https://mirror.example/forge"]);
        assert_eq!(of(&both, "https://forge.example/o/r@v1").unwrap(), ["https://mirror.example/forge"]);
        assert_eq!(of(&settings(""), "o/r@v1").unwrap(), [GITHUB]);
    }

    #[test]
    fn only_forges_that_are_known_may_be_named() {
        let config = settings("forges = ['http://127.0.0.1:3000']");
        for uses in
            ["https://own.example/o/r@v1", "https://github.com/o/r@v1", "http://127.0.0.1:3000/o/r@v1"]
        {
            assert_eq!(of(&config, uses).unwrap().len(), 1, "{uses}");
        }
        for uses in
            ["https://169.254.169.254/o/r@v1", "http://github.com/o/r@v1", "https://x@github.com/o/r@v1"]
        {
            assert!(of(&config, uses).unwrap_err().contains("`forges` under `[actions]`"), "{uses}");
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for text in ["github.com", "ssh://git@host", "https://", "relative/path", "https://a b"] {
            assert!(Source::try_from(text.to_owned()).is_err(), "{text}");
        }
        let secret = Source::try_from("https://user:pass@host".to_owned()).unwrap_err();
        assert!(secret.contains("credentials") && !secret.contains("pass"), "{secret}");
    }

    #[test]
    fn a_directory_has_repositories_bare_or_not() {
        let dir = tempfile::tempdir().unwrap();
        for repository in ["o/bare.git", "o/plain/.git"] {
            std::fs::create_dir_all(dir.path().join(repository).join("objects")).unwrap();
            std::fs::write(dir.path().join(repository).join("HEAD"), "").unwrap();
        }
        let source = Source::Directory(dir.path().to_owned());
        let path = |name| Some(Location::Path(dir.path().join(name)));
        assert_eq!(source.locate("o", "bare"), path("o/bare.git"));
        assert_eq!(source.locate("o", "plain"), path("o/plain/.git"));
        assert_eq!(source.locate("O", "Bare"), path("o/bare.git"));
        assert_eq!(source.locate("o", "none"), None);
        let forge = Source::try_from("https://forge.example/git/".to_owned()).unwrap();
        assert_eq!(forge.locate("o", "r").unwrap().to_string(), "https://forge.example/git/o/r");
    }
}
