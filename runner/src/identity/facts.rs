//! What is known of a run from elsewhere than its workflow: what a forge said, or for a run on this machine what the
//! command line and the tree say. Claims are made of this and of nothing else that a workflow could write.

use serde_json::{Map, Value as Json};

use crate::expr::Object;
use crate::order::Order;

/// Where a run is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A forge has sent it, and said what it is.
    Forge,
    /// Somebody runs it on this machine: what it is, only the tree and the command line say.
    Local,
}

/// The facts of a run.
#[derive(Clone, Debug)]
pub struct Facts {
    source: Source,
    server: String,
    text: Vec<(&'static str, String)>,
    ref_protected: bool,
    workflow_ref: String,
    is_fork: bool,
}

/// The keys of `github` that are facts. `workflow` isn't: a workflow names itself.
const KEYS: [&str; 17] = [
    "actor",
    "actor_id",
    "base_ref",
    "event_name",
    "head_ref",
    "ref",
    "ref_type",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "run_attempt",
    "run_id",
    "run_number",
    "sha",
    "workflow_ref",
    "workflow_sha",
];

impl Facts {
    /// Of a job that a forge has sent, or that somebody of this machine has submitted: what that one is, nobody else says.
    pub fn of_order(order: &Order) -> Facts {
        let facts = Facts::of_forge(&order.server, &order.github, &order.file, &order.event);
        let source = if order.part.is_some() { Source::Local } else { Source::Forge };
        Facts { source, ref_protected: facts.ref_protected && source == Source::Forge, ..facts }
    }

    /// The same of what a forge at an address says: `github`, the workflow's file, the event's payload.
    pub fn of_forge(server: &str, github: &Map<String, Json>, file: &str, event: &Json) -> Facts {
        let text = |key: &str| match github.get(key) {
            Some(Json::String(text)) => text.clone(),
            Some(Json::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let protected = github.get("ref_protected") == Some(&Json::Bool(true));
        Facts::new(Source::Forge, server.to_owned(), text, protected, file, event)
    }

    /// Of a run on this machine: `github` as it was made of the tree and the command line, the event's payload, and
    /// the workflow's file within the tree.
    pub fn of_local(github: &Object, event: &Json, file: &str) -> Facts {
        let text = |key: &str| {
            github.get(key).map(|value| value.to_display_string().into_owned()).unwrap_or_default()
        };
        Facts::new(Source::Local, text("server_url"), text, false, file, event)
    }

    fn new(
        source: Source,
        server: String,
        text: impl Fn(&str) -> String,
        ref_protected: bool,
        file: &str,
        event: &Json,
    ) -> Facts {
        let value = |key: &str| match key {
            "event_name" => event_name(text(key), &text("ref"), event),
            _ => text(key),
        };
        let text: Vec<(&'static str, String)> = KEYS.iter().map(|key| (*key, value(key))).collect();
        let mut facts = Facts {
            source,
            server: server.trim_end_matches('/').to_owned(),
            text,
            ref_protected,
            workflow_ref: String::new(),
            is_fork: false,
        };
        facts.workflow_ref = match facts.text("workflow_ref") {
            // Forges other than GitHub tell the file's name.
            "" => format!("{}/{file}@{}", facts.text("repository"), facts.text("ref")),
            told => told.to_owned(),
        };
        facts.is_fork = is_fork(facts.text("event_name"), facts.text("repository"), event);
        facts
    }

    /// Where the run is from.
    pub fn source(&self) -> Source {
        self.source
    }

    /// The forge's address, without a slash at its end.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// One fact by the name that it has in `github`; empty where nobody said it.
    pub fn text(&self, key: &str) -> &str {
        self.text.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| value)
    }

    /// Whether the forge protects the reference.
    pub fn ref_protected(&self) -> bool {
        self.ref_protected
    }

    /// The workflow's file and reference.
    pub fn workflow_ref(&self) -> &str {
        &self.workflow_ref
    }

    /// Whether what runs, or what caused it to run, is from a fork.
    pub fn is_fork(&self) -> bool {
        self.is_fork
    }
}

/// The event that a job's run is of. A job of a called workflow that a Forgejo sends by itself is told to be of `workflow_call`;
/// where what happened is about a pull request, it must count as of that.
fn event_name(told: String, reference: &str, event: &Json) -> String {
    if told != "workflow_call" || event.get("pull_request").is_none() {
        return told;
    }
    let own = reference.starts_with("refs/pull/");
    if own { "pull_request" } else { "pull_request_target" }.to_owned()
}

/// Whether an event is about code of another repository. One that doesn't say where its code is from counts as such:
/// the fork may be gone.
fn is_fork(event_name: &str, repository: &str, event: &Json) -> bool {
    let from = |pointer: &str| {
        event
            .pointer(pointer)
            .and_then(Json::as_str)
            .is_none_or(|name| !name.eq_ignore_ascii_case(repository))
    };
    if event_name.starts_with("pull_request") || event.get("pull_request").is_some() {
        return from("/pull_request/head/repo/full_name");
    }
    // Of a comment on a pull request GitHub doesn't say where that is from.
    if event.pointer("/issue/pull_request").is_some_and(|pull| !pull.is_null()) {
        return true;
    }
    if event_name == "workflow_run" || event.get("workflow_run").is_some() {
        return from("/workflow_run/head_repository/full_name");
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_called_workflow_does_not_hide_a_pull_request() {
        let pull = json!({ "pull_request": { "head": { "repo": { "full_name": "acme/app" } } } });
        let push = json!({ "ref": "refs/heads/main" });
        for (told, reference, event, name) in [
            ("workflow_call", "refs/pull/7/head", &pull, "pull_request"),
            ("workflow_call", "refs/heads/main", &pull, "pull_request_target"),
            ("workflow_call", "refs/heads/main", &push, "workflow_call"),
            ("push", "refs/heads/main", &pull, "push"),
        ] {
            let github = json!({ "event_name": told, "ref": reference, "repository": "acme/app" });
            let github = github.as_object().unwrap();
            assert_eq!(Facts::of_forge("https://forge", github, "ci.yml", event).text("event_name"), name);
        }
    }

    #[test]
    fn a_fork_is_told_by_where_the_code_is_from() {
        let pull = |repository: Json| json!({ "pull_request": { "head": { "repo": repository } } });
        for (name, event, fork) in [
            ("pull_request", pull(json!({ "full_name": "acme/app" })), false),
            ("pull_request", pull(json!({ "full_name": "Acme/App" })), false),
            ("pull_request", pull(json!({ "full_name": "eve/app" })), true),
            ("pull_request", pull(Json::Null), true),
            ("pull_request", json!({}), true),
            ("pull_request_target", pull(json!({ "full_name": "eve/app" })), true),
            ("issue_comment", pull(json!({ "full_name": "eve/app" })), true),
            ("issue_comment", json!({ "issue": { "pull_request": { "url": "x" } } }), true),
            ("issue_comment", json!({ "issue": { "pull_request": null } }), false),
            ("workflow_run", json!({}), true),
            (
                "workflow_run",
                json!({ "workflow_run": { "head_repository": { "full_name": "acme/app" } } }),
                false,
            ),
            ("push", json!({ "ref": "refs/heads/main" }), false),
        ] {
            assert_eq!(is_fork(name, "acme/app", &event), fork, "{name} {event}");
        }
    }
}
