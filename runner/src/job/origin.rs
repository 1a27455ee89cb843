//! The workflow file that a job is in, as `job.workflow_…` tells it: that of the run, or one that it calls.
//! Source: "Contexts reference" in GitHub's documentation, the `job` context.

use crate::expr::Object;
use crate::workflow::{Callee, WorkflowFile};

/// Where a workflow file is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// `workflow_ref`: `owner/name/path@ref`.
    pub reference: String,
    /// `workflow_sha`
    pub sha: String,
    /// `workflow_repository`: `owner/name`.
    pub repository: String,
    /// `workflow_file_path`: within the repository.
    pub path: String,
}

impl Origin {
    /// The file that an event started, from `github` of its run.
    pub fn of_run(github: &Object) -> Origin {
        let reference = text(github, "workflow_ref");
        let file = reference.split_once('@').map_or(reference.as_str(), |(file, _)| file);
        let second = file.match_indices('/').nth(1).map_or(file.len(), |(at, _)| at);
        let (repository, path) =
            (file[..second].to_owned(), file[second..].trim_start_matches('/').to_owned());
        Origin { repository, path, sha: text(github, "workflow_sha"), reference }
    }

    /// A file that is called; `github` is that of the run.
    pub fn of_called(file: &WorkflowFile, callee: &Callee, github: &Object) -> Origin {
        match file {
            WorkflowFile::Here(path) => {
                let (repository, path) = (text(github, "repository"), path.as_str().to_owned());
                let reference = format!("{repository}/{path}@{}", text(github, "ref"));
                Origin { reference, sha: text(github, "workflow_sha"), repository, path }
            }
            WorkflowFile::Elsewhere(remote) => Origin {
                reference: remote.to_string(),
                sha: callee.obtained.as_ref().map(|o| o.stored.commit.to_string()).unwrap_or_default(),
                repository: remote.repository(),
                path: remote.path.clone(),
            },
        }
    }

    /// The members of `job` that tell it.
    pub fn context(&self) -> Object {
        let Origin { reference, sha, repository, path } = self;
        let members = [
            ("workflow_ref", reference),
            ("workflow_sha", sha),
            ("workflow_repository", repository),
            ("workflow_file_path", path),
        ];
        members.into_iter().map(|(key, value)| (key, value.as_str())).collect()
    }
}

fn text(github: &Object, key: &str) -> String {
    github.get(key).map(|value| value.to_display_string().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_tells_the_repository_and_the_path() {
        let of = |reference: &str| {
            let github = [("workflow_ref", reference), ("workflow_sha", "c0ffee")].into_iter().collect();
            let Origin { repository, path, sha, .. } = Origin::of_run(&github);
            format!("{repository} {path} {sha}")
        };
        assert_eq!(of("o/r/.github/workflows/w.yml@refs/heads/a@b"), "o/r .github/workflows/w.yml c0ffee");
        assert_eq!(of("o/r/w.yml@main"), "o/r w.yml c0ffee");
        assert_eq!(of(""), "  c0ffee");
    }
}
