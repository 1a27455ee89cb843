//! Keys that a workflow and a job share, `defaults`, `permissions` and `concurrency`, and a job's `environment`.

use super::availability::{
    Availability, CONCURRENCY as CONCURRENCY_OF_WORKFLOW, JOB_ENVIRONMENT, JOB_ENVIRONMENT_URL,
};
use super::keys::{CONCURRENCY, DEFAULTS, DEFAULTS_RUN, ENVIRONMENT, PERMISSIONS};
use super::model::{Concurrency, Defaults, Environment, LiteralOr, Queue};
use super::permissions::{Access, Permissions, Scope};
use super::reader::Reader;
use super::span::Spanned;
use super::yaml::{Node, Yaml};
use crate::expr::{Expr, Template};
use crate::job::shell::{Shell, ShellError};
use crate::lint::Lint;

/// Reads `defaults:`.
pub fn defaults(reader: &mut Reader, node: &Node, at: &Availability) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(entries) = reader.mapping_of(node, "`defaults`", &DEFAULTS) else { return defaults };
    let Some(run) = entries.get("run") else { return defaults };
    match reader.expr_instead::<Defaults>(&run.value, at) {
        Some(Some(LiteralOr::Expr(expr))) => return computed(reader, &run.value, &expr),
        Some(_) => return defaults,
        None => {}
    }
    let Some(entries) = reader.mapping_of(&run.value, "`defaults.run`", &DEFAULTS_RUN) else {
        return defaults;
    };
    defaults.shell = entries.get("shell").and_then(|entry| shell(reader, &entry.value, at));
    defaults.working_directory = entries
        .get("working-directory")
        .and_then(|entry| reader.template(&entry.value, "`working-directory`", at));
    defaults
}

/// Defaults that are one expression: each is a member of its value, and empty where there is none.
fn computed(reader: &mut Reader, node: &Node, whole: &Expr) -> Defaults {
    let member = |key: &str| Template::parse(&format!("${{{{ ({})['{key}'] }}}}", whole.source()));
    match (member("shell"), member("working-directory")) {
        (Ok(shell), Ok(directory)) => Defaults {
            shell: Some(Spanned::new(shell, node.span)),
            working_directory: Some(Spanned::new(directory, node.span)),
        },
        (Err(error), _) | (_, Err(error)) => {
            reader.error(node.span, format_args!("bad expression: {}", error.message));
            Defaults::default()
        }
    }
}

/// Reads `shell:`.
pub fn shell(reader: &mut Reader, node: &Node, at: &Availability) -> Option<Spanned<Template>> {
    let shell = reader.full_template(node, "`shell`", at)?;
    let Some(text) = shell.as_literal() else { return Some(shell) };
    match Shell::parse(text) {
        Ok(_) => Some(shell),
        // Such a step fails when it runs, and may be one of a job for another system.
        Err(ShellError::Unknown(name)) => {
            let help = match name.as_str() {
                "cmd" | "powershell" => "that shell is on Windows only; use pwsh",
                _ => "bash, sh, python, pwsh, node, or a command with `{0}` where the script's path goes",
            };
            reader.warn(Lint::UnknownShell, node.span, format_args!("unknown shell `{name}`"), help);
            Some(shell)
        }
        Err(error) => {
            reader.error(node.span, error);
            None
        }
    }
}

/// Reads `permissions:`.
pub fn permissions(reader: &mut Reader, node: &Node) -> Option<Spanned<Permissions>> {
    if reader.is_nothing(node, "`permissions`") {
        return Some(Spanned::new(Permissions::default(), node.span));
    }
    if matches!(node.value, Yaml::Scalar(_)) {
        let word = reader.word(node, "`permissions`", &["read-all", "write-all"])?;
        let access = if word.value == "read-all" { Access::Read } else { Access::Write };
        return Some(Spanned::new(Permissions::all(access), node.span));
    }
    let entries = reader.mapping_of(node, "`permissions`", &PERMISSIONS)?;
    let mut permissions = Vec::new();
    for (name, entry) in entries {
        // One that isn't known was reported.
        let Some(scope) = Scope::named(name) else { continue };
        let levels: Vec<&str> = scope.levels().iter().map(|level| level.as_str()).collect();
        let level = reader.word(&entry.value, &format!("the permission `{name}`"), &levels);
        let access = level.and_then(|word| scope.levels().iter().find(|level| level.as_str() == word.value));
        permissions.extend(access.map(|access| (scope, *access)));
    }
    Some(Spanned::new(permissions.into_iter().collect(), node.span))
}

/// The group of a workflow that gives it no name. Source: `SetDefaultConcurrencyGroup` in `models/actions/run.go` of
/// Forgejo.
const UNNAMED_GROUP: &str = "${{ github.ref }}_${{ github.workflow }}_${{ github.event_name }}__auto";

/// Reads `concurrency:`.
pub fn concurrency(reader: &mut Reader, node: &Node, at: &Availability) -> Option<Concurrency> {
    let off = LiteralOr::Literal(false);
    // A workflow's may be empty, and a job's not, as on GitHub.
    if node.is_empty() && at.key == CONCURRENCY_OF_WORKFLOW.key {
        return None;
    }
    if matches!(node.value, Yaml::Scalar(_)) {
        let group = reader.full_template(node, "`concurrency`", at)?;
        return Some(Concurrency { group, cancel_in_progress: off, queue: Queue::Single });
    }
    let entries = reader.mapping_of(node, "`concurrency`", &CONCURRENCY)?;
    let cancel_in_progress = match entries.get("cancel-in-progress") {
        Some(entry) => reader.boolean_or_expr(&entry.value, "`cancel-in-progress`", at).unwrap_or(off),
        None => off,
    };
    let queue = match entries.get("queue") {
        Some(entry) => match reader.word(&entry.value, "`queue`", &["single", "max"]) {
            Some(word) if word.value == "max" => Queue::Max,
            _ => Queue::Single,
        },
        None => Queue::Single,
    };
    if queue == Queue::Max && matches!(cancel_in_progress, LiteralOr::Literal(true)) {
        reader.error(node.span, "`queue: max` and `cancel-in-progress: true` contradict each other");
    }
    let group = match entries.get("group") {
        Some(entry) => reader.full_template(&entry.value, "`group`", at)?,
        None if at.key == CONCURRENCY_OF_WORKFLOW.key => {
            let help =
                "GitHub refuses this; a Forgejo takes the runs of one workflow, reference and event together";
            reader.warn(Lint::UnnamedGroup, node.span, "`concurrency` names no `group`", help);
            Spanned::new(Template::parse(UNNAMED_GROUP).ok()?, node.span)
        }
        None => {
            reader.missing(node.span, "`concurrency`", "group");
            return None;
        }
    };
    Some(Concurrency { group, cancel_in_progress, queue })
}

/// Reads `environment:` of a job.
pub fn environment(reader: &mut Reader, node: &Node) -> Option<Environment> {
    let on = LiteralOr::Literal(true);
    if node.is_empty() {
        return None;
    }
    if matches!(node.value, Yaml::Scalar(_)) {
        let name = reader.full_template(node, "`environment`", &JOB_ENVIRONMENT)?;
        return Some(Environment { name, url: None, deployment: on });
    }
    let entries = reader.mapping_of(node, "`environment`", &ENVIRONMENT)?;
    let url =
        entries.get("url").and_then(|entry| reader.template(&entry.value, "`url`", &JOB_ENVIRONMENT_URL));
    let deployment = match entries.get("deployment") {
        Some(entry) => reader.boolean_or_expr(&entry.value, "`deployment`", &JOB_ENVIRONMENT).unwrap_or(on),
        None => on,
    };
    let Some(entry) = entries.get("name") else {
        reader.missing(node.span, "`environment`", "name");
        return None;
    };
    let name = reader.full_template(&entry.value, "`name`", &JOB_ENVIRONMENT)?;
    Some(Environment { name, url, deployment })
}
