//! The keys of each mapping of the syntax: those that the readers take and those that they refuse.
//! `docs/workflow-syntax.md` is their list for people; a test holds the two together.
//!
//! Sources: "Workflow syntax for GitHub Actions" and "Metadata syntax for GitHub Actions", and the schemas
//! `workflow-v1.0.json` and `action-v1.0.json` of <https://github.com/actions/languageservices>.

use std::fmt;

/// The keys that a mapping may have.
#[derive(Debug)]
pub struct Keys {
    /// Those that are taken.
    pub names: &'static [&'static str],
    /// Whether others may stand beside them, which mean something to somebody else.
    pub open: bool,
    /// Those that are known and can't be served.
    pub refused: &'static [Refused],
}

/// A key that this version can't serve.
#[derive(Debug)]
pub struct Refused {
    /// The key.
    pub key: &'static str,
    /// What it asks for, after "this version can't".
    pub what: &'static str,
    /// What to do instead.
    pub help: &'static str,
}

const fn keys(names: &'static [&'static str]) -> Keys {
    Keys { names, open: false, refused: &[] }
}

const fn open(names: &'static [&'static str]) -> Keys {
    Keys { names, open: true, refused: &[] }
}

const fn refused(key: &'static str, what: &'static str, help: &'static str) -> Refused {
    Refused { key, what, help }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this version can't {} (`{}`)", self.what, self.key)
    }
}

pub const WORKFLOW: Keys = keys(&[
    "name",
    "description",
    "run-name",
    "on",
    "permissions",
    "env",
    "defaults",
    "concurrency",
    "jobs",
    "enable-email-notifications",
    "enable-openid-connect",
]);

pub const SCHEDULE: Keys = keys(&["cron", "timezone"]);
pub const DISPATCH_INPUT: Keys =
    keys(&["description", "required", "default", "type", "options", "deprecationMessage"]);
pub const CALL_INPUT: Keys = keys(&["description", "required", "default", "type", "deprecationMessage"]);
pub const CALL_OUTPUT: Keys = keys(&["description", "value"]);
pub const CALL_SECRET: Keys = keys(&["description", "required"]);

/// The scopes of the job's token.
pub const PERMISSIONS: Keys = keys(&[
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "contents",
    "copilot-requests",
    "deployments",
    "discussions",
    "id-token",
    "issues",
    "models",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "security-events",
    "statuses",
    "vulnerability-alerts",
]);
pub const DEFAULTS: Keys = keys(&["run"]);
pub const DEFAULTS_RUN: Keys = keys(&["shell", "working-directory"]);
pub const CONCURRENCY: Keys = keys(&["group", "cancel-in-progress", "queue"]);

pub const JOB: Keys = keys(&[
    "name",
    "permissions",
    "needs",
    "if",
    "runs-on",
    "snapshot",
    "environment",
    "concurrency",
    "outputs",
    "env",
    "defaults",
    "steps",
    "timeout-minutes",
    "cancel-timeout-minutes",
    "strategy",
    "continue-on-error",
    "container",
    "services",
    "uses",
    "with",
    "secrets",
    "enable-openid-connect",
]);
pub const JOB_CONTAINER: Keys = keys(&["image", "options", "env", "ports", "volumes", "credentials"]);
pub const CREDENTIALS: Keys = keys(&["username", "password"]);
pub const SERVICE: Keys =
    keys(&["image", "options", "env", "ports", "volumes", "credentials", "entrypoint", "command", "cmd"]);
pub const RUNS_ON: Keys = keys(&["group", "labels"]);
pub const ENVIRONMENT: Keys = keys(&["name", "url", "deployment"]);
pub const STRATEGY: Keys = keys(&["matrix", "fail-fast", "max-parallel"]);
/// The keys of a matrix that are no axes.
pub const INCLUDE: &str = "include";
pub const EXCLUDE: &str = "exclude";

const BACKGROUND_HELP: &str = "start it in a script with `&`, and wait for it in a later one";
pub const STEP: Keys = Keys {
    open: false,
    names: &[
        "id",
        "if",
        "name",
        "uses",
        "run",
        "working-directory",
        "shell",
        "with",
        "env",
        "continue-on-error",
        "timeout-minutes",
    ],
    refused: &[
        refused("background", "run a step in the background", BACKGROUND_HELP),
        refused("wait", "wait for a step in the background", BACKGROUND_HELP),
        refused("wait-all", "wait for steps in the background", BACKGROUND_HELP),
        refused("cancel", "cancel a step in the background", BACKGROUND_HELP),
    ],
};

pub const ACTION: Keys = open(&["name", "author", "description", "branding", "inputs", "outputs", "runs"]);
pub const ACTION_INPUT: Keys = open(&["description", "required", "default", "deprecationMessage"]);
pub const ACTION_OUTPUT: Keys = keys(&["description", "value"]);
pub const COMPOSITE: Keys = keys(&["using", "steps"]);
pub const JAVASCRIPT: Keys = keys(&["using", "main", "pre", "pre-if", "post", "post-if"]);
/// An action in a container is read, so that other stages of the job can be planned; running it is refused.
pub const CONTAINER: Keys = keys(&[
    "using",
    "image",
    "pre-entrypoint",
    "pre-if",
    "entrypoint",
    "post-entrypoint",
    "post-if",
    "args",
    "env",
]);
/// What is said of such an action, before its name.
pub const CONTAINER_REFUSED: &str = "this version can't run actions in containers";

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::action::IMAGE;
    use crate::trigger::events::EVENTS;
    use crate::workflow::images;

    const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/workflow-syntax.md"));
    const MATRIX: Keys = open(&[INCLUDE, EXCLUDE]);

    /// Where each mapping of a workflow stands, as the page and GitHub's documentation write it.
    const OF_WORKFLOWS: [(&str, &Keys); 19] = [
        ("", &WORKFLOW),
        ("on.schedule[*].", &SCHEDULE),
        ("on.workflow_dispatch.inputs.<input_id>.", &DISPATCH_INPUT),
        ("on.workflow_call.inputs.<input_id>.", &CALL_INPUT),
        ("on.workflow_call.outputs.<output_id>.", &CALL_OUTPUT),
        ("on.workflow_call.secrets.<secret_id>.", &CALL_SECRET),
        ("permissions.", &PERMISSIONS),
        ("defaults.", &DEFAULTS),
        ("defaults.run.", &DEFAULTS_RUN),
        ("concurrency.", &CONCURRENCY),
        ("jobs.<job_id>.", &JOB),
        ("jobs.<job_id>.runs-on.", &RUNS_ON),
        ("jobs.<job_id>.container.", &JOB_CONTAINER),
        ("jobs.<job_id>.container.credentials.", &CREDENTIALS),
        ("jobs.<job_id>.services.<service_id>.", &SERVICE),
        ("jobs.<job_id>.environment.", &ENVIRONMENT),
        ("jobs.<job_id>.strategy.", &STRATEGY),
        ("jobs.<job_id>.strategy.matrix.", &MATRIX),
        ("jobs.<job_id>.steps[*].", &STEP),
    ];

    /// Where each mapping of an action stands. An action in a container can't be run, whatever keys it has.
    const OF_ACTIONS: [(&str, &Keys); 6] = [
        ("", &ACTION),
        ("inputs.<input_id>.", &ACTION_INPUT),
        ("outputs.<output_id>.", &ACTION_OUTPUT),
        ("runs.", &COMPOSITE),
        ("runs.", &JAVASCRIPT),
        ("runs.", &CONTAINER),
    ];

    /// The texts in backticks of a cell.
    fn quoted(cell: &str) -> Vec<&str> {
        cell.split('`').skip(1).step_by(2).collect()
    }

    /// Each key of a part of the page, with what becomes of it and the note.
    fn listed(part: &'static str) -> BTreeMap<&'static str, (&'static str, &'static str)> {
        let mut all = BTreeMap::new();
        for line in part.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, keys, status, note, _] = cells[..] else { continue };
            for key in quoted(keys) {
                assert!(["supported", "fails", "refused", "ignored"].contains(&status), "{line}");
                assert!(all.insert(key, (status, note)).is_none(), "`{key}` stands on the page twice");
            }
        }
        all
    }

    fn agrees(part: &'static str, tables: &[(&str, &Keys)]) {
        let listed = listed(part);
        let mut known = BTreeSet::new();
        for (at, table) in tables {
            let refused = table.refused.iter().map(|refused| refused.key);
            for key in table.names.iter().copied().chain(refused) {
                let path = format!("{at}{key}");
                let Some((status, note)) = listed.get(path.as_str()) else {
                    panic!("`{path}` is missing on the page")
                };
                let refusal = table.refused.iter().find(|refused| refused.key == key);
                assert_eq!(
                    refusal.is_some(),
                    *status == "refused" && !note.contains(CONTAINER_REFUSED),
                    "{path}"
                );
                if let Some(refusal) = refusal {
                    assert!(refusal.to_string().starts_with(quoted(note)[0]), "the text at `{path}`");
                }
                if *status == "ignored" {
                    assert!(!note.is_empty(), "why is `{path}` ignored?");
                }
                known.insert(path);
            }
        }
        for key in listed.keys() {
            assert!(known.contains(*key), "the parser doesn't know `{key}`");
        }
    }

    #[test]
    fn the_page_lists_the_keys_that_the_readers_take() {
        let (workflows, actions) = PAGE.split_once("\n## Actions\n").unwrap();
        agrees(workflows, &OF_WORKFLOWS);
        agrees(actions, &OF_ACTIONS);
        let tables = include_str!("keys.rs")
            .lines()
            .filter(|line| line.starts_with("pub const") && line.contains(": Keys ="));
        assert_eq!(tables.count(), OF_WORKFLOWS.len() + OF_ACTIONS.len() - 1, "a table is in neither list");
    }

    #[test]
    fn the_page_tells_of_images() {
        for what in [IMAGE.0, images::CONTAINER.0, images::SERVICES.0] {
            assert!(PAGE.contains(&format!("`{what}`")), "{what}");
        }
    }

    #[test]
    fn the_page_lists_the_events_with_their_filters() {
        let mut listed = BTreeMap::new();
        for line in PAGE.lines().filter(|line| line.starts_with("| `")) {
            if let [_, event, filters, _] = line.split('|').collect::<Vec<_>>()[..] {
                listed.insert(quoted(event)[0], quoted(filters));
            }
        }
        let known: BTreeMap<&str, Vec<&str>> =
            EVENTS.iter().map(|event| (event.name, event.keys.to_vec())).collect();
        assert_eq!(listed, known);
    }
}
