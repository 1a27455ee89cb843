//! Which workflow files a command means, and which of them an event starts.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::error::Error;
use super::run::note;
use crate::local::Facts;
use crate::trigger::{Mismatch, Occurrence, decide, events};
use crate::workflow::model::{Trigger, Workflow};
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
    /// The type of activity that it asks for, where no payload tells one.
    pub activity: Option<String>,
    /// Whether something in it may read the event's payload.
    pub reads_event: bool,
    /// What stands before the names of variables beside `GITHUB_`: of the forge that it is written for.
    pub prefixes: Vec<String>,
}

/// What a command was given to tell workflows and event by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The file that was named.
    pub file: Option<&'a Path>,
    /// The tree, instead of the one around the current directory.
    pub directory: Option<&'a Path>,
    /// The event's name.
    pub event: Option<&'a str>,
    /// The event's payload.
    pub payload: Option<&'a Json>,
}

impl File {
    /// The file's name without directory and extension.
    pub fn stem(&self) -> String {
        let stem = Path::new(&self.shown).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    fn new(candidate: Candidate, event: String, payload: Option<&Json>) -> Self {
        let activity = match payload {
            Some(_) => None,
            None => candidate.trigger(&event).and_then(activity),
        };
        let Candidate { workflow, shown, reads_event, prefixes } = candidate;
        File { workflow, shown, event, activity, reads_event, prefixes }
    }
}

/// The type of activity that starts a workflow: what happens without one in particular, else its first.
fn activity(trigger: &Trigger) -> Option<String> {
    let types = trigger.filters.types.as_ref()?;
    let usual = events::default_types(&trigger.event).and_then(|types| types.first().copied());
    match types.iter().any(|name| Some(name.as_str()) == usual) {
        true => None,
        false => types.first().map(|name| name.value.clone()),
    }
}

/// A workflow file of which it isn't decided yet by which event it runs.
pub struct Candidate {
    /// What it says.
    pub workflow: Workflow,
    /// Its path as people see it.
    pub shown: String,
    reads_event: bool,
    prefixes: Vec<String>,
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
        let reads_event = [
            ".event.",
            "['event']",
            "EVENT_PATH",
            "event_path",
            "(github)",
            "( github )",
            "(forge",
            "(gitea)",
        ]
        .iter()
        .any(|mark| text.contains(mark));
        let prefixes = workflow::prefixes(shown, &text);
        let shown = shown.display().to_string();
        Ok(Candidate { workflow: parsed.workflow, shown, reads_event, prefixes })
    }

    fn trigger(&self, event: &str) -> Option<&Trigger> {
        self.workflow.on.iter().find(|trigger| trigger.event.value == event)
    }

    fn triggers(&self) -> Vec<&str> {
        self.workflow.on.iter().map(|trigger| trigger.event.value.as_str()).collect()
    }
}

/// The workflows of a tree.
pub struct Located {
    /// The tree.
    pub root: PathBuf,
    /// The files; never empty.
    pub candidates: Vec<Candidate>,
    /// Whether they are all meant, whatever event they name.
    named: bool,
    /// There was none, so it is the built-in example.
    pub example: bool,
}

/// Where a command looks.
struct Here {
    here: PathBuf,
    root: PathBuf,
}

impl Here {
    fn of(directory: Option<&Path>) -> Result<Here, Error> {
        let here = match directory {
            Some(dir) => {
                dir.canonicalize().map_err(|e| Error::input(format!("-C {}: {e}", dir.display())))?
            }
            None => std::env::current_dir()
                .map_err(|e| Error::input(format!("cannot tell the current directory: {e}")))?,
        };
        if !here.is_dir() {
            return Err(Error::input(format!("-C {}: not a directory", here.display())));
        }
        let root = if directory.is_some() { here.clone() } else { root_of(&here).to_owned() };
        Ok(Here { here, root })
    }
}

/// The repository around the current directory, or the directory that was named.
pub fn root(directory: Option<&Path>) -> Result<PathBuf, Error> {
    Here::of(directory).map(|found| found.root)
}

/// Finds the files that may be meant, and the tree around them.
pub fn locate(file: Option<&Path>, directory: Option<&Path>) -> Result<Located, Error> {
    let Here { here, root } = Here::of(directory)?;
    if let Some(file) = file {
        let candidate = parse(&explicit(file, &here, &root)?, &root)?;
        return Ok(Located { root, candidates: vec![candidate], named: true, example: false });
    }
    match workflow::discover(&root) {
        Ok(paths) => {
            let candidates = paths.iter().map(|path| parse(path, &root)).collect::<Result<Vec<_>, _>>()?;
            Ok(Located { root, candidates, named: false, example: false })
        }
        Err(DiscoverError::NoDirectory | DiscoverError::Empty(_)) => {
            let example = Candidate::parse(EXAMPLE.as_bytes(), Path::new("example.yml"), &root)?;
            Ok(Located { root, candidates: vec![example], named: true, example: true })
        }
        Err(error) => Err(Error::input(error)),
    }
}

/// Finds the files that are meant, and the tree around them.
pub fn find(request: &Request<'_>) -> Result<Found, Error> {
    let Located { root, mut candidates, named, example } = locate(request.file, request.directory)?;
    // A single file is meant like one that was named, unless it is asked whether an event starts it.
    let is_meant = named || (request.event.is_none() && request.payload.is_none());
    let files = match candidates.pop() {
        Some(only) if candidates.is_empty() => {
            let event = chosen_event(&only, request.event)?;
            match wanted(std::slice::from_ref(&only), &event, &root, request).pop() {
                Some(Err(mismatch)) if is_meant => {
                    note(&format!("{}: {mismatch}; it runs since it is the one that is meant", only.shown));
                }
                Some(Err(mismatch)) => return Err(nothing_runs(&event, &[(only, mismatch)])),
                _ => {}
            }
            vec![File::new(only, event, request.payload)]
        }
        last => {
            candidates.extend(last);
            triggered(candidates, &root, request)?
        }
    };
    Ok(Found { root, files, example })
}

/// The error where each workflow of an event has a filter that says no.
fn nothing_runs(event: &str, filtered: &[(Candidate, Mismatch)]) -> Error {
    for (candidate, mismatch) in filtered {
        note(&format!("{} doesn't run: {mismatch}", candidate.shown));
    }
    Error::input(format!("no workflow here runs by this `{event}`"))
        .hint("name the file of a workflow to run it whatever its filters say")
}

/// What the filters of each workflow, which has the event, say to it.
fn wanted(
    candidates: &[Candidate],
    event: &str,
    root: &Path,
    request: &Request<'_>,
) -> Vec<Result<(), Mismatch>> {
    let facts = std::cell::OnceCell::new();
    let facts = || facts.get_or_init(|| Facts::of(root));
    let (mut reference, mut default_branch) = ("", "");
    let triggers: Vec<Option<&Trigger>> = candidates.iter().map(|file| file.trigger(event)).collect();
    if triggers.iter().flatten().any(|trigger| trigger.filters.read_the_tree()) {
        (reference, default_branch) = (facts().reference(), facts().default_branch());
    }
    let occurrence = Occurrence::new(event, request.payload, root, reference, default_branch);
    triggers.into_iter().map(|trigger| trigger.map_or(Ok(()), |t| decide(t, &occurrence))).collect()
}

/// The nearest directory upwards that has workflows or is the root of a repository, else this one.
pub(super) fn root_of(here: &Path) -> &Path {
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
            error.hint(
                "it is looked for here, and in .forgejo/workflows, .gitea/workflows and .github/workflows",
            )
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

/// Of all files those that the event starts.
fn triggered(candidates: Vec<Candidate>, root: &Path, request: &Request<'_>) -> Result<Vec<File>, Error> {
    let event = request.event.unwrap_or("push");
    let (meant, others): (Vec<Candidate>, Vec<Candidate>) =
        candidates.into_iter().partition(|candidate| candidate.trigger(event).is_some());
    if meant.is_empty() {
        let others = others.iter().map(|file| format!("{} ({})", file.shown, file.triggers().join(", ")));
        let others = others.collect::<Vec<_>>().join("; ");
        return Err(Error::input(format!("no workflow here is triggered by `{event}`"))
            .hint(format!("name a file or an --event; the workflows are {others}")));
    }
    let verdicts = wanted(&meant, event, root, request);
    let (mut files, mut filtered) = (Vec::new(), Vec::new());
    for (candidate, verdict) in meant.into_iter().zip(verdicts) {
        match verdict {
            Ok(()) => files.push(File::new(candidate, event.to_owned(), request.payload)),
            Err(mismatch) => filtered.push((candidate, mismatch)),
        }
    }
    if files.is_empty() {
        return Err(nothing_runs(event, &filtered));
    }
    for (candidate, mismatch) in &filtered {
        note(&format!("{} doesn't run: {mismatch}", candidate.shown));
    }
    Ok(files)
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
        let request =
            Request { file: file.map(Path::new), directory: Some(dir.path()), event, payload: None };
        let found = find(&request).map_err(|e| format!("{e:?}"))?;
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
    fn filters_decide_unless_the_file_was_named() {
        let dir = tree(&[
            ("a.yml", "{ push: { branches: [main] } }"),
            ("b.yml", "{ push: { branches: [topic] }, pull_request: { types: [labeled, closed] } }"),
        ]);
        let payload = serde_json::json!({ "ref": "refs/heads/main", "action": "opened" });
        let find = |file: Option<&str>, event: &str, payload: Option<&Json>| {
            let file = file.map(Path::new);
            let request = Request { file, directory: Some(dir.path()), event: Some(event), payload };
            let found = find(&request).map_err(|e| format!("{e:?}"))?;
            Ok::<_, String>(found.files.into_iter().map(|f| (f.stem(), f.activity)).collect::<Vec<_>>())
        };
        assert_eq!(find(None, "push", Some(&payload)), Ok(vec![("a".into(), None)]));
        assert_eq!(find(Some("b"), "push", Some(&payload)), Ok(vec![("b".into(), None)]));
        assert!(
            find(None, "pull_request", Some(&payload)).unwrap_err().contains("runs by this `pull_request`")
        );
        let labeled = Some("labeled".to_owned());
        assert_eq!(find(None, "pull_request", None), Ok(vec![("b".into(), labeled)]));
    }

    #[test]
    fn without_any_the_example_runs() {
        let dir = tree(&[]);
        let request = Request { directory: Some(dir.path()), ..Request::default() };
        let found = find(&request).unwrap();
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
