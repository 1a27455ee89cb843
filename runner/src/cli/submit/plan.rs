//! What of a staged commit an event starts: its workflows are read here, by whoever submits, and not by the daemon.

use std::path::Path;

use palisade_proto::event::Trigger;
use serde_json::Value as Json;

use super::stage::{Source, Stage};
use crate::cli::Error;
use crate::cli::run::no_inputs;
use crate::cli::workflows::{self, File, Found, Request};
use crate::expr::{Object, Value};
use crate::job::{self, Group, Plan, RunContexts, Secrets, Selection, legs};
use crate::local::{self, Facts};
use crate::queue::{Entry, Planned, Submission};
use crate::workflow;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    /// The workflow that was named.
    pub workflow: Option<&'a Path>,
    /// The event's name.
    pub event: Option<&'a str>,
    /// The commit that a push has found there; none where this is no push.
    pub before: Option<&'a str>,
    /// Keys of jobs.
    pub jobs: &'a [String],
    /// Inputs of `workflow_dispatch`.
    pub inputs: &'a [(String, String)],
}

/// Reads the workflows and says what is to run.
pub fn plan(source: &Source, stage: &Stage, wanted: &Wanted<'_>) -> Result<Submission, Error> {
    let mut facts = Facts::of(&stage.root);
    facts.read_commit(&stage.root);
    let payload = wanted.before.map(|before| pushed(&facts, stage, before));
    let request = Request {
        file: wanted.workflow,
        directory: Some(&stage.root),
        event: wanted.event,
        payload: payload.as_ref(),
    };
    let Found { files, example, .. } = workflows::find(&request)?;
    if example {
        let name = source.root.display();
        return Err(Error::input(format!("{name}: the commit {} has no workflows", short(&stage.commit)))
            .hint(format!("commit one in {}", workflow::DIRECTORIES.join(", "))));
    }
    let has_all = |file: &&File| wanted.jobs.iter().all(|id| file.workflow.jobs.contains_key(id));
    // Of several workflows those are meant that have the jobs; of none of them each would say so.
    let several = files.len() > 1 && files.iter().any(|file| has_all(&file));
    let chosen = files.iter().filter(|file| !several || has_all(file));
    let workflows = chosen.map(|file| planned(stage, &facts, file, wanted, payload.clone()));
    let workflows = workflows.collect::<Result<Vec<_>, _>>()?;
    let event = files.first().map(|file| file.event.clone()).unwrap_or_default();
    let github = facts.github(&Trigger::Push, &Json::Null, &NO_WORKFLOW);
    Ok(Submission {
        repository: github.get("repository").map(|v| v.to_display_string().into_owned()).unwrap_or_default(),
        path: source.path.to_string_lossy().into_owned(),
        reference: stage.reference.clone(),
        commit: stage.commit.clone(),
        title: stage.title.clone(),
        event,
        workflows,
    })
}

const NO_WORKFLOW: local::Workflow<'_> = local::Workflow { name: "", path: "", workspace: "" };

/// The first digits of a commit.
pub fn short(commit: &str) -> &str {
    commit.get(..8).unwrap_or(commit)
}

/// The payload of a push.
fn pushed(facts: &Facts, stage: &Stage, before: &str) -> Json {
    let mut payload = facts.payload(&Trigger::Push, "");
    payload["ref"] = stage.reference.as_str().into();
    payload["before"] = before.into();
    payload["after"] = stage.commit.as_str().into();
    payload["created"] = before.bytes().all(|b| b == b'0').into();
    payload
}

fn planned(
    stage: &Stage,
    facts: &Facts,
    file: &File,
    wanted: &Wanted<'_>,
    payload: Option<Json>,
) -> Result<Planned, Error> {
    let failed = |why: &dyn std::fmt::Display| Error::input(format!("{}: {why}", file.shown));
    let workflow = &file.workflow;
    let inputs = job::inputs(workflow, &file.event, wanted.inputs).map_err(no_inputs)?;
    let given = inputs.iter().map(|(name, value)| (name.to_owned(), value.to_display_string().into_owned()));
    let trigger = Trigger::new(&file.event, facts.default_branch(), given.collect());
    let mut payload = payload.unwrap_or_else(|| facts.payload(&trigger, &file.shown));
    if let Some(activity) = &file.activity {
        payload["action"] = activity.as_str().into();
    }
    let name = workflow.name.as_ref().map_or(file.shown.as_str(), |name| name.value.as_str());
    let told = local::Workflow { name, path: &file.shown, workspace: "" };
    let github = facts.github(&trigger, &payload, &told);
    let as_json = serde_json::to_value(Value::from(github.clone())).map_err(|e| failed(&e))?;
    let contexts = RunContexts::new(github, payload.to_string(), Object::new(), inputs, Secrets::default());
    let selection = Selection { jobs: wanted.jobs.to_vec(), matrix: Vec::new() };
    let plan =
        Plan::new(workflow, &contexts, &selection).map_err(|e| Error::input(e.in_file(&file.shown)))?;
    let group = workflow.concurrency.as_ref().map(|concurrency| {
        let group = Group::of(concurrency, &contexts.of_workflow()).map_err(|e| failed(&e))?;
        Ok::<_, Error>((group.key(), group.cancels()))
    });
    let entries = plan.entries.iter().map(|entry| {
        let job = &workflow.jobs[entry.id.as_str()];
        let legs = legs::beforehand(&contexts, job, entry.combinations.as_deref());
        let legs = legs.map_err(|e| failed(&format!("job `{}`: {e}", entry.id)))?;
        let conditional = job.condition.is_some();
        Ok(Entry { key: entry.id.clone(), needs: entry.needs.clone(), conditional, legs })
    });
    let entries = entries.collect::<Result<Vec<_>, Error>>()?;
    let text = workflow::read_within(&stage.root, Path::new(&file.shown)).map_err(|e| failed(&e))?;
    let Json::Object(github) = as_json else { return Err(failed(&"it has no context")) };
    Ok(Planned {
        file: file.shown.clone(),
        name: name.to_owned(),
        text: String::from_utf8_lossy(&text).into_owned(),
        github,
        payload,
        group: group.transpose()?,
        entries,
    })
}
