//! What an administrator or a person decides once: `config.toml`. Everything has a default, a missing file
//! is none; what isn't understood is an error.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use palisade_sandbox::{Bind, LayerId, Limits, Spec, Stragglers};
use serde::{Deserialize, Deserializer};

use crate::action::Settings;
use crate::daemon::Capacity;
use crate::egress;
use crate::environment::Environments;
use crate::expr::nearest;
use crate::identity::subject::Subject;
use crate::identity::{Grants, References, digest};
use crate::limits::{Size, parse_time, set_limit};
use crate::lint::Levels;
use crate::mask::detect::{Action, AllowedPaths, Policy};
use crate::profile::Profiles;
use crate::store::{ArtifactSettings, CacheSettings};

/// Every key with its default and what it means.
pub const DEFAULTS: &str = include_str!("../../packaging/config.toml");
/// Largest configuration file, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// `config.toml`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// `[sandbox]`
    pub sandbox: Sandbox,
    /// `[detect]`
    pub detect: Detect,
    /// `[actions]`
    pub actions: Settings,
    /// `[artifacts]`
    pub artifacts: ArtifactSettings,
    /// `[check]`
    pub check: Levels,
    /// `[network]`
    pub network: egress::Configured,
    /// `[environment]`
    pub environment: Environments,
    /// `[cache]`
    pub cache: CacheSettings,
    /// `[daemon]`
    pub daemon: Daemon,
    /// `[registration.NAME]`
    pub registration: BTreeMap<String, OfRegistration>,
    /// `[[profile]]`
    pub profile: Profiles,
    /// `[local]`
    pub local: Local,
    /// `[[grant]]`
    pub grant: Grants,
    /// `[[secret]]`
    pub secret: References,
    /// `[identity]`
    pub identity: Identity,
    /// The digest of the file that all this is from.
    #[serde(skip)]
    pub digest: Option<String>,
}

/// `[local]`: the daemon's own queue, of what people of this host submit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Local {
    /// A socket for the members of the group `palisade`.
    pub socket: Option<PathBuf>,
    /// How many jobs may wait.
    pub max_queue: usize,
    /// How large a commit with its history may be that is handed over.
    pub max_bundle: Size,
    /// How many runs that are over are kept, with their logs.
    pub keep_runs: usize,
    /// How long they are kept.
    pub keep_for: Time,
}

impl Default for Local {
    fn default() -> Self {
        Local {
            socket: None,
            max_queue: 1000,
            max_bundle: Size(1 << 30),
            keep_runs: 500,
            keep_for: Time(Duration::from_hours(90 * 24)),
        }
    }
}

/// `[identity]`: what ID tokens say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Identity {
    /// How the subject is made of other claims.
    pub subject: Subject,
    /// Where the daemon serves what verifies tokens.
    #[serde(deserialize_with = "address")]
    pub serve: Option<SocketAddr>,
}

/// `[daemon]`: what `palisade daemon` does with the jobs of forges.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Daemon {
    /// How many jobs run at a time; 0 is the number of processors.
    pub capacity: usize,
    /// Whether the next job's process is started ahead.
    pub spare: bool,
    /// How long jobs may go on after an order to end.
    pub shutdown_grace: Time,
    /// How long a job may take at most, whatever it says itself.
    pub max_job_time: Time,
    /// Free space in the state directory below which no job is taken.
    pub min_free: Size,
    /// How long a job's log may be.
    pub max_log: Size,
    /// How many bytes copies of the forges' repositories may have.
    pub max_mirrors: Size,
    /// Where who asks for metrics is answered; a port of the loopback.
    #[serde(deserialize_with = "address")]
    pub metrics: Option<SocketAddr>,
    /// Certificates that are trusted beside those of the system, in PEM.
    pub ca_file: Option<PathBuf>,
}

impl Default for Daemon {
    fn default() -> Self {
        Daemon {
            capacity: 0,
            spare: true,
            shutdown_grace: Time(Duration::from_mins(10)),
            max_job_time: Time(Duration::from_hours(6)),
            min_free: Size(1 << 30),
            max_log: Size(1 << 30),
            max_mirrors: Size(20 << 30),
            metrics: None,
            ca_file: None,
        }
    }
}

/// `[registration.NAME]`: what holds for the jobs of one registration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct OfRegistration {
    /// How many of them run at a time, of those that may in all.
    pub capacity: Option<NonZeroUsize>,
}

fn address<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    let invalid = |_| format!("`{text}` is no address with a port, such as 127.0.0.1:9464");
    text.parse().map(Some).map_err(invalid).map_err(serde::de::Error::custom)
}

/// A time as people write it: `90s`, `10m`, `6h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Time(pub Duration);

impl TryFrom<String> for Time {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        parse_time(&text).map(Time)
    }
}

/// `[detect]`: what happens to credentials in output and in files that are no registered secrets.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, try_from = "DetectTable")]
pub struct Detect {
    policy: Policy,
    allowed_paths: AllowedPaths,
}

impl Detect {
    /// The policy, with another default if one is given.
    pub fn policy(&self, default: Option<Action>) -> Policy {
        let mut policy = self.policy.clone();
        if let Some(default) = default {
            policy.set_default(default);
        }
        policy
    }

    /// The files in which a scan finds nothing.
    pub fn allowed_paths(&self) -> &AllowedPaths {
        &self.allowed_paths
    }
}

/// `[detect]` as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct DetectTable {
    action: Action,
    rules: BTreeMap<String, Action>,
    allow: Vec<String>,
    allow_paths: Vec<String>,
}

impl TryFrom<DetectTable> for Detect {
    type Error = String;
    fn try_from(table: DetectTable) -> Result<Self, String> {
        let mut policy = Policy::new(table.action);
        for (rule, action) in &table.rules {
            policy.set(rule, *action).map_err(|e| e.to_string())?;
        }
        for digest in &table.allow {
            policy.allow(sha256(digest).ok_or_else(|| format!("`{digest}` is no SHA-256 in hexadecimal"))?);
        }
        let patterns = table.allow_paths.iter().map(String::as_str);
        let allowed_paths = AllowedPaths::new(patterns).map_err(|e| e.to_string())?;
        Ok(Detect { policy, allowed_paths })
    }
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let mut digest = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(digest)
}

/// `[sandbox]`: what jobs get of this machine.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Sandbox {
    /// Further paths that jobs may read.
    pub ro: Vec<PathBuf>,
    /// Which tools jobs find.
    pub tools: ToolSource,
    /// What jobs find in `RUNNER_TOOL_CACHE`, each in a copy of its own.
    pub tool_cache: Option<PathBuf>,
    /// Limits by name, as `palisade sandbox --limit` takes them.
    pub limits: LimitTable,
    /// Layers that may hold in part where this machine can't give them in full.
    pub allow_degraded: Vec<LayerId>,
    /// What becomes of processes that outlive their step.
    pub keep_stragglers: bool,
}

impl Default for Sandbox {
    fn default() -> Self {
        Sandbox {
            ro: Vec::new(),
            tools: ToolSource::Path,
            tool_cache: None,
            limits: LimitTable::default(),
            // Memory and processor limits need a cgroup that the service manager delegates, which an
            // interactive session rarely has; the report says what holds instead.
            allow_degraded: vec![LayerId::Limits],
            keep_stragglers: false,
        }
    }
}

/// Which tools jobs find on their `PATH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolSource {
    /// Those on the caller's `PATH`.
    Path,
    /// Those of the system only.
    None,
}

/// `limits`: checked where they are read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "toml::Table")]
pub struct LimitTable(Limits);

impl TryFrom<toml::Table> for LimitTable {
    type Error = String;
    fn try_from(table: toml::Table) -> Result<Self, String> {
        let mut limits = Limits::default();
        for (name, value) in table {
            let text = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Float(number) => number.to_string(),
                other => return Err(format!("limit `{name}` can't be a {}", other.type_str())),
            };
            set_limit(&mut limits, &name, &text).map_err(|e| format!("limit `{name}`: {e}"))?;
        }
        Ok(LimitTable(limits))
    }
}

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It can't be read.
    #[error("cannot read configuration `{}`: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// It isn't valid.
    #[error("invalid configuration `{}`: {error}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        error: String,
    },
}

fn open_existing(path: &Path) -> Result<File, ConfigError> {
    File::open(path).map_err(|error| ConfigError::Read { path: path.to_owned(), error })
}

/// None where this user has no business, too.
fn open_if_there(path: &Path) -> Result<Option<File>, ConfigError> {
    use std::io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    match File::open(path) {
        Err(e) if matches!(e.kind(), NotFound | NotADirectory | PermissionDenied) => Ok(None),
        Err(error) => Err(ConfigError::Read { path: path.to_owned(), error }),
        Ok(file) => Ok(Some(file)),
    }
}

impl Config {
    /// Reads the file that was named, or else the person's own.
    pub fn find(named: Option<&Path>) -> Result<Config, ConfigError> {
        Config::find_with_text(named).map(|(config, _)| config)
    }

    /// The same with the file's text, which is empty where there is none.
    pub fn find_with_text(named: Option<&Path>) -> Result<(Config, String), ConfigError> {
        match (named, Config::of_user()) {
            (Some(path), _) => Config::read(open_existing(path)?, path),
            (None, Some(path)) => Config::read_if_there(&path),
            (None, None) => Ok(Default::default()),
        }
    }

    /// The text of the file that [`find`](Self::find) reads; empty where there is none.
    pub fn find_text(named: Option<&Path>) -> Result<String, ConfigError> {
        match (named, Config::of_user()) {
            (Some(path), _) => Config::text(open_existing(path)?, path),
            (None, Some(path)) => match open_if_there(&path)? {
                Some(file) => Config::text(file, &path),
                None => Ok(String::new()),
            },
            (None, None) => Ok(String::new()),
        }
    }

    /// Each key with the value that holds, by the file that [`find`](Self::find) reads. What has no default and isn't set
    /// isn't there.
    pub fn effective(named: Option<&Path>) -> Result<toml::Table, ConfigError> {
        let path = named.map(Path::to_owned).or_else(Config::of_user).unwrap_or_default();
        let invalid =
            |error: toml::de::Error| ConfigError::Invalid { path: path.clone(), error: error.to_string() };
        let mut table: toml::Table = DEFAULTS.parse().map_err(invalid)?;
        // It is valid, or why not is told with more than its grammar.
        Config::find(named)?;
        if let Ok(file) = File::open(&path) {
            let own: toml::Table = Config::text(file, &path)?.parse().map_err(invalid)?;
            overlay(&mut table, own);
        }
        Ok(table)
    }

    /// Reads the file; without one, the defaults. A file in a place where this user has no business, such
    /// as another's home, is none.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        Config::read_if_there(path).map(|(config, _)| config)
    }

    fn read_if_there(path: &Path) -> Result<(Config, String), ConfigError> {
        open_if_there(path)?.map_or_else(|| Ok(Default::default()), |file| Config::read(file, path))
    }

    /// Reads the file, which must exist.
    pub fn load_existing(path: &Path) -> Result<Config, ConfigError> {
        Config::read(open_existing(path)?, path).map(|(config, _)| config)
    }

    fn read(file: File, path: &Path) -> Result<(Config, String), ConfigError> {
        let invalid = |error: String| ConfigError::Invalid { path: path.to_owned(), error };
        let text = Config::text(file, path)?;
        let config = Config::parse(&text).map_err(invalid)?;
        // An empty file is what jobs of a daemon without one are given.
        let digest = (!text.is_empty()).then(|| digest(text.as_bytes()));
        Ok((Config { digest, ..config }, text))
    }

    fn text(file: File, path: &Path) -> Result<String, ConfigError> {
        let mut text = String::new();
        let read = file.take(MAX_SIZE + 1).read_to_string(&mut text);
        let read = read.map_err(|error| ConfigError::Read { path: path.to_owned(), error })?;
        let invalid = |error: String| ConfigError::Invalid { path: path.to_owned(), error };
        if read as u64 > MAX_SIZE {
            return Err(invalid(format!("it is larger than {MAX_SIZE} bytes")));
        }
        Ok(text)
    }

    fn parse(text: &str) -> Result<Config, String> {
        let mut config: Config = toml::from_str(text).map_err(|e| with_suggestion(&e))?;
        config.sandbox.check()?;
        config.profile = config.profile.over(text)?;
        if let Some(path) = config.local.socket.as_ref().filter(|path| !path.is_absolute()) {
            return Err(format!("`local.socket`: `{}` is not an absolute path", path.display()));
        }
        if let Some(address) = config.daemon.metrics.filter(|address| !address.ip().is_loopback()) {
            return Err(format!(
                "`daemon.metrics`: `{address}` is no address of the loopback, such as 127.0.0.1:9464"
            ));
        }
        Ok(config)
    }

    /// How many jobs run at a time.
    pub fn capacity(&self) -> Capacity {
        let all = match self.daemon.capacity {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            capacity => capacity,
        };
        let of = self.registration.iter().filter_map(|(name, of)| Some((name.clone(), of.capacity?.get())));
        Capacity { all, of: of.collect() }
    }

    /// Where a person's configuration is.
    pub fn of_user() -> Option<PathBuf> {
        let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
        Some(base.join("palisade/config.toml"))
    }
}

/// Puts the values of one table in place of those of another.
pub(crate) fn overlay(table: &mut toml::Table, other: toml::Table) {
    for (key, value) in other {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(other)) => overlay(inner, other),
            (_, value) => drop(table.insert(key, value)),
        }
    }
}

/// What is wrong; of a key that isn't known, which may be meant.
pub(crate) fn with_suggestion(error: &toml::de::Error) -> String {
    let text = error.to_string().trim_end().to_owned();
    let unknown = error.message().strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    let Some((key, expected)) = unknown else { return text };
    // The parser lists them so: expected one of `a`, `b`.
    let known = expected.split('`').skip(1).step_by(2);
    match nearest(key, known) {
        Some(meant) => format!("{text}\n  help: did you mean `{meant}`?"),
        None => text,
    }
}

impl LimitTable {
    /// The limits.
    pub fn limits(&self) -> &Limits {
        &self.0
    }
}

impl Sandbox {
    /// Says which path is none that everybody finds.
    pub(crate) fn check(&self) -> Result<(), String> {
        let named = self.ro.iter().map(|path| ("ro", path));
        let mut named = named.chain(self.tool_cache.iter().map(|path| ("tool-cache", path)));
        match named.find(|(_, path)| !path.is_absolute()) {
            Some((key, path)) => {
                Err(format!("`sandbox.{key}`: `{}` is not an absolute path", path.display()))
            }
            None => Ok(()),
        }
    }

    /// A specification with all that is decided here.
    pub fn spec(&self) -> Spec {
        let stragglers = if self.keep_stragglers { Stragglers::Keep } else { Stragglers::Kill };
        let mut spec = Spec::new().limits(self.limits.0.clone()).stragglers(stragglers);
        for path in &self.ro {
            spec = spec.bind(Bind::read_only(path));
        }
        for layer in &self.allow_degraded {
            spec = spec.allow_degraded(*layer);
        }
        spec
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{Level, Lint, Rules};
    use crate::mask::detect;

    #[test]
    fn everything_has_a_default() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        assert_eq!(Config::load(Path::new("/nonexistent/config.toml")).unwrap(), Config::default());
        assert!(Config::load_existing(Path::new("/nonexistent/config.toml")).is_err());
    }

    #[test]
    fn the_packaged_file_is_the_default() {
        assert_eq!(Config::parse(DEFAULTS).unwrap(), Config::default());
    }

    #[test]
    fn what_holds_is_the_file_over_the_defaults() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, "[daemon]\ncapacity = 7\n[environment.live]\nwait-minutes = 1\n").unwrap();
        let shown = Config::effective(Some(&path)).unwrap();
        assert_eq!(shown["daemon"]["capacity"].as_integer(), Some(7));
        assert_eq!(shown["daemon"]["max-job-time"].as_str(), Some("6h"));
        assert_eq!(shown["environment"]["live"]["wait-minutes"].as_integer(), Some(1));
        // What is shown can be used.
        let held = Config { digest: None, ..Config::load(&path).unwrap() };
        assert_eq!(Config::parse(&shown.to_string()).unwrap(), held);
        std::fs::write(&path, "[daemon]\ncapacty = 7\n").unwrap();
        let error = Config::effective(Some(&path)).unwrap_err().to_string();
        assert!(error.ends_with("help: did you mean `capacity`?"), "{error}");
    }

    #[test]
    fn all_of_it_is_read() {
        let config = Config::parse(
            "[sandbox]\nro = ['/srv/sdk']\ntools = 'none'\ntool-cache = '/opt/tools'\nlimits = { memory = '2G', processes = 100, cpus = 1.5 }\n\
             allow-degraded = ['limits', 'landlock']\nkeep-stragglers = true\n",
        )
        .unwrap()
        .sandbox;
        assert_eq!(config.ro, [Path::new("/srv/sdk")]);
        assert_eq!(config.tools, ToolSource::None);
        assert_eq!(config.tool_cache.as_deref(), Some(Path::new("/opt/tools")));
        let limits = &config.limits.0;
        assert_eq!((limits.memory, limits.processes, limits.cpus), (Some(2 << 30), 100, Some(1.5)));
        assert_eq!(config.allow_degraded, [LayerId::Limits, LayerId::Landlock]);
        assert!(config.keep_stragglers);
    }

    #[test]
    fn jobs_are_bounded_in_all_and_of_a_registration() {
        let config = Config::parse(
            "[daemon]\ncapacity = 4\n[registration.build-1]\ncapacity = 1\n[registration.other]\n",
        );
        let of = BTreeMap::from([("build-1".to_owned(), 1)]);
        assert_eq!(config.unwrap().capacity(), Capacity { all: 4, of });
        assert!(Config::default().capacity().all > 0);
        let error = |text| Config::parse(text).unwrap_err();
        assert!(error("[registration.a]\ncapacity = 0").contains("nonzero"));
        assert!(error("[registration.a]\ncapacty = 1").contains("did you mean `capacity`?"));
    }

    #[test]
    fn credentials_are_treated_by_rule() {
        let digest = "ab".repeat(32);
        let text =
            format!("[detect]\naction = 'fail'\nallow = ['sha256:{digest}']\n[detect.rules]\njwt = 'off'\n");
        let policy = Config::parse(&text).unwrap().detect.policy(None);
        let action = |id| policy.action(detect::rules::find(id).unwrap());
        assert_eq!((action("jwt"), action("aws-access-key-id")), (Action::Off, Action::Fail));
        let config = Config::parse("[detect]\nallow-paths = ['/tests/', '*.snap']").unwrap();
        assert!(config.detect.allowed_paths().allows(Path::new("tests/key.pem")));
        let error = |text| Config::parse(text).unwrap_err();
        assert!(error("[detect]\nallow-paths = ['a{b']").contains("`a{b` is no pattern of paths"));
        assert!(error("[detect.rules]\nno-such = 'off'").contains("no rule is called `no-such`"));
        assert!(error("[detect]\nallow = ['12']").contains("`12` is no SHA-256"));
        assert!(error("[detect]\naction = 'hide'").contains("unknown variant `hide`"));
    }

    #[test]
    fn lints_are_named() {
        let check = Config::parse("[check]\nallow = ['unpinned-action']\nstrict = true\n").unwrap().check;
        assert_eq!(
            (check.of(Lint::UnpinnedAction, Rules::GitHub), check.of(Lint::AlwaysEmpty, Rules::GitHub)),
            (Level::Allow, Level::Deny)
        );
        let error = Config::parse("[check]\ndeny = ['no-such']").unwrap_err();
        assert!(error.contains("no lint is called `no-such`"), "{error}");
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_place() {
        let error = |text| Config::parse(text).unwrap_err();
        insta::assert_snapshot!(error("[sandbox]\ntool = 'path'\n"), @r"
        TOML parse error at line 2, column 1
          |
        2 | tool = 'path'
          | ^^^^
        unknown field `tool`, expected one of `ro`, `tools`, `tool-cache`, `limits`, `allow-degraded`, `keep-stragglers`
          help: did you mean `tools`?
        ");
        assert!(error("[sandbox]\nlimits = { speed = 1 }").contains("no limit is called `speed`"));
        assert!(error("[sandbox]\nlimits = { memory = true }").contains("limit `memory` can't be a boolean"));
        assert!(error("[sandbox]\nro = ['sdk']").contains("not an absolute path"));
        assert!(
            error("[sandbox]\ntool-cache = 'x'")
                .contains("`sandbox.tool-cache`: `x` is not an absolute path")
        );
        assert!(error("[sandbox]\nallow-degraded = ['wall']").contains("unknown variant `wall`"));
        assert!(error("[daemon]\nmetrics = '9464'").contains("`9464` is no address with a port"));
    }
}
