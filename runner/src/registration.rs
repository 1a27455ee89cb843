//! What a forge knows this host by: one file a registration in the state directory, with its token.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::mem::take;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;

use palisade_proto::Instance;
use palisade_proto::forgejo::Dialect;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::mask::Secret;
use crate::state::State;

/// The directory of registrations.
const DIRECTORY: &str = "registrations";
/// Largest file, in bytes.
const MAX_SIZE: u64 = 1 << 20;
/// Longest name of a registration on this host.
const MAX_ID: usize = 48;

/// One registration.
#[derive(Clone, Debug)]
pub struct Registration {
    id: String,
    /// What stands in its file, but the token.
    pub known: Known,
    token: Option<Secret>,
}

/// What is known of a registration and no secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Known {
    /// Which kind of forge it is at.
    #[serde(with = "dialect")]
    pub forge: Dialect,
    /// The forge's address.
    pub instance: String,
    /// The forge's number for it.
    pub number: i64,
    /// What the forge tells it by.
    pub uuid: String,
    /// The runner's name, as the forge shows it.
    pub name: String,
    /// The labels that it takes jobs for.
    pub labels: Vec<String>,
    /// It takes one job ever.
    pub ephemeral: bool,
    /// Whose jobs it gets, as its administrator has it; the forge decides by the registration token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

/// Whose jobs a runner gets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// Those of a repository, `owner/name`.
    Repository(String),
    /// Those of an organisation's repositories.
    Organisation(String),
    /// Those of all repositories.
    Instance,
}

impl FromStr for Scope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match text.split_once(':') {
            None if text == "instance" => Ok(Scope::Instance),
            Some(("org", owner)) if name(owner) => Ok(Scope::Organisation(owner.to_owned())),
            Some(("repo", path)) if path.split_once('/').is_some_and(|(o, r)| name(o) && name(r)) => {
                Ok(Scope::Repository(path.to_owned()))
            }
            _ => Err("write repo:OWNER/NAME, org:NAME or instance".to_owned()),
        }
    }
}

impl TryFrom<String> for Scope {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> String {
        scope.to_string()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Repository(path) => write!(f, "repo:{path}"),
            Scope::Organisation(name) => write!(f, "org:{name}"),
            Scope::Instance => f.write_str("instance"),
        }
    }
}

/// What stands in the file.
#[derive(Deserialize, Serialize)]
struct Kept {
    #[serde(flatten)]
    known: Known,
    /// None where an administrator has made it a credential of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Zeroizing<String>>,
}

/// Why registrations can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The directory or a file.
    #[error("cannot use the registrations: {0}")]
    Io(#[from] io::Error),
    /// A file that isn't a registration.
    #[error("`{}` is no registration: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Its token is nowhere.
    #[error("registration `{id}` has no token in its file, and the service has no credential `{name}`")]
    NoToken {
        /// The registration.
        id: String,
        /// The credential's name.
        name: String,
    },
    /// There is none of the name.
    #[error("there is no registration `{asked}`{}", among(known))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
}

fn among(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) }
}

impl Registration {
    /// Keeps a new one. Its name on this host is made of the runner's.
    pub fn keep(state: &State, known: Known, token: Secret) -> Result<Registration, RegistrationError> {
        let directory = state.dir(DIRECTORY)?;
        let base = id_of(&known.name);
        let kept = Kept { known, token: Some(Zeroizing::new(token.expose().to_owned())) };
        let text = Zeroizing::new(serde_json::to_vec_pretty(&kept).map_err(io::Error::from)?);
        // That one is the daemon's own queue.
        let mut number = if base == crate::forge::local::RUNNER { 2 } else { 1 };
        loop {
            let id = if number == 1 { base.clone() } else { format!("{base}-{number}") };
            let new = directory.join(format!(".new-{id}"));
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            // Never in place of another.
            let linked = fs::hard_link(&new, directory.join(format!("{id}.json")));
            fs::remove_file(&new)?;
            match linked {
                Ok(()) => {
                    File::open(&directory)?.sync_all()?;
                    return Ok(Registration { id, known: kept.known, token: Some(token) });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Makes sure that one can be kept, before a forge is asked for it.
    pub fn make_room(state: &State) -> Result<(), RegistrationError> {
        let probe = state.dir(DIRECTORY)?.join(format!(".probe-{}", std::process::id()));
        File::create_new(&probe)?;
        Ok(fs::remove_file(&probe)?)
    }

    /// When one came or went last; none where there never was one.
    pub fn changed(state: &State) -> Option<SystemTime> {
        state.root()?.join(DIRECTORY).metadata().ok()?.modified().ok()
    }

    /// All that there are, by name.
    pub fn all(state: &State) -> Result<Vec<Registration>, RegistrationError> {
        if !state.root().is_some_and(|root| root.join(DIRECTORY).exists()) {
            return Ok(Vec::new());
        }
        let directory = state.dir(DIRECTORY)?;
        let mut all = Vec::new();
        for entry in directory.read_dir()? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match name.strip_suffix(".json") {
                Some(id) if !id.starts_with('.') => all.push(read(&path, id)?),
                _ => {}
            }
        }
        all.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(all)
    }

    /// Forgets one; gives what it was.
    pub fn forget(state: &State, id: &str) -> Result<Registration, RegistrationError> {
        let all = Registration::all(state)?;
        let known = all.iter().map(|registration| registration.id.clone()).collect();
        let unknown = || RegistrationError::Unknown { asked: id.to_owned(), known };
        let found = all.into_iter().find(|registration| registration.id == id).ok_or_else(unknown)?;
        let directory = state.dir(DIRECTORY)?;
        fs::remove_file(directory.join(format!("{id}.json")))?;
        File::open(&directory)?.sync_all()?;
        Ok(found)
    }

    /// What it is called on this host: a plain file name.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The forge's address.
    pub fn instance(&self) -> Result<Instance, RegistrationError> {
        self.known.instance.parse().map_err(|why| RegistrationError::Invalid {
            path: self.id.clone().into(),
            why: format!("`{}`: {why}", self.known.instance),
        })
    }

    /// What the forge trusts it by: a credential of the service's (`palisade.` and the name) goes before the file.
    /// Source: <https://systemd.io/CREDENTIALS/>.
    pub fn token(&self) -> Result<Secret, RegistrationError> {
        self.token_among(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from))
    }

    fn token_among(&self, credentials: Option<PathBuf>) -> Result<Secret, RegistrationError> {
        let name = format!("palisade.{}", self.id);
        if let Some(path) = credentials.map(|directory| directory.join(&name)) {
            match bounded(&path) {
                Ok(text) => return Ok(Secret::new(text.trim().to_owned())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.token.clone().ok_or_else(|| RegistrationError::NoToken { id: self.id.clone(), name })
    }
}

fn read(path: &Path, id: &str) -> Result<Registration, RegistrationError> {
    let invalid = |why: String| RegistrationError::Invalid { path: path.to_owned(), why };
    let text = bounded(path)?;
    let Kept { known, token } = serde_json::from_str(&text).map_err(|e| invalid(e.to_string()))?;
    Ok(Registration {
        id: id.to_owned(),
        known,
        token: token.map(|mut token| Secret::new(take(&mut *token))),
    })
}

fn bounded(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(MAX_SIZE).read_to_string(&mut text)?;
    Ok(text)
}

/// A plain file name for any name.
fn id_of(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let id: String = name.chars().map(plain).take(MAX_ID).collect();
    let id = id.trim_matches('-');
    if id.is_empty() { "runner".to_owned() } else { id.to_owned() }
}

/// The kind of a forge by its name.
mod dialect {
    use palisade_proto::forgejo::Dialect;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(dialect: &Dialect, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(dialect)
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Dialect, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn known(name: &str) -> Known {
        Known {
            forge: Dialect::Forgejo,
            instance: "https://git.example.org".into(),
            number: 7,
            uuid: "81243289-614b".into(),
            name: name.into(),
            labels: vec!["linux".into()],
            ephemeral: false,
            scope: Some(Scope::Repository("o/r".into())),
        }
    }

    #[test]
    fn a_scope_is_a_repository_an_organisation_or_all() {
        for text in ["repo:o/r", "org:team", "instance"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in ["", "repo:o", "repo:/r", "org:", "org:a/b", "repo:o/r/x", "user:u", "repo:o/\nr"] {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_kept_is_found_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path().to_owned()));
        let token = || Secret::new("72fd12f972fd12f9".into());
        for id in ["build-host-1", "build-host-1-2", "build-host-1-3"] {
            assert_eq!(Registration::keep(&state, known("Build host.1"), token()).unwrap().id(), id);
        }
        let file = dir.path().join("registrations/build-host-1.json");
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        let all = Registration::all(&state).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!((&all[0].known, all[0].token_among(None).unwrap()), (&known("Build host.1"), token()));
        assert!(!format!("{all:?}").contains("72fd12f9"));
        Registration::forget(&state, "build-host-1-2").unwrap();
        let error = Registration::forget(&state, "build-host-1-2").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no registration `build-host-1-2`; there are build-host-1, build-host-1-3"
        );
        // Under this name the daemon has its own queue.
        assert_eq!(Registration::keep(&state, known("local"), token()).unwrap().id(), "local-2");
    }

    #[test]
    fn a_credential_of_the_service_goes_before_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path().join("state")));
        Registration::make_room(&state).unwrap();
        Registration::keep(&state, known("a"), Secret::new("72fd12f972fd12f9".into())).unwrap();
        let file = dir.path().join("state/registrations/a.json");
        let kept = || Registration::all(&state).unwrap().remove(0);
        let credentials = || Some(dir.path().join("credentials"));
        assert_eq!(kept().token_among(credentials()).unwrap(), Secret::new("72fd12f972fd12f9".into()));
        fs::create_dir(dir.path().join("credentials")).unwrap();
        fs::write(dir.path().join("credentials/palisade.a"), "0123456789abcdef\n").unwrap();
        assert_eq!(kept().token_among(credentials()).unwrap(), Secret::new("0123456789abcdef".into()));

        let mut value: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        value.as_object_mut().unwrap().shift_remove("token");
        fs::write(&file, value.to_string()).unwrap();
        assert_eq!(kept().token_among(credentials()).unwrap(), Secret::new("0123456789abcdef".into()));
        let error = kept().token_among(None).unwrap_err().to_string();
        assert!(error.contains("no credential `palisade.a`"), "{error}");
        // It can still be listed and forgotten.
        Registration::forget(&state, "a").unwrap();
    }

    #[test]
    fn any_name_gives_a_file_name() {
        for (name, id) in [("a", "a"), ("../../x", "x"), ("", "runner"), ("é", "runner"), ("A B_c", "a-b-c")]
        {
            assert_eq!(id_of(name), id);
        }
        assert_eq!(id_of(&"x".repeat(500)).len(), MAX_ID);
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::locate(Some(dir.path().to_owned()));
        state.dir(DIRECTORY).unwrap();
        fs::write(dir.path().join("registrations/x.json"), "{}").unwrap();
        let error = Registration::all(&state).unwrap_err().to_string();
        assert!(error.contains("x.json` is no registration: missing field"), "{error}");
    }
}
