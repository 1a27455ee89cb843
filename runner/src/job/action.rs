//! A step that uses an action: reads the action, then runs it. Source: "Metadata syntax for GitHub Actions".

use std::path::Path;
use std::time::Duration;

use super::command::{self, Deadline, Order, What, node_version, read_file};
use super::contexts::{ActionScope, Frame};
use super::execute::Running;
use super::files::Said;
use super::native;
use super::post::{Post, Stage};
use super::step::{self, Outcome};
use crate::action::manifest::{self, Input, Manifest, Runs};
use crate::action::{LocalPath, Uses};
use crate::expr::{EvalError, Object, Value};
use crate::native::Native;
use crate::output::event::{Conclusion, Level};
use crate::workflow::MAX_BYTES;
use crate::workflow::model::{Env, Step};
use crate::workflow::span::Spanned;

/// How deep actions may use each other, as on GitHub.
const MAX_NESTING: usize = 10;
/// What the file of an action may be called.
const FILES: [&str; 2] = ["action.yml", "action.yaml"];

/// A step that uses an action.
pub struct Use<'a> {
    /// The job's step that it is of.
    pub index: usize,
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
    let path = match &used.uses.value {
        Uses::Local(path) => path,
        other => {
            let (what, help) = other.unsupported().unwrap_or(("run the action", ""));
            return failed(format!("this version can't {what} `{other}`; {help}"));
        }
    };
    if job.outer.len() >= MAX_NESTING {
        return failed(format!("`{}`: actions are nested more than {MAX_NESTING} deep", used.uses.value));
    }
    let manifest = match load(job, used.index, path) {
        Ok(manifest) => manifest,
        Err(reason) => return failed(reason),
    };
    let scope = match scope(job, used, &manifest, path) {
        Ok(scope) => scope,
        Err(error) => return failed(error.to_string()),
    };
    match &manifest.runs {
        Runs::Composite { steps } => composite(job, used, scope, &manifest, steps),
        Runs::JavaScript { node, main, post, .. } => {
            let files = [Some(main), post.as_ref().map(|post| &post.file)];
            if let Some(file) = files.into_iter().flatten().find(|file| path.join(file).is_none()) {
                return failed(format!(
                    "`{}`: the script `{file}` is out of the repository",
                    used.uses.value
                ));
            }
            warn_of_node(job, used, *node);
            let entry = Script { node: *node, file: main, scope, env: used.env.clone() };
            // What is to be done after it is due also where it fails.
            let index = post.as_ref().map(|post| {
                job.posts.push(Post {
                    name: used.uses.value.to_string(),
                    action: used.action.to_owned(),
                    stage: Stage::Script {
                        node: *node,
                        entry: Box::new(post.clone()),
                        scope: entry.scope.clone(),
                    },
                    env: used.env.clone(),
                    state: Vec::new(),
                });
                job.posts.len() - 1
            });
            let (mut said, outcome) = entry.run(job, used.index, used.action, used.timeout, &[]);
            if let Some(post) = index.and_then(|index| job.posts.get_mut(index)) {
                post.state = std::mem::take(&mut said.state);
            }
            (said, outcome)
        }
        Runs::Container { .. } => {
            failed(format!("this version can't run actions in containers, such as `{}`", used.uses.value))
        }
    }
}

/// Reads the action's file, as the sandbox has it now.
fn load(job: &Running<'_>, index: usize, action: &LocalPath) -> Result<Manifest, String> {
    let place = &job.execution.place;
    let shown = format!("./{}", action.as_str());
    for name in FILES {
        let file = place.workspace.join(action.as_str()).join(name);
        let source = match read_file(job.sandbox, &place.tools.path, &file, MAX_BYTES as u64) {
            Ok(source) => source,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(format!("cannot read {name} of the action `{shown}`: {e}")),
        };
        let path = Path::new(action.as_str()).join(name);
        let parsed = manifest::parse(&source, &path)
            .map_err(|wrong| format!("the action `{shown}` can't be run:\n{wrong}"))?;
        if !parsed.warnings.is_empty() {
            job.execution.annotate(Some(index), Level::Warning, parsed.warnings.to_string());
        }
        return Ok(parsed.manifest);
    }
    Err(format!("there is no action `{shown}`: it has neither {}", FILES.join(" nor ")))
}

/// The action's inputs: what is given, defaults for the rest.
fn scope(
    job: &Running<'_>,
    used: &Use<'_>,
    manifest: &Manifest,
    path: &LocalPath,
) -> Result<ActionScope, EvalError> {
    let view = job.view(Some(&used.env), Some(used.action));
    let mut inputs = Object::default();
    for (name, value) in used.with {
        inputs.insert(name.as_str(), value.evaluate(&view)?);
        if !manifest.inputs.keys().any(|known| known.eq_ignore_ascii_case(name)) {
            let known: Vec<&str> = manifest.inputs.keys().map(String::as_str).collect();
            let known =
                if known.is_empty() { "it has none".into() } else { format!("it has {}", known.join(", ")) };
            let message = format!("`{}` has no input `{}`; {known}", used.uses.value, name.value);
            job.execution.annotate(Some(used.index), Level::Warning, message);
        }
    }
    let directory = job.execution.place.workspace.join(path.as_str());
    let mut scope = ActionScope {
        inputs,
        path: directory.display().to_string().trim_end_matches('/').to_owned(),
        repository: String::new(),
        reference: String::new(),
    };
    let unset = |scope: &ActionScope, name: &str| scope.inputs.get(name).is_none();
    for (name, Input { default, deprecation, .. }) in &manifest.inputs {
        if unset(&scope, name) {
            let value = default.as_ref().map(|default| default.evaluate(&view)).transpose()?;
            scope.inputs.insert(name.as_str(), value.unwrap_or_default());
        } else if let Some(why) = deprecation {
            let message = format!("the input `{name}` of `{}` is deprecated: {why}", used.uses.value);
            job.execution.annotate(Some(used.index), Level::Warning, message);
        }
    }
    Ok(scope)
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

impl Script<'_> {
    /// Runs it.
    pub fn run(
        self,
        job: &mut Running<'_>,
        index: usize,
        action: &str,
        timeout: Option<Duration>,
        state: &[(String, String)],
    ) -> (Said, Outcome) {
        let file = format!("{}/{}", self.scope.path, self.file);
        let directory = job.execution.place.workspace.display().to_string();
        let mut own: Vec<(String, String)> =
            self.scope.inputs.iter().map(|(name, value)| (input_variable(name), text(value))).collect();
        own.extend(state.iter().map(|(name, value)| (format!("STATE_{name}"), value.clone())));
        // Of a version by name, and whatever else the job's PATH has.
        let programs = [format!("node{}", self.node), "node".to_owned()];
        let programs = programs.map(|program| vec![program, file.clone()]);
        // The script is the action's, in none of whose steps it stands.
        let frame = Frame {
            steps: Object::new(),
            env: job.frame.env.clone(),
            failed: false,
            action: Some(self.scope),
            deadline: job.frame.deadline,
        };
        job.outer.push(std::mem::replace(&mut job.frame, frame));
        let what = What::Programs(programs.to_vec());
        let order = Order { index, action, env: &self.env, own, directory: &directory, timeout, what };
        let ended = command::run(job, &order);
        if let Some(outer) = job.outer.pop() {
            job.frame = outer;
        }
        ended
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
