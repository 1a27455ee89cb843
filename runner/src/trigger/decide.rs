//! Whether an event that happened is one that a workflow asks for. What isn't known of the event decides nothing
//! against it, as on GitHub.

use std::cell::OnceCell;
use std::fmt;
use std::path::Path;

use serde_json::Value as Json;

use super::changes::Changes;
use super::events::default_types;
use super::glob;
use crate::workflow::model::{Filter, Trigger};

/// An event, as far as it is known.
pub struct Occurrence<'a> {
    /// The event's name.
    pub event: &'a str,
    /// Its payload, where one was given.
    pub payload: Option<&'a Json>,
    /// The tree that it happened to.
    pub tree: &'a Path,
    /// The full reference on which the tree stands.
    pub reference: &'a str,
    /// The branch that a pull request goes to unless the payload says so.
    pub default_branch: &'a str,
    /// What was changed, once that was looked up.
    changes: OnceCell<Changes>,
}

/// Why a workflow doesn't run by an event of its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The key that says no, e.g. `branches-ignore`.
    pub key: &'static str,
    /// What it says.
    pub why: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.why)
    }
}

impl<'a> Occurrence<'a> {
    /// An event on a tree.
    pub fn new(
        event: &'a str,
        payload: Option<&'a Json>,
        tree: &'a Path,
        reference: &'a str,
        default_branch: &'a str,
    ) -> Self {
        Occurrence { event, payload, tree, reference, default_branch, changes: OnceCell::new() }
    }

    fn said(&self, pointer: &str) -> Option<&'a str> {
        self.payload?.pointer(pointer)?.as_str()
    }

    /// The full reference that was pushed.
    pub(super) fn pushed(&self) -> &'a str {
        self.said("/ref").unwrap_or(self.reference)
    }

    /// The branch that a pull request is to be merged into.
    pub(super) fn base(&self) -> &'a str {
        self.said("/pull_request/base/ref").unwrap_or(self.default_branch)
    }

    fn changes(&self) -> &Changes {
        self.changes.get_or_init(|| Changes::of(self))
    }
}

/// Whether the trigger, whose event is that of the occurrence, is meant.
///
/// # Errors
/// Names the first filter that says no.
pub fn decide(trigger: &Trigger, occurrence: &Occurrence<'_>) -> Result<(), Mismatch> {
    types(trigger, occurrence)?;
    schedule(trigger, occurrence)?;
    let filters = &trigger.filters;
    match occurrence.event {
        "push" => {
            let reference = occurrence.pushed();
            if let Some(tag) = reference.strip_prefix("refs/tags/") {
                return either(&filters.tags, &filters.branches, tag, "a tag");
            }
            if let Some(branch) = reference.strip_prefix("refs/heads/") {
                either(&filters.branches, &filters.tags, branch, "a branch")?;
            }
            paths(&filters.paths, occurrence)
        }
        "pull_request" | "pull_request_target" => {
            name(&filters.branches, occurrence.base())?;
            paths(&filters.paths, occurrence)
        }
        "merge_group" => match occurrence.said("/merge_group/base_ref") {
            Some(base) => name(&filters.branches, base.strip_prefix("refs/heads/").unwrap_or(base)),
            None => Ok(()),
        },
        "workflow_run" => {
            if let (Some(wanted), Some(ran)) = (&filters.workflows, occurrence.said("/workflow_run/name"))
                && !wanted.iter().any(|name| name.value == ran)
            {
                return Err(Mismatch { key: "workflows", why: format!("doesn't name `{ran}`") });
            }
            match occurrence.said("/workflow_run/head_branch") {
                Some(branch) => name(&filters.branches, branch),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn types(trigger: &Trigger, occurrence: &Occurrence<'_>) -> Result<(), Mismatch> {
    let Some(action) = occurrence.said("/action") else { return Ok(()) };
    let wanted: Vec<&str> = match (&trigger.filters.types, default_types(occurrence.event)) {
        (Some(types), _) => types.iter().map(|name| name.as_str()).collect(),
        (None, Some(defaults)) => defaults.to_vec(),
        (None, None) => return Ok(()),
    };
    if wanted.contains(&action) {
        return Ok(());
    }
    Err(Mismatch { key: "types", why: format!("is {}, and this is `{action}`", wanted.join(", ")) })
}

fn schedule(trigger: &Trigger, occurrence: &Occurrence<'_>) -> Result<(), Mismatch> {
    match occurrence.said("/schedule") {
        Some(cron) if occurrence.event == "schedule" && !cron.is_empty() => {
            match trigger.schedules.iter().any(|own| own.is(cron)) {
                true => Ok(()),
                false => Err(Mismatch { key: "schedule", why: format!("has no `cron: {cron}`") }),
            }
        }
        _ => Ok(()),
    }
}

/// Filters of branches and of tags: who gives only the one doesn't want the other at all.
fn either(own: &Option<Filter>, other: &Option<Filter>, value: &str, what: &str) -> Result<(), Mismatch> {
    match (own, other) {
        (None, Some(other)) => {
            Err(Mismatch { key: other.key, why: format!("stands alone, and `{value}` is {what}") })
        }
        (own, _) => name(own, value),
    }
}

fn name(filter: &Option<Filter>, value: &str) -> Result<(), Mismatch> {
    let Some(filter) = filter else { return Ok(()) };
    match glob::picks(&filter.patterns, value) {
        picked if picked != filter.ignores => Ok(()),
        true => Err(Mismatch { key: filter.key, why: format!("picks `{value}`") }),
        false => Err(Mismatch { key: filter.key, why: format!("doesn't pick `{value}`") }),
    }
}

fn paths(filter: &Option<Filter>, occurrence: &Occurrence<'_>) -> Result<(), Mismatch> {
    let Some(filter) = filter else { return Ok(()) };
    let Changes::Known { paths, since } = occurrence.changes() else { return Ok(()) };
    if paths.iter().any(|path| glob::picks(&filter.patterns, path) != filter.ignores) {
        return Ok(());
    }
    let count = match paths.len() {
        1 => "the one file".to_owned(),
        n => format!("the {n} files"),
    };
    let which = if filter.ignores { "picks all of" } else { "picks none of" };
    Err(Mismatch { key: filter.key, why: format!("{which} {count} changed {since}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What a workflow with these triggers says to an event.
    fn verdict(on: &str, event: &str, payload: Json) -> Result<(), String> {
        let source = format!("on: {on}\njobs: {{ a: {{ runs-on: x, steps: [{{ run: y }}] }} }}\n");
        let workflow = crate::workflow::parse(source.as_bytes(), Path::new("w.yml"))
            .unwrap_or_else(|e| panic!("{e}"))
            .workflow;
        let trigger = workflow.on.iter().find(|trigger| trigger.event.value == event).unwrap();
        let nowhere = Path::new("/nonexistent");
        let occurrence = Occurrence::new(event, Some(&payload), nowhere, "refs/heads/topic", "main");
        decide(trigger, &occurrence).map_err(|mismatch| mismatch.to_string())
    }

    fn push(on: &str, reference: &str) -> Result<(), String> {
        verdict(&format!("{{ push: {on} }}"), "push", json!({ "ref": reference }))
    }

    #[test]
    fn branches_and_tags_decide_a_push() {
        let (main, tag) = ("refs/heads/main", "refs/tags/v1");
        assert_eq!(push("", main), Ok(()));
        assert_eq!(push("", tag), Ok(()));
        assert_eq!(push("{ branches: main }", main), Ok(()));
        assert_eq!(push("{ branches: [x, 'm*'] }", main), Ok(()));
        assert_eq!(push("{ branches: [x] }", main), Err("`branches` doesn't pick `main`".into()));
        assert_eq!(push("{ branches: ['**', '!main'] }", main), Err("`branches` doesn't pick `main`".into()));
        assert_eq!(push("{ branches-ignore: [main] }", main), Err("`branches-ignore` picks `main`".into()));
        assert_eq!(
            push("{ branches: [main] }", tag),
            Err("`branches` stands alone, and `v1` is a tag".into())
        );
        assert_eq!(push("{ branches: [main], tags: ['v*'] }", tag), Ok(()));
        assert_eq!(push("{ tags: ['v*'] }", tag), Ok(()));
        assert_eq!(push("{ tags: ['v*'] }", main), Err("`tags` stands alone, and `main` is a branch".into()));
        assert_eq!(push("{ tags-ignore: ['v*'] }", tag), Err("`tags-ignore` picks `v1`".into()));
        // A detached head is no branch that could be told.
        assert_eq!(push("{ branches: [main] }", "HEAD"), Ok(()));
    }

    #[test]
    fn a_pull_request_counts_by_its_activity_and_its_base() {
        let pull = |on: &str, action: &str, base: &str| {
            let payload = json!({ "action": action, "pull_request": { "base": { "ref": base } } });
            verdict(&format!("{{ pull_request: {on} }}"), "pull_request", payload)
        };
        assert_eq!(pull("", "opened", "main"), Ok(()));
        assert_eq!(
            pull("", "closed", "main"),
            Err("`types` is opened, synchronize, reopened, and this is `closed`".into())
        );
        assert_eq!(pull("{ types: [closed] }", "closed", "main"), Ok(()));
        assert_eq!(pull("{ branches: main }", "opened", "main"), Ok(()));
        assert_eq!(pull("{ branches: main }", "opened", "v1"), Err("`branches` doesn't pick `v1`".into()));
    }

    #[test]
    fn other_events_count_by_what_they_have() {
        assert_eq!(
            verdict("{ release: { types: [published] } }", "release", json!({ "action": "published" })),
            Ok(())
        );
        assert!(
            verdict("{ release: { types: published } }", "release", json!({ "action": "edited" })).is_err()
        );
        assert_eq!(verdict("issues", "issues", json!({ "action": "whatever" })), Ok(()));
        let dispatch = "{ repository_dispatch: { types: [deploy] } }";
        assert!(verdict(dispatch, "repository_dispatch", json!({ "action": "test" })).is_err());
        assert_eq!(verdict(dispatch, "repository_dispatch", json!({})), Ok(()));
        let schedule = "{ schedule: [{ cron: '0 5 * * *' }] }";
        assert_eq!(verdict(schedule, "schedule", json!({ "schedule": "0  5 * * *" })), Ok(()));
        assert!(verdict(schedule, "schedule", json!({ "schedule": "1 5 * * *" })).is_err());
        let run = "{ workflow_run: { workflows: [CI], branches: [main] } }";
        let payload = |name, branch| json!({ "workflow_run": { "name": name, "head_branch": branch } });
        assert_eq!(verdict(run, "workflow_run", payload("CI", "main")), Ok(()));
        assert!(verdict(run, "workflow_run", payload("Lint", "main")).is_err());
        assert!(verdict(run, "workflow_run", payload("CI", "topic")).is_err());
        let merge = "{ merge_group: { branches: [main] } }";
        assert_eq!(
            verdict(merge, "merge_group", json!({ "merge_group": { "base_ref": "refs/heads/main" } })),
            Ok(())
        );
        assert!(
            verdict(merge, "merge_group", json!({ "merge_group": { "base_ref": "refs/heads/x" } })).is_err()
        );
    }

    #[test]
    fn paths_decide_where_they_are_known() {
        let pushed = |on: &str, paths: &[&str]| {
            let payload = json!({ "ref": "refs/heads/main", "commits": [{ "added": paths, "removed": [], "modified": [] }] });
            verdict(&format!("{{ push: {on} }}"), "push", payload)
        };
        let docs = "{ paths: ['**', '!docs/**'] }";
        assert_eq!(pushed(docs, &["docs/a", "src/b"]), Ok(()));
        assert_eq!(
            pushed(docs, &["docs/a"]),
            Err("`paths` picks none of the one file changed by the payload's commits".into())
        );
        assert_eq!(pushed("{ paths-ignore: [docs/**] }", &["docs/a", "b"]), Ok(()));
        assert_eq!(
            pushed("{ paths-ignore: [docs/**] }", &["docs/a", "docs/b"]),
            Err("`paths-ignore` picks all of the 2 files changed by the payload's commits".into())
        );
        // Unknown is no reason not to run, and a tag has no paths.
        assert_eq!(push("{ paths: [x] }", "refs/heads/main"), Ok(()));
        assert_eq!(push("{ paths: [x] }", "refs/tags/v1"), Ok(()));
    }
}
