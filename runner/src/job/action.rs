//! A step that uses an action: reads the action, then runs it. Source: "Metadata syntax for GitHub Actions".

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::command::{self, Deadline, Order, What, node_version, read_file};
use super::contexts::{ActionScope, Frame, View};
use super::execute::Running;
use super::files::Said;
use super::native;
use super::post::{Post, Stage};
use super::step::{self, Outcome};
use crate::action::manifest::{self, Entry, Input, Manifest, Read, Runs};
use crate::action::needed::MAX_NESTING;
use crate::action::{IMAGE, LocalPath, Remote, Uses};
use crate::expr::{EvalError, Object, Value};
use crate::native::Native;
use crate::output::event::{Conclusion, Level};
use crate::workflow::MAX_BYTES;
use crate::workflow::keys::CONTAINER_REFUSED;
use crate::workflow::model::{Env, Step};
use crate::workflow::span::Spanned;

/// A step that uses an action.
pub struct Use<'a> {
    /// The job's step that it is of.
    pub index: usize,
    /// The step's name.
    pub name: &'a str,
    /// `github.action`
    pub action: &'a str,
    /// The step's environment.
    pub env: Object,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// What it names.
    pub uses: &'a Spanned<Uses>,
    /// `with:`
    pub with: &'a Env,
}

/// Runs the action; gives what it said for the step.
pub fn run(job: &mut Running<'_>, used: &Use<'_>) -> (Said, Outcome) {
    if let Some(native) = Native::of(&used.uses.value).filter(|_| job.execution.place.native) {
        return native::run(job, used, native);
    }
    let failed = |reason: String| (Said::default(), Outcome::failed(reason));
    if job.outer.len() >= MAX_NESTING {
        return failed(format!("`{}`: actions are nested more than {MAX_NESTING} deep", used.uses.value));
    }
    let found = match &used.uses.value {
        Uses::Local(path) => read(job, path),
        Uses::Remote(remote) => obtained(job, remote),
        Uses::Image(_) => Err(format!("{} `{}`; {}", IMAGE.0, used.uses.value, IMAGE.1)),
    };
    let found = match found {
        Ok(found) => found,
        Err(reason) => return failed(reason),
    };
    if !found.read.warnings.is_empty() {
        job.execution.annotate(Some(used.index), Level::Warning, found.read.warnings.to_string());
    }
    warn_of_inputs(job, used, &found.read.manifest);
    let scope = match scope(job, &used.env, used.action, used.with, &found) {
        Ok(scope) => scope,
        Err(error) => return failed(error.to_string()),
    };
    match &found.read.manifest.runs {
        Runs::Composite { steps } => composite(job, used, scope, &found.read.manifest, steps),
        Runs::JavaScript { node, main, post, .. } => {
            let files = [Some(main), post.as_ref().map(|post| &post.file)];
            if let Some(file) = files.into_iter().flatten().find(|file| found.directory.join(file).is_none())
            {
                return failed(format!(
                    "`{}`: the script `{file}` is out of the repository",
                    used.uses.value
                ));
            }
            warn_of_node(job, used, *node);
            let entry = Script { node: *node, file: main, scope, env: used.env.clone() };
            // What is to be done after it is due also where it fails.
            if let Some(post) = post {
                let post = Post {
                    name: used.name.to_owned(),
                    action: used.action.to_owned(),
                    stage: Stage::Script {
                        node: *node,
                        entry: Box::new(post.clone()),
                        scope: entry.scope.clone(),
                    },
                    env: used.env.clone(),
                    trail: job.trail.clone(),
                };
                due(job, post);
            }
            entry.run(job, used.index, used.action, used.timeout)
        }
        Runs::Container { .. } => failed(format!("{CONTAINER_REFUSED}, such as `{}`", used.uses.value)),
    }
}

/// Takes note of the last stage of an action, once: what the step knows when it begins goes before what its first
/// stage knew. The steps' order counts, whichever of them have a first stage.
pub fn due(job: &mut Running<'_>, post: Post) {
    match job.posts.binary_search_by(|known| known.trail.cmp(&post.trail)) {
        Ok(at) => job.posts[at] = post,
        Err(at) => job.posts.insert(at, post),
    }
}

/// An action that was found.
pub struct Found {
    /// What its file says.
    pub read: Arc<Read>,
    /// Its directory within its repository.
    pub directory: LocalPath,
    /// Its directory inside the sandbox.
    pub path: String,
    /// `owner/name`; empty for an action of the repository itself.
    pub repository: String,
    /// Its version.
    pub reference: String,
}

/// An action of another repository, which the job has.
pub fn obtained(job: &Running<'_>, remote: &Remote) -> Result<Found, String> {
    let Some(loaded) = job.needed.get(remote) else {
        return Err(format!(
            "`{}` was not fetched when the job began, since only a step of the job made the action that uses it; \
             use it in a step of the job too",
            Uses::Remote(remote.clone())
        ));
    };
    Ok(Found {
        read: loaded.read.clone(),
        directory: remote.directory(),
        path: loaded.obtained.inside.join(&remote.path).display().to_string(),
        repository: remote.repository(),
        reference: remote.reference.clone(),
    })
}

/// Reads an action of the workspace, as the sandbox has it now.
fn read(job: &Running<'_>, action: &LocalPath) -> Result<Found, String> {
    let place = &job.execution.place;
    let shown = format!("./{}", action.as_str());
    let directory = place.workspace.join(action.as_str());
    let look = |path: &Path| {
        read_file(job.sandbox, &place.tools.path, &place.workspace.join(path), MAX_BYTES as u64)
    };
    let read = manifest::find(&shown, Path::new(action.as_str()), look)?;
    Ok(Found {
        read: Arc::new(read),
        directory: action.clone(),
        path: directory.display().to_string().trim_end_matches('/').to_owned(),
        repository: String::new(),
        reference: String::new(),
    })
}

/// Tells of inputs that the action doesn't have or doesn't want any more.
fn warn_of_inputs(job: &Running<'_>, used: &Use<'_>, manifest: &Manifest) {
    let warn = |message| job.execution.annotate(Some(used.index), Level::Warning, message);
    for (name, _) in used.with {
        let known = manifest.inputs.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match known.map(|(_, input)| &input.deprecation) {
            Some(Some(why)) => {
                warn(format!("the input `{}` of `{}` is deprecated: {why}", name.value, used.uses.value));
            }
            Some(None) => {}
            None => {
                let known: Vec<&str> = manifest.inputs.keys().map(String::as_str).collect();
                let known = if known.is_empty() {
                    "it has none".into()
                } else {
                    format!("it has {}", known.join(", "))
                };
                warn(format!("`{}` has no input `{}`; {known}", used.uses.value, name.value));
            }
        }
    }
}

/// The action's inputs: what is given, defaults for the rest.
pub fn scope(
    job: &Running<'_>,
    env: &Object,
    action: &str,
    with: &Env,
    found: &Found,
) -> Result<ActionScope, EvalError> {
    let view = job.view(Some(env), Some(action));
    let mut inputs = Object::default();
    with.evaluate(&view, |name, value| {
        inputs.insert(name, value);
    })?;
    for (name, Input { default, .. }) in &found.read.manifest.inputs {
        if inputs.get(name).is_none() {
            let value = default.as_ref().map(|default| default.evaluate(&view)).transpose()?;
            inputs.insert(name.as_str(), value.unwrap_or_default());
        }
    }
    Ok(ActionScope {
        inputs,
        path: found.path.clone(),
        repository: found.repository.clone(),
        reference: found.reference.clone(),
    })
}

fn composite(
    job: &mut Running<'_>,
    used: &Use<'_>,
    scope: ActionScope,
    manifest: &Manifest,
    steps: &[Step],
) -> (Said, Outcome) {
    let frame = Frame {
        steps: Object::new(),
        env: used.env.clone(),
        failed: false,
        action: Some(scope),
        deadline: used.timeout.and_then(Deadline::of),
    };
    job.outer.push(std::mem::replace(&mut job.frame, frame));
    for (number, step) in steps.iter().enumerate() {
        job.look_for_end();
        step::run_nested(job, used.index, number, step);
    }
    let outputs = outputs(job, used, manifest);
    let failed = job.frame.failed;
    if let Some(outer) = job.outer.pop() {
        job.frame = outer;
    }
    let outcome = match &outputs {
        _ if job.cancelled.is_some() => {
            Outcome { conclusion: Conclusion::Cancelled, reason: Some("the job was cancelled".into()) }
        }
        _ if failed => Outcome::failed("a step of the action failed"),
        Err(error) => Outcome::failed(format!("cannot evaluate the action's outputs: {error}")),
        Ok(_) => Outcome::SUCCESS,
    };
    (Said { outputs: outputs.unwrap_or_default(), ..Said::default() }, outcome)
}

fn outputs(
    job: &Running<'_>,
    used: &Use<'_>,
    manifest: &Manifest,
) -> Result<Vec<(String, String)>, EvalError> {
    let view = job.view(None, Some(used.action));
    let outputs = manifest.outputs.iter().filter_map(|(name, output)| Some((name, output.value.as_ref()?)));
    outputs.map(|(name, value)| Ok((name.clone(), value.evaluate(&view)?))).collect()
}

/// Tells of an action that is written for another version of Node.js than there is.
fn warn_of_node(job: &mut Running<'_>, used: &Use<'_>, wanted: u32) {
    let path = &job.execution.place.tools.path;
    // The host's programs are at the same place inside.
    let exact = format!("node{wanted}");
    if std::env::split_paths(path).any(|directory| directory.join(&exact).is_file()) {
        return;
    }
    let found = *job.node.get_or_insert_with(|| node_version(job.sandbox, path));
    if let Some(found) = found.filter(|found| *found != wanted) {
        let message =
            format!("`{}` is written for Node.js {wanted} and runs with Node.js {found}", used.uses.value);
        job.execution.annotate(Some(used.index), Level::Warning, message);
    }
}

/// A stage of a JavaScript action.
pub struct Script<'a> {
    /// The major version of Node.js that it is written for.
    pub node: u32,
    /// The file within the action.
    pub file: &'a str,
    /// The action.
    pub scope: ActionScope,
    /// The step's environment.
    pub env: Object,
}

/// The frame in which the stages of an action's script stand: the action's, of none of whose steps they are.
fn own_frame(job: &Running<'_>, scope: ActionScope) -> Frame {
    Frame {
        steps: Object::new(),
        env: job.frame.env.clone(),
        failed: false,
        action: Some(scope),
        deadline: job.frame.deadline,
    }
}

/// Whether a stage of an action's script is to run: its condition sees the action's inputs, and the status functions
/// answer for the job. Source: "Metadata syntax for GitHub Actions", `runs.pre-if`.
pub fn stage_is_due(
    job: &Running<'_>,
    entry: &Entry,
    scope: &ActionScope,
    env: &Object,
    action: &str,
) -> Result<bool, EvalError> {
    let Some(condition) = &entry.condition else { return Ok(true) };
    let frame = own_frame(job, scope.clone());
    condition.evaluate(&View { frame: Some(&frame), ..job.view(Some(env), Some(action)) })
}

impl Script<'_> {
    /// Runs it, with what the stages of the action before it have saved.
    pub fn run(
        self,
        job: &mut Running<'_>,
        index: usize,
        action: &str,
        timeout: Option<Duration>,
    ) -> (Said, Outcome) {
        let file = format!("{}/{}", self.scope.path, self.file);
        let directory = job.execution.place.workspace.display().to_string();
        let mut own: Vec<(String, String)> =
            self.scope.inputs.iter().map(|(name, value)| (input_variable(name), text(value))).collect();
        let saved = job.saved.get(&job.trail).into_iter().flatten();
        own.extend(saved.map(|(name, value)| (format!("STATE_{name}"), value.clone())));
        // Of a version by name, and whatever else the job's PATH has.
        let programs = [format!("node{}", self.node), "node".to_owned()];
        let programs = programs.map(|program| vec![program, file.clone()]);
        let frame = own_frame(job, self.scope);
        job.outer.push(std::mem::replace(&mut job.frame, frame));
        let what = What::Programs(programs.to_vec());
        let order = Order { index, action, env: &self.env, own, directory: &directory, timeout, what };
        let (mut said, outcome) = command::run(job, &order);
        if let Some(outer) = job.outer.pop() {
            job.frame = outer;
        }
        let state = std::mem::take(&mut said.state);
        if !state.is_empty() {
            job.saved.entry(job.trail.clone()).or_default().extend(state);
        }
        (said, outcome)
    }
}

/// The variable through which a script gets an input.
fn input_variable(name: &str) -> String {
    format!("INPUT_{}", name.replace(' ', "_").to_uppercase())
}

fn text(value: &Value) -> String {
    value.to_display_string().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_variables() {
        assert_eq!(input_variable("who-to greet"), "INPUT_WHO-TO_GREET");
    }
}
