//! What an ID token says of a job. Source of the names: "OpenID Connect reference" in GitHub's documentation, "OIDC
//! token claims"; `palisade` is our own.

use serde::Serialize;

use super::exchange::aws;
use super::facts::{Facts, Source};
use super::subject::Subject;

/// What this runner itself knows of a job, besides what it was told.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The file of the workflow that the job is in, where another calls that: `owner/name/path@version`.
    pub called: Option<String>,
    /// The environment that it may use.
    pub environment: Option<Environment>,
    /// Digest of how each layer of its isolation stands.
    pub isolation: String,
    /// What it can reach: `none`, `allow`, `audit` or `host`.
    pub network: String,
    /// Digest of the lock of actions, if there is one.
    pub actions_lock: Option<String>,
    /// Digest of the runner's configuration, if there is one.
    pub policy: Option<String>,
}

/// An environment that the configuration has: one that it hasn't is a word of the workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// People had to approve its use, and have.
    pub approved: bool,
}

/// The claims of a job's tokens, but for those that differ from token to token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claims {
    /// Whom the token is about.
    pub sub: String,
    /// Who caused the run.
    pub actor: String,
    /// Its number at the forge.
    pub actor_id: String,
    /// Of a pull request: the branch that it is to be merged into.
    pub base_ref: String,
    /// The environment, where the job has one that the configuration has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The event's name.
    pub event_name: String,
    /// Of a pull request: its branch.
    pub head_ref: String,
    /// The workflow's file that the job is in, and its version.
    pub job_workflow_ref: String,
    /// The reference.
    #[serde(rename = "ref")]
    pub reference: String,
    /// `true` or `false`: whether the forge protects it.
    pub ref_protected: String,
    /// `branch` or `tag`.
    pub ref_type: String,
    /// `owner/name`
    pub repository: String,
    /// Its number at the forge.
    pub repository_id: String,
    /// Its owner.
    pub repository_owner: String,
    /// The owner's number at the forge.
    pub repository_owner_id: String,
    /// How often the run was begun.
    pub run_attempt: String,
    /// The run's number at the forge.
    pub run_id: String,
    /// The run's number in its repository.
    pub run_number: String,
    /// `self-hosted`
    pub runner_environment: &'static str,
    /// The commit.
    pub sha: String,
    /// The file of the run's workflow, and its reference.
    pub workflow_ref: String,
    /// What only palisade says.
    pub palisade: Palisade,
    /// Tags of the session that a token is taken to AWS for.
    #[serde(rename = "https://aws.amazon.com/tags", skip_serializing_if = "Option::is_none")]
    pub aws_tags: Option<aws::TagsClaim>,
}

/// The claim `palisade`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Palisade {
    /// `forge` or `local`: who says all this.
    pub source: &'static str,
    /// The forge.
    pub server: String,
    /// Code of a fork is what runs, or has caused the run.
    pub fork: bool,
    /// People have approved the job's use of its environment.
    pub approved: bool,
    /// See [`Observed`].
    pub isolation: String,
    /// See [`Observed`].
    pub network: String,
    /// See [`Observed`].
    pub actions_lock: Option<String>,
    /// See [`Observed`].
    pub policy: Option<String>,
}

impl Claims {
    /// The claims of a job. `subject` says how `sub` is made of the others.
    pub fn new(facts: &Facts, observed: &Observed, subject: &Subject) -> Claims {
        let text = |key: &str| facts.text(key).to_owned();
        let environment = observed.environment.as_ref();
        let mut claims = Claims {
            sub: String::new(),
            actor: text("actor"),
            actor_id: text("actor_id"),
            base_ref: text("base_ref"),
            environment: environment.map(|environment| environment.name.clone()),
            event_name: text("event_name"),
            head_ref: text("head_ref"),
            job_workflow_ref: observed.called.clone().unwrap_or_else(|| facts.workflow_ref().to_owned()),
            reference: text("ref"),
            ref_protected: facts.ref_protected().to_string(),
            ref_type: text("ref_type"),
            repository: text("repository"),
            repository_id: text("repository_id"),
            repository_owner: text("repository_owner"),
            repository_owner_id: text("repository_owner_id"),
            run_attempt: text("run_attempt"),
            run_id: text("run_id"),
            run_number: text("run_number"),
            runner_environment: "self-hosted",
            sha: text("sha"),
            workflow_ref: facts.workflow_ref().to_owned(),
            palisade: Palisade {
                source: match facts.source() {
                    Source::Forge => "forge",
                    Source::Local => "local",
                },
                server: facts.server().to_owned(),
                fork: facts.is_fork(),
                approved: environment.is_some_and(|environment| environment.approved),
                isolation: observed.isolation.clone(),
                network: observed.network.clone(),
                actions_lock: observed.actions_lock.clone(),
                policy: observed.policy.clone(),
            },
            aws_tags: None,
        };
        claims.sub = subject.of(&claims);
        claims
    }

    /// Whether only this machine says all this.
    pub fn is_local(&self) -> bool {
        self.palisade.source == "local"
    }
}
