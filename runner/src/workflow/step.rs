//! `steps:`.

use std::collections::HashSet;

use super::availability::{
    STEP_CONTINUE, STEP_DIRECTORY, STEP_ENV, STEP_IF, STEP_NAME, STEP_RUN, STEP_SHELL, STEP_TIMEOUT,
    STEP_WITH,
};
use super::keys::STEP;
use super::model::{Step, StepKind};
use super::reader::Reader;
use super::settings;
use super::span::Spanned;
use super::yaml::{Mapping, Node, Yaml};
use crate::action::{IMAGE, Uses};
use crate::lint::Lint;
use crate::native::Native;

/// Keys that stand beside `run` only, and beside `uses` only.
const RUN_ONLY: &[&str] = &["shell", "working-directory"];
const USES_ONLY: &[&str] = &["with"];

/// Reads `steps:`.
pub fn list(reader: &mut Reader, node: &Node) -> Vec<Step> {
    let Yaml::Sequence(items) = &node.value else {
        let message = format!("`steps` must be a list of steps, not {}", node.kind());
        reader.error_help(node.span, message, "begin each step with `- `");
        return Vec::new();
    };
    if items.is_empty() {
        reader.error(node.span, "`steps` must have at least one step");
    }
    let steps: Vec<Step> = items.iter().filter_map(|item| step(reader, item)).collect();
    let mut ids = HashSet::new();
    for id in steps.iter().filter_map(|step| step.id.as_ref()) {
        // As contexts are, ids are the same in any case.
        if !ids.insert(id.to_ascii_lowercase()) {
            let message = format!("the step id `{}` is used twice in this job", id.value);
            reader.error_help(id.span, message, "give each step an id of its own");
        }
    }
    steps
}

fn step(reader: &mut Reader, node: &Node) -> Option<Step> {
    let entries = reader.mapping_of(node, "a step", &STEP)?;
    let value = |key: &str| entries.get(key).map(|entry| &*entry.value);
    let id = value("id").and_then(|node| reader.text(node, "`id`"));
    if let Some(id) = &id {
        reader.id(id, id.span, "a step");
    }
    let name = value("name").and_then(|node| reader.template(node, "`name`", &STEP_NAME));
    let condition = value("if").and_then(|node| reader.condition(node, &STEP_IF));
    let env = value("env").map(|node| reader.env(node, "`env`", &STEP_ENV)).unwrap_or_default();
    let timeout_minutes = value("timeout-minutes").and_then(|node| {
        let minutes = reader.limit(node, "`timeout-minutes`", &STEP_TIMEOUT)?;
        Some(Spanned::new(minutes, node.span))
    });
    let continue_on_error = value("continue-on-error").and_then(|node| {
        let value = reader.boolean_or_expr(node, "`continue-on-error`", &STEP_CONTINUE)?;
        Some(Spanned::new(value, node.span))
    });
    let kind = kind(reader, node, entries)?;
    Some(Step { span: node.span, id, name, condition, env, timeout_minutes, continue_on_error, kind })
}

fn kind(reader: &mut Reader, node: &Node, entries: &Mapping) -> Option<StepKind> {
    match (entries.get("run"), entries.get("uses")) {
        (Some(_), Some(uses)) => {
            reader.error_help(uses.key, "a step has either `run` or `uses`, not both", "make it two steps");
            None
        }
        (None, None) => {
            // One that only waits needs neither, and was refused already.
            if !STEP.refused.iter().any(|refused| entries.contains_key(refused.key)) {
                reader.error(node.span, "a step needs `run` or `uses`");
            }
            None
        }
        (Some(run), None) => {
            refuse(reader, entries, USES_ONLY, "uses");
            let value = |key: &str| entries.get(key).map(|entry| &*entry.value);
            let shell = value("shell").and_then(|node| settings::shell(reader, node, &STEP_SHELL));
            let working_directory = value("working-directory")
                .and_then(|node| reader.template(node, "`working-directory`", &STEP_DIRECTORY));
            let script = reader.template(&run.value, "`run`", &STEP_RUN)?;
            if script.source().is_empty() {
                let help = "give it a script, or remove the step";
                reader.warn(
                    Lint::EmptyScript,
                    run.value.span,
                    "`run` is empty, so the step does nothing",
                    help,
                );
            }
            Some(StepKind::Run { script, shell, working_directory })
        }
        (None, Some(uses)) => {
            refuse(reader, entries, RUN_ONLY, "run");
            let action = reader.text(&uses.value, "`uses`");
            let with = entries.get("with").map(|entry| reader.env(&entry.value, "`with`", &STEP_WITH));
            let with = with.unwrap_or_default();
            let action = action?;
            let uses = match Uses::parse(&action.value) {
                Ok(uses) => Spanned::new(uses, action.span),
                Err(error) => {
                    reader.error_help(action.span, &error, error.help());
                    return None;
                }
            };
            if let Some(native) = Native::of(&uses.value) {
                let inputs = native.description().inputs;
                let unknown = |name: &str| !inputs.iter().any(|input| input.name.eq_ignore_ascii_case(name));
                for (name, _) in with.iter().filter(|(name, _)| unknown(name)) {
                    let message =
                        format!("`actions/{}` has no input `{}`", native.description().name, name.value);
                    reader.warn(Lint::UnknownInput, name.span, message, "it has no effect");
                }
            }
            Some(StepKind::Uses { action: uses, with })
        }
    }
}

fn refuse(reader: &mut Reader, entries: &Mapping, keys: &[&str], partner: &str) {
    for (key, entry) in entries.iter().filter(|(key, _)| keys.contains(&key.as_str())) {
        reader.error(entry.key, format_args!("`{key}` can stand only beside `{partner}`"));
    }
}

/// Warns of images, which this version can't run: such a step fails.
pub fn warn_of_images(reader: &mut Reader, steps: &[Step]) {
    for step in steps {
        if let StepKind::Uses { action, .. } = &step.kind
            && let Uses::Image(_) = action.value
        {
            let (what, help) = IMAGE;
            let message = format!("{what} `{}`, so the step fails", action.value);
            reader.warn(Lint::NeedsImage, action.span, message, help);
        }
    }
}
