//! `permissions:`: what a job's token and identity may do at the forge. Source: "permissions" in GitHub's workflow
//! syntax, and the rules for called workflows in "Reusing workflow configurations".

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is named as in a workflow")]
pub enum Scope {
    Actions,
    ArtifactMetadata,
    Attestations,
    Checks,
    Contents,
    CopilotRequests,
    Deployments,
    Discussions,
    IdToken,
    Issues,
    Models,
    Packages,
    Pages,
    PullRequests,
    RepositoryProjects,
    SecurityEvents,
    Statuses,
    VulnerabilityAlerts,
}

/// How far a permission goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Not at all.
    #[default]
    None,
    /// To read.
    Read,
    /// To read and to write.
    Write,
}

impl Access {
    /// As a workflow writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Access::None => "none",
            Access::Read => "read",
            Access::Write => "write",
        }
    }
}

impl Scope {
    /// All of them, with their names in a workflow, in the order of the alphabet.
    pub const ALL: [(Scope, &'static str); 18] = [
        (Scope::Actions, "actions"),
        (Scope::ArtifactMetadata, "artifact-metadata"),
        (Scope::Attestations, "attestations"),
        (Scope::Checks, "checks"),
        (Scope::Contents, "contents"),
        (Scope::CopilotRequests, "copilot-requests"),
        (Scope::Deployments, "deployments"),
        (Scope::Discussions, "discussions"),
        (Scope::IdToken, "id-token"),
        (Scope::Issues, "issues"),
        (Scope::Models, "models"),
        (Scope::Packages, "packages"),
        (Scope::Pages, "pages"),
        (Scope::PullRequests, "pull-requests"),
        (Scope::RepositoryProjects, "repository-projects"),
        (Scope::SecurityEvents, "security-events"),
        (Scope::Statuses, "statuses"),
        (Scope::VulnerabilityAlerts, "vulnerability-alerts"),
    ];

    /// The scope of this name.
    pub fn named(name: &str) -> Option<Scope> {
        Scope::ALL.iter().find(|(_, known)| *known == name).map(|(scope, _)| *scope)
    }

    /// What can be said of it.
    pub fn levels(self) -> &'static [Access] {
        match self {
            Scope::IdToken => &[Access::Write, Access::None],
            Scope::Models => &[Access::Read, Access::None],
            _ => &[Access::Read, Access::Write, Access::None],
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Scope::ALL.iter().find(|(scope, _)| scope == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// What is permitted, by scope. What isn't named is not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Permissions(BTreeMap<Scope, Access>);

impl Permissions {
    /// As much of every scope as can be said of it up to `access`: `read-all` and `write-all`.
    pub fn all(access: Access) -> Self {
        let most = |scope: Scope| scope.levels().iter().copied().filter(|level| *level <= access).max();
        Scope::ALL.iter().map(|(scope, _)| (*scope, most(*scope).unwrap_or_default())).collect()
    }

    /// What a job has that says nothing, in a workflow that says nothing: GitHub's restricted default.
    pub fn restricted() -> Self {
        [(Scope::Contents, Access::Read), (Scope::Packages, Access::Read)].into_iter().collect()
    }

    /// How far the permission goes.
    pub fn of(&self, scope: Scope) -> Access {
        self.0.get(&scope).copied().unwrap_or_default()
    }

    /// The same with one more.
    pub fn with(&self, scope: Scope, access: Access) -> Self {
        self.0.iter().map(|(scope, access)| (*scope, *access)).chain([(scope, access)]).collect()
    }

    /// The first scope that goes further than in `most`.
    fn beyond(&self, most: &Permissions) -> Option<Scope> {
        self.0.keys().copied().find(|scope| self.of(*scope) > most.of(*scope))
    }
}

impl FromIterator<(Scope, Access)> for Permissions {
    fn from_iter<I: IntoIterator<Item = (Scope, Access)>>(items: I) -> Self {
        Permissions(items.into_iter().filter(|(_, access)| *access != Access::None).collect())
    }
}

/// What a job has, and what workflows may ask for that it calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// What it has.
    pub granted: Permissions,
    /// What those may ask for.
    pub most: Permissions,
}

impl Default for Rights {
    /// Where nobody has said anything: little is granted, and a called workflow gets what it says.
    fn default() -> Self {
        Rights { granted: Permissions::restricted(), most: Permissions::all(Access::Write) }
    }
}

/// A job of a called workflow that asks for more than its caller has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it asks for the permission `{scope}: {}`, and the job that calls its workflow has `{scope}: {}`",
    asked.as_str(), has.as_str()
)]
pub struct TooMuch {
    scope: Scope,
    asked: Access,
    has: Access,
}

impl Rights {
    /// The rights of a job in a run with these: what it says counts, else what its workflow says, else what
    /// the caller has.
    pub fn of_job(
        &self,
        job: Option<&Permissions>,
        workflow: Option<&Permissions>,
    ) -> Result<Rights, TooMuch> {
        let Some(asked) = job.or(workflow) else { return Ok(self.clone()) };
        match asked.beyond(&self.most) {
            Some(scope) => Err(TooMuch { scope, asked: asked.of(scope), has: self.most.of(scope) }),
            None => Ok(Rights { granted: asked.clone(), most: asked.clone() }),
        }
    }

    /// Those of a called workflow of another repository: no identity that its caller doesn't have.
    pub fn elsewhere(mut self) -> Rights {
        if self.granted.of(Scope::IdToken) == Access::None {
            self.most.0.remove(&Scope::IdToken);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::keys::PERMISSIONS;

    fn permissions(of: &[(Scope, Access)]) -> Permissions {
        of.iter().copied().collect()
    }

    #[test]
    fn scopes_have_the_names_of_workflows() {
        for (scope, name) in Scope::ALL {
            assert_eq!(Scope::named(name), Some(scope));
            assert_eq!(serde_json::to_value(scope).unwrap(), name);
        }
        assert_eq!(Scope::named("content"), None);
        assert_eq!(PERMISSIONS.names, Scope::ALL.map(|(_, name)| name));
    }

    #[test]
    fn all_is_what_can_be_said() {
        let (read, write) = (Permissions::all(Access::Read), Permissions::all(Access::Write));
        assert_eq!((read.of(Scope::Contents), write.of(Scope::Contents)), (Access::Read, Access::Write));
        assert_eq!((read.of(Scope::IdToken), write.of(Scope::IdToken)), (Access::None, Access::Write));
        assert_eq!((read.of(Scope::Models), write.of(Scope::Models)), (Access::Read, Access::Read));
    }

    #[test]
    fn the_nearest_word_counts() {
        let none = permissions(&[]);
        let issues = permissions(&[(Scope::Issues, Access::Write)]);
        let granted = |job, workflow| Rights::default().of_job(job, workflow).unwrap().granted;
        assert_eq!(granted(None, None), Permissions::restricted());
        assert_eq!(granted(None, Some(&issues)), issues);
        assert_eq!(granted(Some(&none), Some(&issues)), none);
    }

    #[test]
    fn a_called_workflow_gets_no_more_than_its_caller_has() {
        let issues = permissions(&[(Scope::Issues, Access::Read)]);
        let more = permissions(&[(Scope::Issues, Access::Write)]);
        let caller = Rights::default().of_job(Some(&issues), None).unwrap();
        assert_eq!(caller.of_job(None, None).unwrap().granted, issues);
        let error = caller.of_job(None, Some(&more)).unwrap_err().to_string();
        assert_eq!(
            error,
            "it asks for the permission `issues: write`, and the job that calls its workflow has `issues: read`"
        );
    }

    #[test]
    fn identity_goes_to_other_repositories_only_where_it_is_granted() {
        let identity = permissions(&[(Scope::IdToken, Access::Write)]);
        assert!(Rights::default().of_job(Some(&identity), None).is_ok());
        assert!(Rights::default().elsewhere().of_job(Some(&identity), None).is_err());
        let caller = Rights::default().of_job(Some(&identity), None).unwrap().elsewhere();
        assert!(caller.of_job(Some(&identity), None).is_ok());
    }
}
