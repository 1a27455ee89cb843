//! Which contexts and special functions an expression may use at which key. Source: the table "Context
//! availability" in GitHub's contexts reference.

/// What is available at a key.
#[derive(Debug)]
pub struct Availability {
    /// The key, as the table writes it.
    pub key: &'static str,
    /// Contexts.
    pub contexts: &'static [&'static str],
    /// Whether `success()`, `failure()`, `always()` and `cancelled()` are.
    pub status: Status,
    /// Whether `hashFiles()` is.
    pub hash_files: bool,
}

/// How the status functions may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not at all.
    None,
    /// Without arguments.
    Plain,
    /// `success` and `failure` also with names of jobs that are needed.
    OfJobs,
}

const fn plain(key: &'static str, contexts: &'static [&'static str]) -> Availability {
    Availability { key, contexts, status: Status::None, hash_files: false }
}

const fn step(key: &'static str) -> Availability {
    Availability { key, contexts: STEP, status: Status::None, hash_files: true }
}

const RUN: &[&str] = &["github", "inputs", "vars"];
const JOB: &[&str] = &["github", "needs", "strategy", "matrix", "vars", "inputs"];
const STEP: &[&str] =
    &["github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "secrets", "steps", "inputs"];

pub const RUN_NAME: Availability = plain("run-name", RUN);
pub const CONCURRENCY: Availability = plain("concurrency", RUN);
/// Only those of jobs may hold expressions.
pub const DEFAULTS: Availability = plain("defaults.run", &[]);
pub const ENV: Availability = plain("env", &["github", "secrets", "inputs", "vars"]);
pub const CALL_INPUT: Availability = plain("on.workflow_call.inputs.<id>.default", RUN);
pub const CALL_OUTPUT: Availability =
    plain("on.workflow_call.outputs.<id>.value", &["github", "jobs", "vars", "inputs"]);

pub const JOB_NAME: Availability = plain("jobs.<id>.name", JOB);
pub const JOB_IF: Availability = Availability {
    key: "jobs.<id>.if",
    contexts: &["github", "needs", "vars", "inputs"],
    status: Status::OfJobs,
    hash_files: false,
};
pub const JOB_RUNS_ON: Availability = plain("jobs.<id>.runs-on", JOB);
pub const JOB_CONCURRENCY: Availability = plain("jobs.<id>.concurrency", JOB);
pub const JOB_CONTINUE: Availability = plain("jobs.<id>.continue-on-error", JOB);
pub const JOB_TIMEOUT: Availability = plain("jobs.<id>.timeout-minutes", JOB);
pub const JOB_ENVIRONMENT: Availability = plain("jobs.<id>.environment", JOB);
pub const JOB_ENVIRONMENT_URL: Availability = plain(
    "jobs.<id>.environment.url",
    &["github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "steps", "inputs"],
);
pub const JOB_STRATEGY: Availability = plain("jobs.<id>.strategy", &["github", "needs", "vars", "inputs"]);
pub const JOB_DEFAULTS: Availability =
    plain("jobs.<id>.defaults.run", &["github", "needs", "strategy", "matrix", "env", "vars", "inputs"]);
pub const JOB_CONTAINER: Availability = plain("jobs.<id>.container", JOB);
pub const CONTAINER_ENV: Availability = plain("jobs.<id>.container.env", STEP);
pub const CREDENTIALS: Availability = plain(
    "jobs.<id>.container.credentials",
    &["github", "needs", "strategy", "matrix", "env", "vars", "secrets", "inputs"],
);
pub const JOB_ENV: Availability =
    plain("jobs.<id>.env", &["github", "needs", "strategy", "matrix", "vars", "secrets", "inputs"]);
pub const CALL_WITH: Availability = plain("jobs.<id>.with", JOB);
pub const CALL_SECRET: Availability =
    plain("jobs.<id>.secrets.<id>", &["github", "needs", "strategy", "matrix", "secrets", "inputs", "vars"]);
pub const JOB_OUTPUTS: Availability = plain("jobs.<id>.outputs", STEP);

pub const STEP_IF: Availability = Availability {
    key: "jobs.<id>.steps.if",
    contexts: &["github", "needs", "strategy", "matrix", "job", "runner", "env", "vars", "steps", "inputs"],
    status: Status::Plain,
    hash_files: true,
};
pub const STEP_NAME: Availability = step("jobs.<id>.steps.name");
pub const STEP_RUN: Availability = step("jobs.<id>.steps.run");
pub const STEP_SHELL: Availability = step("jobs.<id>.steps.shell");
pub const STEP_DIRECTORY: Availability = step("jobs.<id>.steps.working-directory");
pub const STEP_ENV: Availability = step("jobs.<id>.steps.env");
pub const STEP_WITH: Availability = step("jobs.<id>.steps.with");
pub const STEP_CONTINUE: Availability = step("jobs.<id>.steps.continue-on-error");
pub const STEP_TIMEOUT: Availability = step("jobs.<id>.steps.timeout-minutes");

/// What a workflow has and an action doesn't.
pub const NOT_IN_ACTIONS: [&str; 3] = ["secrets", "needs", "vars"];
pub const ACTION_INPUT: Availability =
    plain("inputs.<id>.default", &["github", "strategy", "matrix", "job", "runner"]);
pub const ACTION_OUTPUT: Availability = plain("outputs.<id>.value", ACTION);
pub const POST_IF: Availability = Availability {
    key: "runs.post-if",
    contexts: &["github", "strategy", "matrix", "job", "runner", "env", "steps", "inputs"],
    status: Status::Plain,
    hash_files: true,
};
const ACTION: &[&str] = &["github", "strategy", "matrix", "steps", "inputs", "job", "runner", "env"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::CONTEXTS;

    #[test]
    fn every_name_is_a_context() {
        for row in [&RUN_NAME, &ENV, &CALL_OUTPUT, &JOB_IF, &JOB_ENV, &JOB_DEFAULTS, &STEP_IF, &STEP_RUN] {
            assert!(row.contexts.iter().all(|name| CONTEXTS.contains(name)), "{}", row.key);
        }
    }
}
