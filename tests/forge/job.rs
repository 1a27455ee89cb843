//! A job that the forge hands out.

use std::collections::BTreeMap;

use palisade_proto::forgejo::Conclusion;
use serde_json::{Map, Value, json};

/// What a server makes of a job of a workflow. Its context has what a push to `root/demo` has.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub(super) payload: Vec<u8>,
    pub(super) runs_on: Vec<String>,
    pub(super) steps: Option<usize>,
    pub(super) context: Map<String, Value>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) vars: BTreeMap<String, String>,
    pub(super) needs: BTreeMap<String, Need>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Need {
    pub(super) conclusion: Conclusion,
    pub(super) outputs: BTreeMap<String, String>,
}

/// How a needed job ended, with its outputs.
pub fn need(conclusion: Conclusion, outputs: &[(&str, &str)]) -> (Conclusion, Vec<(String, String)>) {
    (conclusion, outputs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

impl Job {
    /// A job whose payload is this text, for a runner with the label `host`.
    pub fn new(workflow: &str) -> Job {
        Job::of_bytes(workflow.as_bytes())
    }

    /// A job of one script.
    pub fn script(script: &str) -> Job {
        let lines: String = script.lines().map(|line| format!("          {line}\n")).collect();
        let workflow = format!(
            "on: [push]\njobs:\n  test:\n    name: test\n    runs-on: host\n    steps:\n      - run: |\n{lines}"
        );
        Job::new(&workflow).steps(1)
    }

    /// A job whose payload is anything.
    pub fn of_bytes(payload: &[u8]) -> Job {
        Job {
            payload: payload.to_vec(),
            runs_on: vec!["host".to_owned()],
            steps: None,
            context: Map::new(),
            secrets: BTreeMap::new(),
            vars: BTreeMap::new(),
            needs: BTreeMap::new(),
        }
    }

    /// The labels that a runner must have, all of them.
    pub fn runs_on(mut self, labels: &[&str]) -> Job {
        self.runs_on = labels.iter().map(|label| (*label).to_owned()).collect();
        self
    }

    /// How many steps the payload has: each must end with a result.
    pub fn steps(mut self, steps: usize) -> Job {
        self.steps = Some(steps);
        self
    }

    /// A value of the context.
    pub fn context(mut self, name: &str, value: impl Into<Value>) -> Job {
        self.context.insert(name.to_owned(), value.into());
        self
    }

    /// A secret. Its value may not be in anything that a runner sends.
    pub fn secret(mut self, name: &str, value: &str) -> Job {
        self.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable.
    pub fn var(mut self, name: &str, value: &str) -> Job {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A job that this one needs.
    pub fn need(mut self, job: &str, (conclusion, outputs): (Conclusion, Vec<(String, String)>)) -> Job {
        let need = Need { conclusion, outputs: outputs.into_iter().collect() };
        self.needs.insert(job.to_owned(), need);
        self
    }

    /// The context at a forge, with the tokens of a task.
    pub(super) fn context_at(&self, address: &str, task: i64, tokens: &Tokens) -> Map<String, Value> {
        let server = address.trim_end_matches('/');
        let sha = "ca8198e3a9cea641f6dd6e1faee184c9c98c805d";
        let mut context = json!({
            "actor": "root", "api_url": format!("{server}/api/v1"), "base_ref": "", "env": "",
            "event": { "ref": "refs/heads/main", "after": sha, "repository": { "full_name": "root/demo" } },
            "event_name": "push", "event_path": "", "head_ref": "", "job": "test", "path": "",
            "ref": "refs/heads/main", "ref_name": "main", "ref_protected": false, "ref_type": "branch",
            "repository": "root/demo", "repository_owner": "root",
            "repositoryUrl": format!("{server}/root/demo.git"), "retention_days": "", "run_attempt": "1",
            "run_id": task.to_string(), "run_number": task.to_string(), "secret_source": "Actions",
            "server_url": format!("{server}/"), "sha": sha, "token": tokens.job, "triggering_actor": "",
            "workflow": "ci.yml", "workspace": "", "gitea_default_actions_url": server,
            "gitea_runtime_token": tokens.runtime,
        });
        if let Some(context) = context.as_object_mut() {
            context.extend(self.context.clone());
            return std::mem::take(context);
        }
        Map::new()
    }

    /// The secrets with the names of the job's token.
    pub(super) fn secrets_with(&self, token: &str) -> BTreeMap<String, String> {
        let names = ["GITHUB_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN"];
        let tokens = names.map(|name| (name.to_owned(), token.to_owned()));
        self.secrets.clone().into_iter().chain(tokens).collect()
    }
}

/// What a job authenticates with.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    pub(super) job: String,
    pub(super) runtime: String,
}
