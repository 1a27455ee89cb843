//! A run that no forge has started: event and `github` context from what the tree at hand tells.

use std::path::Path;
use std::process::{Command, Stdio};

use palisade_proto::event::{self, Commit, Head, NO_COMMIT, Person, Repository, Trigger, User};
use serde_json::Value as Json;

use crate::expr::{Object, Value};
use crate::git;
use crate::job::inside;

/// Who triggers a run on this machine. No person's name: a job has no business with who sits here.
const ACTOR: &str = "palisade";
/// The forge of a repository that came from none, as GitHub's own variables have it.
pub const NO_FORGE: &str = "https://github.com";

/// What a tree tells.
pub struct Facts {
    repository: Repository,
    server: String,
    head: Head,
    identity: String,
}

impl Facts {
    /// Reads them.
    pub fn of(tree: &Path) -> Facts {
        let git = git::Repository::open(tree);
        let head = git.as_ref().map(git::Repository::head).unwrap_or_default();
        let default_branch = git.as_ref().and_then(git::Repository::default_branch);
        let remote = git.as_ref().and_then(git::Repository::remote);
        let identity = match &remote {
            Some(remote) => format!("{}/{}/{}", remote.server, remote.owner, remote.name),
            None => tree.display().to_string(),
        };
        let remote = remote.unwrap_or_else(|| {
            let name = tree.file_name().map(|n| n.to_string_lossy().into_owned());
            git::Remote {
                server: NO_FORGE.to_owned(),
                owner: "local".to_owned(),
                name: name.unwrap_or_else(|| "workspace".to_owned()),
            }
        });
        let default_branch = default_branch.as_deref().unwrap_or("main");
        let reference = head.branch.unwrap_or_else(|| match head.sha {
            Some(_) => "HEAD".to_owned(),
            None => format!("refs/heads/{default_branch}"),
        });
        Facts {
            repository: Repository::new(&remote.server, &remote.owner, &remote.name, default_branch),
            server: remote.server,
            head: Head { reference, sha: head.sha.unwrap_or_else(|| NO_COMMIT.to_owned()), commit: None },
            identity,
        }
    }

    /// Whether a remote says which repository and forge it is of.
    pub fn has_remote(&self) -> bool {
        self.server != NO_FORGE
    }

    /// The repository's name with its owner.
    pub fn repository(&self) -> &str {
        &self.repository.full_name
    }

    /// The address of the repository's forge.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// What is the same for all trees of the repository, and for no other: its address, or where a tree is that
    /// came from nowhere.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The branch that a clone checks out.
    pub fn default_branch(&self) -> &str {
        &self.repository.default_branch
    }

    /// The full reference on which the tree stands, or `HEAD`.
    pub fn reference(&self) -> &str {
        &self.head.reference
    }

    /// Adds message and author of the commit, for which git itself is run: only a workflow that reads its
    /// event is worth the time.
    pub fn read_commit(&mut self, tree: &Path) {
        if self.head.sha == NO_COMMIT {
            return;
        }
        let format = "--format=%H%x00%cI%x00%an%x00%ae%x00%B";
        let run = Command::new("git")
            .args(["-c", "core.fsmonitor=false", "log", "-1", "--no-show-signature", format])
            .current_dir(tree)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        // Without git the payload just says less.
        let Ok(run) = run else { return };
        let text = String::from_utf8_lossy(&run.stdout);
        let parts: Vec<&str> = text.splitn(5, '\0').collect();
        if let [id, timestamp, name, email, message] = parts[..] {
            self.head.commit = Some(Commit {
                id: id.to_owned(),
                message: message.trim_end().to_owned(),
                timestamp: timestamp.to_owned(),
                author: Person { name: name.to_owned(), email: email.to_owned() },
            });
        }
    }

    /// The payload of an event on this tree.
    pub fn payload(&self, trigger: &Trigger, workflow: &str) -> Json {
        trigger.payload(&self.repository, &self.head, &User { login: ACTOR.to_owned() }, workflow)
    }

    /// The `github` context, less `event`. What the payload says goes before what the tree says.
    /// Source: "Contexts reference", "github context".
    pub fn github(&self, trigger: &Trigger, payload: &Json, workflow: &Workflow<'_>) -> Object {
        let said = |pointer: &str| payload.pointer(pointer).and_then(Json::as_str).map(str::to_owned);
        let pull = |pointer: &str| said(&format!("/pull_request{pointer}"));
        let reference = said("/ref").unwrap_or_else(|| self.head.reference.clone());
        let (reference, base, head) = match trigger {
            Trigger::PullRequest { .. } => {
                let number = payload.pointer("/number").and_then(Json::as_u64).unwrap_or(1);
                let base = pull("/base/ref").unwrap_or_else(|| self.default_branch().to_owned());
                let head = pull("/head/ref").unwrap_or_else(|| event::branch(&reference).to_owned());
                (format!("refs/pull/{number}/merge"), base, head)
            }
            _ => (reference, String::new(), String::new()),
        };
        let sha = said("/after").or_else(|| pull("/head/sha")).unwrap_or_else(|| self.head.sha.clone());
        let full_name = said("/repository/full_name").unwrap_or_else(|| self.repository.full_name.clone());
        let owner = full_name.split('/').next().unwrap_or_default().to_owned();
        let actor = said("/sender/login").unwrap_or_else(|| ACTOR.to_owned());
        let server = &self.server;
        let (api, graphql) = if server == NO_FORGE {
            ("https://api.github.com".to_owned(), "https://api.github.com/graphql".to_owned())
        } else {
            (format!("{server}/api/v1"), String::new())
        };
        let reference_type = if reference.starts_with("refs/tags/") { "tag" } else { "branch" };
        let entries: [(&str, Value); 30] = [
            ("actor", actor.as_str().into()),
            ("actor_id", "0".into()),
            ("api_url", api.into()),
            ("base_ref", base.into()),
            ("event_name", trigger.name().into()),
            ("event_path", format!("{}/{}", inside::TEMP, inside::EVENT).into()),
            ("graphql_url", graphql.into()),
            ("head_ref", head.into()),
            ("ref", reference.as_str().into()),
            ("ref_name", event::branch(&reference).into()),
            ("ref_protected", false.into()),
            ("ref_type", reference_type.into()),
            ("repository", full_name.as_str().into()),
            ("repository_id", "0".into()),
            ("repository_owner", owner.into()),
            ("repository_owner_id", "0".into()),
            ("repositoryUrl", self.repository.clone_url.as_str().into()),
            ("retention_days", "0".into()),
            ("run_attempt", "1".into()),
            ("run_id", "1".into()),
            ("run_number", "1".into()),
            ("secret_source", "None".into()),
            ("server_url", server.as_str().into()),
            ("sha", sha.as_str().into()),
            ("token", "".into()),
            ("triggering_actor", actor.into()),
            ("workflow", workflow.name.into()),
            ("workflow_ref", format!("{full_name}/{}@{reference}", workflow.path).into()),
            ("workflow_sha", sha.into()),
            ("workspace", workflow.workspace.into()),
        ];
        entries.into_iter().collect()
    }
}

/// What the `github` context says of a workflow.
pub struct Workflow<'a> {
    /// Its display name.
    pub name: &'a str,
    /// Its path in the repository.
    pub path: &'a str,
    /// `github.workspace`
    pub workspace: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const WORKFLOW: Workflow<'_> =
        Workflow { name: "CI", path: ".github/workflows/ci.yml", workspace: "/home/runner/work/t/t" };

    fn github(event: &str, payload: Option<Json>) -> Object {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tool");
        std::fs::create_dir_all(tree.join(".git/refs/heads")).unwrap();
        let sha = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
        for (file, content) in [
            ("HEAD", "ref: refs/heads/topic\n"),
            ("refs/heads/topic", sha),
            ("config", "[remote \"origin\"]\n\turl = git@git.example.org:team/tool.git\n"),
        ] {
            std::fs::write(tree.join(".git").join(file), content).unwrap();
        }
        let facts = Facts::of(&tree);
        let trigger = Trigger::new(event, facts.default_branch(), vec![]);
        let payload = payload.unwrap_or_else(|| facts.payload(&trigger, WORKFLOW.path));
        facts.github(&trigger, &payload, &WORKFLOW)
    }

    fn shown(github: &Object, keys: &[&str]) -> String {
        keys.iter()
            .map(|k| github.get(k).unwrap().to_display_string().into_owned())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_push_stands_where_the_tree_stands() {
        let github = github("push", None);
        assert_eq!(
            shown(&github, &["event_name", "ref", "ref_name", "ref_type", "repository", "server_url"]),
            "push refs/heads/topic topic branch team/tool https://git.example.org"
        );
        assert_eq!(shown(&github, &["workflow_ref"]), "team/tool/.github/workflows/ci.yml@refs/heads/topic");
        assert!(shown(&github, &["sha"]).starts_with("c0ffee"));
    }

    #[test]
    fn a_pull_request_has_a_head_and_a_base() {
        let github = github("pull_request", None);
        assert_eq!(shown(&github, &["ref", "head_ref", "base_ref"]), "refs/pull/1/merge topic main");
    }

    #[test]
    fn a_given_payload_goes_first() {
        let payload = json!({
            "ref": "refs/tags/v1", "after": "abc", "sender": { "login": "eve" },
            "repository": { "full_name": "other/thing" },
        });
        let github = github("push", Some(payload));
        assert_eq!(
            shown(
                &github,
                &["ref", "ref_name", "ref_type", "sha", "actor", "repository", "repository_owner"]
            ),
            "refs/tags/v1 v1 tag abc eve other/thing other"
        );
    }

    #[test]
    fn a_tree_without_git_has_a_name_and_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("plain");
        std::fs::create_dir(&tree).unwrap();
        let facts = Facts::of(&tree);
        let trigger = Trigger::Push;
        let github = facts.github(&trigger, &facts.payload(&trigger, "w.yml"), &WORKFLOW);
        assert_eq!(
            shown(&github, &["repository", "ref", "sha"]),
            format!("local/plain refs/heads/main {NO_COMMIT}")
        );
    }
}
