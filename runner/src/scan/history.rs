//! The history of a repository: every version of every file, every commit and every annotated tag that can be reached
//! from any reference, each once.
//!
//! git lists commits before their descendants, each followed by the objects that no earlier one has, so that a file's
//! version is told with the commit that brought it in. A version that stands at several paths of that
//! commit is told with the first.

use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;

use super::hit::{Place, shown};
use super::object::git;
use super::subject::Subject;
use super::{Problem, ScanError, Why};
use crate::mask::detect::AllowedPaths;

/// Longest line of a listing: an object and its path.
const MAX_LINE: usize = 64 * 1024;

/// Gives every object of the repository at `root`.
pub(super) fn list(
    root: &Path,
    allowed: &AllowedPaths,
    give: &mut dyn FnMut(Subject) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, ScanError> {
    let mut listing = Listing::start(root)?;
    let repository: Arc<Path> = root.into();
    let mut commit = String::new();
    let mut line = Vec::new();
    while listing.next(&mut line) {
        let Some(object) = Object::parse(&line) else { continue };
        let id = object.id.to_owned();
        let place = match object.kind {
            Kind::Tree => continue,
            Kind::Commit => {
                commit.clone_from(&id);
                Place::Commit { id: id.clone() }
            }
            Kind::Tag => Place::Tag { name: String::from_utf8_lossy(object.name).into_owned() },
            Kind::Blob => Place::Blob { commit: commit.clone(), path: path(object.name) },
            Kind::Missing => {
                let why = Why::Failed("the object isn't in the repository".to_owned());
                let problem = Problem { place: format!("object {}", shown(&id)), why };
                if give(Subject::Problem(problem)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
        };
        if place.path().is_some_and(|path| allowed.allows(path)) {
            continue;
        }
        let subject = Subject::Object { repository: repository.clone(), id, size: object.size, place };
        if give(subject).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    if !listing.succeeded() {
        return Err(ScanError::History(shown(&root.to_string_lossy())));
    }
    if is_shallow(root) {
        let problem = Problem { place: shown(&root.to_string_lossy()), why: Why::Shallow };
        return Ok(give(Subject::Problem(problem)));
    }
    Ok(ControlFlow::Continue(()))
}

fn is_shallow(root: &Path) -> bool {
    let common = crate::git::Repository::open(root).map(|r| r.common_dir().to_owned());
    common.unwrap_or_else(|| root.to_owned()).join("shallow").exists()
}

fn path(name: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(name).into()
}

/// git's listing of the objects, and of their kinds and sizes.
struct Listing {
    ids: Child,
    kinds: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Listing {
    fn start(root: &Path) -> Result<Listing, ScanError> {
        let mut ids = git(root)
            .args(["rev-list", "--all", "--objects", "--topo-order", "--reverse", "--in-commit-order"])
            .arg("--missing=print")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(ScanError::Git)?;
        let from = ids.stdout.take().map_or_else(Stdio::null, Stdio::from);
        let kinds = git(root)
            .args(["cat-file", "--buffer"])
            .arg("--batch-check=%(objecttype) %(objectsize) %(objectname) %(rest)")
            .stdin(from)
            .stdout(Stdio::piped())
            .spawn();
        let mut kinds = match kinds {
            Ok(kinds) => kinds,
            Err(e) => {
                end(&mut ids);
                return Err(ScanError::Git(e));
            }
        };
        match kinds.stdout.take() {
            Some(lines) => Ok(Listing { ids, kinds, lines: BufReader::new(lines) }),
            None => Err(ScanError::Git(std::io::Error::other("git has no standard output"))),
        }
    }

    /// The next line, without its end; `false` after the last.
    fn next(&mut self, line: &mut Vec<u8>) -> bool {
        use std::io::Read;
        line.clear();
        let read = (&mut self.lines).take(MAX_LINE as u64).read_until(b'\n', line);
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        read.is_ok_and(|count| count > 0)
    }

    fn succeeded(&mut self) -> bool {
        [&mut self.ids, &mut self.kinds].into_iter().all(|child| child.wait().is_ok_and(|s| s.success()))
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        end(&mut self.ids);
        end(&mut self.kinds);
    }
}

/// Ends a program that nobody listens to any more; one that has ended is fine too.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// A line of the listing.
#[derive(Debug, PartialEq, Eq)]
struct Object<'l> {
    kind: Kind,
    size: u64,
    id: &'l str,
    /// The path of a file, the name of a tag.
    name: &'l [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Blob,
    Tree,
    Commit,
    Tag,
    Missing,
}

impl Object<'_> {
    /// Parses `kind size id name`, or `id missing`.
    fn parse(line: &[u8]) -> Option<Object<'_>> {
        let mut parts = line.splitn(4, |b| *b == b' ');
        let mut next = || parts.next().and_then(|part| std::str::from_utf8(part).ok());
        let kind = match next()? {
            "blob" => Kind::Blob,
            "tree" => Kind::Tree,
            "commit" => Kind::Commit,
            "tag" => Kind::Tag,
            id => {
                let is_missing = next() == Some("missing");
                let id = id.trim_start_matches('?');
                return is_missing.then_some(Object { kind: Kind::Missing, size: 0, id, name: b"" });
            }
        };
        let (size, id) = (next()?.parse().ok()?, next()?);
        Some(Object { kind, size, id, name: parts.next().unwrap_or_default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_listing() {
        let parse = |line: &'static str| Object::parse(line.as_bytes());
        let object =
            |kind, size, name: &'static str| Some(Object { kind, size, id: "0a1b", name: name.as_bytes() });
        assert_eq!(
            parse("blob 12 0a1b a path/with  blanks "),
            object(Kind::Blob, 12, "a path/with  blanks ")
        );
        assert_eq!(parse("commit 3 0a1b "), object(Kind::Commit, 3, ""));
        assert_eq!(parse("tag 3 0a1b v1"), object(Kind::Tag, 3, "v1"));
        assert_eq!(parse("?0a1b missing"), object(Kind::Missing, 0, ""));
        for line in ["", "blob", "blob x 0a1b", "blob 1", "0a1b else"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
