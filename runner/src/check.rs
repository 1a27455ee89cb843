//! All that can be said of workflows without running them: what the parser says, and the lints.

use std::path::Path;

use crate::action::{Lock, LockError};
use crate::lint::{self, Allowances, Levels, Lint, Report, Subject};
use crate::mask::detect::{self, Detector};
use crate::workflow::diagnostic::Collector;
use crate::workflow::{self, Diagnostics, Examined};

/// Checks the files of one repository.
pub struct Checker {
    lock: Option<Lock>,
    detector: Detector,
    levels: Levels,
}

impl Checker {
    /// For the repository at `root`.
    pub fn new(root: &Path, credentials: detect::Policy, levels: Levels) -> Result<Checker, LockError> {
        Ok(Checker { lock: Lock::read(root)?, detector: Detector::new(credentials), levels })
    }

    /// What is to be said of a workflow file, which may be unreadable.
    pub fn workflow(&self, path: &Path) -> Diagnostics {
        let source = match workflow::read(path) {
            Ok(source) => source,
            Err(e) => return Diagnostics::of_file(path, format!("cannot read the file: {e}")),
        };
        let Examined { text, value, mut found } = workflow::examine(&source);
        if let Some(workflow) = &value {
            let subject = Subject::workflow(workflow, self.lock.as_ref());
            lint::all(&subject, &self.detector, &mut Report::new(&text, &mut found));
            self.settle(&text, &mut found);
        }
        found.finish(path, &text)
    }

    /// Takes out what is allowed, and tells which comments allow nothing.
    fn settle(&self, text: &str, found: &mut Collector) {
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
        found.decide(|lint, _| self.levels.of(lint));
    }
}
