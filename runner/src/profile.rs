//! `[[profile]]` of the configuration: what is another for the jobs of some labels.

use serde::Deserialize;
use toml::Table;

use crate::action::Settings;
use crate::config::{Config, Sandbox, overlay, with_suggestion};
use crate::egress;

/// The tables of the configuration that a profile changes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Tables {
    sandbox: Sandbox,
    network: egress::Configured,
    actions: Settings,
}

/// A profile as it is written: of each table, the keys that differ.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    labels: Vec<String>,
    #[serde(default)]
    sandbox: Table,
    #[serde(default)]
    network: Table,
    #[serde(default)]
    actions: Table,
}

/// One profile.
#[derive(Clone, Debug, PartialEq)]
struct Profile {
    labels: Vec<String>,
    tables: Tables,
}

/// All that there are, in their order.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(from = "Vec<Written>")]
pub struct Profiles {
    written: Vec<Written>,
    profiles: Vec<Profile>,
}

impl From<Vec<Written>> for Profiles {
    fn from(written: Vec<Written>) -> Profiles {
        Profiles { written, profiles: Vec::new() }
    }
}

impl Profiles {
    /// Reads what each says over the tables of the whole configuration, `text`.
    pub(crate) fn over(&self, text: &str) -> Result<Profiles, String> {
        if self.written.is_empty() {
            return Ok(Profiles::default());
        }
        let base: Table = text.parse().map_err(|e: toml::de::Error| e.to_string())?;
        let profiles = self.written.iter().map(|written| {
            let wrong = |what: String| format!("`[[profile]]` of `{}`: {what}", written.labels.join("`, `"));
            let taken = |label: &&String| {
                self.written.iter().filter(|other| other.labels.contains(label)).count() > 1
                    || written.labels.iter().filter(|other| other == label).count() > 1
            };
            if written.labels.iter().any(String::is_empty) || written.labels.is_empty() {
                return Err("`[[profile]]`: `labels` has to name what `runs-on` of its jobs names".to_owned());
            }
            if let Some(label) = written.labels.iter().find(taken) {
                return Err(wrong(format!("the label `{label}` stands in two places")));
            }
            let mut tables = Table::new();
            let own =
                [("sandbox", &written.sandbox), ("network", &written.network), ("actions", &written.actions)];
            for (name, own) in own {
                let mut table =
                    base.get(name).and_then(|table| table.as_table()).cloned().unwrap_or_default();
                overlay(&mut table, own.clone());
                tables.insert(name.to_owned(), table.into());
            }
            let tables: Tables = tables.try_into().map_err(|e| wrong(with_suggestion(&e)))?;
            tables.sandbox.check().map_err(wrong)?;
            Ok(Profile { labels: written.labels.clone(), tables })
        });
        Ok(Profiles { written: self.written.clone(), profiles: profiles.collect::<Result<_, _>>()? })
    }

    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// The configuration for a job whose `runs-on` names these labels, and the label by which a profile is its own: of
    /// the first profile that has one of them.
    pub fn apply(&self, config: &Config, labels: &[&str]) -> Option<(Config, String)> {
        let named = |profile: &Profile| {
            labels.iter().find(|label| profile.labels.iter().any(|own| own == *label)).copied()
        };
        let (profile, label) = self.profiles.iter().find_map(|profile| Some((profile, named(profile)?)))?;
        let Tables { sandbox, network, mut actions } = profile.tables.clone();
        // Such as by an option.
        actions.offline |= config.actions.offline;
        Some((Config { sandbox, network, actions, ..config.clone() }, label.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Mode;

    const TEXT: &str = "
[sandbox]
tools = 'none'
limits = { memory = '1G', processes = 100 }
[network]
mode = 'allow'
allow = ['example.com']
[actions]
require-sha = true
[[profile]]
labels = ['big', 'huge']
sandbox.limits.memory = '8G'
network.mode = 'none'
[[profile]]
labels = ['release']
[profile.network]
allow = ['deploy.example.com:443']
[profile.actions]
allow = ['acme/*']
";

    fn read(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn a_profile_changes_what_it_says_and_nothing_else() {
        let config = read(TEXT).unwrap();
        assert!(config.profile.apply(&config, &["linux"]).is_none());
        let (big, label) = config.profile.apply(&config, &["linux", "huge"]).unwrap();
        assert_eq!(label, "huge");
        assert_eq!(big.network.mode, Some(Mode::None));
        assert_eq!(big.sandbox.tools, config.sandbox.tools);
        let limits = big.sandbox.limits.limits();
        assert_eq!((limits.memory, limits.processes), (Some(8 << 30), 100));
        assert!(big.actions.require_sha && big.actions.allow.is_none());
        let (release, _) = config.profile.apply(&config, &["release"]).unwrap();
        assert_eq!(release.network.mode, Some(Mode::Allow));
        assert_eq!(release.network.settings.allow, ["deploy.example.com:443"]);
        assert_eq!(release.sandbox, config.sandbox);
        assert!(release.actions.require_sha && release.actions.allow.is_some());
        assert_eq!(release.daemon, config.daemon);
    }

    #[test]
    fn the_first_profile_of_a_label_holds() {
        let config = read(TEXT).unwrap();
        let (first, label) = config.profile.apply(&config, &["release", "big"]).unwrap();
        assert_eq!((first.network.mode, label.as_str()), (Some(Mode::None), "big"));
    }

    #[test]
    fn what_is_wrong_in_a_profile_is_an_error_that_names_it() {
        let error = |text: &str| read(text).unwrap_err();
        for (text, said) in [
            ("[[profile]]\n", "missing field `labels`"),
            ("[[profile]]\nlabels = []\n", "`labels` has to name what `runs-on`"),
            ("[[profile]]\nlabels = ['']\n", "`labels` has to name what `runs-on`"),
            ("[[profile]]\nlabels = ['a', 'a']\n", "the label `a` stands in two places"),
            (
                "[[profile]]\nlabels = ['a']\n[[profile]]\nlabels = ['b', 'a']\n",
                "the label `a` stands in two places",
            ),
            ("[[profile]]\nlabels = ['a']\ndaemon.capacity = 1\n", "unknown field `daemon`"),
            (
                "[[profile]]\nlabels = ['a']\nsandbox.tool = 'none'\n",
                "`[[profile]]` of `a`: unknown field `tool`",
            ),
            ("[[profile]]\nlabels = ['a']\nsandbox.tool = 'none'\n", "did you mean `tools`?"),
            ("[[profile]]\nlabels = ['a']\nsandbox.ro = ['x']\n", "`x` is not an absolute path"),
            ("[[profile]]\nlabels = ['a']\nnetwork.allow = ['not a name']\n", "`[[profile]]` of `a`: "),
            ("[[profile]]\nlabels = ['a']\nsandbox.limits.speed = 1\n", "no limit is called `speed`"),
        ] {
            assert!(error(text).contains(said), "{text}: {}", error(text));
        }
    }
}
