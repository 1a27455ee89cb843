//! Which workflow file a job calls: one of the repository at hand, or of another.

use std::fmt;

use super::discover::DIRECTORIES;
use crate::action::{LocalPath, Remote, Uses};

/// A workflow file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WorkflowFile {
    /// Of the repository of whoever names it.
    Here(LocalPath),
    /// Of another, at a version.
    Elsewhere(Remote),
}

impl WorkflowFile {
    /// What `uses` of a job names; `None` where that can't be a workflow.
    pub fn named(uses: Uses) -> Option<WorkflowFile> {
        match uses {
            Uses::Local(path) if is_workflow(path.as_str()) => Some(WorkflowFile::Here(path)),
            Uses::Remote(remote) if is_workflow(&remote.path) => Some(WorkflowFile::Elsewhere(remote)),
            _ => None,
        }
    }

    /// The same file as named by the workflow at hand, where `caller` names it. What a workflow of another repository
    /// calls its own is of that one, at the same version.
    pub fn called_by(&self, caller: Option<&WorkflowFile>) -> WorkflowFile {
        match (self, caller) {
            (WorkflowFile::Here(path), Some(WorkflowFile::Elsewhere(remote))) => {
                let path = path.as_str().to_owned();
                WorkflowFile::Elsewhere(Remote { path, ..remote.clone() })
            }
            _ => self.clone(),
        }
    }
}

impl fmt::Display for WorkflowFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkflowFile::Here(path) => path.fmt(f),
            WorkflowFile::Elsewhere(remote) => remote.fmt(f),
        }
    }
}

/// Whether a path is one of a file right in a folder of workflows.
fn is_workflow(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, name)| {
        DIRECTORIES.contains(&folder) && (name.ends_with(".yml") || name.ends_with(".yaml"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Option<WorkflowFile> {
        WorkflowFile::named(Uses::parse(text).unwrap())
    }

    #[test]
    fn a_file_in_a_folder_of_workflows_is_one() {
        for text in [
            "./.github/workflows/x.yml",
            "./.forgejo/workflows/x.yaml",
            "o/r/.github/workflows/x.yml@v1",
            "https://forge.example/o/r/.gitea/workflows/x.yml@v1",
        ] {
            assert_eq!(file(text).unwrap().to_string(), text);
        }
        for text in
            ["./x.yml", "./.github/workflows/x", "./.github/workflows/d/x.yml", "o/r@v1", "o/r/x.yml@v1"]
        {
            assert_eq!(file(text), None, "{text}");
        }
    }

    #[test]
    fn a_path_is_of_the_repository_of_its_caller() {
        let own = file("./.github/workflows/own.yml").unwrap();
        let other = file("o/r/.github/workflows/x.yml@v1").unwrap();
        let third = file("o/s/.github/workflows/x.yml@v2").unwrap();
        assert_eq!(own.called_by(None), own);
        assert_eq!(own.called_by(Some(&own)), own);
        assert_eq!(own.called_by(Some(&other)).to_string(), "o/r/.github/workflows/own.yml@v1");
        assert_eq!(third.called_by(Some(&other)), third);
    }
}
