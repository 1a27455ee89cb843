//! git, run on a repository that may be hostile, and what it tells of an object.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

/// Longest answer before an object's contents.
const MAX_HEADER: u64 = 1024;

/// git in a repository, which can make it run nothing and fetch nothing: the commands used here know no hooks, filters,
/// pagers or helpers, except to fetch what a partial clone lacks.
pub(super) fn git(repository: &Path) -> Command {
    let mut git = Command::new("git");
    for (name, _) in std::env::vars_os() {
        // Those of a hook, for example, would name another repository.
        if name.as_encoded_bytes().starts_with(b"GIT_") {
            git.env_remove(name);
        }
    }
    if let Some(parent) = repository.parent() {
        git.env("GIT_CEILING_DIRECTORIES", parent);
    }
    git.env("GIT_NO_LAZY_FETCH", "1")
        // For versions that don't know the above: no transport at all.
        .env("GIT_ALLOW_PROTOCOL", "none")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        // History as it is, with nothing replaced or grafted.
        .env("GIT_GRAFT_FILE", "/dev/null")
        .args(["--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=false"])
        .args(["-c", "core.hooksPath=/dev/null", "-c", "advice.graftFileDeprecated=false"])
        .current_dir(repository)
        .stdin(Stdio::null());
    git
}

/// Reads objects of one repository.
pub(super) struct Objects {
    repository: Arc<Path>,
    git: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Objects {
    pub(super) fn of(repository: &Arc<Path>) -> io::Result<Objects> {
        let mut git = git(repository)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| io::Error::new(e.kind(), format!("cannot run git: {e}")))?;
        match (git.stdin.take(), git.stdout.take()) {
            (Some(ask), Some(answers)) => {
                Ok(Objects { repository: repository.clone(), git, ask, answers: BufReader::new(answers) })
            }
            _ => Err(io::Error::other("git has no standard input or output")),
        }
    }

    pub(super) fn is_of(&self, repository: &Path) -> bool {
        *self.repository == *repository
    }

    /// Gives `look` an object's contents, of which it needn't take all.
    pub(super) fn read<T>(
        &mut self,
        id: &str,
        look: impl FnOnce(&mut dyn Read) -> io::Result<T>,
    ) -> io::Result<T> {
        writeln!(self.ask, "{id}")?;
        let mut header = Vec::new();
        (&mut self.answers).take(MAX_HEADER).read_until(b'\n', &mut header)?;
        let header = String::from_utf8_lossy(&header);
        let size = match header.trim_end().split(' ').collect::<Vec<_>>()[..] {
            [_, _, size] if header.ends_with('\n') => size.parse::<u64>().ok(),
            [] | [""] => return Err(ErrorKind::UnexpectedEof.into()),
            _ => None,
        };
        let size = size.ok_or_else(|| io::Error::other("the object isn't in the repository"))?;
        let mut contents = (&mut self.answers).take(size);
        let looked = look(&mut contents)?;
        // What was left, and the newline after it.
        let left = contents.limit() + 1;
        let passed = io::copy(&mut (&mut self.answers).take(left), &mut io::sink())?;
        if passed < left { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(looked) }
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It may be in the middle of an answer that nobody wants; one that has ended is fine too.
        let _ = self.git.kill();
        let _ = self.git.wait();
    }
}
