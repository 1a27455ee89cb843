//! `[environment.NAME]` of the configuration.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::person::{Approver, Person};
use crate::dotenv;
use crate::mask::Secret;
use crate::trigger::{Pattern, picks};

/// Longest name of an environment in characters, as on GitHub.
pub const MAX_NAME: usize = 255;
/// Longest wait in minutes, as on GitHub: 30 days.
const MAX_WAIT: f64 = 43_200.0;

/// The environments that the configuration has, by their names in lower case: in any case they are the same.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Protection>")]
pub struct Environments(BTreeMap<String, Protection>);

impl Environments {
    /// What protects an environment, and what it gives.
    pub fn get(&self, name: &str) -> Option<&Protection> {
        self.0.get(&name.to_lowercase())
    }
}

impl TryFrom<BTreeMap<String, Protection>> for Environments {
    type Error = String;
    fn try_from(all: BTreeMap<String, Protection>) -> std::result::Result<Self, String> {
        let mut environments = BTreeMap::new();
        for (name, protection) in all {
            if name.is_empty() || name.chars().nth(MAX_NAME).is_some() {
                return Err(format!("the name of an environment has 1 to {MAX_NAME} characters"));
            }
            if environments.insert(name.to_lowercase(), protection).is_some() {
                return Err(format!("environment `{name}` is there twice: names are the same in any case"));
            }
        }
        Ok(Environments(environments))
    }
}

/// One environment.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub struct Protection {
    /// Who has to approve.
    pub review: Option<ReviewRule>,
    /// How long a job waits at least.
    pub wait: Duration,
    refs: Option<Refs>,
    /// Variables that its jobs have besides.
    pub vars: BTreeMap<String, String>,
    secrets: Option<PathBuf>,
}

/// Who has to approve.
#[derive(Clone, Debug, PartialEq)]
pub struct ReviewRule {
    /// Who may; empty: whoever can reach the run.
    pub approvers: Vec<Approver>,
    /// How many of them have to.
    pub count: usize,
    /// Not the user who runs it.
    pub others_only: bool,
}

impl ReviewRule {
    /// Whether a person may approve; if not, why.
    pub fn admits(&self, person: &Person, runner: u32) -> std::result::Result<(), String> {
        if self.others_only && person.uid == runner {
            return Err("`prevent-self-review`: it runs as the same user".into());
        }
        if !self.approvers.is_empty() && !self.approvers.iter().any(|approver| approver.is(person)) {
            return Err(format!("`approvers`: {} is not among {}", person, self.names()));
        }
        Ok(())
    }

    /// The approvers, for people.
    pub fn names(&self) -> String {
        self.approvers.iter().map(Approver::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// The branches and tags whose runs may use an environment.
#[derive(Clone, Debug, Default)]
struct Refs {
    branches: Vec<Pattern>,
    tags: Vec<Pattern>,
}

impl PartialEq for Refs {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl std::fmt::Display for Refs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |patterns: &[Pattern]| {
            let quoted: Vec<String> = patterns.iter().map(|pattern| format!("`{pattern}`")).collect();
            quoted.join(", ")
        };
        let branches = (!self.branches.is_empty()).then(|| format!("branches {}", list(&self.branches)));
        let tags = (!self.tags.is_empty()).then(|| format!("tags {}", list(&self.tags)));
        let both: Vec<String> = branches.into_iter().chain(tags).collect();
        f.write_str(if both.is_empty() { "no branch or tag" } else { "" })?;
        f.write_str(&both.join(" and "))
    }
}

impl Protection {
    /// Whether a run of this reference (`refs/heads/main`) may use it; if not, the rule. A pull request's
    /// reference is compared whole with the patterns of branches, as on GitHub.
    pub fn allows(&self, reference: &str) -> std::result::Result<(), String> {
        let Some(refs) = &self.refs else { return Ok(()) };
        let (patterns, name) = match reference.strip_prefix("refs/tags/") {
            Some(tag) => (&refs.tags, tag),
            None => (&refs.branches, reference.strip_prefix("refs/heads/").unwrap_or(reference)),
        };
        match picks(patterns, name) {
            true => Ok(()),
            false => Err(format!("it allows {refs}, and this run is of `{name}`")),
        }
    }

    /// The secrets that its jobs have besides. Jobs see `tree`: the file can't be in it.
    pub fn secrets(&self, tree: &Path) -> Result<Vec<(String, Secret)>> {
        let Some(path) = &self.secrets else { return Ok(Vec::new()) };
        let told = |e: Error| Error::new(e.kind(), format!("`{}`: {e}", path.display()));
        let refused = |why: &str| told(Error::new(ErrorKind::PermissionDenied, why));
        if path.canonicalize().map_err(told)?.starts_with(tree) {
            return Err(refused("it is in the tree that jobs see"));
        }
        let file = File::open(path).map_err(told)?;
        let metadata = file.metadata().map_err(told)?;
        if metadata.mode() & 0o027 != 0 {
            return Err(refused("others can read or change it; take that away with `chmod 600`"));
        }
        let text = dotenv::read(file).map_err(told)?;
        let pairs =
            dotenv::parse(&text).map_err(|e| told(Error::new(ErrorKind::InvalidData, e.to_string())))?;
        Ok(pairs.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
    }
}

/// An environment as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Table {
    approvers: Vec<String>,
    approvals: Option<usize>,
    prevent_self_review: bool,
    wait_minutes: f64,
    branches: Option<Vec<String>>,
    tags: Option<Vec<String>>,
    vars: BTreeMap<String, String>,
    secrets: Option<PathBuf>,
}

impl TryFrom<Table> for Protection {
    type Error = String;
    fn try_from(table: Table) -> std::result::Result<Self, String> {
        let approvers: Vec<Approver> =
            table.approvers.iter().map(|text| text.parse()).collect::<std::result::Result<_, _>>()?;
        let count = table.approvals.unwrap_or(usize::from(!approvers.is_empty()));
        if count == 0 && !approvers.is_empty() {
            return Err("`approvers` and `approvals = 0` contradict each other".into());
        }
        let only_users = !approvers.is_empty() && approvers.iter().all(Approver::is_user);
        if only_users && count > approvers.len() {
            return Err(format!("{count} `approvals` can't come from {} `approvers`", approvers.len()));
        }
        let others_only = table.prevent_self_review;
        let review = (count > 0).then_some(ReviewRule { approvers, count, others_only });
        if others_only && review.is_none() {
            return Err("`prevent-self-review` means nothing without `approvals`".into());
        }
        if !(0.0..=MAX_WAIT).contains(&table.wait_minutes) {
            return Err(format!("`wait-minutes` must be between 0 and {MAX_WAIT}"));
        }
        let patterns = |texts: &Option<Vec<String>>| {
            let parse = |text: &String| Pattern::parse(text).map_err(|e| format!("pattern `{text}`: {e}"));
            texts.iter().flatten().map(parse).collect::<std::result::Result<Vec<_>, _>>()
        };
        let refs = Refs { branches: patterns(&table.branches)?, tags: patterns(&table.tags)? };
        let limited = table.branches.is_some() || table.tags.is_some();
        if let Some(name) = table.vars.keys().find(|name| !dotenv::is_name(name)) {
            return Err(format!("`{name}` can't be the name of a variable"));
        }
        if let Some(path) = table.secrets.as_ref().filter(|path| !path.is_absolute()) {
            return Err(format!("`secrets`: `{}` is not an absolute path", path.display()));
        }
        Ok(Protection {
            review,
            wait: Duration::from_secs_f64(table.wait_minutes * 60.0),
            refs: limited.then_some(refs),
            vars: table.vars,
            secrets: table.secrets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn read(text: &str) -> std::result::Result<Environments, String> {
        toml::from_str(text).map_err(|e: toml::de::Error| e.message().to_owned())
    }

    fn environment(text: &str) -> Protection {
        read(&format!("[x]\n{text}")).unwrap().get("X").unwrap().clone()
    }

    #[test]
    fn what_contradicts_itself_is_an_error() {
        for (text, error) in [
            ("approvals = 0\napprovers = ['a']", "contradict"),
            ("approvals = 2\napprovers = ['a']", "2 `approvals` can't come from 1 `approvers`"),
            ("approvers = ['']", "names nobody"),
            ("approvers = ['@']", "names nobody"),
            ("prevent-self-review = true", "means nothing"),
            ("wait-minutes = -1", "between 0 and 43200"),
            ("wait-minutes = nan", "between 0 and 43200"),
            ("wait-minutes = 43201", "between 0 and 43200"),
            ("branches = ['[']", "pattern `[`: "),
            ("vars = { 'a-b' = '1' }", "`a-b` can't be the name"),
            ("secrets = 'here'", "not an absolute path"),
            ("approver = ['a']", "unknown field `approver`"),
        ] {
            let told = read(&format!("[x]\n{text}")).unwrap_err();
            assert!(told.contains(error), "{text}: {told}");
        }
        assert!(read("[prod]\n[PROD]\n").unwrap_err().contains("twice"));
        assert!(read(&format!("[{}]\n", "x".repeat(256))).is_err());
        let many: String = (0..10_000).map(|n| format!("[e{n}]\n")).collect();
        assert!(read(&many).unwrap().get("E9999").is_some());
    }

    #[test]
    fn approvers_alone_mean_one_approval() {
        let rule = environment("approvers = ['alice', '@deploy']").review.unwrap();
        assert_eq!((rule.count, rule.names().as_str()), (1, "alice, @deploy"));
        assert_eq!(environment("").review, None);
    }

    #[test]
    fn a_rule_names_itself_where_it_says_no() {
        let person = Person { uid: 7, name: Some("alice".into()), groups: Vec::new() };
        let rule = environment("approvers = ['bob', '8']").review.unwrap();
        assert_eq!(rule.admits(&person, 0).unwrap_err(), "`approvers`: alice (uid 7) is not among bob, 8");
        let rule = environment("approvals = 1\nprevent-self-review = true").review.unwrap();
        assert!(rule.admits(&person, 7).unwrap_err().starts_with("`prevent-self-review`"));
        assert_eq!(rule.admits(&person, 8), Ok(()));
    }

    #[test]
    fn branches_and_tags_are_told_apart() {
        let main = environment("branches = ['main', 'release/**', '!release/old', 'refs/pull/*/merge']");
        for (reference, allowed) in [
            ("refs/heads/main", true),
            ("refs/heads/release/1/2", true),
            ("refs/heads/release/old", false),
            ("refs/heads/topic", false),
            ("refs/tags/main", false),
            ("refs/pull/7/merge", true),
            ("HEAD", false),
        ] {
            assert_eq!(main.allows(reference).is_ok(), allowed, "{reference}");
        }
        assert!(environment("tags = ['v*']").allows("refs/tags/v1").is_ok());
        assert_eq!(
            environment("branches = ['main']\ntags = ['v*']").allows("refs/heads/x").unwrap_err(),
            "it allows branches `main` and tags `v*`, and this run is of `x`"
        );
        assert!(
            environment("branches = []").allows("refs/heads/x").unwrap_err().contains("no branch or tag")
        );
        assert!(environment("").allows("HEAD").is_ok());
    }

    #[test]
    fn secrets_are_in_a_file_that_nobody_else_reads() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().canonicalize().unwrap().join("secrets");
        let protection = environment(&format!("secrets = '{}'", path.display()));
        let read =
            |tree: &Path| protection.secrets(tree).map(|all| all.len()).map_err(|error| error.to_string());
        let elsewhere = Path::new("/nonexistent");
        assert!(read(elsewhere).unwrap_err().contains("secrets`: No such file"));
        fs::write(&path, "A=1\nB=2\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(elsewhere).unwrap_err().contains("others can read or change it"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read(elsewhere), Ok(2));
        assert!(read(path.parent().unwrap()).unwrap_err().contains("in the tree that jobs see"));
        fs::write(&path, "broken").unwrap();
        assert!(read(elsewhere).unwrap_err().contains("line 1"));
    }
}
