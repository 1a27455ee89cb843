//! What of the contexts is text that a stranger has written: somebody who can open an issue or a pull request, or
//! comment on one, and nothing more. Names of users and repositories aren't here, in which no harmful character can
//! stand, nor what only people with rights of their own can write, such as labels, releases and inputs.
//!
//! Sources: "Script injections" in GitHub's documentation (contexts that end in `body`, `default_branch`, `email`,
//! `head_ref`, `label`, `message`, `name`, `page_name`, `ref` and `title`); `expr_insecure.go` of actionlint;
//! `context-capabilities.csv` of zizmor.

use crate::expr::{Flow, Reading};

/// Paths in `github`; `*` is any one name.
const PATHS: &[&str] = &[
    "head_ref",
    "event.answer.body",
    "event.changes.body.from",
    "event.changes.title.from",
    "event.comment.body",
    "event.commits.*.author.email",
    "event.commits.*.author.name",
    "event.commits.*.committer.email",
    "event.commits.*.committer.name",
    "event.commits.*.message",
    "event.discussion.body",
    "event.discussion.title",
    "event.head_commit.author.email",
    "event.head_commit.author.name",
    "event.head_commit.committer.email",
    "event.head_commit.committer.name",
    "event.head_commit.message",
    "event.issue.body",
    "event.issue.title",
    "event.pages.*.page_name",
    "event.pages.*.summary",
    "event.pages.*.title",
    "event.pull_request.body",
    "event.pull_request.head.label",
    "event.pull_request.head.ref",
    "event.pull_request.head.repo.default_branch",
    "event.pull_request.head.repo.description",
    "event.pull_request.head.repo.homepage",
    "event.pull_request.title",
    "event.review.body",
    "event.review_comment.body",
    "event.workflow_run.display_title",
    "event.workflow_run.head_branch",
    "event.workflow_run.head_commit.author.email",
    "event.workflow_run.head_commit.author.name",
    "event.workflow_run.head_commit.message",
    "event.workflow_run.head_repository.description",
    "event.workflow_run.pull_requests.*.head.ref",
];

/// Whether text of a stranger may come out where this is read.
pub fn is_untrusted(reading: &Reading<'_>) -> bool {
    if reading.context != "github" {
        return false;
    }
    match reading.flow {
        Flow::Decides => false,
        // What isn't text, such as `github.event`, comes out as a word that says so.
        Flow::Text => PATHS.iter().any(|path| matches(reading, path) == Match::Whole),
        Flow::Json => PATHS.iter().any(|path| matches(reading, path) != Match::None),
    }
}

#[derive(PartialEq)]
enum Match {
    None,
    /// The reading has the path in it.
    Within,
    /// It is the path.
    Whole,
}

fn matches(reading: &Reading<'_>, path: &str) -> Match {
    let mut names = path.split('.');
    for read in &reading.path {
        match (read, names.next()) {
            (_, None) => return Match::None,
            (None, Some(_)) | (_, Some("*")) => {}
            (Some(read), Some(name)) if read.eq_ignore_ascii_case(name) => {}
            _ => return Match::None,
        }
    }
    if names.next().is_none() { Match::Whole } else { Match::Within }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Expr;

    #[test]
    fn text_of_strangers_is_told_from_the_rest() {
        let untrusted = |source: &str| Expr::parse(source).unwrap().readings().iter().any(is_untrusted);
        for source in [
            "github.event.issue.title",
            "GitHub.Event.Issue['TITLE']",
            "github.head_ref || github.ref",
            "format('a {0}', github.event.comment.body)",
            "github.event.commits[0].message",
            "join(github.event.commits.*.author.name, ' ')",
            "github.event.*.body",
            "toJSON(github.event)",
            "toJSON(github.event.pull_request.head)",
            "case(true, github.event.review.body, '')",
            "github.event.issue[matrix.what]",
        ] {
            assert!(untrusted(source), "{source}");
        }
        for source in [
            "github.sha",
            "github.actor",
            "github.event.issue.number",
            "github.event.pull_request.head.sha",
            "github.event",
            "contains(github.event.issue.title, 'x')",
            "github.event.comment.body == '/deploy'",
            "startsWith(github.head_ref, 'x') && 'a' || 'b'",
            "github.head_ref && 'pull' || 'push'",
            "toJSON(github.event.issue.labels)",
            "env.TITLE",
            "'github.event.issue.title'",
            "!github.head_ref",
        ] {
            assert!(!untrusted(source), "{source}");
        }
    }

    #[test]
    fn the_paths_are_sorted() {
        assert!(PATHS[1..].is_sorted());
    }
}
