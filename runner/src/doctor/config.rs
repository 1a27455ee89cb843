//! The configuration: whether it is there, readable and valid.

use std::path::Path;

use super::Finding;
use crate::config::{Config, ConfigError};

const ID: &str = "config";

/// Reads it as `palisade run` does. Gives the defaults, too, where it isn't valid.
pub fn check(given: Option<&Path>) -> (Finding, Config) {
    match (given, Config::of_user()) {
        (Some(path), _) => judge(path, Config::load_existing(path)),
        (None, Some(path)) => judge(&path, Config::load(&path)),
        (None, None) => (
            Finding::ok(ID, "the defaults, since neither XDG_CONFIG_HOME nor HOME is set"),
            Config::default(),
        ),
    }
}

fn judge(path: &Path, loaded: Result<Config, ConfigError>) -> (Finding, Config) {
    match loaded {
        Ok(config) if path.exists() => (Finding::ok(ID, format!("{} is valid", path.display())), config),
        Ok(config) => (Finding::ok(ID, format!("the defaults; there is no {}", path.display())), config),
        Err(error) => {
            let remedy = match error {
                ConfigError::Read { .. } => "make it a file that this user may read",
                ConfigError::Invalid { .. } => "correct it",
            };
            (Finding::fail(ID, error.to_string(), remedy), Config::default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use palisade_sandbox::LayerId;

    #[test]
    fn what_is_not_valid_is_told_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        assert!(judge(&path, Config::load(&path)).0.found.starts_with("the defaults"));
        assert_eq!(check(Some(&path)).0.verdict.as_str(), "fail");
        std::fs::write(&path, "[sandbox]\nallow-degraded = ['landlock']\n").unwrap();
        let (finding, config) = check(Some(&path));
        assert!(finding.found.ends_with("is valid"));
        assert_eq!(config.sandbox.allow_degraded, [LayerId::Landlock]);
        std::fs::write(&path, "[sandbox]\ntool = 1\n").unwrap();
        let (finding, config) = check(Some(&path));
        assert_eq!(finding.verdict.as_str(), "fail");
        assert!(finding.found.contains("line 2") && finding.found.contains("unknown field `tool`"));
        assert_eq!(config, Config::default());
    }
}
