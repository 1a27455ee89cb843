//! Forgejo and Gitea.

use std::collections::BTreeMap;
use std::fs::File;
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use palisade_proto::forgejo as proto;
use palisade_proto::forgejo::{Declaration, Dialect, Fetch, Runner, Task};
use palisade_proto::http::{InvalidCa, InvalidProxy, Proxies, Settings};
use palisade_proto::{Code, Error, Http};
use serde_json::Value as Json;

use super::keys::Keys;
use super::{Assigned, Ended, Forge, ForgeError, Progress, Row, Standing, TaskId};
use crate::mask::Secret;
use crate::order::{IdTokenOffer, Need, Order};
use crate::output::event::Conclusion;

/// What `palisade daemon` calls itself.
pub const VERSION: &str = concat!("palisade/", env!("CARGO_PKG_VERSION"));
/// How long a call may take: who asks for a job holds a place meanwhile, and a forge that is well answers at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often outputs are sent again that the forge did not keep.
const OUTPUT_TRIES: usize = 3;

/// Why there are no connections to forges.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// The environment's proxies.
    #[error(transparent)]
    Proxy(#[from] InvalidProxy),
    /// The configuration's certificates.
    #[error(transparent)]
    Ca(#[from] InvalidCa),
}

/// Connections by the environment's proxies, which trust the system's certificates and those in `ca_file`.
pub fn http(ca_file: Option<&Path>) -> Result<Http, Unusable> {
    let mut settings = Settings::new(VERSION);
    settings.proxies = Proxies::of_environment()?;
    settings.ca_file = ca_file.map(Path::to_owned);
    settings.call_timeout = PATIENCE;
    Ok(Http::new(settings)?)
}

/// One registration at such a forge.
pub struct Forgejo {
    runner: Runner,
    /// As what the forge knows it.
    name: String,
    labels: Vec<String>,
    /// The forge takes summaries of steps.
    takes_summaries: AtomicBool,
    asked: Mutex<Asked>,
}

/// What the next request for a job builds on.
struct Asked {
    tasks_version: i64,
    keys: Keys,
    /// Tasks of an earlier daemon, which this one goes on with.
    resumed: Vec<TaskId>,
}

impl Forgejo {
    /// For a runner of this name, which takes jobs with these labels. In `kept` stand the keys of requests whose
    /// jobs an earlier daemon didn't write down.
    pub fn new(runner: Runner, name: String, labels: Vec<String>, kept: File) -> Self {
        Forgejo {
            runner,
            name,
            labels,
            takes_summaries: AtomicBool::new(false),
            asked: Mutex::new(Asked { tasks_version: 0, keys: Keys::read(kept), resumed: Vec::new() }),
        }
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, task: Task) -> Order {
        let server = self.runner.server();
        let address = server.instance().to_string();
        let address = address.trim_end_matches('/').to_owned();
        let actions = task.extra("default_actions_url").and_then(Json::as_str).map(str::to_owned);
        let summaries = task.summaries().filter(|_| self.takes_summaries.load(Ordering::Relaxed));
        let mut github = task.context.clone();
        let event = github.shift_remove("event").unwrap_or_default();
        let text = |name: &str| github.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        let (file, job) = (text("workflow"), text("job"));
        // How the forge calls itself may be no address that this host can reach.
        github.insert("server_url".into(), address.clone().into());
        github.insert("api_url".into(), format!("{address}/api/v1").into());
        let mut secrets: Vec<(String, Secret)> =
            task.secrets.into_iter().map(|(name, value)| (name, Secret::new(value.into_inner()))).collect();
        let (mut tokens, mut variables) = (Vec::new(), Vec::new());
        if let Some(token) = task.tokens.job {
            let token = Secret::new(token.into_inner());
            if !secrets.iter().any(|(name, _)| name == "GITHUB_TOKEN") {
                secrets.push(("GITHUB_TOKEN".to_owned(), token.clone()));
            }
            // The forge's own runner sets it for every step, and workflows rely on it.
            tokens.push(("GITHUB_TOKEN".to_owned(), token));
        }
        let id_token = task
            .tokens
            .id_token
            .map(|request| IdTokenOffer { url: request.url, token: Secret::new(request.token.into_inner()) });
        // At a Forgejo it is what ID tokens are asked for with, which is this runner's to do and no step's.
        let runtime = task.tokens.runtime.map(|token| Secret::new(token.into_inner()));
        let runtime = runtime.filter(|token| id_token.as_ref().is_none_or(|offer| offer.token != *token));
        if let Some(runtime) = runtime {
            tokens.push(("ACTIONS_RUNTIME_TOKEN".to_owned(), runtime));
            variables.push(("ACTIONS_RUNTIME_URL".to_owned(), format!("{address}/api/actions_pipeline/")));
            variables.push(("ACTIONS_RESULTS_URL".to_owned(), address.clone()));
        }
        let needs = task.needs.into_iter().map(|(id, need)| Need {
            id,
            result: match need.standing {
                proto::Standing::Ended(conclusion) => of_proto(conclusion),
                // A job that isn't over is no reason to run this one.
                proto::Standing::Running | proto::Standing::Unknown(_) => Conclusion::Failure,
            },
            outputs: need.outputs,
            direct: true,
        });
        Order {
            workflow: String::from_utf8_lossy(&task.workflow).into_owned(),
            file,
            job,
            server: address,
            actions,
            needs: needs.collect(),
            github,
            event,
            vars: task.vars,
            secrets,
            runner: self.name.clone(),
            prefixes: match server.dialect() {
                Dialect::Forgejo => vec!["FORGEJO_".into(), "GITEA_".into()],
                Dialect::Gitea => vec!["GITEA_".into()],
            },
            tokens,
            variables,
            part: None,
            id_token,
            summaries,
        }
    }

    /// Whether the forge has ended a task that was asked for before: it gives that again all the same.
    fn is_over(&self, task: proto::TaskId) -> Result<bool, ForgeError> {
        let (conclusion, started_at, stopped_at, steps) = Default::default();
        let state = proto::TaskState { task, conclusion, started_at, stopped_at, steps };
        match self.runner.update_task(&state, &BTreeMap::new()) {
            Err(error) if error.is_gone() => Ok(true),
            Err(error) => Err(failed(error)),
            Ok(update) => Ok(matches!(update.standing, proto::Standing::Ended(_))),
        }
    }

    /// Has the forge keep all outputs that it can.
    fn send_outputs(&self, state: &proto::TaskState, ended: &Ended) -> Result<(), ForgeError> {
        let fits = |(name, value): &&(String, String)| {
            name.len() <= proto::MAX_OUTPUT_KEY && value.len() <= proto::MAX_OUTPUT_VALUE
        };
        let mut left: BTreeMap<String, String> = ended.outputs.iter().filter(fits).cloned().collect();
        for _ in 0..OUTPUT_TRIES {
            if left.is_empty() {
                break;
            }
            let update = self.runner.update_task(state, &left).map_err(failed)?;
            left.retain(|name, _| !update.sent_outputs.contains(name));
        }
        Ok(())
    }
}

impl Forge for Forgejo {
    fn announce(&self) -> Result<(), ForgeError> {
        // What it answers may be less than what was asked for, and nothing depends on it.
        let declared = self.runner.declare(VERSION, &self.labels).map_err(failed)?;
        if let Declaration::Accepted { capabilities, .. } = declared {
            let takes = capabilities.iter().any(|name| name == proto::SUMMARIES);
            self.takes_summaries.store(takes, Ordering::Relaxed);
        }
        Ok(())
    }

    fn fetch(&self, afresh: bool) -> Result<Option<Assigned>, ForgeError> {
        let (fetch, is_old) = {
            let mut asked = self.asked();
            let request_key = asked.keys.next();
            let is_old = asked.keys.is_old();
            let tasks_version = if afresh || is_old { 0 } else { asked.tasks_version };
            (Fetch { tasks_version, capacity: NonZeroU32::MIN, request_key }, is_old)
        };
        let fetched = self.runner.fetch_task(&fetch).map_err(failed)?;
        let mut task = fetched.tasks.into_iter().next();
        if is_old
            && let Some(given) = &task
            && !self.asked().resumed.contains(&TaskId(given.id.0))
            && self.is_over(given.id)?
        {
            task = None;
        }
        let mut asked = self.asked();
        asked.tasks_version = fetched.tasks_version;
        asked.keys.answered(task.as_ref().map(|task| TaskId(task.id.0)));
        drop(asked);
        Ok(task.map(|task| Assigned { task: TaskId(task.id.0), order: self.order(task), since: None }))
    }

    fn begun(&self, task: TaskId) {
        self.asked().keys.begun(task);
    }

    fn again(&self, task: TaskId) {
        self.asked().keys.again(task);
    }

    fn resumed(&self, tasks: &[TaskId], _ended: &[TaskId]) {
        self.asked().resumed = tasks.to_vec();
    }

    fn append(&self, task: TaskId, from: u64, rows: &[Row], last: bool) -> Result<u64, ForgeError> {
        let row = |row: &Row| proto::LogRow { time: row.time, content: row.text.clone() };
        let rows: Vec<proto::LogRow> = rows.iter().map(row).collect();
        self.runner.update_log(proto::TaskId(task.0), from, &rows, last).map_err(|error| match error.code() {
            Some(Code::AlreadyExists) => ForgeError::LogClosed(error.to_string()),
            _ => failed(error),
        })
    }

    fn report(&self, task: TaskId, progress: &Progress<'_>) -> Result<Standing, ForgeError> {
        let steps = progress.steps.iter().enumerate().map(|(step, state)| proto::StepState {
            step,
            conclusion: state.result.map(to_proto),
            started_at: state.started.or(state.stopped),
            stopped_at: state.stopped,
            log_index: state.log_index,
            log_length: state.log_length,
        });
        let mut state = proto::TaskState {
            task: proto::TaskId(task.0),
            conclusion: None,
            started_at: Some(progress.started),
            stopped_at: None,
            steps: steps.filter(|step| step.started_at.is_some()).collect(),
        };
        let standing = match progress.ended {
            None => self.runner.update_task(&state, &BTreeMap::new()).map_err(failed)?.standing,
            Some(ended) => {
                // The jobs that need this one begin with its end. It is told also where the forge has ended the task
                // itself: a Gitea waits for that with one that is being cancelled.
                self.send_outputs(&state, ended)?;
                state.conclusion = Some(to_proto(ended.result));
                state.stopped_at = Some(ended.at);
                self.runner.update_task(&state, &BTreeMap::new()).map_err(failed)?.standing
            }
        };
        Ok(match standing {
            proto::Standing::Ended(_) => Standing::Over,
            proto::Standing::Running | proto::Standing::Unknown(_) => Standing::Running,
        })
    }
}

fn failed(error: Error) -> ForgeError {
    let text = error.to_string();
    if error.is_revoked() {
        ForgeError::Revoked(text)
    } else if error.is_gone() {
        ForgeError::Gone(text)
    } else if error.is_too_large() {
        ForgeError::TooLarge(text)
    } else if error.is_transient() {
        ForgeError::Transient(text)
    } else {
        ForgeError::Refused(text)
    }
}

fn to_proto(conclusion: Conclusion) -> proto::Conclusion {
    match conclusion {
        Conclusion::Success => proto::Conclusion::Success,
        Conclusion::Failure => proto::Conclusion::Failure,
        Conclusion::Cancelled => proto::Conclusion::Cancelled,
        Conclusion::Skipped => proto::Conclusion::Skipped,
    }
}

fn of_proto(conclusion: proto::Conclusion) -> Conclusion {
    match conclusion {
        proto::Conclusion::Success => Conclusion::Success,
        proto::Conclusion::Failure => Conclusion::Failure,
        proto::Conclusion::Cancelled => Conclusion::Cancelled,
        proto::Conclusion::Skipped => Conclusion::Skipped,
    }
}
