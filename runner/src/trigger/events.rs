//! The events that forges document, the filters that each takes and its types of activity. Source: "Events that
//! trigger workflows" in GitHub's reference, and what Forgejo and Gitea add.

/// An event.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: &'static str,
    /// Its types of activity; empty where it takes no `types` or any.
    pub types: &'static [&'static str],
    /// The keys that it takes.
    pub keys: &'static [&'static str],
}

const BRANCHES: [&str; 2] = ["branches", "branches-ignore"];
const TAGS: [&str; 2] = ["tags", "tags-ignore"];
const PATHS: [&str; 2] = ["paths", "paths-ignore"];
/// Keys of which an event takes one or the other.
pub const PAIRS: [[&str; 2]; 3] = [BRANCHES, TAGS, PATHS];

const TYPES: &[&str] = &["types"];
const NONE: &[&str] = &[];
const PULL: &[&str] = &["types", "branches", "branches-ignore", "paths", "paths-ignore"];
const CHANGED: &[&str] = &["created", "edited", "deleted"];
const PULL_TYPES: &[&str] = &[
    "assigned",
    "unassigned",
    "labeled",
    "unlabeled",
    "opened",
    "edited",
    "closed",
    "reopened",
    "synchronize",
    "converted_to_draft",
    "locked",
    "unlocked",
    "enqueued",
    "dequeued",
    "milestoned",
    "demilestoned",
    "ready_for_review",
    "review_requested",
    "review_request_removed",
    "auto_merge_enabled",
    "auto_merge_disabled",
    "stacked",
    // As Forgejo and Gitea name labels.
    "label_updated",
    "label_cleared",
];

const fn event(name: &'static str, keys: &'static [&'static str], types: &'static [&'static str]) -> Event {
    Event { name, types, keys }
}

/// All of them, by name.
pub const EVENTS: &[Event] = &[
    event("branch_protection_rule", TYPES, CHANGED),
    event("check_run", TYPES, &["created", "rerequested", "completed", "requested_action"]),
    event("check_suite", TYPES, &["completed"]),
    event("create", NONE, NONE),
    event("delete", NONE, NONE),
    event("deployment", NONE, NONE),
    event("deployment_status", NONE, NONE),
    event(
        "discussion",
        TYPES,
        &[
            "created",
            "edited",
            "deleted",
            "transferred",
            "pinned",
            "unpinned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "category_changed",
            "answered",
            "unanswered",
        ],
    ),
    event("discussion_comment", TYPES, CHANGED),
    event("fork", NONE, NONE),
    event("gollum", NONE, NONE),
    event("image_version", &["types", "names", "versions"], &["created", "ready", "deleted"]),
    event("issue_comment", TYPES, CHANGED),
    event(
        "issues",
        TYPES,
        &[
            "opened",
            "edited",
            "deleted",
            "transferred",
            "pinned",
            "unpinned",
            "closed",
            "reopened",
            "assigned",
            "unassigned",
            "labeled",
            "unlabeled",
            "locked",
            "unlocked",
            "milestoned",
            "demilestoned",
            "typed",
            "untyped",
            "label_updated",
            "label_cleared",
            "field_added",
            "field_removed",
        ],
    ),
    event("label", TYPES, CHANGED),
    event("merge_group", &["types", "branches", "branches-ignore"], &["checks_requested", "destroyed"]),
    event("milestone", TYPES, &["created", "closed", "opened", "edited", "deleted"]),
    event("page_build", NONE, NONE),
    event("project", TYPES, &["created", "closed", "reopened", "edited", "deleted"]),
    event("project_card", TYPES, &["created", "moved", "converted", "edited", "deleted"]),
    event("project_column", TYPES, &["created", "updated", "moved", "deleted"]),
    event("public", NONE, NONE),
    event("pull_request", PULL, PULL_TYPES),
    event("pull_request_comment", TYPES, CHANGED),
    event("pull_request_review", TYPES, &["submitted", "edited", "dismissed"]),
    event("pull_request_review_comment", TYPES, CHANGED),
    event("pull_request_target", PULL, PULL_TYPES),
    event("push", &["branches", "branches-ignore", "tags", "tags-ignore", "paths", "paths-ignore"], NONE),
    event("registry_package", TYPES, &["published", "updated"]),
    event(
        "release",
        TYPES,
        &["published", "unpublished", "created", "edited", "deleted", "prereleased", "released", "updated"],
    ),
    event("repository_dispatch", TYPES, NONE),
    event("schedule", NONE, NONE),
    event("status", NONE, NONE),
    event("watch", TYPES, &["started"]),
    event("workflow_call", &["inputs", "outputs", "secrets"], NONE),
    event("workflow_dispatch", &["inputs"], NONE),
    event(
        "workflow_run",
        &["types", "workflows", "branches", "branches-ignore"],
        &["completed", "requested", "in_progress"],
    ),
];

/// The event of a name.
pub fn find(name: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|event| event.name == name)
}

/// The activity that counts where a workflow names none; `None` is any.
pub fn default_types(event: &str) -> Option<&'static [&'static str]> {
    match event {
        "pull_request" | "pull_request_target" => Some(&["opened", "synchronize", "reopened"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_whole() {
        assert!(EVENTS.is_sorted_by_key(|event| event.name));
        for event in EVENTS {
            assert!(event.types.is_empty() || event.keys.contains(&"types"), "{}", event.name);
            let defaults = default_types(event.name).unwrap_or_default();
            assert!(defaults.iter().all(|name| event.types.contains(name)), "{}", event.name);
        }
        assert!(find("push").is_some() && find("psuh").is_none());
    }
}
