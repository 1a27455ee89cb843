//! The events that start a workflow, with the webhook payload that a workflow reads as `github.event`.
//! A run that no forge has started makes its payload from what the git repository tells.
//! Source of the formats: "Webhook events and payloads" in GitHub's documentation.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The commit id that stands for "none" in payloads.
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A person or organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The account's name.
    pub login: String,
}

/// A repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Name without its owner.
    pub name: String,
    /// `owner/name`.
    pub full_name: String,
    /// Whose it is.
    pub owner: User,
    /// The branch that a clone checks out.
    pub default_branch: String,
    /// Where people read it.
    pub html_url: String,
    /// Where git clones it.
    pub clone_url: String,
}

impl Repository {
    /// A repository on the forge at `server`, e.g. `https://git.example.org`.
    pub fn new(server: &str, owner: &str, name: &str, default_branch: &str) -> Self {
        let html_url = format!("{}/{owner}/{name}", server.trim_end_matches('/'));
        Repository {
            name: name.to_owned(),
            full_name: format!("{owner}/{name}"),
            owner: User { login: owner.to_owned() },
            default_branch: default_branch.to_owned(),
            clone_url: format!("{html_url}.git"),
            html_url,
        }
    }
}

/// Who wrote a commit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Full name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// A commit as `push` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Commit id.
    pub id: String,
    /// The whole message.
    pub message: String,
    /// When it was made, RFC 3339.
    pub timestamp: String,
    /// Who wrote it.
    pub author: Person,
}

/// What stands at the head of the repository when an event is made up for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Full reference, e.g. `refs/heads/main`.
    pub reference: String,
    /// Commit id, or [`NO_COMMIT`].
    pub sha: String,
    /// The commit, where it was read.
    pub commit: Option<Commit>,
}

/// What triggered a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// `push`
    Push,
    /// `pull_request` and `pull_request_target`, from the head's branch to this base branch.
    PullRequest {
        /// The event's name.
        name: String,
        /// Branch that is to be merged into.
        base: String,
    },
    /// `workflow_dispatch`
    WorkflowDispatch {
        /// The inputs given, as text, in order.
        inputs: Vec<(String, String)>,
    },
    /// `schedule`
    Schedule {
        /// The cron line.
        cron: String,
    },
    /// Any other event, of which a repository alone can tell no more than where it happened.
    Other(String),
}

impl Trigger {
    /// The trigger of an event's name.
    pub fn new(name: &str, default_branch: &str, inputs: Vec<(String, String)>) -> Self {
        match name {
            "push" => Trigger::Push,
            "pull_request" | "pull_request_target" => {
                Trigger::PullRequest { name: name.to_owned(), base: default_branch.to_owned() }
            }
            "workflow_dispatch" => Trigger::WorkflowDispatch { inputs },
            "schedule" => Trigger::Schedule { cron: String::new() },
            other => Trigger::Other(other.to_owned()),
        }
    }

    /// The event's name.
    pub fn name(&self) -> &str {
        match self {
            Trigger::Push => "push",
            Trigger::PullRequest { name, .. } | Trigger::Other(name) => name,
            Trigger::WorkflowDispatch { .. } => "workflow_dispatch",
            Trigger::Schedule { .. } => "schedule",
        }
    }

    /// The payload that a forge would have sent.
    pub fn payload(&self, repository: &Repository, head: &Head, sender: &User, workflow: &str) -> Value {
        let mut payload = match self {
            Trigger::Push => json!({
                "ref": head.reference,
                "before": NO_COMMIT,
                "after": head.sha,
                "created": false,
                "deleted": false,
                "forced": false,
                "base_ref": null,
                "commits": head.commit.iter().collect::<Vec<_>>(),
                "head_commit": head.commit,
                "pusher": { "name": sender.login },
            }),
            Trigger::PullRequest { base, .. } => json!({
                "action": "opened",
                "number": 1,
                "pull_request": {
                    "number": 1,
                    "title": head.commit.as_ref().map_or("", |c| c.message.lines().next().unwrap_or("")),
                    "state": "open",
                    "draft": false,
                    "merged": false,
                    "user": sender,
                    "head": { "ref": branch(&head.reference), "sha": head.sha, "repo": repository },
                    "base": { "ref": base, "repo": repository },
                },
            }),
            Trigger::WorkflowDispatch { inputs } => json!({
                "ref": head.reference,
                "workflow": workflow,
                "inputs": inputs.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str())))
                    .collect::<Map<_, _>>(),
            }),
            Trigger::Schedule { cron } => json!({ "schedule": cron, "workflow": workflow }),
            Trigger::Other(_) => json!({}),
        };
        payload["repository"] = json!(repository);
        payload["sender"] = json!(sender);
        payload
    }
}

/// The short name of a branch or tag: `main` of `refs/heads/main`.
pub fn branch(reference: &str) -> &str {
    ["refs/heads/", "refs/tags/", "refs/pull/"]
        .iter()
        .find_map(|prefix| reference.strip_prefix(prefix))
        .unwrap_or(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let author = Person { name: "A".into(), email: "a@example.org".into() };
        let commit = Commit {
            id: "c0ffee".into(),
            message: "Title\n\nBody".into(),
            timestamp: "2026-08-01T12:00:00+02:00".into(),
            author,
        };
        Head { reference: "refs/heads/topic".into(), sha: "c0ffee".into(), commit: Some(commit) }
    }

    fn payload(name: &str) -> Value {
        let repository = Repository::new("https://git.example.org/", "team", "tool", "main");
        let inputs = vec![("level".to_owned(), "3".to_owned())];
        Trigger::new(name, "main", inputs).payload(
            &repository,
            &head(),
            &User { login: "bob".into() },
            "ci.yml",
        )
    }

    #[test]
    fn a_push_tells_reference_and_commit() {
        let push = payload("push");
        assert_eq!(push["ref"], "refs/heads/topic");
        assert_eq!(push["after"], "c0ffee");
        assert_eq!(push["head_commit"]["message"], "Title\n\nBody");
        assert_eq!(push["repository"]["full_name"], "team/tool");
        assert_eq!(push["repository"]["clone_url"], "https://git.example.org/team/tool.git");
        assert_eq!(push["sender"]["login"], "bob");
    }

    #[test]
    fn a_pull_request_goes_to_the_default_branch() {
        for name in ["pull_request", "pull_request_target"] {
            let pull = payload(name);
            assert_eq!(pull["pull_request"]["head"]["ref"], "topic");
            assert_eq!(pull["pull_request"]["base"]["ref"], "main");
            assert_eq!(pull["pull_request"]["title"], "Title");
            assert_eq!(Trigger::new(name, "main", vec![]).name(), name);
        }
    }

    #[test]
    fn a_dispatch_carries_its_inputs_as_text() {
        assert_eq!(payload("workflow_dispatch")["inputs"], json!({ "level": "3" }));
    }

    #[test]
    fn an_unknown_event_still_tells_where() {
        let other = payload("release");
        assert_eq!(other["repository"]["name"], "tool");
        assert_eq!(Trigger::new("release", "main", vec![]).name(), "release");
    }

    #[test]
    fn a_branch_is_the_end_of_its_reference() {
        for (reference, short) in [
            ("refs/heads/a/b", "a/b"),
            ("refs/tags/v1", "v1"),
            ("refs/pull/1/merge", "1/merge"),
            ("HEAD", "HEAD"),
        ] {
            assert_eq!(branch(reference), short);
        }
    }
}
