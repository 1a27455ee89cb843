//! Which workflow files a command means.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::run::note;
use crate::workflow::model::Workflow;
use crate::workflow::{self, DIRECTORIES, DiscoverError, Severity};

/// The workflow that runs where there is none.
const EXAMPLE: &str = include_str!("../job/example.yml");

/// What was found.
pub struct Found {
    /// The tree that they run on.
    pub root: PathBuf,
    /// The files; never empty.
    pub files: Vec<File>,
    /// There was none, so it is the built-in example.
    pub example: bool,
}

/// One workflow file.
pub struct File {
    /// What it says.
    pub workflow: Workflow,
    /// Its path as people and contexts see it, relative to the tree where it is in it.
    pub shown: String,
    /// The event that is to trigger it.
    pub event: String,
    /// Whether something in it may read the event's payload.
    pub reads_event: bool,
}

impl File {
    /// The file's name without directory and extension.
    pub fn stem(&self) -> String {
        let stem = Path::new(&self.shown).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    fn new(candidate: Candidate, event: String) -> Self {
        let Candidate { workflow, shown, reads_event } = candidate;
        File { workflow, shown, event, reads_event }
    }
}

/// A workflow file of which it isn't decided yet by which event it runs.
struct Candidate {
    workflow: Workflow,
    shown: String,
    reads_event: bool,
}

impl Candidate {
    fn parse(source: &[u8], path: &Path, root: &Path) -> Result<Candidate, Error> {
        let shown = path.strip_prefix(root).unwrap_or(path);
        let parsed = workflow::parse(source, shown).map_err(|diagnostics| {
            let count = diagnostics.count(Severity::Error) + diagnostics.omitted();
            let errors = if count == 1 { "an error".to_owned() } else { format!("{count} errors") };
            note(diagnostics.render(super::colour_on_stderr()).trim_end());
            Error::input(format!("{} has {errors}; nothing was run", shown.display()))
        })?;
        if !parsed.warnings.is_empty() {
            note(parsed.warnings.render(super::colour_on_stderr()).trim_end());
        }
        let text = String::from_utf8_lossy(source);
        let reads_event =
            ["github.event.", "github['event']", "EVENT_PATH", "event_path", "(github)", "( github )"]
                .iter()
                .any(|mark| text.contains(mark));
        let shown = shown.display().to_string();
        Ok(Candidate { workflow: parsed.workflow, shown, reads_event })
    }

    fn triggers(&self) -> Vec<&str> {
        self.workflow.on.iter().map(|trigger| trigger.event.value.as_str()).collect()
    }
}

/// Finds the files that are meant, and the tree around them.
pub fn find(file: Option<&Path>, directory: Option<&Path>, event: Option<&str>) -> Result<Found, Error> {
    let here = match directory {
        Some(dir) => dir.canonicalize().map_err(|e| Error::input(format!("-C {}: {e}", dir.display())))?,
        None => std::env::current_dir()
            .map_err(|e| Error::input(format!("cannot tell the current directory: {e}")))?,
    };
    if !here.is_dir() {
        return Err(Error::input(format!("-C {}: not a directory", here.display())));
    }
    let root = if directory.is_some() { here.clone() } else { root_of(&here).to_owned() };
    if let Some(file) = file {
        let path = explicit(file, &here, &root)?;
        let candidate = parse(&path, &root)?;
        let event = chosen_event(&candidate, event)?;
        return Ok(Found { root, files: vec![File::new(candidate, event)], example: false });
    }
    match workflow::discover(&root) {
        Ok(paths) => {
            let files = paths.iter().map(|path| parse(path, &root)).collect::<Result<Vec<_>, _>>()?;
            Ok(Found { files: triggered(files, event)?, root, example: false })
        }
        Err(DiscoverError::NoDirectory | DiscoverError::Empty(_)) => {
            let example = Candidate::parse(EXAMPLE.as_bytes(), Path::new("example.yml"), &root)?;
            let event = chosen_event(&example, event)?;
            Ok(Found { root, files: vec![File::new(example, event)], example: true })
        }
        Err(error) => Err(Error::input(error)),
    }
}

/// The nearest directory upwards that has workflows or is the root of a repository, else this one.
fn root_of(here: &Path) -> &Path {
    let is_root = |dir: &&Path| {
        dir.join(".git").exists() || DIRECTORIES.iter().any(|workflows| dir.join(workflows).is_dir())
    };
    here.ancestors().find(is_root).unwrap_or(here)
}

/// The path of a file that was named: as it is, else among the workflows of the tree.
fn explicit(file: &Path, here: &Path, root: &Path) -> Result<PathBuf, Error> {
    let path = here.join(file);
    if path.is_file() {
        return Ok(path);
    }
    let known = workflow::discover(root).unwrap_or_default();
    let named = |path: &&PathBuf| {
        path.file_name() == Some(file.as_os_str()) || path.file_stem() == Some(file.as_os_str())
    };
    known.iter().find(named).cloned().ok_or_else(|| {
        let error = Error::input(format!("there is no workflow file `{}`", file.display()));
        if known.is_empty() {
            error
        } else {
            error.hint(format!("the workflows here are {}", list(&known, root)))
        }
    })
}

fn list(paths: &[PathBuf], root: &Path) -> String {
    let shown = paths.iter().map(|path| path.strip_prefix(root).unwrap_or(path).display().to_string());
    shown.collect::<Vec<_>>().join(", ")
}

fn parse(path: &Path, root: &Path) -> Result<Candidate, Error> {
    let source =
        workflow::read(path).map_err(|e| Error::input(format!("cannot read {}: {e}", path.display())))?;
    Candidate::parse(&source, path, root)
}

/// The event for a file that was named: the one asked for, which must be one of its triggers; else `push`
/// if it is one, else its first.
fn chosen_event(file: &Candidate, event: Option<&str>) -> Result<String, Error> {
    let triggers = file.triggers();
    match event {
        Some(event) if triggers.contains(&event) => Ok(event.to_owned()),
        Some(event) => Err(Error::input(format!("{} is not triggered by `{event}`", file.shown))
            .hint(format!("its events are {}", triggers.join(", ")))),
        None if triggers.contains(&"push") => Ok("push".to_owned()),
        None => Ok(triggers.first().copied().unwrap_or("push").to_owned()),
    }
}

/// Of all files those that the event triggers; a single one is meant in any case.
fn triggered(mut candidates: Vec<Candidate>, event: Option<&str>) -> Result<Vec<File>, Error> {
    if candidates.len() == 1
        && let Some(candidate) = candidates.pop()
    {
        let event = chosen_event(&candidate, event)?;
        return Ok(vec![File::new(candidate, event)]);
    }
    let wanted = event.unwrap_or("push");
    let (meant, others): (Vec<Candidate>, Vec<Candidate>) =
        candidates.into_iter().partition(|candidate| candidate.triggers().contains(&wanted));
    if meant.is_empty() {
        let others = others.iter().map(|file| format!("{} ({})", file.shown, file.triggers().join(", ")));
        let others = others.collect::<Vec<_>>().join("; ");
        return Err(Error::input(format!("no workflow here is triggered by `{wanted}`"))
            .hint(format!("name a file or an --event; the workflows are {others}")));
    }
    Ok(meant.into_iter().map(|candidate| File::new(candidate, wanted.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, on) in files {
            let path = dir.path().join(".github/workflows").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("on: {on}\njobs: {{ a: {{ runs-on: x, steps: [{{ run: a }}] }} }}\n"))
                .unwrap();
        }
        dir
    }

    fn find_in(
        dir: &tempfile::TempDir,
        file: Option<&str>,
        event: Option<&str>,
    ) -> Result<Vec<String>, String> {
        let found = find(file.map(Path::new), Some(dir.path()), event).map_err(|e| format!("{e:?}"))?;
        Ok(found.files.iter().map(|f| format!("{} {}", f.shown, f.event)).collect())
    }

    #[test]
    fn of_several_files_those_run_that_the_event_triggers() {
        let dir = tree(&[
            ("a.yml", "push"),
            ("b.yml", "[push, pull_request]"),
            ("c.yml", "{ schedule: [{ cron: '0 0 * * *' }] }"),
        ]);
        let paths = |names: &[&str]| Ok(names.iter().map(|n| format!(".github/workflows/{n}")).collect());
        assert_eq!(find_in(&dir, None, None), paths(&["a.yml push", "b.yml push"]));
        assert_eq!(find_in(&dir, None, Some("pull_request")), paths(&["b.yml pull_request"]));
        assert_eq!(find_in(&dir, Some("a"), None), paths(&["a.yml push"]));
        assert!(find_in(&dir, None, Some("release")).unwrap_err().contains("b.yml (push, pull_request)"));
        assert!(find_in(&dir, Some("a.yml"), Some("release")).unwrap_err().contains("its events are push"));
        assert!(find_in(&dir, Some("x.yml"), None).unwrap_err().contains("no workflow file `x.yml`"));
    }

    #[test]
    fn a_single_file_runs_by_the_event_that_it_has() {
        let dir = tree(&[("c.yml", "workflow_dispatch")]);
        assert_eq!(find_in(&dir, None, None), Ok(vec![".github/workflows/c.yml workflow_dispatch".into()]));
    }

    #[test]
    fn without_any_the_example_runs() {
        let dir = tree(&[]);
        let found = find(None, Some(dir.path()), None).unwrap();
        assert!(found.example);
        assert_eq!(found.files[0].workflow.jobs.len(), 2);
    }

    #[test]
    fn the_tree_is_the_repository_around() {
        let dir = tree(&[("a.yml", "push")]);
        let inner = dir.path().join("x/y");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(root_of(&inner), dir.path());
    }
}
