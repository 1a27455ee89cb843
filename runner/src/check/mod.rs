//! All that can be said of the workflows of a repository without running them: what the parser says, whether what they
//! use of the repository fits, and the lints. Workflows that are called and actions of the repository are checked too.

mod fits;
mod members;
mod passed_on;
mod tree;

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::action::{Lock, LockError, Uses, manifest};
use crate::lint::{self, Allowances, Levels, Lint, Report, Rules, Subject};
use crate::mask::detect::{self, Detector};
use crate::workflow::diagnostic::Collector;
use crate::workflow::model::{StepKind, Work, Workflow};
use crate::workflow::{self, Diagnostics, Examined, WorkflowFile};
use tree::Tree;

/// Checks the files of one repository.
pub struct Checker {
    tree: Tree,
    lock: Option<Lock>,
    detector: Detector,
    levels: Levels,
}

/// A file that is to be checked.
enum File {
    /// A workflow that somebody named, as it was named.
    Named(PathBuf),
    /// A workflow of the repository, from its root.
    Workflow(PathBuf),
    /// An action of the repository, from its root.
    Action(PathBuf),
}

impl Checker {
    /// For the repository at `root`.
    pub fn new(root: &Path, credentials: detect::Policy, levels: Levels) -> Result<Checker, LockError> {
        let lock = Lock::read(root)?;
        Ok(Checker { tree: Tree::new(root), lock, detector: Detector::new(credentials), levels })
    }

    /// Checks workflow files and what they use of the repository. Each is told once, as soon as it is checked, until
    /// `told` fails.
    pub fn check<E>(
        &self,
        files: Vec<PathBuf>,
        mut told: impl FnMut(Diagnostics) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut seen = HashSet::new();
        let mut queue: VecDeque<File> = files.into_iter().map(File::Named).collect();
        while let Some(file) = queue.pop_front() {
            if !seen.insert(self.identity(&file)) {
                continue;
            }
            told(match &file {
                File::Named(path) => self.workflow(path, workflow::read(path), &mut queue),
                File::Workflow(path) => {
                    self.workflow(&self.tree.shown(path), self.tree.read(path), &mut queue)
                }
                File::Action(path) => self.action(path, &mut queue),
            })?;
        }
        Ok(())
    }

    /// What tells that two files are the same.
    fn identity(&self, file: &File) -> PathBuf {
        let path = match file {
            File::Named(path) => path.clone(),
            File::Workflow(path) | File::Action(path) => self.tree.root().join(path),
        };
        path.canonicalize().unwrap_or(path)
    }

    fn workflow(
        &self,
        path: &Path,
        source: std::io::Result<Vec<u8>>,
        queue: &mut VecDeque<File>,
    ) -> Diagnostics {
        let source = match source {
            Ok(source) => source,
            Err(e) => {
                return Diagnostics::of_file(
                    path,
                    format!("cannot read the file: {}", workflow::why_unread(&e)),
                );
            }
        };
        let Examined { text, value, mut found } = workflow::examine(&source);
        if let Some(workflow) = &value {
            fits::calls(workflow, &self.tree, &mut found);
            queue.extend(self.called(workflow));
            self.lint(&Subject::workflow(workflow, self.lock.as_ref()), &text, &mut found, queue);
            self.settle(Rules::of(path), &text, &mut found);
        }
        found.finish(path, &text)
    }

    fn action(&self, path: &Path, queue: &mut VecDeque<File>) -> Diagnostics {
        let shown = self.tree.shown(path);
        let source = match self.tree.read(path) {
            Ok(source) => source,
            Err(e) => {
                return Diagnostics::of_file(
                    &shown,
                    format!("cannot read the file: {}", workflow::why_unread(&e)),
                );
            }
        };
        let Examined { text, value, mut found } = manifest::examine(&source);
        if let Some(manifest) = &value {
            self.lint(&Subject::action(manifest, self.lock.as_ref()), &text, &mut found, queue);
            self.settle(Rules::of(&shown), &text, &mut found);
        }
        found.finish(&shown, &text)
    }

    /// All lints.
    fn lint(&self, subject: &Subject<'_>, text: &str, found: &mut Collector, queue: &mut VecDeque<File>) {
        let mut report = Report::new(text, found);
        lint::all(subject, &self.detector, &mut report);
        fits::actions(subject, &self.tree, &mut report);
        passed_on::check(subject, &self.tree, &mut report);
        members::check(subject, &self.tree, &mut report);
        for step in subject.steps() {
            if let StepKind::Uses { action, .. } = &step.kind
                && let Uses::Local(path) = &action.value
                && self.tree.action(path).is_readable()
                && let Some(file) = self.tree.action_file(path)
            {
                queue.push_back(File::Action(file));
            }
        }
    }

    /// Takes out what comments allow, tells which of them allow nothing, and decides on the rest.
    fn settle(&self, rules: Rules, text: &str, found: &mut Collector) {
        let mut allowances = Allowances::of(text);
        allowances.apply(found);
        let mut report = Report::new(text, found);
        for name in allowances.unknown() {
            let message = format!("there is no lint `{}`", name.of(text));
            report.warn(Lint::UnknownLint, name, message, "`palisade check --lints` lists them");
        }
        for (lint, name) in allowances.unused() {
            let message = format!("`{}` finds nothing here", lint.id());
            report.warn(Lint::UnusedAllow, name, message, "remove it from the comment");
        }
        found.decide(|lint, _| self.levels.of(lint, rules));
    }

    /// The workflows of the repository that a workflow calls.
    fn called(&self, workflow: &Workflow) -> impl Iterator<Item = File> {
        workflow.jobs.values().filter_map(|job| match &job.work {
            Work::Call(call) => match &call.workflow.value {
                WorkflowFile::Here(path) if self.tree.workflow(path).is_readable() => {
                    Some(File::Workflow(PathBuf::from(path.as_str())))
                }
                WorkflowFile::Here(_) | WorkflowFile::Elsewhere(_) => None,
            },
            Work::Steps(_) => None,
        })
    }
}
