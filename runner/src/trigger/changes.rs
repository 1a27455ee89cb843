//! Which files an event changed: from its payload, else from the git tree at hand.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use super::decide::Occurrence;

/// Most bytes of paths that are looked at; of a larger change nothing is known.
const MAX_BYTES: u64 = 16 << 20;

/// The files that were changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    /// These, relative to the repository's root.
    Known {
        /// Each once, in order.
        paths: BTreeSet<String>,
        /// By or since what, for messages.
        since: String,
    },
    /// Nobody can tell.
    Unknown,
}

impl Changes {
    /// Those of an event: of a push what lies between the two commits that it names, or the commits that it lists,
    /// or the last commit of the tree; of a pull request what it has on top of its base.
    pub(super) fn of(occurrence: &Occurrence<'_>) -> Changes {
        let known = match occurrence.event {
            "push" => of_push(occurrence),
            "pull_request" | "pull_request_target" => of_pull_request(occurrence),
            _ => None,
        };
        known.unwrap_or(Changes::Unknown)
    }
}

fn of_push(occurrence: &Occurrence<'_>) -> Option<Changes> {
    let tree = occurrence.tree;
    if let Some(payload) = occurrence.payload {
        return between(tree, payload).or_else(|| listed(payload));
    }
    let since = "by the last commit".to_owned();
    let paths = difference(tree, &["HEAD^1", "HEAD"]).or_else(|| difference(tree, &["--root", "HEAD"]))?;
    Some(Changes::Known { paths, since })
}

/// What lies between the commits `before` and `after`, where the tree has both.
fn between(tree: &Path, payload: &Json) -> Option<Changes> {
    let (before, after) = (commit(payload, "/before")?, commit(payload, "/after")?);
    let since = format!("since {}", &before[..7]);
    Some(Changes::Known { paths: difference(tree, &[before, after])?, since })
}

fn commit<'a>(payload: &'a Json, pointer: &str) -> Option<&'a str> {
    let id = payload.pointer(pointer)?.as_str()?;
    let is_id = matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit());
    (is_id && id.bytes().any(|b| b != b'0')).then_some(id)
}

/// What the payload says of its commits; `None` where one of them doesn't tell.
fn listed(payload: &Json) -> Option<Changes> {
    let commits = payload.get("commits")?.as_array().filter(|commits| !commits.is_empty())?;
    let mut paths = BTreeSet::new();
    for commit in commits {
        let lists = ["added", "modified", "removed"].map(|key| commit.get(key).and_then(Json::as_array));
        if lists.iter().all(Option::is_none) {
            return None;
        }
        paths.extend(lists.into_iter().flatten().flatten().filter_map(Json::as_str).map(str::to_owned));
    }
    Some(Changes::Known { paths, since: "by the payload's commits".to_owned() })
}

fn of_pull_request(occurrence: &Occurrence<'_>) -> Option<Changes> {
    let tree = occurrence.tree;
    let payload = occurrence.payload;
    let head = payload.and_then(|payload| commit(payload, "/pull_request/head/sha")).unwrap_or("HEAD");
    let base = occurrence.base();
    let named = payload.and_then(|payload| commit(payload, "/pull_request/base/sha")).map(str::to_owned);
    let bases =
        named.into_iter().chain([format!("refs/remotes/origin/{base}"), format!("refs/heads/{base}")]);
    for candidate in bases {
        let Some(fork) = git(tree, &["merge-base", &candidate, head]) else { continue };
        let fork = String::from_utf8_lossy(&fork).trim().to_owned();
        if let Some(paths) = difference(tree, &[&fork, head]) {
            return Some(Changes::Known { paths, since: format!("since `{base}`") });
        }
    }
    None
}

fn difference(tree: &Path, commits: &[&str]) -> Option<BTreeSet<String>> {
    let mut args = vec!["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-commit-id"];
    args.extend(commits);
    args.push("--");
    let out = git(tree, &args)?;
    let paths = out.split(|b| *b == 0).filter(|path| !path.is_empty());
    Some(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
}

/// What git prints; `None` where it fails, can't be started, or prints too much.
fn git(tree: &Path, args: &[&str]) -> Option<Vec<u8>> {
    let mut child = Command::new("git")
        .args(["-c", "core.fsmonitor=false"])
        .args(args)
        .current_dir(tree)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut out = Vec::new();
    let read = child.stdout.take()?.take(MAX_BYTES + 1).read_to_end(&mut out);
    if read.is_err() || out.len() as u64 > MAX_BYTES {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    }
    child.wait().ok()?.success().then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn new() -> Self {
            let tree = Tree(tempfile::tempdir().unwrap());
            tree.git(&["init", "-q", "-b", "main"]);
            tree
        }

        fn git(&self, args: &[&str]) -> String {
            let out = Command::new("git")
                .args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"])
                .args(args)
                .current_dir(self.0.path())
                .output()
                .unwrap();
            assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
            String::from_utf8(out.stdout).unwrap().trim().to_owned()
        }

        fn commit(&self, path: &str) -> String {
            let file = self.0.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, path).unwrap();
            self.git(&["add", "."]);
            self.git(&["commit", "-q", "-m", path]);
            self.git(&["rev-parse", "HEAD"])
        }

        fn changes(&self, event: &str, payload: Option<&Json>) -> String {
            let occurrence = Occurrence::new(event, payload, self.0.path(), "refs/heads/topic", "main");
            match Changes::of(&occurrence) {
                Changes::Known { paths, since } => {
                    format!("{} {since}", paths.into_iter().collect::<Vec<_>>().join(" "))
                }
                Changes::Unknown => "unknown".to_owned(),
            }
        }
    }

    #[test]
    fn the_tree_tells_what_was_changed() {
        let tree = Tree::new();
        let first = tree.commit("a b.txt");
        assert_eq!(tree.changes("push", None), "a b.txt by the last commit");
        let second = tree.commit("src/ü.rs");
        assert_eq!(tree.changes("push", None), "src/ü.rs by the last commit");
        tree.git(&["checkout", "-q", "-b", "topic"]);
        tree.commit("one");
        tree.commit("two");
        assert_eq!(tree.changes("pull_request", None), "one two since `main`");
        let payload = json!({ "before": first, "after": second });
        assert_eq!(tree.changes("push", Some(&payload)), format!("src/ü.rs since {}", &first[..7]));
        let elsewhere = json!({ "pull_request": { "base": { "ref": "no-such" } } });
        assert_eq!(tree.changes("pull_request", Some(&elsewhere)), "unknown");
    }

    #[test]
    fn a_payload_tells_where_the_tree_doesn_t() {
        let tree = Tree::new();
        tree.commit("a");
        let commits = json!([{ "added": ["x"], "removed": ["y"] }, { "modified": ["x", "z"] }]);
        let payload = json!({ "before": "1".repeat(40), "after": "2".repeat(40), "commits": commits });
        assert_eq!(tree.changes("push", Some(&payload)), "x y z by the payload's commits");
        for unknown in [json!({}), json!({ "commits": [] }), json!({ "commits": [{ "id": "x" }] })] {
            assert_eq!(tree.changes("push", Some(&unknown)), "unknown");
        }
        let option = json!({ "before": "--output=/tmp/x", "after": "HEAD" });
        assert_eq!(tree.changes("push", Some(&option)), "unknown");
        assert_eq!(tree.changes("release", None), "unknown");
    }

    #[test]
    fn without_git_nothing_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let occurrence = Occurrence::new("push", None, directory.path(), "refs/heads/main", "main");
        // A repository may stand around the temporary directory, but none of its commits changes nothing.
        if !directory.path().ancestors().any(|dir| dir.join(".git").exists()) {
            assert_eq!(Changes::of(&occurrence), Changes::Unknown);
        }
    }
}
